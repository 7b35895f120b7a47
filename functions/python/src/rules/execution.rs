//! Code that is decoded or downloaded and then run.

use packguard_sdk::{Category, Confidence, Hit, Rule, Severity, text};

use super::programs::runs_download;
use super::{Context, by_phase, hit_at, when};
use crate::facts::Call;
use crate::names::Role;
use crate::value::{Taint, Value};
use packguard_sdk::decode::Layer;

/// Decode, then exec.
pub const DECODE_EXEC: Rule = Rule::new(
    "python-decode-exec",
    "Runs code that it decodes first",
    "Found when `exec`, `eval` or a code object runs text that comes out of base64, zlib, hex, \
     character codes, XOR, a cipher or `marshal`.\n\nHonest packages ship their code readable; \
     hiding it keeps people and scanners from reading it.\n\nRead the decoded layers. Do not \
     install unless you know what the code does.",
    Category::DefenseEvasion,
    Severity::High,
    &["T1027", "T1140", "T1059.006"],
);

/// Download, then run.
pub const DOWNLOAD_EXECUTE: Rule = Rule::new(
    "python-download-execute",
    "Runs what it downloads",
    "Found when data from the network reaches `exec`, `eval` or the program of a command, \
     directly or through a file.\n\nWhoever controls the server decides what runs, today and \
     tomorrow: what was reviewed is not what runs.\n\nLook at the address, and who owns it.",
    Category::CommandAndControl,
    Severity::High,
    &["T1105", "T1059.006"],
);

/// A pickle that calls something.
pub const UNPICKLE_PAYLOAD: Rule = Rule::new(
    "python-unpickle-payload",
    "A pickle runs a command",
    "Found when a constant given to `pickle.loads`, or a file of the package that holds a pickle \
     (`.pkl`, `.pt`, `.joblib`, …), calls `exec`, `eval`, `system` or the like.\n\nLoading a \
     pickle calls what it names: this is a way to hide a call.\n\nDo not install.",
    Category::Execution,
    Severity::High,
    &["T1059.006", "T1027"],
);

/// An executable carried in a string.
pub const DROPPER: Rule = Rule::new(
    "python-dropper",
    "Writes an executable that it carries encoded",
    "Found when a constant that is decoded to a Windows or Linux executable is written to a \
     file.\n\nHonest packages ship programs as files.\n\nDo not install unless you know the \
     program.",
    Category::Execution,
    Severity::High,
    &["T1027.009", "T1204.002"],
);

/// How a finding's title ends where the decoded code was read and does nothing.
pub const INERT: &str = ", which does nothing";

pub(super) fn check(context: &mut Context<'_, '_>) {
    for call in &context.facts.calls {
        match call.role {
            Some(Role::Exec) => {
                if let Some(code) = call.args.first() {
                    exec(context, call, code);
                }
            }
            Some(Role::Shell | Role::Spawn | Role::OpenFile) if runs_download(call) => {
                let hit = download(call, "Downloads a file and runs it");
                // Installers of a vendor's program do so when they are called.
                context.hit(match call.runs_by_itself() {
                    true => hit,
                    false => hit.severity(Severity::Medium),
                });
            }
            Some(Role::Native) if call.payload_taint().has(Taint::DOWNLOADED_FILE) => {
                context.hit(download(call, "Downloads native code and loads it"));
            }
            Some(Role::LoadFile) if call.payload_taint().has(Taint::DOWNLOADED_FILE) => {
                context.hit(download(call, "Downloads a module and loads it"));
            }
            Some(Role::Unpickle) => unpickle(context, call),
            None if call.callee.starts_with("yaml.") => unpickle(context, call),
            None if matches!(call.name(), "write" | "write_text" | "write_bytes") => {
                drops(context, call);
                written(context, call);
            }
            _ => {}
        }
    }
    dropped(context);
}

