//! Fetches releases from the real registries, to try `registry/` by hand:
//! `cargo run -p packguard-platform --example fetch -- pkg:npm/left-pad@1.3.0 …`

use packguard_platform::registry::{FetchError, FetchLimits, Registry, RegistryConfig};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let registry = Registry::new(RegistryConfig::from_process(), Default::default());
    for purl in std::env::args().skip(1) {
        if let Err(error) = show(&registry, &purl).await {
            println!(
                "{purl}: {}: {error}\n  hint: {}",
                error.category(),
                error.hint()
            );
        }
    }
    Ok(())
}

async fn show(registry: &Registry, purl: &str) -> Result<(), FetchError> {
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
    }
    for file in fetched.skipped {
        println!("  skipped {}: {}", file.filename, file.reason);
    }
    Ok(())
}
