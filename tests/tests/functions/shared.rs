//! Workers hand each other what they compiled, and trust nothing that is not sealed.

use futures_util::TryStreamExt as _;
use object_store::path::Path as Key;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use packguard_tests::cache;
use packguard_tests::harness::cache::copy;
use packguard_tests::harness::process::Role;
use packguard_tests::harness::registry::{Registry, harmless};
use packguard_tests::harness::scratch::Scratch;

use super::lab::{Lab, ran};

const SECRET: &str = "a secret of a deployment, for tests only";

/// A version that no other suite deploys: the cache of the tests does not have it.
const VERSION: &str = "0.7.3";

/// What a worker logs.
const SHARED: &str = "a compiled component was shared";
const TAKEN: &str = "a compiled component was taken from the storage";
const REFUSED: &str = "a compiled component in the storage is not genuine";

/// A worker on a machine of its own: with a cache that holds the bundled analyzers at most.
struct Machine {
    worker: Role,
    _cache: Scratch,
}

impl Machine {
    async fn start(lab: &Lab, registry: &Registry, secret: &str) -> Self {
        let folder = Scratch::new();
        copy(&cache(), folder.path());
        let place = folder.path().display().to_string();
        let variables = [
            ("PACKGUARD_CACHE_DIR", place.as_str()),
            ("COMPONENT_CACHE_KEY", secret),
        ];
        let worker = lab.worker_with(registry, &variables).await;
        worker.line("\"functions\":1").await;
        Self {
            worker,
            _cache: folder,
        }
    }
}

async fn objects(lab: &Lab) -> Vec<Key> {
    let bucket = lab.storage.as_ref().expect("S3").bucket.client();
    let listed: Result<Vec<_>, _> = bucket.list(Some(&"compiled".into())).try_collect().await;
    listed
        .expect("a list")
        .into_iter()
        .map(|object| object.location)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_compiled_once_and_never_trusted_unsealed() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    let digest = lab.publish("empty", VERSION).await;
    assert_eq!(lab.promote("empty", VERSION).await.status, 200);

    // Without a secret nothing is shared.
    let alone = Machine::start(&lab, &registry, "").await;
    assert!(objects(&lab).await.is_empty());
    assert!(alone.worker.terminate().await.success());

    let first = Machine::start(&lab, &registry, SECRET).await;
    assert!(first.worker.log().contains(SHARED));
    let found = objects(&lab).await;
    let [object] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(object.as_ref().ends_with(&digest), "{object}");
    assert!(first.worker.terminate().await.success());

    let second = Machine::start(&lab, &registry, SECRET).await;
    assert!(second.worker.log().contains(TAKEN));
    assert!(!second.worker.log().contains(SHARED));
    let task = lab.submit(&Registry::purl("sample", 1)).await;
    assert_eq!(ran(&lab.report(task).await, "empty"), Some(digest.clone()));
    assert!(second.worker.terminate().await.success());

    // Somebody who may write to the storage and does not have the secret.
    let bucket = lab.storage.as_ref().expect("S3").bucket.client();
    let genuine = bucket.get(object).await.expect("it is there");
    let genuine = genuine.bytes().await.expect("it is whole");
    let mut forged = genuine.to_vec();
    forged[genuine.len() / 2] ^= 1;
    let put = bucket.put(object, forged.into()).await;
    put.expect("it is put");
    let third = Machine::start(&lab, &registry, SECRET).await;
    let log = third.worker.log();
    assert!(log.contains(REFUSED) && log.contains(SHARED), "{log}");
    let task = lab.submit(&Registry::purl("sample", 2)).await;
    assert_eq!(ran(&lab.report(task).await, "empty"), Some(digest));
    let mended = bucket.get(object).await.expect("it is there");
    assert_eq!(mended.bytes().await.expect("it is whole"), genuine);
    assert!(third.worker.terminate().await.success());

    // A worker of another deployment that shares the bucket.
    let other = Machine::start(&lab, &registry, "another secret of another deployment").await;
    assert!(other.worker.log().contains(REFUSED));
    assert!(other.worker.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_begin_together_compile_once() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    lab.publish("empty", "0.7.4").await;
    assert_eq!(lab.promote("empty", "0.7.4").await.status, 200);
    let start = || Machine::start(&lab, &registry, SECRET);
    let (one, two, three) = tokio::join!(start(), start(), start());
    let workers = [&one, &two, &three].map(|machine| &machine.worker);
    let count = |text: &str| {
        workers
            .iter()
            .filter(|one| one.log().contains(text))
            .count()
    };
    assert_eq!((count(SHARED), count(TAKEN)), (1, 2));
    for worker in workers {
        assert!(worker.terminate().await.success());
    }
}
