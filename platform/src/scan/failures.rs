//! Why a package could not be analysed, and what to do about it.

use packguard_runtime::PipelineError;

use crate::output::{Failure, FailureCategory};
use crate::registry::FetchError;

pub(super) fn failure(
    input: &str,
    category: FailureCategory,
    error: &dyn ToString,
    hint: impl Into<String>,
) -> Failure {
    Failure {
        input: input.into(),
        category,
        message: error.to_string(),
        hint: Some(hint.into()),
    }
}

pub(super) fn no_space(input: &str, error: &std::io::Error) -> Failure {
    failure(
        input,
        FailureCategory::Environment,
        error,
        "free some space, or set TMPDIR to a larger disk",
    )
}

pub(super) fn fetch_failed(input: &str, error: &FetchError) -> Failure {
    let category = match error {
        FetchError::Purl(_)
        | FetchError::RepositoryNotConfigured { .. }
        | FetchError::BadSetting { .. } => FailureCategory::Usage,
        FetchError::PackageNotFound { .. }
        | FetchError::VersionNotFound { .. }
        | FetchError::NoVersions { .. }
        | FetchError::ArtifactNotFound { .. }
        | FetchError::NoArtifacts { .. }
        | FetchError::HashMismatch { .. }
        | FetchError::TooLarge { .. }
        | FetchError::Refused { .. } => FailureCategory::Package,
        _ => FailureCategory::Environment,
    };
    failure(input, category, error, error.hint())
}

pub(super) fn pipeline_failed(input: &str, error: &PipelineError) -> Failure {
    let (category, hint) = match error {
        PipelineError::NotAnArchive { .. } => (
            FailureCategory::Package,
            "give a tar, zip, gz, bz2, xz or zstd archive, a folder, a lock file or a purl",
        ),
        PipelineError::HashMismatch { .. } => (
            FailureCategory::Environment,
            "the download was damaged or tampered with: try again, and report it if it stays so",
        ),
        PipelineError::Empty(_) => (
            FailureCategory::Package,
            "there is nothing to analyse: check the path",
        ),
        PipelineError::Storage(_) => (
            FailureCategory::Environment,
            "free some space, or set TMPDIR to a larger disk",
        ),
        PipelineError::Io { .. } => (
            FailureCategory::Environment,
            "check the path and its permissions",
        ),
        PipelineError::Components(_) => (
            FailureCategory::Usage,
            "check the files named by --analyzer",
        ),
        PipelineError::Cancelled => (FailureCategory::Environment, "start it again"),
    };
    failure(input, category, error, hint)
}
