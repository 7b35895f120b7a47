//! What a small file starts or listens to beside itself: programs and disguised code of the
//! package, whoever it connects to.

use std::collections::BTreeSet;

use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::execution::DECODE_EXEC;
use super::remote_control::REVERSE_SHELL;
use super::together::{FEW_LINES, File, by_itself};
use super::{Context, by_phase, hit_at, when};
use crate::facts::Call;
use crate::names::Role;
use crate::value::{Kind, Taint, Value};

/// A program of the package, started by itself.
pub const BUNDLED_PROGRAM: Rule = Rule::new(
    "python-bundled-program",
    "Starts a program that lies in the package, unseen",
    "Found when code starts a file beside itself as soon as it is imported or installed, and makes \
     it executable or throws its output away.\n\nHonest packages start programs when they are \
     asked to.\n\nLook at the program.",
    Category::Execution,
    Severity::High,
    &["T1204.002", "T1564"],
);

/// Code in a file that says it is none.
pub const DISGUISED: Rule = Rule::new(
    "python-disguised-code",
    "Runs a file as Python that says it is something else",
    "Found when a picture, a font, a table or another file that is no code by its name is run or \
     loaded as Python, copied to a library or program, or put together to code, as soon as the \
     package is imported or installed.\n\nHonest packages name \
     their modules `.py`.\n\nLook into the file.",
    Category::DefenseEvasion,
    Severity::High,
    &["T1036.008", "T1027"],
);

/// A file beside the code, started by itself, silently.
pub(super) fn bundled(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    if !file.holds("__file__") && !file.holds("importlib.resources") {
        return None;
    }
    let run = by_itself(context).find(|call| {
        matches!(call.role, Some(Role::Shell | Role::Spawn | Role::OpenFile))
            && call.arg(0, "args").is_some_and(|command| {
                let items = command.as_list().unwrap_or(std::slice::from_ref(command));
                let beside = |value: &Value<'_>| {
                    value
                        .as_str()
                        .is_some_and(|text| text.starts_with("?/") && text.len() > 3)
                };
                let here = |value: &Value<'_>| {
                    value.as_str().is_some_and(|text| {
                        [".exe", ".bat", ".cmd", ".vbs"]
                            .iter()
                            .any(|end| text.ends_with(end))
                            && !text.contains(['/', '\\', ' '])
                    }) && call.keyword("cwd").is_some()
                };
                items
                    .first()
                    .is_some_and(|first| beside(first) || here(first))
                    || (items.first().is_some_and(is_interpreter)
                        && items.iter().skip(1).any(beside))
            })
    })?;
    let silent = call_is_silent(run) || run.role == Some(Role::OpenFile);
    let marks = by_itself(context).any(|call| call.name() == "chmod");
    (silent || marks).then(|| {
        hit_at(&BUNDLED_PROGRAM, run)
            .severity(by_phase(
                run.phase,
                match run.phase {
                    Phase::Install => Severity::Medium,
                    _ => Severity::High,
                },
                Severity::Low,
            ))
            .confidence(Confidence::High)
            .why(format!("It is started {}.", when(run.phase)))
    })
}

/// A shell, or another program that runs what it is given.
fn is_interpreter(program: &Value<'_>) -> bool {
    match program.as_str() {
        Some(word) => {
            let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
            is_shell(word)
                || ["node", "perl", "ruby", "java", "php"].contains(&name)
                || name.starts_with("python")
        }
        None => program.as_path() == Some("sys.executable"),
    }
}

fn is_shell(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
    matches!(
        name,
        "sh" | "bash"
            | "cmd"
            | "cmd.exe"
            | "powershell"
            | "powershell.exe"
            | "wscript"
            | "cscript"
            | "mshta"
            | "rundll32"
            | "rundll32.exe"
            | "wscript.exe"
            | "regsvr32"
    )
}

/// Output thrown away, no window, or a session of its own.
pub(super) fn call_is_silent(call: &Call<'_>) -> bool {
    call.keywords.iter().any(|(name, value)| match &**name {
        "stdout" | "stderr" => {
            value.as_path() == Some("subprocess.DEVNULL") || value.as_int() == Some(-3)
        }
        "creationflags" => true,
        "start_new_session" => value.as_int() == Some(1),
        _ => false,
    })
}

/// Whether a line of the file's top level starts a thread or a loop.
pub(super) fn starts_itself(file: &File<'_>) -> bool {
    file.source.lines().any(|line| {
        let bare = line.split(['(', ' ']).next().unwrap_or_default();
        let called = line[bare.len()..].starts_with('(') && line.trim_end().ends_with(')');
        !line.starts_with([' ', '\t', '#', '@', '(', ')'])
            && (line.contains(".start()") || called)
            && !["print", "warnings.", "logging.", "setup", "sys.path"]
                .iter()
                .any(|word| bare.starts_with(word))
    })
}

