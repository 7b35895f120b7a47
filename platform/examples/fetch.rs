//! Fetches releases from the real registries, to try `registry/` by hand, or to fill the
//! folder that `make bench` works on:
//! `cargo run -p packguard-platform --example fetch -- [--into FOLDER] pkg:npm/left-pad@1.3.0 …`

use std::path::PathBuf;

use packguard_platform::registry::{FetchError, FetchLimits, Registry, RegistryConfig};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let registry = Registry::new(RegistryConfig::from_process(), Default::default());
    let mut arguments = std::env::args().skip(1).peekable();
    let into = arguments
        .next_if(|argument| argument == "--into")
        .and_then(|_| arguments.next());
    let into = into.map(PathBuf::from);
    for purl in arguments {
        if let Err(error) = show(&registry, &purl, into.as_deref()).await {
            println!(
                "{purl}: {}: {error}\n  hint: {}",
                error.category(),
                error.hint()
            );
        }
    }
    Ok(())
}

async fn show(
    registry: &Registry,
    purl: &str,
    into: Option<&std::path::Path>,
) -> Result<(), FetchError> {
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
