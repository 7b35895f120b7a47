//! Publishers as admins make them: one place for the API and the command line. Every change
//! is in the audit log.

use serde_json::json;
use sqlx::PgPool;

use super::name::{self, NameError};
use super::signature::{KeyError, PublicKey};
use crate::db::audit::{self, Actor, Entry};
use crate::db::publishers;
use crate::model::KeyId;

/// Why a publisher was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// The name makes no sense.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The key makes no sense.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is one.
    #[error("there is a publisher `{0}` already")]
    Exists(String),
    /// There is none.
    #[error("there is no publisher `{0}`")]
    NoPublisher(String),
    /// There is none.
    #[error("there is no API key {0}")]
    NoApiKey(KeyId),
    /// There is none.
    #[error("the publisher has no signing key `{0}`")]
    NoSigningKey(String),
    /// Somebody registered it.
    #[error("this signing key is registered already")]
    KeyExists,
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// What to change of a publisher.
#[derive(Debug, Clone)]
pub enum Change {
    /// Make it.
    Create,
    /// Register a signing key, given as base64.
    AddKey(String),
    /// Make a signing key void, named by its id. Workers stop running what it signed.
    RevokeKey(String),
    /// Let an API key deploy in its name.
    AddMember(KeyId),
    /// Keep a prefix of names for it.
    Reserve(String),
}

/// Changes a publisher.
///
/// # Errors
/// Why not.
pub async fn change(
    db: &PgPool,
    actor: &Actor,
    publisher: &str,
    change: &Change,
) -> Result<(), PublisherError> {
    name::publisher(publisher)?;
    let mut transaction = db.begin().await?;
    let id = publishers::find(&mut transaction, publisher).await?;
    let missing = || PublisherError::NoPublisher(publisher.to_owned());
    let (action, details) = match change {
        Change::Create => {
            if !publishers::create(&mut transaction, publisher).await? {
                return Err(PublisherError::Exists(publisher.to_owned()));
            }
            ("publisher.create", json!({}))
        }
        Change::AddKey(text) => {
            let (id, key) = (id.ok_or_else(missing)?, PublicKey::parse(text)?);
            if !publishers::add_key(&mut transaction, id, key.id(), key.bytes()).await? {
                return Err(PublisherError::KeyExists);
            }
            ("publisher.add_key", json!({ "key": key.id() }))
        }
        Change::RevokeKey(key) => {
            let id = id.ok_or_else(missing)?;
            if !publishers::revoke_key(&mut transaction, id, key).await? {
                return Err(PublisherError::NoSigningKey(key.clone()));
            }
            ("publisher.revoke_key", json!({ "key": key }))
        }
        Change::AddMember(key) => {
            let id = id.ok_or_else(missing)?;
            if !publishers::join(&mut transaction, id, *key).await? {
                return Err(PublisherError::NoApiKey(*key));
            }
            ("publisher.add_member", json!({ "api_key": key }))
        }
        Change::Reserve(prefix) => {
            name::publisher(prefix)?;
            let id = id.ok_or_else(missing)?;
            publishers::reserve(&mut transaction, id, prefix).await?;
            ("publisher.reserve", json!({ "prefix": prefix }))
        }
    };
    let entry = Entry {
        action,
        subject: format!("publisher:{publisher}"),
        details,
    };
    audit::write(&mut transaction, actor, &entry).await?;
    Ok(transaction.commit().await?)
}
