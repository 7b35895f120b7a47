//! The package under analysis.

use std::io;

use crate::bindings::analyzer::packguard::analyzer::types as wit;
use crate::glob::{self, Glob};

/// One release with all its artifacts and files.
///
/// ```
/// # use packguard_sdk::testing::PackageBuilder;
/// let package = PackageBuilder::new("pypi", "demo").setting("demo.level", "2").build();
/// assert_eq!((package.ecosystem(), package.name()), ("pypi", "demo"));
/// assert_eq!(package.setting("demo.level"), Some("2"));
/// ```
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

    /// Purl namespace (`@babel`, a Maven group), where there is one.
    pub fn namespace(&self) -> Option<&str> {
        self.0.namespace.as_deref()
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

    /// Every distinct file that one of the patterns matches (see
    /// [`glob::matches`](crate::glob::matches)), in order.
    ///
    /// ```
    /// # use packguard_sdk::testing::PackageBuilder;
    /// let package = PackageBuilder::new("npm", "demo")
    ///     .file("package/index.js", "")
    ///     .file("package/bin/demo", "")
    ///     .file("package/README.md", "")
    ///     .build();
    /// let paths: Vec<&str> = package.glob(&["*.js", "bin/*"]).map(|file| file.path()).collect();
    /// assert_eq!(paths, ["package/bin/demo", "package/index.js"]);
    /// ```
    pub fn glob(&self, patterns: &[&str]) -> impl Iterator<Item = File<'_>> {
        let patterns: Vec<Glob> = patterns.iter().copied().map(Glob::new).collect();
        self.files()
            .filter(move |file| patterns.iter().any(|one| one.matches(file.path())))
    }

    /// Every distinct file that holds code of the package's ecosystem
    /// ([`glob::sources`](crate::glob::sources)).
    pub fn sources(&self) -> impl Iterator<Item = File<'_>> {
        self.glob(glob::sources(self.ecosystem()))
    }

    /// The files that stand at the top of their artifact and that `wanted` takes by path
    /// below the top folder: the manifests that installers read.
    ///
    /// An archive has one top folder by convention (`package/`, `name-1.0/`), which
    /// installers strip whatever its name; a local folder or a zip has none. So the files
    /// at the root count, or, where an artifact has none there, those one folder down.
    /// Repeats count too: a copy placed before the manifest must not hide it.
    ///
    /// ```
    /// # use packguard_sdk::testing::PackageBuilder;
    /// let package = PackageBuilder::new("npm", "demo")
    ///     .file("package/package.json", "{}")
    ///     .file("package/node_modules/a/package.json", "{}")
    ///     .build();
    /// let manifests = package.top_files(|path| path == "package.json");
    /// assert_eq!(manifests.len(), 1);
    /// ```
    pub fn top_files(&self, wanted: impl Fn(&str) -> bool) -> Vec<File<'_>> {
        let mut found: Vec<(bool, File<'_>)> = self
            .all_files()
            .filter_map(|file| {
                let path = file.path();
                if wanted(path) {
                    return Some((true, file));
                }
                let below = path.split_once('/').map(|(_, below)| below);
                below.is_some_and(&wanted).then_some((false, file))
            })
            .collect();
        let rooted: Vec<u32> = found
            .iter()
            .filter(|(root, _)| *root)
            .map(|(_, file)| file.entry.artifact)
            .collect();
        found.retain(|(root, file)| *root || rooted.binary_search(&file.entry.artifact).is_err());
        found.into_iter().map(|(_, file)| file).collect()
    }
}

