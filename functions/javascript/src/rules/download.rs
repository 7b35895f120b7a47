//! Files that are downloaded and run.

use std::collections::BTreeSet;

use oxc_ast::ast::{Argument, ArrayExpressionElement, Expression};
use packguard_sdk::indicators::{self, Kind as Indicator};
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::{Act, Kind, network};
use crate::collect::{Facts, Origin, ScopeIx, SymbolIx};
use crate::context::{Context, hit, when};
use crate::value::Taint;

/// A downloaded file that is run.
pub const DOWNLOAD_EXECUTE: Rule = Rule {
    id: "js-download-execute",
    title: "Downloads a file and runs it",
    help: "A file is written with what a request answered, and then started or loaded.\n\nWhoever controls the \
server decides what runs on your machine; it is not part of the package and can't be reviewed.\n\n\
Find out whether the address belongs to the package's makers before you install it.",
    category: Category::CommandAndControl,
    severity: Severity::High,
    attack: &["T1105", "T1204"],
};

/// A download at installation.
pub const INSTALL_DOWNLOAD: Rule = Rule {
    id: "js-install-download",
    title: "Downloads a file when it is installed",
    help: "An install script fetches a file from the registry or from the package's own servers: many honest \
packages get their compiled program so.\n\nWhat is fetched is not part of the package and was not analysed.",
    category: Category::InstallHook,
    severity: Severity::Low,
    attack: &["T1105"],
};

/// Programs that run the file they are given.
const INTERPRETERS: &[&str] = &[
    "node",
    "sh",
    "bash",
    "zsh",
    "cmd",
    "cmd.exe",
    "powershell",
    "powershell.exe",
    "pwsh",
    "python",
    "python3",
    "start",
    "open",
    "rundll32",
    "regsvr32",
    "mshta",
    "wscript",
    "cscript",
    "msiexec",
    "chmod",
    "/bin/sh",
    "/bin/bash",
    "sudo",
    "nohup",
];

/// Expressions looked at to find the names that a path is made of.
const ROOT_STEPS: usize = 200;

/// How many names on a path's origin is followed.
const ROOT_HOPS: u8 = 3;

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let writes: Vec<&Act<'_>> = context
        .of(Kind::Write)
        .filter(|act| act.taint.has(Taint::DOWNLOADED) || &*act.api == "fs.createWriteStream")
        .collect();
    let downloads = writes.iter().any(|act| act.taint.has(Taint::DOWNLOADED));
    if !downloads {
        return;
    }
    let origin = Origins::of(context);
    let mut executed = false;
    for act in context.acts {
        if !matches!(act.kind, Kind::Spawn | Kind::Load) {
            continue;
        }
        if first_run(context, act, &writes).is_some() {
            executed = true;
            hits.push(execution(context, act, &origin));
        }
    }
    if !executed && context.phase == Phase::Install {
        let first = writes[0];
        hits.push(install_download(context, first, &origin));
    }
}

/// The first of `writes` whose file `act` starts or loads.
pub(super) fn first_run<'w, 'a>(
    context: &Context<'_, 'a>,
    act: &Act<'a>,
    writes: &[&'w Act<'a>],
) -> Option<&'w Act<'a>> {
    let program = program_roots(context, act);
    let same_text = |write: &Act<'_>| {
        let path = write.text.as_deref().unwrap_or_default();
        path.chars().filter(char::is_ascii_alphanumeric).count() >= 3
            && act.text.as_deref().is_some_and(|text| text.contains(path))
    };
    writes.iter().copied().find(|write| {
        same_text(write)
            || written_roots(context, write)
                .intersection(&program)
                .next()
                .is_some()
    })
}

/// Where the file's downloads come from.
struct Origins {
    own: bool,
    hostile: Option<String>,
    plain_http: bool,
    named: Option<String>,
}

impl Origins {
    fn of(context: &Context<'_, '_>) -> Self {
        let sent = context.of(Kind::Send).filter_map(|act| act.text.as_deref());
        let written = context
            .facts
            .texts
            .iter()
            .map(|(text, _)| *text)
            .filter(|text| text.starts_with("http"));
        let mut origins = Self {
            own: true,
            hostile: None,
            plain_http: false,
            named: None,
        };
        for address in sent.chain(written).take(500) {
            let Some(host) = network::host(address) else {
                continue;
            };
            if host == "localhost" || host.starts_with("127.") {
                continue;
            }
            let found = indicators::scan(address);
            let hostile = found.iter().find(|found| is_hostile(found.kind));
            if let Some(found) = hostile {
                origins.hostile = Some(found.text.clone());
            }
            origins.own &= context.own.owns(address, host);
            origins.plain_http |= address.starts_with("http://");
            origins.named.get_or_insert_with(|| host.to_owned());
        }
        // No address at all: it comes from elsewhere, and nothing says from where.
        origins.own &= origins.named.is_some();
        origins
    }
}

/// Kinds of hosts that honest downloads do not come from.
pub fn is_hostile(kind: Indicator) -> bool {
    kind.is_hostile_host()
        || matches!(
            kind,
            Indicator::Shortener | Indicator::RareTld | Indicator::Miner
        )
}

