//! What a judge gets and gives.

pub use crate::bindings::analyzer::packguard::analyzer::types::{
    Finding, Location as FindingLocation,
};
pub use crate::bindings::judge::{Dossier, Evidence, Outcome, Reason, Verdict};

use crate::Descriptor;

/// A component that folds findings into a verdict.
pub trait Judge {
    /// What the component says of itself. A judge emits no findings, so it lists no rules.
    const DESCRIPTOR: Descriptor;

    /// Judges one package.
    ///
    /// # Errors
    /// One line, when the judge can't work at all.
    fn judge(dossier: &Dossier) -> Result<Verdict, String>;
}
