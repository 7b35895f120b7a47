//! Pages of tasks.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::lab::{Lab, bad, good, header};

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_number_and_by_cursor() {
    let lab = Lab::start().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(lab.submit(&format!("pkg:npm/page-{n}@1")).await.0);
    }
    let mut seen = Vec::new();
    let mut next = Some(String::from("/api/v1/reports/?page_size=2&status=queued"));
    while let Some(path) = next {
        let page = good(lab.get(&path).send().await.unwrap(), StatusCode::OK).await;
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["task_id"].as_i64().unwrap()),
        );
        next = page["next"].as_str().map(str::to_owned);
    }
    ids.reverse();
    assert_eq!(seen, ids);
    let second = lab
        .get("/api/v1/reports/?page=2&page_size=2")
        .send()
        .await
        .unwrap();
    assert!(header(&second, "link").ends_with("rel=\"next\""));
    let second = good(second, StatusCode::OK).await;
    assert_eq!(
        (&second["total"], &second["items"][0]["task_id"]),
        (&json!(5), &json!(ids[2]))
    );
    for query in [
        "page=0",
        "page=x",
        "page_size=101",
        "page_size=0",
        "status=lost",
        "page=1&page=2",
        "colour=red",
        "page=101&page_size=100",
        "cursor=0",
        "cursor=1&page=1",
    ] {
        let answer = lab
            .get(&format!("/api/v1/reports/?{query}"))
            .send()
            .await
            .unwrap();
        bad(answer, 422, "invalid_request").await;
    }
    let other = lab
        .request(Method::GET, "/api/v1/reports/")
        .bearer_auth(&lab.other);
    assert_eq!(
        good(other.send().await.unwrap(), StatusCode::OK).await["items"],
        json!([])
    );
    lab.end().await;
}
