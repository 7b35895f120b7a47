//! Which functions run when a file is loaded, and which only when somebody calls them.

use std::collections::BTreeMap;

use crate::collect::{CallIx, Facts, FunctionIx, Origin, span_of};
use crate::eval::Evaluator;

/// For every function of the file, whether it runs as the file is loaded.
///
/// The top level runs; so do functions called on the spot, functions that running
/// code calls by name, and callbacks that running code hands over. (A callback may run
/// later or never: it is better to be wrong on that side.)
///
/// An editor calls `activate` of an extension: with `activates` that function runs too.
///
/// `also_called` are calls of functions under another name.
pub fn loaded(
    facts: &Facts<'_>,
    also_called: &BTreeMap<FunctionIx, Vec<CallIx>>,
    activates: bool,
) -> Vec<bool> {
    let mut runs = vec![false; facts.functions.len()];
    // Calls by the function they stand in, to visit each once.
    let mut by_function: Vec<Vec<u32>> = vec![Vec::new(); facts.functions.len()];
    for (at, call) in (0_u32..).zip(&facts.calls) {
        by_function[call.function as usize].push(at);
    }
    let mut starts: Vec<Vec<FunctionIx>> = vec![Vec::new(); facts.calls.len()];
    for (at, function) in (0_u32..).zip(&facts.functions) {
        let methods = function.method_calls.iter().copied();
        let calls = function.called_by.iter().copied().chain(methods);
        let handed = function.callback_of.iter().map(|(call, _)| *call);
        for call in calls.chain(handed) {
            starts[call as usize].push(at);
        }
        if let Some(symbol) = function.symbol {
            let symbol = &facts.symbols[symbol as usize];
            let handed = symbol.passed.iter().map(|(call, _)| *call);
            for call in symbol.calls.iter().copied().chain(handed) {
                starts[call as usize].push(at);
            }
        }
    }
    for (function, calls) in also_called {
        for call in calls {
            starts[*call as usize].push(*function);
        }
    }
    let mut work = vec![0_u32];
    if activates {
        let named = facts
            .symbols
            .iter()
            .filter(|symbol| symbol.name == "activate");
        for definition in named.flat_map(|symbol| &symbol.definitions) {
            if let Origin::Function(function) = definition.origin {
                work.push(function);
            }
        }
        let written = facts
            .writes
            .iter()
            .filter(|write| write.property == Some("activate"));
        work.extend(written.filter_map(|write| facts.function_at(span_of(write.value).start)));
    }
    while let Some(function) = work.pop() {
        if std::mem::replace(&mut runs[function as usize], true) {
            continue;
        }
        for call in &by_function[function as usize] {
            work.extend(&starts[*call as usize]);
        }
    }
    runs
}

/// Calls whose function is looked for by value.
const CALLS: usize = 6_000;

/// Functions that are started so, each with what it starts in turn.
const STARTS: usize = 200;

/// Follows calls to functions that are not called by a name of theirs: members of
/// objects, what another file exports. Tells the evaluator of them, and marks what runs.
pub fn by_value(evaluator: &mut Evaluator<'_>, runs: &mut [bool]) {
    let facts = evaluator.facts;
    if facts.calls.len() > CALLS {
        return;
    }
    let mut found: Vec<(FunctionIx, FunctionIx)> = Vec::new();
    for (at, call) in (0..).zip(&facts.calls) {
        let at: CallIx = at;
        let Some(function) = evaluator.target(call).function else {
            continue;
        };
        let fact = &facts.functions[function as usize];
        let known = fact.called_by == Some(at)
            || fact.method_calls.contains(&at)
            || fact
                .symbol
                .is_some_and(|symbol| facts.symbols[symbol as usize].calls.contains(&at));
        found.push((call.function, function));
        if !known {
            evaluator.reached.entry(function).or_default().push(at);
        }
    }
    if !evaluator.reached.is_empty() {
        evaluator.forget();
    }
    // A hostile file must not have all be looked at again and again.
    let mut left = STARTS;
    loop {
        let before = found.len();
        found.retain(|(from, to)| {
            let run = runs[*from as usize];
            if run && !runs[*to as usize] && left > 0 {
                left -= 1;
                start(facts, *to, runs);
            }
            !run
        });
        if found.len() == before {
            return;
        }
    }
}

/// Marks a function, and the callbacks that it hands over, as running.
fn start(facts: &Facts<'_>, function: FunctionIx, runs: &mut [bool]) {
    if std::mem::replace(&mut runs[function as usize], true) {
        return;
    }
    let mut changed = true;
    while changed {
        changed = false;
        for (at, fact) in (0_usize..).zip(&facts.functions) {
            let direct = fact.called_by.into_iter();
            let named = fact
                .symbol
                .iter()
                .flat_map(|symbol| facts.symbols[*symbol as usize].calls.iter().copied());
            let handed = fact.callback_of.iter().map(|(call, _)| *call);
            let starts = direct
                .chain(named)
                .chain(handed)
                .chain(fact.method_calls.iter().copied())
                .any(|call| runs[facts.calls[call as usize].function as usize]);
            if starts && !runs[at] {
                runs[at] = true;
                changed = true;
            }
        }
    }
}
