//! An analyzer whose versions differ in what they do with packages that are called `evil-…`:
//! a test writes another version into the component.
//!
//! ```text
//! 0.1.0   nothing
//! 0.2.0   finds something grave
//! 0.3.0   traps
//! 0.4.0   the same finding as 0.2.0, after more work
//! 0.5.0   never ends
//! ```

use packguard_sdk::{
    Analysis, Analyzer, Category, Confidence, Descriptor, Package, Rule, Severity, descriptor,
};

const EVIL: Rule = Rule {
    id: "fickle-evil",
    title: "The package is called evil",
    help: "Finds packages by their name; the tests compare versions by it.",
    category: Category::Execution,
    severity: Severity::Critical,
    attack: &[],
};

/// Changes its mind.
#[derive(Debug, Default)]
pub struct Fickle;

impl Analyzer for Fickle {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "fickle",
        version: "0.1.0",
        description: "Does what its version says",
        rules: &[&EVIL],
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        let mut analysis = Analysis::default();
        if !package.name().starts_with("evil") {
            return Ok(analysis);
        }
        // Read when it runs: the test changes the text in the component.
        match std::hint::black_box(Self::DESCRIPTOR.version) {
            "0.2.0" => analysis.push(EVIL.about_package("it is evil", Confidence::High)),
            "0.3.0" => trap(),
            "0.4.0" => {
                work();
                analysis.push(EVIL.about_package("it is evil", Confidence::High));
            }
            "0.5.0" => spin(),
            _ => {}
        }
        Ok(analysis)
    }
}

fn trap() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
}

fn spin() -> ! {
    let mut number = 1_u64;
    loop {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
}

fn work() {
    let bytes = std::hint::black_box(vec![1_u8; 16 << 20]);
    std::hint::black_box(bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>());
}

packguard_sdk::export_analyzer!(Fickle);
