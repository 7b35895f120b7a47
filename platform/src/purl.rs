//! Package URLs: which package, of which ecosystem, in which version.
//!
//! [`Purl`] parses the whole purl specification through the `packageurl` crate and mends what
//! the crate leaves open: an empty subpath, an upper-case scheme, doubled qualifiers, PyPI's
//! runs of separators, slashes written as `%2F`, and versions that contain a slash.
//!
//! The canonical form lower-cases names as the specification asks. npm (`JSONStream`) and Go tell
//! names apart by case, so the spelling of the input is kept beside it for look-ups.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

mod error;

pub use error::PurlError;

/// The longest purl that is read, in bytes: real ones stay below 300.
pub const MAX_LENGTH: usize = 4096;

/// The package ecosystems that packguard knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the purl type of its name")]
pub enum Ecosystem {
    Pypi,
    Npm,
    Cargo,
    Gem,
    Maven,
    Composer,
    Golang,
    Nuget,
}

impl Ecosystem {
    /// All of them, in the order in which messages list them.
    pub const ALL: [Self; 8] = [
        Self::Pypi,
        Self::Npm,
        Self::Cargo,
        Self::Gem,
        Self::Maven,
        Self::Composer,
        Self::Golang,
        Self::Nuget,
    ];

    /// The purl type, which is also the ecosystem's name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pypi => "pypi",
            Self::Npm => "npm",
            Self::Cargo => "cargo",
            Self::Gem => "gem",
            Self::Maven => "maven",
            Self::Composer => "composer",
            Self::Golang => "golang",
            Self::Nuget => "nuget",
        }
    }

    fn from_type(purl_type: &str) -> Option<Self> {
        if purl_type == "packagist" {
            return Some(Self::Composer);
        }
        Self::ALL.into_iter().find(|e| e.as_str() == purl_type)
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A parsed package URL. `Display` writes the canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purl {
    ecosystem: Ecosystem,
    namespace: Option<String>,
    name: String,
    version: Option<String>,
    qualifiers: BTreeMap<String, String>,
    subpath: Option<String>,
    spelling: Spelling,
}

/// Namespace and name in the letter case of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spelling {
    namespace: Option<String>,
    name: String,
}

impl Purl {
    /// The package's ecosystem.
    pub fn ecosystem(&self) -> Ecosystem {
        self.ecosystem
    }

    /// The canonical namespace, decoded: npm's `@scope`, maven's group, composer's vendor, the
    /// directory part of a Go module path.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The canonical name, decoded.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Namespace and name as one string in the canonical spelling, joined by `/`.
    pub fn full_name(&self) -> String {
        join(self.namespace.as_deref(), &self.name)
    }

    /// Namespace and name in the input's letter case, joined by `/`, for registries that tell
    /// names apart by case.
    pub fn spelled_name(&self) -> String {
        join(self.spelling.namespace.as_deref(), &self.spelling.name)
    }

