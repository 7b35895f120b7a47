//! Object storage: whether it keeps what it is given, and hands it to clients.

use std::time::Duration;

use bytes::Bytes;

use crate::config::StorageConfig;
use crate::storage::{Storage, StorageError};

use super::Verdict;

fn failed(error: &StorageError) -> Verdict {
    // A storage error says what happened and, after the last colon, what to do.
    let text = error.to_string();
    match text.rsplit_once(": ") {
        Some((what, hint)) => Verdict::fail(what, hint),
        None => Verdict::fail(text, "look at STORAGE_URL"),
    }
}

pub(super) async fn round_trip(config: StorageConfig) -> Verdict {
    let done = async {
        let storage = Storage::open(&config)?;
        storage.round_trip().await?;
        Ok::<_, StorageError>(storage)
    };
    match done.await {
        Ok(storage) => Verdict::ok(format!("{} keeps and deletes", storage.place())),
        Err(error) => failed(&error),
    }
}

/// Fetches a report by its presigned URL, as a client would.
pub(super) async fn presigned(config: StorageConfig) -> Verdict {
    // Content-addressed, so every check writes the same object; it is left, for another
    // check may be reading it.
    let probe = Bytes::from_static(b"{\"packguard\":\"doctor\"}");
    let signed = async {
        let storage = Storage::open(&config)?;
        let stored = storage.put_report(probe.clone()).await?;
        storage.presigned_report(&stored.key).await
    };
    let url = match signed.await {
        Ok(url) => url,
        Err(error) => return failed(&error),
    };
    let host = url.host_str().unwrap_or_default().to_owned();
    match fetch(url, config.request_timeout).await {
        Ok((200, body)) if body == probe => Verdict::ok(format!("{host} serves them")),
        Ok((status, _)) => Verdict::fail(
            format!("{host} answers a presigned URL with {status}"),
            "mend STORAGE_PUBLIC_ENDPOINT and STORAGE_REGION; a proxy must pass the Host header on",
        ),
        Err(error) => Verdict::fail(
            format!("{host} does not answer: {error}"),
            "mend STORAGE_PUBLIC_ENDPOINT; if only clients can reach it, this can be ignored",
        ),
    }
}

async fn fetch(url: url::Url, limit: Duration) -> Result<(u16, Bytes), String> {
    // Without the URL: it is a key to the object.
    let plain = |error: reqwest::Error| error.without_url().to_string();
    let client = reqwest::Client::builder()
        .timeout(limit)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(plain)?;
    let answer = client.get(url).send().await.map_err(plain)?;
    let status = answer.status().as_u16();
    let body = if status == 200 {
        answer.bytes().await.map_err(plain)?
    } else {
        Bytes::new()
    };
    Ok((status, body))
}
