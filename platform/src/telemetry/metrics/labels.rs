//! The words that label metrics. Each label has few values, all known here or checked
//! against a list ([`ecosystem`]; analyzers in `work.rs`): a value that a client could choose
//! would make series without bound.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use std::fmt::Write as _;

/// A set of labels that can name them.
pub(super) trait Labels:
    EncodeLabelSet + Clone + std::hash::Hash + Eq + std::fmt::Debug + Send + Sync + 'static
{
    /// As they are exposed, in order.
    const NAMES: &'static [&'static str];
}

macro_rules! labels {
    ($($name:ident { $($field:ident: $type:ty),+ })+) => {$(
        #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub(super) struct $name { $(pub(super) $field: $type),+ }

        impl Labels for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];
        }
    )+};
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$word_doc])* $word),+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$word),+];

            /// As the label spells it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text),+ }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
                encoder.write_str(self.as_str())
            }
        }
    )+};
}

labels! {
    HttpRequest { method: &'static str, route: String, status: u16 }
    HttpRoute { method: &'static str, route: String }
    Submitted { kind: Submission, outcome: SubmissionOutcome }
    InQueue { state: QueueState }
    Ready { priority: i16 }
    Finished { ecosystem: &'static str, outcome: TaskOutcome }
    HasOutcome { outcome: TaskOutcome }
    Judged { ecosystem: &'static str, verdict: &'static str }
    HasReason { reason: Return }
    Analyzer { analyzer: String }
    AnalyzerRun { analyzer: String, outcome: &'static str }
    CacheUse { cache: Cache, result: CacheResult }
    Ecosystem { ecosystem: &'static str }
    FetchFailed { ecosystem: &'static str, kind: FetchError }
    Operation { operation: &'static str, outcome: Outcome }
    Delivered { outcome: Delivery }
    Repaired { kind: Repair }
    OfDependency { dependency: Dependency }
}

words! {
    /// A server that Packguard stands before.
    Dependency {
        /// Postgres.
        Database = "database",
        /// Redis.
        Queue = "queue",
        /// The object storage.
        Storage = "storage",
    }

    /// How packages are submitted.
    Submission {
        /// One purl.
        Package = "package",
        /// Many purls, a lock file or an SBOM.
        Batch = "batch",
        /// An uploaded archive.
        Archive = "archive",
    }

    /// What became of a submission.
    SubmissionOutcome {
        /// A new task.
        Accepted = "accepted",
        /// Answered with a report that was there.
        Cached = "cached",
        /// The same was submitted already: its task is the answer.
        Existing = "existing",
        /// It made no sense.
        Invalid = "invalid",
        /// The key's hourly limit was reached.
        RateLimited = "rate_limited",
        /// We failed.
        Error = "error",
    }

    /// Where in the queue a task is.
    QueueState {
        /// To be claimed.
        Ready = "ready",
        /// To be ready later.
        Delayed = "delayed",
        /// With a worker.
        Leased = "leased",
    }

    /// How a task ended: completed, cancelled, or its error's category.
    TaskOutcome {
        /// There is a report.
        Completed = "completed",
        /// Its submitter ended it.
        Cancelled = "cancelled",
        /// See [`crate::model::ErrorCategory`].
        TimeoutError = "timeout_error",
        /// See [`crate::model::ErrorCategory`].
        FetchError = "fetch_error",
        /// See [`crate::model::ErrorCategory`].
        PackageNotFound = "package_not_found",
        /// See [`crate::model::ErrorCategory`].
        ArchiveError = "archive_error",
        /// See [`crate::model::ErrorCategory`].
        AnalysisError = "analysis_error",
        /// See [`crate::model::ErrorCategory`].
        LimitExceeded = "limit_exceeded",
        /// See [`crate::model::ErrorCategory`].
        QueueError = "queue_error",
        /// See [`crate::model::ErrorCategory`].
        StorageError = "storage_error",
        /// See [`crate::model::ErrorCategory`].
        UnknownError = "unknown_error",
    }

    /// Why a claim ended without finishing its task.
    Return {
        /// It failed and will be tried again.
        Retried = "retried",
        /// The worker was told to end.
        HandedBack = "handed_back",
        /// Another worker had claimed it meanwhile; the result was discarded.
        FencedOut = "fenced_out",
    }

    /// What is cached.
    Cache {
        /// Compiled components.
        Component = "component",
        /// Reports of the same artifacts, components and limits.
        Report = "report",
        /// Records of API keys.
        Key = "key",
    }

    /// What a cache had to say.
    CacheResult {
        /// It had it.
        Hit = "hit",
        /// It had not.
        Miss = "miss",
        /// What it had was damaged, or another's.
        Refused = "refused",
    }

    /// Why a download failed.
    FetchError {
        /// The registry does not have the package.
        NotFound = "not_found",
        /// No connection, or it broke.
        Connection = "connection",
        /// It took too long.
        Timeout = "timeout",
        /// The registry answered with a status of 429.
        RateLimited = "rate_limited",
        /// The registry answered with another error status.
        Status = "status",
        /// The answer made no sense.
        Malformed = "malformed",
        /// The bytes do not have the hash that the registry states.
        Checksum = "checksum",
        /// It is larger than what is fetched.
        TooLarge = "too_large",
        /// Anything else.
        Other = "other",
    }

    /// How an operation of a backend ended.
    Outcome {
        /// It worked; that something is not there counts as working.
        Ok = "ok",
        /// It did not.
        Error = "error",
        /// It took too long.
        Timeout = "timeout",
    }

    /// What became of one attempt to deliver a webhook.
    Delivery {
        /// The receiver took it.
        Delivered = "delivered",
        /// It failed and will be tried again.
        Retrying = "retrying",
        /// It failed for the last time.
        GaveUp = "gave_up",
    }

    /// What the reconciler mended.
    Repair {
        /// A pending or queued task was missing in Redis.
        Requeued = "requeued",
        /// Redis held a task that is finished or gone.
        OrphanRemoved = "orphan_removed",
        /// A task was in Redis and still called pending.
        MarkedQueued = "marked_queued",
        /// A task ran out of its time.
        TimedOut = "timed_out",
        /// A report's alias was missing or stale.
        AliasRepaired = "alias_repaired",
    }
}

impl From<crate::model::ErrorCategory> for TaskOutcome {
    fn from(category: crate::model::ErrorCategory) -> Self {
        use crate::model::ErrorCategory as From;
        match category {
            From::TimeoutError => Self::TimeoutError,
            From::FetchError => Self::FetchError,
            From::PackageNotFound => Self::PackageNotFound,
            From::ArchiveError => Self::ArchiveError,
            From::AnalysisError => Self::AnalysisError,
            From::LimitExceeded => Self::LimitExceeded,
            From::QueueError => Self::QueueError,
            From::StorageError => Self::StorageError,
            From::UnknownError => Self::UnknownError,
        }
    }
}

/// A purl's type as a label; `other` where nobody serves it.
pub(super) fn ecosystem(name: &str) -> &'static str {
    const KNOWN: [&str; 9] = [
        "pypi", "npm", "cargo", "gem", "maven", "composer", "golang", "nuget", "generic",
    ];
    KNOWN
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or("other")
}
