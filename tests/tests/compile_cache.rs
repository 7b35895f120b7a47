//! The cache of compiled components: used when genuine, compiled anew when not.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use packguard_runtime::{CompileCache, Cpu, LoadError, Runtime, RuntimeConfig, ShareKey};
use packguard_tests::EMPTY;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("state/key")
    }

    fn cache(&self) -> CompileCache {
        CompileCache::open(&self.0.path().join("cache"), &self.key()).unwrap()
    }

    async fn load(&self) {
        self.load_bytes(EMPTY).await.unwrap();
    }

    async fn load_bytes(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<(), LoadError> {
        let config = RuntimeConfig {
            slots: 1,
            cache: Some(self.cache()),
            ..RuntimeConfig::default()
        };
        Runtime::new(config).unwrap().load(bytes).await.map(drop)
    }

    /// The one compiled file.
    fn compiled(&self) -> PathBuf {
        let mut files = std::fs::read_dir(self.0.path().join("cache")).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "one file, no temporary left");
        file
    }

    /// Changes when the file is written anew.
    fn inode(&self) -> u64 {
        std::fs::metadata(self.compiled()).unwrap().ino()
    }
}

#[tokio::test]
async fn a_second_start_compiles_nothing() {
    let folder = Folder::new();
    folder.load().await;
    let first = folder.inode();
    folder.load().await;
    assert_eq!(folder.inode(), first);
}

