//! A function's project: `packguard.toml`, its sources, its samples.

mod manifest;
mod sample;
mod strict;

pub(crate) use manifest::NAME_HINT;
pub use manifest::{FILE, Language, Manifest, is_name};
pub use sample::{Label, Sample};
pub(crate) use strict::nearest;

use std::path::{Path, PathBuf};

use packguard_platform::output::line;

use crate::failure::{Failure, usage};

/// A project on disk.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder that holds `packguard.toml`.
    pub root: PathBuf,
    /// What that file says.
    pub manifest: Manifest,
}

impl Project {
    /// The project around the current folder.
    ///
    /// # Errors
    /// When there is none, or its manifest makes no sense.
    pub fn here() -> Result<Self, Failure> {
        let here = std::env::current_dir().map_err(crate::failure::at(Path::new(".")))?;
        Self::around(&here)
    }

    /// The project around `folder`.
    ///
    /// # Errors
    /// When there is none, or its manifest makes no sense.
    pub fn around(folder: &Path) -> Result<Self, Failure> {
        let Some(root) = folder.ancestors().find(|one| one.join(FILE).is_file()) else {
            return Err(usage(
                format!("there is no {FILE} in this folder or above it"),
                "run it inside a project, or make one: sdk new NAME --lang rust",
            ));
        };
        Ok(Self {
            root: root.to_owned(),
            manifest: Manifest::read(&root.join(FILE))?,
        })
    }

    /// Where the built component stands.
    pub fn component(&self) -> PathBuf {
        match &self.manifest.component {
            Some(path) => self.root.join(path),
            None => self
                .root
                .join("dist")
                .join(format!("{}.wasm", self.manifest.name)),
        }
    }

    /// The samples, by name.
    ///
    /// # Errors
    /// When there are none, or one of them makes no sense.
    pub fn samples(&self) -> Result<Vec<Sample>, Failure> {
        sample::all(&self.root, &self.root.join(&self.manifest.samples))
    }
}

/// Refuses a `path` that leads through a symbolic link below `root`: a project that was handed
/// over must not read and write elsewhere. What is not there is no link.
pub(crate) fn no_links(root: &Path, path: &Path) -> Result<(), Failure> {
    let inside = path.strip_prefix(root).unwrap_or(path);
    let mut part = root.to_owned();
    for name in inside {
        part.push(name);
        if std::fs::symlink_metadata(&part).is_ok_and(|found| found.is_symlink()) {
            return Err(usage(
                format!("{} is a symbolic link", line(&part.display().to_string())),
                "put in regular files and folders",
            ));
        }
    }
    Ok(())
}
