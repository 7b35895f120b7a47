//! One text: bounds, parser, walk, rules.

use std::collections::BTreeSet;
use std::rc::Rc;

use packguard_sdk::text::Source;
use packguard_sdk::{Phase, Severity};
use ruff_python_ast::token::{Token, TokenKind};
use ruff_python_ast::{Expr, PySourceType, Stmt};
use ruff_python_parser::parse_unchecked_source;
use ruff_text_size::Ranged as _;

use crate::facts::{Call, Facts};
use crate::guard;
use crate::interp::{Interpreter, Outcome, Surroundings, Unit, bytes_of};
use crate::names::{self, Role};
use crate::py2;
use crate::rules;
use crate::signs::{self, Signs};
use crate::styled;
use crate::value::Taint;
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
    /// Why it has no whole syntax tree.
    pub unparsed: Option<String>,
    /// What ties it to other files of the package.
    pub ties: Ties,
    /// What there are signs of in a file.
    pub signs: Signs,
}

/// What ties a file to others of its package.
#[derive(Debug, Default)]
pub struct Ties {
    /// What it calls of other modules by itself, or hands to what runs code.
    pub siblings: BTreeSet<Rc<str>>,
    /// What it imports.
    pub imports: BTreeSet<Rc<str>>,
    /// Whether what a file of the package contains is run.
    pub runs_file: bool,
    /// Whether something in it can do harm with what it is given.
    pub is_strong: bool,
    /// Whether its top level calls something for what that does.
    pub starts_something: bool,
    /// Whether it names hosts or files that attackers name.
    pub names_hosts: bool,
    /// When it loads pickles, if it does.
    pub unpickles: Option<Phase>,
}

/// Hits taken over from a text read as Python 2: each is looked up by its line.
const MODERN_HITS: usize = 200;

/// No names of modules.
static NO_TOPS: BTreeSet<String> = BTreeSet::new();

/// Files up to this size are walked whatever they name: they may tie others together.
const SMALL_FILE: usize = 600;

/// Nothing around a text.
const ALONE: Surroundings<'static> = Surroundings {
    modules: &[],
    content: None,
    tops: &NO_TOPS,
};

/// Analyses a text that Python runs.
pub fn inspect(text: &str, unit: Unit, tops: &BTreeSet<String>) -> Inspection {
    let surroundings = Surroundings { tops, ..ALONE };
    inspect_at(text, unit, 0, &surroundings)
}

/// Analyses a file together with modules that it uses, whose texts stand before its own,
/// and with the contents of the package's files.
pub fn inspect_linked(text: &str, unit: Unit, surroundings: &Surroundings<'_>) -> Inspection {
    inspect_at(text, unit, 0, surroundings)
}

/// Analyses code found inside other code. That it doesn't parse is no problem: it may
/// not be Python at all.
pub fn inspect_payload(text: &str, phase: Phase, depth: usize) -> Inspection {
    let unit = Unit {
        phase,
        setup: phase == Phase::Install,
        modern: true,
    };
    let mut inspection = if depth > PAYLOAD_DEPTH {
        Inspection {
            hits: rules::text::check_unparsed(text, phase),
            ties: Ties::default(),
            signs: Signs::default(),
            unparsed: None,
            problems: vec![format!(
                "code inside code, more than {PAYLOAD_DEPTH} levels deep"
            )],
        }
    } else {
        inspect_at(text, unit, depth, &ALONE)
    };
    if depth <= PAYLOAD_DEPTH {
        inspection.problems.clear();
        inspection.unparsed = None;
    }
    inspection
}

fn inspect_at(text: &str, unit: Unit, depth: usize, surroundings: &Surroundings<'_>) -> Inspection {
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
                ties: Ties::default(),
                signs: Signs::default(),
                unparsed: None,
                problems: vec![format!("not parsed as Python: {reason}")],
            };
        }
    };
    let parsed = parse_unchecked_source(text, PySourceType::Python);
    // Linked modules keep their places; the tree has plain names anyway.
    if surroundings.modules.is_empty()
        && let Some(plain) = styled::plain(text, parsed.tokens())
    {
        let mut inspection = inspect_at(&plain, unit, depth, surroundings);
        for hit in inspection.hits.iter_mut().take(MODERN_HITS) {
            hit.range = py2::original(hit.range.clone(), &plain, text);
        }
        inspection.hits.truncate(MODERN_HITS);
        let moved = |range| py2::original(range, &plain, text);
        inspection.signs.move_places(moved);
        let hits = rules::text::check(text, parsed.tokens(), unit.phase);
        inspection.hits.extend(hits);
        inspection.hits = rules::distinct(inspection.hits);
        if shape.is_deep() {
            std::mem::forget(parsed);
        }
        return inspection;
    }
    let outcome = if worth_walking(text, parsed.tokens()) {
        Interpreter::run(text, unit, &parsed.syntax().body, surroundings)
    } else {
        Outcome::default()
    };
    let mut inspection = rules::check(&outcome.facts, text, unit.setup, depth);
    if surroundings.modules.is_empty() {
        let hits = rules::constants(text, parsed.tokens(), unit.phase, depth);
        inspection.hits.extend(hits);
    }
    inspection
        .hits
        .extend(rules::text::check(text, parsed.tokens(), unit.phase));
    inspection
        .problems
        .extend(outcome.problem.map(str::to_owned));
    inspection.ties = ties(outcome, &inspection.hits);
    if depth == 0 && surroundings.modules.is_empty() {
        // A tree that is too deep to walk may do anything by itself.
        let body = (!shape.is_deep()).then(|| &*parsed.syntax().body);
        inspection.signs = signs::gather(text, parsed.tokens(), body, surroundings.tops);
    }
    inspection.ties.starts_something = starts_something(&parsed.syntax().body);
    inspection
        .hits
        .extend(rules::text::check_encoding(text, unit.phase));
    if let Some(error) = parsed.errors().first() {
        let (line, _) = Source::new(text).position(error.location.start().to_usize());
        let mut wholly = false;
        if depth <= PAYLOAD_DEPTH
            && let Some(modern) = py2::modernized(text).filter(|_| unit.modern)
        {
            let unit = Unit {
                modern: false,
                ..unit
            };
            let again = inspect_at(&modern, unit, depth, surroundings);
            // Read as Python 2, to its end.
            wholly = again.unparsed.is_none();
            for mut hit in again.hits.into_iter().take(MODERN_HITS) {
                hit.range = py2::original(hit.range, &modern, text);
                inspection.hits.push(hit);
            }
            inspection.ties = again.ties;
        }
        inspection.unparsed =
            (!wholly).then(|| format!("not wholly parsed as Python: line {line}: {}", error.error));
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
    if shape.is_deep() {
        // Dropping recurses as deep as the tree is: leave that to the sandbox's end.
        std::mem::forget(parsed);
    }
    inspection.hits = rules::distinct(inspection.hits);
    inspection
}

