//! Cargo's sparse index, and the web API beside it for what the index leaves out.

use semver::Version;
use serde::Deserialize;
use url::Url;

use super::checksum::{Algorithm, Checksum};
use super::release::{Dependency, Metadata, Person};
use super::{Context, FetchError, Release, RemoteArtifact, not_found, versions};
use crate::purl::{Ecosystem, Purl};

#[derive(Deserialize)]
struct Config {
    dl: String,
    api: Option<String>,
}

/// A line of the index.
#[derive(Deserialize)]
struct Entry {
    name: String,
    vers: Version,
    #[serde(default)]
    deps: Vec<EntryDependency>,
    cksum: String,
    #[serde(default)]
    yanked: bool,
}

#[derive(Deserialize)]
struct EntryDependency {
    name: String,
    req: String,
    /// The real name where the crate renames the dependency.
    package: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    optional: bool,
}

pub(super) async fn resolve(context: &Context<'_>, purl: &Purl) -> Result<Release, FetchError> {
    let config_url = context.endpoint.join(["config.json"]);
    let config = context
        .http
        .document(&context.endpoint, &config_url, None)
        .await?;
    let config = config.ok_or_else(|| FetchError::Nonsense {
        url: super::document::shown(&config_url),
        reason: "a sparse index has a config.json".to_owned(),
    })?;
    let settings: Config = config.json()?;
    let path = index_path(purl.name());
    let url = context.endpoint.join(path.iter().map(String::as_str));
    let document = context.package_document(purl, &url, None).await?;
    let mut entries = document
        .text()?
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).map_err(|e| document.nonsense(e.to_string())))
        .collect::<Result<Vec<Entry>, _>>()?;
    // The file is found by the lower-case name; names differ by case only by mistake.
    entries.retain(|entry| entry.name.eq_ignore_ascii_case(purl.name()));
    if entries.is_empty() {
        return Err(not_found(purl));
    }
    let latest = latest(&entries);
    let entry = choose(&entries, purl, latest)?;
    let download = download_url(&settings.dl, entry);
    let url = Url::parse(&download).map_err(|error| config.nonsense(format!("dl: {error}")))?;
    let artifact = RemoteArtifact::new(&format!("{}-{}.crate", entry.name, entry.vers), url)
        .checksum(Checksum::hex(Algorithm::Sha256, &entry.cksum));
    let mut metadata = describe(entry);
    metadata.versions = Some(entries.len());
    let offered = entries.iter().filter(|entry| !entry.yanked);
    let offered: Vec<String> = offered.map(|entry| entry.vers.to_string()).collect();
    let offered = offered.iter().map(String::as_str);
    metadata.previous = versions::previous(Ecosystem::Cargo, &entry.vers.to_string(), offered);
    metadata.latest_version = latest.map(|entry| entry.vers.to_string());
    if let Some(api) = settings
        .api
        .as_deref()
        .and_then(|api| api_url(api, &entry.name))
        && let Some(document) = context.optional_document(&api).await
        && let Ok(answer) = document.json::<ApiAnswer>()
    {
        answer.describe(&mut metadata);
    }
    Ok(context.release(purl, metadata, vec![artifact]))
}

/// Where the index keeps a crate: `1/a`, `2/ab`, `3/a/abc`, `ab/cd/abcdef`.
fn index_path(name: &str) -> Vec<String> {
    let name = name.to_lowercase();
    match name.len() {
        1 | 2 => vec![name.len().to_string(), name],
        3 => vec!["3".to_owned(), name[..1].to_owned(), name],
        _ => vec![name[..2].to_owned(), name[2..4].to_owned(), name],
    }
}

/// The highest stable version that is not yanked; failing that, what is left.
fn latest(entries: &[Entry]) -> Option<&Entry> {
    let rank = |entry: &&Entry| (!entry.yanked, entry.vers.pre.is_empty(), entry.vers.clone());
    entries.iter().max_by_key(rank)
}

