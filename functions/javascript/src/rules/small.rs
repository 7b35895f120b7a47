//! What small files put together, where the flow between the parts can't be followed.
//!
//! Large programs have everything somewhere; a small file that has these does little else.

use oxc_ast::ast::Expression;
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::{execution, remote, shell};
use crate::acts::{Act, Kind, network};
use crate::context::{Context, hit, when};
use crate::value::{Eval, Taint, Value};

mod handed;
mod programs;

use handed::handed_commands;
use programs::{carried_patches, disguised, fetched, joined, patches, programs, written};

/// Code put into another process.
pub const INJECTION: Rule = Rule {
    id: "js-process-injection",
    title: "Puts code into another process",
    help: "Functions of the operating system are called that write into another process's memory and start \
a thread there.\n\nDebuggers do so; packages that are installed as a library have no reason to.\n\n\
Do not install the package unless it is a debugger that you know.",
    category: Category::DefenseEvasion,
    severity: Severity::High,
    attack: &["T1055"],
};

/// A program that comes with the package.
pub const BUNDLED_PROGRAM: Rule = Rule {
    id: "js-bundled-program",
    title: "Starts a program that it keeps under another name",
    help: "A file of the package that is no script or program by its name is copied or made executable and \
started, or a library of it is run by the system's loader, when the package is installed or loaded.\n\nHonest \
packages name their programs so.\n\nLook at what the file is before you install the package.",
    category: Category::Execution,
    severity: Severity::High,
    attack: &["T1036.008", "T1218.011"],
};

/// Code in somebody else's package.
pub const PATCHES: Rule = Rule {
    id: "js-patches-package",
    title: "Writes into another package",
    help: "A script is written or added to in another installed package's folder when this one is installed or \
loaded.\n\nThe code stays there when this package is removed.\n\nLook at what is written.",
    category: Category::Persistence,
    severity: Severity::High,
    attack: &["T1554"],
};

/// Largest file that is small, in bytes.
const SMALL: usize = 64 << 10;

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    if context.text.len() > SMALL {
        return;
    }
    injection(context, hits);
    memory(context, hits);
    decoded_commands(context, hits);
    told_commands(context, hits);
    handed_commands(context, hits);
    programs(context, hits);
    patches(context, hits);
    carried_patches(context, hits);
    joined(context, hits);
    disguised(context, hits);
    bare_engine(context, hits);
    written(context, hits);
    fetched(context, hits);
}

/// Functions that together put code into another process.
const INJECTING: &[&str] = &[
    "VirtualAllocEx",
    "WriteProcessMemory",
    "CreateRemoteThread",
    "NtCreateThreadEx",
    "NtWriteVirtualMemory",
    "QueueUserAPC",
    "RtlCreateUserThread",
    "NtMapViewOfSection",
    "SetThreadContext",
];

fn injection(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let named = INJECTING
        .iter()
        .filter(|name| context.text.contains(**name))
        .count();
    let called = context.facts.calls.iter().find(|call| {
        matches!(call.callee(), Some(Expression::StaticMemberExpression(member))
            if INJECTING.contains(&member.property.name.as_str()))
    });
    if let Some(call) = called.filter(|_| named >= 2) {
        hits.push(
            hit(&INJECTION, call.span(), phase(context))
                .why("Memory is taken and written in another process, and a thread started there."),
        );
    }
}

fn phase(context: &Context<'_, '_>) -> Phase {
    match context.phase {
        Phase::Unknown => Phase::Execute,
        phase => phase,
    }
}

fn memory(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let commands = context
        .of(Kind::Spawn)
        .filter_map(|act| Some((act.text.as_deref()?, act.span)));
    let texts = context.facts.texts.iter().map(|(text, at)| (*text, *at));
    for (text, span) in commands.chain(texts) {
        if text.len() > 4_096 || text.len() < 8 {
            continue;
        }
        if super::tampering::dumps_memory(text)
            && context.acts.iter().any(|act| act.kind == Kind::Spawn)
        {
            hits.push(
                hit(&super::tampering::MEMORY, span, phase(context))
                    .why("The command writes a process's memory to a file."),
            );
            return;
        }
    }
}

/// What a process is started with, list by list.
fn words<'c, 'a>(act: &'c Act<'a>) -> impl Iterator<Item = &'c Eval<'a>> {
    act.arguments.iter().take(2).flat_map(|argument| {
        let inside: &[Eval<'a>] = match &argument.value {
            Value::List(items) => items,
            _ => &[],
        };
        std::iter::once(argument).chain(inside)
    })
}

