//! One text, from parsing to hits; and the texts decoded from it.

use std::cell::RefCell;

use oxc_allocator::Allocator;
use packguard_sdk::{Confidence, Phase, Severity};

use crate::acts::{self, Kind};
use crate::collect;
use crate::context::{Context, hit};
use crate::eval::Evaluator;
use crate::origin::Own;
use crate::parse::{self, Unparsed};
use crate::reach;
use crate::rules;
use crate::value::Taint;
use packguard_sdk::Hit;
use packguard_sdk::decode::Layer;

/// Texts inside texts that are followed.
const DEPTH: u32 = 5;

/// Texts inside that are looked at per file. Bundles made for debugging hold each of
/// their modules in an `eval`.
const NESTED: usize = 5_000;

/// Texts up to this length have the functions that their calls reach by value followed too.
const WIDE: usize = 256 << 10;

/// What is known of a file before it is read.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'p> {
    /// Lower-case extension.
    pub extension: &'p str,
    /// When the file runs.
    pub phase: Phase,
    /// Whether that holds only for what it runs when it is loaded.
    pub loaded_only: bool,
    /// Whether it is of an editor's extension, whose `activate` the editor calls.
    pub activates: bool,
    /// Folders between the file and the package's top, where known.
    pub depth: Option<usize>,
    /// Whether several files were put together.
    pub linked: bool,
    /// What belongs to the package.
    pub own: &'p Own,
}

/// What a text has to say.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The evidence.
    pub hits: Vec<Hit>,
    /// Why it was not, or not fully, analysed.
    pub problem: Option<String>,
    /// Whether that is since it is not JavaScript.
    pub is_other: bool,
}

/// A text found inside another.
struct Nested {
    text: String,
    at: Hit,
    layers: Vec<Layer>,
    phase: Phase,
}

/// Looks at one file's text. The tree of one file after the other takes the same memory.
pub fn analyse(text: &str, setting: &Setting<'_>, allocator: &mut Allocator) -> Outcome {
    let mut outcome = Outcome::default();
    rules::text::check(text, setting.phase, &mut outcome.hits);
    look(text, setting, 0, allocator, &mut outcome);
    outcome
}

/// Looks at files of a package that were put together: only at what they do, since each
/// was looked at by itself.
pub fn analyse_linked(text: &str, setting: &Setting<'_>, allocator: &mut Allocator) -> Vec<Hit> {
    let mut outcome = Outcome::default();
    look(text, setting, 0, allocator, &mut outcome);
    outcome.hits
}

fn look(
    text: &str,
    setting: &Setting<'_>,
    depth: u32,
    allocator: &mut Allocator,
    outcome: &mut Outcome,
) {
    let nested = {
        allocator.reset();
        match parse::parse(allocator, text, setting.extension) {
            Ok(program) => syntax(text, program, setting, outcome),
            Err(unparsed) => {
                if depth == 0 {
                    rules::unparsed(text, setting.phase, &mut outcome.hits);
                    outcome.is_other = matches!(unparsed, Unparsed::Syntax(_));
                    outcome.problem = Some(unparsed.to_string());
                } else if !matches!(unparsed, Unparsed::Syntax(_)) {
                    outcome.problem = Some(format!("code inside: {unparsed}"));
                }
                return;
            }
        }
        // The tree goes here, before what is inside gets its own.
    };
    if depth >= DEPTH {
        if !nested.is_empty() {
            outcome.problem = Some(format!("code inside code, deeper than {DEPTH}"));
        }
        return;
    }
    for inner in nested {
        let mut inside = Outcome::default();
        let setting = Setting {
            extension: "js",
            phase: inner.phase,
            loaded_only: false,
            ..*setting
        };
        if depth == 0 {
            rules::text::check(&inner.text, inner.phase, &mut inside.hits);
        }
        look(&inner.text, &setting, depth + 1, allocator, &mut inside);
        for mut hit in inside.hits {
            hit.range = inner.at.range.clone();
            hit.title = format!("{} (in code inside)", hit.title);
            let mut layers = inner.layers.clone();
            layers.append(&mut hit.layers);
            hit.layers = layers;
            outcome.hits.push(hit);
        }
        if inside.problem.is_some() {
            outcome.problem = inside.problem;
        }
    }
}

/// Everything but the texts inside.
fn syntax<'a>(
    text: &'a str,
    program: &'a oxc_ast::ast::Program<'a>,
    setting: &Setting<'_>,
    outcome: &mut Outcome,
) -> Vec<Nested> {
    let facts = collect::collect(program);
    // The evaluator borrows the facts for as long as the tree lives.
    let facts = &facts;
    inspect(text, facts, setting, outcome)
}

