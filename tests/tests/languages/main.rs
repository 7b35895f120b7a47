//! Analyzers of other languages: built by their scripts, run by the runtime.
//!
//! The first run installs the toolchains below the cache folder. `UPDATE_SAMPLES=1` writes the
//! expected findings of the examples anew.

mod boundaries;
mod examples;
mod lab;
mod native;
