//! Samples: packages with a label, and the findings that are expected in them.
//!
//! `samples/<case>/package/` holds the files, `sample.toml` says what the package is, and
//! `expected.json` the findings, as they stand in a report. A file whose content a virus scanner
//! could trip on is kept as `<file>.b64`, in base64, and decoded for the analysis.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use packguard_runtime::report::Finding;
use serde::{Deserialize, Serialize};

use super::{no_links, strict};
use crate::failure::{Failure, at, usage};

/// Most samples in a project: a run of them takes a second or two.
const MAX_SAMPLES: usize = 1_000;

/// Most files in a sample, and their bytes together: a sample shows one thing.
const MAX_FILES: usize = 1_000;
const MAX_BYTES: u64 = 16 << 20;

/// Most folders inside one another in a sample.
const MAX_DEPTH: usize = 32;

/// Largest `expected.json`, bytes: 2,000 findings, the most of a report.
const MAX_EXPECTED: u64 = 8 << 20;

/// Ends the name of a file that is kept in base64.
const ENCODED: &str = ".b64";

const TABLES: &strict::Tables = &[("", &["ecosystem", "name", "version", "label"])];

/// What a sample truly is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// An analyzer of this kind should flag it.
    Malicious,
    /// It should not.
    Benign,
}

impl Label {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malicious => "malicious",
            Self::Benign => "benign",
        }
    }
}

/// A sample.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its folder's name.
    pub name: String,
    /// What the package is.
    pub about: About,
    folder: PathBuf,
}

/// `sample.toml`
#[derive(Debug, Clone, Deserialize)]
pub struct About {
    /// Purl type.
    pub ecosystem: String,
    /// Name of the package.
    pub name: String,
    /// Version of the package.
    pub version: String,
    /// What it truly is.
    pub label: Label,
}

/// All samples below `folder`, in the project at `root`, by name.
pub(super) fn all(root: &Path, folder: &Path) -> Result<Vec<Sample>, Failure> {
    no_links(root, folder)?;
    let none = || {
        usage(
            format!("there are no samples in {}", folder.display()),
            "add one: samples/NAME/package/ with its files, and samples/NAME/sample.toml",
        )
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(none()),
        other => other.map_err(at(folder))?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.map_err(at(folder))?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    if folders.is_empty() {
        return Err(none());
    }
    if folders.len() > MAX_SAMPLES {
        return Err(usage(
            format!("there are more than {MAX_SAMPLES} samples"),
            "keep those that show something the others do not",
        ));
    }
    let read = |folder| Sample::read(root, folder);
    folders.into_iter().map(read).collect()
}

impl Sample {
    fn read(root: &Path, folder: PathBuf) -> Result<Self, Failure> {
        // The last is written to.
        for name in ["sample.toml", "package", "expected.json"] {
            no_links(root, &folder.join(name))?;
        }
        let name = folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        for (wanted, what) in [
            ("sample.toml", "it says what the package is and its label"),
            ("package", "the folder with the package's files"),
        ] {
            if !folder.join(wanted).exists() {
                return Err(usage(
                    format!("the sample {name} has no {wanted}"),
                    format!("add it: {what}"),
                ));
            }
        }
        Ok(Self {
            about: strict::read(&folder.join("sample.toml"), TABLES)?,
            name,
            folder,
        })
    }

    /// The findings that are expected; `None` where nobody said yet.
    pub(crate) fn expected(&self) -> Result<Option<Vec<Finding>>, Failure> {
        let path = self.golden();
        let mut bytes = Vec::new();
        match fs::File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(at(&path))?,
        }
        .take(MAX_EXPECTED)
        .read_to_end(&mut bytes)
        .map_err(at(&path))?;
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            usage(
                format!("{}/expected.json: {error}", self.name),
                "it holds the findings as they stand in a report: sdk test --update writes it",
            )
        })
    }

    /// Where the golden output stands.
    pub(crate) fn golden(&self) -> PathBuf {
        self.folder.join("expected.json")
    }

    /// Copies the package's files to `target`, decoded.
    pub(crate) fn unpack(&self, target: &Path) -> Result<(), Failure> {
        let mut copy = Copy {
            sample: &self.name,
            files: 0,
            left: MAX_BYTES,
        };
        copy.folder(&self.folder.join("package"), target, 0)
    }
}

/// Copies a package, within the limits.
struct Copy<'a> {
    sample: &'a str,
    files: usize,
    left: u64,
}

