//! Processes, errors and addresses kept out of sight, and data kept out of sight in names.

use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::{Act, Kind, network};
use crate::context::{Context, hit, when};
use crate::value::{HOLE, Taint, Value};

/// A process that lives on unseen.
pub const PROCESS: Rule = Rule {
    id: "js-hidden-process",
    title: "Starts a process that lives on unseen",
    help: "A process is started detached, with its output thrown away, while the package is installed or \
loaded.\n\nIt goes on after the installer has ended, and nobody sees what it does.\n\nLook at what is started.",
    category: Category::DefenseEvasion,
    severity: Severity::Medium,
    attack: &["T1564", "T1059.007"],
};

/// Errors that nobody is to see.
pub const SILENCED: Rule = Rule {
    id: "js-silenced-errors",
    title: "Hides its errors",
    help: "Errors are swallowed for the whole process (`uncaughtException`) in code that starts processes or \
talks to the network when the package is installed or loaded.\n\nBy itself harmless; together with other \
findings it shows intent.",
    category: Category::DefenseEvasion,
    severity: Severity::Low,
    attack: &["T1562"],
};

/// An address that is decoded first.
pub const ADDRESS: Rule = Rule {
    id: "js-hidden-address",
    title: "Hides the address that it talks to",
    help: "The address of a request is decoded from another text before it is used.\n\nHonest packages write \
out whom they talk to.\n\nLook at what is sent there, or done with what comes back.",
    category: Category::CommandAndControl,
    severity: Severity::Medium,
    attack: &["T1140", "T1071.001"],
};

/// Data in names that are looked up.
pub const LABELS: Rule = Rule {
    id: "js-data-in-host-names",
    title: "Sends data in the names of hosts",
    help: "Encoded data becomes a part of host names that the code looks up or connects to: whoever runs the \
domain's name server gets it, past firewalls and logs.\n\nHonest packages have no reason to.\n\n\
Do not install the package.",
    category: Category::Exfiltration,
    severity: Severity::High,
    attack: &["T1048.003", "T1071.004"],
};

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    addresses(context, hits);
    for act in context.of(Kind::Spawn) {
        let phase = context.phase_of(act);
        if phase != Phase::Execute && is_detached(context, act) {
            hits.push(
                hit(&PROCESS, act.span, phase)
                    .title(format!("Starts a detached, silent process {}", when(phase)))
                    .confidence(Confidence::Medium)
                    .why("It outlives the installer, and its output is thrown away."),
            );
        }
    }
    let active = context
        .acts
        .iter()
        .any(|act| matches!(act.kind, Kind::Spawn | Kind::Send | Kind::Code));
    for act in context.of(Kind::Silence) {
        let phase = context.phase_of(act);
        let empty =
            act.arguments
                .get(1)
                .is_some_and(|handler| match handler.value {
                    Value::Function(function) => {
                        let facts = context.facts;
                        let span = facts.functions[function as usize].span;
                        !facts.calls.iter().any(|call| {
                            span.start < call.span().start && call.span().end < span.end
                        })
                    }
                    _ => false,
                });
        if phase != Phase::Execute && active && empty {
            hits.push(hit(&SILENCED, act.span, phase).why("Whatever fails, nobody is told."));
        }
    }
}

fn addresses(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for act in context.of(Kind::Send) {
        let Some(address) = act.text.as_deref() else {
            continue;
        };
        let phase = context.phase_of(act);
        let layers = act
            .arguments
            .first()
            .map_or(&[][..], |first| first.layers());
        // What an obfuscator hid, it hid with all other texts.
        let hidden = !layers.is_empty() && !context.evaluator.borrow().shuffled;
        if hidden && network::host(address).is_some_and(|host| !context.own.is_home(host)) {
            let severity = match phase {
                Phase::Execute => Severity::Medium,
                _ => Severity::High,
            };
            hits.push(
                hit(&ADDRESS, act.span, phase)
                    .title(format!("Talks to {} {}, an address that it decodes", packguard_sdk::text::cut(address, 80), when(phase)))
                    .severity(severity)
                    .confidence(Confidence::Medium)
                    .layers(layers)
                    .why("The address does not stand in the code, so that a reader or scanner does not see it."),
            );
        } else if act.taint.has(Taint::LABEL) && is_labelled(address) {
            hits.push(
                hit(&LABELS, act.span, phase)
                    .confidence(Confidence::Medium)
                    .title(format!("Sends encoded data in the names of hosts {}", when(phase)))
                    .why("Data is written as hexadecimal digits and becomes a part of a name that is looked up."),
            );
        }
    }
}

/// Whether the first label of a host's name is not known, and the rest is.
fn is_labelled(address: &str) -> bool {
    let host = ["dns://", "tcp://", "http://", "https://"]
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme));
    host.and_then(|host| host.split(['/', ':']).next())
        .and_then(|host| host.split_once('.'))
        .is_some_and(|(label, rest)| {
            label.contains(HOLE) && rest.trim_matches([HOLE, '.']).contains('.')
        })
}

/// Whether a process is started apart from this one, and out of sight.
pub fn is_detached<'a>(context: &Context<'_, 'a>, act: &Act<'a>) -> bool {
    let mut evaluator = context.evaluator.borrow_mut();
    let detached = act
        .option(&mut evaluator, "detached")
        .is_some_and(|option| matches!(option.value, Value::Boolean(true)));
    let silent = act
        .option(&mut evaluator, "stdio")
        .is_some_and(|option| option.exact().as_deref() == Some("ignore"));
    let hidden = act
        .option(&mut evaluator, "windowsHide")
        .is_some_and(|option| matches!(option.value, Value::Boolean(true)));
    detached && (silent || hidden)
}
