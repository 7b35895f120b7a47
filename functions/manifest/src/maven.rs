//! Maven: plugins that run commands in the package's own build.

use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Category, Confidence, Package, Rule, Severity};

use crate::top::{MANIFEST_LIMIT, find};

/// The build runs commands.
pub const BUILD_EXEC: Rule = Rule {
    id: "maven-build-exec",
    title: "The project's build runs commands",
    help: "A plugin in `pom.xml` runs programs or scripts when the project itself is built; consumers of the published artifact don't run it.",
    category: Category::Capability,
    severity: Severity::Info,
    attack: &[],
};

/// Plugins whose purpose is to run anything.
const PLUGINS: &[&str] = &[
    "exec-maven-plugin",
    "maven-antrun-plugin",
    "gmavenplus-plugin",
    "groovy-maven-plugin",
];

/// Looks at every pom.xml, as text: Maven's own inheritance decides what applies, so more
/// than "it is named" can't be said.
pub fn look(package: &Package, analysis: &mut Analysis) {
    if !matches!(package.ecosystem(), "maven" | "generic") {
        return;
    }
    for file in package.glob(&["pom.xml", "*.pom"]) {
        let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
            continue;
        };
        if let Some(plugin) = PLUGINS.iter().find(|plugin| text.contains(**plugin)) {
            let finding = BUILD_EXEC
                .at(
                    file,
                    &Source::new(&text),
                    find(&text, 0, plugin),
                    Confidence::Medium,
                )
                .title(format!("The build uses {plugin}"));
            analysis.push(finding);
        }
    }
}
