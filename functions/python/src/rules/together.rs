//! What stands together in one small file, where the flow between its parts was not seen:
//! code that gets something, and code that runs something it does not say.

use std::ops::Range;

use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::beside::{bundled, call_is_silent, computed, disguised, driven, grown, starts_itself};
use super::execution::DOWNLOAD_EXECUTE;
use super::shell::command_line;
use super::{Context, hit_at, when};
use crate::facts::Call;
use crate::names::Role;
use crate::value::{Kind, Taint, Value};

/// Writes something and runs or imports it, by itself.
pub const STAGED: Rule = Rule::new(
    "python-staged-code",
    "Writes code to a file and runs it",
    "Found when a file, as soon as it is imported or installed, writes what it decodes, puts \
     together or downloads to another file and then starts, imports or loads a file that it does \
     not name plainly.\n\nMalware unpacks its next stage so. Honest packages ship their modules as \
     files.\n\nLook at what is written.",
    Category::Execution,
    Severity::High,
    &["T1105", "T1059.006", "T1027.009"],
);

/// Code that changes what Python imports, from the network.
pub const REMOTE_IMPORT: Rule = Rule::new(
    "python-remote-import",
    "Imports modules from the network",
    "Found when an import hook or loader gets its code from the network, or a folder that \
     downloaded data was written to is put on the module path.\n\nWhoever controls the server \
     decides what runs.\n\nDo not install unless you know the server.",
    Category::CommandAndControl,
    Severity::High,
    &["T1105", "T1129"],
);

/// Largest file that is looked at so, in lines.
const LINES: usize = 300;

/// Largest file whose calls are taken together whenever they run.
pub(super) const FEW_LINES: usize = 120;

/// What the file is made of, besides its calls.
pub(super) struct File<'s> {
    pub source: &'s str,
    pub lines: usize,
}

impl File<'_> {
    /// Whether a word stands in the file.
    pub(super) fn holds(&self, word: &str) -> bool {
        memchr::memmem::find(self.source.as_bytes(), word.as_bytes()).is_some()
    }

    /// Whether any of these words stands in the file.
    pub(super) fn holds_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.holds(word))
    }
}

pub(super) fn check(context: &mut Context<'_, '_>, source: &str) {
    let lines = source.bytes().filter(|byte| *byte == b'\n').count();
    if lines > LINES || context.facts.calls.is_empty() {
        return;
    }
    let file = File { source, lines };
    let hits = [
        staged(context, &file),
        staged_later(context, &file),
        script(context),
        remote_exec(context, &file),
        remote_import(context, &file),
        bundled(context, &file),
        driven(context, &file),
        disguised(context, &file),
        computed(context, &file),
        grown(context, &file),
    ];
    let hits = hits
        .into_iter()
        .flatten()
        .chain(super::small::check(context, &file));
    let hits: Vec<Hit> = hits.collect();
    let known: Vec<Range<usize>> = context
        .found
        .hits
        .iter()
        .filter(|hit| hit.severity >= Severity::High)
        .map(|hit| hit.range.clone())
        .collect();
    for hit in hits {
        // What was followed is said already.
        if !known.contains(&hit.range) {
            context.hit(hit);
        }
    }
}

pub(super) fn by_itself<'c, 'a>(context: &Context<'c, 'a>) -> impl Iterator<Item = &'c Call<'a>> {
    context
        .facts
        .calls
        .iter()
        .filter(|call| call.runs_by_itself())
}

fn is_fetch(call: &Call<'_>) -> bool {
    matches!(call.role, Some(Role::Fetch | Role::FetchToFile)) && !is_local(call)
}

/// Whether a request goes to this machine.
fn is_local(call: &Call<'_>) -> bool {
    call.args.iter().filter_map(Value::as_str).any(|text| {
        ["://localhost", "://127.0.0.1", "://[::1]"]
            .iter()
            .any(|host| text.contains(host))
    })
}

/// Whether a call takes an encoding off, or reads a file of the package as bytes.
fn is_decoder(call: &Call<'_>) -> bool {
    matches!(call.role, Some(Role::Decode(_) | Role::Decrypt))
        || matches!(call.name(), "fromhex" | "decrypt" | "b64decode")
}

