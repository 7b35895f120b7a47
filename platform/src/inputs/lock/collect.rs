//! What all formats share: names checked and made into purls, duplicates folded, limits kept.

use std::str::FromStr;

use indexmap::IndexMap;
use indexmap::map::Entry as Slot;
use packageurl::PackageUrl;

use super::hashes::{ExpectedHash, Hashes, MAX_HASHES};
use super::text::cut;
use super::{Entry, Include, MAX_PACKAGES, MAX_REMARKS, Parsed, Remark};

/// Longest package name, version and SBOM purl, in bytes. npm's own limit for a name is
/// 214; the longest published version strings are under 100.
const MAX_NAME: usize = 256;
const MAX_VERSION: usize = 256;
const MAX_PURL: usize = 2_048;

/// The registries whose lock files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Ecosystem {
    Pypi,
    Npm,
    Cargo,
}

/// Makes the purl of a package. npm names carry their scope: `@babel/core`.
///
/// # Errors
/// When name or version could not be one of that ecosystem's: what is wrong, in a few words.
pub fn purl(
    ecosystem: Ecosystem,
    name: &str,
    version: Option<&str>,
) -> Result<String, &'static str> {
    let (scope, base) = match name.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
        Some((scope, base)) if ecosystem == Ecosystem::Npm => (Some(scope), base),
        _ => (None, name),
    };
    let valid = match ecosystem {
        Ecosystem::Pypi => is_pypi_name(base),
        Ecosystem::Npm => is_npm_name(base) && scope.is_none_or(is_npm_name),
        Ecosystem::Cargo => !base.is_empty() && base.chars().all(is_cargo_char),
    };
    if !valid || name.len() > MAX_NAME {
        return Err("not a valid package name");
    }
    if version.is_some_and(|version| !is_version(version)) {
        return Err("not a valid version");
    }
    let kind = match ecosystem {
        Ecosystem::Pypi => "pypi",
        Ecosystem::Npm => "npm",
        Ecosystem::Cargo => "cargo",
    };
    build(kind, scope, base, version).map_err(|_| "no package URL can be made of it")
}

fn build(
    kind: &str,
    scope: Option<&str>,
    name: &str,
    version: Option<&str>,
) -> Result<String, packageurl::Error> {
    let mut purl = PackageUrl::new(kind, name)?;
    if let Some(scope) = scope {
        purl.with_namespace(format!("@{scope}"))?;
    }
    if let Some(version) = version {
        purl.with_version(version)?;
    }
    purl.validate()?;
    let text = purl.to_string();
    if kind != "npm" {
        return Ok(text);
    }
    // The characters of an npm name need no encoding, so the name stands there verbatim.
    let end = text
        .rfind('@')
        .filter(|_| version.is_some())
        .unwrap_or(text.len());
    let (head, tail) = text.split_at(end);
    let head = head
        .get(..head.len().saturating_sub(name.len()))
        .unwrap_or_default();
    Ok(format!("{head}{name}{tail}"))
}

/// Canonical form of a purl out of an SBOM.
pub(super) fn canonical_purl(text: &str) -> Result<String, String> {
    if text.len() > MAX_PURL {
        return Err(format!("a purl of more than {MAX_PURL} bytes"));
    }
    let purl = PackageUrl::from_str(text).map_err(|error| cut(&error.to_string()))?;
    let canonical = purl.to_string();
    let only_case = purl.ty() == "npm" && text.eq_ignore_ascii_case(&canonical);
    Ok(if only_case {
        text.to_owned()
    } else {
        canonical
    })
}

/// PEP 508: letters, digits, `.`, `-`, `_`; a letter or digit at both ends.
fn is_pypi_name(name: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    ends(name.as_bytes().first())
        && ends(name.as_bytes().last())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn is_npm_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|c| {
            c.is_ascii_alphanumeric()
                || matches!(c, '-' | '_' | '.' | '~' | '!' | '\'' | '(' | ')' | '*')
        })
}

fn is_cargo_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn is_version(version: &str) -> bool {
    !version.is_empty()
        && version.len() <= MAX_VERSION
        && version
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '!' | '~'))
}

/// What a file says of a package beside its name and version.
#[derive(Debug, Default)]
pub(super) struct Origin<'a> {
    pub(super) line: Option<u32>,
    pub(super) requirement: Option<&'a str>,
    pub(super) resolved: Option<&'a str>,
    pub(super) hashes: Hashes,
}

/// Gathers what a parser finds.
#[derive(Debug, Default)]
pub(super) struct Collector {
    packages: IndexMap<String, Entry>,
    past_limit: usize,
    skipped: Remarks,
    notes: Remarks,
    includes: Vec<Include>,
    local: usize,
}

