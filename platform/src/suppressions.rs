//! The file of findings that the operator accepts (`--suppressions`, `SUPPRESSIONS`).
//!
//! ```toml
//! [[suppression]]
//! rule = "python-spawn"
//! content = "…"            # SHA-256 of the file, as the report names it, or
//! # fingerprint = "…"      # `content_fingerprint` of one finding
//! reason = "starts our own formatter"
//! owner = "build@example.com"
//! expires = 2027-01-31
//! ```
//!
//! What it can't say: a path, a name, a package, a pattern. Whoever writes a package chooses
//! those, and would choose the ones that are looked away from.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use packguard_runtime::{Scope, Suppression};

/// Largest file, bytes.
const MAX_FILE: u64 = 4 << 20;
/// Most entries: each is somebody's decision.
const MAX_ENTRIES: usize = 10_000;
/// Longest reason and owner, bytes: they stand in reports.
const MAX_TEXT: usize = 500;
/// Hex digits of the two kinds of keys.
const CONTENT: usize = 64;
const FINGERPRINT: usize = 32;

/// Why a file of suppressions is not used. Nothing of it applies then.
#[derive(Debug, thiserror::Error)]
pub enum SuppressionError {
    /// It can't be read.
    #[error("{path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is too large.
    #[error("{0} has more than {MAX_FILE} bytes or {MAX_ENTRIES} suppressions")]
    TooLarge(PathBuf),
    /// It is not TOML.
    #[error("{path} is not TOML: {reason}")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// What the parser said, one line.
        reason: String,
    },
    /// An entry makes no sense.
    #[error("{path}: suppression {number} {problem}")]
    Entry {
        /// Which file.
        path: PathBuf,
        /// Which entry, from 1.
        number: usize,
        /// What is wrong.
        problem: String,
    },
}

impl SuppressionError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check the path and its permissions",
            Self::TooLarge(_) => "remove what ran out",
            Self::Syntax { .. } | Self::Entry { .. } => {
                "an entry is [[suppression]] with rule, content or fingerprint (both are in the JSON report), reason, owner, and expires = 2027-01-31"
            }
        }
    }
}

/// An entry with its day, before it is known what day it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    rule: String,
    scope: Scope,
    reason: String,
    owner: String,
    expires: NaiveDate,
}

/// The entries of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suppressions(Vec<Entry>);

impl Suppressions {
    /// Reads a file.
    ///
    /// # Errors
    /// At the first entry that makes no sense: half a file is not what was meant.
    pub fn read(path: &Path) -> Result<Self, SuppressionError> {
        let unreadable = |source| SuppressionError::Read {
            path: path.to_owned(),
            source,
        };
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(MAX_FILE + 1)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        if text.len() as u64 > MAX_FILE {
            return Err(SuppressionError::TooLarge(path.to_owned()));
        }
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, SuppressionError> {
        let syntax = |reason: &str| SuppressionError::Syntax {
            path: path.to_owned(),
            reason: reason.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| syntax(error.message()))?;
        let mut entries = Vec::new();
        for (key, value) in table {
            let list = match (key.as_str(), value) {
                ("suppression", toml::Value::Array(list)) => list,
                _ => {
                    return Err(syntax(&format!(
                        "it holds `{key}`, and not [[suppression]]"
                    )));
                }
            };
            if list.len() > MAX_ENTRIES {
                return Err(SuppressionError::TooLarge(path.to_owned()));
            }
            for (number, one) in (1..).zip(&list) {
                let entry = entry(one).map_err(|problem| SuppressionError::Entry {
                    path: path.to_owned(),
                    number,
                    problem,
                })?;
                entries.push(entry);
            }
        }
        Ok(Self(entries))
    }

    /// As the pipeline takes them, on that day: what expires on it still applies.
    pub fn on(&self, today: NaiveDate) -> Vec<Suppression> {
        let entries = self.0.iter().map(|one| Suppression {
            rule: one.rule.clone(),
            scope: one.scope.clone(),
            reason: one.reason.clone(),
            owner: one.owner.clone(),
            expires: one.expires.to_string(),
            expired: one.expires < today,
        });
        entries.collect()
    }

    /// A line for each that ran out before that day.
    pub fn expired(&self, today: NaiveDate) -> Vec<String> {
        let over = self.0.iter().filter(|one| one.expires < today);
        let lines: BTreeSet<String> = over
            .map(|one| {
                format!(
                    "the suppression of {} by {} ran out on {}: renew or remove it",
                    one.rule, one.owner, one.expires
                )
            })
            .collect();
        lines.into_iter().collect()
    }
}

/// Today, UTC.
pub fn today() -> NaiveDate {
    chrono::Utc::now().date_naive()
}

fn entry(value: &toml::Value) -> Result<Entry, String> {
    let table = value.as_table().ok_or("is no table")?;
    for key in table.keys() {
        match key.as_str() {
            "rule" | "content" | "fingerprint" | "reason" | "owner" | "expires" => {}
            "path" | "file" | "name" | "package" | "purl" | "glob" | "pattern" => {
                return Err(format!(
                    "has `{key}`: a suppression names content, never a {key}, which whoever writes a package chooses"
                ));
            }
            other => {
                return Err(format!(
                    "has `{}`, which means nothing",
                    crate::output::line(other)
                ));
            }
        }
    }
    let rule = text(table, "rule")?;
    let is_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !rule.chars().all(is_id) {
        return Err("has a `rule` that is no rule's id; patterns are not taken".into());
    }
    Ok(Entry {
        rule,
        scope: scope(table)?,
        reason: text(table, "reason")?,
        owner: text(table, "owner")?,
        expires: expires(table)?,
    })
}

fn text(table: &toml::Table, key: &str) -> Result<String, String> {
    let text = table.get(key).and_then(toml::Value::as_str).map(str::trim);
    match text {
        Some(text) if text.len() > MAX_TEXT => {
            Err(format!("has a `{key}` of more than {MAX_TEXT} bytes"))
        }
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("has no `{key}`, or an empty one")),
    }
}

