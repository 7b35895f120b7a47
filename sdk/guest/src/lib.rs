//! Write Packguard analyzers.
//!
//! An analyzer is a WASI component that is handed one unpacked package and answers
//! with findings. Implement [`Analyzer`] and call [`export_analyzer!`]:
//!
//! ```
//! use packguard_sdk::{Analysis, Analyzer, Category, Confidence, Descriptor, Package, Rule, Severity};
//! use packguard_sdk::{descriptor, export_analyzer};
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
//! #[derive(Default)]
//! struct Demo;
//!
//! impl Analyzer for Demo {
//!     const DESCRIPTOR: Descriptor = Descriptor { rules: &[&README], ..descriptor!() };
//!
//!     fn package(&mut self, package: &Package, analysis: &mut Analysis) {
//!         for file in package.glob(&["README*"]) {
//!             analysis.push(README.at_file(file, Confidence::High));
//!         }
//!     }
//! }
//!
//! export_analyzer!(Demo);
//! ```
//!
//! What analyzers have in common stands here, so that none writes it again:
//!
//! - [`Package`] and [`glob`]: walking the package, by pattern or by ecosystem.
//! - [`text`]: decoding, lines and columns, snippets, entropy.
//! - [`decode`]: base64, hex, zlib and percent-encoding, bounded, and layer by layer.
//! - [`indicators`]: hosts, secrets and shell commands that hostile packages name.
//! - [`Rule`], [`Finding`], [`Hit`], [`Analysis`]: findings that carry their evidence.
//! - `testing` (feature `testing`): packages in memory, for native tests. The crate
//!   `packguard-sdk-testkit` runs the same tests in the sandbox too.
//!
//! Guests have no network, no environment, no writable directory, a frozen clock and
//! a seeded random source, so the same package always gives the same answer. Keep it
//! so: iterate over ordered collections only.

/// The examples of `README.md` compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod analysis;
mod analyzer;
pub mod bindings;
pub mod decode;
mod export;
mod finding;
pub mod glob;
pub mod indicators;
pub mod judge;
mod package;
mod rule;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
pub mod unpacker;

pub use analysis::{Analysis, FINDINGS_PER_RULE};
pub use analyzer::Analyzer;
pub use bindings::analyzer::packguard::analyzer::types::{
    Category, Confidence, DecodedLayer, Phase, Severity,
};
pub use finding::{Finding, Hit};
pub use judge::Judge;
pub use package::{File, Package, is_among_tests};
pub use rule::{Descriptor, Rule};
pub use unpacker::Unpacker;

/// Parsers make many small allocations; std's allocator for WebAssembly (dlmalloc) takes
/// several times as long over them.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
