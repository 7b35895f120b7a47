//! Against memory, a folder, and an S3 server (s3s-fs, in this process).

use std::path::Path as FilePath;
use std::time::{Duration, Instant};

use futures_util::stream;
use proptest::prelude::*;
use url::Url;

use super::*;
use crate::config::{Place, S3Config, Secret};
use crate::model::KeyId;

mod compiled;
pub(crate) mod server;
mod uploads;

use server::Server;

const OWNER: KeyId = KeyId(7);

fn in_folder(folder: &FilePath) -> Storage {
    Storage::open(&StorageConfig::at(Place::Folder(folder.into()))).unwrap()
}

fn in_memory() -> Storage {
    Storage::open(&StorageConfig::at(Place::Memory)).unwrap()
}

fn on(server: &Server, change: impl Fn(&mut S3Config)) -> Storage {
    let mut s3 = server.s3();
    change(&mut s3);
    Storage::open(&StorageConfig::at(Place::S3(Box::new(s3)))).unwrap()
}

async fn collect(object: Object) -> Vec<u8> {
    let size = object.size;
    let bytes: BytesMut = object.bytes.try_collect().await.unwrap();
    assert_eq!(u64::try_from(bytes.len()).unwrap(), size);
    bytes.to_vec()
}

/// All that is done with reports.
async fn reports_are_kept(storage: &Storage) {
    let report = Bytes::from_static(b"{\"verdict\":\"clean\"}");
    let stored = storage.put_report(report.clone()).await.unwrap();
    assert_eq!(stored.size, 19);
    assert_eq!(storage.put_report(report.clone()).await.unwrap(), stored);
    let object = storage.get_report(&stored.key).await.unwrap();
    assert_eq!(collect(object).await, report);
    assert_eq!(storage.read_report(&stored.key, 19).await.unwrap(), report);
    let error = storage.read_report(&stored.key, 18).await.unwrap_err();
    assert!(
        matches!(error, StorageError::TooLarge { limit: 18 }),
        "{error}"
    );

    let alias = AliasKey::new("npm", "@scope/näme", "1.0 %2F?#", "?arch=x");
    for text in ["first", "second"] {
        let bytes = Bytes::from_static(text.as_bytes());
        storage.put_alias(&alias, bytes).await.unwrap();
        let object = storage.get_alias(&alias).await.unwrap();
        assert_eq!(collect(object).await, text.as_bytes());
    }
    storage.round_trip().await.unwrap();

    for _ in 0..2 {
        storage.delete_alias(&alias).await.unwrap();
        storage.delete_report(&stored.key).await.unwrap();
    }
    let error = storage.get_report(&stored.key).await.unwrap_err();
    assert!(matches!(&error, StorageError::NotFound { key } if *key == stored.key.to_string()));
    assert!(matches!(
        storage.get_alias(&alias).await.unwrap_err(),
        StorageError::NotFound { .. }
    ));
}

#[tokio::test]
async fn reports_are_kept_in_memory() {
    reports_are_kept(&in_memory()).await;
}

#[tokio::test]
async fn reports_are_kept_in_a_folder() {
    let root = tempfile::tempdir().unwrap();
    let storage = in_folder(&root.path().join("new"));
    reports_are_kept(&storage).await;
    let error = storage
        .presigned_report(&ReportKey::of(b""))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("STORAGE_DOWNLOADS"), "{error}");
}

#[tokio::test]
async fn reports_are_kept_on_s3() {
    let server = Server::start().await;
    reports_are_kept(&on(&server, |_| {})).await;
    reports_are_kept(&on(&server, |s3| s3.prefix.clear())).await;
    let left = server.files();
    let objects = left
        .iter()
        .filter(|path| !path.to_string_lossy().contains(".json"));
    assert_eq!(objects.count(), 0, "{left:?}");
}

#[tokio::test]
async fn components_are_kept_under_their_digest_and_read_only_whole() {
    let server = Server::start().await;
    let storage = on(&server, |_| {});
    let bytes = Bytes::from_static(b"\0asm\x0D\0\x01\0");
    let key = ComponentKey::of(Sha256::digest(&bytes).into());
    let digest = hex::encode(key.sha256());
    let place = format!("functions/sha256/{}/{digest}.wasm", &digest[..2]);
    assert_eq!(key.to_string(), place);
    let put = async |bytes: &Bytes, limit| {
        let sent = stream::iter([Ok::<_, std::convert::Infallible>(bytes.clone())]);
        storage.put_component(&key, sent, limit).await
    };
    let error = put(&bytes, 7).await.unwrap_err();
    assert!(matches!(error, StorageError::TooLarge { limit: 7 }));
    let error = storage.get_component(&key).await.unwrap_err();
    assert!(matches!(error, StorageError::NotFound { .. }));
    assert_eq!(put(&bytes, 8).await.unwrap().sha256, digest);
    assert_eq!(storage.read_component(&key, 8).await.unwrap(), bytes);
    put(&Bytes::from_static(b"another"), 8).await.unwrap();
    let error = storage.read_component(&key, 8).await.unwrap_err();
    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
    storage.delete_component(&key).await.unwrap();
    storage.delete_component(&key).await.unwrap();
}

