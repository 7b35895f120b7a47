//! Other programs changed or looked into: applications' code, keys that let somebody log in,
//! memory of processes, and routes of servers that delete.

use oxc_ast::ast::Expression;
use packguard_sdk::{Category, Hit, Rule, Severity};

use super::together::{SMALL, deletes_all, has_text};
use super::{remote, system};
use crate::acts::Kind;
use crate::collect::SymbolIx;
use crate::context::{Context, hit, when};

/// Writes into an application's own code.
pub const INJECTION: Rule = Rule {
    id: "js-application-injection",
    title: "Changes the code of an installed application",
    help: "The code writes into the program files of an application of the user (a chat client, a wallet).\n\n\
The application then runs it, with all that its user may do.\n\nDo not install the package.",
    category: Category::Persistence,
    severity: Severity::High,
    attack: &["T1554"],
};

/// Reads the memory of processes that hold secrets.
pub const MEMORY: Rule = Rule {
    id: "js-memory-dump",
    title: "Reads another process's memory",
    help: "A command dumps the memory of a process that holds credentials (the log-in service of Windows, the \
worker of a build server).\n\nDo not install the package.",
    category: Category::CredentialAccess,
    severity: Severity::High,
    attack: &["T1003", "T1003.007"],
};

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    memory(context, hits);
    door(context, hits);
    if context.text.len() <= SMALL {
        injected(context, hits);
        keys(context, hits);
    }
}

fn injected(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    const PLACES: &[&str] = &[
        "app.asar",
        "discord_desktop_core",
        "resources/app/",
        "Contents/Resources/app/",
    ];
    let mut evaluator = context.evaluator.borrow_mut();
    for call in &context.facts.calls {
        let target = evaluator.target(call);
        let api = target.api();
        let writes = api.contains("writeFile")
            || api.contains("appendFile")
            || api.contains("copyFile")
            || api.contains("rename")
            || api.contains("createPackage")
            || api == "fs.createWriteStream";
        if !writes {
            continue;
        }
        let arguments = evaluator.arguments(call, &target);
        let placed = arguments.iter().take(2).any(|value| {
            value.known().is_some_and(|path| {
                let path = path.replace('\\', "/");
                let outside = ["~", "/Applications/", "/opt/", "/usr/", "C:/Program Files"];
                outside.iter().any(|start| path.starts_with(start))
                    && PLACES.iter().any(|place| path.contains(place))
            })
        });
        let code = arguments
            .get(1)
            .and_then(|data| data.known())
            .is_some_and(|text| text.contains("require(") && text.len() > 40);
        if placed || code && has_text(context, &["discord_desktop_core"]) {
            hits.push(
                hit(&INJECTION, call.span(), context.phase)
                    .title("Writes into the program files of an installed application")
                    .why("The file names the place where an application keeps its code, and writes code."),
            );
            return;
        }
    }
}

/// Whether a command or script dumps the memory of a process that holds credentials.
pub fn dumps_memory(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("comsvcs") && text.contains("minidump")
        || text.contains("procdump") && text.contains("lsass")
        || text.contains("/proc/") && text.contains("/mem") && text.contains("runner.worker")
}

/// Whoever holds the key may log in.
fn keys(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    if !has_text(context, &["authorized_keys"]) {
        return;
    }
    let given = context.facts.texts.iter().find(|(text, _)| {
        [
            "ssh-rsa AAAA",
            "ssh-ed25519 AAAA",
            "ecdsa-sha2-nistp256 AAAA",
        ]
        .iter()
        .any(|start| text.contains(start))
    });
    let writer = context
        .acts
        .iter()
        .find(|act| matches!(act.kind, Kind::Write | Kind::Spawn));
    if let (Some(_), Some(act)) = (given, writer) {
        let phase = context.phase_of(act);
        hits.push(
            hit(&system::PERSISTENCE, act.span, phase)
                .severity(Severity::High)
                .title(format!("Lets the holder of a key log in {}", when(phase)))
                .why("The code holds a public key and writes `authorized_keys`."),
        );
    }
}

fn memory(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for act in context.of(Kind::Spawn) {
        let Some(text) = act.text.as_deref() else {
            continue;
        };
        let text = text.to_ascii_lowercase();
        let all = |words: &[&str]| words.iter().all(|word| text.contains(word));
        if all(&["comsvcs", "minidump"])
            || all(&["procdump", "lsass"])
            || all(&["runner.worker", "/proc/", "mem"])
            || text.contains("sekurlsa")
            || text.contains("reg save hklm\\sam")
        {
            let phase = context.phase_of(act);
            hits.push(
                hit(&MEMORY, act.span, phase)
                    .title(format!("Dumps a process's memory {}", when(phase)))
                    .why("The command takes what another process holds in memory."),
            );
        }
    }
}

/// A route of a server that deletes.
fn door(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let facts = context.facts;
    for act in context.acts {
        if !matches!(act.kind, Kind::Delete | Kind::Spawn) || !deletes_all(context, act) {
            continue;
        }
        let mut function = facts.calls[act.call as usize].function;
        while function != 0 {
            let fact = &facts.functions[function as usize];
            let route = fact
                .callback_of
                .is_some_and(|(call, argument)| argument > 0 && is_route(context, call));
            // Middleware that is handed out: only commands, tools clean their own folders.
            let middleware = act.kind == Kind::Spawn && is_middleware(context, &fact.params);
            if route || middleware {
                hits.push(
                    hit(&remote::BACKDOOR, act.span, context.phase_of(act))
                        .title("Deletes folders when a request asks for it")
                        .why("A route of a server runs what deletes folders."),
                );
                return;
            }
            function = fact.parent;
        }
    }
}

/// `(req, res, next)`: a server's function for requests.
fn is_middleware(context: &Context<'_, '_>, parameters: &[Option<SymbolIx>]) -> bool {
    let named = |index: usize, names: &[&str]| {
        let symbol = parameters.get(index).copied().flatten();
        symbol.is_some_and(|symbol| names.contains(&context.facts.symbols[symbol as usize].name))
    };
    named(0, &["req", "request", "_req"]) && named(1, &["res", "response", "_res"])
}

fn is_route(context: &Context<'_, '_>, call: u32) -> bool {
    let call = &context.facts.calls[call as usize];
    let Some(Expression::StaticMemberExpression(member)) = call.callee() else {
        return false;
    };
    let method = member.property.name.as_str();
    matches!(
        method,
        "get" | "post" | "put" | "delete" | "patch" | "all" | "use"
    ) && matches!(call.argument(0), Some(Expression::StringLiteral(path)) if path.value.starts_with('/'))
}
