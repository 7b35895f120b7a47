//! What rules look at and what they say.

use std::cell::RefCell;
use std::ops::Range;

use oxc_span::Span;
use packguard_sdk::{Confidence, Phase, Rule, Severity};

use crate::acts::{Act, Kind};
use crate::collect::Facts;
use crate::eval::Evaluator;
use crate::origin::Own;
use crate::value::Layer;

/// A finding in the making, at a place in one text.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Its rule.
    pub rule: &'static Rule,
    /// One line.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// When the code runs.
    pub phase: Phase,
    /// Byte range in the outermost text.
    pub range: Range<usize>,
    /// Layers taken off to get there, outermost first.
    pub layers: Vec<Layer>,
}

impl Hit {
    /// A hit of `rule` with its usual severity.
    pub fn new(rule: &'static Rule, span: Span, phase: Phase) -> Self {
        Self {
            rule,
            title: rule.title.into(),
            why: String::new(),
            severity: rule.severity,
            confidence: Confidence::High,
            phase,
            range: span.start as usize..span.end as usize,
            layers: Vec::new(),
        }
    }

    /// Says what was found here.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Says why it matters here.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Sets the severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets the confidence.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Adds decoded layers.
    #[must_use]
    pub fn layers(mut self, layers: Option<&Vec<Layer>>) -> Self {
        self.layers.extend(layers.into_iter().flatten().cloned());
        self
    }
}

/// A file as rules see it.
pub struct Context<'c, 'a> {
    /// Its syntax.
    pub facts: &'a Facts<'a>,
    /// What it does.
    pub acts: &'c [Act<'a>],
    /// Evaluates its expressions.
    pub evaluator: RefCell<Evaluator<'a>>,
    /// Its text.
    pub text: &'a str,
    /// When it runs.
    pub phase: Phase,
    /// Whether that holds only for what it runs when it is loaded.
    pub loaded_only: bool,
    /// What belongs to the package.
    pub own: &'c Own,
}

impl<'a> Context<'_, 'a> {
    /// When an act runs.
    pub fn phase_of(&self, act: &Act<'a>) -> Phase {
        match self.phase {
            Phase::Install if act.loaded || !self.loaded_only => Phase::Install,
            Phase::Import if act.loaded => Phase::Import,
            _ => Phase::Execute,
        }
    }

    /// Acts of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Act<'a>> {
        self.acts.iter().filter(move |act| act.kind == kind)
    }

    /// The source text of a place.
    pub fn source(&self, span: Span) -> &'a str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }
}

/// The next severity up.
pub fn raise(severity: Severity) -> Severity {
    match severity {
        Severity::Info => Severity::Low,
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
    }
}

/// "when the package is installed", for titles.
pub fn when(phase: Phase) -> &'static str {
    match phase {
        Phase::Install => "when the package is installed",
        Phase::Import => "when the package is loaded",
        _ => "when it is called",
    }
}
