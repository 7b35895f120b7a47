//! One text: bounds, parser, walk, rules.

use packguard_sdk::Phase;
use packguard_sdk::text::Source;
use ruff_python_ast::PySourceType;
use ruff_python_ast::token::{Token, TokenKind};
use ruff_python_parser::parse_unchecked_source;
use ruff_text_size::Ranged as _;

use crate::guard;
use crate::interp::{Interpreter, Outcome, Unit, bytes_of};
use crate::names;
use crate::rules;
use packguard_sdk::Hit;

/// Largest text that is parsed, in bytes. The largest Python file in 40 popular
/// packages has 1.5 MB; a tree takes about 30 times the text's memory.
pub const PARSE_LIMIT: usize = 8 << 20;

/// Payloads inside payloads that are followed.
pub const PAYLOAD_DEPTH: usize = 5;

/// What a text gave.
#[derive(Debug, Default)]
pub struct Inspection {
    /// What was found.
    pub hits: Vec<Hit>,
    /// What was not looked at, one line each.
    pub problems: Vec<String>,
}

/// Analyses a text that Python runs.
pub fn inspect(text: &str, unit: Unit) -> Inspection {
    inspect_at(text, unit, 0)
}

/// Analyses code found inside other code. That it doesn't parse is no problem: it may
/// not be Python at all.
pub fn inspect_payload(text: &str, phase: Phase, depth: usize) -> Inspection {
    let unit = Unit {
        phase,
        setup: phase == Phase::Install,
    };
    let mut inspection = if depth > PAYLOAD_DEPTH {
        Inspection {
            hits: rules::text::check_unparsed(text, phase),
            problems: vec![format!(
                "code inside code, more than {PAYLOAD_DEPTH} levels deep"
            )],
        }
    } else {
        inspect_at(text, unit, depth)
    };
    if depth <= PAYLOAD_DEPTH {
        inspection.problems.clear();
    }
    inspection
}

fn inspect_at(text: &str, unit: Unit, depth: usize) -> Inspection {
    let shape = if text.len() > PARSE_LIMIT {
        Err(format!("larger than {} MiB", PARSE_LIMIT >> 20))
    } else {
        let shape = guard::measure(text);
        shape.refusal().map_or(Ok(shape), Err)
    };
    let shape = match shape {
        Ok(shape) => shape,
        Err(reason) => {
            return Inspection {
                hits: rules::text::check_unparsed(text, unit.phase),
                problems: vec![format!("not parsed as Python: {reason}")],
            };
        }
    };
    let parsed = parse_unchecked_source(text, PySourceType::Python);
    let outcome = if worth_walking(text, parsed.tokens()) {
        Interpreter::run(text, unit, &parsed.syntax().body)
    } else {
        Outcome::default()
    };
    let mut inspection = rules::check(&outcome.facts, unit.setup, depth);
    inspection
        .hits
        .extend(rules::text::check(text, parsed.tokens(), unit.phase));
    inspection
        .problems
        .extend(outcome.problem.map(str::to_owned));
    if let Some(error) = parsed.errors().first() {
        let (line, _) = Source::new(text).position(error.location.start().to_usize());
        inspection.problems.push(format!(
            "not wholly parsed as Python: line {line}: {}",
            error.error
        ));
        if inspection
            .hits
            .iter()
            .all(|hit| rules::is_capability(hit.rule.id))
        {
            inspection
                .hits
                .extend(rules::text::check_unparsed(text, unit.phase));
        }
    }
    drop(outcome);
    if shape.is_deep() {
        // Dropping recurses as deep as the tree is: leave that to the sandbox's end.
        std::mem::forget(parsed);
    }
    inspection.hits = rules::distinct(inspection.hits);
    inspection
}

/// Whether a file names anything that the rules know. Half the files of an honest
/// package do not.
fn worth_walking(text: &str, tokens: &[Token]) -> bool {
    ["://", "/.", "\\"]
        .iter()
        .any(|sign| memchr::memmem::find(text.as_bytes(), sign.as_bytes()).is_some())
        || tokens.iter().any(|token| {
            token.kind() == TokenKind::Name
                && text
                    .get(bytes_of(token.range()))
                    .is_some_and(names::is_known_word)
        })
}
