//! Fetches releases from the real registries, to try `registry/` by hand, or to fill the
//! folders that `make bench` and `make eval` work on:
//! `cargo run -p packguard-platform --example fetch -- [--into FOLDER | --each-into FOLDER] pkg:npm/left-pad@1.3.0 …`
//!
//! `--each-into` makes a folder for each release, and takes of its files what one machine
//! would: the source distribution, and the wheel for Linux on x86-64 where there is one.

use std::path::{Path, PathBuf};

use packguard_platform::registry::{FetchError, FetchLimits, Registry, RegistryConfig};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let registry = Registry::new(RegistryConfig::from_process(), Default::default());
    let mut arguments = std::env::args().skip(1).peekable();
    let option = arguments.next_if(|argument| argument.starts_with("--"));
    let folder = option.as_ref().and_then(|_| arguments.next());
    let each = option.as_deref() == Some("--each-into");
    let folder = folder.map(PathBuf::from);
    for purl in arguments {
        let fetched = match &folder {
            Some(folder) if each => {
                let own = folder.join(purl.replace('/', "%2F"));
                if own.exists() {
                    continue;
                }
                lean(&registry, &purl, &own).await
            }
            _ => show(&registry, &purl, folder.as_deref()).await,
        };
        if let Err(error) = fetched {
            println!(
                "{purl}: {}: {error}\n  hint: {}",
                error.category(),
                error.hint()
            );
        }
    }
    Ok(())
}

async fn show(registry: &Registry, purl: &str, into: Option<&Path>) -> Result<(), FetchError> {
    let release = registry.resolve(&purl.parse()?).await?;
    let latest = if release.is_latest { " (latest)" } else { "" };
    println!("{}{latest}", release.purl);
    println!("  {}", release.metadata);
    for note in &release.notes {
        println!("  note: {note}");
    }
    let io_error = |source| FetchError::Io {
        what: "temporary directory".to_owned(),
        source,
    };
    let directory = tempfile::tempdir().map_err(io_error)?;
    let fetched = registry
        .fetch(&release, &FetchLimits::default(), directory.path())
        .await?;
    for file in fetched.artifacts {
        let verified = file
            .verified
            .map_or("unverified", |algorithm| algorithm.as_str());
        println!(
            "  {} {} bytes, {verified}, sha256 {}",
            file.filename, file.size, file.sha256
        );
        if let Some(into) = into {
            std::fs::copy(&file.path, into.join(&file.filename)).map_err(io_error)?;
        }
    }
    for file in fetched.skipped {
        println!("  skipped {}: {}", file.filename, file.reason);
    }
    Ok(())
}

/// Fetches into a folder that is there only when it is whole.
async fn lean(registry: &Registry, purl: &str, own: &Path) -> Result<(), FetchError> {
    let io_error = |source| FetchError::Io {
        what: own.display().to_string(),
        source,
    };
    let mut release = registry.resolve(&purl.parse()?).await?;
    let wheel = release.artifacts.iter().map(|file| &file.filename);
    let wheel = wheel.max_by_key(|name| wheel_rank(name)).cloned();
    release
        .artifacts
        .retain(|file| !file.filename.ends_with(".whl") || Some(&file.filename) == wheel.as_ref());
    let part = own.with_extension("part");
    let _ = std::fs::remove_dir_all(&part);
    std::fs::create_dir_all(&part).map_err(io_error)?;
    let directory = tempfile::tempdir().map_err(io_error)?;
    let fetched = registry
        .fetch(&release, &FetchLimits::default(), directory.path())
        .await?;
    for file in fetched.artifacts {
        std::fs::copy(&file.path, part.join(&file.filename)).map_err(io_error)?;
    }
    std::fs::rename(&part, own).map_err(io_error)
}

/// How well a wheel suits Linux on x86-64 with a current CPython.
fn wheel_rank(name: &str) -> u8 {
    let fits = name.contains("x86_64") && name.contains("manylinux");
    match name {
        _ if !name.ends_with(".whl") => 0,
        _ if name.ends_with("-none-any.whl") => 4,
        _ if fits && (name.contains("cp312") || name.contains("abi3")) => 3,
        _ if fits => 2,
        _ => 1,
    }
}