fn inspect(
    text: &str,
    facts: &collect::Facts<'_>,
    setting: &Setting<'_>,
    outcome: &mut Outcome,
) -> Vec<Nested> {
    let mut evaluator = Evaluator::new(facts);
    evaluator.linked = setting.linked;
    let rotation = rules::obfuscation::rotation(facts);
    if let Some((_, starter)) = rotation {
        evaluator.shuffle(&facts.calls[starter as usize]);
    }
    evaluator.link();
    let activates = setting.activates && setting.phase == Phase::Import;
    let mut loaded = reach::loaded(facts, &evaluator.also_called, activates);
    if rotation.is_none() && text.len() <= WIDE {
        reach::by_value(&mut evaluator, &mut loaded);
    }
    let acts = acts::find(&mut evaluator, &loaded);
    let context = Context {
        facts,
        acts: &acts,
        evaluator: RefCell::new(evaluator),
        text,
        phase: setting.phase,
        loaded_only: setting.loaded_only,
        own: setting.own,
        depth: setting.depth,
    };
    let before = outcome.hits.len();
    rules::check(&context, &mut outcome.hits);
    let mut nested = nested(&context, &outcome.hits[before..]);
    if let Some(steps) = worth_running(&context, &nested) {
        captured(&context, steps, &mut nested, &mut outcome.hits);
    }
    if nested.len() > NESTED {
        nested.truncate(NESTED);
        outcome.problem = Some(format!(
            "more than {NESTED} texts run as code: the rest was not analysed"
        ));
    }
    if context.evaluator.borrow().exhausted {
        outcome.problem = Some("too much to evaluate: analysed in part".into());
    }
    nested
}

/// Whether the file runs, as it is loaded, code that is not known without running what
/// makes it; or is written in signs alone. How many steps that is worth.
fn worth_running(context: &Context<'_, '_>, nested: &[Nested]) -> Option<u32> {
    const LONGEST: usize = 2 << 20;
    const SHORT: usize = 100 << 10;
    const MANY: u32 = 600_000;
    const FEW: u32 = 100_000;
    if context.text.len() > LONGEST {
        return None;
    }
    let made = Taint::DECODED.with(Taint::UNESCAPED);
    let mut steps = 0;
    for act in context.of(Kind::Code) {
        if act.loaded && !act.exact && !act.taint.has(Taint::DOWNLOADED) {
            steps = steps.max(if act.taint.has(made) { MANY } else { FEW });
        }
    }
    if steps == FEW && context.text.len() > SHORT {
        steps = 0;
    }
    if nested.is_empty() && rules::text::is_signs(context.text) {
        steps = MANY;
    }
    (steps > 0).then_some(steps)
}

/// Runs the top level, and takes what it would run as code.
fn captured(context: &Context<'_, '_>, steps: u32, nested: &mut Vec<Nested>, hits: &mut Vec<Hit>) {
    const LONG: usize = 100;
    let mut evaluator = context.evaluator.borrow_mut();
    evaluator.machine.top_level(context.facts.body, steps);
    let span = context
        .of(Kind::Code)
        .next()
        .map_or(oxc_span::Span::new(0, 1), |act| act.span);
    let phase = match context.phase {
        Phase::Unknown => Phase::Execute,
        phase => phase,
    };
    for text in std::mem::take(&mut evaluator.machine.captured) {
        let start = packguard_sdk::text::cut(&text, 40);
        if nested.iter().any(|have| have.text == *text) || context.text.contains(start) {
            continue;
        }
        let layer = Layer {
            encoding: "own decoder",
            text: packguard_sdk::text::cut(&text, 4_000).into(),
        };
        let at = hit(&rules::execution::DECODE_EVAL, span, phase);
        let known = hits.iter().any(|hit| hit.rule.id == at.rule.id);
        if !known && text.len() >= LONG {
            let blob = phase != Phase::Execute && rules::execution::holds_blob(context);
            let made = at.clone().confidence(Confidence::Medium).severity(if blob {
                Severity::High
            } else {
                Severity::Medium
            });
            hits.push(
                made.layers(std::slice::from_ref(&layer))
                    .why("The code is not readable in the package: it is put together first."),
            );
        }
        nested.push(Nested {
            text: text.to_string(),
            at,
            layers: vec![layer],
            phase,
        });
    }
}

/// Texts that this one runs as code, decoded or not.
fn nested(context: &Context<'_, '_>, hits: &[Hit]) -> Vec<Nested> {
    let mut found = Vec::new();
    for act in context.of(Kind::Code).filter(|act| act.exact) {
        let Some(code) = rules::execution::code_of(act) else {
            continue;
        };
        let Some(text) = code.exact() else { continue };
        if text.len() < 8 {
            continue;
        }
        found.push(Nested {
            text: text.to_string(),
            at: hit(
                &rules::execution::DECODE_EVAL,
                act.span,
                setting_phase(context, act),
            ),
            layers: code.layers().to_vec(),
            phase: setting_phase(context, act),
        });
    }
    for act in context.of(Kind::Spawn) {
        let code = rules::execution::inline_script(act);
        if let Some(code) = code
            && let Some(text) = code.exact()
            && text.len() >= 8
        {
            let phase = context.phase_of(act);
            found.push(Nested {
                text: text.to_string(),
                at: hit(&rules::execution::DECODE_EVAL, act.span, phase),
                layers: code.layers().to_vec(),
                phase,
            });
        }
    }
    for packed in hits.iter().filter(|hit| hit.rule.id == "js-packed") {
        if let Some(layer) = packed.layers.last() {
            found.push(Nested {
                text: layer.text.to_string(),
                at: packed.clone(),
                layers: packed.layers.clone(),
                phase: packed.phase,
            });
        }
    }
    found
}

fn setting_phase<'a>(context: &Context<'_, 'a>, act: &acts::Act<'a>) -> Phase {
    context.phase_of(act)
}