/// A file of the package whose name says that it is no code, run as Python.
pub(super) fn disguised(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    let other = |text: &str| {
        let name = text.rsplit(['/', '\\']).next().unwrap_or_default();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        matches!(
            extension.to_ascii_lowercase().as_str(),
            "png"
                | "jpg"
                | "jpeg"
                | "gif"
                | "bmp"
                | "ico"
                | "svg"
                | "webp"
                | "woff"
                | "woff2"
                | "ttf"
                | "css"
                | "csv"
                | "dat"
                | "bin"
                | "log"
                | "md"
                | "mp3"
                | "wav"
                | "pdf"
                | "json"
                | "xml"
                | "db"
        )
    };
    let media = file.lines <= FEW_LINES
        && file.holds_any(&[
            ".png", ".jpg", ".jpeg", ".gif", ".ico", ".bmp", ".wav", ".mp3", ".woff", ".ttf",
        ]);
    let run = by_itself(context).find(|call| match call.role {
        Some(Role::LoadFile) => call.args.iter().filter_map(Value::as_str).any(other),
        // `copy("manual.pdf", "libssl.dll")`: it becomes what it is.
        Some(Role::CopyFile) => {
            let path = |at: usize| call.args.get(at).and_then(Value::as_str);
            let program = |path: &str| {
                [
                    ".dll", ".so", ".dylib", ".pyd", ".exe", ".py", ".ps1", ".vbs",
                ]
                .iter()
                .any(|end| path.ends_with(end))
            };
            let document = |path: &str| other(path) && !path.ends_with(".bin");
            path(0).is_some_and(document) && path(1).is_some_and(program)
        }
        Some(Role::Exec) => {
            media
                && call.args.first().is_some_and(|code| {
                    code.taint.has(Taint::PACKAGE_FILE) || matches!(code.kind, Kind::Unknown)
                })
        }
        _ => false,
    })?;
    Some(
        hit_at(&DISGUISED, run)
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why(format!("It is run {}.", when(run.phase))),
    )
}

/// Code put together node by node from what a file of the package holds, run by itself.
pub(super) fn grown(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    let nodes = file.holds("ast.Call(") && file.holds_any(&["ast.Attribute(", "ast.Name("]);
    let reads = file.holds_any(&["json.load", "pickle.load", "tomllib.load", "csv.reader"])
        && file.holds_any(&["__file__", "importlib.resources", "get_data("]);
    if file.lines > FEW_LINES || !nodes || !reads || !file.holds("compile(") {
        return None;
    }
    let run = by_itself(context).find(|call| {
        call.role == Some(Role::Exec)
            && !call.callee.starts_with("types.")
            && call
                .args
                .first()
                .is_some_and(|code| code.as_bytes().is_none())
    })?;
    Some(
        hit_at(&DISGUISED, run)
            .title("Runs code that it puts together from a data file of the package")
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why(format!("It is run {}.", when(run.phase))),
    )
}

/// Text computed from a constant that says nothing, run by itself.
pub(super) fn computed(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    if file.lines > FEW_LINES || !has_odd_constant(file.source) {
        return None;
    }
    let run = by_itself(context).find(|call| {
        call.role == Some(Role::Exec)
            && !call.callee.starts_with("types.")
            && call.args.first().is_some_and(|code| {
                matches!(code.kind, Kind::Unknown) && !code.taint.has(Taint::PACKAGE_FILE)
            })
    })?;
    Some(
        hit_at(&DECODE_EXEC, run)
            .title("Runs text that it computes from a constant")
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why(format!(
                "What runs {} is not readable in the file.",
                when(run.phase)
            )),
    )
}

/// Whether a long constant is made of few different characters, or has no words: a code
/// of the author's own.
fn has_odd_constant(source: &str) -> bool {
    source.split(['"', '\'']).take(2_000).any(|text| {
        let long = (80..200_000).contains(&text.len()) && !text.contains(['\n', '(', '=']);
        let kinds: BTreeSet<char> = text.chars().take(400).collect();
        let words = text.chars().take(400).filter(|c| *c == ' ').count();
        let path = text.contains("://") || text.contains('/');
        long && (kinds.len() <= 8 || (words == 0 && text.len() >= 160 && !path))
    })
}

/// A connection, and commands or a shell in the same small file.
pub(super) fn driven(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    if file.lines > FEW_LINES {
        return None;
    }
    let calls = &context.facts.calls;
    let connects = calls.iter().any(|call| {
        (call.callee.starts_with("socket.")
            && matches!(call.name(), "connect" | "connect_ex" | "create_connection"))
            || call.callee.starts_with("websockets.")
            || call.callee.starts_with("websocket.")
            || call.role == Some(Role::Stream)
    }) || (file.holds("socket.socket(") && file.holds(".connect("))
        || file.holds_any(&[
            "websockets.connect(",
            "websocket.create_connection(",
            "WebSocketApp(",
        ]);
    let dup = calls.iter().find(|call| call.role == Some(Role::Dup));
    let starts = |call: &&Call<'_>| matches!(call.role, Some(Role::Shell | Role::Spawn));
    let shell = calls.iter().filter(starts).find(|call| {
        call.arg(0, "args").is_some_and(|command| {
            let items = command.as_list().unwrap_or(std::slice::from_ref(command));
            items.first().and_then(Value::as_str).is_some_and(is_shell)
        })
    });
    if let (true, Some(dup), Some(_)) = (connects, dup, shell) {
        return Some(
            hit_at(&REVERSE_SHELL, dup)
                .severity(by_phase(dup.phase, Severity::Critical, Severity::High))
                .title("A connection, descriptors put in place of others, and a shell")
                .why("Whoever is at the other end of the connection types into this shell."),
        );
    }
    let ordered = calls.iter().filter(starts).find(|call| {
        let through_shell = call.role == Some(Role::Shell)
            || call
                .keyword("shell")
                .is_some_and(|value| value.as_int() == Some(1));
        through_shell
            && call.arg(0, "args").is_some_and(|command| {
                matches!(command.kind, Kind::Unknown) || command.as_str() == Some("?")
            })
    })?;
    let unattended = file.holds_any(&["daemon=True", ".start()", "os.fork()", "asyncio.run("]);
    let itself = by_itself(context).next().is_some() || starts_itself(file);
    (connects && unattended && itself).then(|| {
        hit_at(&REVERSE_SHELL, ordered)
            .severity(Severity::High)
            .confidence(Confidence::High)
            .title("Runs commands it is given, beside a connection that it opens by itself")
            .why("Whoever is at the other end of the connection can run commands here.")
    })
}
