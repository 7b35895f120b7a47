//! The only HTTP client: timeouts, bounded retries, checked redirects, bounded answers.
//!
//! **Which servers are spoken to.** A URL is requested if its origin (scheme, host, port) is the
//! configured endpoint's, or if it is https on a public address. That holds for every redirect
//! and for every URL inside a registry's answer. Host names are resolved by
//! `PublicResolver`, so the address that was checked is the one that is connected to. Behind a
//! proxy the proxy resolves names: then only addresses written as literals can be checked here.
//!
//! **What is retried.** Connection failures, idle timeouts, truncated bodies, 408, 429 and 5xx:
//! up to [`HttpLimits::attempts`] attempts with exponential backoff and jitter; `Retry-After` is
//! honoured up to [`HttpLimits::max_retry_after`]. A missed deadline is not retried.
//!
//! Credentials go to the origin they were configured for and nowhere else.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, StatusCode, redirect};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use url::{Host, Url};

use super::address::{PublicResolver, is_public};
use super::document::{Document, shown};
use super::endpoints::Endpoint;
use super::error::FetchError;
use super::failure::{Failure, cause, check_status, header, transport_failure};

/// More redirects than this are a loop or a chase: registries need one or two.
const MAX_REDIRECTS: usize = 5;

/// Timeouts, retries and sizes of single requests.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Time to connect, TLS included. Default 10 s.
    pub connect_timeout: Duration,
    /// Longest silence while an answer is awaited or read. Default 30 s.
    pub idle_timeout: Duration,
    /// Time for a whole index document. Default 120 s: 64 MiB at 0.5 MiB/s.
    pub document_deadline: Duration,
    /// Time for a whole artifact. Default 15 min: 512 MiB at 0.6 MiB/s.
    pub artifact_deadline: Duration,
    /// Attempts per request, the first included. Default 3.
    pub attempts: u32,
    /// Pause before the second attempt, doubled each time, with jitter. Default 500 ms.
    pub backoff: Duration,
    /// The longest `Retry-After` that is waited for. Default 30 s.
    pub max_retry_after: Duration,
    /// Largest index document in bytes, decompressed. Default 64 MiB: the largest npm
    /// packuments have about 40.
    pub document_bytes: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            document_deadline: Duration::from_secs(120),
            artifact_deadline: Duration::from_secs(900),
            attempts: 3,
            backoff: Duration::from_millis(500),
            max_retry_after: Duration::from_secs(30),
            document_bytes: 64 << 20,
        }
    }
}

/// What a request is for; artifacts are taken byte for byte, documents may come compressed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Document,
    Artifact,
}

/// The client, with its connection pools.
pub(super) struct Http {
    pub(super) limits: HttpLimits,
    offline: bool,
    use_proxies: bool,
    proxy_hosts: BTreeSet<String>,
    /// Made when first needed, since each loads the system's root certificates. Index:
    /// [`client_index`].
    clients: [OnceCell<Client>; 4],
}

impl Http {
    pub(super) fn new(
        limits: HttpLimits,
        offline: bool,
        use_proxies: bool,
        proxy_hosts: BTreeSet<String>,
    ) -> Self {
        Self {
            limits,
            offline,
            use_proxies,
            proxy_hosts,
            clients: Default::default(),
        }
    }

    /// Fetches an index document; none if the server says that it does not exist.
    pub(super) async fn document(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        accept: Option<&str>,
    ) -> Result<Option<Document>, FetchError> {
        let deadline = self.limits.document_deadline;
        self.with_retries(|| async move {
            timeout(deadline, self.document_once(endpoint, url, accept))
                .await
                .unwrap_or_else(|_| {
                    Err(FetchError::Timeout {
                        url: shown(url),
                        after: deadline,
                    }
                    .into())
                })
        })
        .await
    }

