//! The runtime with the bundled components, compiled once and kept.

use std::path::{Path, PathBuf};

use packguard_functions::BUNDLED;
use packguard_runtime::{
    ArchiveLimits, CacheError, CompileCache, Component, Cpu, Limits, LoadError, Pipeline,
    PipelineError, Runtime, RuntimeConfig,
};

/// Why the pipeline could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The compile cache can't be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The engine did not start.
    #[error("the runtime did not start: {0}")]
    Runtime(String),
    /// A component was not admitted.
    #[error("{name}: {source}")]
    Component {
        /// Its name or path.
        name: String,
        /// Why not.
        source: LoadError,
    },
    /// A component's file could not be read.
    #[error("{path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The set can't work.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}

/// What the pipeline is made of.
#[derive(Debug, Default)]
pub struct Setup {
    /// Steps that run at once; 0 = one per core.
    pub slots: usize,
    /// Folder for compiled components; `None` compiles at every start.
    pub cache: Option<PathBuf>,
    /// The CPUs that they are compiled for.
    pub cpu: Cpu,
    /// Further analyzers: component files.
    pub analyzers: Vec<PathBuf>,
    /// Of each step.
    pub limits: Limits,
    /// Of unpacking.
    pub archive: ArchiveLimits,
}

/// Sets up a pipeline of the bundled components and those of `setup`.
///
/// # Errors
/// When the cache, the engine or a component can't be used.
pub async fn pipeline(setup: Setup) -> Result<Pipeline, SetupError> {
    let cache = setup.cache.as_deref().map(open_cache).transpose()?;
    let config = RuntimeConfig {
        slots: setup.slots,
        cache,
        cpu: setup.cpu,
        ..RuntimeConfig::default()
    };
    let runtime =
        Runtime::new(config).map_err(|error| SetupError::Runtime(format!("{error:#}")))?;
    let mut loading = Vec::new();
    for one in BUNDLED {
        let runtime = runtime.clone();
        loading.push((
            one.name.to_owned(),
            tokio::spawn(async move { runtime.load_embedded(one.bytes, one.digest).await }),
        ));
    }
    for path in setup.analyzers {
        let bytes = std::fs::read(&path).map_err(|source| SetupError::Read {
            path: path.clone(),
            source,
        })?;
        let runtime = runtime.clone();
        loading.push((
            path.display().to_string(),
            tokio::spawn(async move { runtime.load(bytes).await }),
        ));
    }
    let mut components: Vec<Component> = Vec::new();
    for (name, task) in loading {
        let loaded = task
            .await
            .map_err(|error| SetupError::Runtime(error.to_string()))?;
        components.push(loaded.map_err(|source| SetupError::Component { name, source })?);
    }
    Ok(Pipeline::new(
        runtime,
        &components,
        setup.limits,
        setup.archive,
    )?)
}

/// Opens the cache of compiled components in `folder`.
///
/// The key stands beside the folder that it vouches for, not in it: who may be given the
/// one need not be given the other.
///
/// # Errors
/// When it can't be made, or belongs to others.
pub fn open_cache(folder: &Path) -> Result<CompileCache, CacheError> {
    CompileCache::open(&folder.join("compiled"), &folder.join("compiled.key"))
}

/// `PACKGUARD_CACHE_DIR`, or `packguard` in the user's cache folder; `None` for a user
/// with no home.
pub fn default_cache(variable: Option<PathBuf>) -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    variable.or_else(|| {
        Some(
            etcetera::choose_base_strategy()
                .ok()?
                .cache_dir()
                .join("packguard"),
        )
    })
}
