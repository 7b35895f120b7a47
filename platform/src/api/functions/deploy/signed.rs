//! The signature that comes with a component.

use axum::http::HeaderMap;

use super::refused;
use crate::api::App;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::db::publishers;
use crate::functions::SignaturePolicy;
use crate::functions::signature::{self, PublicKey, SIGNATURE};

/// The header with the signature, base64.
const SIGNATURE_HEADER: &str = "x-packguard-signature";
/// The header with the id of the key that made it.
const KEY_HEADER: &str = "x-packguard-key-id";

/// A signature that has yet to be verified.
pub(super) struct Signed {
    pub signature: Vec<u8>,
    pub key: PublicKey,
}

impl Signed {
    /// Reads the headers, and finds the key: of this publisher, and not void.
    pub(super) async fn of(
        app: &App,
        caller: &Caller,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, ApiError> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let (signature, id) = match (text(SIGNATURE_HEADER), text(KEY_HEADER)) {
            (Some(signature), Some(id)) => (signature, id),
            (None, None) if app.settings.signatures == SignaturePolicy::Optional => {
                return Ok(None);
            }
            (None, None) => {
                return Err(refused(
                    "signature_required",
                    "functions have to be signed here: make a key with `sdk keys`, have an admin register it, and deploy with it",
                ));
            }
            _ => {
                let message = format!("send {SIGNATURE_HEADER} and {KEY_HEADER}, or neither");
                return Err(ApiError::invalid(SIGNATURE_HEADER, message));
            }
        };
        let signature = signature::base64(signature).filter(|bytes| bytes.len() == SIGNATURE);
        let signature = signature.ok_or_else(|| {
            let message = format!("it must be base64 of {SIGNATURE} bytes");
            ApiError::invalid(SIGNATURE_HEADER, message)
        })?;
        let unknown = || {
            refused(
                "signature_unknown_key",
                "the signing key is not registered with your publisher, or void: ask an admin to register it (`packguard admin publishers add-key`)",
            )
        };
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if id.len() != 16 || !id.bytes().all(hex) {
            return Err(unknown());
        }
        let row = publishers::signing_key(&app.db, id).await?;
        let publisher = publishers::of_key(&app.db, caller.id()).await?;
        let row = row.filter(|row| {
            row.revoked_at.is_none() && publisher.is_some_and(|one| one.id == row.publisher)
        });
        let key = PublicKey::new(&row.ok_or_else(unknown)?.public_key);
        let key = key.map_err(|error| ApiError::internal(&error))?;
        Ok(Some(Self { signature, key }))
    }
}
