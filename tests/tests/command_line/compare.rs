//! Releases compared: `packguard diff`, and a scan that looks at the release before.

use serde_json::Value;

use super::known::index;
use super::*;

const BEFORE: &[(&str, &[u8])] = &[
    (
        "package/package.json",
        br#"{"name": "sample", "version": "1.0.0", "dependencies": {"left": "1"}}"#,
    ),
    ("package/index.js", b"module.exports = 42;\n"),
    ("package/old.js", b"module.exports = 1;\n"),
];

const AFTER: &[(&str, &[u8])] = &[
    (
        "package/package.json",
        br#"{"name": "sample", "version": "1.0.1", "dependencies": {"right": "1"}, "scripts": {"postinstall": "node index.js"}}"#,
    ),
    ("package/index.js", b"require('child_process').exec('git status');\n"),
    ("package/new.js", b"module.exports = 2;\n"),
];

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

#[test]
fn a_comparison_tells_what_is_new() {
    let shell = Shell::new();
    shell.file("before.tgz", &tar_gz(BEFORE));
    shell.file("after.tgz", &tar_gz(AFTER));
    let diff = |more: &[&str]| {
        let arguments = [more, &["before.tgz", "after.tgz"]].concat();
        shell.run(&mut shell.subcommand("diff", &arguments))
    };
    let output = diff(&["--format", "json", "--no-timings"]);
    let found = json(&output);
    assert_eq!(strings(&found["files"]["added"]), ["new.js"]);
    assert_eq!(strings(&found["files"]["removed"]), ["old.js"]);
    assert_eq!(
        strings(&found["files"]["changed"]),
        ["index.js", "package.json"]
    );
    assert_eq!(strings(&found["dependencies"]["new"]), ["right"]);
    assert_eq!(strings(&found["dependencies"]["gone"]), ["left"]);
    assert!(
        !strings(&found["install_hooks"]["new"]).is_empty(),
        "{found}"
    );
    assert!(
        !strings(&found["capabilities"]["new"]).is_empty(),
        "{found}"
    );
    assert_eq!(
        diff(&["--format", "json", "--no-timings"]).stdout,
        output.stdout
    );
    for format in ["human", "markdown", "sarif"] {
        let output = diff(&[
            "--format",
            format,
            "--fail-on",
            "never",
            "--fail-on-new",
            "never",
        ]);
        assert_eq!(code(&output), 0, "{format}: {}", said(&output));
        assert!(
            said(&output).contains("postinstall") || said(&output).contains("new.js"),
            "{}",
            said(&output)
        );
    }
    let same = shell.run(&mut shell.subcommand("diff", &["before.tgz", "before.tgz"]));
    assert_eq!(code(&same), 0, "{}", said(&same));
}

#[test]
fn a_release_that_turns_malicious_fails_and_bad_input_is_named() {
    let shell = Shell::new();
    shell.file("before.tgz", &tar_gz(HONEST));
    shell.file("after.tgz", &tar_gz(MALICIOUS));
    for (arguments, expected) in [
        (&["before.tgz", "after.tgz"][..], 1),
        (&["after.tgz", "before.tgz"], 0),
        (&["--fail-on", "never", "before.tgz", "after.tgz"], 1),
        (
            &[
                "--fail-on",
                "never",
                "--fail-on-new",
                "never",
                "before.tgz",
                "after.tgz",
            ],
            0,
        ),
        (&["before.tgz"], 2),
        (&["before.tgz", "nowhere.tgz"], 2),
        (&["--offline", "before.tgz", "pkg:pypi/sample@1.0.0"], 4),
    ] {
        let output = shell.run(&mut shell.subcommand("diff", arguments));
        assert_eq!(code(&output), expected, "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn a_scan_compares_with_the_release_before() {
    let shell = Shell::new();
    let registry = index(
        &[("sample-1.0.0/sample/__init__.py", b"def answer():\n    return 42\n")],
        &[
            ("sample-1.0.1/sample/__init__.py", b"import subprocess\n\ndef answer(path):\n    return subprocess.run(['git', '-C', path, 'status'])\n"),
        ],
    );
    let scan = |more: &[&str]| {
        let arguments = [&["--format", "json"], more].concat();
        let output = shell.run(
            shell
                .command(&arguments)
                .env("PACKGUARD_PYPI_URL", &registry),
        );
        json(&output)["reports"][0].clone()
    };
    let report = scan(&["pkg:pypi/sample@1.0.1"]);
    assert_eq!(
        report["comparison"]["before"]["version"], "1.0.0",
        "{report}"
    );
    assert_eq!(report["comparison"]["step"], "patch");
    assert_eq!(report["comparison"]["files_changed"], 1);
    let rules: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["rule"].as_str().unwrap())
        .collect();
    assert!(rules.contains(&"diff-new-capability"), "{rules:?}");
    assert_eq!(report["verdict"]["outcome"], "clean", "{report}");
    let first = scan(&["pkg:pypi/sample@1.0.0"]);
    assert!(first["comparison"].is_null());
    assert!(
        scan(&["--compare-previous", "never", "pkg:pypi/sample@1.0.1"])["comparison"].is_null()
    );
    shell.file("requirements.txt", b"sample==1.0.1\n");
    assert!(scan(&["requirements.txt"])["comparison"].is_null());
    assert!(!scan(&["--compare-previous", "always", "requirements.txt"])["comparison"].is_null());
}
