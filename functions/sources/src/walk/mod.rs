//! The walk: one pass over the tokens that folds values and notes calls. It parses as it
//! goes, tolerantly: what it does not understand joins the labels of what stands there.

#![expect(
    clippy::needless_pass_by_value,
    reason = "values are handed on and end here"
)]

mod calls;
mod definitions;
mod expressions;
mod fold;
mod imports;
mod literals;
mod members;
mod paths;
mod reflect;
mod special;
mod statements;
mod texts;
mod times;
mod types;

pub use literals::{ordinary, pointed_at};
pub use reflect::is_asked;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use packguard_sdk::Phase;
use rustc_hash::FxHashMap;

use crate::facts::{CALL_LIMIT, Call, Facts, Text};
use crate::lang::{Lang, Unit, Units};
use crate::lex::{Kind, Stream, Token};
use crate::names::{Role, Table, table};
use crate::value::{Taint, Value};

/// Deepest nesting of brackets and blocks that is followed.
const DEPTH: usize = 72;

/// Bytes that folding may copy in one file.
const FOLD_BUDGET: usize = 64 << 20;

/// Most strings with indicators that are kept.
const TEXT_LIMIT: usize = 10_000;

/// Largest text that is walked a third time.
const THIRD_PASS: usize = 128 << 10;

/// Fewest `goto`s of a file that an obfuscator has taken apart.
const JUMPS: usize = 4;

/// What is known of a function of the file.
#[derive(Debug, Default)]
struct Function {
    params: Vec<Rc<str>>,
    given: Vec<Option<Value>>,
    gives: Value,
    /// Whether it combines bytes by exclusive or, and with which constant.
    xors: bool,
    key: Option<i64>,
}

/// Variables of one function.
#[derive(Debug, Default)]
struct Frame {
    name: Rc<str>,
    vars: FxHashMap<Rc<str>, Value>,
}

/// The state of a walk.
pub struct Walk<'a> {
    text: &'a str,
    lang: Lang,
    table: &'static Table,
    facts: Facts,
    frames: Vec<Frame>,
    aliases: FxHashMap<Rc<str>, Rc<str>>,
    functions: FxHashMap<Rc<str>, Function>,
    /// Who calls whom.
    edges: BTreeSet<(Rc<str>, Rc<str>)>,
    /// Functions that code calls which runs by itself, and when.
    seeds: BTreeMap<Rc<str>, Phase>,
    units: &'a Units,
    /// Whether the text speaks of wallets, once that was asked.
    wallets: Option<bool>,
    /// Functions that run by themselves.
    entries: BTreeSet<Rc<str>>,
    /// What strings hold, by where they begin.
    known: FxHashMap<u32, Taint>,
    /// What the method is called on whose block or closure is read.
    subject: Value,
    budget: usize,
    depth: usize,
    /// Jumps met in this pass.
    jumps: usize,
    too_deep: bool,
}

/// Walks a lexed text.
pub fn walk(text: &str, stream: &Stream, units: &Units) -> Facts {
    let unit = units.at(0);
    let mut walk = Walk {
        text,
        lang: unit.lang,
        table: table(unit.lang),
        facts: Facts {
            lang: unit.lang,
            calls: Vec::new(),
            texts: Vec::new(),
            dated: BTreeSet::new(),
            chances: BTreeSet::new(),
            size: text.len(),
            problems: Vec::new(),
        },
        frames: Vec::new(),
        aliases: FxHashMap::default(),
        functions: FxHashMap::default(),
        edges: BTreeSet::new(),
        seeds: BTreeMap::new(),
        units,
        wallets: None,
        entries: BTreeSet::new(),
        known: FxHashMap::default(),
        subject: Value::default(),
        budget: FOLD_BUDGET,
        depth: 0,
        jumps: 0,
        too_deep: stream.too_deep,
    };
    let passes = if text.len() <= THIRD_PASS { 3 } else { 2 };
    for _ in 0..passes {
        walk.facts.calls.clear();
        walk.facts.texts.clear();
        // Code that jumps about is not written in the order that it runs in: what one pass
        // learnt of variables holds in the next.
        let jumps = walk.jumps >= JUMPS;
        let kept = walk.frames.drain(..).next().filter(|_| jumps);
        walk.frames.push(kept.unwrap_or_default());
        walk.jumps = 0;
        walk.statements(stream, 0, stream.tokens.len());
        // Functions and aliases that stand behind their use are known in the next pass; where
        // nothing was called and nothing defined, there is nothing to learn.
        let names = !walk.functions.is_empty() || !walk.aliases.is_empty();
        let learnt = names && !walk.facts.calls.is_empty();
        if !learnt && walk.jumps < JUMPS {
            break;
        }
    }
    walk.finish(stream)
}

