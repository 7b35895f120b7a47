//! Write Packguard analyzers.
//!
//! An analyzer is a WASI component that is handed one unpacked package and answers
//! with findings. Implement [`Analyzer`] and call [`export_analyzer!`]:
//!
//! ```
//! use packguard_sdk::{Analysis, Analyzer, Category, Confidence, Descriptor, Finding, Package, Rule, Severity};
//!
//! const README: Rule = Rule {
//!     id: "demo-readme",
//!     title: "The package has a README",
//!     help: "Found when a file called README stands in the package. Harmless.",
//!     category: Category::Metadata,
//!     severity: Severity::Info,
//!     attack: &[],
//! };
//!
//! struct Demo;
//!
//! impl Analyzer for Demo {
//!     fn describe() -> Descriptor {
//!         Descriptor { name: "demo", version: "0.1.0", description: "Looks for a README", ecosystems: &[], rules: &[&README] }
//!     }
//!
//!     fn analyze(package: &Package) -> Result<Analysis, String> {
//!         let mut analysis = Analysis::default();
//!         for file in package.files() {
//!             if file.name() == "README" {
//!                 analysis.push(Finding::new(&README, Confidence::High).at_file(file));
//!             }
//!         }
//!         Ok(analysis)
//!     }
//! }
//! # #[cfg(target_arch = "wasm32")]
//! packguard_sdk::export_analyzer!(Demo);
//! ```
//!
//! Guests have no network, no environment, no writable directory, a frozen clock and
//! a seeded random source, so the same package always gives the same answer. Keep it
//! so: iterate over ordered collections only.

pub mod bindings;
pub mod decode;
mod export;
mod finding;
pub mod indicators;
pub mod judge;
mod package;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
pub mod unpacker;

pub use bindings::analyzer::packguard::analyzer::types::{
    Category, Confidence, DecodedLayer, Phase, Severity,
};
pub use finding::{Analysis, Descriptor, FINDINGS_PER_RULE, Finding, Rule};
pub use judge::Judge;
pub use package::{File, Package};
pub use unpacker::Unpacker;

/// Parsers make many small allocations; std's allocator for WebAssembly (dlmalloc) takes
/// several times as long over them.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// A component that looks at packages.
pub trait Analyzer {
    /// What the component says of itself: name, version, rules.
    fn describe() -> Descriptor;

    /// Looks at one package.
    ///
    /// # Errors
    /// One line, when the analyzer can't work at all (a setting that makes no sense).
    /// A file it can't read or parse is a problem in the [`Analysis`], not an error.
    fn analyze(package: &Package) -> Result<Analysis, String>;
}
