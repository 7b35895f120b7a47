//! npm: what the registry was told, beside what package.json says.

use packguard_sdk::text::{Source, cut};
use packguard_sdk::{Analysis, Category, Confidence, File, Rule, Severity};
use serde_json::{Map, Value};

use crate::npm::INSTALL_HOOKS;
use crate::registry::Registry;
use crate::top::find;

/// package.json and the registry disagree.
pub const CONFUSION: Rule = Rule {
    id: "npm-manifest-confusion",
    title: "package.json contradicts the registry's manifest",
    help: "The registry stores a manifest apart from the archive and does not compare them. Install scripts and dependencies that stand only in the archive are run and installed, yet no page and no audit shows them.\n\nTrust the archive's `package.json`, and ask why they differ.",
    category: Category::Metadata,
    severity: Severity::High,
    attack: &["T1036"],
};

/// Compares package.json with what the registry was told.
pub fn confusion(
    file: File<'_>,
    source: &Source<'_>,
    manifest: &Map<String, Value>,
    registry: &Registry,
    analysis: &mut Analysis,
) {
    let mut report = |severity, title: String, key: &str| {
        let finding = CONFUSION
            .at(
                file,
                source,
                find(source.text(), 0, &format!("\"{key}\"")),
                Confidence::High,
            )
            .severity(severity)
            .title(title)
            .why("npm installs by the archive; pages and audits show the registry's manifest.");
        analysis.push(finding);
    };
    for (key, told) in [("name", &registry.name), ("version", &registry.version)] {
        let stands = manifest.get(key).and_then(Value::as_str);
        if let (Some(stands), Some(told)) = (stands, told)
            && stands.trim().trim_start_matches(['v', '=']) != told.trim_start_matches(['v', '='])
        {
            report(
                Severity::Medium,
                format!("package.json says {key} {stands}, the registry says {told}"),
                key,
            );
        }
    }
    if let (Some(told), Some(Value::Object(scripts))) = (&registry.scripts, manifest.get("scripts"))
    {
        for name in INSTALL_HOOKS {
            let stands = scripts.get(*name).and_then(Value::as_str);
            let known = told.get(*name).and_then(Value::as_str);
            if let Some(stands) =
                stands.filter(|stands| !stands.trim().is_empty() && known != Some(*stands))
            {
                report(
                    Severity::High,
                    format!(
                        "{name} is not what the registry lists: {}",
                        cut(stands, 120)
                    ),
                    name,
                );
            }
        }
    }
    let Some(told) = &registry.dependencies else {
        return;
    };
    for section in ["dependencies", "optionalDependencies"] {
        let Some(Value::Object(names)) = manifest.get(section) else {
            continue;
        };
        for name in names
            .keys()
            .filter(|name| !told.iter().any(|known| known.name == **name))
        {
            report(
                Severity::High,
                format!("{name} is a dependency in package.json but not in the registry"),
                name,
            );
        }
    }
}
