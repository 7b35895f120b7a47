//! The hashes that registries publish, and the one pass over the bytes that checks them.

use base64::Engine as _;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::error::FetchError;

/// A hash as a registry publishes it, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checksum {
    /// The hash function.
    pub algorithm: Algorithm,
    /// The expected digest, lower-case hexadecimal.
    pub digest: String,
}

/// Hash functions, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-1: older npm and composer releases, and Maven, have nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// Go's hash over the *unpacked* files, a SHA-256 of their listing. It is compared after
    /// unpacking, since no archive is parsed outside a sandbox.
    GoH1,
}

impl Algorithm {
    /// The name in messages and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::GoH1 => "h1",
        }
    }

    fn hex_length(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
            Self::GoH1 => 64,
        }
    }
}

impl Checksum {
    /// A checksum in hexadecimal; none if it has not the algorithm's length.
    pub(super) fn hex(algorithm: Algorithm, digest: &str) -> Option<Self> {
        let digest = digest.trim().to_ascii_lowercase();
        let fits =
            digest.len() == algorithm.hex_length() && digest.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then_some(Self { algorithm, digest })
    }

    /// A checksum in base64.
    pub(super) fn base64(algorithm: Algorithm, digest: &str) -> Option<Self> {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(digest.trim())
            .ok()?;
        Self::hex(algorithm, &hex::encode(bytes))
    }

    /// The strongest known hash of a Subresource Integrity string (`sha512-… sha1-…`).
    pub(super) fn integrity(text: &str) -> Option<Self> {
        let known = text.split_ascii_whitespace().filter_map(|part| {
            let (name, digest) = part.split_once('-')?;
            let digest = digest.split_once('?').map_or(digest, |(digest, _)| digest);
            let algorithm = match name {
                "sha512" => Algorithm::Sha512,
                "sha384" => Algorithm::Sha384,
                "sha256" => Algorithm::Sha256,
                "sha1" => Algorithm::Sha1,
                _ => return None,
            };
            Self::base64(algorithm, digest)
        });
        known.max_by_key(|checksum| checksum.algorithm)
    }
}

/// Hashes a download while it is written: always SHA-256, others as far as they are wanted.
pub(super) struct Hasher {
    sha256: Sha256,
    sha1: Option<Sha1>,
    sha384: Option<Sha384>,
    sha512: Option<Sha512>,
}

impl Hasher {
    pub(super) fn new(wanted: &[Checksum]) -> Self {
        let has = |algorithm| wanted.iter().any(|c| c.algorithm == algorithm);
        Self {
            sha256: Sha256::new(),
            sha1: has(Algorithm::Sha1).then(Sha1::new),
            sha384: has(Algorithm::Sha384).then(Sha384::new),
            sha512: has(Algorithm::Sha512).then(Sha512::new),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(hasher) = &mut self.sha1 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha384 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha512 {
            hasher.update(bytes);
        }
    }

    /// The SHA-256 in hexadecimal and the strongest hash that was checked. Each of the wanted
    /// hashes has to match.
    pub(super) fn finish(
        self,
        filename: &str,
        wanted: &[Checksum],
    ) -> Result<(String, Option<Algorithm>), FetchError> {
        let sha256 = hex::encode(self.sha256.finalize());
        let sha1 = self.sha1.map(|h| hex::encode(h.finalize()));
        let sha384 = self.sha384.map(|h| hex::encode(h.finalize()));
        let sha512 = self.sha512.map(|h| hex::encode(h.finalize()));
        let mut strongest = None;
        for checksum in wanted {
            let actual = match checksum.algorithm {
                Algorithm::Sha1 => sha1.as_ref(),
                Algorithm::Sha256 => Some(&sha256),
                Algorithm::Sha384 => sha384.as_ref(),
                Algorithm::Sha512 => sha512.as_ref(),
                Algorithm::GoH1 => None,
            };
            let Some(actual) = actual else { continue };
            if *actual != checksum.digest {
                return Err(FetchError::HashMismatch {
                    filename: filename.to_owned(),
                    algorithm: checksum.algorithm.as_str(),
                    expected: checksum.digest.clone(),
                    actual: actual.clone(),
                });
            }
            strongest = strongest.max(Some(checksum.algorithm));
        }
        Ok((sha256, strongest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_hash_of_an_integrity_string_counts() {
        let sha1 = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=";
        let sha256 = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let checksum =
            Checksum::integrity(&format!("{sha1} {sha256} md5-AAAA sha512-short")).unwrap();
        assert_eq!(checksum.algorithm, Algorithm::Sha256);
        assert!(checksum.digest.starts_with("e3b0c442"));
        assert_eq!(Checksum::integrity("nonsense"), None);
    }

    #[test]
    fn every_published_hash_has_to_match() {
        let right =
            Checksum::hex(Algorithm::Sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709").unwrap();
        let wrong = Checksum::hex(Algorithm::Sha256, &"0".repeat(64)).unwrap();
        let wanted = std::slice::from_ref(&right);
        let (_, strongest) = Hasher::new(wanted).finish("a", wanted).unwrap();
        assert_eq!(strongest, Some(Algorithm::Sha1));
        let wanted = [right, wrong];
        let error = Hasher::new(&wanted).finish("a", &wanted).unwrap_err();
        assert!(matches!(
            error,
            FetchError::HashMismatch {
                algorithm: "sha256",
                ..
            }
        ));
    }
}
