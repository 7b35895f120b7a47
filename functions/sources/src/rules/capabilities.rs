//! What code is able to do. Weighs nothing; said once for a package.

use packguard_sdk::{Category, Rule, Severity};

use super::{Context, hit_at};
use crate::names::Role;
use crate::value::Taint;

const fn capability(id: &'static str, title: &'static str, help: &'static str) -> Rule {
    Rule::new(id, title, help, Category::Capability, Severity::Info, &[])
}

/// Opens connections.
pub const NETWORK: Rule = capability(
    "source-capability-network",
    "Opens network connections",
    "Found when code sends requests or opens sockets. Harmless by itself.",
);
/// Starts programs.
pub const PROCESS: Rule = capability(
    "source-capability-process",
    "Starts other programs",
    "Found when code starts processes. Harmless by itself.",
);
/// Reads the environment.
pub const ENVIRONMENT: Rule = capability(
    "source-capability-environment",
    "Reads the whole environment",
    "Found when code reads all environment variables. Harmless by itself.",
);
/// Deletes files.
pub const FILES: Rule = capability(
    "source-capability-files",
    "Deletes folders or makes files executable",
    "Found when code deletes folders or sets permissions. Harmless by itself.",
);
/// Runs text.
pub const DYNAMIC_CODE: Rule = capability(
    "source-capability-dynamic-code",
    "Runs code that is made while it runs",
    "Found when code evaluates text or loads code. Harmless by itself.",
);
/// Touches memory and libraries.
pub const NATIVE: Rule = capability(
    "source-capability-native",
    "Uses memory or libraries of the system directly",
    "Found when code allocates executable memory or writes to other processes. Harmless by itself.",
);

pub(super) fn check(context: &mut Context<'_>) {
    let mut said: Vec<&str> = Vec::new();
    let facts = context.facts;
    for call in &facts.calls {
        let rule = match call.role {
            Role::Net | Role::NetToFile | Role::Socket | Role::Dns => &NETWORK,
            Role::Shell | Role::Spawn => &PROCESS,
            Role::Source(taint) if taint.has(Taint::ENVIRONMENT) => &ENVIRONMENT,
            Role::Delete | Role::Chmod => &FILES,
            Role::Eval | Role::Load => &DYNAMIC_CODE,
            Role::Inject => &NATIVE,
            _ => continue,
        };
        if !said.contains(&rule.id) {
            said.push(rule.id);
            context.hit(hit_at(rule, call));
        }
    }
}
