//! `package-lock.json`: version 1 nests `dependencies`; 2 and 3 list `packages` by folder.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::collect::{Collector, Ecosystem, Origin};
use super::hashes::Hashes;
use super::text::Lines;
use super::{MAX_DEPTH, Malformed, json};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    packages: Option<&'a RawValue>,
    #[serde(borrow)]
    dependencies: Option<&'a RawValue>,
}

/// An entry of either version.
#[derive(Deserialize)]
struct Package<'a> {
    /// Only where it differs from the folder's: an alias.
    name: Option<String>,
    version: Option<String>,
    resolved: Option<Resolved>,
    integrity: Option<String>,
    #[serde(default)]
    link: bool,
    #[serde(borrow)]
    dependencies: Option<&'a RawValue>,
}

/// Old versions of npm wrote `false` for a bundled package.
#[derive(Deserialize)]
#[serde(untagged)]
enum Resolved {
    Url(String),
    #[expect(dead_code, reason = "only its presence matters")]
    Bundled(bool),
}

pub(super) fn parse(text: &str, collector: &mut Collector) -> Result<(), Malformed> {
    let lines = Lines::new(text);
    let document: Document<'_> = json::document(text)?;
    if let Some(packages) = document.packages {
        let read = json::members(packages, |folder, raw| {
            by_folder(folder, raw, &lines, collector);
        });
        return object(read, packages, &lines);
    }
    match document.dependencies {
        Some(dependencies) => {
            let read = nested(dependencies, 1, &lines, collector);
            object(read, dependencies, &lines)
        }
        None => Ok(()),
    }
}

fn object(read: bool, raw: &RawValue, lines: &Lines<'_>) -> Result<(), Malformed> {
    if read {
        return Ok(());
    }
    Err(Malformed::new(
        lines.of(raw.get()),
        "its list of packages is not an object",
    ))
}

/// Versions 2 and 3. A folder outside `node_modules` is a workspace, the empty one the root.
fn by_folder(folder: &str, raw: &RawValue, lines: &Lines<'_>, collector: &mut Collector) {
    let line = lines.of(raw.get());
    let Ok(package) = serde_json::from_str::<Package<'_>>(raw.get()) else {
        return collector.skip(line, folder, "cannot be read");
    };
    let inside = folder.rsplit_once("node_modules/").map(|(_, name)| name);
    let Some(installed_as) = inside.filter(|_| !package.link) else {
        return collector.local();
    };
    let name = package.name.as_deref().unwrap_or(installed_as);
    match package.version.as_deref() {
        Some(version) => add(name, version, &package, line, collector),
        None => collector.skip(line, name, "has no version"),
    }
}

/// Version 1, to a bounded depth.
fn nested(raw: &RawValue, depth: usize, lines: &Lines<'_>, collector: &mut Collector) -> bool {
    json::members(raw, |key, raw| {
        let line = lines.of(raw.get());
        let Ok(package) = serde_json::from_str::<Package<'_>>(raw.get()) else {
            return collector.skip(line, key, "cannot be read");
        };
        match package.version.as_deref() {
            Some(version) => {
                let alias = version.strip_prefix("npm:").and_then(split_descriptor);
                let (name, version) = alias.unwrap_or((key, version));
                add(name, version, &package, line, collector);
            }
            None => collector.skip(line, key, "has no version"),
        }
        let Some(inner) = package.dependencies else {
            return;
        };
        if depth >= MAX_DEPTH {
            let reason = format!("its dependencies are nested more than {MAX_DEPTH} deep");
            return collector.skip(line, key, reason);
        }
        if !nested(inner, depth + 1, lines, collector) {
            collector.skip(line, key, "its dependencies are not an object");
        }
    })
}

fn add(
    name: &str,
    version: &str,
    package: &Package<'_>,
    line: Option<u32>,
    collector: &mut Collector,
) {
    let resolved = match &package.resolved {
        Some(Resolved::Url(url)) => Some(url.as_str()),
        Some(Resolved::Bundled(_)) | None => None,
    };
    if is_local(version) || (resolved.is_some_and(is_local) && !is_archive(resolved)) {
        return collector.local();
    }
    // Version 1 puts a git or tarball URL in the place of the version.
    let origin = if version.contains(':') {
        Some(version)
    } else {
        resolved
    };
    if let Some(reason) = origin.and_then(not_from_registry) {
        let text = format!("{name} {}", origin.unwrap_or_default());
        return collector.skip(line, &text, reason);
    }
    let mut hashes = Hashes::default();
    if let Some(integrity) = &package.integrity {
        hashes.integrity(integrity);
    }
    collector.add(
        Ecosystem::Npm,
        name,
        Some(version),
        Origin {
            line,
            resolved,
            hashes,
            ..Origin::default()
        },
    );
}

/// Name and version of `name@version` and `@scope/name@version`.
pub(super) fn split_descriptor(text: &str) -> Option<(&str, &str)> {
    let scope = usize::from(text.starts_with('@'));
    let at = text.get(scope..)?.find('@')? + scope;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Whether a version, range or address means a folder of the project.
pub(super) fn is_local(address: &str) -> bool {
    let is = |scheme| address.starts_with(scheme);
    let file = is("file:") && !is_archive(Some(address));
    file || is("link:") || is("portal:") || is("workspace:")
}

fn is_archive(address: Option<&str>) -> bool {
    address.is_some_and(|address| {
        [".tgz", ".tar.gz", ".tar"]
            .iter()
            .any(|ending| address.ends_with(ending))
    })
}

/// Why an address is none of a registry's, or none. Registries serve tarballs as
/// `/<name>/-/<file>`, a few as `/download/<name>/<version>/…`.
pub(super) fn not_from_registry(address: &str) -> Option<&'static str> {
    let is = |scheme: &&str| address.starts_with(*scheme);
    let path = address.split(['?', '#']).next().unwrap_or_default();
    if [
        "git+",
        "git:",
        "git@",
        "ssh:",
        "github:",
        "gitlab:",
        "bitbucket:",
        "gist:",
    ]
    .iter()
    .any(&is)
        || path.ends_with(".git")
    {
        return Some("from a git repository, not from a registry");
    }
    if address.starts_with("file:") {
        return Some("from a file, not from a registry");
    }
    let served = path.contains("/-/") || path.contains("/download/");
    (["http:", "https:"].iter().any(is) && !served).then_some("from a URL that is not a registry's")
}
