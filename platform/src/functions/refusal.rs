//! Why a component is not admitted.

use packguard_runtime::LoadError;
use serde::{Deserialize, Serialize};

/// The reasons, in the order of the steps. API: clients match on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Over the size limit.
    ComponentTooLarge,
    /// No WebAssembly.
    NotWasm,
    /// A core module.
    CoreModule,
    /// Native code.
    Precompiled,
    /// Damaged, or in need of a proposal that is switched off.
    InvalidComponent,
    /// Compiling takes too long.
    CompileTooSlow,
    /// Compiling takes too much memory.
    CompileTooLarge,
    /// An import that no analyzer may have.
    ForbiddenImport,
    /// A version of the contract that is not spoken here.
    UnsupportedWit,
    /// No analyzer.
    NotAnAnalyzer,
    /// `describe` did not answer.
    DescribeFailed,
    /// `describe` says too much.
    DescriptorTooLarge,
    /// A rule's id is none, or stands twice.
    InvalidRule,
    /// A rule's id is that of a bundled analyzer's rule.
    RuleTaken,
    /// `describe` says something else than the manifest.
    ManifestMismatch,
    /// It failed on a sample package.
    SmokeFailed,
}

impl Code {
    /// As clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ComponentTooLarge => "component_too_large",
            Self::NotWasm => "not_wasm",
            Self::CoreModule => "core_module",
            Self::Precompiled => "precompiled",
            Self::InvalidComponent => "invalid_component",
            Self::CompileTooSlow => "compile_too_slow",
            Self::CompileTooLarge => "compile_too_large",
            Self::ForbiddenImport => "forbidden_import",
            Self::UnsupportedWit => "unsupported_wit",
            Self::NotAnAnalyzer => "not_an_analyzer",
            Self::DescribeFailed => "describe_failed",
            Self::DescriptorTooLarge => "descriptor_too_large",
            Self::InvalidRule => "invalid_rule",
            Self::RuleTaken => "rule_taken",
            Self::ManifestMismatch => "manifest_mismatch",
            Self::SmokeFailed => "smoke_failed",
        }
    }
}

/// A component that was not admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people: why, and what to change.
    pub message: String,
}

/// Longest message of a refusal, characters: some quote the component.
const MAX_MESSAGE: usize = 1_000;

impl Refusal {
    /// A refusal; its message is cut where it is too long.
    pub fn new(code: Code, message: impl AsRef<str>) -> Self {
        let message = message.as_ref().chars().take(MAX_MESSAGE).collect();
        Self { code, message }
    }
}

impl From<LoadError> for Refusal {
    fn from(error: LoadError) -> Self {
        let code = match &error {
            LoadError::TooLarge(_) => Code::ComponentTooLarge,
            LoadError::Precompiled => Code::Precompiled,
            LoadError::CoreModule => Code::CoreModule,
            LoadError::NotWasm => Code::NotWasm,
            LoadError::Invalid(_) => Code::InvalidComponent,
            LoadError::ForbiddenImport(_) => Code::ForbiddenImport,
            LoadError::Contract(_) => Code::UnsupportedWit,
            LoadError::NoWorld => Code::NotAnAnalyzer,
            LoadError::TooSlow(_) => Code::CompileTooSlow,
            LoadError::Describe(..) => Code::DescribeFailed,
        };
        Self::new(code, error.to_string())
    }
}
