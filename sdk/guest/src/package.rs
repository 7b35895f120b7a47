//! The package under analysis.

use std::io;

use crate::bindings::analyzer::packguard::analyzer::types as wit;

/// One release with all its artifacts and files.
#[derive(Debug, Clone)]
pub struct Package(pub wit::Package);

impl Package {
    /// Purl type: `pypi`, `npm`, …, or `generic`.
    pub fn ecosystem(&self) -> &str {
        &self.0.ecosystem
    }

    /// Name without namespace.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The registry's metadata as JSON text, where there is one.
    pub fn metadata(&self) -> Option<&str> {
        self.0.metadata.as_deref()
    }

    /// The value of an operator's setting.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.0
            .settings
            .iter()
            .find(|setting| setting.name == name)
            .map(|setting| setting.value.as_str())
    }

    /// Every distinct file, in order. Files that repeat an earlier one (same bytes and
    /// same file name, as the wheels of one release do) are left out: use
    /// [`Package::all_files`] to see them too.
    pub fn files(&self) -> impl Iterator<Item = File<'_>> {
        self.all_files()
            .filter(|file| file.entry.duplicate_of.is_none())
    }

    /// Every file, repeats included.
    pub fn all_files(&self) -> impl Iterator<Item = File<'_>> {
        self.0.files.iter().map(|entry| File { entry })
    }
}

/// A file of the package.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// The entry as the host describes it.
    pub entry: &'a wit::FileEntry,
}

impl<'a> File<'a> {
    /// Path inside the artifact.
    pub fn path(&self) -> &'a str {
        &self.entry.path
    }

    /// Last component of the path.
    pub fn name(&self) -> &'a str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// Lower-case extension without the dot; empty where there is none.
    pub fn extension(&self) -> String {
        match self.name().rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => extension.to_ascii_lowercase(),
            _ => String::new(),
        }
    }

    /// Path below the artifact's single top folder (`requests-2.28.1/`, `package/`),
    /// for archives that have one by convention: npm, sdists, crates.
    pub fn path_below_top(&self) -> &'a str {
        self.path()
            .split_once('/')
            .map_or(self.path(), |(_, rest)| rest)
    }

    /// Bytes in the file.
    pub fn size(&self) -> u64 {
        self.entry.size
    }

    /// The whole content.
    ///
    /// # Errors
    /// What the file system says; report it as a problem.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        std::fs::read(&self.entry.location)
    }

    /// At most the first `limit` bytes.
    ///
    /// # Errors
    /// What the file system says; report it as a problem.
    pub fn read_head(&self, limit: usize) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.read_head_into(limit, &mut head)?;
        Ok(head)
    }

    /// At most the first `limit` bytes, in place of what `buffer` held: one buffer serves
    /// for all files of a package. The size is known, so one call to the system does.
    ///
    /// # Errors
    /// What the file system says; report it as a problem.
    pub fn read_head_into(&self, limit: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        use io::Read as _;
        let mut file = std::fs::File::open(&self.entry.location)?;
        let size = usize::try_from(self.size()).map_or(limit, |size| size.min(limit));
        buffer.resize(size, 0);
        let mut filled = 0;
        while filled < size {
            match file.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        buffer.truncate(filled);
        Ok(())
    }
}
