//! What each function is run with. A trigger tells workers of changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::types::Json;

/// What a function is run with; what is null is as the platform has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FunctionSettings {
    /// Bytes of all linear memories and tables of a step.
    pub memory_bytes: Option<i64>,
    /// CPU work of a step: about one unit per WebAssembly instruction.
    pub fuel: Option<i64>,
    /// Wall clock of a step, milliseconds.
    pub time_ms: Option<i64>,
    /// Purl types that it looks at, of those in its descriptor.
    pub ecosystems: Option<Vec<String>>,
    /// Settings that the guest reads, by name.
    pub options: BTreeMap<String, String>,
}

/// The settings of a function.
///
/// # Errors
/// When the database fails.
pub async fn settings(pool: &PgPool, function: i64) -> Result<FunctionSettings, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT memory_bytes, fuel, time_ms, ecosystems, options AS "options: Json<BTreeMap<String, String>>"
        FROM function_settings WHERE function_id = $1
        "#,
        function,
    )
    .fetch_optional(pool)
    .await?;
    Ok(
        row.map_or_else(FunctionSettings::default, |row| FunctionSettings {
            memory_bytes: row.memory_bytes,
            fuel: row.fuel,
            time_ms: row.time_ms,
            ecosystems: row.ecosystems,
            options: row.options.0,
        }),
    )
}

/// Replaces the settings of a function.
///
/// # Errors
/// When the database fails.
pub async fn replace_settings(
    transaction: &mut sqlx::PgTransaction<'_>,
    function: i64,
    settings: &FunctionSettings,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO function_settings (function_id, memory_bytes, fuel, time_ms, ecosystems, options)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (function_id) DO UPDATE SET memory_bytes = $2, fuel = $3, time_ms = $4,
            ecosystems = $5, options = $6, changed_at = now()
        "#,
        function,
        settings.memory_bytes,
        settings.fuel,
        settings.time_ms,
        settings.ecosystems.as_deref(),
        Json(&settings.options) as _,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
