//! Whole packages in, findings out.
#![expect(clippy::unwrap_used, reason = "test code")]

use packguard_names::Names;
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analyzer as _, Severity};

fn run(builder: PackageBuilder) -> Vec<(String, Severity, String)> {
    let analysis = Names::analyze(&builder.build()).unwrap();
    assert_eq!(analysis.problems(), []);
    analysis
        .findings()
        .iter()
        .map(|finding| {
            (
                finding.rule.clone(),
                finding.severity,
                finding.title.clone(),
            )
        })
        .collect()
}

#[test]
fn squats_are_found_and_popular_names_are_not() {
    for (ecosystem, name, severity) in [
        ("pypi", "reqeusts", Some(Severity::Medium)),
        ("pypi", "python-numpy", Some(Severity::Low)),
        ("pypi", "Requests", None),
        ("pypi", "typing_extensions", None),
        ("npm", "lodahs", Some(Severity::Medium)),
        ("npm", "crossenv", Some(Severity::Medium)),
        ("npm", "express", None),
        ("npm", "my-own-thing", None),
        ("cargo", "serde_jsom", Some(Severity::Medium)),
        ("cargo", "serde-json", None),
        ("gem", "nokogirri", Some(Severity::Medium)),
        ("nuget", "newtonsoft.jsom", Some(Severity::Medium)),
        ("maven", "anything", None),
    ] {
        let found = run(PackageBuilder::new(ecosystem, name));
        assert_eq!(
            found.first().map(|found| found.1),
            severity,
            "{name}: {found:?}"
        );
    }
}

#[test]
fn established_packages_are_exempt() {
    let with = |metadata: &str| run(PackageBuilder::new("npm", "lodahs").metadata(metadata)).len();
    assert_eq!(
        with(r#"{"first_published_at":"2015-01-02T00:00:00Z","versions":40}"#),
        0
    );
    assert_eq!(
        with(
            r#"{"first_published_at":"2023-01-02T00:00:00Z","published_at":"2026-03-01T00:00:00Z","versions":11}"#
        ),
        0
    );
    assert_eq!(with(r#"{"downloads":5000000}"#), 0);
    assert_eq!(
        with(r#"{"first_published_at":"2015-01-02T00:00:00Z","versions":2}"#),
        1
    );
    assert_eq!(
        with(
            r#"{"first_published_at":"2025-01-02T00:00:00Z","published_at":"2025-03-01T00:00:00Z","versions":40}"#
        ),
        1
    );
    assert_eq!(with("nonsense"), 1);
}

#[test]
fn the_list_can_be_replaced() {
    let package = || PackageBuilder::new("npm", "my-own-thimg");
    assert_eq!(run(package()).len(), 0);
    assert_eq!(
        run(package().setting("names.npm", "# ours\nmy-own-thing\n")).len(),
        1
    );
    assert_eq!(
        run(PackageBuilder::new("npm", "lodahs").setting("names.npm", "my-own-thing")).len(),
        0
    );
}

#[test]
fn dependencies_are_compared() {
    let npm = PackageBuilder::new("npm", "sample").file(
        "package/package.json",
        r#"{"dependencies":{"expresss":"1","preact":"1"}}"#,
    );
    let found = run(npm);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].0.as_str(), found[0].1),
        ("name-dependency-resembles", Severity::Low)
    );
    assert!(found[0].2.contains("expresss"));
    let pypi = PackageBuilder::new("pypi", "sample").file("sample-1.dist-info/METADATA", "Name: sample\nRequires-Dist: reqeusts>=1 ; extra == 'x'\nRequires-Dist: numpy\n\nRequires-Dist: nunpy-is-text\n");
    assert_eq!(run(pypi).len(), 1);
    let listed = PackageBuilder::new("cargo", "sample").metadata(r#"{"dependencies":[{"name":"toikio","requirement":"1","kind":"runtime"},{"name":"reqwets","requirement":"1","kind":"runtime"},{"name":"reqwest","kind":null}]}"#);
    assert_eq!(run(listed).len(), 1);
}

#[test]
fn honest_names_are_not_accused() {
    for (ecosystem, names) in [
        (
            "pypi",
            "left-pad requests-mock requests-cache pytest-django flask-restful numba-scipy pandas-stubs types-six dj-database-url django-extensions aiohttp-cors python-magic pymongo-inmemory redis-py-cluster boto urllib2 black-magic clickhouse-driver tomlkit-extras pytest-html jsonlines httpx-sse rich-click torchmetrics panda scikit-optimize sqlmodel uvicorn-worker",
        ),
        (
            "npm",
            "left-pad preact-router nuxi mochawesome lodash.get react-select vue-i18n ts-morph express-validator node-addon-api async-mutex chalk-template koa-router redux-logger webpack-merge eslint-plugin-vue jest-cli d3-array ms-utils server color-name color-convert glob-parent source-list-map tapable vuepress nanospinner",
        ),
        (
            "cargo",
            "serde_with tokio-rustls hyper-util regex-lite rand_distr clap_lex toml_datetime time-macros windows-targets anes syn-mid httpdate sha3 md-5 zstd-safe winnow ryu-js",
        ),
    ] {
        for name in names.split_whitespace() {
            let found = run(PackageBuilder::new(ecosystem, name));
            assert!(
                found.iter().all(|found| found.1 < Severity::Medium),
                "{found:?}"
            );
        }
    }
}

#[test]
fn dependencies_beyond_the_limit_are_named() {
    let dependencies: serde_json::Map<_, _> = (0..2_001)
        .map(|number| (format!("unheard-of-{number}"), "1".into()))
        .collect();
    let manifest = serde_json::json!({"dependencies": dependencies}).to_string();
    let package = PackageBuilder::new("npm", "x").file("package/package.json", &manifest);
    let analysis = Names::analyze(&package.build()).unwrap();
    assert_eq!(analysis.problems().len(), 1);
    assert!(analysis.problems()[0].reason.contains("2000 dependencies"));
}

#[test]
fn dependencies_are_told_where_it_is_asked_for() {
    for (ecosystem, path, text) in [
        (
            "npm",
            "package/package.json",
            r#"{"dependencies": {"a": "1"}}"#,
        ),
        ("generic", "package.json", r#"{"dependencies": {"a": "1"}}"#),
        (
            "generic",
            "x-1.0/PKG-INFO",
            "Name: x\nRequires-Dist: a>=1\n",
        ),
        ("composer", "composer.json", r#"{"require": {"a": "1"}}"#),
    ] {
        let package = || PackageBuilder::new(ecosystem, "mine-own").file(path, text);
        assert_eq!(run(package()), [], "{ecosystem} {path}");
        let found = run(package().setting("names.inventory", "on"));
        let titles: Vec<&str> = found.iter().map(|(_, _, title)| title.as_str()).collect();
        assert_eq!(titles, ["Depends on a"], "{ecosystem} {path}");
    }
}
