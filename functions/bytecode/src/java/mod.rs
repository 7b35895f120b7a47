//! Java class files: which methods do what, with which data.

mod calls;
mod class;
mod code;
mod descriptor;
mod library;

use std::rc::Rc;

use packguard_sdk::Phase;

use class::{Class, Constant, Method};
use descriptor::Descriptor;
use library::LIBRARY;

use crate::facts::Facts;
use crate::labels::Labels;
use crate::machine::{Machine, Value};
use crate::scene::Scene;
use crate::summaries::{self, Summaries, sooner};

/// What a class says without its code being followed.
#[derive(Debug, Default)]
pub(crate) struct Glance {
    /// It names something of the runtime that matters.
    pub telling: bool,
    /// Nothing could be read.
    pub broken: bool,
    /// Marks of obfuscators.
    pub obfuscator: Option<&'static str>,
}

/// Whether a file begins as a class file does: a version from 45 on.
pub(crate) fn is_class(head: &[u8]) -> bool {
    matches!(head, [0xCA, 0xFE, 0xBA, 0xBE, _, _, 0, 45..=120, ..])
}

/// Looks at a class without following its code.
pub(crate) fn glance(bytes: &[u8]) -> Glance {
    let Some(class) = Class::read(bytes) else {
        return Glance {
            broken: true,
            ..Glance::default()
        };
    };
    let mut glance = Glance {
        broken: class.broken,
        ..Glance::default()
    };
    for constant in &class.pool {
        match constant {
            Constant::Class(name) => {
                let name = class.text(*name);
                let common = name.starts_with("java/lang/String") || name.starts_with("java/util/");
                glance.telling |= !common && LIBRARY.knows(&name);
            }
            Constant::Text(_) => {}
            _ => {}
        }
    }
    for mark in [
        "ALLATORIxDEMO",
        "ZKM",
        "Obfuscated by Stringer",
        "Branchlock",
        "Skidfuscator",
        "Obfuscated by Caesium",
    ] {
        if class
            .pool
            .iter()
            .any(|one| matches!(one, Constant::Text(range) if bytes.get(range.clone()).is_some_and(|text| text.starts_with(mark.as_bytes()) && text.len() < 60)))
        {
            glance.obfuscator = Some(mark);
        }
    }
    glance
}

/// Follows the methods of a class, and gives the instructions followed.
pub(crate) fn follow(
    bytes: &[u8],
    machine: &mut Machine,
    summaries: &mut Summaries,
    facts: &mut Facts,
    noting: bool,
) -> usize {
    let Some(class) = Class::read(bytes) else {
        return 0;
    };
    if noting {
        texts(&class, facts);
    }
    let name = class.class_name(class.name);
    let auto = starter(&class);
    let mut steps = 0;
    // Fields get their values first.
    let is_first = |method: &&Method| class.text(method.name).starts_with('<');
    let first = class.methods.iter().filter(is_first);
    let rest = class.methods.iter().filter(|method| !is_first(method));
    for method in first.chain(rest) {
        let (called, kind) = (class.text(method.name), class.text(method.descriptor));
        let key = summaries::key(&[&name, &called, &kind]);
        summaries.declare(key);
        let is_static = method.access & 8 != 0;
        let shape = summaries::key(&["", &called, &kind]);
        if !is_static && !called.starts_with('<') {
            summaries.declare(shape);
        }
        let mut locals = locals(method, &class, summaries, key);
        let behind = self::locals(method, &class, summaries, shape);
        let keys = takes_keys(&called, &kind);
        for (local, other) in locals.iter_mut().zip(behind).skip(usize::from(!is_static)) {
            local.labels = local.labels.with(other.labels.only(Labels::WALLET));
            if keys {
                local.labels = local.labels.with(Labels::WALLET);
            }
        }
        machine.start(locals, !is_static);
        let phase = sooner(phase(&called, auto), summaries.method(key));
        let label = format!("{}.{called}", name.replace('/', "."));
        let mut result = Vec::new();
        let mut scene = Scene {
            machine,
            summaries,
            facts,
            method: Rc::from(label),
            phase,
            noting,
        };
        let shape = code::follow(&class, method, &mut scene, &mut result);
        steps += shape.steps;
        if let Some(summary) = summaries.method_mut(key) {
            for value in &result {
                summary.result.put(value);
            }
            let text = kind.ends_with(")Ljava/lang/String;") || kind.ends_with(")[C");
            summary.decoder = text && shape.xor && shape.letters && shape.loops;
        }
    }
    steps
}

/// Whether a method is given a wallet's key or words: `fromMnemonic`, `setPrivateKey`.
fn takes_keys(name: &str, kind: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let gives = [
        "from", "import", "set", "with", "load", "restore", "recover", "create", "of",
    ]
    .iter()
    .any(|verb| lower.starts_with(verb));
    let what = [
        "mnemonic",
        "privatekey",
        "privkey",
        "seedphrase",
        "secretkey",
        "keystore",
    ]
    .iter()
    .any(|word| lower.contains(word))
        || lower.ends_with("private")
        || lower.ends_with("seed");
    let arguments = kind.split(')').next().unwrap_or_default();
    let texts = ["Ljava/lang/String;", "[B", "[C", "Ljava/math/BigInteger;"];
    gives && what && texts.iter().any(|text| arguments.contains(text))
}

/// What arrives in the local variables: what the package calls the method with.
fn locals(method: &Method, class: &Class<'_>, summaries: &Summaries, key: u64) -> Vec<Value> {
    let descriptor = Descriptor::read(&class.text(method.descriptor));
    let mut known = summaries
        .method(key)
        .map(|summary| summary.parameters.as_slice())
        .unwrap_or_default()
        .iter()
        .map(summaries::Slot::value);
    let mut locals = Vec::new();
    if method.access & 8 == 0 {
        known.next();
        locals.push(Value::default());
    }
    for wide in descriptor.arguments {
        locals.push(known.next().unwrap_or_default());
        if wide {
            locals.push(Value::default());
        }
    }
    locals
}

/// Notes the constants, and what a class declares of native libraries.
fn texts(class: &Class<'_>, facts: &mut Facts) {
    for constant in &class.pool {
        if let Constant::String(text) = constant {
            facts.text(&class.text(*text));
        }
    }
    for (_, arguments) in &class.bootstraps {
        for argument in arguments {
            if let Constant::String(text) = class.constant(*argument) {
                facts.text(&class.text(*text));
            }
        }
    }
}

/// When the methods of a class run by themselves: those of build plugins and of
/// annotation processors during a build.
fn starter(class: &Class<'_>) -> Option<Phase> {
    let parent = class.class_name(class.parent);
    let plugin = [
        "org/apache/maven/plugin/AbstractMojo",
        "javax/annotation/processing/AbstractProcessor",
    ]
    .contains(&parent.as_ref());
    let gradle = class.pool.iter().any(|constant| match constant {
        Constant::Class(name) => class.text(*name) == "org/gradle/api/Plugin",
        _ => false,
    });
    (plugin || gradle).then_some(Phase::Install)
}

fn phase(method: &str, auto: Option<Phase>) -> Phase {
    match method {
        "<clinit>" | "premain" | "agentmain" | "JNI_OnLoad" => auto.unwrap_or(Phase::Import),
        "execute" | "process" | "apply" | "init" => auto.unwrap_or(Phase::Execute),
        _ => Phase::Execute,
    }
}
