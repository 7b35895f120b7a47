//! Shell commands.

use std::rc::Rc;

use packguard_sdk::indicators::{self, ShellAct};
use packguard_sdk::{Category, Confidence, Rule, Severity};

use super::{
    Context, by_phase, destruction, exfiltration, hit_at, install, remote_control, theft, when,
};
use crate::facts::Call;
use crate::names::Role;
use crate::value::{Taint, Value};
use packguard_sdk::decode::Layer;

/// `curl … | sh`.
pub const DOWNLOAD_RUN: Rule = Rule::new(
    "python-shell-download-run",
    "A shell command downloads and runs something",
    "Found in command lines given to `os.system`, `subprocess` and the like.\n\nWhoever controls \
     the server decides what runs.\n\nLook at the address, and who owns it.",
    Category::CommandAndControl,
    Severity::High,
    &["T1105", "T1059.004"],
);

/// `base64 -d | sh`.
pub const DECODE_RUN: Rule = Rule::new(
    "python-shell-decode-run",
    "A shell command runs text that it decodes first",
    "Found in command lines: `base64 -d | sh`, `powershell -enc`.\n\nThe encoding serves to hide \
     the command.\n\nRead the decoded layer; do not install unless you know what it does.",
    Category::DefenseEvasion,
    Severity::High,
    &["T1027.010", "T1140"],
);

/// `whoami; ifconfig`.
pub const RECON: Rule = Rule::new(
    "python-shell-recon",
    "A shell command gathers facts about host or user",
    "Found in command lines such as `whoami` or `systeminfo`.\n\nHarmless by itself; malware does \
     it before it reports home.",
    Category::Discovery,
    Severity::Low,
    &["T1082", "T1033"],
);

pub(super) fn check(context: &mut Context<'_, '_>) {
    for call in &context.facts.calls {
        if !matches!(call.role, Some(Role::Shell | Role::Spawn)) {
            continue;
        }
        if let Some(code) = python_code(call) {
            let layers = call
                .arg(0, "args")
                .and_then(|value| value.layers().cloned())
                .unwrap_or_default();
            context.payload(&code, call, &layers);
        }
        if let Some(command) = command_line(call) {
            // What is not known reads as a shell's variable.
            let partial = call.payload_taint().has(Taint::PARTIAL);
            let command = if partial {
                command.replace('?', "$_").into()
            } else {
                command
            };
            // The escape character of Windows' shell.
            let command = match command.contains("^&") || command.contains("^|") {
                true => command.replace('^', "").into(),
                false => command,
            };
            if let Some((_, inner)) = command
                .split_once("cmd /c ")
                .filter(|(start, _)| start.trim_start().starts_with("start"))
            {
                acts(context, call, inner);
            }
            if theft::dumps(&command) {
                let severity = by_phase(call.phase, Severity::Critical, Severity::High);
                context.hit(hit_at(&theft::MEMORY_DUMP, call).severity(severity));
            }
            carried(context, call, &command);
            acts(context, call, &command);
        }
    }
}

/// `nslookup {data}.example.com`, `curl https://example.com/{data}`.
fn carried(context: &mut Context<'_, '_>, call: &Call<'_>, command: &str) {
    let program = command.split_whitespace().next().unwrap_or_default();
    let loot = call.payload_taint().has(Taint::LOOT | Taint::HOST_FACT);
    if loot && ["nslookup", "dig", "host", "ping", "curl", "wget"].contains(&program) {
        context.hit(
            hit_at(&exfiltration::EXFILTRATION, call)
                .title(format!("Sends data out through `{program}`"))
                .severity(by_phase(call.phase, Severity::Critical, Severity::Medium))
                .why(format!("The command runs {}.", when(call.phase))),
        );
    }
}

/// A call's command line, as far as it is known; `?` stands for what is not.
pub fn command_line(call: &Call<'_>) -> Option<Rc<str>> {
    let command = call.arg(0, "args").or(call.keyword("command"))?;
    if let Some(text) = command.as_str() {
        return Some(text.into());
    }
    // `ctypes.CDLL(None).system(b"…")`.
    if command.as_bytes().is_some() {
        return command.to_text();
    }
    let items = command.as_list()?;
    let words: Vec<String> = items
        .iter()
        .take(64)
        .map(|item| match item.as_path() {
            Some("sys.executable") => "python".into(),
            _ => quoted(item.as_str().unwrap_or("?")),
        })
        .collect();
    Some(words.join(" ").into())
}

/// A word as a shell would have to read it to get it unchanged.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,?~\\".contains(c);
    if word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The code of `[sys.executable, "-c", code]`.
fn python_code(call: &Call<'_>) -> Option<Rc<str>> {
    let items = call.arg(0, "args")?.as_list()?;
    let program = items.first()?;
    let is_python = program.as_path() == Some("sys.executable")
        || program.as_str().is_some_and(|text| {
            text.rsplit(['/', '\\'])
                .next()
                .is_some_and(|name| name.starts_with("python"))
        });
    let at = items.iter().position(|item| item.as_str() == Some("-c"))?;
    let code: &Value<'_> = items.get(at + 1)?;
    (is_python && !code.taint.has(Taint::PARTIAL)).then(|| code.to_text())?
}

/// Reports the acts of a command line.
fn acts(context: &mut Context<'_, '_>, call: &Call<'_>, command: &str) {
    let hidden = call
        .arg(0, "args")
        .and_then(|value| value.layers().cloned())
        .unwrap_or_default();
    for found in indicators::shell(command) {
        let (high, medium, low) = (Severity::High, Severity::Medium, Severity::Low);
        let (rule, severity) = match found.act {
            ShellAct::DownloadAndRun => (
                &DOWNLOAD_RUN,
                by_phase(call.phase, Severity::Critical, medium),
            ),
            ShellAct::DecodeAndRun => (&DECODE_RUN, by_phase(call.phase, Severity::Critical, high)),
            ShellAct::ReverseShell => (&remote_control::REVERSE_SHELL, Severity::Critical),
            ShellAct::Upload => (&exfiltration::EXFILTRATION, by_phase(call.phase, high, low)),
            ShellAct::Persist => (&destruction::PERSISTENCE, by_phase(call.phase, high, low)),
            ShellAct::Destroy => (
                &destruction::DESTRUCTION,
                by_phase(call.phase, high, medium),
            ),
            ShellAct::Hidden => (&install::SILENT_PROCESS, by_phase(call.phase, medium, low)),
            ShellAct::Recon => (&RECON, Severity::Low),
            ShellAct::Download => (&install::INSTALL_NETWORK, Severity::Medium),
        };
        if found.act == ShellAct::Download && !(context.setup && call.runs_by_itself()) {
            continue;
        }
        let text = command.get(found.range.clone()).unwrap_or(command);
        let mut layers = hidden.to_vec();
        layers.extend(found.decoded.map(|text| Layer {
            encoding: "shell",
            text: text.into(),
        }));
        context.hit(
            hit_at(rule, call)
                .title(format!(
                    "{}: `{}`",
                    rule.title,
                    packguard_sdk::text::cut(text, 120)
                ))
                .severity(if layers.is_empty() {
                    severity
                } else {
                    severity.max(high)
                })
                .confidence(Confidence::High)
                .layers(&layers)
                .why(format!("The command runs {}.", when(call.phase))),
        );
    }
}
