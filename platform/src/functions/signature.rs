//! What a publisher signs: that these bytes are this version of this function, and what it
//! says of itself. The command line signs the very payload that API and workers verify.

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};
use packguard_runtime::report::DescriptorInfo;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Hexadecimal digits of a key's id.
const KEY_ID: usize = 16;

/// Bytes of a public key.
pub const PUBLIC_KEY: usize = ed25519_dalek::PUBLIC_KEY_LENGTH;

/// Bytes of a signature.
pub const SIGNATURE: usize = ed25519_dalek::SIGNATURE_LENGTH;

/// The bytes that are signed for a version of a function. A signature over them is good for
/// no other name, version, component or descriptor.
///
/// `sha256` is that of the component.
///
/// # Errors
/// When the descriptor can't be written as JSON, which would be a defect of its type.
pub fn payload(
    name: &str,
    version: &str,
    sha256: &[u8; 32],
    descriptor: &DescriptorInfo,
) -> Result<Vec<u8>, serde_json::Error> {
    let descriptor = Sha256::digest(canonical(descriptor)?);
    let (component, descriptor) = (hex::encode(sha256), hex::encode(descriptor));
    let payload = format!("packguard-function-v1\n{name}\n{version}\n{component}\n{descriptor}");
    Ok(payload.into_bytes())
}

/// A descriptor as JSON with sorted keys and no white space: the same bytes wherever it is
/// made.
///
/// # Errors
/// When it can't be written as JSON, which would be a defect of its type.
pub fn canonical(descriptor: &DescriptorInfo) -> Result<Vec<u8>, serde_json::Error> {
    let mut value = serde_json::to_value(descriptor)?;
    sort(&mut value);
    serde_json::to_vec(&value)
}

/// Sorts the keys of all objects. Descriptors nest three levels deep.
fn sort(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.sort_keys();
            map.values_mut().for_each(sort);
        }
        Value::Array(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}

/// Why a public key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is no ed25519 public key: give its {PUBLIC_KEY} bytes as base64, as `sdk keys` shows them"
)]
pub struct KeyError;

/// A public key, with its id.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    id: String,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

impl PublicKey {
    /// Of its bytes. Points of small order are refused: any signature fits them.
    ///
    /// # Errors
    /// If they are none.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; PUBLIC_KEY] = bytes.try_into().map_err(|_| KeyError)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError)?;
        if key.is_weak() {
            return Err(KeyError);
        }
        let mut id = hex::encode(Sha256::digest(bytes));
        id.truncate(KEY_ID);
        Ok(Self { key, id })
    }

    /// Of base64.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Self::new(&base64(text).ok_or(KeyError)?)
    }

    /// Its 32 bytes.
    pub fn bytes(&self) -> &[u8; PUBLIC_KEY] {
        self.key.as_bytes()
    }

    /// The first 16 hexadecimal digits of its SHA-256.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the signature is this key's over the payload.
    pub fn verifies(&self, payload: &[u8], signature: &[u8]) -> bool {
        let signature = Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.key.verify_strict(payload, &signature).is_ok())
    }
}

/// Reads base64 of at most a hundred bytes, with or without padding.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::STANDARD_NO_PAD;
    let text = text.trim().trim_end_matches('=');
    if text.len() > 134 {
        return None;
    }
    STANDARD_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn descriptor() -> DescriptorInfo {
        DescriptorInfo {
            name: "one".into(),
            version: "1.0.0".into(),
            description: "Does \"one\" thing".into(),
            ecosystems: vec!["pypi".into()],
            rules: Vec::new(),
        }
    }

    #[test]
    fn the_payload_is_what_the_documentation_says() {
        let json = r#"{"description":"Does \"one\" thing","ecosystems":["pypi"],"name":"one","rules":[],"version":"1.0.0"}"#;
        assert_eq!(canonical(&descriptor()).unwrap(), json.as_bytes());
        let payload = payload("one", "1.0.0", &[7; 32], &descriptor()).unwrap();
        let expected = format!(
            "packguard-function-v1\none\n1.0.0\n{}\n{}",
            "07".repeat(32),
            hex::encode(Sha256::digest(json))
        );
        assert_eq!(payload, expected.as_bytes());
    }

    #[test]
    fn a_signature_is_good_for_nothing_else() {
        let signing = SigningKey::from_bytes(&[3; 32]);
        let key = PublicKey::new(signing.verifying_key().as_bytes()).unwrap();
        let signed = payload("one", "1.0.0", &[7; 32], &descriptor()).unwrap();
        let signature = signing.sign(&signed).to_bytes();
        assert!(key.verifies(&signed, &signature));
        let mut other = descriptor();
        other.description.push('!');
        for changed in [
            payload("two", "1.0.0", &[7; 32], &descriptor()),
            payload("one", "1.0.1", &[7; 32], &descriptor()),
            payload("one", "1.0.0", &[8; 32], &descriptor()),
            payload("one", "1.0.0", &[7; 32], &other),
        ] {
            assert!(!key.verifies(&changed.unwrap(), &signature));
        }
        assert!(!key.verifies(&signed, &signature[..63]));
        assert!(!key.verifies(&signed, &[0; 64]));
        let stranger = PublicKey::new(SigningKey::from_bytes(&[4; 32]).verifying_key().as_bytes());
        assert!(!stranger.unwrap().verifies(&signed, &signature));
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        assert_eq!(PublicKey::parse(""), Err(KeyError));
        assert_eq!(PublicKey::parse("AAAA"), Err(KeyError));
        // The neutral element: every signature would fit.
        let mut weak = [0; 32];
        weak[0] = 1;
        assert_eq!(PublicKey::new(&weak), Err(KeyError));
        assert_eq!(PublicKey::parse(&"A".repeat(1 << 20)), Err(KeyError));
    }
}
