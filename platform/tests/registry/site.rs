//! A web server whose answers a test makes up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

type Answer = Box<dyn Fn(usize) -> Response<Body> + Send>;

#[derive(Default)]
struct Pages {
    answers: BTreeMap<String, Answer>,
    /// Path, and the Authorization header, of every request.
    seen: Vec<(String, Option<String>)>,
}

/// Serves until the test ends.
pub struct Site {
    pub url: String,
    pages: Arc<Mutex<Pages>>,
}

impl Site {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let pages = Arc::<Mutex<Pages>>::default();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&pages));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, pages }
    }

    /// Answers a path (as requested, still encoded) with 200 and this body.
    pub fn put(&self, path: &str, content_type: &'static str, body: impl Into<Vec<u8>>) {
        let body = body.into();
        self.answer(path, move |_| {
            let response = Response::builder().header("content-type", content_type);
            response.body(Body::from(body.clone())).unwrap()
        });
    }

    pub fn json(&self, path: &str, body: &serde_json::Value) {
        self.put(path, "application/json", body.to_string());
    }

    /// Answers with what the function makes of the number of earlier requests for the path.
    pub fn answer(&self, path: &str, answer: impl Fn(usize) -> Response<Body> + Send + 'static) {
        self.pages
            .lock()
            .unwrap()
            .answers
            .insert(path.to_owned(), Box::new(answer));
    }

    pub fn redirect(&self, path: &str, target: String) {
        self.answer(path, move |_| {
            Response::builder()
                .status(302)
                .header("location", &target)
                .body(Body::empty())
                .unwrap()
        });
    }

    /// How often a path was requested.
    pub fn hits(&self, path: &str) -> usize {
        self.pages
            .lock()
            .unwrap()
            .seen
            .iter()
            .filter(|(seen, _)| seen == path)
            .count()
    }

    /// The Authorization headers of the requests, in order.
    pub fn authorizations(&self) -> Vec<Option<String>> {
        self.pages
            .lock()
            .unwrap()
            .seen
            .iter()
            .map(|(_, header)| header.clone())
            .collect()
    }
}

pub fn status(status: u16) -> Response<Body> {
    Response::builder()
        .status(status)
        .body(Body::empty())
        .unwrap()
}

async fn answer(State(pages): State<Arc<Mutex<Pages>>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let authorization = request.headers().get("authorization");
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    let mut pages = pages.lock().unwrap();
    let earlier = pages.seen.iter().filter(|(seen, _)| *seen == path).count();
    pages.seen.push((path.clone(), authorization));
    match pages.answers.get(&path) {
        Some(answer) => answer(earlier),
        None => status(StatusCode::NOT_FOUND.as_u16()),
    }
}

/// A server that writes exactly these bytes to every request, then waits, then closes.
pub async fn raw(bytes: &'static [u8], wait: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(bytes).await;
                let _ = stream.flush().await;
                tokio::time::sleep(wait).await;
            });
        }
    });
    url
}

pub fn sha1(content: &str) -> String {
    use sha1::Digest as _;
    hex::encode(sha1::Sha1::digest(content))
}

pub fn sha256(content: &str) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(content))
}

pub fn sha512_base64(content: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::STANDARD.encode(sha2::Sha512::digest(content))
}
