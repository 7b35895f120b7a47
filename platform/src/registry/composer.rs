//! Composer repositories: `packages.json` says where the packages' documents are.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::checksum::{Algorithm, Checksum};
use super::document::{Document, shown};
use super::release::{Dependency, Metadata, Person, reason_or_true};
use super::{Context, FetchError, Release, RemoteArtifact, not_found, versions};
use crate::purl::{Ecosystem, Purl};

/// Where the documents lie if `packages.json` does not say.
const USUAL_TEMPLATE: &str = "/p2/%package%.json";

#[derive(Deserialize, Default)]
struct Root {
    #[serde(rename = "metadata-url")]
    metadata_url: Option<String>,
    /// Small repositories hold everything here: name -> version -> package. An empty list
    /// stands for an empty object, as PHP writes it.
    #[serde(default)]
    packages: Value,
}

#[derive(Deserialize)]
struct Packages {
    packages: BTreeMap<String, Vec<Map<String, Value>>>,
    minified: Option<String>,
}

pub(super) async fn resolve(context: &Context<'_>, purl: &Purl) -> Result<Release, FetchError> {
    let (base, packages) = packages(context, purl).await?;
    let names = || {
        packages
            .iter()
            .filter_map(|package| text(package, "version"))
    };
    let is_stable = |version: &&str| !version.starts_with("dev-") && !version.ends_with("-dev");
    let latest = versions::latest(names().filter(is_stable));
    let package = match (purl.version(), latest) {
        (Some(wanted), _) => packages.iter().find(|package| is_version(package, wanted)),
        (None, Some(latest)) => packages.iter().find(|p| text(p, "version") == Some(latest)),
        (None, None) => {
            return Err(FetchError::NoVersions {
                name: purl.full_name(),
            });
        }
    };
    let package = package.ok_or_else(|| {
        let wanted = purl.version().unwrap_or_default();
        versions::not_found(purl.full_name(), wanted, latest, names())
    })?;
    let version = text(package, "version").unwrap_or_default();
    let mut metadata = describe(package, purl, version);
    metadata.versions = Some(packages.len());
    metadata.latest_version = latest.map(str::to_owned);
    let offered = names().filter(is_stable);
    metadata.previous = versions::previous(Ecosystem::Composer, version, offered);
    metadata.first_published_at = packages
        .iter()
        .filter_map(|p| text(p, "time"))
        .min()
        .map(str::to_owned);
    let artifact = artifact(&base, package, purl, version)?;
    let has_hash = artifact
        .as_ref()
        .is_none_or(|artifact| !artifact.checksums.is_empty());
    let mut release = context.release(purl, metadata, artifact.into_iter().collect());
    if !has_hash {
        release
            .notes
            .push("the registry publishes no hash of this release".to_owned());
    }
    Ok(release)
}

/// All versions of the package, and the address that their links are relative to.
async fn packages(
    context: &Context<'_>,
    purl: &Purl,
) -> Result<(Url, Vec<Map<String, Value>>), FetchError> {
    let root_url = context.endpoint.join(["packages.json"]);
    let root_document = context
        .http
        .document(&context.endpoint, &root_url, None)
        .await?;
    let root = root_document
        .as_ref()
        .map(Document::json::<Root>)
        .transpose()?
        .unwrap_or_default();
    let name = purl.full_name();
    if let Some(document) = root_document.as_ref()
        && let Some(versions) = root.packages.get(&name)
    {
        return Ok((document.url.clone(), inline_versions(versions)));
    }
    let template = root.metadata_url.as_deref().unwrap_or(USUAL_TEMPLATE);
    let wanted = purl.version().unwrap_or_default();
    // Branches have a document of their own.
    let is_branch = wanted.starts_with("dev-") || wanted.ends_with("-dev");
    let package = if is_branch {
        format!("{name}~dev")
    } else {
        name.clone()
    };
    let path = template.replace("%package%", &package);
    let url = match root.metadata_url {
        Some(_) => root_url.join(&path).map_err(|error| FetchError::Nonsense {
            url: shown(&root_url),
            reason: format!("metadata-url: {error}"),
        })?,
        None => context
            .endpoint
            .join(path.split('/').filter(|segment| !segment.is_empty())),
    };
    let document = context.package_document(purl, &url, None).await?;
    let answer: Packages = document.json()?;
    let Packages {
        mut packages,
        minified,
    } = answer;
    let list = packages.remove(&name).ok_or_else(|| not_found(purl))?;
    let list = if minified.is_some() {
        expand(list)
    } else {
        list
    };
    Ok((document.url, list))
}

