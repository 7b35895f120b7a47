//! An analyzer that does nothing: what a sandbox costs by itself.

use packguard_sdk::{Analysis, Analyzer, Descriptor, Package, descriptor};

/// Answers with nothing.
#[derive(Debug, Default)]
pub struct Empty;

impl Analyzer for Empty {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "empty",
        version: "0.1.0",
        description: "Does nothing",
        ..descriptor!()
    };

    fn analyze(_package: &Package) -> Result<Analysis, String> {
        Ok(Analysis::default())
    }
}

packguard_sdk::export_analyzer!(Empty);
