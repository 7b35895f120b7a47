//! The SDKs' own tests, as their developers run them, and what the build scripts say.

use std::process::Command;

use crate::lab::{JAVASCRIPT, PYTHON, root, succeed};

#[test]
fn the_tests_of_the_python_sdk_pass() {
    let sdk = root().join(PYTHON.sdk);
    for folder in [sdk.join("tests"), PYTHON.example()] {
        succeed(
            Command::new("python3")
                .args(["-B", "-W", "error", "-m", "unittest", "discover", "-s"])
                .arg(&folder)
                .env("PYTHONPATH", &sdk)
                .current_dir(&folder),
        );
    }
}

#[test]
fn the_tests_of_the_javascript_sdk_pass() {
    let script = root().join(JAVASCRIPT.sdk).join("build");
    succeed(Command::new(script).arg("--test"));
}

#[test]
fn a_project_that_does_not_build_is_told_why_and_loses_nothing() {
    for (language, file, wrong, said) in [
        (PYTHON, "analyzer.py", "WitWorld = missing\n", "missing"),
        (
            JAVASCRIPT,
            "analyzer.ts",
            "import x from 'not-there';\nexport default x;\n",
            "not-there",
        ),
    ] {
        let project = tempfile::tempdir().unwrap();
        let component = project.path().join("component.wasm");
        let script = root().join(language.sdk).join("build");
        let build = || {
            let mut command = Command::new(&script);
            let output = command.arg(project.path()).arg(&component).output();
            let output = output.unwrap();
            assert!(!output.status.success());
            String::from_utf8(output.stderr).unwrap()
        };
        assert!(build().contains("analyzer"), "{}", language.name);
        std::fs::write(&component, "the build before").unwrap();
        std::fs::write(project.path().join(file), wrong).unwrap();
        let words = build();
        assert!(words.contains(said), "{words}");
        let kept = std::fs::read(&component).unwrap();
        assert_eq!(kept, b"the build before");
    }
}
