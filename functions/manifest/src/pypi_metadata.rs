//! Python: PKG-INFO and METADATA against the index.

use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Category, Confidence, File, Package, Rule, Severity};

use crate::pypi::url_requirement;
use crate::registry::Registry;
use crate::top::{MANIFEST_LIMIT, find};

/// Name or version differ.
pub const METADATA_DIFFERS: Rule = Rule {
    id: "pypi-metadata-differs",
    title: "The archive says another name or version than the index",
    help: "`PKG-INFO` or `METADATA` names another project or version than the one that was asked for. Repackaged malware keeps the metadata of what it copies.\n\nFind out what the archive really holds.",
    category: Category::Metadata,
    severity: Severity::Medium,
    attack: &["T1036.005"],
};

/// Dependencies differ.
pub const DEPENDENCIES_DIFFER: Rule = Rule {
    id: "pypi-dependencies-differ",
    title: "The archive requires packages that the index does not list",
    help: "pip installs what the archive requires; the index shows what the first uploaded file said. Honest when source and wheels are built differently.",
    category: Category::Metadata,
    severity: Severity::Low,
    attack: &["T1036"],
};

/// Looks at the metadata files at the top of each artifact.
pub fn look(package: &Package, analysis: &mut Analysis) {
    if !matches!(package.ecosystem(), "pypi" | "generic") {
        return;
    }
    let registry = Registry::of(package).filter(|_| package.ecosystem() == "pypi");
    let is_metadata = |path: &str| {
        path == "PKG-INFO"
            || path.ends_with(".dist-info/METADATA") && path.matches('/').count() == 1
    };
    for file in package.top_files(is_metadata) {
        let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
            continue;
        };
        let source = Source::new(&text);
        // A description may follow the headers and quote anything.
        let headers: Vec<(&str, &str)> = text
            .lines()
            .take_while(|line| !line.trim().is_empty())
            .filter(|line| !line.starts_with([' ', '\t']))
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let get = |key: &str| {
            headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(key))
                .map(|(_, value)| *value)
        };
        if package.ecosystem() == "pypi" {
            let version = package.0.version.as_deref();
            compare(
                file,
                &source,
                "Name",
                get("Name"),
                Some(package.name()),
                normal_name,
                analysis,
            );
            compare(
                file,
                &source,
                "Version",
                get("Version"),
                version,
                normal_version,
                analysis,
            );
        }
        let requires = headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("Requires-Dist"))
            .map(|(_, value)| *value);
        for requirement in requires {
            url_requirement(file, &source, requirement, analysis);
            unlisted(file, &source, requirement, registry.as_ref(), analysis);
        }
    }
}

fn compare(
    file: File<'_>,
    source: &Source<'_>,
    key: &str,
    stands: Option<&str>,
    told: Option<&str>,
    normal: fn(&str) -> String,
    analysis: &mut Analysis,
) {
    if let (Some(stands), Some(told)) = (stands, told)
        && normal(stands) != normal(told)
    {
        let finding = METADATA_DIFFERS
            .at(
                file,
                source,
                find(source.text(), 0, &format!("{key}:")),
                Confidence::Medium,
            )
            .title(format!(
                "The archive says {} {stands}, the index says {told}",
                key.to_ascii_lowercase()
            ));
        analysis.push(finding);
    }
}

fn unlisted(
    file: File<'_>,
    source: &Source<'_>,
    requirement: &str,
    registry: Option<&Registry>,
    analysis: &mut Analysis,
) {
    // Extras are optional, and registries list them in different ways.
    if requirement.contains("extra") {
        return;
    }
    let Some(told) = registry
        .and_then(|registry| registry.dependencies.as_ref())
        .filter(|told| !told.is_empty())
    else {
        return;
    };
    let name = requirement
        .split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
        .next()
        .unwrap_or_default();
    if !told
        .iter()
        .any(|known| normal_name(&known.name) == normal_name(name))
    {
        let finding = DEPENDENCIES_DIFFER
            .at(
                file,
                source,
                find(source.text(), 0, requirement),
                Confidence::Medium,
            )
            .title(format!(
                "The archive requires {name}, which the index does not list"
            ));
        analysis.push(finding);
    }
}

/// PEP 503: runs of `-`, `_` and `.` are one `-`, in lower case.
pub fn normal_name(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// Enough of PEP 440 that two spellings of a version compare equal.
fn normal_version(version: &str) -> String {
    let version = version
        .trim()
        .trim_start_matches(['v', 'V'])
        .to_ascii_lowercase();
    let mut out = version
        .replace(['-', '_'], ".")
        .replace("alpha", "a")
        .replace("beta", "b")
        .replace("preview", "rc")
        .replace("pre", "rc");
    for mark in ["a", "b", "rc", "dev", "post"] {
        out = out
            .replace(&format!(".{mark}"), mark)
            .replace(&format!("{mark}."), mark);
    }
    let zeros = out.split('.').map(|part| {
        if part.is_empty() || part.bytes().any(|byte| !byte.is_ascii_digit()) {
            part
        } else {
            match part.trim_start_matches('0') {
                "" => "0",
                rest => rest,
            }
        }
    });
    let mut parts: Vec<&str> = zeros.collect();
    while parts.len() > 1 && parts.last() == Some(&"0") {
        parts.pop();
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_names_and_versions_are_equal() {
        assert_eq!(normal_name("Foo__Bar.baz"), normal_name("foo-bar-baz"));
        assert_ne!(normal_name("foobar"), normal_name("foo-bar"));
        for (a, b) in [
            ("1.0", "1.0.0"),
            ("1.0-alpha1", "1.0a1"),
            ("2024.01.02", "2024.1.2"),
            ("v1.2", "1.2"),
            ("1.0.post1", "1.0-post1"),
            ("0.0.0", "0"),
        ] {
            assert_eq!(normal_version(a), normal_version(b), "{a} {b}");
        }
        assert_ne!(normal_version("1.0.1"), normal_version("1.0"));
        assert_ne!(normal_version("10"), normal_version("1"));
    }
}
