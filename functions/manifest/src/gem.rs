//! RubyGems: native extensions, whose build code runs at install.

use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Category, Confidence, Package, Phase, Rule, Severity};

use crate::code::grade_strings;
use crate::hook::{Hook, Place};
use crate::top::{MANIFEST_LIMIT, find};

/// Extension build code runs at install.
pub const EXTENSION: Rule = Rule {
    id: "gem-extension",
    title: "The gem runs build code when it is installed",
    help: "`gem install` runs `extconf.rb` (or the like) of native extensions, with the rights of the user. Common and mostly honest.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// Extension build code uses the network.
pub const EXTENSION_NETWORK: Rule = Rule {
    id: "gem-extension-network",
    title: "The gem's build code uses the network",
    help: "Some gems fetch a library while they are built; what arrives is not part of the gem.\n\nCheck where it comes from and whether a checksum is verified.",
    category: Category::InstallHook,
    severity: Severity::Low,
    attack: &["T1105"],
};

/// Ruby that opens connections.
const NETWORK: &[&str] = &[
    "Net::HTTP",
    "open-uri",
    "URI.open",
    "TCPSocket",
    "UDPSocket",
    "HTTParty",
    "Faraday",
    "RestClient",
];

/// Whether RubyGems may run the file at install: it picks the builder by these names.
fn is_build_code(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = name.to_ascii_lowercase();
    let in_extension = folder.split(['/', '!']).any(|part| part == "ext");
    name.contains("extconf")
        || name.starts_with("mkrf_conf")
        || name == "rubygems_plugin.rb"
        || in_extension && name.starts_with("rakefile")
}

/// Looks at build code of extensions, wherever it stands: the gem's metadata may name
/// any of these.
pub fn look(package: &Package, analysis: &mut Analysis) {
    let is_ruby = matches!(package.ecosystem(), "gem" | "generic");
    // Copies too: one placed before the real one must not hide it.
    for file in package.all_files() {
        let runs = is_build_code(file.path());
        let described = file.name().ends_with(".gemspec");
        if !is_ruby || !runs && !described {
            continue;
        }
        if runs {
            let finding = EXTENSION
                .at_file(file, Confidence::High)
                .phase(Phase::Install);
            analysis.push(finding);
        }
        let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
            continue;
        };
        let source = Source::new(&text);
        if let Some(word) = NETWORK
            .iter()
            .find(|word| text.contains(**word))
            .filter(|_| runs)
        {
            let finding = EXTENSION_NETWORK
                .at(file, &source, find(&text, 0, word), Confidence::Medium)
                .phase(Phase::Install);
            analysis.push(finding);
        }
        let hook = Hook {
            file,
            source: &source,
            place: Place::From(0),
            phase: Phase::Install,
            // The gemspec is evaluated where the gem is built, not where it is installed.
            lower: u8::from(described),
            what: file.name(),
        };
        grade_strings(&hook, &text, "#", &['"', '\'', '`'], analysis);
    }
}
