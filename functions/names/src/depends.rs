//! The names a package depends on, by its manifest and by the registry.

use std::collections::BTreeSet;

use packguard_sdk::{File, Package, text};
use serde_json::{Map, Value};

use crate::Metadata;

/// Largest manifest read for names, in bytes. The manifest analyzer reports larger ones.
const MANIFEST_LIMIT: u64 = 4 << 20;

/// Names of what is installed along with the package, sorted.
pub fn of(package: &Package, metadata: &Metadata) -> BTreeSet<String> {
    let listed = metadata.dependencies.iter().flatten();
    let mut names: BTreeSet<String> = listed
        .filter(|dependency| dependency.kind.as_deref() != Some("dev"))
        .map(|dependency| dependency.name.clone())
        .collect();
    for file in package
        .all_files()
        .filter(|file| file.path().matches('/').count() <= 1 && file.size() <= MANIFEST_LIMIT)
    {
        // What a local archive is for is not known: whatever it has counts.
        match (package.ecosystem(), file.name()) {
            ("npm" | "generic", "package.json") => {
                names.extend(json(file, &["dependencies", "optionalDependencies"]));
            }
            ("composer" | "generic", "composer.json") => names.extend(json(file, &["require"])),
            ("pypi" | "generic", "METADATA" | "PKG-INFO") => names.extend(requires_dist(file)),
            _ => {}
        }
    }
    names
}

fn json(file: File<'_>, sections: &[&str]) -> Vec<String> {
    // Unreadable or malformed manifests are the manifest analyzer's to report.
    let Ok(bytes) = file.read() else {
        return Vec::new();
    };
    let Ok(manifest) = serde_json::from_str::<Map<String, Value>>(&text::decode(&bytes)) else {
        return Vec::new();
    };
    let objects = sections
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_object());
    objects.flat_map(|names| names.keys().cloned()).collect()
}

fn requires_dist(file: File<'_>) -> Vec<String> {
    let Ok(bytes) = file.read() else {
        return Vec::new();
    };
    let text = text::decode(&bytes);
    let headers = text.lines().take_while(|line| !line.trim().is_empty());
    let requires = headers.filter_map(|line| line.strip_prefix("Requires-Dist:"));
    let name = |requirement: &str| {
        let end =
            requirement.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
        requirement[..end.unwrap_or(requirement.len())].to_owned()
    };
    requires
        .map(|requirement| name(requirement.trim()))
        .filter(|name| !name.is_empty())
        .collect()
}
