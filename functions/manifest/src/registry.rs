//! The registry's metadata, as far as manifests can contradict it (`docs/metadata.md`).

use std::collections::BTreeMap;

use packguard_sdk::Package;
use serde::Deserialize;
use serde_json::Value;

/// What the registry says of the release.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Registry {
    /// As the registry spells it.
    pub name: Option<String>,
    /// As the registry spells it.
    pub version: Option<String>,
    /// `None` where the registry does not tell.
    pub dependencies: Option<Vec<Dependency>>,
    /// npm: lifecycle scripts by name.
    pub scripts: Option<BTreeMap<String, Value>>,
}

/// A dependency as the registry lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Dependency {
    /// Its name.
    pub name: String,
}

impl Registry {
    /// The metadata of a package; `None` where there is none, or none of the documented
    /// shape.
    pub fn of(package: &Package) -> Option<Self> {
        serde_json::from_str(package.metadata()?).ok()
    }
}
