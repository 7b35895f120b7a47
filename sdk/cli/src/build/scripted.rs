//! Python and JavaScript: the script `build` of their SDK, which installs its toolchain at the
//! first call and needs no network after that.
//!
//! These SDKs are not published yet. A project finds its checkout by `PACKGUARD_SDK_PATH`, or by
//! the file that `sdk new` left, which is no part of what is committed. The file counts only where
//! it names a folder outside of the project: a checkout of whoever builds.

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
    let kit = kit(project);
    kit.needs.require()?;
    let script = kit.script(Some(&project.root))?;
    if options.offline && kit.installed().is_none() {
        return Err(environment(
            format!("{} is not installed", kit.tool_name()),
            format!("run: {} --toolchain", script.display()),
        ));
    }
    let mut command = Command::new(&script);
    super::without_secrets(&mut command);
    command
        .current_dir(&project.root)
        .arg(&project.root)
        .arg(target);
    super::run(command, &script, failed(kit.tool_name())).await
}

fn kit(project: &Project) -> Kit {
    match project.manifest.language {
        Language::Javascript => JAVASCRIPT,
        _ => PYTHON,
    }
}

/// The folders of the checkout that go into the component, where one is known.
pub(super) fn sdk_sources(project: &Project) -> Vec<PathBuf> {
    let script = kit(project).script(Some(&project.root)).ok();
    let folder = script.and_then(|script| script.parent().map(Path::to_owned));
    let sources = |sdk: PathBuf| vec![sdk.join("../../wit"), sdk];
    folder.map(sources).unwrap_or_default()
}

/// The checkout that the project's file names.
fn noted(project: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(project.join(SDK_PATH)).ok()?;
    let path = PathBuf::from(text.trim_end());
    let (checkout, inside) = (path.canonicalize().ok()?, project.canonicalize().ok()?);
    (path.is_absolute() && !checkout.starts_with(inside)).then_some(checkout)
}

impl Kit {
    /// The script that builds, in the checkout that the project, or the environment, names.
    pub(crate) fn script(&self, project: Option<&Path>) -> Result<PathBuf, Failure> {
        let named = std::env::var_os("PACKGUARD_SDK_PATH").map(PathBuf::from);
        let checkout = named.or_else(|| noted(project?));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_names_a_checkout_outside_of_itself() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().canonicalize().unwrap();
        let (project, checkout) = (here.join("project"), here.join("checkout"));
        for path in [&project.join("mine"), &checkout] {
            std::fs::create_dir_all(path).unwrap();
        }
        std::os::unix::fs::symlink(project.join("mine"), here.join("link")).unwrap();
        let names = |text: String| {
            std::fs::write(project.join(SDK_PATH), text + "\n").unwrap();
            noted(&project)
        };
        assert_eq!(
            names(checkout.display().to_string()),
            Some(checkout.clone())
        );
        for bad in ["", ".", "mine", "../checkout", "/no/such/folder"] {
            assert_eq!(names(bad.into()), None, "{bad}");
        }
        for bad in [&project, &project.join("mine"), &here.join("link")] {
            assert_eq!(names(bad.display().to_string()), None, "{}", bad.display());
        }
    }
}
