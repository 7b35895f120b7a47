//! The labelled corpus (`corpus/`): packages as text, made into archives.
//!
//! Its format stands in `corpus/README.md`. Malicious ones are stored in base64, so that no
//! scanner takes a checkout apart.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use packguard_platform::purl::Purl;
use packguard_runtime::report::PackageInfo;
use packguard_runtime::{Input, InputArtifact, Integrity, Source};

use crate::tar_gz;

/// Where the corpus stands. `CORPUS` names another one, such as one that is held out.
pub fn folder() -> PathBuf {
    std::env::var_os("CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus"),
        PathBuf::from,
    )
}

/// One package of the corpus.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// `malicious/npm/left-padder`: label, ecosystem and file name.
    pub id: String,
    /// Whether it is to be flagged.
    pub malicious: bool,
    /// The folder it stands in: `npm`, `pypi`, `extension`, …
    pub ecosystem: String,
    /// What it does, or resembles; the first is the main one.
    pub techniques: Vec<String>,
    /// How it was rewritten: `plain`, `aliasing`, …
    pub rewriting: String,
    /// `tgz`, `sdist`, …
    pub archive: String,
    /// Its package URL.
    pub purl: String,
    /// The registry's metadata, where the sample has any.
    pub metadata: Option<serde_json::Value>,
    /// What is packed.
    pub files: Vec<SampleFile>,
}

/// One file of a sample.
#[derive(Debug, Clone)]
pub struct SampleFile {
    /// Path in the archive.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether the archive marks it executable.
    pub executable: bool,
}

/// All samples, by id.
///
/// # Errors
/// Names the file that can't be read, and why.
pub fn samples() -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for label in ["malicious", "honest"] {
        for ecosystem in entries(&folder().join(label))? {
            for path in entries(&ecosystem)? {
                let sample = read(&path, label, &ecosystem);
                samples.push(sample.with_context(|| path.display().to_string())?);
            }
        }
    }
    Ok(samples)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = read
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path, label: &str, ecosystem: &Path) -> Result<Sample> {
    let stored = std::fs::read_to_string(path)?;
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("txt") => stored,
        Some("b64") => {
            let joined: String = stored.split_whitespace().collect();
            String::from_utf8(BASE64_STANDARD.decode(joined)?)?
        }
        _ => bail!("samples are called *.txt or *.b64"),
    };
    let name = |path: &Path| -> Option<String> { Some(path.file_stem()?.to_str()?.to_owned()) };
    let ecosystem = name(ecosystem).context("a folder with a name")?;
    let mut sample = parse(&text)?;
    sample.malicious = label == "malicious";
    sample.id = format!("{label}/{ecosystem}/{}", name(path).context("a name")?);
    sample.ecosystem = ecosystem;
    Ok(sample)
}

/// A sample of its text.
///
/// # Errors
/// Says what the format does not allow.
pub fn parse(text: &str) -> Result<Sample> {
    let (header, body) = text
        .split_once("\n\n")
        .context("no empty line after the header")?;
    let mut sample = Sample::default();
    for line in header.lines() {
        let (key, value) = line
            .split_once(": ")
            .context("a header line is `key: value`")?;
        let value = value.trim();
        match key {
            "technique" => sample.techniques.push(value.into()),
            "rewriting" => sample.rewriting = value.into(),
            "archive" => sample.archive = value.into(),
            "purl" => sample.purl = value.into(),
            "summary" | "about" | "kind" => {}
            other => bail!("unknown header `{other}`"),
        }
    }
    let mut content = String::new();
    let mut open: Option<&str> = None;
    for line in body.split_inclusive('\n') {
        match marker(line) {
            Some(next) => {
                close(&mut sample, open.replace(next), &content)?;
                content.clear();
            }
            None => content.push_str(line),
        }
    }
    close(&mut sample, open, &content)?;
    if sample.techniques.is_empty() || sample.files.is_empty() || sample.archive.is_empty() {
        bail!("a sample has a technique, an archive and files");
    }
    Ok(sample)
}

/// What stands between `-- ` and ` --`.
fn marker(line: &str) -> Option<&str> {
    line.trim_end().strip_prefix("-- ")?.strip_suffix(" --")
}

