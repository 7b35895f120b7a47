//! Package registries: from a purl to the release's files on disk and its metadata.
//!
//! ```no_run
//! # async fn example(directory: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
//! use packguard_platform::registry::{FetchLimits, Registry, RegistryConfig};
//!
//! let registry = Registry::new(RegistryConfig::from_process(), Default::default());
//! let release = registry.resolve(&"pkg:pypi/requests@2.28.1".parse()?).await?;
//! let fetched = registry.fetch(&release, &FetchLimits::default(), directory).await?;
//! # Ok(()) }
//! ```
//!
//! [`Registry::resolve`] reads index documents only; [`Registry::fetch`] downloads, checks every
//! published hash, and leaves either all files that the limits allow or none. Each ecosystem is
//! one file; [`endpoints`] says which servers are asked, [`http`] how they are spoken to.
//!
//! Nothing but the registries' own JSON, HTML and XML answers is parsed here: archives are
//! opened in sandboxes only.

pub(crate) mod address;
mod cargo;
pub mod checksum;
mod clients;
mod composer;
mod deps_dev;
mod document;
pub mod endpoints;
mod environment;
mod error;
mod failure;
mod fetch;
mod gem;
mod golang;
mod html;
pub mod http;
mod maven;
mod npm;
mod npmrc;
mod nuget;
mod pypi;
mod release;
mod simple_index;
pub(crate) mod versions;

use std::path::Path;

use tokio_util::sync::CancellationToken;

pub use self::checksum::{Algorithm, Checksum};
pub use self::endpoints::Endpoints;
pub use self::environment::Environment;
pub use self::error::FetchError;
pub use self::http::HttpLimits;
pub use self::release::{
    FetchLimits, Fetched, LocalArtifact, Release, RemoteArtifact, SkippedArtifact,
};
use crate::purl::{Ecosystem, Purl};
use endpoints::{Directory, Endpoint};
use http::Http;

/// How registries are reached.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// The servers that are set explicitly.
    pub endpoints: Endpoints,
    /// Where the other servers are found: variables, settings files below `HOME`, clients on
    /// `PATH`.
    pub environment: Environment,
    /// Timeouts, retries and sizes of single requests.
    pub http: HttpLimits,
    /// Refuse every request.
    pub offline: bool,
    /// Honour `HTTPS_PROXY` and its like.
    pub use_proxies: bool,
}

impl RegistryConfig {
    /// The settings that this process was started with.
    pub fn from_process() -> Self {
        let environment = Environment::from_process();
        Self {
            endpoints: Endpoints::from_environment(&environment),
            environment,
            http: HttpLimits::default(),
            offline: false,
            use_proxies: true,
        }
    }
}

/// The registries of all ecosystems. Cheap to share: use one per process.
pub struct Registry {
    http: Http,
    directory: Directory,
    cancel: CancellationToken,
}

/// What the ecosystems' files work with.
struct Context<'a> {
    http: &'a Http,
    endpoint: std::sync::Arc<Endpoint>,
    /// Go's checksum database.
    sumdb: Option<Endpoint>,
}

impl Registry {
    /// Registries reached as `config` says; nothing is read or asked before it is needed.
    /// `cancel` ends all work at once, with [`FetchError::Cancelled`].
    pub fn new(config: RegistryConfig, cancel: CancellationToken) -> Self {
        let proxies = config.environment.proxy_hosts();
        Self {
            http: Http::new(config.http, config.offline, config.use_proxies, proxies),
            directory: Directory::new(config.endpoints, config.environment),
            cancel,
        }
    }

    /// Looks a package up: the wanted version, or the latest stable one.
    pub async fn resolve(&self, purl: &Purl) -> Result<Release, FetchError> {
        self.unless_cancelled(async {
            let ecosystem = purl.ecosystem();
            let endpoint = self.directory.endpoint(&self.http, purl).await?;
            let sumdb = self.directory.golang_sumdb()?;
            let context = Context {
                http: &self.http,
                endpoint,
                sumdb,
            };
            let release = match ecosystem {
                Ecosystem::Pypi => pypi::resolve(&context, purl).await,
                Ecosystem::Npm => npm::resolve(&context, purl).await,
                Ecosystem::Cargo => cargo::resolve(&context, purl).await,
                Ecosystem::Gem => gem::resolve(&context, purl).await,
                Ecosystem::Maven => maven::resolve(&context, purl).await,
                Ecosystem::Composer => composer::resolve(&context, purl).await,
                Ecosystem::Golang => golang::resolve(&context, purl).await,
                Ecosystem::Nuget => nuget::resolve(&context, purl).await,
            }?;
            if release.artifacts.is_empty() {
                let (name, version) = (purl.full_name(), release.version);
                return Err(FetchError::NoArtifacts { name, version });
            }
            Ok(release)
        })
        .await
    }

    /// Downloads the release's files into `directory`, which the caller made and removes.
    /// On an error nothing of it stays there.
    pub async fn fetch(
        &self,
        release: &Release,
        limits: &FetchLimits,
        directory: &Path,
    ) -> Result<Fetched, FetchError> {
        self.unless_cancelled(fetch::fetch(&self.http, release, limits, directory))
            .await
    }

    async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(FetchError::Cancelled),
            result = work => result,
        }
    }
}

impl Context<'_> {
    /// Fetches a document of the package; a missing one means that there is no such package.
    async fn package_document(
        &self,
        purl: &Purl,
        url: &url::Url,
        accept: Option<&str>,
    ) -> Result<document::Document, FetchError> {
        let document = self.http.document(&self.endpoint, url, accept).await?;
        document.ok_or_else(|| not_found(purl))
    }

    /// Fetches a document that only adds to the answer: without it the rest stands.
    async fn optional_document(&self, url: &url::Url) -> Option<document::Document> {
        match self.http.document(&self.endpoint, url, None).await {
            Ok(document) => document,
            Err(error) => {
                tracing::debug!(%error, "went on without a document");
                None
            }
        }
    }

    /// The release that the ecosystem found, with what all ecosystems have in common.
    fn release(
        &self,
        purl: &Purl,
        metadata: release::Metadata,
        artifacts: Vec<RemoteArtifact>,
    ) -> Release {
        let name = match purl.namespace() {
            Some(_) => metadata
                .name
                .rsplit(['/', ':'])
                .next()
                .unwrap_or(purl.name()),
            None => &metadata.name,
        };
        Release {
            purl: purl.with_version(&metadata.version),
            ecosystem: purl.ecosystem(),
            namespace: purl.namespace().map(str::to_owned),
            name: name.to_owned(),
            version: metadata.version.clone(),
            is_latest: purl.version().is_none(),
            artifacts,
            previous: metadata.previous.clone(),
            metadata: metadata.into_value(),
            notes: Vec::new(),
            endpoint: std::sync::Arc::clone(&self.endpoint),
        }
    }
}

fn not_found(purl: &Purl) -> FetchError {
    FetchError::PackageNotFound {
        ecosystem: purl.ecosystem(),
        name: purl.spelled_name(),
    }
}
