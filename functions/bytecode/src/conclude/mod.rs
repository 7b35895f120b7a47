//! What the facts about one unit of code mean.

mod flows;
mod texts;

use std::rc::Rc;

use packguard_sdk::indicators::{self, Kind};
use packguard_sdk::{Confidence, Phase, Rule, Severity};

use crate::facts::{Done, Facts};

/// Something found in a unit, before it is tied to a file.
#[derive(Debug)]
pub(crate) struct Found {
    pub rule: &'static Rule,
    pub title: String,
    pub why: String,
    pub severity: Severity,
    pub confidence: Confidence,
    pub phase: Phase,
    pub text: Option<Rc<str>>,
}

impl Found {
    fn new(rule: &'static Rule, severity: Severity, phase: Phase) -> Self {
        Self {
            rule,
            title: rule.title.to_owned(),
            why: String::new(),
            severity,
            confidence: Confidence::High,
            phase,
            text: None,
        }
    }

    fn of(rule: &'static Rule, severity: Severity, done: &Done) -> Self {
        Self {
            title: format!("{}: {}", rule.title, done.method),
            text: done.text.clone().or_else(|| done.origin.clone()),
            ..Self::new(rule, severity, done.phase)
        }
    }

    fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    fn sure(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }
}

/// Everything a unit gives away; of a rule the gravest.
pub(crate) fn conclude(facts: &Facts) -> Vec<Found> {
    let mut found = Vec::new();
    flows::look(facts, &mut found);
    texts::look(facts, &mut found);
    let mut best: Vec<Found> = Vec::new();
    for one in found {
        match best.iter_mut().find(|have| have.rule.id == one.rule.id) {
            Some(have) => {
                let gravity = |it: &Found| (it.severity as u8, it.phase.urgency());
                if gravity(&one) > gravity(have) {
                    *have = one;
                }
            }
            None => best.push(one),
        }
    }
    best
}

/// What kind of address a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Address {
    /// Not known.
    Unknown,
    /// An ordinary one.
    Plain,
    /// That of a program or script.
    Program,
    /// A place that attackers use.
    Hostile,
}

fn address(text: Option<&Rc<str>>) -> Address {
    let Some(text) = text.filter(|text| text.len() < 4_096) else {
        return Address::Unknown;
    };
    let found = indicators::scan(text);
    if found.iter().any(|one| {
        one.kind.is_hostile_host() || matches!(one.kind, Kind::Shortener | Kind::RareTld)
    }) {
        return Address::Hostile;
    }
    let lower = text.to_ascii_lowercase();
    if !lower.contains("://") {
        return Address::Unknown;
    }
    let path = lower.split(['?', '#']).next().unwrap_or_default();
    const PROGRAMS: &[&str] = &[
        ".exe", ".dll", ".ps1", ".bat", ".cmd", ".sh", ".vbs", ".scr", ".bin", ".hta", ".py",
        ".class",
    ];
    if PROGRAMS.iter().any(|end| path.trim_end().ends_with(end)) {
        Address::Program
    } else {
        Address::Plain
    }
}
