//! What is publicly known of a package.

use reqwest::Method;
use serde_json::{Value, json};

use crate::lab::Lab;
use crate::progress::report;

#[tokio::test(flavor = "multi_thread")]
async fn history_and_verdicts() {
    let lab = Lab::start().await;
    let first = report(&lab, "pkg:pypi/zope-interface@1.0", "clean", None).await;
    let second = report(&lab, "pkg:pypi/zope-interface@2.0", "clean", None).await;
    let third = report(&lab, "pkg:pypi/zope-interface@1.0", "malicious", None).await;
    report(
        &lab,
        "pkg:pypi/zope-interface@9.0",
        "malicious",
        Some(lab.owner.0.0),
    )
    .await;
    report(&lab, "pkg:pypi/zope@1.0", "suspicious", None).await;
    let ids = |list: &Value| -> Vec<i64> {
        let list = list.as_array().expect("a list").iter();
        list.map(|one| one["report_id"].as_i64().expect("an id"))
            .collect()
    };
    // Any spelling, with and without the slash; for any key.
    for name in [
        "zope-interface/",
        "Zope.Interface",
        "zope__interface/",
        "ZOPE-interface",
    ] {
        let answer = lab
            .get_as(&lab.other.1, &format!("/api/v1/packages/pypi/{name}"))
            .await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        let data = answer.data();
        assert_eq!(
            (&data["purl"], &data["name"]),
            (&json!("pkg:pypi/zope-interface"), &json!("zope-interface"))
        );
        assert_eq!(data["latest"]["report_id"], third);
        assert_eq!(data["latest"]["verdict"], "malicious");
        assert_eq!(ids(&data["versions"]), [third, second]);
        assert_eq!(ids(&data["history"]), [third, second, first]);
        assert_eq!(data["next"], Value::Null);
    }
    let path = "/api/v1/packages/pypi/zope-interface/";
    let page = lab.get(&format!("{path}?page_size=2")).await;
    assert_eq!(ids(&page.data()["history"]), [third, second]);
    let next = page.data()["next"].as_str().expect("an address").to_owned();
    let page = lab.get(&next).await;
    assert_eq!(
        (ids(&page.data()["history"]), &page.data()["next"]),
        (vec![first], &Value::Null)
    );
    assert_eq!(
        page.data()["latest"]["report_id"],
        third,
        "whatever the page"
    );
    let one = lab.get(&format!("{path}?version=2.0")).await;
    assert_eq!(
        (
            ids(&one.data()["history"]),
            &one.data()["latest"]["verdict"]
        ),
        (vec![second], &json!("clean"))
    );
    let private = lab.get(&format!("{path}?version=9.0")).await;
    assert_eq!(
        private.status, 404,
        "a private report is nobody's history, not even its owner's"
    );
    for bad in [
        "page_size=0",
        "page_size=101",
        "before=0",
        "before=x",
        "version=",
        "version=%00",
        "x=1",
    ] {
        assert_eq!(lab.get(&format!("{path}?{bad}")).await.status, 422, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_with_slashes() {
    let lab = Lab::start().await;
    for (kind, purl, spellings) in [
        (
            "npm",
            "pkg:npm/%40babel/core@7.0.0",
            vec!["@babel/core", "%40babel/core", "%40Babel%2Fcore"],
        ),
        (
            "golang",
            "pkg:golang/example.com/a/b@v1.0.0",
            vec!["example.com/a/b", "example.com%2Fa%2Fb"],
        ),
        ("maven", "pkg:maven/org.example/a@1", vec!["org.example/a"]),
        ("composer", "pkg:composer/v/n@1", vec!["v/n", "V/N"]),
    ] {
        let id = report(&lab, purl, "clean", None).await;
        for name in spellings {
            for slash in ["", "/"] {
                let answer = lab
                    .get(&format!(
                        "/api/v1/packages/{kind}/{name}{slash}?page_size=1"
                    ))
                    .await;
                assert_eq!(answer.status, 200, "{kind}/{name}: {}", answer.body);
                assert_eq!(answer.data()["latest"]["report_id"], id);
            }
        }
    }
    let old = lab.get("/api/v1/packages/packagist/v/n/").await;
    assert_eq!(old.data()["ecosystem"], "composer");
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_that_are_none() {
    let lab = Lab::start().await;
    let unknown = lab.get("/api/v1/packages/pypi/never-seen/").await;
    assert_eq!(
        (unknown.status, &unknown.body["code"]),
        (404, &json!("not_found"))
    );
    let message = unknown.body["message"].as_str().expect("text");
    assert!(
        message.contains("POST /api/v1/analyze/") && message.contains("pkg:pypi/never-seen"),
        "{message}"
    );
    let long = "a".repeat(5_000);
    for bad in [
        "deb/bash",
        "generic/a.tgz",
        "x%2Fy/z",
        "npm/..",
        "npm/%2e%2e/a",
        "npm/a%00",
        "npm/a%20b",
        "npm/a@1",
        "npm/@a",
        "composer/alone",
        "pypi/a/b",
        "npm/%ff",
        "npm/a%3Fb",
        "npm/a%23b",
        "npm/a//b",
        &format!("npm/{long}"),
    ] {
        let answer = lab.get(&format!("/api/v1/packages/{bad}/")).await;
        assert!(
            matches!(answer.status, 404 | 422),
            "{bad}: {} {}",
            answer.status,
            answer.body
        );
        assert_eq!(answer.body["success"], false, "{bad}");
    }
    assert_eq!(
        lab.get("/api/v1/packages/deb/bash/").await.fields(),
        ["type"]
    );
    assert_eq!(
        lab.get("/api/v1/packages/npm/a%00/").await.fields(),
        ["name"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_by_their_id() {
    let lab = Lab::start().await;
    let public = report(&lab, "pkg:npm/a@1", "clean", None).await;
    let private = report(&lab, "pkg:npm/b@1", "clean", Some(lab.owner.0.0)).await;
    let path = format!("/api/v1/report/{public}/");
    let answer = lab.get_as(&lab.other.1, &path).await;
    assert_eq!(
        (answer.status, &answer.body),
        (200, &json!({"purl": "pkg:npm/a@1"}))
    );
    let tag = answer.headers["etag"].clone();
    for given in [
        tag.to_str().expect("text").to_owned(),
        format!("\"x\", W/{}", tag.to_str().expect("text")),
        "*".into(),
    ] {
        let again = lab
            .request(Method::GET, &path)
            .header("if-none-match", given)
            .send()
            .await;
        let again = again.expect("an answer");
        assert_eq!(
            (again.status().as_u16(), &again.headers()["etag"]),
            (304, &tag)
        );
    }
    let head = lab
        .request(Method::HEAD, &path)
        .send()
        .await
        .expect("an answer");
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-length"], "23");
    let path = format!("/api/v1/report/{private}/");
    assert_eq!(lab.get(&path).await.status, 200);
    assert_eq!(lab.get_as(&lab.admin.1, &path).await.status, 200);
    let theirs = lab.get_as(&lab.other.1, &path).await;
    assert_eq!(
        (theirs.status, &theirs.body["code"]),
        (404, &json!("not_found"))
    );
    assert_eq!(lab.get("/api/v1/report/999999/").await.status, 404);
    assert_eq!(lab.get("/api/v1/report/x/").await.status, 422);
    // Its object is gone.
    let digest = tag.to_str().expect("text").trim_matches('"').to_owned();
    let key = packguard_platform::storage::ReportKey::of_digest(&digest).expect("a digest");
    lab.app.storage.delete_report(&key).await.expect("deleted");
    let gone = lab.get(&format!("/api/v1/report/{public}/")).await;
    assert_eq!(
        (gone.status, &gone.body["code"]),
        (410, &json!("report_pruned"))
    );
}
