//! Packages made in memory, for native tests of analyzers.

use sha2::{Digest as _, Sha256};

use crate::Package;
use crate::bindings::analyzer::packguard::analyzer::types as wit;

/// Builds a [`Package`] whose files stand in a temporary folder.
///
/// ```
/// use packguard_sdk::testing::PackageBuilder;
///
/// let package = PackageBuilder::new("pypi", "demo")
///     .file("demo-1.0.0/setup.py", "import os")
///     .metadata("{\"versions\": 1}")
///     .build();
/// assert_eq!(package.files().count(), 1);
/// ```
#[derive(Debug)]
pub struct PackageBuilder {
    package: wit::Package,
    folder: tempfile::TempDir,
}

/// A package and the folder that holds its files; the folder goes when this is dropped.
#[derive(Debug)]
pub struct TestPackage {
    package: Package,
    folder: tempfile::TempDir,
}

impl TestPackage {
    /// The folder that holds the files, one folder below it for each artifact.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

impl std::ops::Deref for TestPackage {
    type Target = Package;
    fn deref(&self) -> &Package {
        &self.package
    }
}

impl PackageBuilder {
    /// A package of one artifact, `name-1.0.0`.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    pub fn new(ecosystem: &str, name: &str) -> Self {
        #[expect(clippy::expect_used, reason = "test code")]
        let folder = tempfile::tempdir().expect("a temporary folder");
        let package = wit::Package {
            purl: Some(format!("pkg:{ecosystem}/{name}@1.0.0")),
            ecosystem: ecosystem.into(),
            namespace: None,
            name: name.into(),
            version: Some("1.0.0".into()),
            artifacts: vec![wit::Artifact {
                filename: format!("{name}-1.0.0"),
                sha256: String::new(),
                size: 0,
            }],
            files: Vec::new(),
            metadata: None,
            settings: Vec::new(),
        };
        Self { package, folder }
    }

    /// Starts another artifact; files added from here on belong to it.
    #[must_use]
    pub fn artifact(mut self, filename: &str) -> Self {
        if self.package.files.is_empty() {
            self.package.artifacts.clear();
        }
        self.package.artifacts.push(wit::Artifact {
            filename: filename.into(),
            sha256: String::new(),
            size: 0,
        });
        self
    }

    /// Adds a file.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    #[expect(clippy::expect_used, reason = "test code")]
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        let artifact = self.package.artifacts.len() - 1;
        let location = self.folder.path().join(artifact.to_string()).join(path);
        std::fs::create_dir_all(location.parent().expect("a parent")).expect("folders");
        std::fs::write(&location, content).expect("a file");
        self.package.files.push(wit::FileEntry {
            artifact: u32::try_from(artifact).expect("few artifacts"),
            path: path.into(),
            location: location.to_str().expect("UTF-8").into(),
            size: content.len() as u64,
            sha256: hex::encode(Sha256::digest(content)),
            executable: false,
            duplicate_of: None,
        });
        self
    }

    /// Sets the registry's metadata.
    #[must_use]
    pub fn metadata(mut self, json: &str) -> Self {
        self.package.metadata = Some(json.into());
        self
    }

    /// Adds an operator's setting.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.package.settings.push(wit::Setting {
            name: name.into(),
            value: value.into(),
        });
        self
    }

    /// The package, files in the order the host gives them.
    pub fn build(mut self) -> TestPackage {
        self.package
            .files
            .sort_by(|a, b| (a.artifact, &a.path).cmp(&(b.artifact, &b.path)));
        TestPackage {
            package: Package(self.package),
            folder: self.folder,
        }
    }
}
