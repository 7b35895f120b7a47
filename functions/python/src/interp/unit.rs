//! What the interpreter is given, and what it gives.

use std::collections::BTreeSet;
use std::rc::Rc;

use packguard_sdk::Phase;

use super::modules::{Content, Module};
use crate::facts::Facts;

/// What a file is, for the interpreter.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    /// When its top level runs.
    pub phase: Phase,
    /// Whether it is a `setup.py`, whose command classes run at installation.
    pub setup: bool,
    /// Whether what does not parse is read once more as Python 2.
    pub modern: bool,
}

/// What surrounds a file that is walked.
#[derive(Clone, Copy)]
pub struct Surroundings<'s> {
    /// The modules whose texts stand one after the other in what is walked; none where
    /// it is one file.
    pub modules: &'s [Module],
    /// Contents of the package's files, where they are asked for.
    pub content: Option<&'s Content<'s>>,
    /// First parts of names that the package's own modules have.
    pub tops: &'s BTreeSet<String>,
}

/// What the walk of a file gave.
#[derive(Debug, Default)]
pub struct Outcome<'a> {
    /// What the rules look at.
    pub facts: Facts<'a>,
    /// What was not followed, one line.
    pub problem: Option<&'static str>,
    /// What it calls of other modules of the package by itself, or hands to what runs code.
    pub siblings: BTreeSet<Rc<str>>,
    /// Whether what a file of the package contains is run.
    pub runs_file: bool,
}
