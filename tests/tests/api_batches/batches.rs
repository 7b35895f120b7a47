//! What a batch becomes.

use std::time::Instant;

use packguard_platform::db::batches::{self, NewBatch};
use packguard_platform::model::TaskStatus;
use reqwest::Method;
use serde_json::{Value, json};

use crate::lab::{Lab, Table, send};

const LOCK: &str = r#"{
  "name": "app", "lockfileVersion": 3,
  "packages": {
    "": {"name": "app"},
    "node_modules/left-pad": {
      "version": "1.3.0", "resolved": "https://registry.example.com/left-pad/-/left-pad-1.3.0.tgz",
      "integrity": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
    },
    "node_modules/@scope/pad": {"version": "2.0.0"},
    "node_modules/forked": {"version": "1.0.0", "resolved": "git+ssh://git@example.com/forked.git#0123456789012345678901234567890123456789"}
  }
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_list_becomes_tasks() {
    let lab = Lab::start().await;
    let answer = lab
        .batch(&json!({
            "name": "nightly", "priority": 5,
            "items": [
                {"purl": "pkg:pypi/Requests@2.28.1"},
                {"purl": "pkg:npm/left-pad@1.3.0", "priority": 50},
                {"purl": "pkg:pypi/requests@2.28.1", "priority": 9},
                {"purl": "pkg:npm/%40babel/core"},
            ],
        }))
        .await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let id = answer.data()["batch_id"].as_i64().expect("an id");
    assert_eq!(
        *answer.data(),
        json!({
            "batch_id": id, "total": 3, "created": 3, "cached": 0, "active": 0, "skipped": [],
            "status_url": format!("/api/v1/batches/{id}/"),
            "tasks_url": format!("/api/v1/batches/{id}/tasks/"),
        })
    );
    assert_eq!(lab.spent().await, 3);
    let tasks = lab.get(&format!("/api/v1/batches/{id}/tasks/")).await;
    let seen: Vec<_> = tasks.data()["items"]
        .as_array()
        .expect("items")
        .iter()
        .collect();
    let purls: Vec<_> = seen
        .iter()
        .map(|one| one["purl"].as_str().expect("a purl"))
        .collect();
    assert_eq!(
        purls,
        [
            "pkg:pypi/requests@2.28.1",
            "pkg:npm/left-pad@1.3.0",
            "pkg:npm/%40babel/core"
        ]
    );
    assert_eq!(seen[0]["requested_purl"], "pkg:pypi/Requests@2.28.1");
    assert!(seen.iter().all(|one| one["status"] == "queued"), "{seen:?}");
    assert_eq!(tasks.data()["total"], 3);
    let depths = lab.app.queue.depths().await.expect("Redis");
    // The duplicate's higher priority counts.
    assert_eq!(depths.by_priority, [(5, 1), (9, 1), (50, 1)].into());
    let list = lab.get("/api/v1/batches").await;
    assert_eq!(list.data()["total"], 1);
    assert_eq!(list.data()["items"][0]["name"], "nightly");
    assert_eq!(list.data()["items"][0]["total"], 3);
    assert_eq!(
        lab.get_as(&lab.other.1, "/api/v1/batches/").await.data()["total"],
        0
    );
    assert_eq!(
        lab.get_as(&lab.admin.1, "/api/v1/batches/").await.data()["total"],
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_paged_and_filtered() {
    let lab = Lab::start().await;
    let purls: Vec<String> = (0..45).map(|n| format!("pkg:npm/p{n}@1.0.0")).collect();
    let id = lab.batch(&json!({"purls": purls})).await.data()["batch_id"].clone();
    let path = format!("/api/v1/batches/{id}/tasks/");
    let mut seen = Vec::new();
    for page in 1..=4 {
        let answer = lab.get(&format!("{path}?page={page}&page_size=20")).await;
        assert_eq!(answer.data()["total"], 45);
        let items = answer.data()["items"].as_array().expect("items").clone();
        seen.extend(items.into_iter().map(|one| one["requested_purl"].clone()));
    }
    assert_eq!(json!(seen), json!(purls));
    assert_eq!(
        lab.get(&format!("{path}?status=queued")).await.data()["total"],
        45
    );
    assert_eq!(
        lab.get(&format!("{path}?status=failed")).await.data()["items"],
        json!([])
    );
    for bad in [
        "page=0",
        "page_size=0",
        "page_size=101",
        "page=9223372036854775807",
        "status=lost",
        "x=1",
        "page=a",
    ] {
        let answer = lab.get(&format!("{path}?{bad}")).await;
        assert_eq!(answer.status, 422, "{bad}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_file_becomes_tasks_with_its_digests() {
    let lab = Lab::start().await;
    let path = "/api/v1/batches/?filename=package-lock.json&priority=7&name=app";
    for kind in ["application/json", "application/octet-stream", "text/plain"] {
        let answer = lab.post(path, kind, LOCK).await;
        assert_eq!(answer.status, 202, "{kind}: {}", answer.body);
        assert_eq!(answer.data()["total"], 2);
        assert_eq!(
            answer.data()["skipped"].as_array().map(Vec::len),
            Some(1),
            "{}",
            answer.body
        );
    }
    let (pinned, priority): (Value, i16) =
        sqlx::query_as("SELECT pinned, priority FROM tasks WHERE purl = 'pkg:npm/left-pad@1.3.0'")
            .fetch_one(&lab.app.db)
            .await
            .expect("one task, however often it is sent");
    assert_eq!(priority, 7);
    assert_eq!(pinned[0]["algorithm"], "sha512");
    assert_eq!(&pinned[0]["hex"].as_str().expect("hex")[..8], "cf83e135");
    let unpinned: Option<Value> =
        sqlx::query_scalar("SELECT pinned FROM tasks WHERE purl = 'pkg:npm/%40scope/pad@2.0.0'")
            .fetch_one(&lab.app.db)
            .await
            .expect("a task");
    assert_eq!(unpinned, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_told_by_their_content() {
    let lab = Lab::start().await;
    let bom = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5",
        "components": [
            {"type": "library", "name": "requests", "purl": "pkg:pypi/requests@2.28.1"},
            {"type": "library", "name": "bash", "purl": "pkg:deb/debian/bash@5.2"},
        ],
    })
    .to_string();
    for kind in [
        "application/vnd.cyclonedx+json",
        "application/json",
        "application/octet-stream",
    ] {
        let answer = lab.post("/api/v1/batches/", kind, bom.clone()).await;
        assert_eq!(answer.status, 202, "{kind}: {}", answer.body);
        let skipped = &answer.data()["skipped"];
        assert_eq!(skipped[0]["input"], "pkg:deb/debian/bash@5.2", "{skipped}");
    }
    let spdx = json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT",
        "packages": [{
            "SPDXID": "SPDXRef-a", "name": "serde", "versionInfo": "1.0.0",
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                "referenceLocator": "pkg:cargo/serde@1.0.0",
            }],
        }],
    });
    let answer = lab
        .post(
            "/api/v1/batches/",
            "application/spdx+json",
            spdx.to_string(),
        )
        .await;
    assert_eq!(
        (answer.status, &answer.data()["total"]),
        (202, &json!(1)),
        "{}",
        answer.body
    );
    let text = "requests==2.28.1\n-r more.txt\nflask @ https://example.com/flask.whl\n";
    let answer = lab
        .post(
            "/api/v1/batches/?filename=requirements-dev.txt",
            "text/plain",
            text,
        )
        .await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(answer.data()["active"], 1, "the SBOM's task");
    let reasons = answer.data()["skipped"].to_string();
    assert!(
        reasons.contains("-r more.txt") && reasons.contains("flask"),
        "{reasons}"
    );
    let answer = lab.post("/api/v1/batches/", "text/plain", text).await;
    assert_eq!(
        answer.status, 422,
        "nothing tells what it is: {}",
        answer.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_the_same_batch() {
    let lab = Lab::start().await;
    let send = |purl: &str| {
        let request = lab.request(Method::POST, "/api/v1/batches/");
        let request = request.header("x-idempotency-key", "k1");
        send(request.json(&json!({"purls": [purl, "pkg:npm/left-pad@1.3.0"]})))
    };
    let (a, b, c, d) = tokio::join!(
        send("pkg:npm/a@1.0.0"),
        send("pkg:npm/a@1.0.0"),
        send("pkg:npm/a@1.0.0"),
        send("pkg:npm/a@1.0.0"),
    );
    let mut all = [a.status, b.status, c.status, d.status];
    all.sort_unstable();
    assert_eq!(all, [200, 200, 200, 202], "one is new");
    assert!(
        [&b, &c, &d].iter().all(|one| one.data() == a.data()),
        "{}",
        a.body
    );
    let spent = lab.spent().await;
    let again = send("pkg:npm/a@1.0.0").await;
    assert_eq!((again.status, again.data()), (200, a.data()));
    assert_eq!(lab.spent().await, spent, "what came before costs nothing");
    let other = send("pkg:npm/b@1.0.0").await;
    assert_eq!(
        (other.status, &other.body["code"]),
        (409, &json!("idempotency_conflict"))
    );
    assert_eq!(
        (
            lab.count(Table::Batches).await,
            lab.count(Table::Tasks).await
        ),
        (1, 2)
    );
    // The key is the tenant's own.
    let theirs = lab.request_as(&lab.other.1, Method::POST, "/api/v1/batches/");
    let theirs = theirs
        .header("x-idempotency-key", "k1")
        .json(&json!({"purls": ["pkg:npm/b@1.0.0"]}));
    assert_eq!(crate::lab::send(theirs).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_overlap_share_tasks_and_do_not_deadlock() {
    let lab = Lab::start().await;
    let purls: Vec<String> = (0..2_000).map(|n| format!("pkg:npm/p{n}@1.0.0")).collect();
    let reversed: Vec<&String> = purls.iter().rev().collect();
    let (forth, back) = (json!({"purls": purls}), json!({"purls": reversed}));
    let (a, b, c) = tokio::join!(lab.batch(&forth), lab.batch(&back), lab.batch(&forth));
    let mut created = 0;
    for one in [&a, &b, &c] {
        assert_eq!(one.status, 202, "{}", one.body);
        let count = |name: &str| one.data()[name].as_i64().expect("a number");
        assert_eq!(count("created") + count("active"), 2_000);
        created += count("created");
    }
    assert_eq!(created, 2_000);
    assert_eq!(lab.count(Table::Tasks).await, 2_000);
    assert_eq!(lab.app.queue.depths().await.expect("Redis").ready, 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand() {
    let lab = Lab::start().await;
    let purls: Vec<String> = (0..10_000)
        .map(|n| format!("pkg:npm/package-{n}@1.0.{n}"))
        .collect();
    let body = json!({"purls": purls});
    let begun = Instant::now();
    let answer = lab.batch(&body).await;
    let took = begun.elapsed();
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(answer.data()["created"], 10_000);
    let id = answer.data()["batch_id"].as_i64().expect("an id");
    assert_eq!(lab.app.queue.depths().await.expect("Redis").ready, 10_000);
    let begun = Instant::now();
    let progress = lab.get(&format!("/api/v1/batches/{id}/")).await;
    let looked = begun.elapsed();
    assert_eq!(progress.data()["counts"]["queued"], 10_000);
    let begun = Instant::now();
    let page = lab
        .get(&format!(
            "/api/v1/batches/{id}/tasks/?page=100&page_size=100"
        ))
        .await;
    let paged = begun.elapsed();
    assert_eq!(page.data()["items"][99]["position"], 9_999);
    let begun = Instant::now();
    let over = lab.delete(&format!("/api/v1/batches/{id}/")).await;
    let cancelled = begun.elapsed();
    assert_eq!(over.data()["cancelled"], 10_000);
    let depths = lab.app.queue.depths().await.expect("Redis");
    assert_eq!((depths.ready, depths.delayed, depths.leased), (0, 0, 0));
    eprintln!(
        "10,000 purls: submit {took:?}, progress {looked:?}, last page {paged:?}, cancel {cancelled:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_written_whole_or_not_at_all() {
    let lab = Lab::start().await;
    let batch = NewBatch {
        key: lab.owner.0,
        idempotency: None,
        name: None,
        source: "purls".into(),
        skipped: json!([]),
    };
    let mut tasks = Vec::new();
    for n in 0..1_200 {
        let purl: packguard_platform::purl::Purl =
            format!("pkg:npm/p{n:04}@1").parse().expect("a purl");
        let common = packguard_platform::api::purls::Common {
            key: lab.owner.0,
            priority: packguard_platform::model::Priority::default(),
            timeout: std::time::Duration::from_secs(1),
            max_attempts: 1,
            request_id: "r".into(),
        };
        tasks.push(packguard_platform::api::purls::task(&purl, "x", &common));
    }
    // Postgres keeps no NUL: the third statement of the transaction fails.
    tasks[1_100].requested_purl = "\0".into();
    let reuse = lab.app.settings.reuse;
    assert!(
        batches::create(&lab.app.db, &batch, &tasks, reuse)
            .await
            .is_err()
    );
    lab.assert_untouched().await;
    tasks[1_100].requested_purl = "x".into();
    let written = batches::create(&lab.app.db, &batch, &tasks, reuse)
        .await
        .expect("written");
    let batches::Written::New(row, submitted) = written else {
        panic!("{written:?}")
    };
    assert_eq!(
        (row.total, row.created, submitted.len()),
        (1_200, 1_200, 1_200)
    );
    let pending = batches::count_items(&lab.app.db, row.id, Some(TaskStatus::Pending)).await;
    assert_eq!(pending.expect("a count"), 1_200, "nobody has enqueued them");
}
