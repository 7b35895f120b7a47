//! NuGet v3: the service index leads to the packages, and to the hashes where there are any.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::checksum::{Algorithm, Checksum};
use super::document::Document;
use super::release::{Dependency, Metadata, Person, reason_or_true};
use super::{Context, FetchError, Release, RemoteArtifact, versions};
use crate::purl::{Ecosystem, Purl};

#[derive(Deserialize)]
struct ServiceIndex {
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    kind: String,
}

#[derive(Deserialize)]
struct VersionList {
    versions: Vec<String>,
}

pub(super) async fn resolve(context: &Context<'_>, purl: &Purl) -> Result<Release, FetchError> {
    let services = services(context).await?;
    let content = services
        .find(&["PackageBaseAddress/3.0.0"])?
        .ok_or_else(|| {
            services
                .document
                .nonsense("it has no PackageBaseAddress/3.0.0, which NuGet v3 needs")
        })?;
    let id = purl.name().to_lowercase();
    let document = context
        .package_document(purl, &below(&content, &[&id, "index.json"]), None)
        .await?;
    let list: VersionList = document.json()?;
    let names = || list.versions.iter().map(String::as_str);
    let is_stable = |version: &&str| !version.split('+').next().is_some_and(|v| v.contains('-'));
    let latest = versions::latest(names().filter(is_stable)).or_else(|| versions::latest(names()));
    let version = match (purl.version(), latest) {
        (Some(wanted), _) => {
            let found = names().find(|version| versions::same(version, wanted));
            found.ok_or_else(|| versions::not_found(purl.full_name(), wanted, latest, names()))?
        }
        (None, Some(latest)) => latest,
        (None, None) => {
            return Err(FetchError::NoVersions {
                name: purl.full_name(),
            });
        }
    };
    let lower = version.to_lowercase();
    let filename = format!("{id}.{lower}.nupkg");
    let url = below(&content, &[&id, &lower, &filename]);
    let mut metadata = Metadata::new(purl.name(), version);
    metadata.versions = Some(list.versions.len());
    metadata.latest_version = latest.map(str::to_owned);
    metadata.previous = versions::previous(Ecosystem::Nuget, version, names());
    let registrations = [
        "RegistrationsBaseUrl/3.6.0",
        "RegistrationsBaseUrl/3.4.0",
        "RegistrationsBaseUrl",
    ];
    let details = match services.find(&registrations)? {
        Some(base) => {
            details(
                context,
                &below(&base, &[&id, &format!("{lower}.json")]),
                &mut metadata,
            )
            .await?
        }
        None => Details::default(),
    };
    let artifact = RemoteArtifact::new(&filename, url)
        .size(details.size)
        .checksum(details.checksum);
    let has_hash = !artifact.checksums.is_empty();
    let mut release = context.release(purl, metadata, vec![artifact]);
    if !has_hash {
        release
            .notes
            .push("the registry publishes no hash of this release".to_owned());
    }
    Ok(release)
}

struct Services {
    document: Document,
    index: ServiceIndex,
}

async fn services(context: &Context<'_>) -> Result<Services, FetchError> {
    let url = &context.endpoint.url;
    let document = context.http.document(&context.endpoint, url, None).await?;
    let document = document.ok_or_else(|| FetchError::Nonsense {
        url: super::document::shown(url),
        reason: "there is no NuGet v3 service index".to_owned(),
    })?;
    let index = document.json()?;
    Ok(Services { document, index })
}

impl Services {
    /// The first resource of one of these types, the best type first.
    fn find(&self, kinds: &[&str]) -> Result<Option<Url>, FetchError> {
        let mut resources = kinds.iter().filter_map(|kind| {
            let resource = self
                .index
                .resources
                .iter()
                .find(|resource| resource.kind == *kind);
            resource.map(|resource| self.document.url.join(&resource.id))
        });
        resources
            .next()
            .transpose()
            .map_err(|error| self.document.nonsense(error.to_string()))
    }
}

/// A path below a base address, which may or may not end in a slash.
fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[derive(Default)]
struct Details {
    checksum: Option<Checksum>,
    size: Option<u64>,
}

/// The version's registration, and the catalog entry behind it, which has the hash.
async fn details(
    context: &Context<'_>,
    url: &Url,
    metadata: &mut Metadata,
) -> Result<Details, FetchError> {
    let Some(document) = context.http.document(&context.endpoint, url, None).await? else {
        return Ok(Details::default());
    };
    let leaf: Value = document.json()?;
    metadata.yanked = (leaf.get("listed") == Some(&Value::Bool(false))).then(|| "unlisted".into());
    metadata.published_at = leaf
        .get("published")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let entry = match leaf.get("catalogEntry") {
        Some(Value::String(link)) => {
            let url = document
                .url
                .join(link)
                .map_err(|e| document.nonsense(e.to_string()))?;
            let entry = context.http.document(&context.endpoint, &url, None).await?;
            entry
                .as_ref()
                .map(Document::json::<Value>)
                .transpose()?
                .unwrap_or_default()
        }
        Some(entry) => entry.clone(),
        None => return Ok(Details::default()),
    };
    describe(&entry, metadata);
    let algorithm = entry.get("packageHashAlgorithm").and_then(Value::as_str);
    let hash = entry.get("packageHash").and_then(Value::as_str);
    let checksum = match (algorithm, hash) {
        (Some("SHA512") | None, Some(hash)) => Checksum::base64(Algorithm::Sha512, hash),
        (Some("SHA256"), Some(hash)) => Checksum::base64(Algorithm::Sha256, hash),
        _ => None,
    };
    Ok(Details {
        checksum,
        size: entry.get("packageSize").and_then(Value::as_u64),
    })
}

fn describe(entry: &Value, metadata: &mut Metadata) {
    let text = |key: &str| {
        let text = entry.get(key).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if let Some(id) = text("id") {
        metadata.name = id;
    }
    metadata.description = text("description");
    metadata.homepage = text("projectUrl");
    metadata.repository = text("repository");
    metadata.license = text("licenseExpression").or_else(|| text("licenseUrl"));
    let authors = text("authors").unwrap_or_default();
    metadata.authors = authors
        .split(',')
        .filter_map(|name| Person::new(Some(name), None))
        .collect();
    if let Some(deprecation) = entry.get("deprecation").filter(|d| d.is_object()) {
        metadata.deprecated = Some(reason_or_true(
            deprecation.get("message").and_then(Value::as_str),
        ));
    }
    let list = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    // The same dependency is listed once per target framework.
    let mut seen = std::collections::BTreeSet::new();
    for group in list(entry, "dependencyGroups") {
        for dependency in list(&group, "dependencies") {
            let member = |key: &str| {
                dependency
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let (name, requirement) = (member("id"), member("range"));
            if seen.insert((name.clone(), requirement.clone())) {
                metadata.dependencies.push(Dependency {
                    name,
                    requirement,
                    kind: "runtime",
                });
            }
        }
    }
}
