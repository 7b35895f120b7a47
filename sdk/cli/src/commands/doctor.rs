//! `sdk doctor`: which toolchains are there.

use std::path::Path;

use packguard_platform::output::line;
use serde::Serialize;

use crate::build::scripted::{self, Kit};
use crate::build::tool::{self, Tool};
use crate::cli::JsonArgs;
use crate::failure::Failure;
use crate::print;
use crate::project::{Language, Project};

/// What `--json` prints.
#[derive(Serialize)]
struct Answer {
    languages: Vec<Toolchain>,
}

#[derive(Serialize)]
struct Toolchain {
    language: Language,
    ready: bool,
    tools: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    name: String,
    version: Option<String>,
    /// The command that installs it, where it is missing.
    install: Option<String>,
}

pub(super) async fn run(args: &JsonArgs) -> Result<u8, Failure> {
    let project = Project::here().ok();
    let root = project.as_ref().map(|project| project.root.as_path());
    let answer = Answer {
        languages: vec![
            rust().await,
            scripted(Language::Python, &scripted::PYTHON, root).await,
            scripted(Language::Javascript, &scripted::JAVASCRIPT, root).await,
        ],
    };
    if args.json {
        print::json(&answer)?;
    } else {
        print::text(&answer.text())?;
    }
    // In a project its own language counts; elsewhere, any one does.
    let ready = match &project {
        Some(project) => answer
            .languages
            .iter()
            .any(|one| one.ready && one.language == project.manifest.language),
        None => answer.languages.iter().any(|one| one.ready),
    };
    Ok(if ready {
        0
    } else {
        packguard_platform::roles::ENVIRONMENT
    })
}

async fn rust() -> Toolchain {
    let there = match tool::RUSTC.find() {
        Some(rustc) => tool::has_target(&rustc).await,
        None => false,
    };
    let target = Found {
        name: packguard_guest_build::TARGET.into(),
        version: there.then(|| "installed".into()),
        install: (!there).then(|| tool::INSTALL_TARGET.into()),
    };
    let tools = vec![
        on_path(tool::CARGO).await,
        on_path(tool::RUSTC).await,
        target,
    ];
    toolchain(Language::Rust, tools)
}

async fn scripted(language: Language, kit: &Kit, project: Option<&Path>) -> Toolchain {
    let version = match kit.installed() {
        Some(path) => tool::ask(&path, &["--version"]).await,
        None => None,
    };
    let install = match kit.script(project) {
        Ok(script) => format!("{} --toolchain", script.display()),
        Err(_) => "export PACKGUARD_SDK_PATH=FOLDER, a checkout of Packguard".into(),
    };
    let built_with = Found {
        name: kit.tool_name().into(),
        install: version.is_none().then_some(install),
        version,
    };
    toolchain(language, vec![on_path(kit.needs).await, built_with])
}

async fn on_path(wanted: Tool) -> Found {
    let version = match wanted.find() {
        Some(path) => tool::ask(&path, &["--version"]).await,
        None => None,
    };
    Found {
        name: wanted.name.into(),
        install: version.is_none().then(|| wanted.install.into()),
        version,
    }
}

fn toolchain(language: Language, tools: Vec<Found>) -> Toolchain {
    Toolchain {
        language,
        ready: tools.iter().all(|one| one.version.is_some()),
        tools,
    }
}

impl Answer {
    fn text(&self) -> String {
        let mut text = String::new();
        for one in &self.languages {
            let name = match one.language {
                Language::Rust => "Rust",
                Language::Python => "Python",
                Language::Javascript => "JavaScript",
            };
            let state = if one.ready { "ready" } else { "not ready" };
            text += &format!("{name}: {state}\n");
            for tool in &one.tools {
                let said = match (&tool.version, &tool.install) {
                    (Some(version), _) => line(version),
                    (None, install) => {
                        format!("missing; run: {}", install.as_deref().unwrap_or_default())
                    }
                };
                text += &format!("  {:<15}  {said}\n", tool.name);
            }
        }
        text
    }
}
