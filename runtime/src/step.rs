//! How a step ended, and what it used.

use std::fmt;

use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use crate::report::{StepOutcome, Usage};

/// A step that ran.
#[derive(Debug, Clone)]
pub struct Step<T> {
    /// Its answer, or how it failed and the one line that says more.
    pub result: Result<T, (StepOutcome, String)>,
    /// What it used.
    pub usage: Usage,
}

impl<T> Step<T> {
    /// How it ended.
    pub fn outcome(&self) -> StepOutcome {
        match &self.result {
            Ok(_) => StepOutcome::Ok,
            Err((outcome, _)) => *outcome,
        }
    }

    /// What it said on failing.
    pub fn message(&self) -> Option<&str> {
        self.result
            .as_ref()
            .err()
            .map(|(_, message)| message.as_str())
    }
}

/// An error that the host raises to end a guest on purpose.
#[derive(Debug)]
pub(crate) enum Stop {
    OutputLimit,
    Refusal(&'static str),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutputLimit => f.write_str("wrote more than its output limit"),
            Self::Refusal(what) => write!(f, "asked for what it may not have: {what}"),
        }
    }
}

impl std::error::Error for Stop {}

/// Tells apart why a guest did not answer.
///
/// `memory_denied`: the limiter refused the guest memory before; a guest can't but
/// abort then, which looks like any other trap.
pub(crate) fn classify(
    error: &wasmtime::Error,
    memory_denied: bool,
    said: &str,
) -> (StepOutcome, String) {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        let outcome = match stop {
            Stop::OutputLimit => StepOutcome::OutputLimit,
            Stop::Refusal(_) => StepOutcome::HostRefusal,
        };
        return (outcome, stop.to_string());
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return (
            StepOutcome::AnalyzerError,
            with_last_words(&format!("exited with {}", exit.0), said),
        );
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::OutOfFuel) {
        return (StepOutcome::OutOfTime, "used up its CPU budget".into());
    }
    if memory_denied {
        return (
            StepOutcome::OutOfMemory,
            "needed more memory than its limit".into(),
        );
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return (StepOutcome::Trap, with_last_words(&trap.to_string(), said));
    }
    let text = error.root_cause().to_string();
    // wasmtime gives these no type of their own.
    if text.contains("fuel allocated for hostcalls") {
        return (
            StepOutcome::OutputLimit,
            "handed over more than its transfer limit".into(),
        );
    }
    (StepOutcome::HostRefusal, with_last_words(&text, said))
}

/// Longest last words in a message, characters.
const LAST_WORDS: usize = 300;

fn with_last_words(what: &str, said: &str) -> String {
    // Rust's own advice is of no use to who reads the report.
    let lines = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("note: run with"));
    let said: Vec<char> = lines.collect::<Vec<_>>().join(" ").chars().collect();
    if said.is_empty() {
        return what.to_owned();
    }
    let last: String = said[said.len().saturating_sub(LAST_WORDS)..]
        .iter()
        .collect();
    format!("{what}; its last words: {last}")
}
