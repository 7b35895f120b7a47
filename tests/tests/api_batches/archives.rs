//! Private archives: what comes of them, and what must not stay.

use std::time::Duration;

use futures_util::StreamExt as _;
use packguard_platform::api::archives::upload_key;
use packguard_platform::db::audit::Actor;
use packguard_platform::db::uploads;
use packguard_platform::model::TaskId;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::lab::{Lab, Read, Table, UPLOAD, send};

pub const PATH: &str = "/api/v1/archives/";
pub const FORM: &str = "multipart/form-data; boundary=XX";
const DAY: Duration = Duration::from_secs(86_400);

pub async fn raw(lab: &Lab, query: &str, body: impl Into<reqwest::Body>) -> Read {
    lab.post(&format!("{PATH}?{query}"), "application/octet-stream", body)
        .await
}

pub fn part(name: &str, content: &str) -> String {
    format!(
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/gzip\r\n\r\n{content}\r\n"
    )
}

async fn upload_of(lab: &Lab, task: &Value) -> uploads::Upload {
    let id: Uuid = sqlx::query_scalar("SELECT upload_id FROM tasks WHERE id = $1")
        .bind(task.as_i64())
        .fetch_one(&lab.app.db)
        .await
        .expect("an upload");
    uploads::get(&lab.app.db, id)
        .await
        .expect("a row")
        .expect("received whole")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_becomes_a_private_task() {
    let lab = Lab::start().await;
    // Several parts of the storage's, so that it is a multipart upload there.
    let content: Vec<u8> = (0..17 << 20)
        .map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let digest = Sha256::digest(&content);
    let answer = raw(
        &lab,
        "filename=left-pad%201.3.tgz&priority=3",
        content.clone(),
    )
    .await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(answer.data()["status"], "queued");
    let task = answer.data()["task_id"].clone();
    let upload = upload_of(&lab, &task).await;
    assert_eq!(
        (upload.filename.as_str(), upload.owner),
        ("left-pad 1.3.tgz", lab.owner.0)
    );
    assert_eq!(
        (upload.sha256.as_slice(), upload.size_bytes),
        (digest.as_slice(), 17 << 20)
    );
    let key = upload_key(upload.owner, upload.id).expect("a key");
    let mut object = lab
        .app
        .storage
        .get_upload(&key)
        .await
        .expect("an object")
        .bytes;
    let mut stored = Vec::new();
    while let Some(chunk) = object.next().await {
        stored.extend_from_slice(&chunk.expect("bytes"));
    }
    assert!(stored == content);
    let row: (String, String, String, i16) =
        sqlx::query_as("SELECT purl, ecosystem, name, priority FROM tasks WHERE id = $1")
            .bind(task.as_i64())
            .fetch_one(&lab.app.db)
            .await
            .expect("a task");
    let purl = format!(
        "pkg:generic/left-pad%201.3.tgz?checksum=sha256:{}",
        hex::encode(digest)
    );
    assert_eq!(row, (purl, "generic".into(), "left-pad 1.3.tgz".into(), 3));
    assert_eq!(lab.spent().await, 1);
    let path = answer.data()["status_url"]
        .as_str()
        .expect("an address")
        .to_owned();
    assert_eq!(lab.get(&path).await.status, 200);
    assert_eq!(lab.get_as(&lab.admin.1, &path).await.status, 200);
    assert_eq!(lab.get_as(&lab.other.1, &path).await.status, 404);
    // Again, while it is under way: the same task, and no second object.
    let again = raw(&lab, "filename=left-pad%201.3.tgz", content.clone()).await;
    assert_eq!((again.status, &again.data()["task_id"]), (200, &task));
    assert_eq!(
        (lab.objects().len(), lab.count(Table::Uploads).await),
        (1, 1)
    );
    // Somebody else's is another.
    let theirs = lab.request_as(
        &lab.other.1,
        Method::POST,
        &format!("{PATH}?filename=left-pad%201.3.tgz"),
    );
    let theirs = send(
        theirs
            .header("content-type", "application/gzip")
            .body(content),
    )
    .await;
    assert_eq!(theirs.status, 202);
    assert_ne!(theirs.data()["task_id"], task);
    assert_eq!(lab.objects().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_carry_one_file() {
    let lab = Lab::start().await;
    let form = format!("{}--XX--\r\n", part("größe.whl", "content\r\n--X\r\n-"));
    let answer = lab.post(PATH, FORM, form.clone()).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let upload = upload_of(&lab, &answer.data()["task_id"]).await;
    assert_eq!(
        (upload.filename.as_str(), upload.size_bytes),
        ("größe.whl", 15)
    );
    assert_eq!(
        upload.sha256,
        Sha256::digest("content\r\n--X\r\n-").as_slice()
    );
    let named = lab
        .post(&format!("{PATH}?filename=other.whl"), FORM, form)
        .await;
    let upload = upload_of(&lab, &named.data()["task_id"]).await;
    assert_eq!(upload.filename, "other.whl", "the query goes first");
    // As large as may be.
    let size = usize::try_from(UPLOAD).expect("small");
    let large = format!("{}--XX--\r\n", part("large.zip", &"x".repeat(size)));
    let answer = lab.post(PATH, FORM, large).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_is_over_file_name_and_priority() {
    let lab = Lab::start().await;
    let post = |query: &str, body: &str| {
        let request = lab.request(Method::POST, &format!("{PATH}?{query}"));
        send(
            request
                .header("x-idempotency-key", "k")
                .body(body.to_owned()),
        )
    };
    let first = post("filename=a", "x").await;
    assert_eq!(first.status, 202, "{}", first.body);
    let again = post("filename=a", "x").await;
    assert_eq!(
        (again.status, &again.data()["task_id"]),
        (200, &first.data()["task_id"])
    );
    for (query, body) in [
        ("filename=a", "y"),
        ("filename=b", "x"),
        ("filename=a&priority=1", "x"),
    ] {
        let other = post(query, body).await;
        assert_eq!(
            (other.status, &other.body["code"]),
            (409, &json!("idempotency_conflict")),
            "{query}"
        );
    }
    assert_eq!(
        (
            lab.objects().len(),
            lab.count(Table::Uploads).await,
            lab.count(Table::Tasks).await
        ),
        (1, 1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_uploads_are_found() {
    let lab = Lab::start().await;
    let answer = raw(&lab, "filename=a", "x").await;
    let task = answer.data()["task_id"].as_i64().expect("an id");
    let used = upload_of(&lab, &answer.data()["task_id"]).await.id;
    let (broken, fresh) = (Uuid::now_v7(), Uuid::now_v7());
    for id in [broken, fresh] {
        uploads::begin(&lab.app.db, id, lab.owner.0, "b")
            .await
            .expect("a row");
    }
    sqlx::query("UPDATE uploads SET created_at = now() - interval '25 hours' WHERE id <> $1")
        .bind(fresh)
        .execute(&lab.app.db)
        .await
        .expect("an update");
    let stale = async || -> Vec<Uuid> {
        let found = uploads::stale(&lab.app.db, DAY, DAY, 10)
            .await
            .expect("rows");
        found.into_iter().map(|one| one.id).collect()
    };
    assert_eq!(stale().await, [broken], "a task needs the other");
    assert!(!uploads::delete(&lab.app.db, used).await.expect("an answer"));
    assert!(
        uploads::has_task(&lab.app.db, used)
            .await
            .expect("an answer")
    );
    let over =
        packguard_platform::db::tasks::cancel(&lab.app.db, TaskId(task), None, &Actor::default())
            .await;
    assert!(over.expect("cancelled").is_some());
    let mut both = stale().await;
    both.sort_unstable();
    let mut want = [broken, used];
    want.sort_unstable();
    assert_eq!(both, want);
    for id in both {
        assert!(uploads::delete(&lab.app.db, id).await.expect("an answer"));
    }
    assert_eq!(lab.count(Table::Uploads).await, 1);
    assert_eq!(
        uploads::get(&lab.app.db, fresh).await.expect("an answer"),
        None,
        "not whole"
    );
}