/// A file of the package.
///
/// ```
/// # use packguard_sdk::testing::PackageBuilder;
/// let package = PackageBuilder::new("pypi", "demo").file("demo-1.0/setup.py", "import os").build();
/// let file = package.files().next().unwrap();
/// assert_eq!((file.name(), file.extension().as_str()), ("setup.py", "py"));
/// assert_eq!(file.path_below_top(), "setup.py");
/// assert_eq!(file.read_head(6).unwrap(), b"import");
/// ```
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

    /// Whether it lies among tests, examples or documentation: what is broken there on purpose
    /// is no part of what is installed.
    pub fn is_among_tests(&self) -> bool {
        is_among_tests(self.path())
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
        let mut file = std::fs::File::open(&self.entry.location)?;
        buffer.resize(self.at_most(limit), 0);
        let filled = fill(&mut file, buffer)?;
        buffer.truncate(filled);
        Ok(())
    }

    /// Calls `each` with the whole content, in pieces of at most `size` bytes. Each begins
    /// with the last `overlap` bytes of the one before, so that what is searched for and is
    /// no longer than that is not cut in two; `overlap` counts up to half of `size`. One
    /// buffer serves for all files of a package.
    ///
    /// ```
    /// # use packguard_sdk::testing::PackageBuilder;
    /// let package = PackageBuilder::new("npm", "demo").file("a.js", "abcdefgh").build();
    /// let mut seen = Vec::new();
    /// for file in package.files() {
    ///     file.pieces(4, 1, &mut Vec::new(), |piece| seen.push(piece.to_vec())).unwrap();
    /// }
    /// assert_eq!(seen, [&b"abcd"[..], b"defg", b"gh"]);
    /// ```
    ///
    /// # Errors
    /// What the file system says; report it as a problem.
    pub fn pieces(
        &self,
        size: usize,
        overlap: usize,
        buffer: &mut Vec<u8>,
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut file = std::fs::File::open(&self.entry.location)?;
        let size = self.at_most(size).max(1);
        buffer.resize(size, 0);
        let mut kept = 0;
        loop {
            let read = fill(&mut file, &mut buffer[kept..])?;
            if read == 0 {
                return Ok(());
            }
            let filled = kept + read;
            each(&buffer[..filled]);
            kept = filled.min(overlap).min(size / 2);
            buffer.copy_within(filled - kept..filled, 0);
        }
    }

    fn at_most(&self, limit: usize) -> usize {
        usize::try_from(self.size()).map_or(limit, |size| size.min(limit))
    }
}

/// Whether a path leads through a folder of tests, examples or documentation.
pub fn is_among_tests(path: &str) -> bool {
    const FOLDERS: &[&str] = &[
        "test",
        "tests",
        "testing",
        "testdata",
        "test_data",
        "test-data",
        "test cases",
        "__tests__",
        "spec",
        "specs",
        "fixture",
        "fixtures",
        "example",
        "examples",
        "doc",
        "docs",
    ];
    let mut parts = path.rsplit('/');
    parts.next();
    parts.any(|folder| {
        FOLDERS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(folder))
    })
}

/// Reads until the room is full or the file ends, and says how much: in the sandbox each
/// read is a call to the host.
fn fill(file: &mut std::fs::File, room: &mut [u8]) -> io::Result<usize> {
    use io::Read as _;
    let mut filled = 0;
    while filled < room.len() {
        match file.read(&mut room[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use crate::testing::PackageBuilder;

    #[test]
    fn pieces_cover_the_file_whatever_the_numbers() {
        let text: Vec<u8> = (0..=255).collect();
        let package = PackageBuilder::new("npm", "a")
            .file("empty", "")
            .file("full", &text)
            .build();
        let mut buffer = Vec::new();
        for (size, overlap) in [(1, 0), (1, 9), (10, 3), (10, 10), (256, 7), (999, 999)] {
            for file in package.files() {
                let mut end = 0;
                file.pieces(size, overlap, &mut buffer, |piece| {
                    assert!(piece.len() <= size);
                    let start = usize::from(piece[0]);
                    assert!(start <= end && end - start <= overlap, "{size} {overlap}");
                    assert_eq!(piece, &text[start..start + piece.len()]);
                    end = start + piece.len();
                })
                .unwrap();
                assert_eq!(end as u64, file.size());
            }
        }
    }

    #[test]
    fn files_one_folder_down_count_only_without_one_at_the_root() {
        let package = PackageBuilder::new("npm", "a")
            .file("package.json", "{}")
            .file("examples/package.json", "{}")
            .artifact("b")
            .file("x/package.json", "{}")
            .file("y/package.json", "{}")
            .file("y/z/package.json", "{}")
            .build();
        let found = package.top_files(|path| path == "package.json");
        let paths: Vec<&str> = found.iter().map(|file| file.path()).collect();
        assert_eq!(paths, ["package.json", "x/package.json", "y/package.json"]);
    }
}
