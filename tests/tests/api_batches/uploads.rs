//! Uploads that must leave nothing.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::archives::{FORM, PATH, part, raw};
use crate::lab::{Lab, Table, UPLOAD, send};

/// Waits until a cleaning up that was begun is done.
async fn until_untouched(lab: &Lab) {
    let gone = async {
        while lab.count(Table::Uploads).await > 0 || !lab.objects().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .expect("it is cleaned up");
    lab.assert_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_that_are_none() {
    let lab = Lab::start().await;
    let size = usize::try_from(UPLOAD).expect("small");
    let plain = "--XX\r\nContent-Disposition: form-data; name=\"priority\"\r\n\r\n7\r\n";
    let good = part("a.tgz", "content");
    let long_header = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nX-Long: {}",
        "x".repeat(3 << 20)
    );
    let many_headers = format!("--XX\r\n{}\r\n\r\n", "X-A: b\r\n".repeat(1_000));
    let bad = [
        (422, format!("{good}{}--XX--\r\n", part("b.tgz", "other"))),
        (422, format!("{good}{plain}--XX--\r\n")),
        (422, format!("{plain}{good}--XX--\r\n")),
        (422, format!("{}--XX--\r\n", part("a.tgz", ""))),
        (422, format!("{}--XX--\r\n", part("../a.tgz", "x"))),
        (422, format!("{}--XX--\r\n", part("", "x"))),
        (422, "--XX--\r\n".into()),
        (400, good.clone()),
        (400, String::new()),
        (400, good.replace("--XX", "--YY")),
        (400, long_header),
        (400, many_headers),
        (
            413,
            format!("{}--XX--\r\n", part("a.tgz", &"x".repeat(size + 1))),
        ),
        (
            413,
            format!("{}--XX--\r\n", part("a.tgz", &"x".repeat(size + (4 << 20)))),
        ),
    ];
    for (status, body) in bad {
        let start = body
            .get(..120.min(body.len()))
            .unwrap_or_default()
            .to_owned();
        // Large bodies are refused before they are read: the client may see that as a reset.
        let request = lab
            .request(Method::POST, PATH)
            .header("content-type", FORM)
            .body(body);
        let answer = match request.send().await {
            Ok(answer) if status == 413 => {
                assert_eq!(answer.status(), status, "{start}");
                continue;
            }
            Ok(answer) => crate::lab::read(answer).await,
            Err(error) => {
                assert_eq!(status, 413, "{start}: {error}");
                continue;
            }
        };
        assert_eq!(answer.status, status, "{start}: {}", answer.body);
        assert_eq!(answer.body["success"], false);
    }
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=XX",
    ] {
        let answer = lab
            .post(&format!("{PATH}?filename=a"), kind, good.clone())
            .await;
        assert!(
            matches!(answer.status, 400 | 415),
            "{kind}: {}",
            answer.body
        );
    }
    until_untouched(&lab).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_types_that_are_refused() {
    let lab = Lab::start().await;
    let long = "x".repeat(256);
    for name in [
        "",
        ".",
        "..",
        "..%2Fa",
        "%2Fetc%2Fpasswd",
        "a%5Cb",
        "a%00",
        "a%0Ab",
        "%E2%80%AEgz.exe",
        "%20a",
        &long,
    ] {
        let answer = raw(&lab, &format!("filename={name}"), "x").await;
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec!["filename"]),
            "{name}"
        );
    }
    for query in [
        "",
        "priority=1",
        "filename=a&priority=101",
        "filename=a&priority=x",
        "filename=a&x=1",
        "filename=a&filename=b",
    ] {
        let answer = raw(&lab, query, "x").await;
        assert!(
            matches!(answer.status, 400 | 422),
            "{query}: {}",
            answer.body
        );
    }
    for kind in [
        "application/json",
        "text/html",
        "application/x-www-form-urlencoded",
        "x",
    ] {
        let answer = lab.post(&format!("{PATH}?filename=a"), kind, "x").await;
        assert_eq!(answer.status, 415, "{kind}");
    }
    let empty = raw(&lab, "filename=a.tgz", "").await;
    assert_eq!((empty.status, empty.fields()), (422, vec!["body"]));
    until_untouched(&lab).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_that_are_too_large() {
    let lab = Lab::start().await;
    // Announced: refused before anything is read, so the client need not send it.
    let answer = lab
        .announce(&format!("{PATH}?filename=a"), "application/zip", UPLOAD + 1)
        .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(lab.spent().await, 0);
    // Not announced: found out on the way.
    let chunks =
        futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0_u8; 64 << 10]));
    let body = reqwest::Body::wrap_stream(chunks);
    let request = lab.request(Method::POST, &format!("{PATH}?filename=a"));
    if let Ok(answer) = request.body(body).send().await {
        assert_eq!(answer.status(), 413);
    }
    until_untouched(&lab).await;
    // The largest that is taken.
    let largest = vec![1; usize::try_from(UPLOAD).expect("small")];
    assert_eq!(raw(&lab, "filename=a", largest).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_nothing() {
    let lab = Lab::start().await;
    for (kind, body) in [
        ("application/zip", vec![7; 12 << 20]),
        ("application/zip", vec![7; 100]),
        (FORM, part("a.tgz", &"x".repeat(12 << 20)).into_bytes()),
    ] {
        for chunked in [false, true] {
            let mut stream = TcpStream::connect(lab.address).await.expect("a connection");
            let length = if chunked {
                "Transfer-Encoding: chunked\r\n".to_owned()
            } else {
                format!("Content-Length: {}\r\n", body.len() + 1000)
            };
            let head = format!(
                "POST {PATH}?filename=a HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: {kind}\r\n{length}\r\n",
                lab.owner.1
            );
            stream.write_all(head.as_bytes()).await.expect("sent");
            if chunked {
                stream
                    .write_all(format!("{:x}\r\n", body.len()).as_bytes())
                    .await
                    .expect("sent");
            }
            stream.write_all(&body).await.expect("sent");
            let begun = async {
                while lab.count(Table::Uploads).await == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), begun)
                .await
                .expect("it is being received");
            drop(stream);
            until_untouched(&lab).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_stops_is_given_up() {
    let lab = Lab::patient(Duration::from_millis(300)).await;
    let never = futures_util::stream::iter([Ok::<_, std::io::Error>(vec![0; 1000])]);
    let never = never.chain(futures_util::stream::pending());
    let request = lab.request(Method::POST, &format!("{PATH}?filename=a"));
    let answer = send(request.body(reqwest::Body::wrap_stream(never))).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (408, &json!("timeout"))
    );
    until_untouched(&lab).await;
}
