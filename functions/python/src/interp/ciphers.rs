//! Ciphers whose key stands in the file.

use packguard_sdk::decode::{self, AesMode};

use super::Interpreter;
use super::calls::Given;
use crate::fold;
use crate::value::Value;

impl<'a> Interpreter<'a, '_> {
    /// What a cipher is made with, to keep beside it.
    pub(super) fn cipher_key(path: &str, given: &Given<'a>) -> Option<String> {
        let key = given.args.first()?.as_bytes()?;
        match path {
            "cryptography.fernet.Fernet" => String::from_utf8(key.to_vec()).ok(),
            "Crypto.Cipher.AES.new" => {
                let mode = given.args.get(1)?.as_path()?.rsplit('_').next()?;
                let named = ["iv", "IV", "nonce"];
                let by_name = given
                    .keywords
                    .iter()
                    .find(|(name, _)| named.contains(&&**name))
                    .map(|(_, value)| value);
                let vector = given.args.get(2).or(by_name).and_then(Value::as_bytes);
                let vector = vector.unwrap_or_default();
                Some(format!("{mode}:{}:{}", hex(key), hex(vector)))
            }
            _ => None,
        }
    }

    /// What decrypting a constant gives.
    pub(super) fn decipher(
        &mut self,
        path: &str,
        callee: &Value<'a>,
        given: &Given<'a>,
    ) -> Option<Value<'a>> {
        let key = callee.key()?;
        let input = given.args.first()?;
        let (cipher, plain) = match path {
            "cryptography.fernet.Fernet().decrypt" => {
                ("Fernet", decode::fernet(key, &input.to_text()?))
            }
            "Crypto.Cipher.AES.new().decrypt" => {
                let mut parts = key.split(':');
                let mode = match parts.next()? {
                    "CBC" => AesMode::Cbc,
                    "ECB" => AesMode::Ecb,
                    "CTR" => AesMode::Ctr,
                    _ => return None,
                };
                let key = decode::hex(parts.next()?)?;
                let vector = decode::hex(parts.next()?).unwrap_or_default();
                ("AES", decode::aes(mode, &key, &vector, input.as_bytes()?))
            }
            _ => return None,
        };
        Some(fold::decrypted(cipher, plain, input, &mut self.budget))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take(64)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
