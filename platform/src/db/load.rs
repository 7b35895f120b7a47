//! What tasks took lately: what a controller of workers reckons with.

use std::time::Duration;

use sqlx::PgPool;

/// How far back [`lately`] looks.
pub const WINDOW: Duration = Duration::from_secs(300);

/// The tasks that ended within [`WINDOW`], the last 2,000 of them at most.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lately {
    /// How many.
    pub ended: i64,
    /// In how many seconds they did.
    pub span: Option<f64>,
    /// Seconds that one held its slot, on average.
    pub service: Option<f64>,
    /// Seconds from ready to claimed that 95 of 100 waited at most, those tried once alone.
    pub wait_p95: Option<f64>,
}

/// What clients' tasks took lately, or those that the system queued for itself.
///
/// # Errors
/// What the database says.
pub async fn lately(db: &PgPool, background: bool) -> sqlx::Result<Lately> {
    sqlx::query_as!(
        Lately,
        r#"SELECT count(*) AS "ended!",
                  extract(epoch FROM clock_timestamp() - min(completed_at))::float8 AS span,
                  avg(extract(epoch FROM completed_at - started_at))::float8 AS service,
                  percentile_cont(0.95) WITHIN GROUP (
                      ORDER BY extract(epoch FROM started_at - queued_at)
                  ) FILTER (WHERE attempts = 1 AND queued_at IS NOT NULL)::float8 AS wait_p95
           FROM (
               SELECT completed_at, started_at, queued_at, attempts FROM tasks
               WHERE completed_at > now() - make_interval(secs => $1)
                 AND started_at IS NOT NULL AND (priority < 0) = $2
               ORDER BY completed_at DESC LIMIT 2000
           ) AS recent"#,
        WINDOW.as_secs_f64(),
        background,
    )
    .fetch_one(db)
    .await
}
