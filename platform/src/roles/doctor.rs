//! `packguard doctor`: checks what a deployment needs.

use std::time::{Duration, Instant};

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::components::{self, Setup};
use crate::config::{self, DoctorFlags, DoctorSettings, Environment};
use crate::db::MIGRATIONS;
use crate::doctor::{self, Deployment, Probe, Verdict};
use crate::purl::{Ecosystem, Purl};
use crate::registry::{FetchError, Registry, RegistryConfig};

/// `packguard doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Where everything is
    #[command(flatten)]
    pub flags: DoctorFlags,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Only ask whether one of these addresses answers: the health check of a container
    #[arg(long, value_name = "URL")]
    pub alive: Vec<url::Url>,
}

/// How long an address may take to say that it is well.
const ALIVE: Duration = Duration::from_secs(3);

/// Runs all checks, prints what they say, and gives the exit code.
///
/// # Errors
/// When the configuration makes no sense.
pub async fn doctor(args: &DoctorArgs) -> Result<u8, Failure> {
    if !args.alive.is_empty() {
        return alive(&args.alive).await;
    }
    let settings: DoctorSettings = config::resolve(&args.flags.0, &Environment::of_process())?;
    let mut probes = vec![Probe::new("sandbox", sandbox(settings.clone()))];
    let registries = Ecosystem::ALL.map(|one| Probe::new(one.as_str(), registry(one)));
    probes.extend(registries);
    let report = doctor::examine(Deployment {
        database: settings.database,
        migrator: &MIGRATIONS,
        redis: settings.redis,
        storage: settings.storage,
        probes,
    })
    .await;
    let text = if args.json {
        format!("{:#}", report.json())
    } else {
        report.human()
    };
    println!("{}", text.trim_end());
    Ok(report.exit_code())
}

/// Asks each address in turn, until one says that all is well.
async fn alive(addresses: &[url::Url]) -> Result<u8, Failure> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(ALIVE)
        .build()
        .map_err(|error| Failure::environment(&error, "this is a defect: report it"))?;
    for address in addresses {
        match client.get(address.clone()).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(0),
            Ok(answer) => eprintln!("{address} answers {}", answer.status()),
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(1)
}

/// Loads all components: from the cache, or by compiling them.
async fn sandbox(settings: DoctorSettings) -> Verdict {
    let started = Instant::now();
    let setup = Setup {
        cache: components::default_cache(settings.cache_dir),
        cpu: settings.cpu,
        ..Setup::default()
    };
    match components::pipeline(setup).await {
        Ok(pipeline) => Verdict::ok(format!(
            "{} components, loaded in {} ms",
            pipeline.components().len(),
            started.elapsed().as_millis()
        )),
        Err(error) => Verdict::fail(
            error.to_string(),
            "name a folder of your own with PACKGUARD_CACHE_DIR, and raise `ulimit -v` if it is set",
        ),
    }
}

/// Asks a registry for a package that no registry has: an answer of any kind will do.
async fn registry(ecosystem: Ecosystem) -> Verdict {
    let name = match ecosystem {
        Ecosystem::Maven => "invalid.packguard/doctor",
        Ecosystem::Composer => "packguard-invalid/doctor",
        Ecosystem::Golang => "packguard.invalid/doctor",
        _ => "packguard-doctor-invalid",
    };
    let purl: Purl = match format!("pkg:{ecosystem}/{name}").parse() {
        Ok(purl) => purl,
        Err(error) => return Verdict::fail(error.to_string(), "this is a defect: report it"),
    };
    let registry = Registry::new(RegistryConfig::from_process(), CancellationToken::new());
    match registry.resolve(&purl).await {
        Ok(_) | Err(FetchError::PackageNotFound { .. } | FetchError::NoVersions { .. }) => {
            Verdict::ok("it answers")
        }
        Err(error) => Verdict::warn(error.to_string(), error.hint()),
    }
}
