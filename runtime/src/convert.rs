//! Between the records of the contract and those of the report.

use crate::bindings::types as wit;
use crate::report::{Category, Confidence, DescriptorInfo, Finding, Phase, RuleInfo, Severity};

impl From<&wit::Rule> for RuleInfo {
    fn from(from: &wit::Rule) -> Self {
        Self {
            id: from.id.clone(),
            title: from.title.clone(),
            help: from.help.clone(),
            category: from.category.into(),
            severity: from.severity.into(),
            attack: from.attack.clone(),
        }
    }
}

impl From<&wit::Descriptor> for DescriptorInfo {
    fn from(from: &wit::Descriptor) -> Self {
        Self {
            name: from.name.clone(),
            version: from.version.clone(),
            description: from.description.clone(),
            ecosystems: from.ecosystems.clone(),
            rules: from.rules.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Finding> for wit::Finding {
    fn from(from: &Finding) -> Self {
        Self {
            rule: from.rule.clone(),
            title: from.title.clone(),
            category: from.category.into(),
            severity: from.severity.into(),
            confidence: from.confidence.into(),
            phase: from.phase.into(),
            location: from.location.as_ref().map(|place| wit::Location {
                artifact: 0,
                path: place.path.clone(),
                line: place.line,
                column: place.column,
                end_line: place.end_line,
                snippet: place.snippet.clone(),
            }),
            decoded: from
                .decoded
                .iter()
                .map(|layer| wit::DecodedLayer {
                    encoding: layer.encoding.clone(),
                    text: layer.text.clone(),
                })
                .collect(),
            why: from.why.clone(),
        }
    }
}

/// Converts an enum of the contract to the report's and back, case by case.
macro_rules! same_cases {
    ($name:ident { $($case:ident),+ }) => {
        impl From<wit::$name> for $name {
            fn from(from: wit::$name) -> Self {
                match from { $(wit::$name::$case => Self::$case),+ }
            }
        }
        impl From<$name> for wit::$name {
            fn from(from: $name) -> Self {
                match from { $($name::$case => Self::$case),+ }
            }
        }
    };
}

same_cases!(Severity {
    Info,
    Low,
    Medium,
    High,
    Critical
});
same_cases!(Confidence { Low, Medium, High });
same_cases!(Phase {
    Install,
    Import,
    Execute,
    Unknown
});
same_cases!(Category {
    Capability,
    InstallHook,
    Execution,
    Persistence,
    DefenseEvasion,
    CredentialAccess,
    Discovery,
    Collection,
    CommandAndControl,
    Exfiltration,
    Impact,
    SupplyChain,
    Archive,
    Metadata,
    Binary
});
