//! Uploads: whole, or not there at all.

use std::convert::Infallible;
use std::sync::Arc;

use sha2::Digest as _;
use tokio::sync::Notify;

use super::*;

const MIB: usize = 1 << 20;

/// How long a test waits for what must come.
const SOON: Duration = Duration::from_secs(20);

/// `size` bytes in chunks that fit no part's bounds, each another piece of one pattern.
fn chunks(size: usize) -> impl Iterator<Item = Bytes> + Send {
    const CHUNK: usize = 300_007;
    let pattern: Bytes = (0..CHUNK + 251).map(|at| at.to_le_bytes()[0]).collect();
    (0..size.div_ceil(CHUNK)).map(move |index| {
        let from = index % 251;
        pattern.slice(from..from + CHUNK.min(size - index * CHUNK))
    })
}

fn content(size: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(size);
    chunks(size).for_each(|chunk| content.extend_from_slice(&chunk));
    content
}

async fn uploads_are_kept(storage: &Storage) {
    // Nothing; less than a part; a part; several, the last of them whole, and not.
    for size in [0, 10, 8 * MIB, 16 * MIB, 20 * MIB + 1] {
        let key = UploadKey::new(OWNER);
        let sent = stream::iter(chunks(size).map(Ok::<_, Infallible>));
        let limit = u64::try_from(size).unwrap();
        let uploaded = storage.upload(&key, sent, limit).await.unwrap();
        assert_eq!(uploaded.size, limit);
        let expected = content(size);
        assert_eq!(uploaded.sha256, hex::encode(Sha256::digest(&expected)));
        let read = collect(storage.get_upload(&key).await.unwrap()).await;
        assert!(read == expected, "{size} bytes came back changed");
        storage.delete_upload(&key).await.unwrap();
        storage.delete_upload(&key).await.unwrap();
    }
}

#[tokio::test]
async fn uploads_are_kept_in_memory() {
    uploads_are_kept(&in_memory()).await;
}

#[tokio::test]
async fn uploads_are_kept_in_a_folder() {
    let root = tempfile::tempdir().unwrap();
    uploads_are_kept(&in_folder(root.path())).await;
}

#[tokio::test]
async fn uploads_are_kept_on_s3() {
    let server = Server::start().await;
    uploads_are_kept(&on(&server, |_| {})).await;
}

/// What is too large, or breaks off, leaves nothing.
async fn half_an_upload_is_none(storage: &Storage) {
    for size in [100, 20 * MIB] {
        let key = UploadKey::new(OWNER);
        let sent = stream::iter(chunks(size).map(Ok::<_, Infallible>));
        let limit = u64::try_from(size - 1).unwrap();
        let error = storage.upload(&key, sent, limit).await.unwrap_err();
        assert!(matches!(error, StorageError::TooLarge { limit: said } if said == limit));
        gone(storage, &key).await;

        let broken = chunks(size).map(Ok).chain([Err("connection reset")]);
        let error = storage
            .upload(&key, stream::iter(broken), u64::MAX)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("connection reset"), "{error}");
        gone(storage, &key).await;
    }
}

