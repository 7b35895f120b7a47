//! Ciphers whose key stands beside what they hide.

use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockDecrypt as _, BlockEncrypt as _, KeyInit as _};
use aes::{Aes128, Aes192, Aes256};

use super::{OUTPUT_LIMIT, base64};

/// Every byte combined with the key's bytes in turn.
///
/// ```
/// use packguard_sdk::decode::xor;
/// assert_eq!(xor(&xor(b"hello", b"key"), b"key"), b"hello");
/// assert_eq!(xor(b"hello", b""), b"hello");
/// ```
pub fn xor(bytes: &[u8], key: &[u8]) -> Vec<u8> {
    if key.is_empty() {
        return bytes.to_vec();
    }
    bytes
        .iter()
        .zip(key.iter().cycle())
        .map(|(byte, key)| byte ^ key)
        .collect()
}

/// ASCII letters moved on by so many places in the alphabet: 13 takes rot13 off.
///
/// ```
/// assert_eq!(packguard_sdk::decode::rotate("uryyb", 13), "hello");
/// ```
pub fn rotate(text: &str, places: u8) -> String {
    let turn = |c: char, first: u8| {
        u8::try_from(c).map_or(c, |byte| {
            char::from((byte - first + places % 26) % 26 + first)
        })
    };
    text.chars()
        .map(|c| match c {
            'a'..='z' => turn(c, b'a'),
            'A'..='Z' => turn(c, b'A'),
            other => other,
        })
        .collect()
}

/// What a Fernet token says, by its key, both as they are written (base64). Whether the
/// token is genuine is not looked at.
///
/// ```
/// assert_eq!(packguard_sdk::decode::fernet("short", "gAAAA"), None);
/// ```
pub fn fernet(key: &str, token: &str) -> Option<Vec<u8>> {
    let key = base64(key)?;
    let token = base64(token)?;
    let encrypting = key.get(16..32)?;
    let body = token.get(..token.len().checked_sub(32)?)?;
    if body.first() != Some(&0x80) {
        return None;
    }
    aes(AesMode::Cbc, encrypting, body.get(9..25)?, body.get(25..)?)
}

/// How blocks of AES are tied together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AesMode {
    /// Each block by itself.
    Ecb,
    /// Each block mixed with the one before.
    Cbc,
    /// A key stream out of a counter that starts at the vector.
    Ctr,
}

/// Takes AES off; padding of PKCS #7 is dropped where it is there.
///
/// ```
/// use packguard_sdk::decode::{AesMode, aes};
/// assert_eq!(aes(AesMode::Cbc, b"no key", &[0; 16], &[0; 16]), None);
/// ```
pub fn aes(mode: AesMode, key: &[u8], vector: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.is_empty() || bytes.len() > OUTPUT_LIMIT {
        return None;
    }
    let cipher = match key.len() {
        16 => Cipher::A(Aes128::new_from_slice(key).ok()?),
        24 => Cipher::B(Aes192::new_from_slice(key).ok()?),
        32 => Cipher::C(Aes256::new_from_slice(key).ok()?),
        _ => return None,
    };
    if mode == AesMode::Ctr {
        return Some(counted(&cipher, vector, bytes));
    }
    let (blocks, []) = bytes.as_chunks::<16>() else {
        return None;
    };
    let mut before: [u8; 16] = match mode {
        AesMode::Cbc => vector.try_into().ok()?,
        _ => [0; 16],
    };
    let mut out = Vec::with_capacity(bytes.len());
    for block in blocks {
        let plain = cipher.decrypt(*block);
        match mode {
            AesMode::Cbc => out.extend(xor(&plain, &before)),
            _ => out.extend(plain),
        }
        before = *block;
    }
    let padding = out.last().copied().unwrap_or(0);
    let pads = usize::from(padding);
    if (1..=16).contains(&pads) && out.iter().rev().take(pads).all(|byte| *byte == padding) {
        out.truncate(out.len() - pads);
    }
    Some(out)
}

enum Cipher {
    A(Aes128),
    B(Aes192),
    C(Aes256),
}

impl Cipher {
    fn decrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = GenericArray::from(block);
        match self {
            Self::A(cipher) => cipher.decrypt_block(&mut block),
            Self::B(cipher) => cipher.decrypt_block(&mut block),
            Self::C(cipher) => cipher.decrypt_block(&mut block),
        }
        block.into()
    }

    fn encrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = GenericArray::from(block);
        match self {
            Self::A(cipher) => cipher.encrypt_block(&mut block),
            Self::B(cipher) => cipher.encrypt_block(&mut block),
            Self::C(cipher) => cipher.encrypt_block(&mut block),
        }
        block.into()
    }
}

/// A vector shorter than a block is a nonce: the counter behind it starts at zero.
fn counted(cipher: &Cipher, vector: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut start = [0; 16];
    for (to, from) in start.iter_mut().zip(vector) {
        *to = *from;
    }
    let mut counter = u128::from_be_bytes(start);
    let mut out = Vec::with_capacity(bytes.len());
    for block in bytes.chunks(16) {
        out.extend(xor(block, &cipher.encrypt(counter.to_be_bytes())));
        counter = counter.wrapping_add(1);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aes_of_fips_197() {
        let key: Vec<u8> = (0..16).collect();
        let block = super::super::hex("69c4e0d86a7b0430d8cdb78070b4c55a").unwrap();
        let plain = super::super::hex("00112233445566778899aabbccddeeff").unwrap();
        assert_eq!(aes(AesMode::Ecb, &key, &[], &block), Some(plain.clone()));
        assert_eq!(aes(AesMode::Cbc, &key, &[0; 16], &block), Some(plain));
        let vector = super::super::hex("00112233445566778899aabbccddeeff").unwrap();
        assert_eq!(aes(AesMode::Ctr, &key, &vector, &[0; 16]), Some(block));
    }

    #[test]
    fn fernet_of_its_specification() {
        let token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
        let key = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
        assert_eq!(fernet(key, token).as_deref(), Some(&b"hello"[..]));
    }
}
