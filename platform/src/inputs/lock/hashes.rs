//! The digests that lock files pin, in their three spellings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Digests kept per package: a release with wheels for all platforms has about 100 files.
pub(super) const MAX_HASHES: usize = 2_000;

/// A digest of a downloaded artifact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExpectedHash {
    /// How it was made.
    pub algorithm: Algorithm,
    /// Lower-case hex.
    pub hex: String,
}

/// A digest algorithm, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// Gathers the digests of one package.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    pub(super) list: Vec<ExpectedHash>,
    /// Whether a digest could not be read, so that the list may be too short.
    pub(super) unreadable: bool,
}

impl Hashes {
    /// `sha256:` and hex digits.
    pub(super) fn prefixed(&mut self, text: &str) {
        let found = text
            .split_once(':')
            .and_then(|(name, hex)| Some((Algorithm::from_name(name)?, hex::decode(hex).ok()?)));
        self.push(found);
    }

    /// Hex digits of a known algorithm.
    pub(super) fn hex(&mut self, algorithm: Algorithm, hex: &str) {
        self.push(hex::decode(hex).ok().map(|bytes| (algorithm, bytes)));
    }

    /// Subresource integrity: `sha512-` and base64, several apart by blanks.
    pub(super) fn integrity(&mut self, text: &str) {
        for part in text.split_ascii_whitespace() {
            let part = part.split('?').next().unwrap_or_default();
            let found = part.split_once('-').and_then(|(name, base64)| {
                Some((Algorithm::from_name(name)?, STANDARD.decode(base64).ok()?))
            });
            self.push(found);
        }
    }

    fn push(&mut self, found: Option<(Algorithm, Vec<u8>)>) {
        match found {
            Some((algorithm, bytes))
                if bytes.len() == algorithm.bytes() && self.list.len() < MAX_HASHES =>
            {
                self.list.push(ExpectedHash {
                    algorithm,
                    hex: hex::encode(bytes),
                });
            }
            _ => self.unreadable = true,
        }
    }
}
