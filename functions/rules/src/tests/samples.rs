//! Walks `testdata/<rule>/{good,bad}/<file>.b64`, base64 so that no scanner on a
//! developer's machine takes them away, and compares what is found with
//! `testdata/<rule>/expected.txt`. `UPDATE_EXPECTED=1` writes those files.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use packguard_sdk::testing::{PackageBuilder, TestPackage};
use packguard_sdk::{Analyzer as _, Severity, decode};

use crate::{Rules, bundled, scan};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn sample(path: &Path) -> TestPackage {
    let content = decode::base64(&std::fs::read_to_string(path).unwrap()).unwrap();
    let name = path.file_stem().unwrap().to_str().unwrap();
    PackageBuilder::new("generic", "sample")
        .file(&format!("demo/{name}"), content)
        .build()
}

#[test]
fn every_rule_finds_its_samples_and_spares_the_others() {
    let mut wrong = Vec::new();
    for bundled in bundled::all() {
        let rule = bundled.rule.id;
        let folder = folder().join(rule.trim_start_matches("yara-"));
        let mut text = String::new();
        for kind in ["bad", "good"] {
            for path in entries(&folder.join(kind)) {
                let name = format!("{kind}/{}", path.file_stem().unwrap().to_str().unwrap());
                let analysis = Rules::analyze(&sample(&path)).unwrap();
                assert_eq!(analysis.problems(), [], "{rule} {name}");
                let findings = analysis.findings();
                let right = match kind {
                    // In code that is read as a tree, a match is at most medium.
                    "bad" => findings.iter().any(|finding| {
                        let least = bundled.rule.severity.min(Severity::Medium);
                        finding.rule == rule && finding.severity >= least
                    }),
                    _ => findings
                        .iter()
                        .all(|finding| finding.severity == Severity::Info),
                };
                if !right {
                    wrong.push(format!("{rule} {name}: {findings:#?}"));
                }
                writeln!(text, "{name}").unwrap();
                for finding in findings {
                    let line = finding.location.as_ref().and_then(|location| location.line);
                    writeln!(
                        text,
                        "  {} {:?} {:?} line {line:?}: {}",
                        finding.rule, finding.severity, finding.confidence, finding.title
                    )
                    .unwrap();
                    for layer in &finding.decoded {
                        writeln!(text, "    {}: {}", layer.encoding, layer.text.trim()).unwrap();
                    }
                }
            }
        }
        let expected = folder.join("expected.txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&expected, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(&expected).unwrap(), "{rule}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_of_samples_belongs_to_a_rule() {
    let rules: BTreeSet<&str> = bundled::all()
        .map(|bundled| bundled.rule.id.trim_start_matches("yara-"))
        .collect();
    for path in entries(&folder()) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(rules.contains(name.as_str()), "{name}");
    }
}

/// A gate that is too narrow would hide a match: scanning with all rules must find
/// nothing that the gates keep out.
#[test]
fn gates_keep_no_match_out() {
    let all = (0..bundled::all().count()).collect();
    let mut scanner = bundled::compile(&all).unwrap();
    scan::set_up(&mut scanner);
    for path in entries(&folder())
        .iter()
        .flat_map(|rule| [rule.join("good"), rule.join("bad")])
        .flat_map(|folder| entries(&folder))
    {
        let package = sample(&path);
        let mut matched = BTreeSet::new();
        for file in package.files() {
            scan::pieces(file, &mut Vec::new(), |bytes, _| {
                scan::introduce(&mut scanner, file, bytes).unwrap();
                let rules = scan::scan(&scanner, bytes).unwrap();
                matched.extend(
                    rules
                        .iter()
                        .filter_map(|rule| bundled::find(rule.name))
                        .map(|bundled| bundled.rule.id),
                );
            })
            .unwrap();
        }
        let gated: BTreeSet<String> = Rules::analyze(&package)
            .unwrap()
            .findings()
            .iter()
            .map(|finding| finding.rule.clone())
            .collect();
        let matched: BTreeSet<String> = matched.into_iter().map(str::to_owned).collect();
        assert_eq!(gated, matched, "{}", path.display());
    }
}
