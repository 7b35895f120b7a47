//! PyPI and its mirrors: the simple index for files, the JSON document for metadata.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use super::release::{Dependency, Metadata, Person, reason_or_true};
use super::simple_index::{ACCEPT, IndexFile, is_source, read};
use super::{Context, FetchError, Release, RemoteArtifact, not_found, versions};
use crate::purl::{Ecosystem, Purl};

pub(super) async fn resolve(context: &Context<'_>, purl: &Purl) -> Result<Release, FetchError> {
    let url = context.endpoint.join([purl.name(), ""]);
    let document = context.package_document(purl, &url, Some(ACCEPT)).await?;
    let files = read(&document, purl.name())?;
    if files.is_empty() {
        return Err(not_found(purl));
    }
    let latest = latest(&files);
    let version = match (purl.version(), latest) {
        (Some(wanted), _) => {
            let found = files.iter().find(|file| file.version.is(wanted));
            found
                .map(|file| file.version.text.as_str())
                .ok_or_else(|| {
                    let all = files.iter().map(|f| f.version.text.as_str());
                    let distinct: std::collections::BTreeSet<_> = all.collect();
                    versions::not_found(purl.full_name(), wanted, latest, distinct.into_iter())
                })?
        }
        (None, Some(latest)) => latest,
        (None, None) => {
            return Err(FetchError::NoVersions {
                name: purl.full_name(),
            });
        }
    };
    let chosen = choose(&files, version, purl)?;
    let mut metadata = index_metadata(purl, version, &files, &chosen);
    metadata.latest_version = latest.map(str::to_owned);
    let offered = files.iter().filter(|file| file.yanked.is_none());
    let offered = offered.map(|file| file.version.text.as_str());
    metadata.previous = versions::previous(Ecosystem::Pypi, version, offered);
    if let Some(url) = json_url(&context.endpoint.url, purl.name(), version)
        && let Some(document) = context.optional_document(&url).await
        && let Ok(project) = document.json::<Project>()
    {
        project.info.describe(&mut metadata);
    }
    let artifacts = chosen.into_iter().map(|file| RemoteArtifact {
        checksums: file.checksums.clone(),
        ..RemoteArtifact::new(&file.filename, file.url.clone()).size(file.size)
    });
    Ok(context.release(purl, metadata, artifacts.collect()))
}

/// The highest version that is neither withdrawn nor a pre-release; failing that, what pip
/// would fall back to.
fn latest(files: &[IndexFile]) -> Option<&str> {
    let best = |allowed: &dyn Fn(&IndexFile, &pep440_rs::Version) -> bool| {
        let parsed = files
            .iter()
            .filter_map(|file| Some((file, file.version.parsed.as_ref()?)));
        let candidates = parsed.filter(|(file, version)| allowed(file, version));
        candidates
            .max_by_key(|(_, version)| *version)
            .map(|(file, _)| file.version.text.as_str())
    };
    best(&|file, version| file.yanked.is_none() && !version.any_prerelease())
        .or_else(|| best(&|file, _| file.yanked.is_none()))
        .or_else(|| best(&|_, _| true))
}

/// The version's files: source first, then wheels for every platform, then the rest by name.
fn choose<'a>(
    files: &'a [IndexFile],
    version: &str,
    purl: &Purl,
) -> Result<Vec<&'a IndexFile>, FetchError> {
    let mut chosen: Vec<_> = files
        .iter()
        .filter(|file| file.version.is(version))
        .collect();
    chosen.sort_by_key(|file| {
        let rank = match file.filename.as_str() {
            name if is_source(name) => 0,
            name if name.ends_with("-none-any.whl") => 1,
            _ => 2,
        };
        (rank, file.filename.as_str())
    });
    chosen.dedup_by_key(|file| file.filename.as_str());
    let wanted = purl
        .qualifier("file_name")
        .or_else(|| purl.qualifier("filename"));
    let Some(wanted) = wanted else {
        return Ok(chosen);
    };
    let available = chosen.iter().map(|file| file.filename.clone()).collect();
    chosen.retain(|file| file.filename == wanted);
    if chosen.is_empty() {
        return Err(FetchError::ArtifactNotFound {
            wanted: wanted.to_owned(),
            available,
        });
    }
    Ok(chosen)
}

