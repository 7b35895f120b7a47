//! What the manifests of a package run, pull in and claim: install hooks of every
//! ecosystem, dependencies that bypass the registry, and metadata that contradicts it.

mod cargo;
mod code;
mod composer;
mod gem;
mod golang;
mod history;
mod hook;
mod maven;
mod npm;
mod npm_deps;
mod npm_gyp;
mod npm_registry;
mod nuget;
mod program;
mod pypi;
mod pypi_backend;
mod pypi_metadata;
mod registry;
mod top;
mod wheel;

use packguard_sdk::{Analysis, Analyzer, Descriptor, Package, Rule, descriptor};

/// The analyzer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manifest;

/// Every rule, module by module.
const RULES: &[&Rule] = &[
    &hook::DOWNLOAD_RUN,
    &hook::DOWNLOAD,
    &hook::UPLOAD,
    &hook::REVERSE_SHELL,
    &hook::DECODE_RUN,
    &hook::HIDDEN,
    &hook::RECON,
    &hook::PERSIST,
    &hook::DESTROY,
    &hook::HOSTILE_HOST,
    &hook::SECRET,
    &hook::MINER,
    &program::DISGUISED,
    &program::BUNDLED,
    &program::INSTALLS,
    &history::YOUNG,
    &history::DISPOSABLE,
    &history::NO_REPOSITORY,
    &history::INFLATED,
    &npm::INSTALL_SCRIPT,
    &npm_gyp::IMPLICIT_GYP,
    &npm_gyp::GYP_COMMAND,
    &npm::COMMAND_SHADOW,
    &npm_registry::CONFUSION,
    &npm_deps::URL_DEPENDENCY,
    &npm_deps::HTTP_DEPENDENCY,
    &npm_deps::HOSTILE_DEPENDENCY,
    &pypi::SETUP_PY,
    &pypi::IN_TREE_BACKEND,
    &pypi::UNKNOWN_BACKEND,
    &pypi::URL_DEPENDENCY,
    &pypi::HTTP_DEPENDENCY,
    &pypi::COMMAND_SHADOW,
    &pypi_metadata::METADATA_DIFFERS,
    &pypi_metadata::DEPENDENCIES_DIFFER,
    &wheel::PTH,
    &wheel::DIFFERS,
    &wheel::RECORD_MISMATCH,
    &cargo::BUILD_SCRIPT,
    &cargo::BUILD_NETWORK,
    &cargo::BUILD_SHELL,
    &cargo::PROC_MACRO,
    &cargo::GIT_DEPENDENCY,
    &gem::EXTENSION,
    &gem::EXTENSION_NETWORK,
    &composer::SCRIPT,
    &composer::PLUGIN,
    &composer::AUTOLOAD_FILES,
    &nuget::INSTALL_SCRIPT,
    &nuget::BUILD_TASK,
    &maven::BUILD_EXEC,
    &golang::GENERATE,
    &golang::CGO_FLAG,
];

impl Analyzer for Manifest {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "manifest",
        description: "What package manifests run, pull in and claim",
        rules: RULES,
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        let mut analysis = Analysis::default();
        // Every artifact is looked at for every ecosystem's manifests: a local archive
        // does not say what it is, and a wrong label must not hide a hook.
        npm::look(package, &mut analysis);
        pypi::look(package, &mut analysis);
        pypi_metadata::look(package, &mut analysis);
        wheel::look(package, &mut analysis);
        cargo::look(package, &mut analysis);
        gem::look(package, &mut analysis);
        composer::look(package, &mut analysis);
        nuget::look(package, &mut analysis);
        maven::look(package, &mut analysis);
        golang::look(package, &mut analysis);
        history::look(package, &mut analysis);
        Ok(analysis)
    }
}

packguard_sdk::export_analyzer!(Manifest);