    /// The version, decoded; none asks for the latest.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The value of a qualifier, by its lower-case key.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.get(key).map(String::as_str)
    }

    /// The subpath, decoded, without leading or trailing slash.
    pub fn subpath(&self) -> Option<&str> {
        self.subpath.as_deref()
    }

    /// The same package in this version.
    #[must_use]
    pub fn with_version(&self, version: &str) -> Self {
        let version = Some(version.to_owned());
        Self {
            version,
            ..self.clone()
        }
    }

    /// Another release of the package: as [`Purl::with_version`], without the qualifiers that
    /// hold for one release alone.
    #[must_use]
    pub fn at_version(&self, version: &str) -> Self {
        let mut other = self.with_version(version);
        let of_one = ["file_name", "filename", "dist_tag", "dist", "checksum"];
        other
            .qualifiers
            .retain(|key, _| !of_one.contains(&key.as_str()));
        other
    }
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(input: &str) -> Result<Self, PurlError> {
        if input.len() > MAX_LENGTH {
            return Err(PurlError::TooLong(input.len()));
        }
        let malformed = |reason: String| PurlError::Malformed {
            purl: input.escape_debug().to_string(),
            reason,
        };
        let parts =
            strip_scheme(input.trim()).ok_or_else(|| malformed("it lacks `pkg:`".to_owned()))?;
        let (purl_type, rest) = parts
            .split_once('/')
            .ok_or_else(|| malformed("it lacks a type".to_owned()))?;
        if !is_type(purl_type) {
            return Err(malformed(
                "its type has characters that no type has".to_owned(),
            ));
        }
        let ecosystem = Ecosystem::from_type(&purl_type.to_ascii_lowercase())
            .ok_or_else(|| PurlError::UnknownType(purl_type.to_owned()))?;
        let rest = mend(rest).map_err(|reason| malformed(reason.to_owned()))?;
        // For `generic` the crate checks only the syntax and decodes; the rules follow here.
        let parsed = packageurl::PackageUrl::from_str(&format!("pkg:generic/{rest}"))
            .map_err(|error| malformed(error.to_string()))?;
        let purl = build(ecosystem, &parsed).map_err(|reason| malformed(reason.to_owned()))?;
        // Percent-encoding may have made it longer than what is read.
        match purl.to_string().len() {
            length if length > MAX_LENGTH => Err(PurlError::TooLong(length)),
            _ => Ok(purl),
        }
    }
}

/// What follows `pkg:` and any slashes after it, as the specification tolerates them.
fn strip_scheme(purl: &str) -> Option<&str> {
    let (scheme, rest) = purl.split_once(':')?;
    scheme
        .eq_ignore_ascii_case("pkg")
        .then(|| rest.trim_start_matches('/'))
}

fn is_type(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'))
}

/// Drops an empty subpath, which the crate refuses, and refuses doubled qualifiers, of which
/// the crate keeps the last one: two readers of one purl must not see two packages.
fn mend(rest: &str) -> Result<&str, &'static str> {
    let rest = match rest.rsplit_once('#') {
        Some((before, subpath)) if subpath.split('/').all(|s| matches!(s, "" | "." | "..")) => {
            before
        }
        _ => rest,
    };
    let before_subpath = rest.rsplit_once('#').map_or(rest, |(before, _)| before);
    if let Some((_, qualifiers)) = before_subpath.rsplit_once('?') {
        let mut seen = BTreeSet::new();
        for pair in qualifiers.split('&') {
            let key = pair.split_once('=').map_or(pair, |(key, _)| key);
            if !key.is_empty() && !seen.insert(key.to_ascii_lowercase()) {
                return Err("it has the same qualifier twice");
            }
        }
    }
    Ok(rest)
}

