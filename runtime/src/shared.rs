//! Compiled components that the processes of one deployment hand each other.
//!
//! The form is that of the cache on disk ([`crate::cache`]): the code, and behind it a MAC over
//! the component's digest, the compiler's fingerprint and the code. The key is the
//! deployment's: who has it may make its processes run native code, and nobody else.
//!
//! Failure rule: what does not verify is not loaded. It is for the caller to compile then.

use std::sync::Arc;

use bytes::Bytes;

use crate::cache::{self, MAC};
use crate::component::{Component, LoadError, Source};
use crate::engine::Runtime;

/// The key that a deployment's compiled components are sealed with.
#[derive(Clone)]
pub struct ShareKey([u8; blake3::KEY_LEN]);

impl std::fmt::Debug for ShareKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShareKey")
    }
}

impl ShareKey {
    /// The key that follows from a secret. A secret that can be guessed makes one that can be
    /// guessed.
    pub fn derive(secret: &str) -> Self {
        let purpose = "packguard 2026-11-22 compiled components of a deployment";
        Self(blake3::derive_key(purpose, secret.as_bytes()))
    }
}

/// Code of one component whose seal was right.
#[derive(Debug, Clone)]
pub struct SharedCode {
    digest: Arc<str>,
    code: Bytes,
}

impl SharedCode {
    /// The code, if it is that of the component with this digest.
    pub(crate) fn of(&self, digest: &str) -> Option<&[u8]> {
        (*self.digest == *digest).then_some(&self.code)
    }
}

impl Runtime {
    /// BLAKE3 over all but the component that decides whether compiled code fits: the same in
    /// processes that can run each other's.
    pub fn compiler(&self) -> [u8; 32] {
        blake3::hash(cache::compiler(self.engine()).as_bytes()).into()
    }

    /// Whether the cache on this machine has the component with this lower-case hex SHA-256.
    /// Whether it is genuine is seen when it is loaded.
    pub fn keeps(&self, digest: &str) -> bool {
        let cache = self.cache();
        cache.is_some_and(|cache| cache.has(self.engine(), digest))
    }

    /// Opens what another process sealed: `None` where the key, the component or the compiler
    /// is another, or a bit was changed. It reads all of it: some 10 ms for 40 MB.
    pub fn unseal(&self, key: &ShareKey, digest: &str, sealed: &Bytes) -> Option<SharedCode> {
        let (code, mac) = sealed.split_last_chunk::<MAC>()?;
        let context = cache::context(self.engine(), digest);
        // Comparing `blake3::Hash`es takes constant time.
        if cache::mac(&key.0, &context, code) != blake3::Hash::from_bytes(*mac) {
            return None;
        }
        let code = sealed.slice(..code.len());
        Some(SharedCode {
            digest: digest.into(),
            code,
        })
    }

    /// As [`Runtime::load`], with code that another process compiled, where it is given. Where
    /// the component was compiled here, its code comes back, sealed for the others.
    ///
    /// # Errors
    /// Why it is not admitted.
    pub async fn load_shared(
        &self,
        bytes: impl AsRef<[u8]> + Send + 'static,
        key: &ShareKey,
        code: Option<SharedCode>,
    ) -> Result<(Component, Option<Bytes>), LoadError> {
        let source = Source {
            digest: None,
            code,
            seal: Some(key.clone()),
        };
        self.admit(bytes, source).await
    }

    pub(crate) fn seal(&self, key: &ShareKey, digest: &str, mut code: Vec<u8>) -> Bytes {
        let mac = cache::mac(&key.0, &cache::context(self.engine(), digest), &code);
        code.extend_from_slice(mac.as_bytes());
        code.into()
    }
}