pub(super) fn is_write(call: &Call<'_>) -> bool {
    let what = call.payload_taint();
    let loaded = matches!(
        call.name(),
        "write" | "write_bytes" | "write_text" | "writelines"
    ) && !call.callee.starts_with("sys.");
    let plain = call
        .args
        .first()
        .is_some_and(|value| value.as_bytes().is_some() && !what.has(Taint::HIDDEN));
    let unpacked = matches!(call.name(), "extractall" | "extract" | "unpack_archive")
        && call.phase != Phase::Install;
    (loaded && !plain) || unpacked || call.role == Some(Role::FetchToFile)
}

/// Whether a call starts, loads or imports what it does not name plainly.
fn runs_unnamed(call: &Call<'_>) -> bool {
    match call.role {
        Some(Role::Shell | Role::Spawn | Role::OpenFile) => {
            let Some(command) = call.arg(0, "args") else {
                return false;
            };
            let items = command.as_list().unwrap_or_default();
            let asks = items.iter().skip(1).filter_map(Value::as_str).any(|word| {
                matches!(
                    word,
                    "-v" | "-V" | "--version" | "-version" | "version" | "--help"
                )
            });
            if asks {
                return false;
            }
            let program = command
                .as_list()
                .map_or(Some(command), |items| items.first());
            program.is_some_and(is_unnamed)
        }
        Some(Role::LoadFile) => call
            .args
            .last()
            .or_else(|| call.keywords.first().map(|(_, value)| value))
            .is_some_and(is_unnamed),
        Some(Role::Native) => {
            matches!(
                call.name(),
                "CDLL" | "WinDLL" | "PyDLL" | "OleDLL" | "LoadLibrary"
            ) && call.args.first().is_some_and(is_unnamed)
        }
        _ => false,
    }
}

/// A script for a shell of Windows, written and started by itself.
fn script(context: &Context<'_, '_>) -> Option<Hit> {
    let run = by_itself(context).find(|call| {
        runs_written(context, call)
            && command_line(call).is_some_and(|command| {
                [".vbs", ".bat", ".cmd", ".ps1", ".hta", ".wsf"]
                    .iter()
                    .any(|end| command.contains(end))
            })
    })?;
    Some(
        hit_at(&STAGED, run)
            .title("Writes a script and starts it")
            .confidence(Confidence::High)
            .why(format!("It happens {}.", when(run.phase))),
    )
}

/// Whether a command names a file that was opened for writing before.
fn runs_written(context: &Context<'_, '_>, call: &Call<'_>) -> bool {
    if !matches!(call.role, Some(Role::Shell | Role::Spawn | Role::OpenFile)) {
        return false;
    }
    let Some(command) = command_line(call) else {
        return false;
    };
    let mut opened = by_itself(context).filter(|open| {
        let mode = open.arg(1, "mode").and_then(Value::as_str);
        open.role == Some(Role::Open)
            && open.range.start < call.range.start
            && mode.is_some_and(|mode| mode.contains(['w', 'a', 'x']))
    });
    opened.any(|open| {
        let path = open.args.first().and_then(Value::as_str);
        path.is_some_and(|path| {
            let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
            name.len() >= 4 && !name.contains('?') && command.contains(path)
        })
    })
}

fn is_unnamed(value: &Value<'_>) -> bool {
    match &value.kind {
        Kind::Str(text) => {
            !text.contains("/bin/")
                && (text.starts_with(['?', '~', '%', '.']) || text.starts_with("/tmp/"))
        }
        Kind::Unknown => true,
        Kind::Path(path) => !path.starts_with("sys.") && !path.starts_with("shutil."),
        _ => false,
    }
}

/// Something decoded or fetched, something written, something run that has no name.
fn staged(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    let mut gets = by_itself(context).filter(|call| is_fetch(call) || is_decoder(call));
    let got = gets.next()?;
    let written = by_itself(context).find(|call| is_write(call))?;
    let first = got.range.start.min(written.range.start);
    let run = by_itself(context)
        .filter(|call| runs_unnamed(call) || runs_written(context, call))
        .filter(|call| call.range.start >= first)
        .find(|call| !(call.role == Some(Role::LoadFile) && file.holds("sys.modules[")))?;
    let fetched = by_itself(context).any(|call| is_fetch(call) && call.range.start < run.range.end);
    let (rule, title) = match fetched {
        true => (
            &DOWNLOAD_EXECUTE,
            "Downloads, writes a file and runs something",
        ),
        false => (&STAGED, STAGED.title),
    };
    Some(
        hit_at(rule, run)
            .title(title)
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why(format!(
                "`{}`, a file written and `{}` run {}.",
                got.name(),
                run.name(),
                when(run.phase)
            )),
    )
}

