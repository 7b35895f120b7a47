//! The words that API, database, queue and workers share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            sqlx::Type, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A task: one analysis that somebody asked for.
    TaskId
}
id! {
    /// An API key, which is also the tenant.
    KeyId
}
id! {
    /// A batch of tasks.
    BatchId
}
id! {
    /// A finished report.
    ReportId
}
id! {
    /// Counts the claims of one task. Whoever holds an older one than the row may change
    /// nothing: Kleppmann's fencing token.
    Fence
}

/// Where a task stands: pending -> queued -> running -> completed, failed or cancelled. A
/// retry goes back from running to queued.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    sqlx::Type,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "task_status", rename_all = "snake_case")]
pub enum TaskStatus {
    /// Written, not yet in the queue.
    Pending,
    /// In the queue.
    Queued,
    /// A worker has it.
    Running,
    /// There is a report.
    Completed,
    /// There will be no report.
    Failed,
    /// Its submitter ended it.
    Cancelled,
}

impl TaskStatus {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Queued,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As the API and the database spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it never changes again (but for an admin's retry of a failed one).
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a task failed, in the words of the API.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "error_category", rename_all = "snake_case")]
pub enum ErrorCategory {
    /// It ran longer than its timeout.
    TimeoutError,
    /// The registry could not be reached or gave nonsense.
    FetchError,
    /// The registry does not have it.
    PackageNotFound,
    /// Its archive is none, or is damaged.
    ArchiveError,
    /// The analysis broke.
    AnalysisError,
    /// It is larger than what is analysed.
    LimitExceeded,
    /// It was claimed again and again and never finished.
    QueueError,
    /// The report could not be stored.
    StorageError,
    /// Anything else.
    UnknownError,
}

impl ErrorCategory {
    /// As the API and the database spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TimeoutError => "timeout_error",
            Self::FetchError => "fetch_error",
            Self::PackageNotFound => "package_not_found",
            Self::ArchiveError => "archive_error",
            Self::AnalysisError => "analysis_error",
            Self::LimitExceeded => "limit_exceeded",
            Self::QueueError => "queue_error",
            Self::StorageError => "storage_error",
            Self::UnknownError => "unknown_error",
        }
    }
}

impl fmt::Display for ErrorCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How urgent a task is: 0 (the default) to 100; higher goes first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = i16, minimum = 0, maximum = 100, default = 0)]
pub struct Priority(i16);

impl Priority {
    /// The highest: a hundred bands leave the queue's scores (doubles, 53 bits) room for
    /// 35 million million tasks in each.
    pub const MAX: i16 = 100;

    /// Below all that clients may ask for: what the system does for itself.
    pub const BACKGROUND: Self = Self(-1);

    /// As Postgres and Redis have it.
    pub(crate) fn stored(value: i16) -> Self {
        Self(value.clamp(Self::BACKGROUND.0, Self::MAX))
    }

    /// What clients may ask for; `None` where it is out of range.
    pub fn new(value: i64) -> Option<Self> {
        let value = i16::try_from(value).ok()?;
        (0..=Self::MAX).contains(&value).then_some(Self(value))
    }

    /// The number.
    pub fn get(self) -> i16 {
        self.0
    }
}

/// What a key may do.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    clap::ValueEnum,
)]
pub enum Scope {
    /// Submit packages, and cancel them.
    #[serde(rename = "analyze")]
    #[value(name = "analyze")]
    Analyze,
    /// See own tasks and reports.
    #[serde(rename = "read")]
    #[value(name = "read")]
    Read,
    /// Deploy analyzers.
    #[serde(rename = "functions:write")]
    #[value(name = "functions:write")]
    FunctionsWrite,
    /// Everything, of everybody.
    #[serde(rename = "admin")]
    #[value(name = "admin")]
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Analyze, Self::Read, Self::FunctionsWrite, Self::Admin];

    /// As the API and the database spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Analyze => "analyze",
            Self::Read => "read",
            Self::FunctionsWrite => "functions:write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| {
                let all = Self::ALL.map(Self::as_str).join(", ");
                format!("`{text}` is no scope; there are {all}")
            })
    }
}
