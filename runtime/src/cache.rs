//! Compiled components on disk.
//!
//! A compiled component is native code, so what is read back must be what this
//! installation wrote: each file carries a MAC (keyed BLAKE3) over the component's
//! digest, the compiler's fingerprint and the code. The key stands in a file of its own
//! that only its owner may read. A file that is damaged, forged, of another compiler or
//! of other settings does not verify and is compiled anew; it is never an error.
//!
//! Failure rule: the cache only ever saves time. If it can't be read or written,
//! everything works, slower.

use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use wasmtime::Engine;

/// Bytes of a MAC.
pub(crate) const MAC: usize = blake3::OUT_LEN;

/// Largest file read back: a component of the largest admitted size, compiled.
const MAX_FILE: u64 = 1 << 30;

/// Compiled components in a folder.
#[derive(Debug, Clone)]
pub struct CompileCache {
    folder: PathBuf,
    key: [u8; blake3::KEY_LEN],
}

/// An open cache file whose MAC is right.
#[derive(Debug)]
pub(crate) struct GenuineCode(fs::File);

impl GenuineCode {
    /// Where to map it from, for as long as `self` lives: this very file, whatever stands
    /// under its name by now. What follows the code, its MAC, is ignored by ELF.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

/// Why a cache could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("compile cache {path}: {source}")]
pub struct CacheError {
    path: PathBuf,
    source: io::Error,
}

impl CompileCache {
    /// Opens the cache in `folder`, made if it is missing, with its key in `key_file`,
    /// made if it is missing.
    ///
    /// # Errors
    /// When either can't be made or read, or others than the owner may read the key.
    pub fn open(folder: &Path, key_file: &Path) -> Result<Self, CacheError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| CacheError { path, source }
        };
        private_folder(folder).map_err(at(folder))?;
        if let Some(parent) = key_file.parent() {
            private_folder(parent).map_err(at(parent))?;
        }
        let key = match read_key(key_file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(key_file),
            other => other,
        };
        Ok(Self {
            folder: folder.to_owned(),
            key: key.map_err(at(key_file))?,
        })
    }

    /// The compiled form of the component with that digest, if it is there and genuine.
    pub(crate) fn read(&self, engine: &Engine, digest: &str) -> Option<GenuineCode> {
        let context = context(engine, digest);
        let file = fs::File::open(self.path(&context)).ok()?;
        match self.is_genuine(&file, &context) {
            Ok(true) => Some(GenuineCode(file)),
            Ok(false) => {
                tracing::warn!(
                    digest,
                    "a compiled component in the cache is not genuine: compiling anew"
                );
                None
            }
            Err(error) => {
                tracing::warn!(digest, %error, "could not read a compiled component");
                None
            }
        }
    }

    fn is_genuine(&self, mut file: &fs::File, context: &str) -> io::Result<bool> {
        let metadata = file.metadata()?;
        require_own(&metadata)?;
        let Some(mut left) = metadata
            .len()
            .checked_sub(MAC as u64)
            .filter(|_| metadata.len() <= MAX_FILE)
        else {
            return Ok(false);
        };
        let mut hasher = hasher(&self.key, context);
        let mut buffer = vec![0; 128 << 10];
        while left > 0 {
            let most = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let chunk = &mut buffer[..most];
            file.read_exact(chunk)?;
            hasher.update(chunk);
            left -= most as u64;
        }
        let mut mac = [0; MAC];
        file.read_exact(&mut mac)?;
        // Comparing `blake3::Hash`es takes constant time.
        Ok(hasher.finalize() == blake3::Hash::from_bytes(mac))
    }

    /// Whether there is a compiled form of the component with that digest, genuine or not.
    pub(crate) fn has(&self, engine: &Engine, digest: &str) -> bool {
        self.path(&context(engine, digest)).is_file()
    }

    /// Keeps a compiled component.
    pub(crate) fn write(&self, engine: &Engine, digest: &str, code: &[u8]) {
        let context = context(engine, digest);
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(code)?;
            file.write_all(mac(&self.key, &context, code).as_bytes())?;
            file.persist(self.path(&context))?;
            Ok(())
        };
        if let Err(error) = write() {
            tracing::warn!(digest, %error, "could not keep a compiled component");
        }
    }

    fn path(&self, context: &str) -> PathBuf {
        let name = blake3::hash(context.as_bytes()).to_hex();
        self.folder.join(format!("{}.compiled", &name[..32]))
    }
}

/// The MAC of a component's code under a key.
pub(crate) fn mac(key: &[u8; blake3::KEY_LEN], context: &str, code: &[u8]) -> blake3::Hash {
    hasher(key, context).update(code).finalize()
}

fn hasher(key: &[u8; blake3::KEY_LEN], context: &str) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(blake3::hash(context.as_bytes()).as_bytes());
    hasher
}

/// All that decides whether compiled code fits: component and compiler.
pub(crate) fn context(engine: &Engine, digest: &str) -> String {
    format!("packguard compiled v2\n{digest}\n{}", compiler(engine))
}

/// This program's version, the exact wasmtime version, compiler settings and CPU features.
pub(crate) fn compiler(engine: &Engine) -> String {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!(
        "{}\n{}\n{:016x}",
        env!("CARGO_PKG_VERSION"),
        crate::engine::WASMTIME,
        hasher.finish()
    )
}

/// FNV-1a: std's own hasher gives no stable value from one release to the next.
struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    require_own(&fs::metadata(path)?)
}

/// Whoever can write these files can make this process run native code, so it must be
/// only who runs it.
fn require_own(metadata: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other(
            "others may write to it: chmod go-w it, or name a folder of your own",
        ));
    }
    // A process's folder in /proc belongs to its effective user.
    if metadata.uid() == fs::metadata("/proc/self")?.uid() {
        return Ok(());
    }
    Err(io::Error::other(
        "it belongs to another user: name a folder of your own",
    ))
}

fn read_key(path: &Path) -> io::Result<[u8; blake3::KEY_LEN]> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut file = fs::File::open(path)?;
    require_own(&file.metadata()?)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(io::Error::other(
            "others may read or write this key: chmod 600 it, or delete it to get a new one",
        ));
    }
    let mut key = [0; blake3::KEY_LEN];
    file.read_exact(&mut key)?;
    Ok(key)
}

fn make_key(path: &Path) -> io::Result<[u8; blake3::KEY_LEN]> {
    use rand::Rng as _;
    let mut key = [0; blake3::KEY_LEN];
    rand::rng().fill_bytes(&mut key);
    let folder = path.parent().unwrap_or(Path::new("."));
    // `NamedTempFile` makes files for the owner only.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&key)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        // Another process was faster: its key is as good.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => read_key(path),
        Err(error) => Err(error.error),
    }
}
