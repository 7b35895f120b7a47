//! What the functions of the runtime libraries mean for the data that goes through them.

use crate::facts::Deed;
use crate::labels::Labels;

/// What a call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Puts the arguments' texts behind the receiver's, and returns the receiver.
    Into(&'static str),
    /// A new text of receiver and arguments.
    Concat(&'static str),
    /// Returns its receiver.
    Same,
    /// The text, backwards.
    Reverse,
    /// Decodes base64.
    Base64,
    /// A variable of the environment, or all of them.
    Variable,
    /// Takes one of many: of the environment, one variable.
    Pick,
    /// A property of the process.
    Property,
    /// Gives something with these labels, and what goes in.
    Source(Labels),
    /// Reads from the receiver into the arguments.
    Fill,
    /// Writes the arguments to the receiver.
    Put,
    /// Pours the receiver into the arguments, or the first argument into the second.
    Pour,
    /// Does something, and gives something with these labels.
    Do(Deed, Labels),
    /// Takes a constant array's content.
    Initialise,
}

/// A function: its owner, its name (`*` for all) and its meaning.
pub(crate) type Row = (&'static str, &'static str, Meaning);

/// The functions of one runtime library, sorted.
#[derive(Debug)]
pub(crate) struct Library(Vec<Row>);

impl Library {
    /// Sorts the rows.
    pub fn new(tables: &[&[Row]]) -> Self {
        let mut rows: Vec<Row> = tables
            .iter()
            .flat_map(|rows| rows.iter().copied())
            .collect();
        rows.sort_by_key(|(owner, name, _)| (*owner, *name));
        Self(rows)
    }

    /// The meaning of a function.
    pub fn find(&self, owner: &str, name: &str) -> Option<Meaning> {
        self.exact(owner, name).or_else(|| self.exact(owner, "*"))
    }

    fn exact(&self, owner: &str, name: &str) -> Option<Meaning> {
        let at = self
            .0
            .binary_search_by(|(have, called, _)| (*have, *called).cmp(&(owner, name)));
        at.ok().and_then(|at| self.0.get(at)).map(|row| row.2)
    }

    /// Whether a type occurs at all.
    pub fn knows(&self, owner: &str) -> bool {
        let at = self.0.partition_point(|(have, ..)| *have < owner);
        self.0.get(at).is_some_and(|(have, ..)| *have == owner)
    }
}
