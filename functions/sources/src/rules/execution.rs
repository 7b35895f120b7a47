//! Code that comes from elsewhere, or is hidden, and runs.

use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::{Context, by_phase, hit_at, starts, when, words};
use crate::facts::Call;
use crate::lang::Lang;
use crate::names::Role;
use crate::value::{Content, Taint, Value};

/// Decoded, then run.
pub const DECODE_EXECUTE: Rule = Rule::new(
    "source-decode-execute",
    "Runs code that it decodes first",
    "Found when text or bytes that were decoded (base64, hex, deflate, rot13, exclusive or, \
     characters) are evaluated, loaded as a class or assembly, or run as a command.\n\nThe \
     encoding serves to hide what runs.\n\nRead the decoded layers.",
    Category::DefenseEvasion,
    Severity::Critical,
    &["T1027", "T1140"],
);

/// From the network, then run.
pub const REMOTE_CODE: Rule = Rule::new(
    "source-remote-code",
    "Runs code or commands that a server sends",
    "Found when what came over the network is evaluated, loaded or run as a command.\n\nWhoever \
     controls the server controls the machine.\n\nDo not install unless you know why.",
    Category::CommandAndControl,
    Severity::High,
    &["T1105", "T1059"],
);

/// Downloaded, written, started.
pub const DOWNLOAD_EXECUTE: Rule = Rule::new(
    "source-download-execute",
    "Downloads a program and runs it",
    "Found when a file that came over the network (or was decoded) is started, or a command line \
     downloads and runs something.\n\nWhat arrives is not part of the package.\n\nLook at the \
     address, and who owns it.",
    Category::CommandAndControl,
    Severity::High,
    &["T1105", "T1204.002"],
);

/// A request decides what runs.
pub const BACKDOOR: Rule = Rule::new(
    "source-backdoor",
    "Runs what a web request asks for",
    "Found when a parameter, cookie or header of a request reaches `eval`, a command or the name \
     of the function that is called.\n\nAnybody who can reach the site can run code on it.\n\nDo \
     not deploy it.",
    Category::CommandAndControl,
    Severity::Critical,
    &["T1505.003"],
);

/// A command or host in pieces.
pub const HIDDEN_COMMAND: Rule = Rule::new(
    "source-hidden-command",
    "Hides the command or host that it uses",
    "Found when a command line, address or the name of a function is put together from \
     characters, numbers or decoded text.\n\nHonest code writes them down.\n\nRead the decoded \
     layer.",
    Category::DefenseEvasion,
    Severity::High,
    &["T1027.010"],
);

/// A function called by a name that is put together.
pub const REFLECTION: Rule = Rule::new(
    "source-reflection",
    "Calls a dangerous function by a name that it hides",
    "Found when the name of a function that runs code or commands is decoded or put together from \
     characters.\n\nIt hides the call from whoever reads or scans the code.\n\nLook at what is \
     called, and with what.",
    Category::DefenseEvasion,
    Severity::High,
    &["T1027", "T1620"],
);

pub(super) fn check(context: &mut Context<'_>) {
    let facts = context.facts;
    for call in &facts.calls {
        let hits = [
            hidden(call),
            remote(call),
            backdoor(call, facts.lang),
            reflection(call),
        ];
        hits.into_iter().flatten().for_each(|hit| context.hit(hit));
    }
    dropped(context);
}

/// The code of an evaluation.
fn code_of(call: &Call) -> Option<&Value> {
    match call.name() {
        "create_function" => call.args.get(1),
        _ => call.args.first(),
    }
}

/// Labels of what runs: code of an evaluation, the command of a shell.
fn runs(call: &Call) -> Option<Taint> {
    match call.role {
        Role::Eval => Some(code_of(call).map_or(Taint::NONE, |arg| crate::facts::deep(arg, 2))),
        Role::Load => Some(call.taint()),
        Role::Shell => Some(
            call.args
                .iter()
                .take(3)
                .fold(Taint::NONE, |all, arg| all | crate::facts::deep(arg, 2)),
        ),
        Role::Spawn => Some(told(call)),
        _ => None,
    }
}

/// Labels of the program that is started and of what its shell is told.
fn told(call: &Call) -> Taint {
    let words = words(call);
    let first = words.first().map_or(Taint::NONE, |(_, value)| value.taint);
    let code = shell_code(call).map_or(Taint::NONE, |value| value.taint);
    // .NET: program and arguments are set one by one.
    let few = if words.len() <= 2 {
        call.taint()
    } else {
        Taint::NONE
    };
    let known = words.iter().all(|(_, value)| value.bytes().is_some());
    if known {
        first | code | few
    } else {
        first | code
    }
}