#[tokio::test]
async fn code_for_each_cpu_is_kept_apart_and_found_again() {
    let folder = Folder::new();
    let files = || std::fs::read_dir(folder.0.path().join("cache")).map_or(0, Iterator::count);
    let supported = [Cpu::Native, Cpu::X86V2, Cpu::X86V3]
        .into_iter()
        .filter(|cpu| cpu.is_supported());
    for (kept, cpu) in supported.enumerate() {
        for _ in 0..2 {
            let config = RuntimeConfig {
                slots: 1,
                cache: Some(folder.cache()),
                cpu,
                ..RuntimeConfig::default()
            };
            let runtime = Runtime::new(config).unwrap();
            runtime.load(EMPTY).await.unwrap();
            assert_eq!(files(), kept + 1, "{cpu}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_genuine_is_compiled_anew() {
    type Tamper = fn(&mut Vec<u8>);
    let ways: [(&str, Tamper); 5] = [
        ("a flipped bit of code", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }),
        ("a flipped bit of the MAC", |bytes| {
            *bytes.last_mut().unwrap() ^= 1
        }),
        ("cut short", |bytes| bytes.truncate(bytes.len() / 2)),
        ("shorter than a MAC", |bytes| bytes.truncate(3)),
        ("empty", Vec::clear),
    ];
    for (what, tamper) in ways {
        let folder = Folder::new();
        folder.load().await;
        let genuine = std::fs::read(folder.compiled()).unwrap();
        let mut bytes = genuine.clone();
        tamper(&mut bytes);
        std::fs::write(folder.compiled(), bytes).unwrap();
        let tampered = folder.inode();
        folder.load().await;
        assert_ne!(folder.inode(), tampered, "{what}");
        assert_eq!(std::fs::read(folder.compiled()).unwrap(), genuine, "{what}");
    }
}

#[tokio::test]
async fn a_file_made_with_another_key_is_not_used() {
    let (mine, theirs) = (Folder::new(), Folder::new());
    mine.load().await;
    theirs.load().await;
    std::fs::copy(theirs.compiled(), mine.compiled()).unwrap();
    let planted = mine.inode();
    mine.load().await;
    assert_ne!(mine.inode(), planted);
}

#[tokio::test]
async fn one_component_is_not_taken_for_another() {
    let folder = Folder::new();
    folder.load().await;
    let empty = std::fs::read(folder.compiled()).unwrap();
    let other = Folder::new();
    other.load_bytes(packguard_tests::HOSTILE).await.unwrap();
    // The same key, so that only the digest tells them apart.
    std::fs::copy(folder.key(), other.key()).unwrap();
    std::fs::write(other.compiled(), &empty).unwrap();
    let planted = other.inode();
    other.load_bytes(packguard_tests::HOSTILE).await.unwrap();
    assert_ne!(other.inode(), planted);
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let folder = Folder::new();
    folder.cache();
    std::fs::set_permissions(folder.key(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = CompileCache::open(&folder.0.path().join("cache"), &folder.key()).unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn what_others_may_write_is_not_trusted() {
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let folder = Folder::new();
    folder.load().await;
    let before = folder.inode();
    mode(&folder.compiled(), 0o666);
    folder.load().await;
    assert_ne!(folder.inode(), before);
    let cache = folder.0.path().join("cache");
    mode(&cache, 0o777);
    let error = CompileCache::open(&cache, &folder.key()).unwrap_err();
    assert!(error.to_string().contains("chmod go-w"), "{error}");
}

#[tokio::test]
async fn compiled_code_is_refused_as_an_upload() {
    let folder = Folder::new();
    folder.load().await;
    let mut code = std::fs::read(folder.compiled()).unwrap();
    code.truncate(code.len() - 32);
    let error = folder.load_bytes(code).await.unwrap_err();
    assert!(matches!(error, LoadError::Precompiled), "{error}");
}

/// A runtime without a cache.
fn bare() -> Runtime {
    let config = RuntimeConfig {
        slots: 1,
        ..RuntimeConfig::default()
    };
    Runtime::new(config).unwrap()
}

#[tokio::test]
async fn one_process_compiles_for_another() {
    let key = ShareKey::derive("a secret of this test");
    let (one, other) = (bare(), bare());
    let (component, sealed) = one.load_shared(EMPTY, &key, None).await.unwrap();
    let sealed = sealed.expect("it was compiled here");
    assert_eq!(one.compiler(), other.compiler());
    let code = other.unseal(&key, component.digest(), &sealed);
    let code = code.expect("the seal is right");
    let (shared, compiled) = other
        .load_shared(EMPTY, &key, Some(code.clone()))
        .await
        .unwrap();
    assert_eq!(compiled, None, "nothing was compiled");
    assert_eq!(shared.digest(), component.digest());
    // What was opened is of one component, and of no use to another.
    let hostile = other.load_shared(packguard_tests::HOSTILE, &key, Some(code));
    assert!(hostile.await.unwrap().1.is_some(), "it was compiled");

    // What was taken over is kept on this machine's own disk.
    let folder = Folder::new();
    let config = RuntimeConfig {
        slots: 1,
        cache: Some(folder.cache()),
        ..RuntimeConfig::default()
    };
    let keeping = Runtime::new(config).unwrap();
    assert!(!keeping.keeps(component.digest()));
    let code = keeping.unseal(&key, component.digest(), &sealed);
    keeping.load_shared(EMPTY, &key, code).await.unwrap();
    assert!(keeping.keeps(component.digest()));
    let kept = folder.inode();
    folder.load().await;
    assert_eq!(folder.inode(), kept);
}

#[tokio::test]
async fn what_is_not_sealed_for_this_is_not_opened() {
    let key = ShareKey::derive("a secret of this test");
    let runtime = bare();
    let (component, sealed) = runtime.load_shared(EMPTY, &key, None).await.unwrap();
    let (digest, sealed) = (component.digest(), sealed.unwrap());
    let opens = |key: &ShareKey, digest: &str, sealed: &[u8]| {
        let sealed = sealed.to_vec().into();
        runtime.unseal(key, digest, &sealed).is_some()
    };
    assert!(opens(&key, digest, &sealed));
    let other = ShareKey::derive("another secret of this test");
    assert!(!opens(&other, digest, &sealed), "another key");
    assert!(!opens(&key, &"0".repeat(64), &sealed), "another component");
    for at in [0, sealed.len() / 2, sealed.len() - 1] {
        let mut bytes = sealed.to_vec();
        bytes[at] ^= 1;
        assert!(!opens(&key, digest, &bytes), "a flipped bit at {at}");
    }
    for size in [0, 3, 32, sealed.len() - 1] {
        assert!(!opens(&key, digest, &sealed[..size]), "cut to {size}");
    }
}
