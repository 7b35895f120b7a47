//! npm dependencies that bypass the registry.

use packguard_sdk::indicators::scan;
use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Category, Confidence, File, Phase, Rule, Severity};
use serde_json::{Map, Value};

use crate::npm::INSTALL_HOOKS;
use crate::top::find;

/// A dependency by URL.
pub const URL_DEPENDENCY: Rule = Rule {
    id: "npm-url-dependency",
    title: "A dependency comes from a URL, not the registry",
    help: "The dependency is fetched from git or a web server: no version, no checksum, no registry scanning; its content can change at any time.\n\nPin a commit, or depend on a published version.",
    category: Category::SupplyChain,
    severity: Severity::Low,
    attack: &["T1195.001"],
};

/// A dependency by plain HTTP.
pub const HTTP_DEPENDENCY: Rule = Rule {
    id: "npm-http-dependency",
    title: "A dependency is fetched over an unprotected connection",
    help: "The dependency's URL is plain `http:` or `git:`; whoever stands on the way can replace the code. Malware uses it for dependencies that no registry page shows.\n\nDo not install without looking at what is served.",
    category: Category::SupplyChain,
    severity: Severity::Medium,
    attack: &["T1195.001", "T1557"],
};

/// A dependency from an address or host that attackers use.
pub const HOSTILE_DEPENDENCY: Rule = Rule {
    id: "npm-hostile-dependency",
    title: "A dependency is fetched from a bare address or a host that attackers use",
    help: "The dependency's URL names a public IP address, tunnel, paste site or the like. No project publishes its code there.\n\nDo not install.",
    category: Category::SupplyChain,
    severity: Severity::High,
    attack: &["T1195.001"],
};

/// Looks at what is installed along with the package.
pub fn look(
    file: File<'_>,
    source: &Source<'_>,
    manifest: &Map<String, Value>,
    analysis: &mut Analysis,
) {
    for section in ["dependencies", "optionalDependencies"] {
        let Some(Value::Object(dependencies)) = manifest.get(section) else {
            continue;
        };
        for (name, requirement) in dependencies {
            let Value::String(requirement) = requirement else {
                continue;
            };
            if let Some(rule) = rule_of(requirement) {
                // Optional ones fail without a word: worms hide theirs there.
                let quiet = section == "optionalDependencies" && rule.severity < Severity::Medium;
                let ran = run_at_install(manifest, name);
                let severity = match rule.severity {
                    // The code behind the URL runs at install, by the package's own order.
                    _ if ran => Severity::High,
                    Severity::Medium if is_unknown(requirement) => Severity::High,
                    _ if quiet => Severity::Medium,
                    severity => severity,
                };
                let finding = rule
                    .at(
                        file,
                        source,
                        find(source.text(), 0, &format!("\"{name}\"")),
                        Confidence::High,
                    )
                    .title(format!(
                        "{name} comes from {}",
                        packguard_sdk::text::cut(requirement, 160)
                    ))
                    .severity(severity)
                    .phase(Phase::Install);
                analysis.push(finding);
            }
        }
    }
}

/// Whether a script at install runs a module of the dependency: `require('name/setup')`.
fn run_at_install(manifest: &Map<String, Value>, name: &str) -> bool {
    let Some(Value::Object(scripts)) = manifest.get("scripts") else {
        return false;
    };
    let forms = [
        format!("require('{name}"),
        format!("require(\"{name}"),
        format!("import('{name}"),
        format!("import(\"{name}"),
        format!("node_modules/{name}/"),
    ];
    INSTALL_HOOKS
        .iter()
        .filter_map(|hook| scripts.get(*hook).and_then(Value::as_str))
        .any(|script| forms.iter().any(|form| script.contains(form)))
}

/// Whether a URL by plain HTTP names a host that is none of the code hosts: those answer
/// with a redirect to a protected connection.
pub fn is_unknown(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    const CODE_HOSTS: &[&str] = &[
        "github.com",
        "gitlab.com",
        "bitbucket.org",
        "sourceforge.net",
    ];
    scheme.trim_start_matches("git+") == "http"
        && !CODE_HOSTS.iter().any(|known| {
            host.strip_suffix(known)
                .is_some_and(|front| front.is_empty() || front.ends_with('.'))
        })
}

fn rule_of(requirement: &str) -> Option<&'static Rule> {
    let requirement = requirement.trim();
    let is_path = requirement.starts_with("file:")
        || requirement.starts_with("link:")
        || requirement.starts_with("workspace:")
        || requirement.starts_with("npm:");
    if is_path {
        return None;
    }
    let Some((scheme, _)) = requirement.split_once(':') else {
        // `user/repository` is short for a git host.
        let short = requirement.contains('/')
            && !requirement.starts_with(['.', '/', '~', '@', '<', '>', '^'])
            && !requirement.contains(' ');
        return short.then_some(&URL_DEPENDENCY);
    };
    let hostile = scan(requirement)
        .iter()
        .any(|found| found.kind.is_hostile_host());
    match scheme {
        _ if hostile => Some(&HOSTILE_DEPENDENCY),
        "http" | "git+http" | "git" => Some(&HTTP_DEPENDENCY),
        "https" | "git+https" | "git+ssh" | "ssh" | "github" | "gitlab" | "bitbucket" | "gist"
        | "git+file" => Some(&URL_DEPENDENCY),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_hosts_and_what_runs_at_install_are_told() {
        assert!(is_unknown("http://packages.example/npm/a"));
        assert!(is_unknown("git+http://git.example.org/a.git"));
        assert!(!is_unknown("http://github.com/a/b/tarball/master"));
        assert!(!is_unknown("http://codeload.github.com/a/b"));
        assert!(!is_unknown("https://packages.example/npm/a"));
        let manifest = |script: &str| {
            let text = format!(r#"{{"scripts": {{"postinstall": "{script}"}}}}"#);
            serde_json::from_str::<Map<String, Value>>(&text).unwrap()
        };
        assert!(run_at_install(
            &manifest("node -e require('core-x/setup')"),
            "core-x"
        ));
        assert!(!run_at_install(&manifest("core-x install"), "core-x"));
    }

    #[test]
    fn requirements_are_told_apart() {
        for (requirement, id) in [
            ("^1.2.3", None),
            (">=1 <2", None),
            ("npm:other@1", None),
            ("workspace:*", None),
            ("file:../x", None),
            ("latest", None),
            ("user/repo", Some("npm-url-dependency")),
            ("github:user/repo#v1", Some("npm-url-dependency")),
            ("https://example.com/a.tgz", Some("npm-url-dependency")),
            (
                "git+ssh://git@example.com/a.git",
                Some("npm-url-dependency"),
            ),
            ("http://example.com/a.tgz", Some("npm-http-dependency")),
            ("http://203.0.113.9/a.tgz", Some("npm-hostile-dependency")),
            ("https://x.ngrok.io/a.tgz", Some("npm-hostile-dependency")),
        ] {
            assert_eq!(
                rule_of(requirement).map(|rule| rule.id),
                id,
                "{requirement}"
            );
        }
    }
}