/// Applies the rules of the purl type.
fn build(ecosystem: Ecosystem, parsed: &packageurl::PackageUrl<'_>) -> Result<Purl, &'static str> {
    let spelling = split_name(ecosystem, parsed.namespace(), parsed.name());
    let canonical = |text: &str| match ecosystem {
        Ecosystem::Pypi => collapse_separators(&text.to_lowercase()),
        Ecosystem::Npm | Ecosystem::Composer | Ecosystem::Golang => text.to_lowercase(),
        _ => text.to_owned(),
    };
    let purl = Purl {
        ecosystem,
        namespace: spelling.namespace.as_deref().map(canonical),
        name: canonical(&spelling.name),
        version: parsed.version().map(str::to_owned),
        qualifiers: parsed
            .qualifiers()
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
        subpath: parsed.subpath().map(str::to_owned),
        spelling,
    };
    check_namespace(&purl)?;
    check_name(&purl)?;
    check_version(&purl)?;
    Ok(purl)
}

/// Splits a name that was written with `%2F`, as several tools do for scopes and module paths.
fn split_name(ecosystem: Ecosystem, namespace: Option<&str>, name: &str) -> Spelling {
    let namespace = namespace.filter(|text| !text.is_empty());
    let path_names = matches!(
        ecosystem,
        Ecosystem::Npm | Ecosystem::Golang | Ecosystem::Composer
    );
    match name.rsplit_once('/') {
        Some((front, last)) if path_names && namespace.is_none() => Spelling {
            namespace: Some(front.to_owned()),
            name: last.to_owned(),
        },
        _ => Spelling {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        },
    }
}

fn check_namespace(purl: &Purl) -> Result<(), &'static str> {
    match (purl.ecosystem, purl.namespace.as_deref()) {
        (Ecosystem::Composer, None) => Err("composer packages are named VENDOR/NAME"),
        (Ecosystem::Pypi | Ecosystem::Cargo | Ecosystem::Gem | Ecosystem::Nuget, Some(_)) => {
            Err("packages of this type have no namespace")
        }
        (Ecosystem::Npm, Some(scope)) if !scope.starts_with('@') || scope.contains('/') => {
            Err("an npm namespace is one scope that starts with @ (written %40)")
        }
        (_, Some(namespace)) => {
            let segments_are_names = namespace
                .split('/')
                .all(|s| is_name(purl.ecosystem, s.strip_prefix('@').unwrap_or(s)));
            segments_are_names
                .then_some(())
                .ok_or("its namespace has characters that no namespace has")
        }
        (_, None) => Ok(()),
    }
}

fn check_name(purl: &Purl) -> Result<(), &'static str> {
    let allowed = is_name(purl.ecosystem, &purl.name);
    let hidden = purl.ecosystem == Ecosystem::Npm && purl.name.starts_with(['.', '_']);
    (allowed && !hidden)
        .then_some(())
        .ok_or("its name has characters that no name has")
}

/// Names become parts of URLs and of file names: only what registries accept passes.
fn is_name(ecosystem: Ecosystem, text: &str) -> bool {
    let extra: &[u8] = match ecosystem {
        Ecosystem::Npm => b".-_~!'()*",
        Ecosystem::Golang => b".-_~+!",
        _ => b".-_",
    };
    !matches!(text, "" | "." | "..")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
}

fn check_version(purl: &Purl) -> Result<(), &'static str> {
    match purl.version.as_deref() {
        None => Ok(()),
        // `@$VERSION` with the variable unset must not quietly mean the latest version.
        Some("") => Err("its version is empty; leave the @ out to ask for the latest"),
        Some(version) => {
            let harmless = !version.chars().any(|c| c.is_control() || c == '\\')
                && !version.split('/').any(|s| matches!(s, "" | "." | ".."));
            harmless
                .then_some(())
                .ok_or("its version has characters that no version has")
        }
    }
}

/// PyPI's rule: each run of `-`, `_` and `.` is one `-`.
fn collapse_separators(name: &str) -> String {
    let mut collapsed = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if collapsed.ends_with('-') => {}
            '-' | '_' | '.' => collapsed.push('-'),
            other => collapsed.push(other),
        }
    }
    collapsed
}

fn join(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(
        || name.to_owned(),
        |namespace| format!("{namespace}/{name}"),
    )
}

/// All but letters, digits, `-._~` and the colon is percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = |text| utf8_percent_encode(text, ENCODED);
        write!(f, "pkg:{}/", self.ecosystem)?;
        for segment in self
            .namespace
            .iter()
            .flat_map(|namespace| namespace.split('/'))
        {
            write!(f, "{}/", encode(segment))?;
        }
        write!(f, "{}", encode(&self.name))?;
        if let Some(version) = &self.version {
            write!(f, "@{}", encode(version))?;
        }
        for (index, (key, value)) in self.qualifiers.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            write!(f, "{separator}{key}={}", encode(value))?;
        }
        for (index, segment) in self.subpath.iter().flat_map(|s| s.split('/')).enumerate() {
            let separator = if index == 0 { '#' } else { '/' };
            write!(f, "{separator}{}", encode(segment))?;
        }
        Ok(())
    }
}
