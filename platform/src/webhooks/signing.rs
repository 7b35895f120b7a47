//! Secrets and signatures as the Standard Webhooks specification has them: HMAC-SHA256 over
//! `id.timestamp.body`, in base64, with the version `v1` before it. While a secret is being
//! rotated there are two signatures, with a space between; a receiver takes either.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// What every secret begins with, so that scanners for leaked secrets know it.
const PREFIX: &str = "whsec_";

/// Bytes of a new secret: as many as the hash gives. The specification asks for 24 to 64.
const BYTES: usize = 32;

/// A stored secret that can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the webhook's secret can't be read: rotate it")]
pub struct SecretError;

/// What signs the deliveries of a webhook.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Makes one from the system's random source.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = vec![0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads one of the form `whsec_BASE64`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SecretError)?;
        if bytes.is_empty() {
            return Err(SecretError);
        }
        Ok(Self(bytes))
    }

    /// The form in which receivers get it.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// One signature, with its version.
    ///
    /// # Errors
    /// Never: HMAC takes keys of any length.
    pub(super) fn sign(
        &self,
        id: &str,
        timestamp: i64,
        body: &[u8],
    ) -> Result<String, SecretError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| SecretError)?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Ok(format!(
            "v1,{}",
            STANDARD.encode(mac.finalize().into_bytes())
        ))
    }
}