#[tokio::test]
async fn a_damaged_report_is_told_from_a_whole_one() {
    let root = tempfile::tempdir().unwrap();
    let storage = in_folder(root.path());
    let stored = storage.put_report(Bytes::from_static(b"{}")).await.unwrap();
    std::fs::write(root.path().join(stored.key.to_string()), "[]").unwrap();
    let error = storage.read_report(&stored.key, 100).await.unwrap_err();
    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_presigned_url_needs_no_key_and_is_for_the_public_address() {
    let server = Server::start().await;
    let storage = on(&server, |_| {});
    let report = Bytes::from_static(b"{\"verdict\":\"clean\"}");
    let key = storage.put_report(report.clone()).await.unwrap().key;
    let url = storage.presigned_report(&key).await.unwrap();
    assert!(url.as_str().contains("X-Amz-Expires=300"), "{url}");
    assert!(!url.as_str().contains(server::SECRET), "{url}");
    let http = reqwest::Client::new();
    let answer = http.get(url.clone()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.bytes().await.unwrap(), report);
    // A signature is for one object.
    let mut other = url.clone();
    other.set_path("/reports/main/other");
    assert_eq!(http.get(other).send().await.unwrap().status(), 403);

    let public = "https://files.example.com".parse().unwrap();
    let storage = on(&server, |s3| s3.public_endpoint = Some(Url::clone(&public)));
    let url = storage.presigned_report(&key).await.unwrap();
    assert_eq!(url.host_str(), Some("files.example.com"));
    assert!(
        url.path().starts_with("/reports/main/reports/sha256/"),
        "{url}"
    );
    let storage = on(&server, |s3| {
        s3.endpoint = "https://region.example.com".parse().unwrap();
        s3.path_style = false;
    });
    let url = storage.presigned_report(&key).await.unwrap();
    assert_eq!(url.host_str(), Some("reports.region.example.com"));
    assert!(url.path().starts_with("/main/reports/sha256/"), "{url}");
}

#[tokio::test]
async fn wrong_keys_are_denied_with_a_hint() {
    let server = Server::start().await;
    let wrong_secret = on(&server, |s3| s3.secret = Secret::new("wrong"));
    let wrong_key = on(&server, |s3| s3.key_id = "NOBODY".into());
    for (storage, hint) in [
        (wrong_secret, "STORAGE_SECRET_ACCESS_KEY"),
        (wrong_key, "STORAGE_ACCESS_KEY_ID"),
    ] {
        let error = storage.round_trip().await.unwrap_err();
        assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
        assert!(error.to_string().contains(hint), "{error}");
        assert!(!error.is_transient());
        let shown = format!("{error} {error:?} {storage:?}");
        assert!(
            !shown.contains(server::SECRET) && !shown.contains("wrong"),
            "{shown}"
        );
    }
}

/// Errors that s3s-fs does not make, as other servers do.
#[test]
fn errors_of_servers_are_told_apart() {
    let missing = |body: &str| object_store::Error::NotFound {
        path: "x".into(),
        source: body.to_owned().into(),
    };
    let denied = |body: &str| object_store::Error::PermissionDenied {
        path: "x".into(),
        source: body.to_owned().into(),
    };
    let failed = |body: &str| object_store::Error::Generic {
        store: "S3",
        source: body.to_owned().into(),
    };
    for (error, says) in [
        (
            missing("<Code>NoSuchBucket</Code>"),
            "create it, or mend STORAGE_URL",
        ),
        (
            missing("<Code>NoSuchKey</Code>"),
            "there is no object the/key",
        ),
        (
            denied("<Code>RequestTimeTooSkewed</Code>"),
            "set this machine's clock",
        ),
        (denied("<Code>AccessDenied</Code>"), "(AccessDenied)"),
        (denied("<Code>\u{1b}[2J</Code>"), "(no reason given)"),
        (
            failed("<Code>SlowDown</Code><Secret>hunter2</Secret>"),
            "(SlowDown)",
        ),
        (failed("what\nhunter2"), "its disk and its logs"),
    ] {
        let text = StorageError::of("the server", "the/key", &error).to_string();
        assert!(text.contains(says), "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains('\u{1b}'),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable_soon() {
    let server = Server::start().await;
    let mut config = server.config();
    config.retries = 2;
    drop(server);
    let storage = Storage::open(&config).unwrap();
    let start = Instant::now();
    let error = storage.round_trip().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("is it running"), "{error}");
    // Two pauses of at most 2 s each, and much room for a busy machine.
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_server_that_is_silent_is_waited_for_once() {
    let server = Server::silent().await;
    let mut config = server.config();
    config.request_timeout = Duration::from_millis(300);
    let storage = Storage::open(&config).unwrap();
    let start = Instant::now();
    let error = storage.round_trip().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("no answer in time"), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_folder_that_is_a_file_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = StorageConfig::at(Place::Folder(file.path().join("below")));
    let error = Storage::open(&config).unwrap_err();
    assert!(matches!(error, StorageError::Io { .. }), "{error:?}");
}

#[test]
fn keys_look_as_documented() {
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let key = ReportKey::of(b"");
    assert_eq!(key.to_string(), format!("reports/sha256/e3/{digest}.json"));
    assert_eq!(key.to_string().parse(), Ok(key));
    assert_eq!(ReportKey::of_digest(&digest.to_uppercase()), Err(KeyError));
    for text in [
        "",
        "reports/sha256/e3/x.json",
        &format!("reports/sha256/00/{digest}.json"),
    ] {
        assert_eq!(text.parse::<ReportKey>(), Err(KeyError), "{text}");
    }
    let key = UploadKey::new(OWNER);
    assert!(key.to_string().starts_with("uploads/7/"));
    assert_eq!(key.to_string().parse(), Ok(key));
    assert_eq!(key.owner(), OWNER);
    for text in [
        "uploads/7/../8",
        "uploads/+7/67e55044-10b1-426f-9247-bb680e5fe0c8",
    ] {
        assert_eq!(text.parse::<UploadKey>(), Err(KeyError), "{text}");
    }
    for (purl, key) in [
        (
            "pkg:pypi/Requests@2.28.1",
            "packages/pypi/requests/2.28.1/report.json",
        ),
        (
            "pkg:npm/%40babel/core@7.0.0",
            "packages/npm/%40babel%2Fcore/7.0.0/report.json",
        ),
        (
            "pkg:npm/JSONStream@1.0.0",
            "packages/npm/JSONStream/1.0.0/report.json",
        ),
        (
            "pkg:golang/example.com/m@v1.0.0%2Bx",
            "packages/golang/example.com%2Fm/v1.0.0%2Bx/report.json",
        ),
    ] {
        let alias = AliasKey::of(&purl.parse().unwrap()).unwrap();
        assert_eq!(alias.to_string(), key);
    }
    assert_eq!(AliasKey::of(&"pkg:pypi/requests".parse().unwrap()), None);
    let plain = AliasKey::of(&"pkg:maven/g/a@1".parse().unwrap());
    let qualified = AliasKey::of(&"pkg:maven/g/a@1?classifier=sources".parse().unwrap());
    assert_ne!(plain, qualified);
}

/// Text as it comes, text that looks like a key, and text too long for a file's name.
fn any_part() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9@/%=.#_-]{0,12}",
        "[a-z/]{150,400}",
        Just("..".to_owned()),
    ]
}

fn any_parts() -> impl Strategy<Value = [String; 4]> {
    [any_part(), any_part(), any_part(), any_part()]
}

fn alias([ecosystem, name, version, rest]: &[String; 4]) -> AliasKey {
    AliasKey::new(ecosystem, name, version, rest)
}

proptest! {
    #[test]
    fn aliases_are_safe_and_differ(one in any_parts(), other in any_parts()) {
        let (first, second) = (alias(&one), alias(&other));
        prop_assert_eq!(one == other, first == second);
        let text = first.to_string();
        prop_assert!(text.len() <= 800);
        for part in text.split('/') {
            prop_assert!(!part.is_empty() && !part.starts_with('.') && part.len() <= 200);
            let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_.%=".contains(&b);
            prop_assert!(part.bytes().all(safe), "{part}");
        }
        prop_assert_eq!(text.split('/').count(), if one[3].is_empty() { 5 } else { 6 });
        let path = in_memory().path(&first);
        prop_assert_eq!(path.as_ref(), text);
    }

    #[test]
    fn parts_do_not_run_into_each_other(name in any_part(), version in any_part(), at in 0usize..8) {
        // The same letters, divided elsewhere.
        let joined = format!("{name}{version}");
        let at = joined.char_indices().map(|(at, _)| at).nth(at).unwrap_or(0);
        let (head, tail) = joined.split_at(at);
        let one = AliasKey::new("npm", &name, &version, "");
        let other = AliasKey::new("npm", head, tail, "");
        prop_assert_eq!(head == name && tail == version, one == other);
    }

    #[test]
    fn no_text_breaks_the_parsing_of_keys(text in any::<String>(), number in any::<i64>()) {
        for text in [text.clone(), format!("uploads/{number}/{text}"), format!("reports/{text}.json")] {
            if let Ok(key) = text.parse::<UploadKey>() {
                prop_assert_eq!(key.to_string(), text.clone());
            }
            if let Ok(key) = text.parse::<ReportKey>() {
                prop_assert_eq!(key.to_string(), text);
            }
        }
    }
}
