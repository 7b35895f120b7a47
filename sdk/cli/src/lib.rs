//! The `sdk` command as a library: writes, builds, tests, explains and deploys analyzers.
//!
//! # Exit codes
//!
//! They are API, and mean what those of `packguard scan` mean.
//!
//! | code | when |
//! |---|---|
//! | 0 | all is well |
//! | 1 | the project is not: its build fails, a sample differs from its golden output, the component would not be admitted, or the server refused it |
//! | 2 | the command line, `packguard.toml` or a `sample.toml` makes no sense, or names a function, version or alias that is not there |
//! | 3 | `sdk run` did not analyse all of the package |
//! | 4 | the surroundings failed: a toolchain is missing, a registry or the server is away, the login is not good, the disk is full |

pub mod build;
pub mod cli;
pub mod commands;
mod failure;
mod lab;
mod print;
mod private;
pub mod project;
mod server;
pub mod target;

pub use failure::say;
