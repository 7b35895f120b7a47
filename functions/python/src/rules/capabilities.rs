//! What code is able to do: told once for a package, never convicting.

use packguard_sdk::{Category, Confidence, Hit, Rule, Severity};

use super::{Context, hit_at};
use crate::names::Role;

const HELP: &str = "A capability: harmless by itself, and usual. It helps to judge the other \
                    findings, and to notice when a new version of a package can do more than the \
                    last.";

/// Talks to the network.
pub const NETWORK: Rule = Rule::new(
    "python-capability-network",
    "Can talk to the network",
    HELP,
    Category::Capability,
    Severity::Info,
    &[],
);
/// Starts processes.
pub const PROCESS: Rule = Rule::new(
    "python-capability-process",
    "Can start processes",
    HELP,
    Category::Capability,
    Severity::Info,
    &[],
);
/// Reads environment variables.
pub const ENVIRONMENT: Rule = Rule::new(
    "python-capability-environment",
    "Reads environment variables",
    HELP,
    Category::Capability,
    Severity::Info,
    &[],
);
/// Deletes files.
pub const DELETE: Rule = Rule::new(
    "python-capability-file-delete",
    "Can delete files",
    HELP,
    Category::Capability,
    Severity::Info,
    &[],
);
/// Runs code made at run time.
pub const DYNAMIC_CODE: Rule = Rule::new(
    "python-capability-dynamic-code",
    "Runs code that it makes at run time",
    HELP,
    Category::Capability,
    Severity::Info,
    &[],
);
/// Calls native code.
pub const NATIVE: Rule = Rule::new(
    "python-capability-native-code",
    "Calls native code",
    HELP,
    Category::Capability,
    Severity::Info,
    &[],
);

pub(super) fn check(context: &mut Context<'_, '_>) {
    let mut hits = Vec::new();
    for call in &context.facts.calls {
        let rule = match call.role {
            Some(Role::Fetch | Role::FetchToFile | Role::Send | Role::Dns) => &NETWORK,
            Some(Role::Shell | Role::Spawn | Role::OpenFile) => &PROCESS,
            Some(Role::GetVariable) => &ENVIRONMENT,
            Some(Role::DeleteFile | Role::DeleteTree) => &DELETE,
            Some(Role::Exec | Role::Compile) => &DYNAMIC_CODE,
            Some(Role::Native) => &NATIVE,
            None if call.callee.starts_with("socket.socket") => &NETWORK,
            _ => continue,
        };
        if hits.iter().any(|hit: &Hit| hit.rule.id == rule.id) {
            continue;
        }
        hits.push(
            hit_at(rule, call)
                .title(format!(
                    "{}: `{}`",
                    rule.title,
                    packguard_sdk::text::cut(&call.callee, 60)
                ))
                .confidence(Confidence::High)
                .why("Said once for the package, at the first place that shows it."),
        );
    }
    context.found.hits.extend(hits);
}
