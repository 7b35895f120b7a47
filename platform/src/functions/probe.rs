//! `packguard admit`: looks at one component, in a process that holds nothing else.
//!
//! It limits itself before it opens the file: memory that can be written, CPU, files. Address
//! space is not limited, for a sandbox reserves gigabytes that it never touches.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use packguard_runtime::{CONTRACT, LoadError, Runtime, RuntimeConfig, World, inspect};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::admission::{Admitted, Answer, Measures, out_of_memory};
use super::refusal::{Code, Refusal};
use super::{rules, signature, smoke};

/// Bytes of a descriptor as JSON: bundled ones have up to 60 KB.
const MAX_DESCRIPTOR: usize = 512 << 10;

/// Bytes of a file that the process may write: the sample packages are small.
const MAX_FILE: u64 = 16 << 20;

/// Files that it may have open.
const MAX_OPEN: u64 = 256;

/// `packguard admit`
#[derive(Debug, Args)]
pub struct AdmitArgs {
    /// Bytes that it may take
    #[arg(long)]
    pub memory: u64,
    /// Seconds of CPU that it may take
    #[arg(long)]
    pub cpu: u64,
    /// The component; sample packages are written beside it
    pub file: PathBuf,
}

/// Writes the answer about a component to standard output.
///
/// # Errors
/// When it could not be looked at at all.
pub async fn run(args: &AdmitArgs) -> Result<(), String> {
    limit(args).map_err(|error| format!("the limits were not taken: {error}"))?;
    let answer = admit(&args.file).await?;
    let json = serde_json::to_vec(&answer).map_err(|error| error.to_string())?;
    let mut out = std::io::stdout();
    let written = out.write_all(&json).and_then(|()| out.flush());
    written.map_err(|error| error.to_string())
}

fn limit(args: &AdmitArgs) -> rustix::io::Result<()> {
    for (resource, most) in [
        (Resource::Data, args.memory),
        (Resource::Cpu, args.cpu),
        (Resource::Fsize, MAX_FILE),
        (Resource::Nofile, MAX_OPEN),
        // What is in its memory is nobody's business.
        (Resource::Core, 0),
    ] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

async fn admit(file: &Path) -> Result<Answer, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    if let Err(error) = inspect(&bytes) {
        return Ok(Err(error.into()));
    }
    let config = RuntimeConfig {
        slots: 1,
        ..RuntimeConfig::default()
    };
    let runtime = Runtime::new(config).map_err(|error| format!("{error:#}"))?;
    let started = Instant::now();
    let component = match runtime.load(bytes).await {
        Ok(component) => component,
        Err(LoadError::Invalid(words)) if out_of_memory(&words) => {
            let message =
                "compiling the component took too much memory: make its largest functions smaller";
            return Ok(Err(Refusal::new(Code::CompileTooLarge, message)));
        }
        Err(error) => return Ok(Err(error.into())),
    };
    let load_us = micros(started);
    if component.world() != World::Analyzer {
        let message = "only analyzers can be deployed: export `describe` and `analyze`";
        return Ok(Err(Refusal::new(Code::NotAnAnalyzer, message)));
    }
    let descriptor = component.descriptor().into();
    let json = signature::canonical(&descriptor).map_err(|error| error.to_string())?;
    if json.len() > MAX_DESCRIPTOR {
        let message = format!(
            "`describe` says {} bytes, more than the {MAX_DESCRIPTOR} allowed: shorten the rules' texts",
            json.len()
        );
        return Ok(Err(Refusal::new(Code::DescriptorTooLarge, message)));
    }
    if let Err(refusal) = rules::check(&descriptor) {
        return Ok(Err(refusal));
    }
    let folder = file.parent().unwrap_or(Path::new("/"));
    let tried = smoke::run(&runtime, &component, folder)
        .await
        .map_err(|error| error.to_string())?;
    Ok(tried.map(|smoke| Admitted {
        descriptor,
        contract: CONTRACT.into(),
        capabilities: component.imports().to_vec(),
        measures: Measures { load_us, ..smoke },
    }))
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
