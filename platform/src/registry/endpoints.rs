//! Which server serves an ecosystem. No registry is named in this program: an endpoint is
//!
//! 1. an explicit setting, from these variables (or from the caller, who may have a file):
//!
//!    | variable | form |
//!    |---|---|
//!    | `PACKGUARD_PYPI_URL` | simple index, as in pip's `index-url` |
//!    | `PACKGUARD_NPM_URL` | registry root |
//!    | `PACKGUARD_CARGO_URL` | sparse index, `sparse+` optional |
//!    | `PACKGUARD_GEM_URL` | gem server root |
//!    | `PACKGUARD_MAVEN_URL` | repository root |
//!    | `PACKGUARD_COMPOSER_URL` | repository root (where `packages.json` is) |
//!    | `PACKGUARD_GOLANG_URL` | module proxy, as in `GOPROXY` |
//!    | `PACKGUARD_NUGET_URL` | v3 service index (`…/index.json`) |
//!    | `PACKGUARD_GOLANG_SUMDB_URL` | Go checksum database, for the `h1:` hashes |
//!    | `PACKGUARD_DEPS_DEV_URL` | deps.dev API, asked last |
//!
//! 2. else what the user's own client is configured for: see `clients.rs`;
//! 3. else what the open deps.dev API says carries the package.
//!
//! A setting may list several URLs, separated by spaces: the first is used, and the others may
//! be chosen by a purl's `repository_url` qualifier and may serve files although they are on
//! private addresses or plain http. A URL may carry `user:password@`, which is sent to its own
//! origin only.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;
use url::Url;

use super::clients::Clients;
use super::deps_dev;
use super::document::shown;
use super::environment::Environment;
use super::error::FetchError;
use super::http::Http;
use crate::purl::{Ecosystem, Purl};

/// The explicit settings; what is not set is found out.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// One or more URLs, separated by spaces, per ecosystem.
    pub urls: BTreeMap<Ecosystem, String>,
    /// Go's checksum database.
    pub golang_sumdb: Option<String>,
    /// The deps.dev API; its public address if not set, not asked if empty.
    pub deps_dev: Option<String>,
}

impl Endpoints {
    /// The settings in the environment; empty ones count as not set.
    pub fn from_environment(environment: &Environment) -> Self {
        let set = |name: &str| environment.text(name).filter(|v| !v.trim().is_empty());
        Self {
            urls: Ecosystem::ALL
                .into_iter()
                .filter_map(|e| Some((e, set(variable(e))?.to_owned())))
                .collect(),
            golang_sumdb: set("PACKGUARD_GOLANG_SUMDB_URL").map(str::to_owned),
            deps_dev: environment
                .text("PACKGUARD_DEPS_DEV_URL")
                .map(str::to_owned),
        }
    }
}

/// The environment variable of an ecosystem's endpoint.
pub fn variable(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::Pypi => "PACKGUARD_PYPI_URL",
        Ecosystem::Npm => "PACKGUARD_NPM_URL",
        Ecosystem::Cargo => "PACKGUARD_CARGO_URL",
        Ecosystem::Gem => "PACKGUARD_GEM_URL",
        Ecosystem::Maven => "PACKGUARD_MAVEN_URL",
        Ecosystem::Composer => "PACKGUARD_COMPOSER_URL",
        Ecosystem::Golang => "PACKGUARD_GOLANG_URL",
        Ecosystem::Nuget => "PACKGUARD_NUGET_URL",
    }
}

/// A registry's address and what may be sent to it.
#[derive(Clone)]
pub(super) struct Endpoint {
    /// The URL without credentials.
    pub(super) url: Url,
    /// Further configured URLs of the same ecosystem.
    others: Vec<Url>,
    /// The `Authorization` header of an origin.
    credentials: Vec<(Url, HeaderValue)>,
    /// Whether the user, or the user's client, named it: then it may be private or plain http.
    is_configured: bool,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", shown(&self.url))
    }
}

