//! The open deps.dev API, asked which registries carry a package when nothing else tells.

use serde::Deserialize;
use url::Url;

use super::document::{Document, shown};
use super::endpoints::Endpoint;
use super::error::FetchError;
use super::http::Http;
use crate::purl::{Ecosystem, Purl};

/// The public service. It is no registry: it names them.
const PUBLIC_API: &str = "https://api.deps.dev/v3";

const SETTING: &str = "PACKGUARD_DEPS_DEV_URL";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(default)]
    versions: Vec<PackageVersion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PackageVersion {
    version_key: VersionKey,
    #[serde(default)]
    is_default: bool,
}

#[derive(Deserialize)]
struct VersionKey {
    version: String,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    registries: Vec<String>,
}

/// The first registry that carries the package.
pub(super) async fn registry_of(
    http: &Http,
    setting: Option<&str>,
    purl: &Purl,
) -> Result<Endpoint, FetchError> {
    let api = Endpoint::parse(SETTING, setting.unwrap_or(PUBLIC_API))?;
    let unknown = || FetchError::PackageNotFound {
        ecosystem: purl.ecosystem(),
        name: purl.full_name(),
    };
    let system = system(purl.ecosystem()).ok_or_else(|| FetchError::Refused {
        url: shown(&api.url),
        reason: format!("it does not cover {}", purl.ecosystem()),
    })?;
    let name = match (purl.ecosystem(), purl.namespace()) {
        (Ecosystem::Maven, Some(group)) => format!("{group}:{}", purl.name()),
        _ => purl.spelled_name(),
    };
    let package = api.join(["systems", system, "packages", &name]);
    let version = match purl.version() {
        Some(version) => version.to_owned(),
        None => {
            let document = get(http, &api, &package).await?.ok_or_else(unknown)?;
            let package: Package = document.json()?;
            let default = package.versions.iter().find(|v| v.is_default);
            let chosen = default.or(package.versions.last()).ok_or_else(unknown)?;
            chosen.version_key.version.clone()
        }
    };
    let mut url = package;
    if let Ok(mut path) = url.path_segments_mut() {
        path.extend(["versions", version.as_str()]);
    }
    let document = get(http, &api, &url).await?.ok_or_else(unknown)?;
    let record: Version = document.json()?;
    let registry = record.registries.first().ok_or_else(unknown)?;
    let endpoint = Endpoint::parse(SETTING, registry)?;
    if endpoint.url.scheme() != "https" {
        return Err(document.nonsense("it names a registry that is not https"));
    }
    Ok(endpoint)
}

async fn get(http: &Http, api: &Endpoint, url: &Url) -> Result<Option<Document>, FetchError> {
    http.document(api, url, Some("application/json")).await
}

fn system(ecosystem: Ecosystem) -> Option<&'static str> {
    match ecosystem {
        Ecosystem::Pypi => Some("pypi"),
        Ecosystem::Npm => Some("npm"),
        Ecosystem::Cargo => Some("cargo"),
        Ecosystem::Gem => Some("rubygems"),
        Ecosystem::Maven => Some("maven"),
        Ecosystem::Golang => Some("go"),
        Ecosystem::Nuget => Some("nuget"),
        Ecosystem::Composer => None,
    }
}
