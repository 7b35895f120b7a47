//! `packguard.toml`.

use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;
use packguard_platform::functions::name;
use packguard_platform::purl::Ecosystem;
use serde::{Deserialize, Serialize};

use super::strict;
use crate::failure::{Failure, usage};

/// The manifest's file name.
pub const FILE: &str = "packguard.toml";

/// Longest name of a function, characters: it is part of URLs, file names and crate names.
const MAX_NAME: usize = 64;

/// Longest description, characters: it is one line of a list.
const MAX_DESCRIPTION: usize = 200;

const TABLES: &strict::Tables = &[
    ("", &[]),
    (
        "function",
        &["name", "version", "language", "description", "ecosystems"],
    ),
    ("build", &["component"]),
    ("test", &["samples"]),
];

/// What a function is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Rust, built by cargo.
    Rust,
    /// Python, built by componentize-py.
    Python,
    /// JavaScript or TypeScript, built by jco.
    Javascript,
}

/// What the manifest says, checked.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Name of the function, as `describe` says it.
    pub name: String,
    /// Version of the function, as `describe` says it.
    pub version: semver::Version,
    /// What it is written in.
    pub language: Language,
    /// One line.
    pub description: String,
    /// Purl types it applies to; empty for all.
    pub ecosystems: Vec<String>,
    /// Where the build leaves the component, relative to the project.
    pub component: Option<PathBuf>,
    /// Where the samples stand, relative to the project.
    pub samples: PathBuf,
}

#[derive(Deserialize)]
struct Raw {
    function: RawFunction,
    #[serde(default)]
    build: RawBuild,
    #[serde(default)]
    test: RawTest,
}

#[derive(Deserialize)]
struct RawFunction {
    name: String,
    version: semver::Version,
    language: Language,
    #[serde(default)]
    description: String,
    #[serde(default)]
    ecosystems: Vec<String>,
}

#[derive(Deserialize, Default)]
struct RawBuild {
    component: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
struct RawTest {
    samples: Option<PathBuf>,
}

impl Manifest {
    /// Reads and checks the manifest.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let raw: Raw = strict::read(path, TABLES)?;
        let manifest = Self {
            name: raw.function.name,
            version: raw.function.version,
            language: raw.function.language,
            description: raw.function.description,
            ecosystems: raw.function.ecosystems,
            component: raw.build.component,
            samples: raw.test.samples.unwrap_or_else(|| "samples".into()),
        };
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), Failure> {
        let wrong = |what: String, hint: &str| Err(usage(format!("{FILE}: {what}"), hint));
        if !is_name(&self.name) {
            return wrong(
                format!("`{}` is no name for a function", quoted(&self.name)),
                NAME_HINT,
            );
        }
        if let Err(error) = name::function(&self.name) {
            return wrong(error.to_string(), NAME_HINT);
        }
        let version = self.version.to_string();
        if let Err(error) = name::version(&version) {
            return wrong(
                format!("the version {}: {error}", quoted(&version)),
                "a version is never replaced: raise the number instead",
            );
        }
        if self.description.chars().count() > MAX_DESCRIPTION || self.description.contains('\n') {
            return wrong(
                "the description is longer than a line".into(),
                "keep it below 200 characters; the README has room for more",
            );
        }
        if let Some(unknown) = self.ecosystems.iter().find(|one| !is_ecosystem(one)) {
            let all = Ecosystem::ALL.map(Ecosystem::as_str).join(", ");
            return wrong(
                format!("`{}` is no ecosystem", quoted(unknown)),
                &format!("there are: {all}; leave the list empty for all"),
            );
        }
        for (key, path) in [
            ("build.component", self.component.as_deref()),
            ("test.samples", Some(self.samples.as_path())),
        ] {
            if path.is_some_and(|path| !is_inside(path)) {
                return wrong(
                    format!("{key} leads out of the project"),
                    "name a path below the project's folder, without `..`",
                );
            }
        }
        Ok(())
    }
}

pub(crate) const NAME_HINT: &str =
    "use up to 64 lower-case letters and digits with single dashes between, as in exfil-check";

/// Whether `text` is kebab-case, begins with a letter and is not too long.
pub fn is_name(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= MAX_NAME
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.split('-').all(word)
}

fn is_ecosystem(text: &str) -> bool {
    Ecosystem::ALL.into_iter().any(|one| one.as_str() == text)
}

fn is_inside(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

fn quoted(text: &str) -> String {
    packguard_platform::output::line(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Manifest, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, text).unwrap();
        Manifest::read(&path).map_err(|failure| format!("{}\n{}", failure.message, failure.hint))
    }

    const GOOD: &str = "[function]\nname = \"a-b\"\nversion = \"0.1.0\"\nlanguage = \"rust\"\n";

    #[test]
    fn what_is_left_out_has_a_default() {
        let manifest = read(GOOD).unwrap();
        assert_eq!(manifest.samples, Path::new("samples"));
        assert!(manifest.component.is_none() && manifest.ecosystems.is_empty());
    }

    #[test]
    fn unknown_keys_are_named_with_the_nearest_known() {
        for (text, says) in [
            (format!("{GOOD}desciption = \"x\"\n"), "`description`"),
            (
                format!("{GOOD}[tests]\nsamples = \"x\"\n"),
                "did you mean `test`",
            ),
            (format!("{GOOD}[test]\nsample = \"x\"\n"), "`samples`"),
            (
                format!("{GOOD}zzz = 1\n"),
                "there are: name, version, language",
            ),
            (format!("name = \"x\"\n{GOOD}"), "no key `name`"),
        ] {
            let said = read(&text).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
        }
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for (from, to, says) in [
            ("\"a-b\"", "\"A_b\"", "no name for a function"),
            ("\"a-b\"", "7", "expected a string"),
            ("\"a-b\"", "\"python\"", "a bundled component"),
            ("\"0.1.0\"", "\"0.1.0+a\"", "without build metadata"),
            ("\"0.1.0\"", "\"one\"", "version"),
            ("\"rust\"", "\"cobol\"", "unknown variant `cobol`"),
            (
                "\"rust\"",
                "\"rust\"\necosystems = [\"pipi\"]",
                "no ecosystem",
            ),
            (
                "\"rust\"",
                "\"rust\"\n[test]\nsamples = \"../x\"",
                "leads out",
            ),
            (
                "\"rust\"",
                "\"rust\"\n[build]\ncomponent = \"/x\"",
                "leads out",
            ),
            ("[function]", "[function", "packguard.toml"),
        ] {
            let said = read(&GOOD.replace(from, to)).unwrap_err();
            assert!(said.contains(says), "{to}: {said}");
        }
        assert!(
            read(&"# x\n".repeat(20_000))
                .unwrap_err()
                .contains("more than")
        );
    }

    #[test]
    fn names_are_kebab_case() {
        for good in ["a", "exfil-check", "a1-2"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "1a", "A", "a_b", "ä"] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(!is_name(&"a".repeat(65)));
    }
}
