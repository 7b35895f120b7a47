//! What decides a report, beside the artifacts.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{Input, Pipeline, Suppression};
use crate::component::CONTRACT;
use crate::configuration::Configuration;
use crate::report::{DescriptorInfo, Provenance};

impl Pipeline {
    /// What all components say of themselves, by name.
    pub fn descriptors(&self) -> Vec<DescriptorInfo> {
        let all = [&self.unpacker, &self.judge]
            .into_iter()
            .chain(&self.analyzers);
        let mut all: Vec<DescriptorInfo> = all.map(|one| one.descriptor().into()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// What a report over `input` will say that it came from; with the artifacts' digests
    /// and [`Pipeline::components`], all that decides it.
    pub fn provenance(&self, input: &Input) -> Provenance {
        let digest = |value: &serde_json::Value| hex::encode(Sha256::digest(value.to_string()));
        let mut inputs = vec![
            serde_json::json!(input.settings),
            serde_json::json!(input.metadata),
        ];
        if !self.missing.is_empty() {
            inputs.push(serde_json::json!(self.missing));
        }
        let suppressions = (!input.suppressions.is_empty()).then(|| {
            let mut all: Vec<&Suppression> = input.suppressions.iter().collect();
            all.sort();
            digest(&serde_json::json!(all))
        });
        if suppressions.is_some() || input.advisories.is_some() || !input.known.is_empty() {
            inputs.push(serde_json::json!([
                suppressions,
                input.advisories,
                input.known
            ]));
        }
        if !input.notes.is_empty() {
            inputs.push(serde_json::json!(["notes", input.notes]));
        }
        if let Some(before) = &input.before {
            let report = before.report.clone().without_timings();
            inputs.push(serde_json::json!(["before", report, before.files]));
        }
        let configured: BTreeMap<&str, &Configuration> = self
            .analyzers
            .iter()
            .filter(|one| *one.configuration != Configuration::default())
            .map(|one| (one.descriptor().name.as_str(), &*one.configuration))
            .collect();
        if !configured.is_empty() {
            inputs.push(serde_json::json!(configured));
        }
        Provenance {
            packguard: env!("CARGO_PKG_VERSION").into(),
            contract: CONTRACT.into(),
            limits: digest(&serde_json::json!([self.limits, self.archive])),
            inputs: digest(&serde_json::Value::Array(inputs)),
            suppressions,
            advisories: input.advisories.clone(),
        }
    }
}
