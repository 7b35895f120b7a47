//! An analyzer that does nothing: what a sandbox costs by itself.

use packguard_sdk::{Analysis, Analyzer, Descriptor, Package};

/// Answers with nothing.
pub struct Empty;

impl Analyzer for Empty {
    fn describe() -> Descriptor {
        Descriptor {
            name: "empty",
            version: "0.1.0",
            description: "Does nothing",
            ecosystems: &[],
            rules: &[],
        }
    }

    fn analyze(_package: &Package) -> Result<Analysis, String> {
        Ok(Analysis::default())
    }
}

#[cfg(target_arch = "wasm32")]
packguard_sdk::export_analyzer!(Empty);