fn hidden(call: &Call) -> Option<Hit> {
    let taint = runs(call)?;
    if call.name() == "assert"
        && !call
            .args
            .iter()
            .any(|arg| arg.taint.has(Taint::DECODED) && arg.bytes().is_some())
    {
        return None;
    }
    let decoded = taint.has(Taint::DECODED);
    let code = matches!(call.role, Role::Eval | Role::Load);
    if code && decoded {
        return Some(
            hit_at(&DECODE_EXECUTE, call)
                .severity(by_phase(call, Severity::Critical, Severity::High))
                .why(format!("The decoded code runs {}.", when(call.phase))),
        );
    }
    if !taint.has(Taint::HIDDEN) {
        return None;
    }
    let severity = match (code, decoded) {
        (true, _) => by_phase(call, Severity::High, Severity::Medium),
        (false, true) => by_phase(call, Severity::Critical, Severity::High),
        (false, false) => by_phase(call, Severity::High, Severity::Medium),
    };
    let text = words(call)
        .iter()
        .map(|(text, _)| text.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    // A single short argument made of characters is a separator or a key.
    let long = text.len() >= 8;
    (long || decoded).then(|| {
        hit_at(&HIDDEN_COMMAND, call)
            .title("Runs a command that it puts together from hidden pieces")
            .severity(severity)
            .layers(&[packguard_sdk::decode::Layer {
                encoding: "folded",
                text: packguard_sdk::text::cut(&text, 1_000).into(),
            }])
            .why(format!("It runs {}.", when(call.phase)))
    })
}

/// Whether a value as a whole came over the network.
fn wholly(value: &Value, label: Taint) -> bool {
    let partial = value.taint.has(Taint::PARTIAL)
        && value
            .bytes()
            .is_some_and(|text| text != b"?" && text.len() > 3);
    value.taint.has(label) && !partial && !value.taint.has(Taint::FILE)
}

fn remote(call: &Call) -> Option<Hit> {
    let taint = runs(call)?;
    let suspect = taint.has(Taint::SUSPECT_HOST);
    let url = call.role == Role::Load
        && words(call)
            .iter()
            .any(|(text, _)| text.starts_with("http://") || text.starts_with("https://"));
    let came = match call.role {
        Role::Eval => {
            call.name() != "assert"
                && call
                    .args
                    .first()
                    .is_some_and(|arg| wholly(arg, Taint::REMOTE))
        }
        Role::Load => taint.has(Taint::REMOTE) || url,
        Role::Shell => call
            .args
            .first()
            .is_some_and(|arg| wholly(arg, Taint::REMOTE)),
        _ => shell_code(call).is_some_and(|arg| wholly(arg, Taint::REMOTE)),
    };
    if !came {
        return None;
    }
    let code = call.role == Role::Eval;
    let severity = match (code || suspect, call.by_itself()) {
        (true, true) => Severity::Critical,
        (true, false) | (false, true) => Severity::High,
        (false, false) => Severity::Medium,
    };
    let confidence = if call.by_itself() || suspect {
        Confidence::High
    } else {
        Confidence::Medium
    };
    Some(
        hit_at(&REMOTE_CODE, call)
            .severity(severity)
            .confidence(confidence)
            .why(format!(
                "It runs what the server sends {}.",
                when(call.phase)
            )),
    )
}

/// The text that a shell is told to run: `sh -c TEXT`, `cmd /c TEXT`.
fn shell_code(call: &Call) -> Option<&Value> {
    let words = words(call);
    let at = words.iter().position(|(text, _)| {
        matches!(
            text.to_ascii_lowercase().as_str(),
            "-c" | "/c" | "-command" | "-e" | "-enc"
        )
    })?;
    words.get(at + 1).map(|(_, value)| *value)
}

fn backdoor(call: &Call, lang: Lang) -> Option<Hit> {
    if !matches!(
        lang,
        Lang::Php | Lang::Ruby | Lang::Perl | Lang::Java | Lang::Kotlin
    ) {
        return None;
    }
    let named =
        call.role == Role::Reflect && lang == Lang::Php && call.receiver.taint.has(Taint::REQUEST)
            || call.callee_taint.has(Taint::REQUEST);
    let subject = if call.role == Role::Eval {
        code_of(call)?
    } else {
        call.args.first()?
    };
    let asked = matches!(call.role, Role::Eval | Role::Shell) && wholly(subject, Taint::REQUEST);
    if !named && !asked {
        return None;
    }
    let direct = crate::is_asked;
    let sure =
        direct(subject) || named && direct(&call.receiver) || subject.taint.has(Taint::DECODED);
    let code = call.role == Role::Eval && (sure || lang == Lang::Php && subject.bytes().is_none());
    if !sure && !code && !named {
        return None;
    }
    let grave = code || lang == Lang::Php && sure;
    Some(
        hit_at(&BACKDOOR, call)
            .severity(if grave {
                Severity::Critical
            } else {
                Severity::High
            })
            .confidence(if sure || grave {
                Confidence::High
            } else {
                Confidence::Medium
            })
            .why("Who sends the request decides what runs."),
    )
}

fn reflection(call: &Call) -> Option<Hit> {
    let dangerous = matches!(
        call.role,
        Role::Eval | Role::Shell | Role::Spawn | Role::Load | Role::Reflect
    );
    let taint = if call.role == Role::Reflect {
        call.receiver.taint
    } else {
        call.callee_taint
    };
    if !dangerous || !taint.has(Taint::HIDDEN | Taint::REMOTE) {
        return None;
    }
    let known = call.role != Role::Reflect;
    let severity = if known {
        Severity::High
    } else {
        Severity::Medium
    };
    Some(
        hit_at(&REFLECTION, call)
            .title(if known {
                format!("Calls {} by a hidden name", call.callee)
            } else {
                "Calls a function by a hidden name".into()
            })
            .severity(severity)
            .confidence(if known {
                Confidence::High
            } else {
                Confidence::Medium
            })
            .why("The name of the function is decoded or put together."),
    )
}

/// What names the file that a call writes or starts.
fn keys(call: &Call) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for (text, value) in words(call) {
        if text.len() > 3 && value.bytes().is_some() {
            keys.push(text);
        }
        if let Some(from) = &value.from
            && !from.starts_with("=>")
            && !matches!(from.as_ref(), "data" | "body" | "content" | "self" | "this")
        {
            keys.push(format!("${from}"));
        }
    }
    keys
}

