//! The function registry: analyzers that are deployed while the platform runs.
//!
//! ```text
//! name.rs        names, aliases and versions, as they may be
//! signature.rs   what a publisher signs
//! refusal.rs     why a component is not admitted, each reason with its code
//! admission.rs   the steps that a component passes, in a process of its own
//! probe.rs       that process: `packguard admit`
//! rules.rs       rules that a function may list
//! smoke.rs       the packages that it is tried on
//! changes.rs     what a version changes of the one before
//! publishers.rs  who may publish what
//! settings.rs    what a function may be run with
//! traffic.rs     which tasks a canary and a shadow take
//! orphans.rs     components that nothing names
//! ```

pub mod admission;
pub mod changes;
pub mod name;
pub mod orphans;
pub mod probe;
pub mod publishers;
pub mod refusal;
pub mod rules;
pub mod settings;
pub mod signature;
mod smoke;
pub mod traffic;

/// Whether versions have to be signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SignaturePolicy {
    /// What is signed has to be signed well; what is not is taken too.
    #[default]
    Optional,
    /// What is not signed is neither taken nor run.
    Required,
}
