//! Somebody else's commands.

use oxc_ast::ast::Expression;
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::{Act, Kind};
use crate::context::{Context, hit, when};
use crate::value::{Taint, Value};

/// A shell tied to a socket.
pub const REVERSE_SHELL: Rule = Rule {
    id: "js-reverse-shell",
    title: "Gives somebody a shell",
    help: "A socket is connected, a shell is started, and the two are piped together.\n\nWhoever answers the \
connection types commands on your machine.\n\nDo not install the package.",
    category: Category::CommandAndControl,
    severity: Severity::Critical,
    attack: &["T1059", "T1095"],
};

/// Commands that come over the network.
pub const REMOTE_COMMAND: Rule = Rule {
    id: "js-remote-command",
    title: "Runs commands that it downloads",
    help: "What a request or socket answered is started as a command.\n\nWhoever controls the other side decides \
what runs on your machine.\n\nDo not install the package.",
    category: Category::CommandAndControl,
    severity: Severity::High,
    attack: &["T1059", "T1105"],
};

/// A door in a server.
pub const BACKDOOR: Rule = Rule {
    id: "js-backdoor",
    title: "Runs what a request to its server says",
    help: "A part of a request that the code's own server gets (query, body, headers) is run as code or as a \
command.\n\nWhoever can reach the server decides what runs on it.\n\nDo not install the package.",
    category: Category::CommandAndControl,
    severity: Severity::High,
    attack: &["T1505.003", "T1059"],
};

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let connects = context.acts.iter().any(|act| {
        act.kind == Kind::Send
            && (act.api.starts_with("net.")
                || act.api.starts_with("tls.")
                || act.api.contains("ws"))
    }) || context
        .facts
        .calls
        .iter()
        .any(|call| is_socket(context, call));
    let piped = context.acts.iter().any(|act| {
        let base = act.base.as_ref().map_or("", |base| base.api());
        let into = act.arguments.first().map_or("", |first| first.api());
        (act.api.ends_with("pipe") || act.api.ends_with(".pipe"))
            && (is_process_stream(base) && is_away(context, into)
                || is_process_stream(into) && is_away(context, base))
    }) || connects && feeds_process(context);
    fed(context, hits);
    for act in context.of(Kind::Code) {
        if act.taint.has(Taint::INPUT) {
            hits.push(door(act, context.phase_of(act), "code"));
        }
    }
    for act in context.of(Kind::Spawn) {
        let shell = act.api.ends_with(".exec") || act.api.ends_with("execSync");
        if shell && act.taint.has(Taint::INPUT) {
            hits.push(door(act, context.phase_of(act), "a command"));
        }
        let phase = context.phase_of(act);
        let text = act.text.as_deref().unwrap_or_default();
        if connects && piped && is_shell(text) && is_near(context, act) {
            hits.push(
                hit(&REVERSE_SHELL, act.span, phase)
                    .title(format!("Ties a shell to a socket {}", when(phase)))
                    .why("A socket is connected, a shell is started, and one is piped into the other."),
            );
        }
        let shell = act.api.ends_with(".exec") || act.api.ends_with("execSync");
        if shell && act.taint.has(Taint::DOWNLOADED) {
            hits.push(
                hit(&REMOTE_COMMAND, act.span, phase)
                    .confidence(Confidence::Medium)
                    .title(format!("Runs a downloaded command {}", when(phase)))
                    .why("What came over the network reaches a shell."),
            );
        }
    }
}

/// In a large file, whether the shell is started where a socket is used.
fn is_near(context: &Context<'_, '_>, act: &Act<'_>) -> bool {
    const LARGE: usize = 64 << 10;
    let facts = context.facts;
    let function = facts.calls[act.call as usize].function;
    context.text.len() < LARGE
        || function != 0
            && facts.calls.iter().any(|call| {
                (facts.within(call.function, function)
                    || call.function != 0 && facts.within(function, call.function))
                    && (is_socket(context, call)
                        || context.evaluator.borrow_mut().target(call).api() == "net.connect")
            })
}

/// What came over the network, written to a shell that was started.
fn fed(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let mut evaluator = context.evaluator.borrow_mut();
    let shell = context
        .of(Kind::Spawn)
        .find(|act| act.text.as_deref().is_some_and(is_shell));
    let Some(shell) = shell else { return };
    for call in &context.facts.calls {
        let writes = matches!(call.callee(), Some(Expression::StaticMemberExpression(member))
            if matches!(member.property.name.as_str(), "write" | "end"));
        if !writes || call.arguments() == 0 {
            continue;
        }
        let target = evaluator.target(call);
        let stream = target.base.as_ref().map_or("", |base| base.api());
        if !is_process_stream(stream) {
            continue;
        }
        let given = evaluator.arguments(call, &target);
        if given
            .first()
            .is_some_and(|text| text.taint.has(Taint::DOWNLOADED) && !text.taint.has(Taint::FILE))
        {
            let phase = context.phase_of(shell);
            hits.push(
                hit(&REMOTE_COMMAND, shell.span, phase)
                    .confidence(Confidence::Medium)
                    .title(format!(
                        "Feeds what it downloads to a shell {}",
                        when(phase)
                    ))
                    .why("What came over the network is written to a shell's input."),
            );
            return;
        }
    }
}

fn door(act: &Act<'_>, phase: Phase, what: &str) -> Hit {
    hit(&BACKDOOR, act.span, phase)
        .confidence(Confidence::Medium)
        .title(format!("Runs what a request says as {what}"))
        .why("What whoever asks the server writes reaches a function that runs it.")
}

/// Whether something is written to a process that the file started, or a socket stands
/// in the place of its streams.
fn feeds_process(context: &Context<'_, '_>) -> bool {
    let mut evaluator = context.evaluator.borrow_mut();
    let fed = context.facts.calls.iter().any(|call| {
        let writes = matches!(call.callee(), Some(Expression::StaticMemberExpression(member))
            if member.property.name == "write");
        writes && {
            let base = evaluator.target(call).base;
            base.is_some_and(|base| is_process_stream(base.api()))
        }
    });
    fed || context.of(Kind::Spawn).any(|act| {
        let Some(streams) = act.option(&mut evaluator, "stdio") else {
            return false;
        };
        match &streams.value {
            Value::List(items) => items
                .iter()
                .any(|item| item.api().starts_with("net.") || item.api().starts_with("tls.")),
            _ => false,
        }
    })
}

fn is_socket<'a>(context: &Context<'_, 'a>, call: &crate::collect::Call<'a>) -> bool {
    matches!(call.node, crate::collect::CallNode::New(_))
        && context.evaluator.borrow_mut().target(call).api() == "net.Socket"
}

fn is_process_stream(path: &str) -> bool {
    path.starts_with("child_process.")
        && [".stdin", ".stdout", ".stderr"]
            .iter()
            .any(|end| path.ends_with(end))
}

/// Whether a stream leads to the network; one that is not known does in a small file.
fn is_away(context: &Context<'_, '_>, path: &str) -> bool {
    const SMALL: usize = 128 << 10;
    let sockets = ["net.", "tls.", "ws", "WebSocket", "http", "socket.io"];
    sockets.iter().any(|start| path.starts_with(start))
        || path.is_empty() && context.text.len() < SMALL
}

fn is_shell(command: &str) -> bool {
    let program = command.split_whitespace().next().unwrap_or_default();
    let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
    matches!(
        name,
        "sh" | "bash"
            | "zsh"
            | "ash"
            | "dash"
            | "cmd"
            | "cmd.exe"
            | "powershell"
            | "powershell.exe"
            | "pwsh"
    )
}
