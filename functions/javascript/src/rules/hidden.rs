//! Processes and errors kept out of sight.

use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::{Act, Kind};
use crate::context::{Context, hit, when};
use crate::value::Value;

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

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
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
