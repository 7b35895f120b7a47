//! Rules, and what a component says of itself.

use std::ops::Range;

use crate::bindings::analyzer::packguard::analyzer::types as wit;
use crate::package::File;
use crate::text::Source;
use crate::{Category, Confidence, Finding, Severity};

/// A kind of finding that an analyzer can make. Written once, as a constant.
///
/// A [`Finding`] starts from its rule and from what shows it: [`Rule::at`] a place in a
/// text, [`Rule::at_file`] or [`Rule::at_path`] a file as a whole, or
/// [`Rule::about_package`] with the words that say what was seen.
///
/// ```
/// use packguard_sdk::{Category, Rule, Severity};
///
/// const UPLOAD: Rule = Rule::new(
///     "demo-upload",
///     "The code sends files to a paste site",
///     "Found where a text names `paste.example.com`.\n\nRead what is sent.",
///     Category::Exfiltration,
///     Severity::High,
///     &["T1567.003"],
/// );
/// assert_eq!(UPLOAD.id, "demo-upload");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Kebab-case, unique over all analyzers.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// Markdown: what it finds, why it matters, what to do.
    pub help: &'static str,
    /// What it is about.
    pub category: Category,
    /// The severity it usually has.
    pub severity: Severity,
    /// MITRE ATT&CK technique ids.
    pub attack: &'static [&'static str],
}

impl Rule {
    /// A rule, written short: its fields in their order.
    pub const fn new(
        id: &'static str,
        title: &'static str,
        help: &'static str,
        category: Category,
        severity: Severity,
        attack: &'static [&'static str],
    ) -> Self {
        Self {
            id,
            title,
            help,
            category,
            severity,
            attack,
        }
    }

    /// A finding at a byte range of a text file, with the snippet that stands there.
    ///
    /// ```
    /// # use packguard_sdk::{Category, Confidence, Rule, Severity, testing::PackageBuilder, text::Source};
    /// # const RULE: Rule = Rule::new("demo", "Demo", "", Category::Execution, Severity::Low, &[]);
    /// let package = PackageBuilder::new("pypi", "demo").file("a.py", "import os\nexec(x)\n").build();
    /// let file = package.files().next().unwrap();
    /// let source = Source::new("import os\nexec(x)\n");
    /// let finding = RULE.at(file, &source, 10..14, Confidence::High);
    /// let place = finding.record().location.as_ref().unwrap();
    /// assert_eq!((place.line, place.snippet.as_deref()), (Some(2), Some("exec(x)")));
    /// ```
    pub fn at(
        &self,
        file: File<'_>,
        source: &Source<'_>,
        range: Range<usize>,
        confidence: Confidence,
    ) -> Finding {
        let (line, column) = source.position(range.start);
        let (end_line, _) = source.position(range.end.max(range.start));
        let place = wit::Location {
            artifact: file.entry.artifact,
            path: file.path().into(),
            line: Some(line),
            column: Some(column),
            end_line: Some(end_line),
            snippet: Some(source.snippet(range)),
        };
        Finding::of(self, Some(place), confidence)
    }

    /// A finding about a file as a whole.
    pub fn at_file(&self, file: File<'_>, confidence: Confidence) -> Finding {
        self.at_path(file.entry.artifact, file.path(), confidence)
    }

    /// A finding about a path of an artifact, given by its index: an archive's entry that
    /// is no file, or the artifact itself by an empty path.
    pub fn at_path(
        &self,
        artifact: u32,
        path: impl Into<String>,
        confidence: Confidence,
    ) -> Finding {
        let place = wit::Location {
            artifact,
            path: path.into(),
            line: None,
            column: None,
            end_line: None,
            snippet: None,
        };
        Finding::of(self, Some(place), confidence)
    }

    /// A finding that no file shows, about the package as such: its name, its age, who
    /// published it. `what` was seen, in one line; it takes the title's place, since it
    /// is all the evidence there is.
    ///
    /// ```
    /// # use packguard_sdk::{Category, Confidence, Rule, Severity};
    /// # const YOUNG: Rule = Rule::new("demo-young", "The package is new", "", Category::Metadata, Severity::Info, &[]);
    /// let finding = YOUNG.about_package("First published three hours ago", Confidence::High);
    /// assert_eq!(finding.record().title, "First published three hours ago");
    /// ```
    pub fn about_package(&self, what: impl Into<String>, confidence: Confidence) -> Finding {
        Finding::of(self, None, confidence).title(what)
    }
}

