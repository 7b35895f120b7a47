//! Version order for the registries that have no library for it, and near misses.

use std::cmp::Ordering;

use super::error::FetchError;
use crate::purl::Ecosystem;

/// Compares versions the way Maven, RubyGems, Composer and NuGet agree on: runs of digits by
/// value, known pre-release words below the release, everything else by the alphabet; a longer
/// version is newer unless what follows is a pre-release word. Case does not count.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    // Equal versions in two spellings still need an order that is always the same.
    order(a, b).then_with(|| a.cmp(b))
}

/// Whether two spellings mean one version, such as 1.0 and 1.0.0.
pub(super) fn same(a: &str, b: &str) -> bool {
    order(a, b) == Ordering::Equal
}

fn order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (tokens(a), tokens(b));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (Some(token), None) => token.cmp(&Token::END),
            (None, Some(token)) => Token::END.cmp(&token),
            (Some(one), Some(other)) => one.cmp(&other),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Compares versions as the ecosystem does, where a library knows how, else as [`compare`] does.
pub(crate) fn order_in(ecosystem: Ecosystem, a: &str, b: &str) -> Ordering {
    let plain = |text: &str| text.trim_start_matches(['v', 'V']).to_owned();
    match ecosystem {
        Ecosystem::Pypi => {
            let parse = |text: &str| text.parse::<pep440_rs::Version>();
            if let (Ok(a), Ok(b)) = (parse(a), parse(b)) {
                return a.cmp(&b);
            }
        }
        Ecosystem::Npm | Ecosystem::Cargo | Ecosystem::Golang => {
            let parse = |text: &str| semver::Version::parse(&plain(text));
            if let (Ok(a), Ok(b)) = (parse(a), parse(b)) {
                return a.cmp_precedence(&b);
            }
        }
        _ => {}
    }
    order(&plain(a), &plain(b))
}

/// The release before this one: the highest version below it, and no pre-release unless this is
/// one too.
pub(crate) fn previous<'a>(
    ecosystem: Ecosystem,
    version: &str,
    versions: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let prerelease = is_prerelease(version);
    let before = versions.filter(|one| {
        (prerelease || !is_prerelease(one)) && order_in(ecosystem, one, version) == Ordering::Less
    });
    // Of two spellings of one version always the same.
    let highest = before.max_by(|a, b| order_in(ecosystem, a, b).then_with(|| a.cmp(b)));
    highest.map(str::to_owned)
}

/// Whether a version has a word that marks it as not yet released.
pub(super) fn is_prerelease(version: &str) -> bool {
    tokens(version).any(|token| matches!(token, Token::Before(_)))
}

/// A piece of a version. The variants' order is the pieces' order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    /// A pre-release word: its rank below the release.
    Before(u8),
    /// A word without rank.
    Word(String),
    /// A number: its length without leading zeros, then its digits, so that any length compares.
    Number(usize, String),
}

impl Token {
    /// The end of a version counts as zero: 1 and 1.0 are one version.
    const END: Self = Self::Number(0, String::new());

    fn word(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "dev" | "snapshot" => Self::Before(0),
            "a" | "alpha" => Self::Before(1),
            "b" | "beta" => Self::Before(2),
            "m" | "milestone" | "preview" | "pre" | "ea" => Self::Before(3),
            "rc" | "cr" | "candidate" => Self::Before(4),
            "final" | "ga" | "release" | "v" => Self::END,
            other => Self::Word(other.to_owned()),
        }
    }
}

/// The runs of letters and of digits; build metadata after `+` is not part of the order.
fn tokens(version: &str) -> impl Iterator<Item = Token> {
    let mut rest = version.split('+').next().unwrap_or(version);
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let first = rest.chars().next()?;
        let is_digit = first.is_ascii_digit();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() || c.is_ascii_digit() != is_digit)
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        if !is_digit {
            return Some(Token::word(run));
        }
        let digits = run.trim_start_matches('0');
        Some(Token::Number(digits.len(), digits.to_owned()))
    })
}

