//! `registry/` against made-up registries on this machine.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod cargo_gem;
mod endpoints;
mod hostile;
mod maven_composer_go_nuget;
mod network;
mod pypi_npm;
mod site;

use std::time::Duration;

use packguard_platform::purl::{Ecosystem, Purl};
use packguard_platform::registry::{
    Endpoints, Environment, FetchError, FetchLimits, Fetched, HttpLimits, Registry, RegistryConfig,
    Release,
};

/// A configuration that knows nothing but these endpoints, and has little patience.
fn config(urls: &[(Ecosystem, &str)]) -> RegistryConfig {
    RegistryConfig {
        endpoints: Endpoints {
            urls: urls
                .iter()
                .map(|(ecosystem, url)| (*ecosystem, (*url).to_owned()))
                .collect(),
            golang_sumdb: None,
            deps_dev: Some("http://127.0.0.1:9/".to_owned()),
        },
        environment: Environment::default(),
        http: HttpLimits {
            connect_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_millis(400),
            document_deadline: Duration::from_secs(10),
            artifact_deadline: Duration::from_secs(10),
            attempts: 3,
            backoff: Duration::from_millis(5),
            max_retry_after: Duration::from_millis(1500),
            document_bytes: 1 << 20,
        },
        offline: false,
        use_proxies: false,
    }
}

fn registry(ecosystem: Ecosystem, url: &str) -> Registry {
    Registry::new(config(&[(ecosystem, url)]), Default::default())
}

fn purl(text: &str) -> Purl {
    text.parse().unwrap()
}

/// A download in a directory of its own.
struct Outcome {
    directory: tempfile::TempDir,
    result: Result<Fetched, FetchError>,
}

impl Outcome {
    fn files_left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn fetched(&self) -> &Fetched {
        self.result.as_ref().unwrap()
    }

    /// The error, after a look at the directory: a failed download leaves nothing.
    fn error(&self) -> &FetchError {
        assert_eq!(self.files_left(), [] as [String; 0]);
        self.result.as_ref().unwrap_err()
    }

    /// File names, contents and the hash that was checked.
    fn contents(&self) -> Vec<(String, String, Option<&'static str>)> {
        let files = &self.fetched().artifacts;
        let content = |path| String::from_utf8(std::fs::read(path).unwrap()).unwrap();
        files
            .iter()
            .map(|f| {
                (
                    f.filename.clone(),
                    content(&f.path),
                    f.verified.map(|v| v.as_str()),
                )
            })
            .collect()
    }
}

async fn fetch_with(registry: &Registry, release: &Release, limits: &FetchLimits) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let result = registry.fetch(release, limits, directory.path()).await;
    Outcome { directory, result }
}

async fn fetch(registry: &Registry, release: &Release) -> Outcome {
    fetch_with(registry, release, &FetchLimits::default()).await
}
