//! `packguard migrate`: brings the database's schema to what this version wants.

use super::{Failure, database};
use crate::config::{self, Environment, Flags, MigrateSettings};
use crate::db;

/// Runs the migrations that are missing; says how many.
///
/// # Errors
/// When the configuration makes no sense, or the database refuses.
pub async fn migrate(flags: &Flags) -> Result<(), Failure> {
    let settings: MigrateSettings = config::resolve(flags, &Environment::of_process())?;
    let pool = database(&settings.database)?;
    db::migrate(&pool).await.map_err(|error| {
        Failure::environment(
            &error,
            "is this the right database, and no newer version's? `packguard doctor` compares",
        )
    })?;
    let count = db::MIGRATIONS.iter().count();
    println!("the database has all {count} migrations of this version");
    Ok(())
}