    async fn document_once(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        accept: Option<&str>,
    ) -> Result<Option<Document>, Failure> {
        let response = self.send(endpoint, url, accept, Kind::Document).await?;
        if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Ok(None);
        }
        let mut response = check_status(response, url, self.limits.max_retry_after)?;
        let content_type = header(response.headers(), &CONTENT_TYPE)
            .unwrap_or("")
            .to_owned();
        let limit = self.limits.document_bytes;
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut response, url).await? {
            if bytes.len() as u64 + chunk.len() as u64 > limit {
                return Err(FetchError::TooLarge {
                    what: shown(url),
                    limit,
                }
                .into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(Document {
            url: response.url().clone(),
            content_type,
            bytes,
        }))
    }

    /// Runs an attempt until it succeeds, fails for good, or was made often enough. The
    /// attempt is no async closure: the compiler can't prove those `Send`.
    pub(super) async fn with_retries<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, FetchError> {
        let mut tried = 0;
        loop {
            tried += 1;
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Retry(error, _)) if tried >= self.limits.attempts => {
                    return Err(error);
                }
                Err(Failure::Retry(error, pause)) => {
                    let pause = pause.unwrap_or_else(|| self.backoff(tried));
                    tracing::debug!(%error, ?pause, tried, "trying again");
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Half of the nominal pause plus a random share of the other half, so that many workers do
    /// not return at the same moment.
    fn backoff(&self, tried: u32) -> Duration {
        let nominal = self.limits.backoff.saturating_mul(1 << (tried - 1).min(10));
        nominal.mul_f64(fastrand::f64().mul_add(0.5, 0.5))
    }

    /// Sends the request and follows redirects, each of them checked.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        accept: Option<&str>,
        kind: Kind,
    ) -> Result<Response, Failure> {
        if self.offline {
            return Err(FetchError::Offline { url: shown(url) }.into());
        }
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let trusted = check_url(endpoint, &url)?;
            let response = self
                .send_once(endpoint, &url, accept, kind, trusted)
                .await?;
            let location = response
                .headers()
                .get(LOCATION)
                .filter(|_| is_redirect(&response));
            let Some(location) = location else {
                return Ok(response);
            };
            let target = location
                .to_str()
                .ok()
                .and_then(|target| url.join(target).ok());
            url = target.ok_or_else(|| FetchError::Nonsense {
                url: shown(&url),
                reason: "it redirects to something that is no URL".to_owned(),
            })?;
        }
        let reason = format!("more than {MAX_REDIRECTS} redirects");
        Err(FetchError::Refused {
            url: shown(&url),
            reason,
        }
        .into())
    }

    async fn send_once(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        accept: Option<&str>,
        kind: Kind,
        trusted: bool,
    ) -> Result<Response, Failure> {
        let mut request = self.client(trusted, kind).await?.get(url.clone());
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(credentials) = endpoint.credentials_for(url) {
            request = request.header(AUTHORIZATION, credentials);
        }
        let patience = self.limits.connect_timeout + self.limits.idle_timeout;
        match timeout(patience, request.send()).await {
            Ok(sent) => sent.map_err(|error| transport_failure(&error, url)),
            Err(_) => Err(self.idle(url, patience)),
        }
    }

    /// The next piece of a body; none at its end.
    pub(super) async fn chunk(
        &self,
        response: &mut Response,
        url: &Url,
    ) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, Failure> {
        match timeout(self.limits.idle_timeout, response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| transport_failure(&error, url)),
            Err(_) => Err(self.idle(url, self.limits.idle_timeout)),
        }
    }

    fn idle(&self, url: &Url, after: Duration) -> Failure {
        Failure::Retry(
            FetchError::Timeout {
                url: shown(url),
                after,
            },
            None,
        )
    }

    async fn client(&self, trusted: bool, kind: Kind) -> Result<&Client, FetchError> {
        let index = usize::from(trusted) * 2 + usize::from(kind == Kind::Artifact);
        self.clients[index]
            .get_or_try_init(|| async move {
                let mut builder = Client::builder()
                    .user_agent(concat!("packguard/", env!("CARGO_PKG_VERSION")))
                    .connect_timeout(self.limits.connect_timeout)
                    .redirect(redirect::Policy::none())
                    .gzip(kind == Kind::Document);
                if !trusted {
                    builder = builder.dns_resolver(PublicResolver::new(self.proxy_hosts.clone()));
                }
                if !self.use_proxies {
                    builder = builder.no_proxy();
                }
                builder.build().map_err(|error| FetchError::Unreachable {
                    url: "every registry".to_owned(),
                    reason: cause(&error),
                })
            })
            .await
    }
}

fn is_redirect(response: &Response) -> bool {
    matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Whether the URL's origin is configured; refused if it is neither configured nor public https.
fn check_url(endpoint: &Endpoint, url: &Url) -> Result<bool, FetchError> {
    if endpoint.has_origin(url) {
        return Ok(true);
    }
    let refused = |reason: &str| FetchError::Refused {
        url: shown(url),
        reason: reason.to_owned(),
    };
    if url.scheme() != "https" {
        return Err(refused("it is not https"));
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        Some(Host::Domain(_)) => None,
        None => return Err(refused("it names no host")),
    };
    if literal.is_some_and(|address| !is_public(address)) {
        return Err(refused("its address is private"));
    }
    Ok(false)
}