/// The highest version that is not a pre-release, or else the highest of all.
pub(super) fn latest<'a>(versions: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let stable = versions.clone().filter(|version| !is_prerelease(version));
    stable
        .max_by(|a, b| compare(a, b))
        .or_else(|| versions.max_by(|a, b| compare(a, b)))
}

/// The error for a version that does not exist, with the existing ones next to it.
pub(super) fn not_found<'a>(
    name: String,
    wanted: &str,
    latest: Option<&str>,
    versions: impl Iterator<Item = &'a str>,
) -> FetchError {
    let mut sorted: Vec<&str> = versions.collect();
    sorted.sort_by(|a, b| compare(a, b));
    let position = sorted.partition_point(|version| compare(version, wanted) == Ordering::Less);
    let from = position
        .saturating_sub(2)
        .min(sorted.len().saturating_sub(3));
    FetchError::VersionNotFound {
        name,
        version: wanted.to_owned(),
        latest: latest.map(str::to_owned),
        nearest: sorted
            .iter()
            .skip(from)
            .take(3)
            .map(|&version| version.to_owned())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_versions() {
        let ascending = [
            "0.9",
            "1.0-alpha1",
            "1.0-alpha.2",
            "1.0-beta",
            "1.0-rc1",
            "1.0.0",
            "1.0.1",
            "1.1",
            "1.2.0-SNAPSHOT",
            "1.2",
            "1.9",
            "1.10.0",
            "2.0.0.pre",
            "2",
            "10.0",
            "20040616",
            "99999999999999999999999999",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        let guava = ["31.0-jre", "31.1-android", "31.1-jre"];
        assert_eq!(latest(guava.into_iter()), Some("31.1-jre"));
    }

    #[test]
    fn the_latest_is_stable_if_anything_is() {
        assert_eq!(
            latest(["2.0.0-rc.1", "1.9", "1.10"].into_iter()),
            Some("1.10")
        );
        assert_eq!(
            latest(["2.0.0-rc.1", "2.0.0-beta"].into_iter()),
            Some("2.0.0-rc.1")
        );
        assert_eq!(
            latest(["1.0.0.v20200101"].into_iter()),
            Some("1.0.0.v20200101")
        );
        assert_eq!(latest(std::iter::empty()), None);
    }

    #[test]
    fn the_release_before_is_the_highest_below() {
        let before = |ecosystem, version| {
            let all = ["1.0.0", "1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0", "3.0.0"];
            previous(ecosystem, version, all.into_iter())
        };
        for ecosystem in Ecosystem::ALL {
            assert_eq!(
                before(ecosystem, "2.0.0").as_deref(),
                Some("1.10.0"),
                "{ecosystem}"
            );
            assert_eq!(
                before(ecosystem, "1.10.0").as_deref(),
                Some("1.9.0"),
                "{ecosystem}"
            );
            assert_eq!(before(ecosystem, "1.0.0"), None, "{ecosystem}");
            assert_eq!(
                before(ecosystem, "2.0.0-rc.2").as_deref(),
                Some("2.0.0-rc.1")
            );
        }
        let all = ["v1.2.3", "v1.2.4"].into_iter();
        assert_eq!(
            previous(Ecosystem::Golang, "v1.2.4", all).as_deref(),
            Some("v1.2.3")
        );
    }

    #[test]
    fn a_missing_version_names_its_neighbours() {
        let versions = ["1.0", "1.1", "1.2", "2.0", "3.0"];
        let nearest = |wanted| match not_found("x".into(), wanted, None, versions.into_iter()) {
            FetchError::VersionNotFound { nearest, .. } => nearest,
            other => panic!("{other}"),
        };
        assert_eq!(nearest("1.3"), ["1.1", "1.2", "2.0"]);
        assert_eq!(nearest("0.1"), ["1.0", "1.1", "1.2"]);
        assert_eq!(nearest("9"), ["1.2", "2.0", "3.0"]);
    }
}
