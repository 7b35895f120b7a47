//! Counts what becomes of submissions.

use super::App;
use super::error::ApiError;
use crate::db::submit::Submitted;
use crate::telemetry::metrics::{Submission, SubmissionOutcome};

/// A submission of one package was answered.
pub(super) fn placed(app: &App, kind: Submission, submitted: Submitted) {
    let outcome = match submitted {
        Submitted::Created(_) => SubmissionOutcome::Accepted,
        Submitted::Cached(_) => SubmissionOutcome::Cached,
        Submitted::Active(..) | Submitted::Replayed(..) => SubmissionOutcome::Existing,
        // An error, and counted as one.
        Submitted::Conflict(_) => return,
    };
    app.metrics.submitted(kind, outcome, 1);
}

/// A submission was refused. Of a batch that is refused nobody knows how many packages it
/// has: it counts as one.
pub(super) fn refused(app: &App, kind: Submission, error: &ApiError) {
    let outcome = match error.status().as_u16() {
        429 => SubmissionOutcome::RateLimited,
        500.. => SubmissionOutcome::Error,
        _ => SubmissionOutcome::Invalid,
    };
    app.metrics.submitted(kind, outcome, 1);
}
