//! npm registries: one document per package holds everything.

use std::collections::BTreeMap;

use semver::Version;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::checksum::{Algorithm, Checksum};
use super::document::Document;
use super::html::filename;
use super::release::{Dependency, Metadata, Person, reason_or_true};
use super::{Context, FetchError, Release, RemoteArtifact, not_found, versions};
use crate::purl::{Ecosystem, Purl};

/// The package's document. Versions stay unparsed: there may be thousands, and one is wanted.
#[derive(Deserialize)]
struct Packument<'a> {
    #[serde(rename = "dist-tags", default)]
    tags: BTreeMap<String, String>,
    #[serde(borrow, default)]
    versions: BTreeMap<String, &'a RawValue>,
    #[serde(default)]
    time: BTreeMap<String, Value>,
    #[serde(default)]
    maintainers: Value,
}

#[derive(Deserialize)]
struct Dist {
    tarball: String,
    integrity: Option<String>,
    shasum: Option<String>,
}

pub(super) async fn resolve(context: &Context<'_>, purl: &Purl) -> Result<Release, FetchError> {
    let document = find(context, purl).await?;
    let packument: Packument<'_> = document.json()?;
    if packument.versions.is_empty() {
        return Err(FetchError::NoVersions {
            name: purl.full_name(),
        });
    }
    let latest = packument.latest();
    let version = packument.version(purl, latest)?;
    let manifest: Value = serde_json::from_str(packument.versions[version].get())
        .map_err(|error| document.nonsense(error.to_string()))?;
    let dist = manifest.get("dist").cloned().unwrap_or_default();
    let dist: Dist =
        serde_json::from_value(dist).map_err(|error| document.nonsense(error.to_string()))?;
    let artifact = artifact(context, &document, &dist)?;
    let mut metadata = describe(&manifest, purl, version);
    metadata.maintainers = people(
        manifest
            .get("maintainers")
            .unwrap_or(&packument.maintainers),
    );
    metadata.published_at = packument.time(version);
    metadata.first_published_at = packument.first_published();
    metadata.versions = Some(packument.versions.len());
    metadata.latest_version = latest.map(str::to_owned);
    let all = packument.versions.keys().map(String::as_str);
    metadata.previous = versions::previous(Ecosystem::Npm, version, all);
    Ok(context.release(purl, metadata, vec![artifact]))
}

/// The document under the purl's spelling, and else under the canonical one: old packages have
/// capitals in their names, and others differ from them in nothing else.
async fn find(context: &Context<'_>, purl: &Purl) -> Result<Document, FetchError> {
    let mut names = vec![purl.spelled_name(), purl.full_name()];
    names.dedup();
    for name in names {
        let url = context.endpoint.join([name.as_str()]);
        let document = context
            .http
            .document(&context.endpoint, &url, Some("application/json"))
            .await?;
        if let Some(document) = document {
            return Ok(document);
        }
    }
    Err(not_found(purl))
}

impl Packument<'_> {
    /// What `npm install` takes: the tag `latest`, or else the highest stable version.
    fn latest(&self) -> Option<&str> {
        let tagged = self
            .tags
            .get("latest")
            .filter(|v| self.versions.contains_key(*v));
        tagged.map(String::as_str).or_else(|| {
            let parsed = self
                .versions
                .keys()
                .filter_map(|v| Some((Version::parse(v).ok()?, v)));
            let best =
                parsed.max_by(|(a, _), (b, _)| (a.pre.is_empty(), a).cmp(&(b.pre.is_empty(), b)));
            best.map(|(_, text)| text.as_str())
        })
    }

    /// The wanted version; without one the qualifier `dist_tag` (or `dist`) may name a tag.
    fn version(&self, purl: &Purl, latest: Option<&str>) -> Result<&str, FetchError> {
        let tag = purl
            .qualifier("dist_tag")
            .or_else(|| purl.qualifier("dist"));
        let wanted = match (purl.version(), tag) {
            (Some(version), _) => Some(version),
            (None, Some(tag)) => match self.tags.get(tag) {
                Some(version) => Some(version.as_str()),
                None => {
                    let (wanted, available) = (
                        format!("tagged `{tag}`"),
                        self.tags.keys().cloned().collect(),
                    );
                    return Err(FetchError::ArtifactNotFound { wanted, available });
                }
            },
            (None, None) => latest,
        };
        let name = purl.full_name();
        let Some(wanted) = wanted else {
            return Err(FetchError::NoVersions { name });
        };
        let found = self
            .versions
            .get_key_value(wanted)
            .map(|(version, _)| version.as_str());
        let all = self.versions.keys().map(String::as_str);
        found.ok_or_else(|| versions::not_found(name, wanted, latest, all))
    }

    /// Some mirrors leave `created` out and keep the times of the versions.
    fn first_published(&self) -> Option<String> {
        let of_versions = || {
            self.versions
                .keys()
                .filter_map(|version| self.time(version))
                .min()
        };
        self.time("created").or_else(of_versions)
    }

    fn time(&self, key: &str) -> Option<String> {
        self.time.get(key)?.as_str().map(str::to_owned)
    }
}

