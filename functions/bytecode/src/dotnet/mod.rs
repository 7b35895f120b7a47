//! .NET assemblies: which methods do what, with which data.

mod assembly;
mod code;
mod context;
mod library;
mod tables;

use std::collections::BTreeMap;
use std::rc::Rc;

use packguard_sdk::Phase;

use assembly::Assembly;
use code::method_key;
use context::Context;
use tables::table;

use crate::facts::Facts;
use crate::machine::{Machine, Value};
use crate::scene::Scene;
use crate::summaries::{Slot, Summaries, sooner};

/// Most methods of an assembly that are followed.
const METHODS_LIMIT: usize = 400_000;

/// Assemblies up to this size are followed once more, in bytes.
const SMALL: usize = 2 << 20;

/// What following an assembly came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Instructions followed.
    pub steps: usize,
    /// Why it could not be read, or not all of it.
    pub problem: Option<&'static str>,
    /// Marks of an obfuscator.
    pub obfuscator: Option<&'static str>,
}

/// Whether a file may be an assembly.
pub(crate) fn may_be_assembly(head: &[u8]) -> bool {
    head.starts_with(b"MZ")
}

/// Whether the head of a PE file points at .NET metadata. A head that is cut off or odd
/// may: then the whole file tells.
pub(crate) fn has_metadata(head: &[u8]) -> bool {
    assembly::points_at_metadata(head)
}

/// Follows all methods of an assembly. `None` if it is none.
pub(crate) fn follow(
    bytes: &[u8],
    path: &str,
    machine: &mut Machine,
    summaries: &mut Summaries,
    facts: &mut BTreeMap<String, Facts>,
    budget: usize,
) -> Option<Outcome> {
    let assembly = match Assembly::read(bytes)? {
        Ok(assembly) => assembly,
        Err(problem) => {
            return Some(Outcome {
                problem: Some(problem),
                ..Outcome::default()
            });
        }
    };
    let mut outcome = Outcome {
        obfuscator: obfuscator(&assembly),
        ..Outcome::default()
    };
    if assembly.tables.cut {
        outcome.problem = Some("its tables are cut off");
    }
    let mut context = Context::new(&assembly, path);
    let methods = assembly.tables.rows(table::METHOD);
    if methods > METHODS_LIMIT {
        outcome.problem = Some("more than 400,000 methods: the rest was not followed");
    }
    // Small assemblies are followed once more: what is known then reaches further.
    let rounds: &[bool] = if bytes.len() <= SMALL {
        &[false, false, true]
    } else {
        &[false, true]
    };
    for noting in rounds.iter().copied() {
        for row in 1..=methods.min(METHODS_LIMIT) {
            if outcome.steps > budget {
                outcome.problem = Some("more code than is followed");
                return Some(outcome);
            }
            outcome.steps += method(&mut context, row, machine, summaries, facts, noting);
        }
    }
    Some(outcome)
}

fn method(
    context: &mut Context<'_, '_>,
    row: usize,
    machine: &mut Machine,
    summaries: &mut Summaries,
    facts: &mut BTreeMap<String, Facts>,
    noting: bool,
) -> usize {
    let assembly = context.assembly;
    let Some(code) = assembly.code(row) else {
        return 0;
    };
    let owner = context.owner(row);
    let outer = context.outermost(owner);
    let unit = assembly.type_name(table::TYPE_DEF, outer);
    let own = assembly.type_name(table::TYPE_DEF, owner);
    let name = assembly.name(table::METHOD, row, 3);
    let signature = assembly.signature(table::METHOD, row, 4);
    let key = method_key(&own, &name, signature.arguments);
    summaries.declare(key);
    let mut locals: Vec<Value> = Vec::new();
    let known = summaries
        .method(key)
        .map(|known| known.parameters.as_slice());
    locals.extend(known.unwrap_or_default().iter().map(Slot::value));
    if signature.has_this {
        match locals.first_mut() {
            Some(this) => *this = Value::default(),
            None => locals.push(Value::default()),
        }
    }
    machine.start(locals, signature.has_this);
    let phase = sooner(phase(assembly, owner, &name), summaries.method(key));
    let mut result = Vec::new();
    let mut scene = Scene {
        machine,
        summaries,
        facts: facts.entry(unit).or_default(),
        method: Rc::from(format!("{own}.{name}")),
        phase,
        noting,
    };
    let shape = code::follow(context, code, &mut scene, &mut result);
    if let Some(summary) = summaries.method_mut(key) {
        for value in &result {
            summary.result.put(value);
        }
        summary.decoder = signature.text && shape.xor && shape.letters && shape.loops;
    }
    shape.steps
}

/// When a method runs by itself.
fn phase(assembly: &Assembly<'_>, owner: usize, name: &str) -> Phase {
    if name == ".cctor" {
        return Phase::Import;
    }
    let parent = assembly.tables.cell(table::TYPE_DEF, owner, 3).unwrap_or(0);
    let task = parent & 3 == 1
        && assembly
            .type_name(table::TYPE_REF, parent >> 2)
            .starts_with("Microsoft.Build.Utilities.");
    if task && name == "Execute" {
        Phase::Install
    } else {
        Phase::Execute
    }
}

/// Names that obfuscators leave in the metadata.
fn obfuscator(assembly: &Assembly<'_>) -> Option<&'static str> {
    const MARKS: &[(&str, &str)] = &[
        ("ConfusedByAttribute", "ConfuserEx"),
        ("ConfuserEx", "ConfuserEx"),
        (
            "SmartAssembly.Attributes.PoweredByAttribute",
            "SmartAssembly",
        ),
        ("YanoAttribute", "Yano"),
        ("DotfuscatorAttribute", "Dotfuscator"),
        ("BabelObfuscatorAttribute", "Babel"),
        ("ObfuscatedByGoliath", "Goliath"),
        ("NineRays.Obfuscator.Evaluation", "Spices"),
        (
            "CryptoObfuscator.ProtectedWithCryptoObfuscatorAttribute",
            "Crypto Obfuscator",
        ),
    ];
    let limit = 20_000;
    for (number, rows) in [
        (table::TYPE_REF, assembly.tables.rows(table::TYPE_REF)),
        (table::TYPE_DEF, assembly.tables.rows(table::TYPE_DEF)),
    ] {
        for row in 1..=rows.min(limit) {
            let name = assembly.type_name(number, row);
            if let Some((_, tool)) = MARKS.iter().find(|(mark, _)| *mark == name) {
                return Some(tool);
            }
        }
    }
    None
}
