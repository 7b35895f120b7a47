//! What rules look at and what they say.

use std::cell::RefCell;

use oxc_span::Span;
use packguard_sdk::{Hit, Phase, Rule};

use crate::acts::{Act, Kind};
use crate::collect::Facts;
use crate::eval::Evaluator;
use crate::origin::Own;

/// A hit of `rule` at a place of the syntax.
pub fn hit(rule: &'static Rule, span: Span, phase: Phase) -> Hit {
    Hit::new(rule, span.start as usize..span.end as usize, phase)
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
    /// Folders between the file and the package's top, where known.
    pub depth: Option<usize>,
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

/// "when the package is installed", for titles.
pub fn when(phase: Phase) -> &'static str {
    match phase {
        Phase::Install => "when the package is installed",
        Phase::Import => "when the package is loaded",
        _ => "when it is called",
    }
}
