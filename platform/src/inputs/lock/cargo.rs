//! `Cargo.lock`. Packages without a source are the workspace's own; git sources are named
//! as skipped. Version 1 keeps its checksums in a table of their own.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::collect::{Collector, Ecosystem, Origin};
use super::hashes::{Algorithm, Hashes};
use super::text::Lines;
use super::tree::Toml;
use super::{Malformed, tree};

pub(super) fn parse(text: &str, collector: &mut Collector) -> Result<(), Malformed> {
    let lines = Lines::new(text);
    let document = tree::toml(text, &lines, collector)?;
    let old_checksums = old_checksums(&document);
    document.each_package(&lines, collector, |package, line, collector| {
        add(package, line, &old_checksums, collector);
    })
}

fn add(
    package: &DeTable<'_>,
    line: u32,
    old_checksums: &BTreeMap<&str, &str>,
    collector: &mut Collector,
) {
    let (Some(name), Some(version)) = (
        tree::string(package, "name"),
        tree::string(package, "version"),
    ) else {
        let name = tree::string(package, "name").unwrap_or("[[package]]");
        collector.skip(Some(line), name, "has no name or no version");
        return;
    };
    let source = match (
        tree::string(package, "source"),
        package.contains_key("source"),
    ) {
        (Some(source), _) => source,
        (None, false) => return collector.local(),
        (None, true) => {
            collector.skip(Some(line), name, "its source is not a string");
            return;
        }
    };
    if !source.starts_with("registry+") && !source.starts_with("sparse+") {
        let what = if source.starts_with("git+") {
            "from a git repository"
        } else {
            "from elsewhere"
        };
        let text = format!("{name} {version} {source}");
        collector.skip(Some(line), &text, format!("{what}, not from a registry"));
        return;
    }
    let mut hashes = Hashes::default();
    let old = format!("checksum {name} {version} ({source})");
    let checksum = tree::string(package, "checksum").or(old_checksums.get(old.as_str()).copied());
    if let Some(checksum) = checksum {
        hashes.hex(Algorithm::Sha256, checksum);
    }
    collector.add(
        Ecosystem::Cargo,
        name,
        Some(version),
        Origin {
            line: Some(line),
            resolved: Some(source),
            hashes,
            ..Origin::default()
        },
    );
}

fn old_checksums<'t>(document: &'t Toml<'_>) -> BTreeMap<&'t str, &'t str> {
    document
        .table("metadata")
        .into_iter()
        .flat_map(|table| table.iter())
        .filter_map(|(key, value)| Some((key.get_ref().as_ref(), value.get_ref().as_str()?)))
        .filter(|(_, checksum)| *checksum != "<none>")
        .collect()
}