fn execution<'a>(context: &Context<'_, 'a>, act: &Act<'a>, origin: &Origins) -> Hit {
    let phase = context.phase_of(act);
    // A name in the address is easily had: what runs on unseen gains nothing by it.
    let unseen = phase != Phase::Execute && super::hidden::is_detached(context, act);
    if origin.own && origin.hostile.is_none() && !unseen {
        return hit(&INSTALL_DOWNLOAD, act.span, phase)
            .title("Downloads its program and starts it")
            .why("The address carries the package's own name or is the registry's.");
    }
    let (severity, from) = match (&origin.hostile, &origin.named) {
        (Some(host), _) => (Severity::Critical, host.as_str()),
        (None, Some(host)) => (
            match phase {
                Phase::Execute if !origin.plain_http => Severity::Low,
                Phase::Execute => Severity::Medium,
                _ => Severity::High,
            },
            host.as_str(),
        ),
        (None, None) if phase == Phase::Execute => (Severity::Low, "an address not written out"),
        (None, None) => (Severity::High, "an address not written out"),
    };
    hit(&DOWNLOAD_EXECUTE, act.span, phase)
        .title(format!(
            "Runs a file downloaded from {from} {}",
            when(phase)
        ))
        .severity(severity)
        .confidence(Confidence::Medium)
        .why("What is downloaded decides what runs; it is not part of the package.")
}

fn install_download<'a>(context: &Context<'_, 'a>, act: &Act<'a>, origin: &Origins) -> Hit {
    let hit = hit(&INSTALL_DOWNLOAD, act.span, context.phase_of(act));
    match &origin.hostile {
        Some(host) => hit
            .title(format!("Downloads a file from {host} when it is installed"))
            .severity(Severity::High)
            .why("Honest packages do not keep their files there."),
        None => hit.why("What is fetched is not part of the package and was not analysed."),
    }
}

/// The bindings that the program's path is made of.
fn program_roots<'a>(context: &Context<'_, 'a>, act: &Act<'a>) -> BTreeSet<SymbolIx> {
    let call = context.facts.calls[act.call as usize];
    let mut roots = BTreeSet::new();
    let program = act
        .text
        .as_deref()
        .and_then(|text| text.split_whitespace().next())
        .unwrap_or_default();
    let shell = act.api.ends_with("exec") || act.api.ends_with("execSync");
    let fixed = program.len() > 1 && !program.contains(crate::value::HOLE);
    if fixed && !INTERPRETERS.contains(&program) && act.kind == Kind::Spawn {
        return roots;
    }
    if let Some(argument) = call.argument(0) {
        collect_roots(context, argument, call.scope, &mut roots);
    }
    if !shell
        && INTERPRETERS.contains(&program)
        && let Some(argument) = call.argument(1)
    {
        collect_roots(context, argument, call.scope, &mut roots);
    }
    roots
}

/// The bindings that the written file's path is made of.
fn written_roots<'a>(context: &Context<'_, 'a>, act: &Act<'a>) -> BTreeSet<SymbolIx> {
    let call = context.facts.calls[act.call as usize];
    let mut roots = BTreeSet::new();
    if let Some(argument) = call.argument(0) {
        collect_roots(context, argument, call.scope, &mut roots);
    }
    roots
}

/// Follows names to what they are made of, through parameters and definitions.
fn collect_roots<'a>(
    context: &Context<'_, 'a>,
    expression: &'a Expression<'a>,
    scope: ScopeIx,
    roots: &mut BTreeSet<SymbolIx>,
) {
    let facts = context.facts;
    let mut work = vec![(expression, scope, 0_u8)];
    let mut steps = 0;
    while let Some((expression, scope, hops)) = work.pop() {
        steps += 1;
        if steps > ROOT_STEPS {
            return;
        }
        match expression {
            Expression::Identifier(name) => {
                if let Some(symbol) = facts.reference(name, scope)
                    && context.evaluator.borrow_mut().symbol(symbol).path.is_none()
                    && roots.insert(symbol)
                    && hops < ROOT_HOPS
                {
                    let made_of = origins(facts, symbol);
                    work.extend(made_of.map(|(value, scope)| (value, scope, hops + 1)));
                }
            }
            Expression::TemplateLiteral(template) => {
                work.extend(
                    template
                        .expressions
                        .iter()
                        .map(|inner| (inner, scope, hops)),
                );
            }
            Expression::BinaryExpression(binary) => {
                work.push((&binary.left, scope, hops));
                work.push((&binary.right, scope, hops));
            }
            Expression::CallExpression(call) => {
                work.extend(
                    call.arguments
                        .iter()
                        .filter_map(Argument::as_expression)
                        .map(|inner| (inner, scope, hops)),
                );
            }
            Expression::ArrayExpression(array) => {
                work.extend(
                    array
                        .elements
                        .iter()
                        .filter_map(ArrayExpressionElement::as_expression)
                        .map(|inner| (inner, scope, hops)),
                );
            }
            Expression::AwaitExpression(inner) => work.push((&inner.argument, scope, hops)),
            Expression::LogicalExpression(logical) => {
                work.push((&logical.left, scope, hops));
                work.push((&logical.right, scope, hops));
            }
            _ => {}
        }
    }
}

/// The expressions that a binding is given, through parameters too.
fn origins<'a>(
    facts: &'a Facts<'a>,
    symbol: SymbolIx,
) -> impl Iterator<Item = (&'a Expression<'a>, ScopeIx)> {
    let definitions = &facts.symbols[symbol as usize].definitions;
    definitions.iter().take(4).flat_map(move |definition| {
        let mut values = Vec::new();
        match definition.origin {
            Origin::Value(value, scope) => values.push((value, scope)),
            Origin::Parameter(function, index) => {
                let own = facts.functions[function as usize].symbol;
                let calls = own.map(|own| &facts.symbols[own as usize].calls);
                for call in calls.into_iter().flatten().take(8) {
                    let call = facts.calls[*call as usize];
                    values.extend(call.argument(index).map(|value| (value, call.scope)));
                }
            }
            _ => {}
        }
        values
    })
}
