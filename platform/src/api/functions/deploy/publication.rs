//! Storing a component, and writing its version.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;
use tokio_util::io::ReaderStream;

use super::received::Received;
use super::{Deployed, LIMIT, rule_taken, version_exists};
use crate::api::App;
use crate::api::auth::Caller;
use crate::api::envelope::Answer;
use crate::api::error::ApiError;
use crate::api::functions::taken;
use crate::db::audit::{self, Actor, Entry};
use crate::db::functions::{self, NewVersion, Published};
use crate::db::publishers;
use crate::functions::changes::Changes;
use crate::functions::orphans;
use crate::storage::ComponentKey;

/// A version that was admitted.
pub(super) struct Publication {
    pub app: Arc<App>,
    pub caller: Caller,
    pub actor: Actor,
    pub received: Received,
    pub new: NewVersion,
    pub changes: Option<Changes>,
}

impl Publication {
    pub(super) async fn publish(self) -> Result<Answer<Deployed>, ApiError> {
        let (db, sha256) = (&self.app.db, &self.new.sha256);
        let note = functions::begin(db, sha256).await?;
        let written = match self.store().await {
            Ok(()) => self.write(note).await,
            Err(error) => Err(error),
        };
        let function = match written {
            Ok(function) => function,
            Err(error) => {
                let key = ComponentKey::of(*sha256);
                if let Err(error) = orphans::remove(db, &self.app.storage, key, note).await {
                    tracing::warn!(%error, "a component that nothing names stays for the janitor");
                }
                return Err(error);
            }
        };
        let mut rows = functions::versions(db, function, Some(&self.new.version), 1).await?;
        let version = rows.pop();
        let version = version.ok_or_else(|| ApiError::internal(&"a version that went away"))?;
        let deployed = Deployed {
            name: self.new.name,
            version,
            changes: self.changes,
        };
        Ok(Answer(StatusCode::CREATED, deployed))
    }

    async fn store(&self) -> Result<(), ApiError> {
        let file = tokio::fs::File::open(&self.received.path).await;
        let file = file.map_err(|error| ApiError::internal(&error))?;
        let key = ComponentKey::of(self.received.sha256);
        let storage = &self.app.storage;
        let stored = storage
            .put_component(&key, ReaderStream::new(file), LIMIT)
            .await?;
        if stored.sha256 == hex::encode(self.received.sha256) {
            return Ok(());
        }
        Err(ApiError::internal(&"a component changed on the disk"))
    }

    /// Writes the rows; gives the function's id.
    async fn write(&self, note: i64) -> Result<i64, ApiError> {
        let new = &self.new;
        let mut transaction = self.app.db.begin().await?;
        let publisher = publishers::ensure(&mut transaction, self.caller.id()).await?;
        let function = match functions::publish(&mut transaction, new, publisher, note).await? {
            Published::New(function) => function,
            Published::Exists => return Err(version_exists(&new.name, &new.version)),
            Published::Taken => return Err(taken(&new.name, "another")),
            Published::RuleTaken(rule) => return Err(rule_taken(&new.name, &rule)),
        };
        let entry = Entry {
            action: "function.deploy",
            subject: format!("function:{}", new.name),
            details: json!({
                "version": new.version,
                "sha256": hex::encode(new.sha256),
                "signing_key": new.signature.as_ref().map(|(_, key)| key),
            }),
        };
        audit::write(&mut transaction, &self.actor, &entry).await?;
        transaction.commit().await?;
        Ok(function)
    }
}