fn close(sample: &mut Sample, open: Option<&str>, text: &str) -> Result<()> {
    let Some(open) = open else {
        return Ok(());
    };
    let (path, options) = match open.rsplit_once(" (") {
        Some((path, options)) => (path, options.trim_end_matches(')')),
        None => (open, ""),
    };
    if path == "@metadata.json" {
        sample.metadata = Some(serde_json::from_str(text)?);
        return Ok(());
    }
    let mut file = SampleFile {
        path: path.into(),
        bytes: text.as_bytes().to_vec(),
        executable: false,
    };
    for option in options.split(", ").filter(|option| !option.is_empty()) {
        match option.split_once(' ') {
            None if option == "executable" => file.executable = true,
            None if option == "base64" => {
                let joined: String = text.split_whitespace().collect();
                file.bytes = BASE64_STANDARD.decode(joined).context(path.to_owned())?;
            }
            Some(("repeat", times)) => file.bytes = file.bytes.repeat(times.parse()?),
            _ => bail!("unknown option `{option}` of {path}"),
        }
    }
    sample.files.push(file);
    Ok(())
}

impl Sample {
    /// File name and bytes of its archive.
    ///
    /// # Errors
    /// When the sample names a kind of archive that is not known.
    pub fn pack(&self) -> Result<(String, Vec<u8>)> {
        let name = self.id.rsplit('/').next().unwrap_or_default();
        let (suffix, bytes) = match self.archive.as_str() {
            "tgz" => ("tgz", self.tar()),
            "sdist" => ("tar.gz", self.tar()),
            "crate" => ("crate", self.tar()),
            "wheel" => ("whl", self.zip()?),
            "gem" => ("gem", self.gem()?),
            "jar" => ("jar", self.zip()?),
            "nupkg" => ("nupkg", self.zip()?),
            "vsix" => ("vsix", self.zip()?),
            "zip" if self.ecosystem == "extension" => ("vsix", self.zip()?),
            "zip" => ("zip", self.zip()?),
            other => bail!("unknown archive `{other}` of {}", self.id),
        };
        Ok((format!("{name}.{suffix}"), bytes))
    }

    /// What the pipeline gets: its archive, as an archive of which nothing else is known; with
    /// what the registry says, where the sample has that.
    pub fn input(&self, filename: &str, path: PathBuf) -> Input {
        let purl: Option<Purl> = self.metadata.as_ref().and_then(|_| self.purl.parse().ok());
        let mut package = PackageInfo {
            ecosystem: "generic".into(),
            name: filename.into(),
            ..PackageInfo::default()
        };
        if let Some(purl) = purl {
            package.ecosystem = purl.ecosystem().as_str().into();
            package.namespace = purl.namespace().map(str::to_owned);
            package.name = purl.name().into();
            package.version = purl.version().map(str::to_owned);
            package.purl = Some(purl.to_string());
        }
        Input {
            package,
            artifacts: vec![InputArtifact {
                filename: filename.into(),
                source: Source::Archive(path),
                integrity: Integrity::Unknown,
            }],
            metadata: self.metadata.clone(),
            ..Input::default()
        }
    }

    fn tar(&self) -> Vec<u8> {
        tar_gz(&self.pairs())
    }

    fn pairs(&self) -> Vec<(&str, &[u8])> {
        let files = self.files.iter();
        files
            .map(|file| (file.path.as_str(), file.bytes.as_slice()))
            .collect()
    }

    fn zip(&self) -> Result<Vec<u8>> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for file in &self.files {
            let mode = if file.executable { 0o755 } else { 0o644 };
            let options = zip::write::SimpleFileOptions::default().unix_permissions(mode);
            zip.start_file(&file.path, options)?;
            zip.write_all(&file.bytes)?;
        }
        Ok(zip.finish()?.into_inner())
    }

    /// A gem: `metadata.gz` and `data.tar.gz` in a tar.
    fn gem(&self) -> Result<Vec<u8>> {
        let mut metadata = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let mut data = Vec::new();
        for (path, bytes) in self.pairs() {
            match path.strip_prefix("data/") {
                Some(path) => data.push((path, bytes)),
                None if path == "metadata" => metadata.write_all(bytes)?,
                None => bail!("a gem holds `metadata` and `data/…`, not {path}"),
            }
        }
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in [
            ("metadata.gz", metadata.finish()?),
            ("data.tar.gz", tar_gz(&data)),
        ] {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, bytes.as_slice())?;
        }
        Ok(tar.into_inner()?)
    }
}
