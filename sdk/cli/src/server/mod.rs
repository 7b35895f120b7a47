//! The platform's API, as the commands that deploy use it.

pub(crate) mod answers;
pub(crate) mod login;
pub(crate) mod prompt;
mod trouble;

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use self::login::Login;
pub(crate) use self::trouble::{Refusal, Trouble};
use crate::failure::{Failure, environment, usage};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a question may take.
const ANSWER: Duration = Duration::from_secs(30);

/// How long the server may take to receive and admit a component: compiling a large one alone
/// takes a minute, and it may come over a slow line.
pub(crate) const ADMISSION: Duration = Duration::from_secs(15 * 60);

/// Bytes of an answer that are read: fifty versions with their descriptors.
const MAX_ANSWER: usize = 64 << 20;

/// Pauses before the next attempt, where the last one may have failed by chance.
pub(crate) const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
];

/// Longest time that a server may ask to be left alone for.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// A server, and the key for it.
pub(crate) struct Server {
    http: Client,
    url: Url,
    /// Whether the key comes from the environment, and not from `sdk login`.
    key_given: bool,
}

/// What every answer of the API looks like.
#[derive(Deserialize)]
struct Envelope {
    success: bool,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    fields: Vec<Field>,
    #[serde(default)]
    request_id: String,
}

#[derive(Deserialize)]
struct Field {
    field: String,
    message: String,
}

impl Server {
    /// The one that the user is logged in to.
    pub(crate) fn logged_in() -> Result<Self, Failure> {
        Self::of(&Login::find()?)
    }

    /// The one that `login` is for.
    pub(crate) fn of(login: &Login) -> Result<Self, Failure> {
        let bearer = Zeroizing::new(format!("Bearer {}", *login.key));
        let mut key = HeaderValue::from_str(&bearer).map_err(|_| {
            usage(
                "the API key has characters that no key has",
                "copy it again, whole: it begins with pg_",
            )
        })?;
        key.set_sensitive(true);
        let mut http = Client::builder()
            .user_agent(concat!("packguard-sdk/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, key)]))
            .connect_timeout(CONNECT)
            // The key is for this server only.
            .redirect(redirect::Policy::none());
        if login.is_loopback() {
            // A proxy would look for the server on its own machine, and read the key.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| {
            environment(
                trouble::cause(&error),
                "this machine's certificates can't be read: install ca-certificates",
            )
        })?;
        Ok(Self {
            http,
            url: login.url.clone(),
            key_given: login.key_given,
        })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// A request for what is at `path`, below `api/v1/`.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_with(method, path, &[])
    }

    /// As [`Server::request`], with parameters.
    pub(crate) fn request_with(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
    ) -> RequestBuilder {
        let mut url = self.url.clone();
        url.set_path(&format!("{}api/v1/{path}", self.url.path()));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.http.request(method, url).timeout(ANSWER)
    }

    /// Sends a request, and gives the data of its answer.
    pub(crate) async fn try_send(&self, request: RequestBuilder) -> Result<Value, Trouble> {
        let broken = |error: reqwest::Error| Trouble::Broken(trouble::cause(&error.without_url()));
        let sent = request.send().await.map_err(|error| {
            let is_away = error.is_connect();
            let why = trouble::cause(&error.without_url());
            if is_away {
                Trouble::Away(why)
            } else {
                Trouble::Broken(why)
            }
        });
        let mut response = sent?;
        let status = response.status();
        if status.is_redirection() {
            return Err(Trouble::Stranger(redirected(&response)));
        }
        let pause = pause(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(Trouble::Stranger("its answer does not end".into()));
            }
            body.extend_from_slice(&chunk);
        }
        match serde_json::from_slice::<Envelope>(&body) {
            Ok(answer) if answer.success && status.is_success() => Ok(answer.data),
            Ok(answer) if !answer.success && !status.is_success() => {
                let wrong = |one: &Field| format!("{}: {}", one.field, one.message);
                let fields: Vec<_> = answer.fields.iter().map(wrong).collect();
                Err(Trouble::Refused(Refusal {
                    status,
                    code: answer.code,
                    message: match fields.is_empty() {
                        true => answer.message,
                        false => fields.join("; "),
                    },
                    request_id: answer.request_id,
                    pause,
                }))
            }
            // A proxy before the server, which lost it.
            _ if trouble::PASSING.contains(&status.as_u16()) => {
                Err(Trouble::Broken(format!("HTTP {status}")))
            }
            _ => {
                let kind = response.headers().get(CONTENT_TYPE);
                let kind = kind.and_then(|kind| kind.to_str().ok());
                let kind = kind.unwrap_or("bytes of no type");
                Err(Trouble::Stranger(format!("HTTP {status}, {kind}")))
            }
        }
    }

    /// As [`Server::try_send`], with what to do where it fails.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let sent = self.try_send(request).await;
        sent.map_err(|trouble| self.failure(&trouble))
    }

    /// Sends a request that may arrive twice without harm, again and again where the connection
    /// breaks or the server is busy.
    pub(crate) async fn insist(
        &self,
        request: impl Fn(&Self) -> RequestBuilder,
    ) -> Result<Value, Failure> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let trouble = match self.try_send(request(self)).await {
                Ok(data) => return Ok(data),
                Err(trouble) => trouble,
            };
            match pauses.next().filter(|_| trouble.passes()) {
                Some(pause) => self.pause(&trouble, pause).await,
                None => return Err(self.failure(&trouble)),
            }
        }
    }

    /// Says what happened, and waits before the next attempt.
    pub(crate) async fn pause(&self, trouble: &Trouble, pause: Duration) {
        let pause = trouble.pause().map_or(pause, |asked| asked.max(pause));
        let seconds = pause.as_secs();
        eprintln!("{trouble}; trying again in {seconds} s");
        tokio::time::sleep(pause).await;
    }
}

/// What the server asks for before the next attempt.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_PAUSE))
}

fn redirected(response: &Response) -> String {
    let to = response.headers().get(reqwest::header::LOCATION);
    let to = to.and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
    format!("it redirects to {to}, and the key goes to no other server")
}
