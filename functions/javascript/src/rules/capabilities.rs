//! What the code is able to do. Never convicts; one finding per capability and package.

use packguard_sdk::{Category, Hit, Rule, Severity};

use crate::acts::{Act, Kind};
use crate::context::{Context, hit};
use crate::value::Taint;

macro_rules! capability {
    ($name:ident, $id:literal, $title:literal, $attack:expr) => {
        #[doc = $title]
        pub const $name: Rule = Rule {
            id: $id,
            title: $title,
            help: concat!(
                $title,
                ". Most honest packages of its kind do; it is listed so that a change between \
releases is seen."
            ),
            category: Category::Capability,
            severity: Severity::Info,
            attack: $attack,
        };
    };
}

capability!(
    EVAL,
    "js-capability-eval",
    "Runs text as code",
    &["T1059.007"]
);
capability!(SPAWN, "js-capability-spawn", "Starts processes", &["T1059"]);
capability!(
    NETWORK,
    "js-capability-network",
    "Sends requests",
    &["T1071"]
);
capability!(SERVER, "js-capability-server", "Waits for connections", &[]);
capability!(
    ENVIRONMENT,
    "js-capability-environment",
    "Hands on all environment variables",
    &["T1552.007"]
);
capability!(READ, "js-capability-read", "Reads files", &["T1005"]);
capability!(WRITE, "js-capability-write", "Writes files", &[]);
capability!(
    DELETE,
    "js-capability-delete",
    "Deletes files",
    &["T1070.004"]
);
capability!(
    NATIVE,
    "js-capability-native",
    "Loads compiled code",
    &["T1129"]
);
capability!(
    CAPTURE,
    "js-capability-capture",
    "Reads clipboard, keys or screen",
    &["T1115", "T1113"]
);

/// Code that no parser takes, where that is no surprise.
pub const UNPARSED: Rule = Rule {
    id: "js-unparsed",
    title: "Not JavaScript that can be parsed",
    help: "Found when a file among tests, examples or documentation is called a script and can't be parsed \
as one. It was searched as text.\n\nTests of parsers and highlighters are made of such files. Elsewhere a file \
like this makes an analysis incomplete.",
    category: Category::Capability,
    severity: Severity::Info,
    attack: &[],
};

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let mut seen: Vec<&str> = Vec::new();
    for act in context.acts {
        let passed = act
            .arguments
            .iter()
            .any(|value| value.taint.has(Taint::ENVIRONMENT));
        let rules = rule_of(act)
            .into_iter()
            .chain(passed.then_some(&ENVIRONMENT));
        for rule in rules {
            if !seen.contains(&rule.id) {
                seen.push(rule.id);
                hits.push(
                    hit(rule, act.span, context.phase_of(act))
                        .title(format!("{} ({})", rule.title, act.api)),
                );
            }
        }
    }
}

fn rule_of(act: &Act<'_>) -> Option<&'static Rule> {
    Some(match act.kind {
        Kind::Code => &EVAL,
        Kind::Spawn => &SPAWN,
        Kind::Send => &NETWORK,
        Kind::Listen => &SERVER,
        Kind::Read => &READ,
        Kind::Write | Kind::Chmod => &WRITE,
        Kind::Delete => &DELETE,
        Kind::Native => &NATIVE,
        Kind::Capture => &CAPTURE,
        Kind::Load | Kind::Silence | Kind::Pipe => return None,
    })
}
