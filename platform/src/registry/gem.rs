//! RubyGems servers: the versions document, or the compact index where a mirror has only that.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::checksum::{Algorithm, Checksum};
use super::release::{Dependency, Metadata, Person};
use super::{Context, FetchError, Release, RemoteArtifact, not_found, versions};
use crate::purl::{Ecosystem, Purl};

/// One version for one platform.
#[derive(Deserialize)]
struct Entry {
    number: String,
    #[serde(default = "ruby")]
    platform: String,
    sha: Option<String>,
    created_at: Option<String>,
    authors: Option<String>,
    summary: Option<String>,
    licenses: Option<Vec<String>>,
    #[serde(default)]
    metadata: BTreeMap<String, Value>,
}

fn ruby() -> String {
    "ruby".to_owned()
}

impl Entry {
    fn filename(&self, name: &str) -> String {
        match self.platform.as_str() {
            "ruby" | "" => format!("{name}-{}.gem", self.number),
            platform => format!("{name}-{}-{platform}.gem", self.number),
        }
    }
}

pub(super) async fn resolve(context: &Context<'_>, purl: &Purl) -> Result<Release, FetchError> {
    let entries = entries(context, purl).await?;
    if entries.is_empty() {
        return Err(not_found(purl));
    }
    let numbers = || entries.iter().map(|entry| entry.number.as_str());
    // RubyGems calls every version with a letter a pre-release.
    let stable = numbers().filter(|n| !n.contains(|c: char| c.is_ascii_alphabetic()));
    let latest = versions::latest(stable).or_else(|| versions::latest(numbers()));
    let version = match purl.version() {
        None => latest.unwrap_or_default(),
        Some(wanted) => numbers().find(|&number| number == wanted).ok_or_else(|| {
            let distinct: std::collections::BTreeSet<_> = numbers().collect();
            versions::not_found(purl.full_name(), wanted, latest, distinct.into_iter())
        })?,
    };
    let chosen = choose(&entries, version, purl)?;
    let artifacts = chosen.iter().map(|entry| {
        let filename = entry.filename(purl.name());
        let url = context.endpoint.join(["gems", filename.as_str()]);
        let sha = entry
            .sha
            .as_deref()
            .and_then(|sha| Checksum::hex(Algorithm::Sha256, sha));
        RemoteArtifact::new(&filename, url).checksum(sha)
    });
    let mut metadata = describe(chosen[0], purl);
    let distinct: std::collections::BTreeSet<_> = numbers().collect();
    metadata.versions = Some(distinct.len());
    metadata.latest_version = latest.map(str::to_owned);
    metadata.previous = versions::previous(Ecosystem::Gem, version, numbers());
    metadata.first_published_at = entries.iter().filter_map(|e| e.created_at.clone()).min();
    let file = format!("{version}.json");
    let details = context.endpoint.join([
        "api",
        "v2",
        "rubygems",
        purl.name(),
        "versions",
        file.as_str(),
    ]);
    if let Some(document) = context.optional_document(&details).await
        && let Ok(details) = document.json::<Details>()
    {
        details.describe(&mut metadata);
    }
    Ok(context.release(purl, metadata, artifacts.collect()))
}

async fn entries(context: &Context<'_>, purl: &Purl) -> Result<Vec<Entry>, FetchError> {
    let file = format!("{}.json", purl.name());
    let url = context
        .endpoint
        .join(["api", "v1", "versions", file.as_str()]);
    if let Some(document) = context.http.document(&context.endpoint, &url, None).await? {
        return document.json();
    }
    let url = context.endpoint.join(["info", purl.name()]);
    let document = context.package_document(purl, &url, None).await?;
    Ok(document.text()?.lines().filter_map(compact_entry).collect())
}

/// Reads `VERSION[-PLATFORM] DEPENDENCIES|checksum:SHA256,…` of the compact index.
fn compact_entry(line: &str) -> Option<Entry> {
    let (version, rest) = line.split_once(' ')?;
    let (number, platform) = version.split_once('-').unwrap_or((version, "ruby"));
    let (_, requirements) = rest.split_once('|')?;
    let sha = requirements
        .split(',')
        .find_map(|part| part.strip_prefix("checksum:"));
    Some(Entry {
        number: number.to_owned(),
        platform: platform.to_owned(),
        sha: sha.map(str::to_owned),
        created_at: None,
        authors: None,
        summary: None,
        licenses: None,
        metadata: BTreeMap::new(),
    })
}

/// The version's gems, pure Ruby first; one of them if the purl names its platform.
fn choose<'a>(
    entries: &'a [Entry],
    version: &str,
    purl: &Purl,
) -> Result<Vec<&'a Entry>, FetchError> {
    let mut chosen: Vec<_> = entries
        .iter()
        .filter(|entry| entry.number == version)
        .collect();
    chosen.sort_by_key(|entry| (entry.platform != "ruby", entry.platform.as_str()));
    let Some(platform) = purl.qualifier("platform") else {
        return Ok(chosen);
    };
    let available = chosen.iter().map(|entry| entry.platform.clone()).collect();
    chosen.retain(|entry| entry.platform == platform);
    if chosen.is_empty() {
        let wanted = format!("for the platform `{platform}`");
        return Err(FetchError::ArtifactNotFound { wanted, available });
    }
    Ok(chosen)
}

fn describe(entry: &Entry, purl: &Purl) -> Metadata {
    let link = |key: &str| {
        entry
            .metadata
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let mut metadata = Metadata::new(purl.name(), &entry.number);
    metadata.description.clone_from(&entry.summary);
    metadata.homepage = link("homepage_uri");
    metadata.repository = link("source_code_uri");
    metadata.license = entry
        .licenses
        .as_ref()
        .filter(|l| !l.is_empty())
        .map(|l| l.join(" OR "));
    let authors = entry.authors.as_deref().unwrap_or_default().split(',');
    metadata.authors = authors
        .filter_map(|name| Person::new(Some(name), None))
        .collect();
    metadata.published_at.clone_from(&entry.created_at);
    metadata
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    homepage_uri: Option<String>,
    source_code_uri: Option<String>,
    downloads: Option<u64>,
    dependencies: BTreeMap<String, Vec<DetailDependency>>,
}

#[derive(Deserialize)]
struct DetailDependency {
    name: String,
    #[serde(default)]
    requirements: String,
}

impl Details {
    fn describe(self, metadata: &mut Metadata) {
        metadata.homepage = metadata.homepage.take().or(self.homepage_uri);
        metadata.repository = metadata.repository.take().or(self.source_code_uri);
        metadata.downloads = self.downloads;
        for (group, dependencies) in self.dependencies {
            let kind = if group == "development" {
                "dev"
            } else {
                "runtime"
            };
            metadata
                .dependencies
                .extend(dependencies.into_iter().map(|d| Dependency {
                    name: d.name,
                    requirement: d.requirements,
                    kind,
                }));
        }
    }
}
