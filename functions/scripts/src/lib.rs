//! Scripts and other files that hold commands: shell, PowerShell, batch, VBScript,
//! AppleScript, Dockerfiles, Makefiles, CI workflows, MSBuild files, autostart entries,
//! settings of editors and coding agents.

mod deeds;
mod extract;
mod fold;
mod grade;
mod hosts;
mod kind;
mod markup;
mod phase;
mod rules;
mod special;
mod text;
mod unit;
mod weigh;

use packguard_sdk::text::{Source, is_probably_text};
use packguard_sdk::{Analysis, Analyzer, Confidence, Descriptor, File, Package, Phase, descriptor};

use grade::Context;
use kind::{Form, Language};
use phase::Hooks;
use text::Text;

/// Largest script read, in bytes.
const FILE_LIMIT: u64 = 4 << 20;

/// Largest shortcut read, in bytes: real ones have a few thousand.
const SHORTCUT_LIMIT: u64 = 1 << 20;

/// Largest file of no telling name whose first line is looked at, in bytes.
const SHEBANG_LIMIT: u64 = 1 << 20;

/// Largest file that is looked at for tasks of an editor, wherever it stands, in bytes.
const TASKS_LIMIT: u64 = 32 << 10;

/// The analyzer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scripts;

impl Analyzer for Scripts {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "scripts",
        description: "What scripts, workflows and other files that hold commands do",
        rules: rules::RULES,
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        let mut analysis = Analysis::default();
        let hooks = Hooks::of(package);
        for file in package.files() {
            match form(file, &hooks, &mut analysis) {
                Some(Form::Shortcut) => shortcut(file, &mut analysis),
                Some(form) => script(file, form, &hooks, &mut analysis),
                None => {}
            }
        }
        Ok(analysis)
    }
}

/// What kind of commands a file holds, told by its path, its first line, or by what a hook
/// does with it.
fn form(file: File<'_>, hooks: &Hooks, analysis: &mut Analysis) -> Option<Form> {
    if let Some(form) = kind::form_of(file) {
        return Some(form);
    }
    if file.extension() == "json"
        && file.size() <= TASKS_LIMIT
        && file.path().matches('/').count() <= 3
        && let Ok(bytes) = file.read()
        && memchr::memmem::find(&bytes, b"\"folderOpen\"").is_some()
        && memchr::memmem::find(&bytes, b"\"runOn\"").is_some()
    {
        return Some(Form::EditorTasks);
    }
    // Hooks and units are shipped as templates, and copied to where they run.
    let template = matches!(
        file.extension().as_str(),
        "txt" | "tmpl" | "tpl" | "template" | "in" | "sample" | "dat" | "bin" | "log" | "conf"
    );
    let nameless = file.extension().is_empty() || file.entry.executable || template;
    if file.size() > SHEBANG_LIMIT || !nameless && !hooks.interprets(file) {
        return None;
    }
    let head = match file.read_head(512) {
        Ok(head) => head,
        Err(error) => {
            analysis.problem(file, format!("can't be read: {error}"));
            return None;
        }
    };
    if let Some(language) = kind::of_shebang(&head) {
        return Some(Form::Script(language));
    }
    let code = matches!(
        file.extension().as_str(),
        "js" | "mjs"
            | "cjs"
            | "ts"
            | "py"
            | "rb"
            | "php"
            | "json"
            | "md"
            | "rs"
            | "c"
            | "h"
            | "go"
            | "pl"
    );
    (!code && !head.starts_with(b"#!") && is_probably_text(&head) && hooks.interprets(file))
        .then_some(Form::Script(Language::Shell))
}

/// Looks at one text.
fn script(file: File<'_>, form: Form, hooks: &Hooks, analysis: &mut Analysis) {
    let Some(bytes) = analysis.read(file, FILE_LIMIT) else {
        return;
    };
    if !is_probably_text(&bytes) {
        return;
    }
    let whole = packguard_sdk::text::decode_owned(bytes);
    let source = Source::new(&whole);
    special::look(file, form, &source, analysis);
    let phase = hooks.phase(file);
    let used = form == Form::Workflow && phase::is_action(file);
    let built = used || form == Form::MsBuild && is_imported(file.path());
    let mut cut = false;
    for snippet in extract::snippets(form, &whole) {
        let runs = snippet.by_itself || built || phase != Phase::Unknown;
        let context = Context {
            phase: match phase {
                Phase::Unknown if built => Phase::Install,
                Phase::Unknown if snippet.by_itself => Phase::Execute,
                phase => phase,
            },
            hooked: runs,
            aside: matches!(
                form,
                Form::Dockerfile | Form::Makefile | Form::Cmake | Form::Workflow
            ) && !used
                || kind::is_aside(file.path()),
        };
        cut |= look(
            file,
            &source,
            &snippet.text,
            snippet.language,
            context,
            analysis,
        );
    }
    if cut {
        phase::too_large(file, analysis);
    }
}

/// Looks at commands. Says whether a bound was reached.
fn look(
    file: File<'_>,
    source: &Source<'_>,
    text: &Text,
    language: Language,
    context: Context,
    analysis: &mut Analysis,
) -> bool {
    let (units, cut) = unit::units(text, language);
    for unit in &units {
        if unit.runs || !unit.acts.is_empty() {
            grade::grade(file, source, unit, context, analysis);
        }
        special::obfuscated(file, source, unit, &text.text, context.phase, analysis);
    }
    cut
}

/// Whether MSBuild imports the file from a package.
fn is_imported(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let imports = path.ends_with(".targets") || path.ends_with(".props");
    imports && path.split('/').any(|folder| folder.starts_with("build"))
}

/// Looks at a Windows shortcut.
fn shortcut(file: File<'_>, analysis: &mut Analysis) {
    let Some(bytes) = analysis.read(file, SHORTCUT_LIMIT) else {
        return;
    };
    if !bytes.starts_with(&[0x4C, 0, 0, 0]) {
        return;
    }
    let strings = markup::shortcut(&bytes);
    let lower = strings.to_ascii_lowercase();
    let shells = [
        "powershell",
        "cmd.exe",
        "mshta",
        "wscript",
        "cscript",
        "rundll32",
        "regsvr32",
        "curl.exe",
        "certutil",
    ];
    if let Some(shell) = shells.iter().find(|shell| lower.contains(**shell)) {
        let finding = rules::SHORTCUT
            .at_file(file, Confidence::High)
            .title(format!("A shortcut starts {shell}"))
            .phase(Phase::Execute)
            .decoded("strings", &strings);
        analysis.push(finding);
    }
    let source = Source::new(&strings);
    let context = Context {
        phase: Phase::Execute,
        hooked: false,
        aside: false,
    };
    if look(
        file,
        &source,
        &Text::of(&strings, 0),
        Language::Batch,
        context,
        analysis,
    ) {
        phase::too_large(file, analysis);
    }
}

packguard_sdk::export_analyzer!(Scripts);
