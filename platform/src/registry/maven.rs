//! Maven repositories: a tree of directories, with XML documents beside the files.

use std::collections::BTreeSet;

use roxmltree::{Node, ParsingOptions};
use url::Url;

use super::checksum::{Algorithm, Checksum};
use super::document::Document;
use super::html;
use super::release::{Dependency, Metadata, Person};
use super::{Context, FetchError, Release, RemoteArtifact, not_found, versions};
use crate::purl::{Ecosystem, Purl};

/// More elements than any real POM has (the largest have some 20,000), and few enough to hold.
const MAX_XML_NODES: u32 = 500_000;

/// The endings that hold code.
const CODE: [&str; 5] = [".jar", ".war", ".aar", ".ear", ".rar"];

pub(super) async fn resolve(context: &Context<'_>, purl: &Purl) -> Result<Release, FetchError> {
    let coordinates = Coordinates::new(purl)?;
    let index = context
        .endpoint
        .join(coordinates.path(&["maven-metadata.xml"]));
    let index = context
        .http
        .document(&context.endpoint, &index, None)
        .await?;
    let known = index
        .as_ref()
        .map(listed_versions)
        .transpose()?
        .unwrap_or_default();
    let latest = versions::latest(known.iter().map(String::as_str));
    let version = match (purl.version(), latest) {
        (Some(wanted), _) => wanted,
        (None, Some(latest)) => latest,
        (None, None) => return Err(not_found(purl)),
    };
    let pom_name = format!("{}-{version}.pom", purl.name());
    let pom_url = context
        .endpoint
        .join(coordinates.path(&[version, &pom_name]));
    let pom = context
        .http
        .document(&context.endpoint, &pom_url, None)
        .await?;
    let Some(pom) = pom else {
        if index.is_none() {
            return Err(not_found(purl));
        }
        let all = known.iter().map(String::as_str);
        return Err(versions::not_found(purl.full_name(), version, latest, all));
    };
    let mut metadata = Metadata::new(&coordinates.label(), version);
    let packaging = describe(&pom, &mut metadata)?;
    metadata.versions = Some(known.len()).filter(|&count| count > 0);
    metadata.latest_version = latest.map(str::to_owned);
    let all = known.iter().map(String::as_str);
    metadata.previous = versions::previous(Ecosystem::Maven, version, all);
    let files = Files {
        context,
        coordinates: &coordinates,
        version,
    };
    let names = files.choose(purl, &packaging).await;
    let mut artifacts = Vec::new();
    for (name, is_certain) in names {
        artifacts.extend(files.artifact(&name, is_certain).await?);
    }
    Ok(context.release(purl, metadata, artifacts))
}

/// Group and artifact.
struct Coordinates {
    group: String,
    artifact: String,
}

impl Coordinates {
    fn new(purl: &Purl) -> Result<Self, FetchError> {
        let group = purl.namespace().ok_or_else(|| not_found(purl))?;
        Ok(Self {
            group: group.to_owned(),
            artifact: purl.name().to_owned(),
        })
    }

    fn label(&self) -> String {
        format!("{}:{}", self.group, self.artifact)
    }

    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        let directories = self.group.split(['.', '/']).filter(|part| !part.is_empty());
        directories
            .chain([self.artifact.as_str()])
            .chain(rest.iter().copied())
            .collect()
    }
}

/// The files of one version.
struct Files<'a> {
    context: &'a Context<'a>,
    coordinates: &'a Coordinates,
    version: &'a str,
}

