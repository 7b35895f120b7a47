//! Which functions run when a file is loaded, and which only when somebody calls them.

use std::collections::BTreeMap;

use crate::collect::{CallIx, Facts, FunctionIx, Origin, span_of};

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
