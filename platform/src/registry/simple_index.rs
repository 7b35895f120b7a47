//! PyPI's simple index, in both of its forms: JSON (PEP 691) and HTML (PEP 503).

use std::collections::BTreeMap;
use std::str::FromStr;

use pep440_rs::Version;
use serde::Deserialize;
use url::Url;

use super::checksum::{Algorithm, Checksum};
use super::document::Document;
use super::error::FetchError;
use super::html;

/// Asks for JSON and takes HTML, which is all that many mirrors have.
pub(super) const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, \
     application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// A file that the index lists, with the version that its name tells.
pub(super) struct IndexFile {
    pub(super) filename: String,
    pub(super) url: Url,
    pub(super) size: Option<u64>,
    pub(super) checksums: Vec<Checksum>,
    /// Withdrawn; with the reason, or empty.
    pub(super) yanked: Option<String>,
    pub(super) upload_time: Option<String>,
    pub(super) version: FileVersion,
}

/// A version as a file name spells it, and parsed if it follows PEP 440.
pub(super) struct FileVersion {
    pub(super) text: String,
    pub(super) parsed: Option<Version>,
}

impl FileVersion {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            parsed: Version::from_str(text).ok(),
        }
    }

    /// Whether this is the wanted version: 1.0 is 1.0.0.
    pub(super) fn is(&self, wanted: &str) -> bool {
        self.text == wanted
            || self.parsed.is_some() && self.parsed == Version::from_str(wanted).ok()
    }
}

#[derive(Deserialize)]
struct JsonIndex {
    files: Vec<JsonFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    size: Option<u64>,
    #[serde(default)]
    yanked: Yanked,
    upload_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Yanked {
    Flag(bool),
    Reason(String),
}

impl Default for Yanked {
    fn default() -> Self {
        Self::Flag(false)
    }
}

/// Reads an index page; files whose names belong to no version of `name` (normalised) are left
/// out, as pip leaves them out.
pub(super) fn read(document: &Document, name: &str) -> Result<Vec<IndexFile>, FetchError> {
    let files = if document.content_type.contains("json") {
        json_files(document)?
    } else if document.content_type.contains("html") {
        html_files(document)
    } else {
        return Err(document.nonsense(format!("its type is `{}`", document.content_type)));
    };
    let versioned = files.into_iter().filter_map(|mut file| {
        file.version = file_version(&file.filename, name)?;
        file.url.set_fragment(None);
        Some(file)
    });
    Ok(versioned.collect())
}

fn json_files(document: &Document) -> Result<Vec<IndexFile>, FetchError> {
    let index: JsonIndex = document.json()?;
    let files = index.files.into_iter().map(|file| {
        let url = document
            .url
            .join(&file.url)
            .map_err(|e| document.nonsense(e.to_string()))?;
        Ok(IndexFile {
            url,
            size: file.size,
            checksums: file
                .hashes
                .iter()
                .filter_map(|(name, hash)| checksum(name, hash))
                .collect(),
            yanked: match file.yanked {
                Yanked::Flag(false) => None,
                Yanked::Flag(true) => Some(String::new()),
                Yanked::Reason(reason) => Some(reason),
            },
            upload_time: file.upload_time,
            version: FileVersion::new(""),
            filename: file.filename,
        })
    });
    files.collect()
}

fn html_files(document: &Document) -> Vec<IndexFile> {
    let links = html::links(document).into_iter().map(|link| {
        let fragment = link
            .url
            .fragment()
            .and_then(|fragment| fragment.split_once('='));
        IndexFile {
            checksums: fragment
                .and_then(|(name, hash)| checksum(name, hash))
                .into_iter()
                .collect(),
            filename: link.filename,
            url: link.url,
            size: None,
            yanked: link.yanked,
            upload_time: link.upload_time,
            version: FileVersion::new(""),
        }
    });
    links.collect()
}

fn checksum(name: &str, digest: &str) -> Option<Checksum> {
    let algorithm = match name {
        "sha512" => Algorithm::Sha512,
        "sha384" => Algorithm::Sha384,
        "sha256" => Algorithm::Sha256,
        "sha1" => Algorithm::Sha1,
        _ => return None,
    };
    Checksum::hex(algorithm, digest)
}

/// Source archives; the order matters where one ending contains another.
const SOURCE_ENDINGS: [&str; 7] = [
    ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.Z", ".tgz", ".tar", ".zip",
];

/// Installers of old, which pip ignores and people still download.
const INSTALLER_ENDINGS: [&str; 5] = [".exe", ".msi", ".rpm", ".deb", ".dmg"];

/// Whether a file is a source distribution rather than a built one.
pub(super) fn is_source(filename: &str) -> bool {
    SOURCE_ENDINGS
        .iter()
        .any(|ending| filename.ends_with(ending))
}

/// The version in a file name: PEP 427 for wheels, PEP 625 and its looser forerunners for
/// source archives, `NAME-VERSION-pyX.Y.egg`, and the installers of distutils.
fn file_version(filename: &str, name: &str) -> Option<FileVersion> {
    if let Some(stem) = filename
        .strip_suffix(".whl")
        .or_else(|| filename.strip_suffix(".egg"))
    {
        let version = after_name(stem, name)?.split('-').next()?;
        // Wheels write the + of a local version as _.
        return Some(FileVersion::new(&version.replacen('_', "+", 1)));
    }
    let endings = SOURCE_ENDINGS.iter().chain(&INSTALLER_ENDINGS);
    let stem = endings
        .filter_map(|ending| filename.strip_suffix(ending))
        .next()?;
    let rest = after_name(stem, name)?;
    // `1.0.linux-x86_64` and `1.0.win32-py2.7` come from bdist_dumb and bdist_wininst.
    let platform = [
        ".linux",
        ".win",
        ".macosx",
        ".cygwin",
        "-1.noarch",
        "-1.src",
        "-1.x86_64",
    ];
    let end = platform.iter().filter_map(|marker| rest.find(marker)).min();
    Some(FileVersion::new(&rest[..end.unwrap_or(rest.len())]))
}

/// What follows `NAME-`, for whichever spelling of the name.
fn after_name<'a>(stem: &'a str, name: &str) -> Option<&'a str> {
    let mut dashes = stem.match_indices('-').map(|(index, _)| index);
    let end = dashes.find(|&end| same_name(&stem[..end], name))?;
    Some(&stem[end + 1..])
}

