//! An analyzer that does what its options say: nothing, without any.

use packguard_sdk::bindings::analyzer::packguard::analyzer::log;
use packguard_sdk::{
    Analysis, Analyzer, Category, Confidence, Descriptor, Package, Rule, Severity, descriptor,
};

const HEARD: Rule = Rule {
    id: "talker-heard",
    title: "The guest has an option",
    help: "Repeats the option `repeat`; the tests compare it.",
    category: Category::Metadata,
    severity: Severity::Info,
    attack: &[],
};

/// Does as it is told.
#[derive(Debug, Default)]
pub struct Talker;

impl Analyzer for Talker {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "talker",
        version: "0.1.0",
        description: "Does as it is told",
        rules: &[&HEARD],
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        if let Some(times) = package.setting("say") {
            for number in 0..times.parse().unwrap_or(0) {
                let line = format!("line {number}\u{1b}[31m of {}", package.name());
                log::write(log::Level::Info, &line);
            }
        }
        if let Some(mebibytes) = package.setting("memory") {
            let mebibytes: usize = mebibytes.parse().unwrap_or(0);
            std::hint::black_box(vec![1_u8; mebibytes << 20]);
        }
        if let Some(why) = package.setting("panic") {
            die(why);
        }
        let mut analysis = Analysis::default();
        if let Some(text) = package.setting("repeat") {
            analysis.push(HEARD.about_package(text, Confidence::High));
        }
        Ok(analysis)
    }
}

#[expect(clippy::panic, reason = "what the test wants to read")]
fn die(why: &str) -> ! {
    panic!("{why}")
}

packguard_sdk::export_analyzer!(Talker);
