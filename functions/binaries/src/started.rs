//! Programs that a package carries and starts by itself, out of sight.

use packguard_sdk::text::decode;
use packguard_sdk::{Analysis, Confidence, File, Package, Phase, Severity};

use crate::rules;

/// Most programs looked for: packages that carry more are distributions of them.
const PROGRAMS: usize = 24;
/// Largest piece of code looked at, in bytes: what hides a start is short.
const CODE_LIMIT: u64 = 24 << 10;
/// Most pieces of code looked at.
const FILES: usize = 400;

/// Calls that start a program.
const STARTS: &[&str] = &[
    "popen(",
    "spawn(",
    "spawnsync(",
    "execfile(",
    "execfilesync(",
    "posix_spawn",
    "startfile(",
    "subprocess.run(",
    "subprocess.call(",
    "os.execv",
    "os.system(",
    "shellexecute",
];
/// What keeps the program from being seen.
const HIDES: &[&str] = &[
    "detached: true",
    "detached:true",
    "stdio: 'ignore'",
    "stdio:'ignore'",
    "stdio: \"ignore\"",
    "stdio:\"ignore\"",
    "devnull",
    "windowshide: true",
    "windowshide:true",
    "create_no_window",
    "creationflags=0x08000000",
    "creationflags=0x8000000",
    "sw_hide",
    ">/dev/null",
    "> /dev/null",
];

/// Adds a finding for each piece of code that starts one of these programs, hidden, when it
/// is installed or imported; or whenever it does where the program's name is that of data.
pub(crate) fn look(package: &Package, programs: &[File<'_>], analysis: &mut Analysis) {
    if programs.is_empty() || programs.len() > PROGRAMS {
        return;
    }
    let hooks = hooks(package);
    let code = package
        .files()
        .filter(|file| {
            matches!(file.extension().as_str(), "py" | "js" | "cjs" | "mjs")
                && file.size() <= CODE_LIMIT
        })
        .take(FILES);
    for file in code {
        let Ok(bytes) = file.read() else {
            continue;
        };
        let text = decode(&bytes).to_ascii_lowercase();
        if !STARTS.iter().any(|word| text.contains(word))
            || !HIDES.iter().any(|word| text.contains(word))
        {
            continue;
        }
        let Some(program) = programs
            .iter()
            .find(|program| names(&text, &program.name().to_ascii_lowercase()))
        else {
            continue;
        };
        let confidence = Confidence::High;
        let (phase, confidence) = match phase(file, &text, &hooks) {
            Some(phase) => (phase, confidence),
            None if is_data(*program) => (Phase::Unknown, Confidence::Medium),
            None => continue,
        };
        let finding = rules::STARTED
            .at_file(file, confidence)
            .severity(Severity::High)
            .phase(phase)
            .title(format!("{} starts {} unseen", file.name(), program.name()));
        analysis.push(finding);
    }
}

/// The lines of manifests that run something at install.
fn hooks(package: &Package) -> String {
    let mut lines = String::new();
    for file in package.top_files(|path| path == "package.json") {
        if file.size() > CODE_LIMIT * 4 {
            continue;
        }
        let Ok(bytes) = file.read() else {
            continue;
        };
        let text = decode(&bytes).to_ascii_lowercase();
        for word in ["\"install\"", "\"preinstall\"", "\"postinstall\""] {
            for (at, _) in text.match_indices(word).take(4) {
                let rest = packguard_sdk::text::cut(&text[at + word.len()..], 400);
                lines.push_str(rest.split(['\n', ',']).next().unwrap_or_default());
                lines.push('\n');
            }
        }
    }
    lines
}

/// When a piece of code starts its program by itself.
fn phase(file: File<'_>, text: &str, hooks: &str) -> Option<Phase> {
    let name = file.name().to_ascii_lowercase();
    if name == "setup.py" || names(hooks, &name) {
        return Some(Phase::Install);
    }
    // In no function: it runs when the module is imported.
    let at_top = || {
        text.lines().any(|line| {
            !line.starts_with([' ', '\t', '#']) && STARTS.iter().any(|word| line.contains(word))
        })
    };
    (name == "__init__.py" && at_top()).then_some(Phase::Import)
}

/// Whether a text names a file.
fn names(text: &str, name: &str) -> bool {
    let word =
        |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    name.len() >= 3
        && text.match_indices(name).take(50).any(|(at, _)| {
            !word(text[..at].chars().next_back()) && !word(text[at + name.len()..].chars().next())
        })
}

/// Whether a program's name is that of data.
fn is_data(file: File<'_>) -> bool {
    matches!(
        file.extension().as_str(),
        "dat" | "data" | "db" | "idx" | "cache" | "tmp" | "bak" | "lock" | "log" | "res" | "pak"
    ) || crate::kind::is_disguised(file)
}