impl Walk<'_> {
    fn finish(mut self, stream: &Stream) -> Facts {
        let reached = self.reached();
        let units = self.units;
        let phase = |function: &Rc<str>, place: usize| {
            let unit: Unit = units.at(place);
            match reached.get(function) {
                _ if function.is_empty() => unit.top,
                Some(phase) if early(*phase) >= early(unit.inner) => *phase,
                _ => unit.inner,
            }
        };
        for call in &mut self.facts.calls {
            call.phase = phase(&call.function, call.range.start);
        }
        for text in &mut self.facts.texts {
            text.phase = phase(&text.function, text.range.start);
        }
        if self.too_deep {
            self.facts
                .problems
                .push("nested too deeply: not all of it was followed".into());
        }
        if stream.broken {
            self.facts
                .problems
                .push("its strings do not end, or it is too long: not all of it was read".into());
        }
        if self.budget == 0 {
            self.facts
                .problems
                .push("builds too much text: not all of it was folded".into());
        }
        self.facts
    }

    /// Functions that run without being asked for, and when.
    fn reached(&self) -> BTreeMap<Rc<str>, Phase> {
        let mut calls: BTreeMap<&str, Vec<&Rc<str>>> = BTreeMap::new();
        for (from, to) in &self.edges {
            calls.entry(from).or_default().push(to);
        }
        let loaded = self.units.loaded().top;
        let mut seeds = self.seeds.clone();
        for entry in &self.entries {
            seeds.entry(entry.clone()).or_insert(loaded);
        }
        let mut reached: BTreeMap<Rc<str>, Phase> = BTreeMap::new();
        for wanted in [Phase::Install, Phase::Import, Phase::Execute] {
            let mut open: Vec<Rc<str>> = seeds
                .iter()
                .filter(|(_, phase)| **phase == wanted)
                .map(|(name, _)| name.clone())
                .collect();
            while let Some(name) = open.pop() {
                if reached.contains_key(&name) {
                    continue;
                }
                open.extend(
                    calls
                        .get(&*name)
                        .into_iter()
                        .flatten()
                        .map(|to| (*to).clone()),
                );
                reached.insert(name, wanted);
            }
        }
        reached
    }

    /// Notes that a function is called at a place.
    fn calls_own(&mut self, to: &str, place: usize) {
        let from = self.function();
        let unit = self.units.at(place);
        if from.is_empty() || unit.inner == Phase::Install {
            let phase = if from.is_empty() {
                unit.top
            } else {
                unit.inner
            };
            let known = self.seeds.get(to).copied().unwrap_or(Phase::Unknown);
            if early(phase) > early(known) {
                self.seeds.insert(to.into(), phase);
            }
        }
        if !from.is_empty() && *from != *to {
            self.edges.insert((from, to.into()));
        }
    }

    fn word(&self, token: Token) -> &str {
        self.text
            .get(token.start as usize..token.end as usize)
            .unwrap_or_default()
    }

    /// Whether the token at an index is this operator or bracket or word.
    fn is(&self, stream: &Stream, at: usize, text: &str) -> bool {
        stream
            .tokens
            .get(at)
            .is_some_and(|token| token.kind != Kind::Str && self.word(*token) == text)
    }

    fn is_any(&self, stream: &Stream, at: usize, texts: &[&str]) -> bool {
        stream
            .tokens
            .get(at)
            .is_some_and(|token| token.kind != Kind::Str && texts.contains(&self.word(*token)))
    }

    /// Where a bracket or block that opens at `at` ends, within `end`.
    fn mate(&self, stream: &Stream, at: usize, end: usize) -> usize {
        let mate = stream.tokens[at].mate as usize;
        if mate > at && mate < end { mate } else { end }
    }

    fn function(&self) -> Rc<str> {
        self.frames
            .last()
            .map_or_else(|| "".into(), |frame| frame.name.clone())
    }

    fn lookup(&self, name: &str) -> Option<&Value> {
        if let Some(frame) = self.frames.last()
            && let Some(value) = frame.vars.get(name)
        {
            return Some(value);
        }
        self.frames
            .iter()
            .rev()
            .skip(1)
            .find_map(|frame| frame.vars.get(name))
    }

    fn assign(&mut self, name: &str, value: Value) {
        // Fields and globals belong to the file.
        let shared = name.starts_with(['@', '$']) && self.lang == Lang::Ruby
            || name.contains('.') && (name.starts_with("self.") || name.starts_with("this."));
        let frame = if shared {
            self.frames.first_mut()
        } else {
            self.frames.last_mut()
        };
        if let Some(frame) = frame {
            // A field goes by its bare name too.
            if let Some(bare) = name.strip_prefix("this.")
                && value.taint.has(Taint::GIVEN_SECRET | Taint::WALLET_KEY)
                && self.lang != Lang::Php
            {
                frame.vars.insert(bare.into(), value.clone());
            }
            frame.vars.insert(name.into(), value);
        }
    }

    /// Notes a call; gives its index.
    fn note(&mut self, call: Call) -> Option<u32> {
        if self.facts.calls.len() >= CALL_LIMIT {
            if self.facts.problems.is_empty() {
                self.facts
                    .problems
                    .push("too many calls: not all of them were looked at".into());
            }
            return None;
        }
        self.facts.calls.push(call);
        u32::try_from(self.facts.calls.len() - 1).ok()
    }

    fn call_fact(
        &mut self,
        callee: &str,
        role: Role,
        receiver: Value,
        args: Vec<Value>,
        range: Range<usize>,
    ) -> Option<u32> {
        let function = self.function();
        self.note(Call {
            callee: callee.into(),
            role,
            callee_taint: Taint::NONE,
            receiver,
            args,
            range,
            phase: Phase::Unknown,
            function,
        })
    }

    fn note_text(&mut self, text: &str, range: Range<usize>, taint: Taint) {
        if self.facts.texts.len() < TEXT_LIMIT {
            let function = self.function();
            self.facts.texts.push(Text {
                text: packguard_sdk::text::cut(text, 4_096).into(),
                range,
                phase: Phase::Unknown,
                function,
                taint,
            });
        }
    }

    /// Goes one level deeper; false if that is too deep.
    fn enter(&mut self) -> bool {
        if self.depth >= DEPTH {
            self.too_deep = true;
            return false;
        }
        self.depth += 1;
        true
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }
}

/// How unasked code of a phase runs.
fn early(phase: Phase) -> u8 {
    match phase {
        Phase::Install => 3,
        Phase::Import => 2,
        Phase::Execute => 1,
        Phase::Unknown => 0,
    }
}
