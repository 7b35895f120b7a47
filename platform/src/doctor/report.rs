//! What the checks found, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How it ended.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// What to do; `None` where all is well.
    pub hint: Option<String>,
}

impl Verdict {
    /// As it should be.
    pub fn ok(what: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            what: what.into(),
            hint: None,
        }
    }

    /// It works, but somebody should look.
    pub fn warn(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            level: Level::Warn,
            what: what.into(),
            hint: Some(hint.into()),
        }
    }

    /// It does not work.
    pub fn fail(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            what: what.into(),
            hint: Some(hint.into()),
        }
    }
}

/// A check and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub level: Level,
    /// What was found.
    pub message: String,
    /// What to do; `null` where all is well.
    pub hint: Option<String>,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
}

impl Outcome {
    pub(super) fn new(name: String, verdict: Verdict, took: Duration) -> Self {
        Self {
            name,
            level: verdict.level,
            message: verdict.what,
            hint: verdict.hint,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// All checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order in which they are listed.
    pub checks: Vec<Outcome>,
}

/// The exit code of a deployment in which something does not work.
const FAILED: u8 = 1;

impl Report {
    /// The worst of all; `Ok` of none.
    pub fn level(&self) -> Level {
        let levels = self.checks.iter().map(|check| check.level);
        levels.max().unwrap_or(Level::Ok)
    }

    /// The exit code: 0, or 1 if a check failed.
    pub fn exit_code(&self) -> u8 {
        match self.level() {
            Level::Ok | Level::Warn => 0,
            Level::Fail => FAILED,
        }
    }

    /// For people: a line for each check, and a hint below each that is not well.
    pub fn human(&self) -> String {
        let width = self.checks.iter().map(|check| check.name.len()).max();
        let width = width.unwrap_or_default();
        let mut text = String::new();
        // Writing to a string can't fail.
        for check in &self.checks {
            let level = check.level.as_str();
            let message = one_line(&check.message);
            let _ = writeln!(text, "{level:<4}  {:<width$}  {message}", check.name);
            if let Some(hint) = &check.hint {
                let _ = writeln!(text, "      {:<width$}  hint: {}", "", one_line(hint));
            }
        }
        let count = |level| {
            self.checks
                .iter()
                .filter(|check| check.level == level)
                .count()
        };
        let _ = writeln!(
            text,
            "\n{} ok, {} to look at, {} failed",
            count(Level::Ok),
            count(Level::Warn),
            count(Level::Fail)
        );
        text
    }

    /// For programs.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "level": self.level(),
            "checks": self.checks,
        })
    }
}

/// Servers may say anything: control characters would reach the terminal.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}
