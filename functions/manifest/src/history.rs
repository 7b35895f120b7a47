//! What the registry's metadata says of a release: how young the package is, who publishes
//! it, whether its number fits. Hints that weigh only beside behaviour.

use packguard_sdk::{Analysis, Category, Confidence, Package, Rule, Severity};
use serde::Deserialize;

/// The release is among the package's first.
pub const YOUNG: Rule = Rule::new(
    "registry-young-package",
    "The package was new when this was published",
    "The release came within a week of the package's first one. Nearly all malicious packages are found in their first days; so is every honest package once.\n\nPrefer packages with a history, or wait.",
    Category::Metadata,
    Severity::Info,
    &[],
);

/// A maintainer's address lasts minutes.
pub const DISPOSABLE: Rule = Rule::new(
    "registry-disposable-mail",
    "A maintainer has a throw-away e-mail address",
    "The address belongs to a service whose mailboxes last minutes and need no name. Who publishes software to be found again does not use them.\n\nFind out who publishes the package.",
    Category::Metadata,
    Severity::Medium,
    &["T1585.002"],
);

/// No repository is named.
pub const NO_REPOSITORY: Rule = Rule::new(
    "registry-no-repository",
    "The package names no repository",
    "Neither a repository nor a home page is given, so the code cannot be compared with its source.",
    Category::Metadata,
    Severity::Info,
    &[],
);

/// A number that beats all others.
pub const INFLATED: Rule = Rule::new(
    "registry-inflated-version",
    "The version number is far too high",
    "A version such as 99.99.99 or 9999.0.0 beats the number of any private package of the same name: that is how dependency confusion makes installers take the public one.\n\nFind out whether your organisation has a private package of this name.",
    Category::SupplyChain,
    Severity::Low,
    &["T1195.002"],
);

/// Services of throw-away addresses.
const THROW_AWAY: &[&str] = &[
    "mailinator.com",
    "guerrillamail.com",
    "guerrillamail.net",
    "sharklasers.com",
    "10minutemail.com",
    "10minutemail.net",
    "temp-mail.org",
    "tempmail.com",
    "tempmailo.com",
    "yopmail.com",
    "trashmail.com",
    "trashmail.de",
    "getnada.com",
    "nada.email",
    "maildrop.cc",
    "dispostable.com",
    "mailnesia.com",
    "mohmal.com",
    "emailondeck.com",
    "fakeinbox.com",
    "throwawaymail.com",
    "mintemail.com",
    "mytemp.email",
    "moakt.com",
    "tempinbox.com",
    "spamgourmet.com",
    "discard.email",
    "mailcatch.com",
    "tempr.email",
    "1secmail.com",
    "1secmail.org",
    "1secmail.net",
    "mail.tm",
    "mailto.plus",
    "fexpost.com",
    "burnermail.io",
    "inboxkitten.com",
    "minuteinbox.com",
    "tmail.ws",
    "grr.la",
    "mailpoof.com",
    "emltmp.com",
    "cock.li",
    "linshiyouxiang.net",
];

/// Days within which a package counts as young.
const YOUNG_DAYS: i64 = 7;

/// The part of the metadata that matters here (`docs/metadata.md`).
#[derive(Debug, Default, Deserialize)]
struct Told {
    version: Option<String>,
    repository: Option<String>,
    homepage: Option<String>,
    published_at: Option<String>,
    first_published_at: Option<String>,
    versions: Option<u64>,
    authors: Option<Vec<Person>>,
    maintainers: Option<Vec<Person>>,
}

#[derive(Debug, Deserialize)]
struct Person {
    email: Option<String>,
}

/// Looks at the metadata, and at the version where there is none.
pub fn look(package: &Package, analysis: &mut Analysis) {
    let told: Option<Told> = package
        .metadata()
        .and_then(|metadata| serde_json::from_str(metadata).ok());
    let version = told
        .as_ref()
        .and_then(|told| told.version.clone())
        .or_else(|| package.0.version.clone());
    if let Some(version) = version.filter(|version| is_inflated(version)) {
        analysis.push(INFLATED.about_package(
            format!("The version {version} beats any other of this name"),
            Confidence::Medium,
        ));
    }
    let Some(told) = told else {
        return;
    };
    let days = |text: &Option<String>| text.as_deref().and_then(day);
    if let (Some(first), Some(this)) = (days(&told.first_published_at), days(&told.published_at))
        && (0..=YOUNG_DAYS).contains(&(this - first))
    {
        let count = told.versions.unwrap_or(1);
        analysis.push(YOUNG.about_package(
            format!(
                "Published {} days after the package's first release; {count} versions are listed",
                this - first
            ),
            Confidence::High,
        ));
    }
    let blank = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
    if blank(&told.repository) && blank(&told.homepage) {
        analysis.push(NO_REPOSITORY.about_package(
            "Neither repository nor home page is given",
            Confidence::High,
        ));
    }
    let people = told.authors.iter().chain(&told.maintainers).flatten();
    let throw_away = people
        .filter_map(|person| person.email.as_deref())
        .filter_map(|email| email.rsplit_once('@'))
        .find(|(_, domain)| THROW_AWAY.contains(&domain.trim().to_ascii_lowercase().as_str()));
    if let Some((_, domain)) = throw_away {
        analysis.push(DISPOSABLE.about_package(
            format!("A maintainer's address is at {domain}, which hands out throw-away mailboxes"),
            Confidence::High,
        ));
    }
}

/// `99.99.99`, `9999.0.0`, `100.100.100`: not a number that releases led to.
pub fn is_inflated(version: &str) -> bool {
    let version = version
        .trim_start_matches('v')
        .split(['-', '+'])
        .next()
        .unwrap_or_default();
    let parts: Vec<&str> = version.split('.').collect();
    let Some(major) = parts.first() else {
        return false;
    };
    let nines = major.len() >= 2 && major.bytes().all(|byte| byte == b'9');
    let same = parts.len() == 3
        && parts.iter().all(|part| part == major)
        && major.parse::<u32>().is_ok_and(|major| major >= 9);
    nines || same
}

/// Days since an epoch of a date that RFC 3339 writes.
fn day(text: &str) -> Option<i64> {
    let mut parts = text.get(..10)?.split('-').map(str::parse::<i64>);
    let (year, month, day) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    // Howard Hinnant's days_from_civil.
    let year = if month <= 2 { year - 1 } else { year };
    let shifted = (month + 9) % 12;
    Some(
        year * 365 + year.div_euclid(4) - year.div_euclid(100)
            + year.div_euclid(400)
            + (153 * shifted + 2) / 5
            + day,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_beat_all_others() {
        for version in [
            "99.99.99",
            "9999.0.0",
            "99.0.0",
            "9.9.9",
            "100.100.100",
            "v999.1.2",
        ] {
            assert!(is_inflated(version), "{version}");
        }
        for version in [
            "1.0.0", "9.0.1", "2024.1.1", "131.0.2", "19.2.9", "1.1.1", "0.0.0", "",
        ] {
            assert!(!is_inflated(version), "{version}");
        }
    }

    #[test]
    fn days_are_counted() {
        let apart = |one, other| day(other).unwrap() - day(one).unwrap();
        assert_eq!(apart("2024-02-28T00:00:00Z", "2024-03-01T10:00:00Z"), 2);
        assert_eq!(apart("2023-12-31", "2024-01-01"), 1);
        assert_eq!(day("soon"), None);
    }
}
