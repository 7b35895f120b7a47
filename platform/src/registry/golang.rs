//! Go module proxies (the GOPROXY protocol) and checksum databases.

use semver::Version;
use serde::Deserialize;

use super::checksum::{Algorithm, Checksum};
use super::document::Document;
use super::endpoints::Endpoint;
use super::release::{Dependency, Metadata};
use super::{Context, FetchError, Release, RemoteArtifact, not_found, versions};
use crate::purl::{Ecosystem, Purl};

/// What the proxy says about a version.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    version: String,
    time: Option<String>,
}

pub(super) async fn resolve(context: &Context<'_>, purl: &Purl) -> Result<Release, FetchError> {
    let module = purl.spelled_name();
    let escaped = escape(&module);
    let proxy = Proxy {
        context,
        escaped: &escaped,
    };
    let list = proxy.document("@v/list").await?;
    let list: Vec<String> = match &list {
        Some(document) => document
            .text()?
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect(),
        None => Vec::new(),
    };
    let latest = latest(&list);
    let info = match (purl.version(), latest) {
        (Some(wanted), _) => proxy.info(wanted).await?,
        (None, Some(latest)) => proxy.info(latest).await?,
        // A module without tags has a latest commit.
        (None, None) => proxy
            .document("@latest")
            .await?
            .as_ref()
            .map(Document::json)
            .transpose()?,
    };
    let Some(info) = info else {
        return Err(match purl.version() {
            Some(wanted) if !list.is_empty() => {
                versions::not_found(module, wanted, latest, list.iter().map(String::as_str))
            }
            _ => not_found(purl),
        });
    };
    let mut metadata = Metadata::new(&module, &info.version);
    metadata.published_at = info.time;
    metadata.versions = Some(list.len()).filter(|&count| count > 0);
    metadata.latest_version = latest.map(str::to_owned);
    let all = list.iter().map(String::as_str);
    metadata.previous = versions::previous(Ecosystem::Golang, &info.version, all);
    let version = escape(&info.version);
    if let Some(document) = proxy.document(&format!("@v/{version}.mod")).await?
        && let Ok(text) = document.text()
    {
        metadata.dependencies = requirements(text);
    }
    let url = proxy.url(&format!("@v/{version}.zip"));
    let filename = format!("{}@{}.zip", purl.name(), info.version);
    let (sum, note) = module_sum(context, &module, &info.version).await?;
    let artifact = RemoteArtifact::new(&filename, url).checksum(sum);
    let mut release = context.release(purl, metadata, vec![artifact]);
    release.notes.extend(note);
    Ok(release)
}

/// Capitals become `!` and the small letter, so that paths survive file systems without case.
fn escape(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for c in path.chars() {
        if c.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(c.to_ascii_lowercase());
    }
    escaped
}

struct Proxy<'a> {
    context: &'a Context<'a>,
    escaped: &'a str,
}

impl Proxy<'_> {
    fn url(&self, rest: &str) -> url::Url {
        self.context
            .endpoint
            .join(self.escaped.split('/').chain(rest.split('/')))
    }

    async fn document(&self, rest: &str) -> Result<Option<Document>, FetchError> {
        self.context
            .http
            .document(&self.context.endpoint, &self.url(rest), None)
            .await
    }

    /// Asks for a version; Go's have a `v` that purls sometimes lack.
    async fn info(&self, wanted: &str) -> Result<Option<Info>, FetchError> {
        let mut spellings = vec![wanted.to_owned()];
        if Version::parse(wanted).is_ok() {
            spellings.insert(0, format!("v{wanted}"));
        }
        for spelling in spellings {
            let document = self
                .document(&format!("@v/{}.info", escape(&spelling)))
                .await?;
            if let Some(document) = document {
                return document.json().map(Some);
            }
        }
        Ok(None)
    }
}

/// The highest release; versions that ignore Go's import rule (`+incompatible`) and
/// pre-releases only if there is nothing else.
fn latest(list: &[String]) -> Option<&str> {
    let parsed = list.iter().filter_map(|text| {
        let version = Version::parse(text.strip_prefix('v')?).ok()?;
        Some((
            (version.pre.is_empty(), version.build.is_empty(), version),
            text.as_str(),
        ))
    });
    parsed
        .max_by(|(a, _), (b, _)| a.cmp(b))
        .map(|(_, text)| text)
}

/// The hash from the checksum database, or a note that says why there is none.
async fn module_sum(
    context: &Context<'_>,
    module: &str,
    version: &str,
) -> Result<(Option<Checksum>, Option<String>), FetchError> {
    let Some(database) = &context.sumdb else {
        let note = "no Go checksum database is configured, so the module's hash is not verified";
        return Ok((None, Some(note.to_owned())));
    };
    let sum = lookup(context, database, module, version).await?;
    let note = match sum {
        Some(_) => None,
        None => Some("the Go checksum database does not know this version".to_owned()),
    };
    Ok((sum, note))
}

async fn lookup(
    context: &Context<'_>,
    database: &Endpoint,
    module: &str,
    version: &str,
) -> Result<Option<Checksum>, FetchError> {
    let escaped = format!("{}@{}", escape(module), escape(version));
    let url = database.join(std::iter::once("lookup").chain(escaped.split('/')));
    let Some(document) = context.http.document(database, &url, None).await? else {
        return Ok(None);
    };
    let line = document.text()?.lines().find_map(|line| {
        let digest = line
            .strip_prefix(module)?
            .strip_prefix(' ')?
            .strip_prefix(version)?;
        digest.strip_prefix(" h1:")
    });
    Ok(line.and_then(|digest| Checksum::base64(Algorithm::GoH1, digest)))
}

/// The `require` directives of a go.mod file.
fn requirements(text: &str) -> Vec<Dependency> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let words = match line.strip_prefix("require") {
            Some(rest) if rest.trim() == "(" => {
                inside = true;
                continue;
            }
            Some(rest) if rest.starts_with([' ', '\t']) => rest,
            _ if line == ")" => {
                inside = false;
                continue;
            }
            _ if inside => line,
            _ => continue,
        };
        let mut words = words.split_ascii_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            let (name, requirement) = (name.to_owned(), version.to_owned());
            found.push(Dependency {
                name,
                requirement,
                kind: "runtime",
            });
        }
    }
    found
}