/// Something fetched, written to a temporary place and started unseen, in functions that
/// are tied in ways that were not followed.
fn staged_later(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    let temporary = [
        "tempfile",
        "gettempdir",
        "mkdtemp",
        "%TEMP%",
        "\"TEMP\"",
        "'TEMP'",
        "/tmp",
    ];
    if file.lines > FEW_LINES + 60 || !starts_itself(file) || !file.holds_any(&temporary) {
        return None;
    }
    let calls = &context.facts.calls;
    let _fetch = calls.iter().find(|call| is_fetch(call))?;
    let _written = calls.iter().find(|call| is_write(call))?;
    let run = calls
        .iter()
        .find(|call| runs_unnamed(call) && call_is_silent(call))?;
    Some(
        hit_at(&DOWNLOAD_EXECUTE, run)
            .title("Downloads, writes a temporary file and starts something unseen")
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why("The file starts something at its top level, and nothing else is in it."),
    )
}

/// Something fetched, and code run that is not in the file.
fn remote_exec(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    if file.lines > FEW_LINES {
        return None;
    }
    let calls = &context.facts.calls;
    let fetch = calls.iter().find(|call| is_fetch(call))?;
    let run = calls.iter().find(|call| match call.role {
        Some(Role::Exec) => {
            !call.callee.starts_with("types.") && call.args.first().is_some_and(from_elsewhere)
        }
        Some(Role::Unpickle) => call
            .args
            .first()
            .is_some_and(|value| value.taint.has(Taint::DOWNLOADED)),
        None if call.callee.starts_with("yaml.") => {
            call.args
                .first()
                .is_some_and(|value| value.taint.has(Taint::DOWNLOADED))
                && (call.name().contains("unsafe") || file.holds("UnsafeLoader"))
        }
        _ => false,
    })?;
    (fetch.runs_by_itself() || run.runs_by_itself()).then(|| {
        hit_at(&DOWNLOAD_EXECUTE, run)
            .title("Fetches something, and runs code that is not in the file")
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why("What is run is not in the file, and the file asks a server.")
    })
}

/// Code of which nothing is known: neither text nor a file of the package.
fn from_elsewhere(code: &Value<'_>) -> bool {
    let read = code
        .as_path()
        .is_some_and(|path| path.starts_with("builtins.open") || path.starts_with("pathlib"));
    code.as_bytes().is_none() && !read && !code.taint.has(Taint::PACKAGE_FILE)
}

/// Import hooks and module paths fed from the network or a file just written.
fn remote_import(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    let calls = &context.facts.calls;
    let fetch = calls.iter().find(|call| is_fetch(call));
    let loader = file.lines <= FEW_LINES
        && file.holds_any(&[
            "InspectLoader",
            "SourceLoader",
            "MetaPathFinder",
            "def get_source",
            "def get_code",
            "def exec_module",
            "spec_from_loader",
        ]);
    let loads = file.holds_any(&["spec_from_loader", "meta_path", "exec_module", "path_hooks"]);
    if let Some(fetch) = fetch.filter(|_| loader && loads) {
        return Some(
            hit_at(&REMOTE_IMPORT, fetch)
                .confidence(Confidence::High)
                .why("A loader of modules stands beside the request."),
        );
    }
    let adds = file.holds_any(&["sys.path.insert", "sys.path.append", "path.insert(0"]);
    let temporary = file.holds_any(&["tempfile", "mkdtemp", "/tmp", "TEMP", "gettempdir"]);
    let import = by_itself(context).find(|call| call.role == Some(Role::Import))?;
    let written = by_itself(context).find(|call| is_write(call));
    let fetched = by_itself(context).any(is_fetch);
    let decoded = by_itself(context).any(is_decoder);
    let staged = written.is_some() && (fetched || decoded);
    let module = written.is_some_and(|call| writes_module(call, file));
    ((staged && adds && temporary) || (staged && module)).then(|| {
        hit_at(&REMOTE_IMPORT, import)
            .title("Writes a module to a file and imports it")
            .confidence(Confidence::High)
            .why(format!("It happens {}.", when(import.phase)))
    })
}

/// Whether a file that code imports is written: its name ends so in the file.
fn writes_module(call: &Call<'_>, file: &File<'_>) -> bool {
    let start = call.range.start.saturating_sub(400);
    let around = file.source.get(start..call.range.end).unwrap_or_default();
    [".py\"", ".py'", ".pyc\"", ".pyc'", ".so\"", ".pyd\""]
        .iter()
        .any(|end| around.contains(end))
}