async fn gone(storage: &Storage, key: &UploadKey) {
    let error = storage.get_upload(key).await.unwrap_err();
    assert!(matches!(error, StorageError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn half_an_upload_is_none_in_memory() {
    half_an_upload_is_none(&in_memory()).await;
}

#[tokio::test]
async fn half_an_upload_is_none_in_a_folder() {
    let root = tempfile::tempdir().unwrap();
    half_an_upload_is_none(&in_folder(root.path())).await;
    let left = std::fs::read_dir(root.path().join("uploads/7")).unwrap();
    assert_eq!(left.count(), 0, "a staged file stayed");
}

#[tokio::test]
async fn half_an_upload_is_none_on_s3() {
    let server = Server::start().await;
    half_an_upload_is_none(&on(&server, |_| {})).await;
    assert_eq!(server.files(), Vec::<std::path::PathBuf>::new());
}

/// A future dropped amid its parts takes them along.
async fn a_dropped_upload_is_none(storage: &Storage, left: impl Fn() -> usize) {
    let key = UploadKey::new(OWNER);
    let sent = Arc::new(Notify::new());
    let seen = Arc::clone(&sent);
    let bytes = stream::iter(chunks(20 * MIB).map(Ok::<_, Infallible>)).chain(
        // All was sent; the rest never comes.
        stream::once(async move {
            seen.notify_one();
            std::future::pending().await
        }),
    );
    let storage_then = storage.clone();
    let task = tokio::spawn(async move { storage_then.upload(&key, bytes, u64::MAX).await });
    sent.notified().await;
    assert!(left() > 0, "nothing was sent yet: the test tests nothing");
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let deadline = Instant::now() + SOON;
    while left() > 0 {
        assert!(Instant::now() < deadline, "{} files stayed", left());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    gone(storage, &key).await;
}

#[tokio::test]
async fn a_dropped_upload_is_none_on_s3() {
    let server = Server::start().await;
    a_dropped_upload_is_none(&on(&server, |_| {}), || server.files().len()).await;
}

#[tokio::test]
async fn a_dropped_upload_is_none_in_a_folder() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("uploads/7");
    let count = || std::fs::read_dir(&folder).map_or(0, |files| files.count());
    a_dropped_upload_is_none(&in_folder(root.path()), count).await;
}

#[tokio::test]
async fn a_storage_that_goes_away_ends_the_upload() {
    let server = Server::start().await;
    let mut config = server.config();
    config.retries = 0;
    let storage = Storage::open(&config).unwrap();
    let mut server = Some(server);
    let bytes = stream::iter(chunks(30 * MIB).enumerate().map(move |(index, chunk)| {
        if index == 40 {
            drop(server.take());
        }
        Ok::<_, Infallible>(chunk)
    }));
    let key = UploadKey::new(OWNER);
    let error = storage.upload(&key, bytes, u64::MAX).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn wrong_keys_end_an_upload() {
    let server = Server::start().await;
    let storage = on(&server, |s3| s3.secret = Secret::new("wrong"));
    for size in [10, 20 * MIB] {
        let bytes = stream::iter(chunks(size).map(Ok::<_, Infallible>));
        let error = storage
            .upload(&UploadKey::new(OWNER), bytes, u64::MAX)
            .await
            .unwrap_err();
        assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
    }
    assert_eq!(server.files(), Vec::<std::path::PathBuf>::new());
}

async fn old_uploads_are_found(storage: &Storage) {
    let mut keys = Vec::new();
    for owner in [1, 1, 2] {
        let key = UploadKey::new(KeyId(owner));
        let bytes = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"x"))]);
        storage.upload(&key, bytes, 1).await.unwrap();
        keys.push(key);
    }
    storage.put_report(Bytes::from_static(b"{}")).await.unwrap();
    let hour = Duration::from_secs(3_600);
    assert_eq!(storage.uploads_older_than(hour, 10).await.unwrap(), []);
    assert_eq!(
        storage.uploads_older_than(Duration::MAX, 10).await.unwrap(),
        []
    );
    // S3 tells times in whole seconds, rounded down, and this clock is the server's.
    let mut found = storage
        .uploads_older_than(Duration::ZERO, 10)
        .await
        .unwrap();
    let deadline = Instant::now() + SOON;
    while found.len() < keys.len() {
        assert!(Instant::now() < deadline, "{found:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        found = storage
            .uploads_older_than(Duration::ZERO, 10)
            .await
            .unwrap();
    }
    found.sort();
    keys.sort();
    assert_eq!(found, keys);
    let some = storage.uploads_older_than(Duration::ZERO, 2).await.unwrap();
    assert_eq!(some.len(), 2);
}

#[tokio::test]
async fn old_uploads_are_found_everywhere() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    old_uploads_are_found(&in_memory()).await;
    old_uploads_are_found(&in_folder(root.path())).await;
    old_uploads_are_found(&on(&server, |_| {})).await;
}
