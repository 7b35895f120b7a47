//! Hostile commands that are handed to functions nothing is known of.

use std::collections::BTreeMap;

use oxc_ast::ast::Expression;
use packguard_sdk::indicators::{self, ShellAct};
use packguard_sdk::{Confidence, Hit, Phase, Severity};

use super::super::shell;
use super::phase;
use crate::acts::Kind;
use crate::context::{Context, hit};
use crate::value::{Eval, HOLE, Value};

/// Names of functions that show or describe what they are given.
fn only_shows(name: &str) -> bool {
    const SHOWING: &[&str] = &[
        "log",
        "warn",
        "error",
        "info",
        "debug",
        "trace",
        "print",
        "write",
        "describe",
        "it",
        "test",
        "expect",
        "equal",
        "is",
        "ok",
        "throws",
        "t",
        "message",
        "text",
        "html",
        "echo",
        "notice",
        "help",
        "example",
        "usage",
        "epilog",
        "option",
        "command",
        "register",
        "includes",
        "indexOf",
        "match",
        "replace",
        "startsWith",
        "endsWith",
        "title",
        "assert",
        "deepEqual",
        "strictEqual",
        "toBe",
        "toEqual",
        "Error",
        "fail",
        "note",
        "success",
        "bold",
        "cyan",
        "green",
        "yellow",
        "red",
        "blue",
        "dim",
        "gray",
        "join",
        "concat",
        "has",
        "split",
        "some",
        "define",
        "RegExp",
        "setFailed",
        "toContain",
    ];
    SHOWING.contains(&name) || name.ends_with("Error") || name.ends_with("Message")
}

/// A hostile command handed to a function that is not known, as the file is loaded.
pub(super) fn handed_commands(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    const CALLS: usize = 2_000;
    let facts = context.facts;
    if facts.calls.len() > CALLS || phase(context) == Phase::Execute {
        return;
    }
    let loaded = crate::reach::loaded(facts, &BTreeMap::new(), false);
    let mut found = Vec::new();
    for (at, call) in (0_u32..).zip(&facts.calls) {
        let name = match call.callee() {
            Some(Expression::Identifier(name)) => name.name.as_str(),
            Some(Expression::StaticMemberExpression(member)) => member.property.name.as_str(),
            _ => "",
        };
        let early = context.phase == Phase::Install || loaded[call.function as usize];
        if !early || only_shows(name) || context.of(Kind::Spawn).any(|act| act.call == at) {
            continue;
        }
        let mut evaluator = context.evaluator.borrow_mut();
        for index in 0..call.arguments().min(4) {
            let Some(argument) = call.argument(index) else {
                continue;
            };
            let value = evaluator.eval(argument, call.scope);
            let items: &[Eval<'_>] = match &value.value {
                Value::List(items) => &items[..items.len().min(16)],
                _ => std::slice::from_ref(&value),
            };
            for text in items.iter().filter_map(Eval::known) {
                if text.len() > 12 && text.len() < 4_096 && text.contains(' ') {
                    found.push((call.span(), text.replace(HOLE, "_")));
                }
            }
        }
    }
    for (span, text) in found {
        let strong = indicators::shell(&text).into_iter().find(|found| {
            matches!(
                found.act,
                ShellAct::DownloadAndRun
                    | ShellAct::ReverseShell
                    | ShellAct::DecodeAndRun
                    | ShellAct::Upload
            )
        });
        if let Some(strong) = strong {
            let rule = shell::rule_of(strong.act);
            hits.push(
                hit(rule, span, phase(context))
                    .confidence(Confidence::Medium)
                    .severity(Severity::High)
                    .title(format!("Hands on a command that does so: {}", rule.title))
                    .why(format!(
                        "The text is: {}",
                        packguard_sdk::text::cut(&text, 200)
                    )),
            );
            return;
        }
    }
}