/// What a component says of itself.
///
/// [`descriptor!`](crate::descriptor!) takes name, version and description from
/// `Cargo.toml`; the rest stands in the analyzer:
///
/// ```
/// use packguard_sdk::{Descriptor, descriptor};
///
/// const DESCRIPTOR: Descriptor = Descriptor { ecosystems: &["npm"], ..descriptor!() };
/// assert_eq!(DESCRIPTOR.version, env!("CARGO_PKG_VERSION"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// Kebab-case.
    pub name: &'static str,
    /// Semantic version.
    pub version: &'static str,
    /// One line.
    pub description: &'static str,
    /// Purl types it applies to; empty for all.
    pub ecosystems: &'static [&'static str],
    /// Every rule it can emit. The host refuses a finding of any other.
    pub rules: &'static [&'static Rule],
}

impl Descriptor {
    /// Fails the build where the host would refuse the descriptor; the export macros call
    /// it.
    ///
    /// # Panics
    /// When the name or a rule's id is not kebab-case, or two rules share an id.
    pub const fn check(&self) {
        assert!(is_kebab_case(self.name), "the name must be kebab-case");
        let mut at = 0;
        while at < self.rules.len() {
            let id = self.rules[at].id;
            assert!(is_kebab_case(id), "a rule's id must be kebab-case");
            let mut other = 0;
            while other < at {
                assert!(!is_same(id, self.rules[other].id), "two rules share an id");
                other += 1;
            }
            at += 1;
        }
    }
}

const fn is_kebab_case(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    let mut previous = b'-';
    while at < bytes.len() {
        let byte = bytes[at];
        let hyphen = byte == b'-' && previous != b'-';
        if !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || hyphen) {
            return false;
        }
        previous = byte;
        at += 1;
    }
    previous != b'-'
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

impl From<Descriptor> for wit::Descriptor {
    fn from(from: Descriptor) -> Self {
        Self {
            name: from.name.into(),
            version: from.version.into(),
            description: from.description.into(),
            ecosystems: from.ecosystems.iter().map(|name| (*name).into()).collect(),
            rules: from.rules.iter().map(|rule| (*rule).into()).collect(),
        }
    }
}

impl From<&Rule> for wit::Rule {
    fn from(from: &Rule) -> Self {
        Self {
            id: from.id.into(),
            title: from.title.into(),
            help: from.help.into(),
            category: from.category,
            severity: from.severity,
            attack: from.attack.iter().map(|id| (*id).into()).collect(),
        }
    }
}

impl Severity {
    /// From the mildest to the gravest.
    const LADDER: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The next severity up; `Critical` stays.
    pub fn raised(self) -> Self {
        Self::LADDER[(self as usize + 1).min(Self::LADDER.len() - 1)]
    }

    /// So many steps down, at the least `Info`.
    ///
    /// ```
    /// use packguard_sdk::Severity;
    /// assert_eq!(Severity::High.lowered(2), Severity::Low);
    /// assert_eq!(Severity::Low.lowered(9), Severity::Info);
    /// assert_eq!(Severity::High.raised(), Severity::Critical);
    /// ```
    pub fn lowered(self, steps: u8) -> Self {
        Self::LADDER[(self as usize).saturating_sub(usize::from(steps))]
    }
}

impl crate::Phase {
    /// The sooner code runs by itself, the higher: 3 at install, 0 where it is not known.
    pub fn urgency(self) -> u8 {
        match self {
            Self::Install => 3,
            Self::Import => 2,
            Self::Execute => 1,
            Self::Unknown => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case() {
        for good in ["a", "exfil-check", "npm-2fa"] {
            assert!(is_kebab_case(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "a_b", "é"] {
            assert!(!is_kebab_case(bad), "{bad}");
        }
    }

    #[test]
    fn equal_ids_are_told() {
        assert!(is_same("a-b", "a-b"));
        assert!(!is_same("a-b", "a-c") && !is_same("a", "ab"));
    }
}