fn choose<'a>(
    entries: &'a [Entry],
    purl: &Purl,
    latest: Option<&'a Entry>,
) -> Result<&'a Entry, FetchError> {
    let name = purl.full_name();
    let Some(wanted) = purl.version() else {
        return latest.ok_or(FetchError::NoVersions { name });
    };
    // Build metadata does not make another version: at most one entry matches without it.
    let plain = |version: &str| version.split('+').next().unwrap_or_default().to_owned();
    let exact = entries
        .iter()
        .find(|entry| entry.vers.to_string() == wanted);
    let found = exact.or_else(|| {
        entries
            .iter()
            .find(|e| plain(&e.vers.to_string()) == plain(wanted))
    });
    found.ok_or_else(|| {
        let all: Vec<_> = entries.iter().map(|entry| entry.vers.to_string()).collect();
        let latest = latest.map(|entry| entry.vers.to_string());
        versions::not_found(
            name,
            wanted,
            latest.as_deref(),
            all.iter().map(String::as_str),
        )
    })
}

/// Fills the index's download template.
fn download_url(template: &str, entry: &Entry) -> String {
    let markers = [
        "{crate}",
        "{version}",
        "{prefix}",
        "{lowerprefix}",
        "{sha256-checksum}",
    ];
    if !markers.iter().any(|marker| template.contains(marker)) {
        return format!("{template}/{}/{}/download", entry.name, entry.vers);
    }
    let directory = |lower: bool| {
        let path = index_path(&entry.name);
        let path = path[..path.len() - 1].join("/");
        if lower || path.len() != 5 {
            path
        } else {
            [&entry.name[..2], &entry.name[2..4]].join("/")
        }
    };
    template
        .replace("{crate}", &entry.name)
        .replace("{version}", &entry.vers.to_string())
        .replace("{prefix}", &directory(false))
        .replace("{lowerprefix}", &directory(true))
        .replace("{sha256-checksum}", &entry.cksum)
}

fn describe(entry: &Entry) -> Metadata {
    let mut metadata = Metadata::new(&entry.name, &entry.vers.to_string());
    metadata.yanked = entry.yanked.then(|| true.into());
    let dependencies = entry.deps.iter().map(|dependency| Dependency {
        name: dependency
            .package
            .as_ref()
            .unwrap_or(&dependency.name)
            .clone(),
        requirement: dependency.req.clone(),
        kind: match dependency.kind.as_deref() {
            Some("dev") => "dev",
            Some("build") => "build",
            _ if dependency.optional => "optional",
            _ => "runtime",
        },
    });
    metadata.dependencies = dependencies.collect();
    metadata
}

fn api_url(api: &str, name: &str) -> Option<Url> {
    Url::parse(&format!(
        "{}/api/v1/crates/{name}",
        api.trim_end_matches('/')
    ))
    .ok()
}

#[derive(Deserialize)]
struct ApiAnswer {
    #[serde(rename = "crate")]
    about: ApiCrate,
    #[serde(default)]
    versions: Vec<ApiVersion>,
}

#[derive(Deserialize)]
struct ApiCrate {
    description: Option<String>,
    homepage: Option<String>,
    repository: Option<String>,
    created_at: Option<String>,
    downloads: Option<u64>,
}

#[derive(Deserialize)]
struct ApiVersion {
    num: String,
    license: Option<String>,
    created_at: Option<String>,
    published_by: Option<ApiUser>,
    yank_message: Option<String>,
}

#[derive(Deserialize)]
struct ApiUser {
    login: Option<String>,
    name: Option<String>,
}

impl ApiAnswer {
    fn describe(self, metadata: &mut Metadata) {
        metadata.description = self.about.description;
        metadata.homepage = self.about.homepage;
        metadata.repository = self.about.repository;
        metadata.first_published_at = self.about.created_at;
        metadata.downloads = self.about.downloads;
        let mut versions = self.versions.into_iter();
        let Some(version) = versions.find(|version| version.num == metadata.version) else {
            return;
        };
        metadata.license = version.license;
        metadata.published_at = version.created_at;
        if let Some(user) = version.published_by {
            let name = user.name.as_deref().or(user.login.as_deref());
            metadata.maintainers = Person::new(name, None).into_iter().collect();
        }
        if metadata.yanked.is_some() && version.yank_message.is_some() {
            metadata.yanked = version.yank_message.map(Into::into);
        }
    }
}
