//! Known malware and advisories, in the OSV format, from where the user says.
//!
//! The source is a folder, a zip archive or a JSON document, on disk or behind a URL. It is read
//! once, within bounds, before anything is analysed; a package is then looked up by ecosystem,
//! name and version. Reports of malware (ids that begin with `MAL-`) convict; advisories are
//! listed and change no verdict. Only releases of registries have a name to look up.

mod read;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use packguard_runtime::KnownFinding;
use packguard_runtime::report::{Category, Confidence, RuleInfo, Severity};
use sha2::{Digest as _, Sha256};

use crate::purl::{Ecosystem, Purl};
use record::{Document, Record};

pub use read::{OsvError, read};

/// Whose findings these are, in the place of an analyzer's name.
const SOURCE: &str = "osv";

/// What ids of malware reports begin with.
const MALWARE: &str = "MAL-";

/// Most findings of one package; reports of malware come first.
const MAX_FOUND: usize = 100;

/// Longest summary kept, bytes.
const MAX_SUMMARY: usize = 300;

/// Longest id and name, bytes: what is longer is no such thing.
const MAX_NAME: usize = 512;

/// The rules of these findings.
pub fn rules() -> [RuleInfo; 2] {
    let rule = |id: &str, title: &str, help: &str, category, severity, attack: &str| RuleInfo {
        id: id.into(),
        title: title.into(),
        help: help.into(),
        category,
        severity,
        attack: vec![attack.into()],
    };
    [
        rule(
            "osv-malware",
            "This version is reported as malware",
            "The advisories that the operator named (`--osv`, `OSV_SOURCE`) list this version of the package as malicious.\n\nDo not install it. Where it was installed: treat the machine and its credentials as compromised.",
            Category::Execution,
            Severity::Critical,
            "T1195.002",
        ),
        rule(
            "osv-advisory",
            "There is an advisory on this version",
            "A vulnerability is known, not malice: it changes no verdict.\n\nRead the advisory, and update where it says so.",
            Category::Metadata,
            Severity::Info,
            "T1195.001",
        ),
    ]
}

/// What the source holds, by ecosystem and name.
#[derive(Debug, Default)]
pub struct Database {
    records: BTreeMap<(Ecosystem, String), Vec<Record>>,
    /// Digests of the documents, whatever their order.
    documents: BTreeSet<[u8; 32]>,
    /// Documents that are no advisories, and what is wrong with the first.
    refused: usize,
    first_refused: Option<String>,
    /// Made once, when all is read.
    digest: OnceLock<String>,
}

impl Database {
    /// Takes a document over: an advisory, or a list of them.
    fn add(&mut self, name: &str, bytes: &[u8]) {
        let documents = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[') => serde_json::from_slice::<Vec<Document>>(bytes),
            _ => serde_json::from_slice::<Document>(bytes).map(|one| vec![one]),
        };
        match documents {
            Ok(documents) => {
                self.documents.insert(Sha256::digest(bytes).into());
                for one in documents {
                    for (ecosystem, name, record) in one.records() {
                        let key = (ecosystem, spelled(ecosystem, &name));
                        self.records.entry(key).or_default().push(record);
                    }
                }
            }
            Err(error) => self.refuse(format!("{name}: {error}")),
        }
    }

    fn refuse(&mut self, why: String) {
        self.refused += 1;
        self.first_refused.get_or_insert(why);
    }

    /// Packages that something is known of.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing is known of any package.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Hex SHA-256 over all that was read.
    pub fn digest(&self) -> &str {
        self.digest.get_or_init(|| {
            let mut hash = Sha256::new();
            for one in &self.documents {
                hash.update(one);
            }
            hex::encode(hash.finalize())
        })
    }

    /// What could not be read, one line for the reports.
    pub fn problem(&self) -> Option<String> {
        let first = self.first_refused.as_deref()?;
        Some(format!(
            "{} documents of the advisories were not read, such as {}",
            self.refused,
            crate::output::line(first)
        ))
    }

    /// What is known of this release, reports of malware first; and how many more there are than
    /// fit into a report.
    pub fn look_up(&self, purl: &Purl) -> (Vec<KnownFinding>, usize) {
        let key = (
            purl.ecosystem(),
            spelled(purl.ecosystem(), &purl.full_name()),
        );
        let (Some(records), Some(version)) = (self.records.get(&key), purl.version()) else {
            return (Vec::new(), 0);
        };
        let affected = records.iter().filter(|one| one.affects(key.0, version));
        let found: BTreeMap<(bool, &str), &Record> = affected
            .map(|one| ((!one.is_malware(), one.id.as_str()), one))
            .collect();
        let [malware, advisory] = rules();
        let known: Vec<KnownFinding> = found
            .values()
            .take(MAX_FOUND)
            .map(|one| {
                let rule = if one.is_malware() {
                    &malware
                } else {
                    &advisory
                };
                finding(one, rule, version)
            })
            .collect();
        let more = found.len() - known.len();
        (known, more)
    }
}

fn finding(record: &Record, rule: &RuleInfo, version: &str) -> KnownFinding {
    let summary = match record.summary.as_str() {
        "" => String::new(),
        summary => format!(": {summary}"),
    };
    let why = if record.is_malware() {
        format!("{} lists version {version} as malicious.", record.id)
    } else {
        format!("{} lists version {version} as affected.", record.id)
    };
    KnownFinding {
        source: SOURCE,
        rule: rule.clone(),
        title: format!("{}{summary}", record.id),
        confidence: Confidence::High,
        why,
    }
}

/// A name as it is compared.
fn spelled(ecosystem: Ecosystem, name: &str) -> String {
    match ecosystem {
        Ecosystem::Pypi => {
            let lower = name.to_lowercase();
            let parts = lower.split(['-', '_', '.']).filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join("-")
        }
        Ecosystem::Maven => name.replace(':', "/"),
        Ecosystem::Cargo => name.to_lowercase().replace('_', "-"),
        Ecosystem::Gem => name.to_owned(),
        Ecosystem::Npm | Ecosystem::Composer | Ecosystem::Golang | Ecosystem::Nuget => {
            name.to_lowercase()
        }
    }
}

#[cfg(test)]
mod tests;