/// What the index alone tells.
fn index_metadata(
    purl: &Purl,
    version: &str,
    files: &[IndexFile],
    chosen: &[&IndexFile],
) -> Metadata {
    let mut metadata = Metadata::new(purl.name(), version);
    let times = |file: &&IndexFile| file.upload_time.clone();
    metadata.published_at = chosen.iter().filter_map(times).min();
    metadata.first_published_at = files.iter().filter_map(|file| times(&file)).min();
    let distinct: std::collections::BTreeSet<_> = files.iter().map(|f| &f.version.text).collect();
    metadata.versions = Some(distinct.len());
    let reason = chosen.iter().find_map(|file| file.yanked.as_deref());
    metadata.yanked = reason.map(|reason| reason_or_true(Some(reason)));
    metadata
}

/// Where the JSON document lies beside a simple index: `…/simple` -> `…/pypi/NAME/VERSION/json`.
fn json_url(index: &Url, name: &str, version: &str) -> Option<Url> {
    let mut url = index.clone();
    {
        let mut path = url.path_segments_mut().ok()?;
        path.pop_if_empty();
    }
    let is_simple = url.path_segments().and_then(|mut s| s.next_back()) == Some("simple");
    let mut path = url.path_segments_mut().ok()?;
    is_simple
        .then(|| path.pop())?
        .extend(["pypi", name, version, "json"]);
    drop(path);
    Some(url)
}

#[derive(Deserialize)]
struct Project {
    info: Info,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Info {
    name: Option<String>,
    summary: Option<String>,
    home_page: Option<String>,
    project_urls: Option<BTreeMap<String, Option<String>>>,
    license: Option<String>,
    license_expression: Option<String>,
    author: Option<String>,
    author_email: Option<String>,
    maintainer: Option<String>,
    maintainer_email: Option<String>,
    requires_dist: Option<Vec<String>>,
}

impl Info {
    fn describe(&self, metadata: &mut Metadata) {
        if let Some(name) = &self.name {
            metadata.name.clone_from(name);
        }
        metadata.description = filled(&self.summary);
        let link = |names: &[&str]| self.project_url(names);
        metadata.homepage = filled(&self.home_page).or_else(|| link(&["homepage", "home"]));
        metadata.repository = link(&[
            "source",
            "source code",
            "sourcecode",
            "repository",
            "code",
            "github",
        ]);
        metadata.license = filled(&self.license_expression).or_else(|| filled(&self.license));
        metadata.authors = people(self.author.as_deref(), self.author_email.as_deref());
        metadata.maintainers = people(self.maintainer.as_deref(), self.maintainer_email.as_deref());
        let requirements = self.requires_dist.iter().flatten();
        metadata.dependencies = requirements.map(|text| dependency(text)).collect();
    }

    fn project_url(&self, names: &[&str]) -> Option<String> {
        let urls = self.project_urls.as_ref()?;
        let mut matching = urls.iter().filter(|(label, _)| {
            let label = label.trim().to_ascii_lowercase();
            names.contains(&label.as_str())
        });
        matching.find_map(|(_, url)| url.clone())
    }
}

fn filled(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.trim().is_empty())
}

/// PyPI has names and addresses in two fields; the addresses may carry names of their own.
fn people(names: Option<&str>, emails: Option<&str>) -> Vec<Person> {
    match emails.map(str::trim).filter(|emails| !emails.is_empty()) {
        Some(emails) if emails.contains('<') => {
            emails.split(',').filter_map(Person::parse).collect()
        }
        Some(email) => Person::new(names, Some(email)).into_iter().collect(),
        None => Person::new(names, None).into_iter().collect(),
    }
}

/// Reads `name[extra] (>=1.0) ; marker`.
fn dependency(text: &str) -> Dependency {
    let (requirement, marker) = text.split_once(';').unwrap_or((text, ""));
    let requirement = requirement.trim();
    let end = requirement
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at(end);
    let kind = if marker.contains("extra") {
        "optional"
    } else {
        "runtime"
    };
    Dependency {
        name: name.to_owned(),
        requirement: rest.trim().to_owned(),
        kind,
    }
}
