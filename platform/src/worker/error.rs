//! Why a task failed, and whether trying again may help.

use packguard_runtime::PipelineError;
use serde_json::{Value, json};

use crate::db::claims::TaskError;
use crate::model::ErrorCategory;
use crate::purl::PurlError;
use crate::registry::FetchError;
use crate::storage::StorageError;
use crate::telemetry::metrics::FetchError as FetchKind;

/// Why a task failed.
#[derive(Debug, Clone)]
pub(super) struct JobError {
    category: ErrorCategory,
    message: String,
    details: Value,
    /// The same task may succeed later, or elsewhere.
    pub transient: bool,
}

impl JobError {
    fn new(category: ErrorCategory, transient: bool, message: &dyn std::fmt::Display) -> Self {
        Self {
            category,
            message: message.to_string(),
            details: json!({}),
            transient,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.details = json!({ "hint": hint.into() });
        self
    }

    /// As the task's row keeps it.
    pub(super) fn task_error(&self) -> TaskError {
        TaskError {
            category: self.category,
            message: self.message.clone(),
            details: self.details.clone(),
        }
    }

    /// Its category.
    pub(super) fn category(&self) -> ErrorCategory {
        self.category
    }

    pub(super) fn purl(error: &PurlError) -> Self {
        let hint = error.hint();
        Self::new(ErrorCategory::FetchError, false, error).hint(hint)
    }

    pub(super) fn pinned(error: &serde_json::Error) -> Self {
        let message = format!("the digests that the lock file pins can't be read: {error}");
        Self::new(ErrorCategory::UnknownError, false, &message)
    }

    pub(super) fn fetch(error: &FetchError) -> Self {
        use ErrorCategory as Category;
        let (category, transient) = match error {
            FetchError::PackageNotFound { .. }
            | FetchError::VersionNotFound { .. }
            | FetchError::NoVersions { .. }
            | FetchError::ArtifactNotFound { .. }
            | FetchError::NoArtifacts { .. } => (Category::PackageNotFound, false),
            FetchError::TooLarge { .. } => (Category::LimitExceeded, false),
            FetchError::Purl(_)
            | FetchError::RepositoryNotConfigured { .. }
            | FetchError::BadSetting { .. }
            | FetchError::Refused { .. } => (Category::FetchError, false),
            // A damaged download may come whole the next time; a forged one fails again.
            _ => (Category::FetchError, true),
        };
        Self::new(category, transient, error).hint(error.hint())
    }

    pub(super) fn pipeline(error: &PipelineError) -> Self {
        use ErrorCategory as Category;
        let (category, transient) = match error {
            PipelineError::NotAnArchive { .. } | PipelineError::Empty(_) => {
                (Category::ArchiveError, false)
            }
            PipelineError::HashMismatch { .. } => (Category::FetchError, true),
            PipelineError::Components(_) => (Category::AnalysisError, false),
            PipelineError::Storage(_) | PipelineError::Io { .. } | PipelineError::Cancelled => {
                (Category::AnalysisError, true)
            }
        };
        Self::new(category, transient, error)
    }

    pub(super) fn storage(error: &StorageError) -> Self {
        Self::new(ErrorCategory::StorageError, error.is_transient(), error)
    }

    pub(super) fn database(error: &sqlx::Error) -> Self {
        Self::new(
            ErrorCategory::UnknownError,
            true,
            &format!("the database failed: {error}"),
        )
    }

    pub(super) fn disk(error: &std::io::Error) -> Self {
        let message = format!("the worker's disk failed: {error}");
        Self::new(ErrorCategory::AnalysisError, true, &message)
    }

    pub(super) fn no_upload() -> Self {
        let message = "the uploaded archive is gone: upload it again";
        Self::new(ErrorCategory::StorageError, false, &message)
    }

    pub(super) fn damaged_upload() -> Self {
        let message = "the stored archive is not the one that was uploaded";
        Self::new(ErrorCategory::StorageError, true, &message)
    }

    pub(super) fn report(error: &serde_json::Error) -> Self {
        Self::new(
            ErrorCategory::AnalysisError,
            false,
            &format!("the report can't be written: {error}"),
        )
    }

    pub(super) fn panicked() -> Self {
        let message = "the worker broke on this package: this is a defect of Packguard";
        Self::new(ErrorCategory::AnalysisError, true, &message)
    }

    pub(super) fn timeout(seconds: u64) -> Self {
        let message = format!("it ran longer than its timeout of {seconds} seconds");
        Self::new(ErrorCategory::TimeoutError, false, &message)
    }
}

/// Why a download failed, in the words of the metric.
pub(super) fn kind(error: &FetchError) -> FetchKind {
    match error {
        FetchError::PackageNotFound { .. }
        | FetchError::VersionNotFound { .. }
        | FetchError::NoVersions { .. }
        | FetchError::ArtifactNotFound { .. }
        | FetchError::NoArtifacts { .. } => FetchKind::NotFound,
        FetchError::Unreachable { .. } => FetchKind::Connection,
        FetchError::Timeout { .. } => FetchKind::Timeout,
        FetchError::Status { status: 429, .. } => FetchKind::RateLimited,
        FetchError::Status { .. } => FetchKind::Status,
        FetchError::Nonsense { .. } => FetchKind::Malformed,
        FetchError::HashMismatch { .. } => FetchKind::Checksum,
        FetchError::TooLarge { .. } => FetchKind::TooLarge,
        _ => FetchKind::Other,
    }
}
