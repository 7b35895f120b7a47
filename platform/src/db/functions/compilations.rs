//! Who compiles a component for all.

use std::time::Duration;

use sqlx::PgPool;

/// Whether the caller is to compile a component, for `lease` at most; if not, another does.
///
/// # Errors
/// When the database fails.
pub async fn begin_compiling(
    pool: &PgPool,
    sha256: &[u8; 32],
    compiler: &[u8; 32],
    lease: Duration,
) -> Result<bool, sqlx::Error> {
    let begun = sqlx::query!(
        "INSERT INTO compilations (sha256, compiler, until) VALUES ($1, $2, now() + make_interval(secs => $3))
         ON CONFLICT (sha256, compiler) DO UPDATE SET until = EXCLUDED.until WHERE compilations.until < now()",
        sha256,
        compiler,
        lease.as_secs_f64(),
    )
    .execute(pool)
    .await?;
    Ok(begun.rows_affected() == 1)
}

/// Says that nobody compiles a component any more.
///
/// # Errors
/// When the database fails: the lease ends it.
pub async fn end_compiling(
    pool: &PgPool,
    sha256: &[u8; 32],
    compiler: &[u8; 32],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM compilations WHERE sha256 = $1 AND compiler = $2",
        sha256,
        compiler,
    )
    .execute(pool)
    .await?;
    Ok(())
}
