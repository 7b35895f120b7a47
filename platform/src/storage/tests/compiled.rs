//! Compiled components on an S3 server.

use super::*;

#[tokio::test]
async fn compiled_code_is_kept_by_compiler_and_digest() {
    let server = Server::start().await;
    let storage = on(&server, |_| {});
    let key = CompiledKey::of([1; 32], [2; 32]);
    let (compiler, digest) = ("02".repeat(16), "01".repeat(32));
    assert_eq!(key.to_string(), format!("compiled/{compiler}/01/{digest}"));
    let limit = 20 << 20;
    assert_eq!(storage.read_compiled(&key, limit).await.unwrap(), None);
    // One PUT, several parts, and in place of what was there.
    for size in [100, 17 << 20, 3] {
        let sealed = Bytes::from(vec![7; size]);
        storage
            .put_compiled(&key, sealed.clone(), limit)
            .await
            .unwrap();
        let read = storage.read_compiled(&key, limit).await.unwrap();
        assert_eq!(read, Some(sealed));
    }
    let error = storage.read_compiled(&key, 2).await.unwrap_err();
    assert!(matches!(error, StorageError::TooLarge { limit: 2 }));
    let error = storage.put_compiled(&key, Bytes::from_static(b"abc"), 2);
    assert!(matches!(
        error.await.unwrap_err(),
        StorageError::TooLarge { limit: 2 }
    ));
}