fn artifact(
    context: &Context<'_>,
    document: &Document,
    dist: &Dist,
) -> Result<RemoteArtifact, FetchError> {
    let mut url = document
        .url
        .join(&dist.tarball)
        .map_err(|error| document.nonsense(format!("tarball: {error}")))?;
    // Documents written long ago have http links to a registry that is https today.
    let own = &context.endpoint.url;
    if url.scheme() == "http" && own.scheme() == "https" && url.host() == own.host() {
        url = Url::parse(&url.as_str().replacen("http:", "https:", 1)).unwrap_or(url);
    }
    let integrity = dist.integrity.as_deref().and_then(Checksum::integrity);
    let shasum = dist
        .shasum
        .as_deref()
        .and_then(|hash| Checksum::hex(Algorithm::Sha1, hash));
    Ok(RemoteArtifact::new(&filename(&url), url)
        .checksum(integrity)
        .checksum(shasum))
}

fn describe(manifest: &Value, purl: &Purl, version: &str) -> Metadata {
    let text = |key: &str| manifest.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut metadata = Metadata::new(
        &text("name").unwrap_or_else(|| purl.spelled_name()),
        version,
    );
    metadata.description = text("description");
    metadata.homepage = text("homepage");
    metadata.repository = manifest.get("repository").and_then(|r| text_or(r, "url"));
    metadata.license = manifest.get("license").and_then(|l| text_or(l, "type"));
    metadata.authors = manifest
        .get("author")
        .and_then(person)
        .into_iter()
        .collect();
    metadata.deprecated = match manifest.get("deprecated") {
        None | Some(Value::Null | Value::Bool(false)) => None,
        Some(reason) => Some(reason_or_true(reason.as_str())),
    };
    let kinds = [
        ("dependencies", "runtime"),
        ("devDependencies", "dev"),
        ("optionalDependencies", "optional"),
        ("peerDependencies", "peer"),
    ];
    for (key, kind) in kinds {
        let entries = manifest
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
    metadata.scripts = manifest
        .get("scripts")
        .filter(|scripts| scripts.is_object())
        .cloned();
    metadata.bin = match manifest.get("bin") {
        // One command, named like the package.
        Some(Value::String(path)) => Some(serde_json::json!({ purl.name(): path })),
        other => other.filter(|bin| bin.is_object()).cloned(),
    };
    metadata.requires_install_script = manifest.get("hasInstallScript").and_then(Value::as_bool);
    metadata
}

/// A string, or the member that holds it in the long form.
fn text_or(value: &Value, member: &str) -> Option<String> {
    let text = value.as_str().or_else(|| value.get(member)?.as_str());
    text.map(str::to_owned)
}

fn people(list: &Value) -> Vec<Person> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(person)
        .collect()
}

fn person(value: &Value) -> Option<Person> {
    let member = |key: &str| value.get(key).and_then(Value::as_str);
    match value {
        Value::String(text) => Person::parse(text),
        _ => Person::new(member("name"), member("email")),
    }
}
