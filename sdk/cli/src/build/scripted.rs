//! Python and JavaScript: the script `build` of their SDK, which installs its toolchain at the
//! first call and needs no network after that.
//!
//! These SDKs are not published yet. A project finds its checkout by `PACKGUARD_SDK_PATH`, or by
//! the file that `sdk new` left, which is no part of what is committed.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::{Options, failed, tool};
use crate::failure::{Failure, environment};
use crate::project::{Language, Project};

/// The file in a project that names the checkout.
pub(crate) const SDK_PATH: &str = ".sdk-path";

/// What a language is built with.
pub(crate) struct Kit {
    /// Its SDK's folder in a checkout.
    pub(crate) folder: &'static str,
    /// What the script itself needs.
    pub(crate) needs: tool::Tool,
    /// The tool that the script installs, below `tools/` in the cache folder.
    pub(crate) tool: &'static str,
}

pub(crate) const PYTHON: Kit = Kit {
    folder: "sdk/python",
    needs: tool::PYTHON,
    tool: "sdk-python/bin/componentize-py",
};

pub(crate) const JAVASCRIPT: Kit = Kit {
    folder: "sdk/js",
    needs: tool::NODE,
    tool: "sdk-js/node_modules/.bin/jco",
};

/// Builds the project into `target`.
pub(super) async fn build(
    project: &Project,
    options: Options,
    target: &Path,
) -> Result<(), Failure> {
    let kit = match project.manifest.language {
        Language::Javascript => JAVASCRIPT,
        _ => PYTHON,
    };
    kit.needs.require()?;
    let script = kit.script(Some(&project.root))?;
    if options.offline && kit.installed().is_none() {
        return Err(environment(
            format!("{} is not installed", kit.tool_name()),
            format!("run: {} --toolchain", script.display()),
        ));
    }
    let mut command = Command::new(&script);
    command
        .current_dir(&project.root)
        .arg(&project.root)
        .arg(target);
    super::run(command, &script, failed(kit.tool_name())).await
}

impl Kit {
    /// The script that builds, in the checkout that the project, or the environment, names.
    pub(crate) fn script(&self, project: Option<&Path>) -> Result<PathBuf, Failure> {
        let named = std::env::var_os("PACKGUARD_SDK_PATH").map(PathBuf::from);
        let noted = || std::fs::read_to_string(project?.join(SDK_PATH)).ok();
        let checkout = named.or_else(|| Some(noted()?.trim_end().into()));
        let script = checkout
            .map(|root| root.join(self.folder).join("build"))
            .filter(|script| tool::is_program(script));
        script.ok_or_else(|| {
            environment(
                format!(
                    "{} is in no checkout of Packguard that is known here",
                    self.folder
                ),
                "set PACKGUARD_SDK_PATH to one: this SDK is not published yet",
            )
        })
    }

    /// The tool that the script installed, where it did.
    pub(crate) fn installed(&self) -> Option<PathBuf> {
        let cache = std::env::var_os("PACKGUARD_CACHE_DIR").map(PathBuf::from);
        let cache = packguard_platform::components::default_cache(cache)?;
        Some(cache.join("tools").join(self.tool)).filter(|path| tool::is_program(path))
    }

    /// What that tool is called.
    pub(crate) fn tool_name(&self) -> &'static str {
        self.tool.rsplit('/').next().unwrap_or(self.tool)
    }
}