impl Collector {
    /// Adds a package, or names it as skipped when it can't be one.
    pub(super) fn add(
        &mut self,
        ecosystem: Ecosystem,
        name: &str,
        version: Option<&str>,
        origin: Origin<'_>,
    ) {
        match purl(ecosystem, name, version) {
            Ok(purl) => self.add_purl(purl, origin),
            Err(reason) => {
                let text = [Some(name), version]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>();
                self.skip(origin.line, &text.join(" "), reason);
            }
        }
    }

    /// Adds a package whose purl is made already.
    pub(super) fn add_purl(&mut self, purl: String, origin: Origin<'_>) {
        if origin.hashes.unreadable {
            self.note(origin.line, &purl, "a digest of it cannot be read");
        }
        self.insert(Entry {
            purl,
            line: origin.line,
            requirement: origin.requirement.map(cut),
            resolved: origin.resolved.map(str::to_owned),
            expected_hashes: origin.hashes.list,
        });
    }

    /// Keeps the first mention of a package, with the digests of all of them.
    fn insert(&mut self, mut entry: Entry) {
        let full = self.packages.len() >= MAX_PACKAGES;
        let hashes = std::mem::take(&mut entry.expected_hashes);
        match self.packages.entry(entry.purl.clone()) {
            Slot::Occupied(mut slot) => merge_hashes(&mut slot.get_mut().expected_hashes, hashes),
            Slot::Vacant(_) if full => self.past_limit += 1,
            Slot::Vacant(slot) => {
                merge_hashes(&mut slot.insert(entry).expected_hashes, hashes);
            }
        }
    }

    /// Names an entry that is not analysed.
    pub(super) fn skip(&mut self, line: Option<u32>, text: &str, reason: impl Into<String>) {
        self.skipped.push(line, text, reason);
    }

    /// Tells something that leaves no package out.
    pub(super) fn note(&mut self, line: Option<u32>, text: &str, reason: impl Into<String>) {
        self.notes.push(line, text, reason);
    }

    /// Counts an entry that is a folder of the project.
    pub(super) fn local(&mut self) {
        self.local += 1;
    }

    pub(super) fn include(&mut self, line: u32, path: &str) {
        self.includes.push(Include {
            line,
            path: path.to_owned(),
        });
    }

    /// Whether any package was found.
    pub(super) fn has_packages(&self) -> bool {
        !self.packages.is_empty()
    }

    /// Folds in what an included file named.
    pub(super) fn absorb(&mut self, file: Option<&str>, parsed: Parsed) {
        let named = |mut remark: Remark| {
            remark.file = file.map(str::to_owned);
            remark
        };
        parsed
            .skipped
            .into_iter()
            .map(named)
            .for_each(|remark| self.skipped.insert(remark));
        parsed
            .notes
            .into_iter()
            .map(named)
            .for_each(|remark| self.notes.insert(remark));
        self.local += parsed.local;
        parsed
            .packages
            .into_iter()
            .for_each(|entry| self.insert(entry));
    }

    pub(super) fn finish(mut self) -> Parsed {
        if self.past_limit > 0 {
            let reason = format!("a file may name at most {MAX_PACKAGES} packages");
            self.skipped.list.truncate(MAX_REMARKS - 1);
            self.skipped.list.push(Remark {
                file: None,
                line: None,
                text: format!("{} more packages", self.past_limit),
                reason,
            });
        }
        Parsed {
            packages: self.packages.into_values().collect(),
            skipped: self.skipped.finish(),
            notes: self.notes.finish(),
            includes: self.includes,
            local: self.local,
        }
    }
}

/// A package named twice may be any of the files named either time. A mention without
/// digests allows any file, but the stricter one is kept. `into` stays sorted.
fn merge_hashes(into: &mut Vec<ExpectedHash>, more: Vec<ExpectedHash>) {
    for hash in more {
        if into.len() < MAX_HASHES
            && let Err(at) = into.binary_search(&hash)
        {
            into.insert(at, hash);
        }
    }
}

#[derive(Debug, Default)]
struct Remarks {
    list: Vec<Remark>,
    over: usize,
}

impl Remarks {
    fn push(&mut self, line: Option<u32>, text: &str, reason: impl Into<String>) {
        self.insert(Remark {
            file: None,
            line,
            text: cut(text),
            reason: reason.into(),
        });
    }

    fn insert(&mut self, remark: Remark) {
        if self.list.len() < MAX_REMARKS - 1 {
            self.list.push(remark);
        } else {
            self.over += 1;
        }
    }

    fn finish(mut self) -> Vec<Remark> {
        if self.over > 0 {
            self.list.truncate(MAX_REMARKS - 1);
            self.list.push(Remark {
                file: None,
                line: None,
                text: format!("{} more entries", self.over),
                reason: format!("at most {MAX_REMARKS} are listed"),
            });
        }
        self.list
    }
}