/// Compares a spelled name with a normalised one, without building the normalised spelling.
fn same_name(spelled: &str, normalised: &str) -> bool {
    let mut last_was_separator = false;
    let folded = spelled.bytes().filter_map(|byte| {
        let is_separator = matches!(byte, b'-' | b'_' | b'.');
        let repeats = is_separator && last_was_separator;
        last_was_separator = is_separator;
        let folded = if is_separator {
            b'-'
        } else {
            byte.to_ascii_lowercase()
        };
        (!repeats).then_some(folded)
    });
    folded.eq(normalised.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_tell_versions() {
        let cases = [
            ("requests-2.28.1.tar.gz", "requests", Some("2.28.1")),
            (
                "requests-2.28.1-py3-none-any.whl",
                "requests",
                Some("2.28.1"),
            ),
            (
                "zope.interface-5.0.0-cp39-cp39-linux_x86_64.whl",
                "zope-interface",
                Some("5.0.0"),
            ),
            (
                "zope_interface-5.0.0.tar.gz",
                "zope-interface",
                Some("5.0.0"),
            ),
            (
                "python-dateutil-2.8.2.tar.gz",
                "python-dateutil",
                Some("2.8.2"),
            ),
            ("python-dateutil-2.8.2.tar.gz", "python", None),
            (
                "torch-1.0_cu118-cp39-cp39-linux_x86_64.whl",
                "torch",
                Some("1.0+cu118"),
            ),
            ("a-1.0-2-py3-none-any.whl", "a", Some("1.0")),
            ("a-1.0-py2.7.egg", "a", Some("1.0")),
            ("a-1.0.linux-x86_64.tar.gz", "a", Some("1.0")),
            ("a-1.0.win32-py2.7.exe", "a", Some("1.0")),
            ("a-1.0.tar.gz.asc", "a", None),
            ("b-1.0.tar.gz", "a", None),
        ];
        for (filename, name, expected) in cases {
            let version = file_version(filename, name).map(|version| version.text);
            // A name that is a prefix of another yields a version that is none.
            let version = version.filter(|text| Version::from_str(text).is_ok());
            assert_eq!(version.as_deref(), expected, "{filename}");
        }
    }
}