/// The versions in `packages.json` itself: an object by version, or a list.
fn inline_versions(versions: &Value) -> Vec<Map<String, Value>> {
    let by_version = versions
        .as_object()
        .into_iter()
        .flat_map(|object| object.values());
    let listed = versions.as_array().into_iter().flatten();
    by_version
        .chain(listed)
        .filter_map(Value::as_object)
        .cloned()
        .collect()
}

/// Undoes Composer's compression: each version states only what differs from the one before,
/// and `__unset` takes a member away.
fn expand(list: Vec<Map<String, Value>>) -> Vec<Map<String, Value>> {
    let mut current = Map::new();
    let expanded = list.into_iter().map(|difference| {
        for (key, value) in difference {
            if value.as_str() == Some("__unset") {
                current.shift_remove(&key);
            } else {
                current.insert(key, value);
            }
        }
        current.clone()
    });
    expanded.collect()
}

fn text<'a>(package: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    package.get(key)?.as_str()
}

/// Composer users write versions with and without `v`, and tools write the normalised form.
fn is_version(package: &Map<String, Value>, wanted: &str) -> bool {
    let plain = |version: &str| {
        version
            .strip_prefix(['v', 'V'])
            .unwrap_or(version)
            .to_owned()
    };
    let own = text(package, "version").unwrap_or_default();
    own == wanted
        || plain(own) == plain(wanted)
        || text(package, "version_normalized") == Some(wanted)
}

fn artifact(
    base: &Url,
    package: &Map<String, Value>,
    purl: &Purl,
    version: &str,
) -> Result<Option<RemoteArtifact>, FetchError> {
    let Some(dist) = package.get("dist").and_then(Value::as_object) else {
        return Ok(None);
    };
    let Some(url) = text(dist, "url") else {
        return Ok(None);
    };
    let url = base.join(url).map_err(|error| FetchError::Nonsense {
        url: shown(base),
        reason: format!("dist url: {error}"),
    })?;
    let kind = text(dist, "type").unwrap_or("zip");
    let filename = format!("{}-{version}.{kind}", purl.name());
    let shasum = text(dist, "shasum").and_then(|hash| Checksum::hex(Algorithm::Sha1, hash));
    Ok(Some(RemoteArtifact::new(&filename, url).checksum(shasum)))
}

fn describe(package: &Map<String, Value>, purl: &Purl, version: &str) -> Metadata {
    let owned = |key: &str| text(package, key).map(str::to_owned);
    let mut metadata = Metadata::new(&owned("name").unwrap_or_else(|| purl.full_name()), version);
    metadata.description = owned("description");
    metadata.homepage = owned("homepage");
    let source = package.get("source").and_then(|source| source.get("url"));
    metadata.repository = source.and_then(Value::as_str).map(str::to_owned);
    let licenses = package
        .get("license")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let licenses: Vec<_> = licenses.filter_map(Value::as_str).collect();
    metadata.license = Some(licenses.join(" OR ")).filter(|text| !text.is_empty());
    let authors = package
        .get("authors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let member =
        |author: &Value, key: &str| author.get(key).and_then(Value::as_str).map(str::to_owned);
    metadata.authors = authors
        .filter_map(|a| Person::new(member(a, "name").as_deref(), member(a, "email").as_deref()))
        .collect();
    metadata.published_at = owned("time");
    metadata.deprecated = match package.get("abandoned") {
        None | Some(Value::Null | Value::Bool(false)) => None,
        Some(replacement) => Some(reason_or_true(replacement.as_str())),
    };
    for (key, kind) in [("require", "runtime"), ("require-dev", "dev")] {
        let entries = package
            .get(key)
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        metadata
            .dependencies
            .extend(entries.map(|(name, requirement)| Dependency {
                name: name.clone(),
                requirement: requirement.as_str().unwrap_or_default().to_owned(),
                kind,
            }));
    }
    metadata.bin = package.get("bin").filter(|bin| bin.is_object()).cloned();
    metadata
}
