//! The rules: one file per family, one list of all.

mod capabilities;
mod commands;
mod correlation;
mod execution;
mod exfiltration;
mod sockets;
mod system;

pub use execution::payload;

use std::collections::BTreeMap;

use packguard_sdk::decode::Layer;
use packguard_sdk::{Hit, Phase, Rule, Severity};

use crate::facts::{Call, Facts};
use crate::names::Role;
use crate::value::Value;

/// Every rule that the analyzer can emit.
pub const RULES: &[&Rule] = &[
    &execution::DECODE_EXECUTE,
    &execution::REMOTE_CODE,
    &execution::DOWNLOAD_EXECUTE,
    &execution::BACKDOOR,
    &execution::HIDDEN_COMMAND,
    &execution::REFLECTION,
    &sockets::REVERSE_SHELL,
    &sockets::SUSPICIOUS_HOST,
    &exfiltration::EXFILTRATION,
    &exfiltration::CREDENTIAL_ACCESS,
    &exfiltration::SURVEILLANCE,
    &correlation::WALLET_THEFT,
    &correlation::CLIPBOARD_HIJACK,
    &correlation::SKIMMER,
    &system::PERSISTENCE,
    &system::DESTRUCTION,
    &system::MINER,
    &system::INJECTION,
    &system::SILENT_PROCESS,
    &system::RECON,
    &system::SELF_SPREAD,
    &system::TIME_BOMB,
    &capabilities::NETWORK,
    &capabilities::PROCESS,
    &capabilities::ENVIRONMENT,
    &capabilities::FILES,
    &capabilities::DYNAMIC_CODE,
    &capabilities::NATIVE,
];

/// What checks look at, and where they put what they find.
pub struct Context<'c> {
    /// What the walk noted.
    pub facts: &'c Facts,
    /// What was found.
    pub hits: Vec<Hit>,
}

impl Context<'_> {
    fn hit(&mut self, hit: Hit) {
        self.hits.push(hit);
    }
}

/// Runs every check.
pub fn check(facts: &Facts) -> Vec<Hit> {
    let mut context = Context {
        facts,
        hits: Vec::new(),
    };
    execution::check(&mut context);
    commands::check(&mut context);
    sockets::check(&mut context);
    exfiltration::check(&mut context);
    system::check(&mut context);
    correlation::check(&mut context);
    capabilities::check(&mut context);
    distinct(context.hits)
}

/// Whether a rule says what code is able to do: reported once for a package.
pub fn is_capability(rule: &str) -> bool {
    rule.starts_with("source-capability-")
}

/// One hit per rule and place, the gravest.
pub fn distinct(hits: Vec<Hit>) -> Vec<Hit> {
    let mut kept: BTreeMap<(usize, &'static str), Hit> = BTreeMap::new();
    for hit in hits {
        let key = (hit.range.start, hit.rule.id);
        let better = kept.get(&key).is_none_or(|have| {
            (hit.severity, hit.confidence as u8) > (have.severity, have.confidence as u8)
        });
        if better {
            kept.insert(key, hit);
        }
    }
    kept.into_values().collect()
}

/// A hit at a call.
fn hit_at(rule: &'static Rule, call: &Call) -> Hit {
    let layers: Vec<Layer> = call
        .args
        .iter()
        .chain([&call.receiver])
        .flat_map(|value| value.layers().iter().cloned())
        .take(8)
        .collect();
    Hit::new(rule, call.range.clone(), call.phase).layers(&layers)
}

/// The words for when code runs.
fn when(phase: Phase) -> &'static str {
    match phase {
        Phase::Install => "while the package is installed",
        Phase::Import => "as soon as the package is loaded",
        Phase::Execute => "when this function is called",
        Phase::Unknown => "when it is run",
    }
}

/// Severity by when code runs: the first where it runs by itself, else the second.
fn by_phase(call: &Call, by_itself: Severity, called: Severity) -> Severity {
    if call.by_itself() { by_itself } else { called }
}

/// All texts in the arguments of a call, lists flattened.
fn words(call: &Call) -> Vec<(String, &Value)> {
    fn add<'v>(value: &'v Value, depth: usize, out: &mut Vec<(String, &'v Value)>) {
        if out.len() >= 64 {
            return;
        }
        match value.items() {
            Some(items) if depth > 0 => items.iter().for_each(|item| add(item, depth - 1, out)),
            _ => out.push((value.to_text().unwrap_or_else(|| "?".into()), value)),
        }
    }
    let mut out = Vec::new();
    for arg in &call.args {
        add(arg, 3, &mut out);
    }
    out
}

/// Whether a call starts a program.
fn starts(call: &Call) -> bool {
    matches!(call.role, Role::Shell | Role::Spawn)
}
