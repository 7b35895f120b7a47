//! One attempt: sign, post, judge the answer.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use tokio::time::timeout;
use url::Url;

use super::guard::{Guard, GuardedResolver, SystemNames};
use super::message;
use super::signing::Secret;
use crate::config::WebhookConfig;
use crate::db::deliveries::{Due, Outcome};

/// Pauses after the first, second, … attempt, in seconds; further ones last as long as the
/// last. The first are for a hiccup and a restart, the last for a night: 22 hours and a half
/// in all, with jitter about a day.
const PAUSES: [u64; 7] = [10, 60, 300, 1_800, 7_200, 21_600, 50_400];

/// Longest that a receiver may ask us to wait.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(86_400);

/// Bytes read of an answer; what is said is ignored.
const MAX_ANSWER: usize = 64 << 10;

/// How long reading them may take.
const DRAIN: Duration = Duration::from_secs(1);

/// Longest error kept.
const MAX_ERROR: usize = 300;

/// Sends deliveries. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    guard: Guard,
    attempts: u32,
    timeout: Duration,
}

impl Sender {
    /// Sends where `guard` allows.
    ///
    /// # Errors
    /// When there is no TLS.
    pub fn new(config: &WebhookConfig, guard: Guard) -> Result<Self, reqwest::Error> {
        Self::with_names(config, guard, Arc::new(SystemNames))
    }

    pub(super) fn with_names(
        config: &WebhookConfig,
        guard: Guard,
        names: Arc<dyn reqwest::dns::Resolve>,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .user_agent(concat!("packguard/", env!("CARGO_PKG_VERSION")))
            // A proxy would resolve names itself, and a redirect lead anywhere.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .dns_resolver(GuardedResolver::new(guard, names))
            .timeout(config.timeout)
            .connect_timeout(config.timeout)
            // The receivers are many: each connection is kept for the next few deliveries only.
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(30))
            // We want none, and inflating is the receiver's way to use our memory.
            .gzip(false)
            .build()?;
        Ok(Self {
            client,
            guard,
            attempts: config.attempts,
            timeout: config.timeout,
        })
    }

    /// How long an attempt lasts at most.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Attempts a delivery.
    pub(super) async fn send(&self, due: &Due) -> Outcome {
        // The client's own timeout does not cover all that can block: this one does.
        let attempt = timeout(self.timeout, self.attempt(due)).await;
        let failed = match attempt {
            Ok(Ok(response)) => {
                let status = response.status().as_u16().into();
                // The delivery was taken: what happens to the answer's body changes nothing.
                let _ = timeout(DRAIN, drain(response)).await;
                return Outcome {
                    status: Some(status),
                    error: None,
                    retry: None,
                    gone: false,
                };
            }
            Ok(Err(failed)) => failed,
            Err(_) => Failed::new(format!("no answer within {:?}", self.timeout)),
        };
        let gone = failed.status == Some(StatusCode::GONE);
        let last = due.attempts >= 0 && due.attempts.unsigned_abs() >= self.attempts;
        Outcome {
            status: failed.status.map(|status| status.as_u16().into()),
            error: Some(failed.error.chars().take(MAX_ERROR).collect()),
            retry: (!last && !gone).then(|| {
                let asked = failed.retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
                pause(due.attempts, fastrand::f64()).max(asked)
            }),
            gone,
        }
    }

    async fn attempt(&self, due: &Due) -> Result<Response, Failed> {
        let url = Url::parse(&due.url).map_err(|error| Failed::new(error.to_string()))?;
        // The configuration may have changed since the webhook was made.
        self.guard
            .check(&url)
            .map_err(|error| Failed::new(error.to_string()))?;
        let now = Utc::now();
        let (id, timestamp) = (format!("msg_{}", due.id), now.timestamp());
        let body = message::body(due, now).map_err(|error| Failed::new(error.to_string()))?;
        let mut signatures = Vec::new();
        for secret in std::iter::once(&due.secret).chain(&due.previous_secret) {
            let secret = Secret::parse(secret).map_err(|error| Failed::new(error.to_string()))?;
            signatures.push(
                secret
                    .sign(&id, timestamp, &body)
                    .map_err(|error| Failed::new(error.to_string()))?,
            );
        }
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures.join(" "))
            .body(body);
        let response = request.send().await.map_err(|error| transport(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let mut failed = Failed::new(match status {
            status if status.is_redirection() => {
                format!("the receiver answered {status}: redirects are not followed")
            }
            status => format!("the receiver answered {status}"),
        });
        failed.status = Some(status);
        failed.retry_after = retry_after(response.headers());
        Err(failed)
    }
}

/// Reads the answer's body, if there is little of it, so that the connection can be used again.
async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > MAX_ANSWER {
            return;
        }
    }
}

struct Failed {
    status: Option<StatusCode>,
    error: String,
    retry_after: Option<Duration>,
}

impl Failed {
    fn new(error: impl Into<String>) -> Self {
        Self {
            status: None,
            error: error.into(),
            retry_after: None,
        }
    }
}

/// The innermost cause, which says most. Not the URL: its owner knows it.
fn transport(error: &reqwest::Error) -> Failed {
    if error.is_timeout() {
        return Failed::new("the receiver took too long");
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let what = if error.is_connect() {
        "could not connect"
    } else {
        "the connection broke"
    };
    Failed::new(format!("{what}: {cause}"))
}

/// `Retry-After` in seconds; dates, which hardly anybody sends, are ignored.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// The pause after an attempt (1 for the first): a quarter longer at most, at random, so that
/// a receiver that comes back is not met by all at once.
pub(super) fn pause(attempt: i32, random: f64) -> Duration {
    let index = usize::try_from(attempt - 1).unwrap_or(0);
    let seconds = PAUSES[index.min(PAUSES.len() - 1)];
    Duration::from_secs(seconds).mul_f64(1.0 + 0.25 * random)
}