impl Copy<'_> {
    fn folder(&mut self, from: &Path, to: &Path, depth: usize) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            return Err(self.refused("nests folders too deeply", "32 levels are enough"));
        }
        fs::create_dir_all(to).map_err(at(to))?;
        for entry in fs::read_dir(from).map_err(at(from))? {
            let entry = entry.map_err(at(from))?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(at(from))?);
            if kind.is_dir() {
                self.folder(&path, &to.join(entry.file_name()), depth + 1)?;
            } else if kind.is_file() {
                self.file(&path, to)?;
            } else {
                return Err(self.refused(
                    "holds a link or a device",
                    "put in regular files; links differ from machine to machine",
                ));
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path) -> Result<(), Failure> {
        self.files += 1;
        let mut bytes = Vec::new();
        let file = fs::File::open(from).map_err(at(from))?;
        file.take(self.left + 1)
            .read_to_end(&mut bytes)
            .map_err(at(from))?;
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            return Err(self.refused("has more than 16 MiB", "keep what the rule is about"));
        };
        if self.files > MAX_FILES {
            return Err(self.refused("has more than 1,000 files", "keep what the rule is about"));
        }
        self.left = left;
        let name = from.file_name().unwrap_or_default().to_string_lossy();
        let (name, bytes) = match name.strip_suffix(ENCODED) {
            Some(name) => (name.to_owned(), self.decode(name, &bytes)?),
            None => (name.into_owned(), bytes),
        };
        let target = to.join(&name);
        if target.exists() {
            return Err(self.refused(
                &format!("holds {name} twice"),
                "keep the file or its .b64, not both",
            ));
        }
        fs::write(&target, bytes).map_err(at(&target))
    }

    fn decode(&self, name: &str, text: &[u8]) -> Result<Vec<u8>, Failure> {
        let text: Vec<u8> = text
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_err(|error| {
                self.refused(
                    &format!("holds {name}{ENCODED}, which is no base64: {error}"),
                    "encode the file: base64 FILE > FILE.b64",
                )
            })
    }

    fn refused(&self, what: &str, hint: &str) -> Failure {
        usage(format!("the sample {} {what}", self.sample), hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Result<Sample, Failure>) {
        let folder = tempfile::tempdir().unwrap();
        let case = folder.path().join("samples/case");
        fs::create_dir_all(case.join("package")).unwrap();
        for (path, bytes) in files {
            let path = case.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let read = read(folder.path());
        (folder, read)
    }

    /// The first sample of the project in `root`.
    fn read(root: &Path) -> Result<Sample, Failure> {
        all(root, &root.join("samples")).map(|mut all| all.remove(0))
    }

    const ABOUT: (&str, &[u8]) = (
        "sample.toml",
        b"ecosystem = \"pypi\"\nname = \"x\"\nversion = \"1\"\nlabel = \"benign\"\n",
    );

    fn refusal(files: &[(&str, &[u8])]) -> String {
        let (folder, read) = sample(files);
        let target = folder.path().join("target");
        match read.and_then(|sample| sample.unpack(&target)) {
            Ok(()) => String::new(),
            Err(failure) => format!("{} {}", failure.message, failure.hint),
        }
    }

    #[test]
    fn encoded_files_are_decoded() {
        let (folder, read) = sample(&[ABOUT, ("package/a/setup.py.b64", b"aW1wb3J0\nIG9z\n")]);
        let target = folder.path().join("target");
        read.unwrap().unpack(&target).unwrap();
        assert_eq!(fs::read(target.join("a/setup.py")).unwrap(), b"import os");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let big = vec![b'x'; 17 << 20];
        for (files, says) in [
            (&[][..], "has no sample.toml"),
            (
                &[("sample.toml", &b"lable = \"benign\""[..])],
                "did you mean `label`",
            ),
            (&[ABOUT, ("package/a.b64", b"!!")], "no base64"),
            (
                &[ABOUT, ("package/a.b64", b""), ("package/a", b"")],
                "twice",
            ),
            (&[ABOUT, ("package/a", &big[..])], "more than 16 MiB"),
        ] {
            let said = refusal(files);
            assert!(said.contains(says), "{says}: {said}");
        }
    }

    #[test]
    fn links_are_not_followed() {
        let (folder, read) = sample(&[ABOUT]);
        std::os::unix::fs::symlink("/etc", folder.path().join("samples/case/package/etc")).unwrap();
        let failure = read
            .unwrap()
            .unpack(&folder.path().join("target"))
            .unwrap_err();
        assert!(failure.message.contains("link"), "{}", failure.message);
    }

    #[test]
    fn no_part_of_a_sample_is_a_link() {
        for part in [
            "samples",
            "samples/case",
            "samples/case/package",
            "samples/case/sample.toml",
            "samples/case/expected.json",
        ] {
            let (folder, _) = sample(&[ABOUT, ("expected.json", b"[]")]);
            let (path, elsewhere) = (folder.path().join(part), folder.path().join("elsewhere"));
            fs::rename(&path, &elsewhere).unwrap();
            std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
            let failure = read(folder.path()).unwrap_err();
            let says = format!("{part} is a symbolic link");
            assert!(failure.message.ends_with(&says), "{}", failure.message);
        }
    }
}
