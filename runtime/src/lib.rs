//! Runs analyzers as WASI components, each step in a sandbox of its own.
//!
//! Three layers, each usable alone:
//!
//! - [`Runtime`] owns the wasmtime engine and its pool. [`Runtime::load`] admits and
//!   compiles a component, or takes it from the cache on disk; [`Runtime::analyze`] runs
//!   one step of it in a fresh sandbox and says how it ended ([`Step`]).
//! - [`Pipeline`] runs the steps of one package: unpack, analyze side by side, judge.
//! - [`report`] holds what comes out.
//!
//! This crate knows no HTTP, SQL, Redis or Kubernetes, and nothing else in the project
//! knows wasmtime.

mod assemble;
mod bindings;
mod cache;
mod component;
mod config;
mod configuration;
mod convert;
mod cpu;
mod dossier;
mod engine;
mod examine;
mod host;
mod limits;
mod pipeline;
pub mod report;
mod sandbox;
mod shared;
mod step;

pub use assemble::fingerprint;
pub use bindings::sink::Limit as SinkLimit;
pub use bindings::types;
pub use cache::{CacheError, CompileCache};
pub use component::{CONTRACT, Component, LoadError, MAX_COMPONENT, World, inspect};
pub use configuration::{Configuration, Listener, LogLevel};
pub use cpu::{Cpu, UnknownCpu};
pub use engine::{Runtime, RuntimeConfig};
pub use examine::{Access, CONTRACT_VERSION, Examination, Import, examine};
pub use host::sink::{AddError, ArchiveLimits, Sink};
pub use limits::Limits;
pub use pipeline::{
    Analysed, Comparison, ComponentId, Input, InputArtifact, Integrity, Judged, KnownFinding,
    Missing, Pipeline, PipelineError, Scope, SkippedArtifact, Snapshot, Source, Suppression,
    Watcher, comparison_rules,
};
pub use shared::{ShareKey, SharedCode};
pub use step::Step;