fn is_line(act: &Act<'_>) -> bool {
    act.api.ends_with(".exec") || act.api.ends_with("execSync") || act.api.ends_with("sendText")
}

/// Whether the process is a shell or interpreter that gets its code as an argument.
fn takes_code(act: &Act<'_>) -> bool {
    let text = act.text.as_deref().unwrap_or_default();
    let mut parts = text.split_whitespace();
    let program = parts.next().unwrap_or_default();
    let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
    let shell = matches!(
        name,
        "sh" | "bash"
            | "zsh"
            | "dash"
            | "cmd"
            | "cmd.exe"
            | "powershell"
            | "powershell.exe"
            | "pwsh"
            | "node"
            | "python"
            | "python3"
            | "osascript"
            | "perl"
            | "php"
            | "ruby"
    );
    shell
        && parts.take(8).any(|word| {
            let word = word.to_ascii_lowercase();
            matches!(
                &*word,
                "-c" | "/c" | "-e" | "--eval" | "-r" | "-command" | "-lc" | "-ic"
            ) || word.starts_with("-enc")
        })
}

/// Parts of the engine that start processes, asked for by themselves.
fn bare_engine(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for act in context.of(Kind::Native) {
        if matches!(act.text.as_deref(), Some("spawn_sync" | "process_wrap")) {
            hits.push(
                hit(&execution::HIDDEN_CALL, act.span, context.phase_of(act))
                    .title("Starts processes by the engine's own parts")
                    .severity(Severity::High)
                    .why("Programs that start processes use the interface made for it, which is seen."),
            );
        }
    }
}

/// A command that is decoded, as far as it is known.
fn decoded_commands(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let made = Taint::DECODED;
    for act in context.of(Kind::Spawn) {
        let decoded = if is_line(act) {
            act.arguments.first().filter(|first| first.taint.has(made))
        } else if takes_code(act) {
            words(act).find(|word| word.taint.has(made))
        } else {
            None
        };
        let Some(decoded) = decoded else { continue };
        let phase = context.phase_of(act);
        let severity = match phase {
            Phase::Execute => Severity::Medium,
            _ => Severity::High,
        };
        hits.push(
            hit(&shell::DECODE_RUN, act.span, phase)
                .title(format!("Starts a command that it decodes {}", when(phase)))
                .severity(severity)
                .confidence(Confidence::Medium)
                .layers(decoded.layers())
                .why("The command is not readable in the package: it is decoded first."),
        );
    }
}

/// A client that does what the other side says: a socket to a host that is written out,
/// and commands or code that are not.
fn told_commands(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let socket = context.acts.iter().find_map(|act| {
        let api = &*act.api;
        let connects = act.kind == Kind::Send
            && (matches!(api, "ws" | "WebSocket" | "socket.io-client")
                || api.starts_with("socket.io-client")
                || matches!(
                    api,
                    "net.connect" | "net.createConnection" | "tls.connect" | "net.Socket().connect"
                ));
        let datagram = act.api.starts_with("dgram.");
        let mut named = act.arguments.iter().filter_map(Eval::known);
        let text = if datagram {
            named.rfind(|text| is_name(text))?
        } else {
            act.text.as_deref()?
        };
        let connects = connects || datagram;
        let away = network::host(text)
            .or_else(|| is_name(text).then_some(text))
            .filter(|host| !is_near(host))
            .filter(|host| {
                context.phase_of(act) != Phase::Execute || !context.own.owns(text, host)
            })?;
        connects.then(|| (away.to_owned(), act.span))
    });
    let Some((host, _)) = socket else { return };
    for act in context.acts {
        let runs = match act.kind {
            Kind::Spawn => is_line(act) && act.text.is_none(),
            Kind::Code => act.text.is_none() && !act.api.starts_with("set"),
            _ => false,
        };
        let known = act.taint.has(Taint::FILE.with(Taint::INPUT));
        if runs && !known {
            hits.push(
                hit(&remote::REMOTE_COMMAND, act.span, context.phase_of(act))
                    .confidence(Confidence::Medium)
                    .title(format!("Keeps a socket to {host} and runs what is not written out"))
                    .why("The file connects to a fixed host and starts commands that come from elsewhere."),
            );
            return;
        }
    }
}

fn is_near(host: &str) -> bool {
    host == "localhost"
        || host.starts_with("127.")
        || host.starts_with("192.168.")
        || host.starts_with("10.")
}

/// Whether a text is a bare host or address.
fn is_name(text: &str) -> bool {
    text.len() < 100
        && text.contains('.')
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '.' || letter == '-')
}