impl Endpoint {
    /// Reads a setting: one or more URLs. `setting` names it in messages.
    pub(super) fn parse(setting: &str, value: &str) -> Result<Self, FetchError> {
        let bad = |reason: String| FetchError::BadSetting {
            variable: setting.to_owned(),
            reason,
        };
        let mut credentials = Vec::new();
        let mut urls = Vec::new();
        for text in value.split_ascii_whitespace() {
            let text = text.strip_prefix("sparse+").unwrap_or(text);
            // The text itself may hold a password and is not repeated.
            let mut url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
            if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
                return Err(bad(format!(
                    "{}: URLs have to be http or https",
                    url.scheme()
                )));
            }
            credentials.extend(basic_credentials(&url).map(|header| (url.clone(), header)));
            let _ = url.set_username("");
            let _ = url.set_password(None);
            urls.push(url);
        }
        if urls.is_empty() {
            return Err(bad("it is empty".to_owned()));
        }
        let url = urls.remove(0);
        Ok(Self {
            url,
            others: urls,
            credentials,
            is_configured: true,
        })
    }

    /// Adds an `Authorization` header for this endpoint's first URL.
    #[must_use]
    pub(super) fn with_authorization(mut self, value: &str) -> Self {
        if let Ok(mut header) = HeaderValue::from_str(value) {
            header.set_sensitive(true);
            self.credentials.push((self.url.clone(), header));
        }
        self
    }

    /// Whether the URL's scheme, host and port are configured.
    pub(super) fn has_origin(&self, url: &Url) -> bool {
        let mut own = std::iter::once(&self.url).chain(&self.others);
        self.is_configured && own.any(|own| same_origin(own, url))
    }

    /// The same endpoint, trusted no more than any public server.
    fn discovered(self) -> Self {
        Self {
            is_configured: false,
            ..self
        }
    }

    pub(super) fn credentials_for(&self, url: &Url) -> Option<HeaderValue> {
        let mut own = self
            .credentials
            .iter()
            .filter(|(origin, _)| same_origin(origin, url));
        own.next().map(|(_, header)| header.clone())
    }

    /// The endpoint's URL with these path segments after it, each percent-encoded.
    pub(super) fn join<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.url.clone();
        // Fails only for URLs without a host, which `parse` refuses.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The same server, at the repository that a purl asks for; refused if the purl's host is
    /// not configured, since a purl comes from anywhere and must not choose servers.
    fn at_repository(&self, ecosystem: Ecosystem, wanted: &str) -> Result<Self, FetchError> {
        let refused = || FetchError::RepositoryNotConfigured {
            url: Url::parse(wanted).map_or_else(|_| wanted.to_owned(), |url| shown(&url)),
            variable: variable(ecosystem),
        };
        let text = if wanted.contains("://") {
            wanted.to_owned()
        } else {
            format!("https://{wanted}")
        };
        let url = Url::parse(&text).map_err(|_| refused())?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        if has_credentials || !self.has_origin(&url) {
            return Err(refused());
        }
        let mut others = self.others.clone();
        others.push(self.url.clone());
        Ok(Self {
            url,
            others,
            ..self.clone()
        })
    }
}

fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

fn basic_credentials(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let pair = format!(
        "{}:{}",
        decode(url.username()),
        decode(url.password().unwrap_or(""))
    );
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    let mut header = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// An endpoint, or why there is none.
type Found = Result<Arc<Endpoint>, String>;

/// Finds each endpoint once per process, when it is first needed.
pub(super) struct Directory {
    settings: Endpoints,
    clients: Clients,
    /// Per ecosystem (and npm scope): the endpoint, or why there is none. One lock for all, since
    /// asking a client takes a moment and two askers want the same answer.
    found: Mutex<BTreeMap<(Ecosystem, Option<String>), Found>>,
}

impl Directory {
    pub(super) fn new(settings: Endpoints, environment: Environment) -> Self {
        Self {
            settings,
            clients: Clients::new(environment),
            found: Mutex::default(),
        }
    }

    /// The endpoint that serves a purl.
    pub(super) async fn endpoint(
        &self,
        http: &Http,
        purl: &Purl,
    ) -> Result<Arc<Endpoint>, FetchError> {
        let endpoint = self.default_endpoint(http, purl).await?;
        match purl.qualifier("repository_url") {
            None => Ok(endpoint),
            Some(wanted) => Ok(Arc::new(endpoint.at_repository(purl.ecosystem(), wanted)?)),
        }
    }

    async fn default_endpoint(
        &self,
        http: &Http,
        purl: &Purl,
    ) -> Result<Arc<Endpoint>, FetchError> {
        let reason = match self.configured(purl).await? {
            Ok(endpoint) => return Ok(endpoint),
            Err(reason) => reason,
        };
        // Not kept: another package of the ecosystem may live in another registry.
        match deps_dev::registry_of(http, self.settings.deps_dev.as_deref(), purl).await {
            Ok(endpoint) => Ok(Arc::new(endpoint.discovered())),
            Err(error @ FetchError::Offline { .. }) => Err(error),
            Err(error) => Err(FetchError::NoEndpoint {
                ecosystem: purl.ecosystem(),
                variable: variable(purl.ecosystem()),
                reason: format!("{reason}; deps.dev: {error}"),
            }),
        }
    }

    /// The endpoint from the settings or the client, or why there is none.
    async fn configured(&self, purl: &Purl) -> Result<Found, FetchError> {
        let ecosystem = purl.ecosystem();
        let scope = purl
            .namespace()
            .filter(|_| ecosystem == Ecosystem::Npm)
            .map(str::to_owned);
        let key = (ecosystem, scope);
        let mut found = self.found.lock().await;
        if let Some(answer) = found.get(&key) {
            return Ok(answer.clone());
        }
        let answer = match self.settings.urls.get(&ecosystem) {
            Some(value) => {
                let endpoint = Endpoint::parse(variable(ecosystem), value)?;
                Ok(self.clients.authorize(ecosystem, endpoint))
            }
            None => self.clients.ask(purl).await,
        };
        let answer = answer.map(Arc::new);
        tracing::debug!(%ecosystem, registry = ?answer, "registry looked up");
        found.insert(key, answer.clone());
        Ok(answer)
    }

    /// Go's checksum database, if one is configured.
    pub(super) fn golang_sumdb(&self) -> Result<Option<Endpoint>, FetchError> {
        let value = self.settings.golang_sumdb.as_deref();
        value
            .map(|value| Endpoint::parse("PACKGUARD_GOLANG_SUMDB_URL", value))
            .transpose()
    }
}