/// A download that is written and made executable, and a program started that is not
/// known: the flow between them was not seen.
fn dropped(context: &mut Context<'_, '_>) {
    let calls = &context.facts.calls;
    let writes = calls.iter().any(|call| {
        matches!(call.name(), "write" | "write_bytes")
            && call.payload_taint().has(Taint::DOWNLOADED)
            && !call.payload_taint().has(Taint::SOCKET)
            && call.runs_by_itself()
    });
    let marks = calls.iter().any(|call| {
        call.name() == "chmod"
            && call
                .args
                .last()
                .and_then(Value::as_int)
                .is_some_and(|mode| mode & 0o100 != 0)
    });
    if !writes
        || !marks
        || context
            .found
            .hits
            .iter()
            .any(|hit| hit.rule.id == DOWNLOAD_EXECUTE.id)
    {
        return;
    }
    let start = calls.iter().find(|call| {
        let program = call.arg(0, "args").map(|command| match command.as_list() {
            Some(items) => items.first().is_some_and(is_unknown),
            None => is_unknown(command),
        });
        matches!(call.role, Some(Role::Shell | Role::Spawn | Role::OpenFile))
            && call.runs_by_itself()
            && program == Some(true)
    });
    if let Some(call) = start {
        context.hit(download(
            call,
            "Downloads a file, makes it executable and starts a program",
        ));
    }
}

fn is_unknown(program: &Value<'_>) -> bool {
    match program.as_str() {
        Some(text) => text.starts_with(['?', '/', '~', '.', '%']),
        None => program.as_path() != Some("sys.executable"),
    }
}

fn exec(context: &mut Context<'_, '_>, call: &Call<'_>, code: &Value<'_>) {
    if code.taint.has(Taint::DOWNLOADED) {
        context.hit(download(call, "Downloads code and runs it"));
    }
    let assembled = call.callee.starts_with("types.") && code.as_bytes().is_none();
    let from_codes = code.taint.has(Taint::CHARACTER_CODES) && !assembled;
    if !code.taint.has(Taint::HIDDEN) && !from_codes {
        // Readable code in a string is code too; formatted strings are templates.
        if let Some(text) = code.as_str().filter(|_| !code.taint.has(Taint::PARTIAL)) {
            context.payload(text, call, &[]);
        }
        return;
    }
    let mut layers: Vec<Layer> = code
        .layers()
        .map_or_else(Vec::new, |layers| layers.to_vec());
    let plain = code.to_text();
    if let Some(text) = plain.as_ref().filter(|_| layers.is_empty() || from_codes) {
        layers.push(Layer {
            encoding: "character codes",
            text: text::cut(text, 4_000).into(),
        });
    }
    let readable = plain
        .as_ref()
        .is_some_and(|text| text.len() < 400 && !text.contains("import"));
    let marshalled = code
        .as_bytes()
        .filter(|_| code.taint.has(Taint::MARSHALLED))
        .and_then(crate::marshal::code);
    let inner = match marshalled {
        Some(summary) => {
            let depth = context.depth;
            let hits = super::bytecode::check(&summary, &call.range, call.phase, depth);
            let gravest = hits.iter().map(|hit| hit.severity).max();
            for hit in hits {
                context.hit(hit);
            }
            gravest
        }
        None if code.taint.has(Taint::MARSHALLED) => None,
        None => plain.and_then(|text| context.payload(&text, call, &layers)),
    };
    let twice = Taint::DECODED_TWICE | Taint::DECRYPTED | Taint::MARSHALLED;
    let grave = code.taint.has(twice) || inner >= Some(Severity::Medium);
    // Without the payload in the file it may come from a caller, as in tools that send
    // code to their own processes.
    let elsewhere = code.as_bytes().is_none() && code.layers().is_none();
    // What it decodes to stands there and does nothing that any rule knows, and what it calls
    // is no capability either.
    let inert = inner.is_none() && !elsewhere && !code.taint.has(Taint::MARSHALLED);
    // Readable text with a few characters put in by their codes.
    let harmless = from_codes && !code.taint.has(Taint::HIDDEN) && inner.is_none();
    let severity = match (call.runs_by_itself(), elsewhere) {
        (false, false) if harmless && readable => Severity::Low,
        (true, _) if grave => Severity::Critical,
        (false, true) if call.callee.starts_with("types.") => Severity::Low,
        (false, true) => Severity::Medium,
        _ => Severity::High,
    };
    let how = if code.taint.has(Taint::DECRYPTED) {
        "decrypts"
    } else if code.taint.has(Taint::DECODED) {
        "decodes"
    } else {
        "puts together from codes"
    };
    context.hit(
        hit_at(&DECODE_EXEC, call)
            .title(match inert {
                true => format!("`{}` runs code that it {how} first{INERT}", call.name()),
                false => format!("`{}` runs code that it {how} first", call.name()),
            })
            .severity(severity)
            .layers(&layers)
            .why(format!(
                "The code that runs {} is not readable in the file; honest packages do not hide \
                 their code.",
                when(call.phase)
            )),
    );
}

