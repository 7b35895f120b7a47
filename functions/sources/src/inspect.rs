//! One text from its bytes to hits, and the texts inside of it.

use packguard_sdk::{Hit, Phase};

use crate::facts::Facts;
use crate::lang::{Lang, Unit, Units};
use crate::lex::{Kind, Quote, Stream, lex};
use crate::names::{Role, is_telling};
use crate::rules;
use crate::value::Taint;
use crate::walk::walk;

/// Payloads inside of payloads.
const DEPTH: usize = 6;

/// Payloads of one file that are analysed.
const PAYLOADS: usize = 64;

/// Bytes of payloads of one file, all together.
const PAYLOAD_BYTES: usize = 4 << 20;

/// What came out.
#[derive(Debug, Default)]
pub struct Inspection {
    /// What was found.
    pub hits: Vec<Hit>,
    /// What could not be followed.
    pub problems: Vec<String>,
}

/// Analyses several files of one language together, one behind the other in a text: what
/// one defines and another uses is seen.
pub fn together(text: &str, units: &Units) -> Inspection {
    let lang = units.at(0).lang;
    let mut stream = Stream::default();
    for range in units.ranges(text.len()) {
        stream.append(lex(text, range, lang, false));
    }
    let mut left = Budget::new();
    let mut inspection = of_stream(text, &stream, units, 0, &mut left);
    inspection.hits = rules::distinct(std::mem::take(&mut inspection.hits));
    inspection
}

/// Analyses one text.
pub fn inspect(text: &str, unit: Unit) -> Inspection {
    let stream = lex(text, 0..text.len(), unit.lang, false);
    if !is_worth(text, &stream, unit.lang) {
        return Inspection::default();
    }
    let mut left = Budget::new();
    let mut inspection = of_stream(text, &stream, &Units::one(unit), 0, &mut left);
    if unit.aside {
        for hit in &mut inspection.hits {
            hit.severity = hit.severity.lowered(2);
        }
    }
    inspection.hits = rules::distinct(std::mem::take(&mut inspection.hits));
    inspection
}

struct Budget {
    count: usize,
    bytes: usize,
}

impl Budget {
    fn new() -> Self {
        Self {
            count: PAYLOADS,
            bytes: PAYLOAD_BYTES,
        }
    }
}

/// Whether anything stands in a file that rules speak of.
fn is_worth(text: &str, stream: &Stream, lang: Lang) -> bool {
    let bytes = text.as_bytes();
    let of = |token: &crate::lex::Token| &bytes[token.start as usize..token.end as usize];
    stream
        .tokens
        .iter()
        .enumerate()
        .any(|(at, token)| match token.kind {
            Kind::Word => {
                let word = of(token);
                is_telling(word)
                    || lang == Lang::Php
                        && (word[0] == b'$' || word[0] == b'_')
                        && stream
                            .tokens
                            .get(at + 1)
                            .is_some_and(|next| of(next) == b"(")
            }
            Kind::Str => {
                let inner = of(token).trim_ascii();
                let named = lang == Lang::Php
                    && inner.len() > 4
                    && is_telling(&inner[1..inner.len() - 1])
                    && !inner[1..].eq_ignore_ascii_case(b"file'");
                named
                    || stream
                        .literals
                        .get(token.mate as usize)
                        .is_some_and(|literal| literal.quote == Quote::Command)
            }
            _ => false,
        })
}

fn of_stream(
    text: &str,
    stream: &Stream,
    units: &Units,
    depth: usize,
    left: &mut Budget,
) -> Inspection {
    let facts = walk(text, stream, units);
    let mut inspection = Inspection {
        hits: rules::check(&facts),
        problems: facts.problems.clone(),
    };
    payloads(&facts, units.at(0), depth, left, &mut inspection);
    inspection
}

/// Code that is evaluated and known is analysed as code; scripts that are run are told
/// from what is decoded.
fn payloads(facts: &Facts, unit: Unit, depth: usize, left: &mut Budget, into: &mut Inspection) {
    if !unit.lang.evaluates_text() {
        return;
    }
    for call in facts.calls.iter().filter(|call| call.role == Role::Eval) {
        let Some(code) = rules::payload(call) else {
            continue;
        };
        let inside = unit.lang != Lang::Php || !code.contains("<?php");
        let plain = call
            .args
            .iter()
            .all(|arg| !arg.taint.has(Taint::HIDDEN | Taint::REMOTE));
        // Text that stands there as it is and says nothing needs no further look.
        if plain
            && code.len() <= left.bytes
            && !is_worth(
                &code,
                &lex(&code, 0..code.len(), unit.lang, inside),
                unit.lang,
            )
        {
            left.bytes -= code.len();
            continue;
        }
        if depth >= DEPTH || left.count == 0 || code.len() > left.bytes {
            into.problems
                .push("code inside of code: not all of it was followed".into());
            return;
        }
        left.count -= 1;
        left.bytes -= code.len();
        let mut stream = lex(&code, 0..code.len(), unit.lang, inside);
        // A text without end is no code: evaluated, it fails.
        stream.broken = false;
        let inner_unit = Unit {
            top: call.phase,
            ..unit
        };
        let inner = of_stream(&code, &stream, &Units::one(inner_unit), depth + 1, left);
        let layers = call
            .args
            .first()
            .map(|arg| arg.layers().to_vec())
            .unwrap_or_default();
        for mut hit in inner.hits {
            if rules::is_capability(hit.rule.id) {
                continue;
            }
            hit.range = call.range.clone();
            hit.layers.splice(0..0, layers.iter().cloned());
            into.hits.push(hit);
        }
        into.problems.extend(inner.problems);
    }
}

/// A unit for a text without a file, for tests and fuzzing.
pub fn plain_unit(lang: Lang) -> Unit {
    Unit {
        lang,
        top: Phase::Import,
        inner: Phase::Execute,
        aside: false,
    }
}
