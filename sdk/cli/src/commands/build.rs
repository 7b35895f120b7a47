//! `sdk build`

use packguard_runtime::examine;
use serde::Serialize;

use crate::build::{self, Options};
use crate::cli::BuildArgs;
use crate::failure::Failure;
use crate::project::Project;
use crate::{lab, print};

/// What was built.
#[derive(Serialize)]
struct Built {
    component: String,
    digest: String,
    size: usize,
}

pub(super) async fn run(args: &BuildArgs) -> Result<u8, Failure> {
    let project = Project::here()?;
    let options = Options {
        offline: args.offline,
    };
    let path = build::build(&project, options).await?;
    let found = examine(&lab::read(&path)?);
    let shown = path.strip_prefix(&project.root).unwrap_or(&path);
    let built = Built {
        component: shown.display().to_string(),
        digest: found.digest,
        size: found.size,
    };
    if args.json {
        print::json(&built)?;
    } else {
        print::text(&format!(
            "{}  {}  sha256 {}\n",
            built.component,
            print::bytes(built.size as u64),
            built.digest
        ))?;
    }
    Ok(0)
}
