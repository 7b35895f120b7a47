//! Constant propagation for scripts: what a text says once its variables, pieces and
//! encodings are put together. Nothing is run; what is not constant stays as it stands.

pub mod batch;
pub mod powershell;
mod powershell_calls;
mod powershell_values;
pub mod shell;
mod shell_eval;
mod shell_expand;
mod shell_word;
pub mod vbscript;

use std::ops::Range;

use crate::text::Text;

/// Longest constant kept, in bytes.
pub const VALUE_LIMIT: usize = 256 << 10;

/// Most variables remembered in one script.
pub const VARIABLES_LIMIT: usize = 2_000;

/// Deepest nesting of substitutions and parentheses that is followed.
pub const DEPTH_LIMIT: usize = 12;

/// A text that a script makes out of others, and may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Where it is made, in the folded text.
    pub range: Range<usize>,
    /// How: `base64`, `rev`, `concatenation`, …
    pub how: String,
    /// What comes out.
    pub text: String,
    /// Whether it is handed to an interpreter right there.
    pub runs: bool,
}

/// A script with its constants put in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// The rewritten text.
    pub text: Text,
    /// Texts that it makes.
    pub made: Vec<Made>,
    /// A bound was reached: some of the text was left as it stands.
    pub cut: bool,
    /// Expressions that hid a word and were put together.
    pub rewritten: usize,
}