fn dropped(context: &mut Context<'_>) {
    let facts = context.facts;
    let writes: Vec<&Call> = facts
        .calls
        .iter()
        .filter(|call| {
            call.role == Role::NetToFile
                || matches!(call.role, Role::Write | Role::Copy)
                    && call
                        .taint()
                        .has(Taint::REMOTE | Taint::DECODED | Taint::EMBEDDED)
        })
        .take(64)
        .collect();
    if writes.is_empty() {
        return;
    }
    for call in facts
        .calls
        .iter()
        .filter(|call| starts(call) || call.role == Role::Load)
        .take(2_000)
    {
        let Some(first) = words(call).into_iter().next() else {
            continue;
        };
        let started = keys(call);
        let write = writes.iter().find(|write| {
            let written = keys(write);
            let same = |key: &String| {
                started.iter().any(|have| {
                    have == key
                        || key.len() > 5 && !key.starts_with('$') && have.contains(key.as_str())
                })
            };
            written.iter().take(8).any(same)
        });
        let Some(write) = write else { continue };
        let _ = first;
        let veiled = facts.calls.iter().any(|net| {
            matches!(net.role, Role::Net | Role::NetToFile)
                && net.function == write.function
                && net.args.iter().any(|arg| {
                    arg.taint.has(Taint::HIDDEN)
                        && arg.bytes().is_some_and(|text| text.starts_with(b"http"))
                })
        });
        let hit = drop_hit(facts.lang, call, write, veiled);
        context.hit(hit);
    }
}

fn drop_hit(lang: Lang, call: &Call, write: &Call, veiled: bool) -> Hit {
    let taint = call.taint() | write.taint();
    let suspect = taint.has(Taint::SUSPECT_HOST);
    let odd = suspect
        || veiled
        || taint.has(Taint::DECODED | Taint::TEMPORARY)
        || keys(write).iter().any(|key| is_odd_place(key));
    let severity = match (call.phase, odd) {
        (Phase::Install | Phase::Import, true) => Severity::Critical,
        (Phase::Import, false) => Severity::High,
        (Phase::Install, false) => Severity::Medium,
        (_, _) if suspect || veiled => Severity::High,
        _ => Severity::Medium,
    };
    // Build tools in these languages download compilers and run them.
    let confidence = if suspect || lang != Lang::Kotlin {
        Confidence::High
    } else {
        Confidence::Medium
    };
    hit_at(&DOWNLOAD_EXECUTE, call)
        .severity(severity)
        .confidence(confidence)
        .why(format!(
            "The file that it starts came over the network or was decoded; it runs {}.",
            when(call.phase)
        ))
}

/// Places where programs are put that shall not be seen.
fn is_odd_place(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    [
        "/tmp/",
        "\\temp\\",
        "%temp%",
        "appdata",
        "/dev/shm",
        "programdata",
        "c:\\users\\public",
        "c:\\windows",
    ]
    .iter()
    .any(|place| lower.contains(place))
        || lower
            .rsplit(['/', '\\'])
            .next()
            .is_some_and(|name| name.starts_with('.') && name.len() > 2)
}

/// Whether the code of an evaluation is known, so that it can be analysed as code.
pub fn payload(call: &Call) -> Option<String> {
    if call.role != Role::Eval {
        return None;
    }
    let first = code_of(call)?;
    let hidden =
        first.taint.has(Taint::HIDDEN) || first.bytes().is_some_and(|text| text.len() >= 16);
    let template = call.callee.ends_with("ERB.new");
    match &first.content {
        Content::Text(text) if template => Some(tags(&String::from_utf8_lossy(text))),
        Content::Text(text) if hidden => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}

/// The code in a template's tags, line by line.
fn tags(template: &str) -> String {
    let mut code = String::new();
    for part in template.split("<%").skip(1) {
        let inner = part.split("%>").next().unwrap_or_default();
        if !inner.starts_with('#') {
            code.push_str(
                inner
                    .trim_start_matches(['=', '-', '%'])
                    .trim_end_matches('-'),
            );
            code.push('\n');
        }
    }
    code
}
