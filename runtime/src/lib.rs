//! Sandboxed analysis.

pub mod report;
