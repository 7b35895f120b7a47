//! Batches that must not be taken.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::lab::{BATCH_BODY, LIMIT, Lab, Table, send};

#[tokio::test(flavor = "multi_thread")]
async fn purls_that_make_no_sense_are_named_and_nothing_is_written() {
    let lab = Lab::start().await;
    let answer = lab
        .batch(&json!({"purls": ["pkg:npm/a@1", "requests", "pkg:deb/debian/bash@1", "pkg:npm/b@1", ""]}))
        .await;
    assert_eq!(
        (answer.status, answer.fields()),
        (422, vec!["purls[1]", "purls[2]", "purls[4]"])
    );
    let answer = lab
        .batch(&json!({"items": [{"purl": "pkg:npm/a@1", "priority": 101}, {"purl": "x"}]}))
        .await;
    assert_eq!(
        (answer.status, answer.fields()),
        (422, vec!["items[0].priority", "items[1].purl"])
    );
    // However many: the answer stays small.
    let many: Vec<String> = (0..10_000).map(|_| "x".repeat(300)).collect();
    let answer = lab.batch(&json!({"purls": many})).await;
    assert_eq!((answer.status, answer.fields().len()), (422, 100));
    let message = answer.body["message"].as_str().expect("text");
    assert!(message.contains("10000"), "{message}");
    assert!(answer.body.to_string().len() < 64 << 10);
    lab.assert_untouched().await;
    assert_eq!(lab.spent().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_the_wrong_shape() {
    let lab = Lab::start().await;
    let too_many: Vec<String> = (0..10_001).map(|n| format!("pkg:npm/p{n}@1")).collect();
    let bad = [
        (422, json!({"purls": too_many})),
        (
            422,
            json!({"purls": [format!("pkg:npm/{}", "a".repeat(1 << 20))]}),
        ),
        (422, json!({"purls": ["pkg:pypi/a@1?x=\u{0}b"]})),
        (422, json!({"purls": []})),
        (422, json!({"items": []})),
        (422, json!({})),
        (
            422,
            json!({"purls": ["pkg:npm/a@1"], "items": [{"purl": "pkg:npm/a@1"}]}),
        ),
        (422, json!({"purls": ["pkg:npm/a@1"], "prio": 1})),
        (422, json!({"purls": ["pkg:npm/a@1"], "priority": 101})),
        (422, json!({"purls": ["pkg:npm/a@1"], "priority": "high"})),
        (422, json!({"purls": ["pkg:npm/a@1"], "name": ""})),
        (422, json!({"purls": ["pkg:npm/a@1"], "name": "a\u{0}b"})),
        (
            422,
            json!({"purls": ["pkg:npm/a@1"], "name": "x".repeat(201)}),
        ),
        (422, json!({"purls": "pkg:npm/a@1"})),
        (422, json!({"purls": [1]})),
        (422, json!(["pkg:npm/a@1"])),
        (422, json!(null)),
    ];
    for (status, body) in bad {
        let text = body.to_string();
        let answer = lab.batch(&body).await;
        assert_eq!(
            answer.status,
            status,
            "{}: {}",
            &text[..text.len().min(200)],
            answer.body
        );
        assert_eq!(answer.body["success"], false);
        assert!(
            answer.body.to_string().len() < 8 << 10,
            "the answer repeats the body"
        );
    }
    let deep = format!(
        "{{\"purls\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let empties = format!("{{\"purls\": [{}\"\"]}}", "\"\",".repeat(1_000_000));
    let doubled = "{\"purls\": [\"pkg:npm/a@1\"], \"purls\": [\"pkg:npm/b@1\"]}";
    for (statuses, body) in [
        ([400, 422], deep.as_str()),
        ([422, 422], empties.as_str()),
        ([422, 422], doubled),
        ([400, 400], ""),
        ([400, 400], "{\"purls\": [\"pkg:npm/a@1\"]"),
        ([400, 400], "{\"purls\": [\"pkg:npm/a@1\"]} x"),
        ([400, 400], "\u{feff}[1"),
    ] {
        let answer = lab
            .post("/api/v1/batches/", "application/json", body.to_owned())
            .await;
        assert!(
            statuses.contains(&answer.status),
            "{}: {}",
            &body[..body.len().min(60)],
            answer.body
        );
    }
    lab.assert_untouched().await;
    assert_eq!(lab.spent().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_files_that_are_bombs_or_none() {
    let lab = Lab::start().await;
    let mut aliases = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for n in 1..12 {
        let m = n - 1;
        aliases.push_str(&format!(
            "a{n}: &a{n} [*a{m},*a{m},*a{m},*a{m},*a{m},*a{m},*a{m},*a{m}]\n"
        ));
    }
    let mut nested = String::from("{\"lockfileVersion\": 1, \"dependencies\": ");
    nested.push_str(&"{\"a\": {\"version\": \"1.0.0\", \"dependencies\": ".repeat(20_000));
    let bad = [
        ("pnpm-lock.yaml", aliases),
        ("pnpm-lock.yaml", "[".repeat(200_000)),
        ("package-lock.json", nested),
        ("package-lock.json", "\u{0}\u{1}\u{2}".into()),
        ("package-lock.json", "{}".into()),
        ("poetry.lock", "x = ".repeat(100_000)),
        ("Cargo.lock", "[[package]]\n".repeat(10)),
        ("requirements.txt", "-r other.txt\n".into()),
        ("requirements.txt", "# nothing\n".into()),
        ("yarn.lock", String::new()),
        (
            "sbom.json",
            "{\"bomFormat\": \"CycloneDX\", \"components\": 1}".into(),
        ),
        ("sbom.json", "{\"spdxVersion\": \"SPDX-3.0\"}".into()),
        ("left-pad.tgz", "\u{1f}\u{fffd}".into()),
        ("package.json", "{\"dependencies\": {\"a\": \"1\"}}".into()),
    ];
    for (name, body) in bad {
        let path = format!("/api/v1/batches/?filename={name}");
        let answer = lab.post(&path, "application/octet-stream", body).await;
        assert_eq!(answer.status, 422, "{name}: {}", answer.body);
        assert!(answer.body.to_string().len() < 4 << 10);
    }
    for query in [
        "priority=101",
        "priority=x",
        "name=",
        "name=%00",
        "unknown=1",
        "filename=%ff",
    ] {
        let answer = lab
            .post(&format!("/api/v1/batches/?{query}"), "text/plain", "a==1\n")
            .await;
        assert!(
            matches!(answer.status, 400 | 422),
            "{query}: {}",
            answer.body
        );
    }
    for kind in [
        "application/x-www-form-urlencoded",
        "image/png",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let answer = lab
            .post("/api/v1/batches/?filename=requirements.txt", kind, "a==1\n")
            .await;
        assert_eq!(answer.status, 415, "{kind}: {}", answer.body);
    }
    lab.assert_untouched().await;
    assert_eq!(lab.spent().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lock_file_says_can_be_kept() {
    let lab = Lab::start().await;
    // NUL and a surrogate's worth of trouble for JSON in Postgres.
    let text = "requests==2.28.1\nbad\u{0}name ==1\n\u{202e}evil @ ../x\n";
    let answer = lab
        .post(
            "/api/v1/batches/?filename=requirements.txt",
            "text/plain",
            text,
        )
        .await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(answer.data()["total"], 1);
    // Beyond what a parser keeps: said, not silently dropped.
    let many: String = (0..10_001).map(|n| format!("p{n}==1.0\n")).collect();
    let cut = lab
        .post(
            "/api/v1/batches/?filename=requirements.txt",
            "text/plain",
            many,
        )
        .await;
    assert_eq!(
        (cut.status, &cut.data()["total"]),
        (202, &json!(10_000)),
        "{}",
        cut.body
    );
    assert_eq!(cut.data()["skipped"][0]["input"], "1 more packages");
    let id = &answer.data()["batch_id"];
    let seen = lab.get(&format!("/api/v1/batches/{id}/")).await;
    assert_eq!(seen.data()["skipped"], answer.data()["skipped"]);
    assert!(!seen.data()["skipped"].to_string().contains("\\u0000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_large() {
    let lab = Lab::start().await;
    let length = u64::try_from(BATCH_BODY + 1).expect("small");
    let answer = lab
        .announce("/api/v1/batches/", "application/json", length)
        .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    // Without a length, and so only found out on the way.
    let chunks =
        futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 64 << 10]));
    let body = reqwest::Body::wrap_stream(chunks);
    let request = lab
        .request(Method::POST, "/api/v1/batches/")
        .header("content-type", "application/json");
    // The client may see its connection closed before it sees the answer.
    if let Ok(answer) = request.body(body).send().await {
        assert_eq!(answer.status(), 413);
    }
    lab.assert_untouched().await;
    // As large as may be: it goes through a file.
    let mut list = json!({"purls": ["pkg:npm/a@1"]}).to_string();
    list.push_str(&" ".repeat(BATCH_BODY - list.len()));
    let answer = lab.post("/api/v1/batches/", "application/json", list).await;
    assert_eq!((answer.status, &answer.data()["total"]), (202, &json!(1)));
    assert_eq!(lab.count(Table::Batches).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_given_up() {
    let lab = Lab::patient(Duration::from_millis(300)).await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let chunks = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    sender
        .send(Ok(b"{\"purls\": [".to_vec()))
        .await
        .expect("taken");
    let request = lab
        .request(Method::POST, "/api/v1/batches/")
        .header("content-type", "application/json");
    let answer = send(request.body(reqwest::Body::wrap_stream(chunks))).await;
    drop(sender);
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (408, &json!("timeout"))
    );
    lab.assert_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_beyond_the_hourly_limit_costs_nothing() {
    let lab = Lab::start().await;
    let purls: Vec<String> = (0..10_000).map(|n| format!("pkg:npm/p{n}@1")).collect();
    let body: Value = json!({"purls": purls});
    let left = 9_999;
    let taken = lab.app.limiter.take(lab.owner.0, LIMIT - left, LIMIT).await;
    assert!(taken.expect("Redis").allowed);
    let answer = lab.batch(&body).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (429, &json!("rate_limited"))
    );
    assert_eq!(answer.headers["x-ratelimit-remaining"], "9999");
    assert!(answer.headers.contains_key("retry-after"));
    lab.assert_untouched().await;
}
