//! From nothing to a tested analyzer.

use base64::Engine as _;

use crate::shell::{Project, Shell, code, json, said};

/// Writes the malicious sample as it really is, for commands that do not decode.
pub fn decoded(shell: &Shell, project: &Project) -> std::path::PathBuf {
    let encoded = project
        .root
        .join("samples/sends-environment/package/setup.py.b64");
    let text: String = std::fs::read_to_string(encoded)
        .unwrap()
        .split_whitespace()
        .collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap();
    let folder = shell.0.path().join("package");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("setup.py"), bytes).unwrap();
    folder
}

#[test]
fn a_new_project_builds_tests_runs_and_would_be_admitted() {
    let (shell, project) = Shell::with_project("first-steps");
    let root = &project.root;
    let built = shell.run(root, &["build"]);
    assert_eq!(code(&built), 0, "{}", said(&built));
    insta::assert_snapshot!("build", shell.shown(&built));
    insta::assert_snapshot!("test", shell.shown(&shell.run(root, &["test"])));
    insta::assert_snapshot!("check", shell.shown(&shell.run(root, &["check"])));
    let package = decoded(&shell, &project);
    let ran = shell.run(root, &["run", package.to_str().unwrap()]);
    insta::assert_snapshot!("run", shell.shown(&ran));
    let none = shell.run(root, &["run", "samples/reads-one-variable/package"]);
    insta::assert_snapshot!("run-finds-nothing", shell.shown(&none));
}

#[test]
fn what_differs_is_shown_and_update_writes_it() {
    let (shell, project) = Shell::with_project("golden-outputs");
    let root = &project.root;
    let golden = root.join("samples/sends-environment/expected.json");
    let before = std::fs::read(&golden).unwrap();
    project.edit(
        "samples/sends-environment/expected.json",
        "\"line\": 7",
        "\"line\": 8",
    );
    std::fs::remove_file(root.join("samples/reads-one-variable/expected.json")).unwrap();
    project.edit(
        "samples/hands-environment-on/sample.toml",
        "benign",
        "malicious",
    );
    let differs = shell.run(root, &["test"]);
    insta::assert_snapshot!("test-differs", shell.shown(&differs));
    let updated = shell.run(root, &["test", "--update"]);
    insta::assert_snapshot!("test-updated", shell.shown(&updated));
    assert_eq!(std::fs::read(&golden).unwrap(), before);
    assert_eq!(code(&shell.run(root, &["test"])), 0);
}

#[test]
fn the_same_sources_give_the_same_component() {
    let digest = |shell: &Shell, project: &Project| {
        let built = shell.run(&project.root, &["build", "--json"]);
        json(&built)["digest"].as_str().unwrap().to_owned()
    };
    let (one, first) = Shell::with_project("reproducible");
    let first = digest(&one, &first);
    let (two, second) = Shell::with_project("reproducible");
    assert_eq!(digest(&two, &second), first);
}

#[test]
fn keys_are_private_and_never_replaced() {
    use std::os::unix::fs::PermissionsExt as _;
    let shell = Shell::new();
    let here = shell.0.path();
    let made = shell.run(here, &["keys", "new", "keys/mine.pem", "--json"]);
    assert_eq!(code(&made), 0, "{}", said(&made));
    let file = here.join("keys/mine.pem");
    let pem = std::fs::read_to_string(&file).unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let made = json(&made);
    let public = std::fs::read_to_string(here.join("keys/mine.pub")).unwrap();
    assert_eq!(made["public_key"], public.trim());
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(public.trim())
        .unwrap();
    assert_eq!(bytes.len(), 32);
    use sha2::Digest as _;
    assert_eq!(
        made["key_id"],
        hex::encode(&sha2::Sha256::digest(&bytes)[..8])
    );
    let shown = shell.run(here, &["keys", "show", "keys/mine.pem", "--json"]);
    assert_eq!(json(&shown), made);

    for (arguments, says) in [
        (&["keys", "new", "keys/mine.pem"][..], "there already"),
        (&["keys", "new", "other/x.pub"], "name it other/x.pem"),
        (&["keys", "show", "keys/other.pem"], "sdk keys new"),
        (&["keys", "show", "keys/mine.pub"], "others may read"),
    ] {
        let refused = shell.run(here, arguments);
        assert_eq!(code(&refused), 2);
        assert!(said(&refused).contains(says), "{}", said(&refused));
    }
    assert!(!here.join("other").exists());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), pem);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = shell.run(here, &["keys", "show", "keys/mine.pem"]);
    assert!(said(&refused).contains("chmod 600"), "{}", said(&refused));
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let shell = Shell::new();
    let here = shell.0.path();
    let commands = [
        "new", "build", "test", "run", "check", "dev", "doctor", "keys", "login", "logout",
        "deploy", "promote", "rollback", "list", "inspect", "disable", "yank",
    ];
    for arguments in [
        &["completions", "bash"][..],
        &["completions", "zsh"],
        &["man"],
    ] {
        let output = shell.run(here, arguments);
        assert_eq!(code(&output), 0);
        for command in commands {
            assert!(said(&output).contains(command), "{arguments:?}: {command}");
        }
    }
    assert_eq!(code(&shell.run(here, &["man", "--folder", "man"])), 0);
    assert!(here.join("man/sdk-test.1").is_file());
}
