//! Runs an analyzer natively and as a component in the real runtime, and demands the same
//! answer: what tests show of the one then holds for the other.
//!
//! ```no_run
//! use packguard_sdk::testing::PackageBuilder;
//! use packguard_sdk::{Analyzer, Descriptor, descriptor};
//! use packguard_sdk_testkit::Kit;
//!
//! #[derive(Default)]
//! struct Demo;
//!
//! impl Analyzer for Demo {
//!     const DESCRIPTOR: Descriptor = descriptor!();
//! }
//!
//! # fn main() -> Result<(), packguard_sdk_testkit::KitError> {
//! let kit = Kit::<Demo>::build(env!("CARGO_MANIFEST_DIR"))?;
//! let package = PackageBuilder::new("npm", "demo").file("index.js", "eval(x)").build();
//! assert!(kit.analyze(&package)?.findings().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! It brings the whole runtime along, so it is for `[dev-dependencies]` of native targets:
//! a guest never links it.

/// The examples of `README.md` compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod build;
mod convert;

use std::marker::PhantomData;
use std::sync::Arc;

use packguard_runtime::report::StepOutcome;
use packguard_runtime::{Component, Limits, LoadError, Runtime, RuntimeConfig, Step, types};
use packguard_sdk::testing::TestPackage;
use packguard_sdk::{Analysis, Analyzer};
use tokio_util::sync::CancellationToken;

/// Why a test did not get its answer.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    /// The engine, or the thread it runs on, could not be made.
    #[error("the runtime can't be started: {0}")]
    Runtime(String),
    /// Cargo did not build the component; its own words are on standard error.
    #[error("the component was not built: {0}")]
    Build(String),
    /// The runtime does not admit the component.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The component says something else of itself than the analyzer does.
    #[error(
        "the component is of another analyzer or an older build: build it again\n  natively: {native}\n  component: {component}"
    )]
    Descriptor {
        /// The analyzer's descriptor.
        native: String,
        /// The component's.
        component: String,
    },
    /// The analyzer can't work at all, and says so in both places.
    #[error("the analyzer failed: {0}")]
    Analyzer(String),
    /// The component did not answer as the analyzer did natively.
    #[error("natively and in the sandbox the answers differ{0}")]
    Differs(String),
}

/// An analyzer, natively and as a component that is compiled once. Its methods block, so
/// they are not for async tests.
pub struct Kit<A> {
    runtime: Runtime,
    component: Component,
    limits: Limits,
    executor: tokio::runtime::Runtime,
    analyzer: PhantomData<fn() -> A>,
}

impl<A> std::fmt::Debug for Kit<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kit")
            .field("component", &self.component)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<A: Analyzer> Kit<A> {
    /// Builds the crate at `folder` for wasm32-wasip2 with cargo, in release mode, and
    /// loads what came out. A second call finds it built.
    ///
    /// # Errors
    /// When cargo fails or builds no component, and as [`Kit::new`].
    pub fn build(folder: impl AsRef<std::path::Path>) -> Result<Self, KitError> {
        Self::new(build::component(folder.as_ref()).map_err(KitError::Build)?)
    }

    /// Loads a component of the analyzer.
    ///
    /// # Errors
    /// When the runtime does not admit it, or its descriptor is not the analyzer's.
    pub fn new(component: impl AsRef<[u8]> + Send + 'static) -> Result<Self, KitError> {
        let executor = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| KitError::Runtime(error.to_string()))?;
        let config = RuntimeConfig {
            slots: 1,
            ..RuntimeConfig::default()
        };
        let runtime =
            Runtime::new(config).map_err(|error| KitError::Runtime(format!("{error:#}")))?;
        let component = executor.block_on(runtime.load(component))?;
        let native = convert::descriptor(A::DESCRIPTOR);
        if *component.descriptor() != native {
            return Err(KitError::Descriptor {
                native: format!("{native:?}"),
                component: format!("{:?}", component.descriptor()),
            });
        }
        Ok(Self {
            runtime,
            component,
            limits: Limits::default(),
            executor,
            analyzer: PhantomData,
        })
    }

    /// Other limits than those of production for the sandbox.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What the analyzer says of a package, natively and in a fresh sandbox alike.
    ///
    /// # Errors
    /// When the two differ (findings, problems or their order), or both fail.
    pub fn analyze(&self, package: &TestPackage) -> Result<Analysis, KitError> {
        let native = A::analyze(package);
        match (native, self.sandboxed(package).result) {
            (Ok(native), Ok(sandboxed)) => {
                let sandboxed = convert::analysis(sandboxed);
                match difference(&native, &sandboxed) {
                    None => Ok(native),
                    Some(difference) => Err(KitError::Differs(difference)),
                }
            }
            (Err(native), Err((StepOutcome::AnalyzerError, sandboxed))) if native == sandboxed => {
                Err(KitError::Analyzer(native))
            }
            (native, sandboxed) => {
                let native = native.map_or_else(|error| error, |_| "an answer".into());
                let sandboxed = sandboxed.map_or_else(
                    |(outcome, message)| format!("{outcome:?}: {message}"),
                    |_| "an answer".into(),
                );
                Err(KitError::Differs(format!(
                    "\n  natively: {native}\n  in the sandbox: {sandboxed}"
                )))
            }
        }
    }

    /// One step in the sandbox, with what it used, for tests of time and memory.
    pub fn sandboxed(&self, package: &TestPackage) -> Step<types::Analysis> {
        let handed = Arc::new(convert::package(package));
        self.executor.block_on(self.runtime.analyze(
            &self.component,
            handed,
            package.folder(),
            &self.limits,
            &CancellationToken::new(),
        ))
    }
}

/// What one of the two says and the other does not.
fn difference(native: &Analysis, sandboxed: &Analysis) -> Option<String> {
    if native == sandboxed {
        return None;
    }
    let lines = |analysis: &Analysis| -> Vec<String> {
        let findings = analysis.findings().iter().map(|one| format!("{one:?}"));
        let problems = analysis.problems().iter().map(|one| format!("{one:?}"));
        findings.chain(problems).collect()
    };
    let (native, sandboxed) = (lines(native), lines(sandboxed));
    let only = |name: &str, these: &[String], others: &[String]| -> String {
        these
            .iter()
            .filter(|line| !others.contains(line))
            .map(|line| format!("\n  only {name}: {line}"))
            .collect()
    };
    let said = only("natively", &native, &sandboxed) + &only("in the sandbox", &sandboxed, &native);
    Some(if said.is_empty() {
        ": the order or count of what they say".into()
    } else {
        said
    })
}