/// A program that comes encoded and is written to a file.
fn drops(context: &mut Context<'_, '_>, call: &Call<'_>) {
    let dropped = call.args.first().filter(|value| {
        let bytes = value.as_bytes().unwrap_or_default();
        value.taint.has(Taint::HIDDEN | Taint::CHARACTER_CODES)
            && matches!(bytes, [b'M', b'Z', ..] | [0x7F, b'E', b'L', b'F', ..])
            && bytes.len() > 64
    });
    if let Some(value) = dropped {
        context.hit(
            hit_at(&DROPPER, call)
                .severity(by_phase(call.phase, Severity::Critical, Severity::High))
                .layers(value.layers().map_or(&[], |layers| layers))
                .why(format!("It is written {}.", when(call.phase))),
        );
    }
}

/// A program that is written out to be run elsewhere: what is grave in it is grave here.
fn written(context: &mut Context<'_, '_>, call: &Call<'_>) {
    let Some(value) = call.args.first() else {
        return;
    };
    let words = [
        "exec",
        "eval",
        "system",
        "Popen",
        "subprocess",
        "socket",
        "urlopen",
        "requests",
    ];
    let looks_like_code =
        |text: &str| text.contains("import") && words.iter().any(|word| text.contains(word));
    if let Some(text) = value.to_text().filter(|text| looks_like_code(text)) {
        let before = context.found.hits.len();
        let layers = value.layers().cloned().unwrap_or_default();
        context.payload(&text, call, &layers);
        let mut at = 0;
        context.found.hits.retain(|hit| {
            at += 1;
            at <= before || hit.severity >= Severity::High
        });
    }
}

fn download(call: &Call<'_>, title: &str) -> Hit {
    hit_at(&DOWNLOAD_EXECUTE, call)
        .title(title)
        .severity(by_phase(call.phase, Severity::Critical, Severity::High))
        .confidence(if call.runs_by_itself() {
            Confidence::High
        } else {
            Confidence::Medium
        })
        .why(format!(
            "What the server sends runs {}, and can change at any time.",
            when(call.phase)
        ))
}

fn unpickle(context: &mut Context<'_, '_>, call: &Call<'_>) {
    let Some(value) = call.args.first() else {
        return;
    };
    // YAML calls what its tags name.
    let tags: [&[u8]; 2] = [b"!!python/object/apply:", b"!!python/object/new:"];
    let bytes = value.as_bytes().unwrap_or_default();
    let loader = call.keyword("Loader").or(call.args.get(1));
    let safe = loader
        .and_then(Value::as_path)
        .is_some_and(|path| path.contains("Safe"));
    if safe || call.name().contains("safe_load") {
        return;
    }
    let tagged = tags
        .iter()
        .any(|tag| memchr::memmem::find(bytes, tag).is_some());
    if tagged || crate::pickles::read(bytes).calls.is_some() {
        context.hit(
            hit_at(&UNPICKLE_PAYLOAD, call)
                .severity(by_phase(call.phase, Severity::Critical, Severity::High))
                .layers(value.layers().map_or(&[], |layers| layers))
                .why("Loading this pickle calls a function that runs code or commands."),
        );
    }
}
