//! The `packguard` command as a library, so that tests and benchmarks can use its parts.

pub mod cli;
pub mod components;
pub mod inputs;
pub mod limits;
pub mod output;
pub mod purl;
pub mod registry;
pub mod scan;
