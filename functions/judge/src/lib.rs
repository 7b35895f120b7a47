//! Folds findings into a verdict. The score is documented in this crate's `README.md`;
//! its numbers stand in `score` and `chain`.

mod chain;
mod say;
pub mod score;
#[cfg(test)]
mod tests;
mod thresholds;

use packguard_sdk::judge::{Dossier, Outcome, Verdict};
use packguard_sdk::{Descriptor, Judge, descriptor};

pub use thresholds::Thresholds;

/// The bundled judge.
#[derive(Debug)]
pub struct Bench;

impl Judge for Bench {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "judge",
        description: "Folds findings into a verdict with a score and reasons",
        ..descriptor!()
    };

    fn judge(dossier: &Dossier) -> Result<Verdict, String> {
        let (thresholds, evidence) = Thresholds::split(&dossier.evidence)?;
        let scored = score::score(evidence, thresholds);
        let outcome = match scored.points {
            points if points >= thresholds.malicious => Outcome::Malicious,
            points if points >= thresholds.suspicious => Outcome::Suspicious,
            _ if !dossier.incomplete.is_empty() => Outcome::Incomplete,
            _ => Outcome::Clean,
        };
        Ok(Verdict {
            outcome,
            score: scored.points,
            summary: say::summary(outcome, &scored.reasons, evidence, &dossier.incomplete),
            reasons: scored.reasons,
        })
    }
}

packguard_sdk::export_judge!(Bench);
