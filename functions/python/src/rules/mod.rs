//! The rules: one file per family, one list of all.

mod beside;
pub mod bytecode;
mod capabilities;
mod constants;
pub mod correlation;
mod destruction;
mod encoded;
mod execution;
mod exfiltration;
mod handed;
mod hosts;
mod install;
mod latent;
mod native;
mod obfuscation;
mod programs;
mod remote_control;
mod shell;
mod small;
mod surveillance;
pub mod text;
mod theft;
mod together;

pub use execution::{DECODE_EXEC, INERT, UNPICKLE_PAYLOAD};
pub use obfuscation::OBFUSCATED;

use std::collections::BTreeMap;

use packguard_sdk::decode::Layer;
use packguard_sdk::{Hit, Phase, Rule, Severity};

use ruff_python_ast::token::Token;

use crate::facts::{Call, Facts};
use crate::inspect::{Inspection, inspect_payload};

/// Every rule that the analyzer can emit. To add one: write it in its family's file
/// (or a new one), list it here, list its check in [`CHECKS`], say it in the README,
/// and give it a positive and a negative case in `tests/`.
pub const RULES: &[&Rule] = &[
    &DECODE_EXEC,
    &execution::DOWNLOAD_EXECUTE,
    &UNPICKLE_PAYLOAD,
    &execution::DROPPER,
    &shell::DOWNLOAD_RUN,
    &shell::DECODE_RUN,
    &shell::RECON,
    &remote_control::REVERSE_SHELL,
    &exfiltration::EXFILTRATION,
    &exfiltration::CREDENTIAL_ACCESS,
    &hosts::SUSPICIOUS_HOST,
    &destruction::PERSISTENCE,
    &destruction::DESTRUCTION,
    &OBFUSCATED,
    &obfuscation::REFLECTION,
    &text::HIDDEN_CODE,
    &text::INVISIBLE_TEXT,
    &text::ENCODED_SOURCE,
    &text::UNPARSED_PAYLOAD,
    &install::SILENT_PROCESS,
    &install::INSTALL_NETWORK,
    &install::INSTALL_PROCESS,
    &surveillance::CLIPBOARD,
    &surveillance::KEYLOGGER,
    &surveillance::SCREEN,
    &native::SHELLCODE,
    &theft::MEMORY_DUMP,
    &bytecode::BYTECODE_PAYLOAD,
    &latent::LATENT_PAYLOAD,
    &latent::UNSEEN_DATA,
    &together::STAGED,
    &beside::BUNDLED_PROGRAM,
    &together::REMOTE_IMPORT,
    &beside::DISGUISED,
    &install::RUNTIME_INSTALL,
    &destruction::RANSOM,
    &correlation::BACKDOOR_ROUTE,
    &correlation::MINER_START,
    &correlation::SPREADING,
    &capabilities::NETWORK,
    &capabilities::PROCESS,
    &capabilities::ENVIRONMENT,
    &capabilities::DELETE,
    &capabilities::DYNAMIC_CODE,
    &capabilities::NATIVE,
    &crate::files::PTH_IMPORT,
    &crate::files::BYTECODE_ONLY,
    &crate::files::UNPARSED,
];

/// What looks at a walked file, in order.
const CHECKS: &[fn(&mut Context<'_, '_>)] = &[
    execution::check,
    shell::check,
    remote_control::check,
    exfiltration::check,
    hosts::check,
    destruction::check,
    obfuscation::check,
    install::check,
    surveillance::check,
    native::check,
    theft::check,
    capabilities::check,
];

/// Whether a rule says what code is able to do: reported once for a package.
pub fn is_capability(rule: &str) -> bool {
    rule.starts_with("python-capability-")
}

/// A hit at a call.
pub fn hit_at(rule: &'static Rule, call: &Call<'_>) -> Hit {
    Hit::new(rule, call.range.clone(), call.phase)
}

/// What checks look at, and where they put what they find.
pub struct Context<'c, 'a> {
    /// What the walk noted.
    pub facts: &'c Facts<'a>,
    /// Whether the file is a `setup.py`.
    pub setup: bool,
    /// How many payloads stand around this text.
    pub depth: usize,
    /// What was found.
    pub found: Inspection,
}

impl Context<'_, '_> {
    /// Adds a hit.
    pub fn hit(&mut self, hit: Hit) {
        self.found.hits.push(hit);
    }

    /// Analyses code that a call runs; what is found in it is found here. Gives the
    /// gravest severity.
    pub fn payload(&mut self, code: &str, call: &Call<'_>, layers: &[Layer]) -> Option<Severity> {
        let inner = inspect_payload(code, call.phase, self.depth + 1);
        let mut gravest = None;
        for mut hit in inner.hits {
            gravest = gravest.max(Some(hit.severity));
            if is_capability(hit.rule.id) {
                continue;
            }
            hit.range = call.range.clone();
            hit.layers.splice(0..0, layers.iter().cloned());
            self.hit(hit);
        }
        self.found.problems.extend(inner.problems);
        gravest
    }
}

/// Runs every check. The text is that of one file, or empty where there are several.
pub fn check(facts: &Facts<'_>, source: &str, setup: bool, depth: usize) -> Inspection {
    let mut context = Context {
        facts,
        setup,
        depth,
        found: Inspection::default(),
    };
    for check in CHECKS {
        check(&mut context);
    }
    together::check(&mut context, source);
    context.found.hits = distinct(context.found.hits);
    context.found
}

/// Looks at constants, whatever the file does with them.
pub fn constants(source: &str, tokens: &[Token], phase: Phase, depth: usize) -> Vec<Hit> {
    let mut hits = latent::check(source, tokens, phase, depth);
    hits.extend(handed::check(source, tokens, phase));
    hits
}

/// One hit per rule and place, the gravest.
pub fn distinct(hits: Vec<Hit>) -> Vec<Hit> {
    let mut kept: BTreeMap<(usize, &'static str), Hit> = BTreeMap::new();
    for hit in hits {
        match kept.entry((hit.range.start, hit.rule.id)) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(hit);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                if hit.severity > entry.get().severity {
                    entry.insert(hit);
                }
            }
        }
    }
    kept.into_values().collect()
}

/// The words for when code runs.
pub fn when(phase: Phase) -> &'static str {
    match phase {
        Phase::Install => "while the package is installed",
        Phase::Import => "as soon as the package is imported",
        Phase::Execute => "when this function is called",
        Phase::Unknown => "when it is run",
    }
}

/// Severity by when code runs: the first where it runs by itself, else the second.
pub fn by_phase(phase: Phase, by_itself: Severity, called: Severity) -> Severity {
    match phase {
        Phase::Install | Phase::Import => by_itself,
        Phase::Execute | Phase::Unknown => called,
    }
}