fn scope(table: &toml::Table) -> Result<Scope, String> {
    let digits = |key: &str, count: usize| -> Result<String, String> {
        let text = text(table, key)?.to_ascii_lowercase();
        if text.len() != count || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("has a `{key}` that is not {count} hex digits"));
        }
        Ok(text)
    };
    match (
        table.contains_key("content"),
        table.contains_key("fingerprint"),
    ) {
        (true, false) => Ok(Scope::Content(digits("content", CONTENT)?)),
        (false, true) => Ok(Scope::Fingerprint(digits("fingerprint", FINGERPRINT)?)),
        (true, true) => Err("has both `content` and `fingerprint`: give one".into()),
        (false, false) => Err("has neither `content` nor `fingerprint`".into()),
    }
}

/// A day, as TOML's own type or as text.
fn expires(table: &toml::Table) -> Result<NaiveDate, String> {
    let text = match table.get("expires") {
        Some(toml::Value::Datetime(date)) => date.to_string(),
        Some(toml::Value::String(text)) => text.trim().to_owned(),
        _ => return Err("has no `expires`: nothing is accepted for ever".into()),
    };
    NaiveDate::parse_from_str(&text, "%Y-%m-%d")
        .map_err(|_| "has an `expires` that is not a day such as 2027-01-31".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Suppressions, SuppressionError> {
        Suppressions::parse(Path::new("s.toml"), text)
    }

    fn entry_with(changed: &[(&str, &str)]) -> String {
        let content = format!("\"{}\"", "ab".repeat(32));
        let mut lines = vec![
            ("rule", "\"python-spawn\""),
            ("content", content.as_str()),
            ("reason", "\"known\""),
            ("owner", "\"us\""),
            ("expires", "2027-01-31"),
        ];
        for (key, value) in changed {
            lines.retain(|(name, _)| name != key);
            if !value.is_empty() {
                lines.push((key, value));
            }
        }
        let lines: Vec<String> = lines.iter().map(|(k, v)| format!("{k} = {v}\n")).collect();
        format!("[[suppression]]\n{}", lines.concat())
    }

    #[test]
    fn an_entry_holds_until_its_day_is_over() {
        let read = parse(&entry_with(&[])).unwrap();
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert!(!read.on(day("2027-01-31"))[0].expired);
        assert!(read.on(day("2027-02-01"))[0].expired);
        assert_eq!(read.expired(day("2027-01-31")).len(), 0);
        assert_eq!(read.expired(day("2027-02-01")).len(), 1);
        assert_eq!(
            read,
            parse(&entry_with(&[("expires", "\"2027-01-31\"")])).unwrap()
        );
        assert_eq!(parse("").unwrap(), Suppressions::default());
    }

    #[test]
    fn what_would_blind_is_refused() {
        let fingerprint = format!("\"{}\"", "cd".repeat(16));
        for (changed, said) in [
            (&[("path", "\"setup.py\"")][..], "names content"),
            (&[("package", "\"pkg:pypi/x\"")], "names content"),
            (&[("colour", "1")], "means nothing"),
            (&[("rule", "\"*\"")], "patterns"),
            (&[("rule", "")], "no `rule`"),
            (&[("content", "\"*\"")], "hex digits"),
            (&[("content", "")], "neither"),
            (&[("fingerprint", fingerprint.as_str())], "both"),
            (&[("reason", "\" \"")], "no `reason`"),
            (&[("owner", "")], "no `owner`"),
            (&[("expires", "")], "for ever"),
            (&[("expires", "\"never\"")], "not a day"),
            (&[("expires", "2027-01-31T00:00:00Z")], "not a day"),
        ] {
            let error = parse(&entry_with(changed)).unwrap_err().to_string();
            assert!(error.contains(said), "{changed:?}: {error}");
        }
        for text in ["x", "a = 1", "suppression = 1", "[[other]]"] {
            assert!(parse(text).is_err(), "{text}");
        }
        let many = entry_with(&[]).repeat(MAX_ENTRIES + 1);
        assert!(matches!(parse(&many), Err(SuppressionError::TooLarge(_))));
    }
}