fn ties(outcome: Outcome<'_>, hits: &[Hit]) -> Ties {
    let facts = &outcome.facts;
    let common = [
        "python-suspicious-host",
        "python-silent-process",
        "python-shell-recon",
    ];
    let found = hits.iter().any(|hit| {
        hit.severity >= Severity::Medium
            || (hit.severity == Severity::Low && !common.contains(&hit.rule.id))
    });
    Ties {
        is_strong: found || facts.calls.iter().any(does_as_told),
        starts_something: false,
        names_hosts: !facts.texts.is_empty(),
        imports: imported(facts),
        unpickles: unpickles(facts),
        siblings: outcome.siblings,
        runs_file: outcome.runs_file,
    }
}

/// When a file loads pickles: by itself where any of its calls does.
fn unpickles(facts: &Facts<'_>) -> Option<Phase> {
    let loads = |call: &&Call<'_>| {
        call.role == Some(Role::Unpickle)
            || matches!(
                &*call.callee,
                "torch.load"
                    | "joblib.load"
                    | "dill.load"
                    | "dill.loads"
                    | "numpy.load"
                    | "pandas.read_pickle"
                    | "cloudpickle.load"
                    | "pickle.Unpickler().load"
            )
    };
    let mut loading = facts.calls.iter().filter(loads);
    let first = loading.next()?;
    let itself = std::iter::once(first)
        .chain(loading)
        .find(|call| call.runs_by_itself());
    Some(itself.map_or(Phase::Execute, |call| call.phase))
}

/// Whether a module's top level calls something for what that does, not for its value.
fn starts_something(body: &[Stmt]) -> bool {
    body.iter().any(|statement| match statement {
        Stmt::Expr(expression) => matches!(&*expression.value, Expr::Call(_)),
        Stmt::Try(tried) => tried
            .body
            .iter()
            .any(|inner| matches!(inner, Stmt::Expr(one) if matches!(&*one.value, Expr::Call(_)))),
        _ => false,
    })
}

fn imported(facts: &Facts<'_>) -> BTreeSet<Rc<str>> {
    let imports = facts.imports.iter().map(|(path, _)| path.clone());
    imports.take(500).collect()
}

/// Whether a call runs, starts or stores what it is given from elsewhere.
fn does_as_told(call: &Call<'_>) -> bool {
    let unknown = call.arg(0, "args").is_some_and(|value| {
        let first = value.as_list().map_or(Some(value), |items| items.first());
        first.is_some_and(|value| value.as_str().is_none_or(|text| text.starts_with('?')))
    });
    match call.role {
        Some(Role::Exec | Role::Unpickle | Role::Marshal | Role::LoadFile) => unknown,
        Some(Role::Shell | Role::Spawn | Role::OpenFile) => unknown,
        Some(Role::FetchToFile) => true,
        _ => call.name() == "write" && call.payload_taint().has(Taint::DOWNLOADED | Taint::HIDDEN),
    }
}

/// Whether a file names anything that the rules know. Half the files of an honest
/// package do not.
fn worth_walking(text: &str, tokens: &[Token]) -> bool {
    let small =
        text.len() < SMALL_FILE && memchr::memmem::find(text.as_bytes(), b"import ").is_some();
    small
        || ["://", "/.", "\\"]
            .iter()
            .any(|sign| memchr::memmem::find(text.as_bytes(), sign.as_bytes()).is_some())
        || tokens.iter().any(|token| {
            token.kind() == TokenKind::Name
                && text
                    .get(bytes_of(token.range()))
                    .is_some_and(names::is_known_word)
        })
}
