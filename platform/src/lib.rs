//! The `packguard` command as a library, so that tests and benchmarks can use its parts.

pub mod inputs;
pub mod output;
