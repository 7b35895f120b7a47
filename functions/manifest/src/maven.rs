//! Maven: plugins that run commands in the package's own build.

use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Category, Confidence, Finding, Package, Rule, Severity};

use crate::top::{MANIFEST_LIMIT, find, read};

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
    for file in package
        .files()
        .filter(|file| file.name() == "pom.xml" || file.extension() == "pom")
    {
        let Some(text) = read(file, MANIFEST_LIMIT, analysis) else {
            continue;
        };
        if let Some(plugin) = PLUGINS.iter().find(|plugin| text.contains(**plugin)) {
            let finding = Finding::new(&BUILD_EXEC, Confidence::Medium)
                .title(format!("The build uses {plugin}"))
                .at(file, &Source::new(&text), find(&text, 0, plugin));
            analysis.push(finding);
        }
    }
}
