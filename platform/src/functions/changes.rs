//! What a version changes of the one before: what its publisher should look at before
//! promoting it.

use std::collections::BTreeSet;

use packguard_runtime::report::DescriptorInfo;
use serde::Serialize;

use super::admission::{Admitted, Measures};
use super::name;
use crate::db::functions::VersionRow;

/// What was added and removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// Only in the new version.
    pub added: Vec<String>,
    /// Only in the version before.
    pub removed: Vec<String>,
}

impl Difference {
    fn between(before: &BTreeSet<&str>, after: &BTreeSet<&str>) -> Self {
        let only = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| {
            one.difference(other)
                .map(|text| (*text).to_owned())
                .collect()
        };
        Self {
            added: only(after, before),
            removed: only(before, after),
        }
    }
}

/// What a version changes of the one before.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Changes {
    /// The version before: the highest below the new one.
    pub since: String,
    /// Interfaces that it imports.
    pub capabilities: Difference,
    /// Rules that it may cite.
    pub rules: Difference,
    /// Bytes of the component before; those of the new one are in `version`.
    pub size_bytes_before: i64,
    /// What admission measured of the version before.
    pub measures_before: Measures,
}

impl Changes {
    /// What `admitted` changes of the version before it among `versions`; `None` for the
    /// first.
    pub fn of(version: &str, admitted: &Admitted, versions: &[VersionRow]) -> Option<Self> {
        let new = name::version(version).ok()?;
        let before = versions
            .iter()
            .filter_map(|row| Some((name::version(&row.version).ok()?, row)))
            .filter(|(version, _)| *version < new)
            .max_by(|(a, _), (b, _)| a.cmp(b));
        let (_, before) = before?;
        let descriptor: DescriptorInfo = serde_json::from_value(before.descriptor.clone()).ok()?;
        Some(Self {
            since: before.version.clone(),
            capabilities: Difference::between(
                &before.capabilities.iter().map(String::as_str).collect(),
                &admitted.capabilities.iter().map(String::as_str).collect(),
            ),
            rules: Difference::between(&rules(&descriptor), &rules(&admitted.descriptor)),
            size_bytes_before: before.size_bytes,
            measures_before: serde_json::from_value(before.measures.clone()).unwrap_or_default(),
        })
    }
}

fn rules(descriptor: &DescriptorInfo) -> BTreeSet<&str> {
    descriptor
        .rules
        .iter()
        .map(|rule| rule.id.as_str())
        .collect()
}
