//! Objects whose rows were deleted, and that have to follow: see `retention`.

use sqlx::PgPool;

/// What an object is, whose row was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A report; its SHA-256 in hexadecimal.
    Report(String),
    /// The alias of this purl.
    Alias(String),
}

/// An object whose row was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    /// The note's number.
    pub id: i64,
    /// Which object.
    pub kind: Kind,
    /// A row names it all the same: it has to stay.
    pub wanted: bool,
}

/// Objects after note `after` that may be deleted now: a chunk.
///
/// # Errors
/// When the database fails.
pub async fn due(pool: &PgPool, after: i64) -> Result<Vec<Doomed>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT id, kind, subject, CASE kind
            WHEN 'report' THEN EXISTS (SELECT 1 FROM reports WHERE sha256 = decode(subject, 'hex'))
            ELSE EXISTS (SELECT 1 FROM reports WHERE purl = subject AND owner IS NULL)
        END AS "wanted!"
        FROM doomed_objects WHERE not_before <= now() AND id > $1 ORDER BY id LIMIT 50
        "#,
        after,
    )
    .fetch_all(pool)
    .await?;
    let doomed = rows.into_iter().map(|row| Doomed {
        id: row.id,
        kind: match row.kind.as_str() {
            "report" => Kind::Report(row.subject),
            _ => Kind::Alias(row.subject),
        },
        wanted: row.wanted,
    });
    Ok(doomed.collect())
}

/// Forgets that an object had to be deleted. An alias that somebody wrote while it was being
/// deleted is written again by the reconciler.
///
/// # Errors
/// When the database fails.
pub async fn settled(pool: &PgPool, doomed: &Doomed) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    if let Kind::Alias(purl) = &doomed.kind
        && !doomed.wanted
    {
        sqlx::query!(
            "UPDATE reports SET alias_written_at = NULL WHERE owner IS NULL AND id = (
                SELECT max(id) FROM reports WHERE purl = $1 AND owner IS NULL)",
            purl,
        )
        .execute(&mut *transaction)
        .await?;
    }
    sqlx::query!("DELETE FROM doomed_objects WHERE id = $1", doomed.id)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

/// Objects that wait for their time.
///
/// # Errors
/// When the database fails.
pub async fn waiting(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM doomed_objects"#)
        .fetch_one(pool)
        .await?;
    Ok(count.unsigned_abs())
}
