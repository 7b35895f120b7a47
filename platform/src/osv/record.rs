//! OSV documents, as far as they are needed, and which versions they are about.

use std::cmp::Ordering;

use serde::Deserialize;

use super::{MALWARE, MAX_NAME, MAX_SUMMARY};
use crate::purl::Ecosystem;
use crate::registry::versions;

#[derive(Debug, Deserialize)]
pub(super) struct Document {
    id: String,
    summary: Option<String>,
    withdrawn: Option<String>,
    affected: Option<Vec<Affected>>,
}

#[derive(Debug, Deserialize)]
struct Affected {
    package: Option<Package>,
    ranges: Option<Vec<Range>>,
    versions: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Range {
    #[serde(rename = "type")]
    kind: String,
    events: Option<Vec<Event>>,
}

/// A place in the order of versions. One document may hold several kinds in one event.
#[derive(Debug, Deserialize)]
struct Event {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

/// What one document says of one package.
#[derive(Debug)]
pub(super) struct Record {
    pub id: String,
    pub summary: String,
    ranges: Vec<Range>,
    versions: Vec<String>,
}

impl Document {
    /// What it says of packages of the ecosystems that are known here.
    pub(super) fn records(self) -> Vec<(Ecosystem, String, Record)> {
        if self.withdrawn.is_some() || self.id.len() > MAX_NAME {
            return Vec::new();
        }
        let mut summary = self.summary.unwrap_or_default();
        summary.truncate(summary.floor_char_boundary(MAX_SUMMARY));
        let summary = crate::output::line(&summary);
        let mut records = Vec::new();
        for one in self.affected.into_iter().flatten() {
            let Some(package) = one.package.filter(|one| one.name.len() <= MAX_NAME) else {
                continue;
            };
            let Some(ecosystem) = ecosystem(&package.ecosystem) else {
                continue;
            };
            let record = Record {
                id: crate::output::line(&self.id),
                summary: summary.clone(),
                ranges: one.ranges.unwrap_or_default(),
                versions: one.versions.unwrap_or_default(),
            };
            records.push((ecosystem, package.name, record));
        }
        records
    }
}

/// Ecosystems as OSV calls them; what follows a colon narrows them.
fn ecosystem(name: &str) -> Option<Ecosystem> {
    Some(match name.split(':').next()? {
        "PyPI" => Ecosystem::Pypi,
        "npm" => Ecosystem::Npm,
        "crates.io" => Ecosystem::Cargo,
        "RubyGems" => Ecosystem::Gem,
        "Maven" => Ecosystem::Maven,
        "Packagist" => Ecosystem::Composer,
        "Go" => Ecosystem::Golang,
        "NuGet" => Ecosystem::Nuget,
        _ => return None,
    })
}

impl Record {
    pub(super) fn is_malware(&self) -> bool {
        self.id.starts_with(MALWARE)
    }

    /// Whether it is about this version. A report of malware that names no version is about all.
    pub(super) fn affects(&self, ecosystem: Ecosystem, version: &str) -> bool {
        let same = |listed: &String| {
            versions::order_in(ecosystem, listed, version) == Ordering::Equal || listed == version
        };
        if self.ranges.is_empty() && self.versions.is_empty() {
            return self.is_malware();
        }
        self.versions.iter().any(same)
            || self
                .ranges
                .iter()
                .any(|range| range.holds(ecosystem, version))
    }
}

impl Range {
    /// After the last version that brought it, and before the first after that which ended it.
    fn holds(&self, ecosystem: Ecosystem, version: &str) -> bool {
        // Commits have no order that could be told from here.
        if !matches!(self.kind.as_str(), "SEMVER" | "ECOSYSTEM") {
            return false;
        }
        let events = || self.events.iter().flatten();
        let order = |a: &str, b: &str| match (a, b) {
            ("0", "0") => Ordering::Equal,
            ("0", _) => Ordering::Less,
            (_, "0") => Ordering::Greater,
            (a, b) => versions::order_in(ecosystem, a, b),
        };
        let since = events()
            .filter_map(|one| one.introduced.as_deref())
            .filter(|one| order(one, version) != Ordering::Greater)
            .max_by(|a, b| order(a, b));
        let Some(since) = since else { return false };
        let ended = |one: &Event| {
            let until = [&one.fixed, &one.limit].into_iter().flatten().any(|end| {
                order(end, since) == Ordering::Greater && order(end, version) != Ordering::Greater
            });
            let after = one.last_affected.as_deref().is_some_and(|last| {
                order(last, since) != Ordering::Less && order(last, version) == Ordering::Less
            });
            until || after
        };
        !events().any(ended)
    }
}
