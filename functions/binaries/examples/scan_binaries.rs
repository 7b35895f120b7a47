//! Analyses folders, each as one package, and prints every finding and problem, and on
//! the error stream the least time of `ROUNDS` (default 1): `scan_binaries FOLDER…`.

use std::path::Path;
use std::time::{Duration, Instant};

use packguard_binaries::Binaries;
use packguard_sdk::bindings::analyzer::packguard::analyzer::types as wit;
use packguard_sdk::{Analyzer as _, Package};

fn main() -> Result<(), String> {
    let rounds = std::env::var("ROUNDS").map_or(1, |text| text.parse().unwrap_or(1));
    for folder in std::env::args().skip(1) {
        let package = package(Path::new(&folder));
        let bytes: u64 = package.0.files.iter().map(|file| file.size).sum();
        let mut least = Duration::MAX;
        let mut found = None;
        for _ in 0..rounds {
            let start = Instant::now();
            found = Some(Binaries::analyze(&package)?);
            least = least.min(start.elapsed());
        }
        let files = package.0.files.len();
        eprintln!(
            "{least:>12.1?} {files:6} files {:8} KB {folder}",
            bytes >> 10
        );
        println!("{folder}: {found:#?}");
    }
    Ok(())
}

fn package(folder: &Path) -> Package {
    let mut files = Vec::new();
    collect(folder, folder, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Package(wit::Package {
        purl: None,
        ecosystem: "pypi".into(),
        namespace: None,
        name: "scan".into(),
        version: None,
        artifacts: vec![wit::Artifact {
            filename: "scan".into(),
            sha256: String::new(),
            size: 0,
        }],
        files,
        metadata: None,
        settings: Vec::new(),
    })
}

fn collect(top: &Path, folder: &Path, files: &mut Vec<wit::FileEntry>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        if metadata.is_dir() {
            collect(top, &path, files);
        } else if metadata.is_file()
            && let Ok(inside) = path.strip_prefix(top)
        {
            files.push(wit::FileEntry {
                artifact: 0,
                path: inside.to_string_lossy().into_owned(),
                location: path.to_string_lossy().into_owned(),
                size: metadata.len(),
                sha256: String::new(),
                executable: false,
                duplicate_of: None,
            });
        }
    }
}