impl Files<'_> {
    fn url(&self, name: &str) -> Url {
        self.context
            .endpoint
            .join(self.coordinates.path(&[self.version, name]))
    }

    /// The names to fetch, each with whether it is known to exist. A directory listing tells
    /// all of them; repositories without one are asked for the usual files.
    async fn choose(&self, purl: &Purl, packaging: &str) -> Vec<(String, bool)> {
        let base = format!("{}-{}", self.coordinates.artifact, self.version);
        let (classifier, kind) = (purl.qualifier("classifier"), purl.qualifier("type"));
        if classifier.is_some() || kind.is_some() {
            let ending = kind.map_or_else(|| ending(packaging).unwrap_or("jar"), type_ending);
            let classifier = classifier.map(|c| format!("-{c}")).unwrap_or_default();
            return vec![(format!("{base}{classifier}.{ending}"), true)];
        }
        let main = ending(packaging).map(|ending| format!("{base}.{ending}"));
        let listed = self.listed(&base).await;
        if !listed.is_empty() {
            let mut names: Vec<_> = listed.into_iter().collect();
            names.sort_by_key(|name| (Some(name) != main.as_ref(), name.clone()));
            return names.into_iter().map(|name| (name, true)).collect();
        }
        // A POM alone is a parent or a list of dependencies and has no code.
        let usual = ["sources", "javadoc"].map(|classifier| format!("{base}-{classifier}.jar"));
        let main = main.map(|name| (name, true));
        main.into_iter()
            .chain(usual.map(|name| (name, false)))
            .collect()
    }

    /// The code that a directory listing shows.
    async fn listed(&self, base: &str) -> BTreeSet<String> {
        let Some(page) = self.context.optional_document(&self.url("")).await else {
            return BTreeSet::new();
        };
        let names = html::links(&page).into_iter().map(|link| link.filename);
        let ours = names.filter(|name| {
            let rest = name.strip_prefix(base);
            rest.is_some_and(|rest| rest.starts_with(['.', '-']))
                && CODE.iter().any(|ending| name.ends_with(ending))
        });
        ours.collect()
    }

    /// A file with the hashes that lie beside it. Every repository keeps SHA-1, so a file that
    /// was only guessed and has none does not exist.
    async fn artifact(
        &self,
        name: &str,
        is_certain: bool,
    ) -> Result<Option<RemoteArtifact>, FetchError> {
        let sha1 = self.beside(name, "sha1", Algorithm::Sha1).await?;
        if sha1.is_none() && !is_certain {
            return Ok(None);
        }
        let sha256 = self.beside(name, "sha256", Algorithm::Sha256).await?;
        let artifact = RemoteArtifact::new(name, self.url(name))
            .checksum(sha1)
            .checksum(sha256);
        Ok(Some(artifact))
    }

    async fn beside(
        &self,
        name: &str,
        ending: &str,
        algorithm: Algorithm,
    ) -> Result<Option<Checksum>, FetchError> {
        let url = self.url(&format!("{name}.{ending}"));
        let document = match self
            .context
            .http
            .document(&self.context.endpoint, &url, None)
            .await
        {
            // Repositories on object stores answer so for what does not exist.
            Err(FetchError::Status { status: 403, .. }) => None,
            other => other?,
        };
        let Some(document) = document else {
            return Ok(None);
        };
        // Some tools write the file's name after the hash.
        let first = document
            .text()?
            .split_ascii_whitespace()
            .next()
            .unwrap_or_default();
        let checksum = Checksum::hex(algorithm, first);
        // A site that answers everything with a page has no hashes: better none than an error.
        Ok(checksum)
    }
}

/// The file ending of a packaging; none for a bare POM.
fn ending(packaging: &str) -> Option<&str> {
    match packaging {
        "pom" => None,
        "war" | "aar" | "ear" | "rar" => Some(packaging),
        // bundle, maven-plugin, ejb, eclipse-plugin, hk2-jar …: all of them are jars.
        _ => Some("jar"),
    }
}

/// The file ending of a purl's `type`: Maven's types, or an ending itself.
fn type_ending(kind: &str) -> &str {
    match kind {
        "test-jar" | "maven-plugin" | "ejb" | "ejb-client" | "java-source" | "javadoc"
        | "bundle" => "jar",
        other => other,
    }
}

fn parse(document: &Document) -> Result<roxmltree::Document<'_>, FetchError> {
    // No DTD: entities could expand without bound.
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_XML_NODES,
        ..Default::default()
    };
    let text = document.text()?.trim_start_matches('\u{feff}');
    roxmltree::Document::parse_with_options(text, options)
        .map_err(|error| document.nonsense(error.to_string()))
}

fn listed_versions(document: &Document) -> Result<Vec<String>, FetchError> {
    let xml = parse(document)?;
    let versions = child(xml.root_element(), "versioning").and_then(|v| child(v, "versions"));
    let list = versions
        .into_iter()
        .flat_map(|versions| children(versions, "version"));
    Ok(list.filter_map(text).collect())
}

/// Fills the metadata from a POM, without its parents; returns the packaging.
fn describe(document: &Document, metadata: &mut Metadata) -> Result<String, FetchError> {
    let xml = parse(document)?;
    let project = xml.root_element();
    let value = |node: Node<'_, '_>, name: &str| child(node, name).and_then(text);
    metadata.description = value(project, "description");
    metadata.homepage = value(project, "url");
    metadata.repository = child(project, "scm").and_then(|scm| value(scm, "url"));
    let group = |name: &str, item: &'static str| {
        child(project, name)
            .into_iter()
            .flat_map(move |list| children(list, item))
    };
    metadata.license = group("licenses", "license").find_map(|license| value(license, "name"));
    metadata.authors = group("developers", "developer")
        .filter_map(|d| Person::new(value(d, "name").as_deref(), value(d, "email").as_deref()))
        .collect();
    metadata.dependencies = group("dependencies", "dependency")
        .filter_map(|dependency| {
            let scope = value(dependency, "scope");
            let optional = value(dependency, "optional").as_deref() == Some("true");
            Some(Dependency {
                name: format!(
                    "{}:{}",
                    value(dependency, "groupId")?,
                    value(dependency, "artifactId")?
                ),
                requirement: value(dependency, "version").unwrap_or_default(),
                kind: match scope.as_deref() {
                    Some("test") => "dev",
                    Some("provided") => "build",
                    _ if optional => "optional",
                    _ => "runtime",
                },
            })
        })
        .collect();
    Ok(value(project, "packaging").unwrap_or_else(|| "jar".to_owned()))
}

fn children<'a, 'b: 'a>(
    node: Node<'a, 'b>,
    name: &'a str,
) -> impl Iterator<Item = Node<'a, 'b>> + 'a {
    node.children()
        .filter(move |child| child.tag_name().name() == name)
}

fn child<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.children()
        .find(|child| child.tag_name().name() == name)
}

fn text(node: Node<'_, '_>) -> Option<String> {
    node.text()
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}
