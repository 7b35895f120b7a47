//! The example of each language finds what its samples say, in the runtime of production.

use std::path::Path;

use packguard_runtime::report::{Finding, PackageInfo, StepInfo, StepOutcome};
use packguard_runtime::{Limits, World};

use crate::lab::{JAVASCRIPT, Lab, Language, PYTHON, unpack};

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_python_finds_what_its_samples_say() {
    check(PYTHON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_javascript_finds_what_its_samples_say() {
    check(JAVASCRIPT).await;
}

async fn check(language: Language) {
    let example = language.example();
    let lab = Lab::new(language.build(&example)).await;
    says_what_its_manifest_says(&lab, &example);
    let mut labels = Vec::new();
    let mut samples: Vec<_> = std::fs::read_dir(example.join("samples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    samples.sort();
    for sample in samples {
        let about = toml(&sample.join("sample.toml"));
        let (findings, step) = run(&lab, &sample, &about).await;
        let again = run(&lab, &sample, &about).await;
        assert_eq!(again.0, findings, "{sample:?}");
        assert_eq!(again.1.usage.fuel, step.usage.fuel, "{sample:?}");
        println!("{}: {:?}", sample.display(), step.usage);
        within_limits(&step);
        let malicious = about["label"].as_str() == Some("malicious");
        assert_eq!(!findings.is_empty(), malicious, "{sample:?}: {findings:#?}");
        labels.push(malicious);
        compare(&sample.join("expected.json"), &findings);
    }
    assert!(labels.contains(&true) && labels.contains(&false));
}

fn says_what_its_manifest_says(lab: &Lab, example: &Path) {
    let manifest = toml(&example.join("packguard.toml"));
    let function = &manifest["function"];
    let descriptor = lab.guest.descriptor();
    assert_eq!(lab.guest.world(), World::Analyzer);
    assert_eq!(Some(descriptor.name.as_str()), function["name"].as_str());
    assert_eq!(
        Some(descriptor.version.as_str()),
        function["version"].as_str()
    );
    assert_eq!(
        Some(descriptor.description.as_str()),
        function["description"].as_str()
    );
    let ecosystems: Vec<_> = function["ecosystems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    assert_eq!(descriptor.ecosystems, ecosystems);
    assert!(descriptor.rules.iter().all(|rule| !rule.help.is_empty()));
}

async fn run(lab: &Lab, sample: &Path, about: &toml::Table) -> (Vec<Finding>, StepInfo) {
    let text = |key: &str| about[key].as_str().unwrap().to_owned();
    let package = PackageInfo {
        ecosystem: text("ecosystem"),
        name: text("name"),
        version: Some(text("version")),
        ..PackageInfo::default()
    };
    let folder = tempfile::tempdir().unwrap();
    unpack(&sample.join("package"), folder.path());
    let report = lab.folder(package, folder.path().to_owned()).await;
    assert!(report.incomplete.is_empty(), "{:?}", report.incomplete);
    let name = &lab.guest.descriptor().name;
    let step = report.analyzers.into_iter().find(|one| one.name == *name);
    let findings = report.findings.into_iter();
    (
        findings
            .filter(|one| one.analyzer == *name)
            .map(Finding::as_found)
            .collect(),
        step.unwrap(),
    )
}

/// A guest of an interpreter is far from the limits that every guest has.
fn within_limits(step: &StepInfo) {
    let limits = Limits::default();
    assert_eq!(step.outcome, StepOutcome::Ok);
    assert!(step.usage.peak_memory < limits.memory as u64 / 8);
    assert!(step.usage.fuel < limits.fuel / 100);
}

fn compare(expected: &Path, findings: &[Finding]) {
    if std::env::var_os("UPDATE_SAMPLES").is_some() {
        let text = serde_json::to_string_pretty(findings).unwrap();
        std::fs::write(expected, text + "\n").unwrap();
    }
    let text = std::fs::read(expected).unwrap();
    let wanted: Vec<Finding> = serde_json::from_slice(&text).unwrap();
    assert_eq!(findings, wanted, "{}", expected.display());
}

fn toml(path: &Path) -> toml::Table {
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}
