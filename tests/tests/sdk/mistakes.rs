//! Bad input: what is wrong, and what to do.

use crate::shell::{Shell, code, said};

#[test]
fn a_failing_build_shows_the_compilers_own_words() {
    let (shell, project) = Shell::with_project("does-not-build");
    project.edit(
        "src/lib.rs",
        "let mut start = 0;",
        "let mut start = nothing;",
    );
    let output = shell.run(&project.root, &["test"]);
    assert_eq!(code(&output), 1);
    let text = said(&output);
    for expected in ["error[E0425]", "src/lib.rs:", "nothing", "the build failed"] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert!(
        !project.root.join("dist").exists(),
        "nothing is half-written"
    );
}

#[test]
fn a_missing_toolchain_is_named_with_what_installs_it() {
    let (shell, project) = Shell::with_project("no-toolchain");
    let empty = |arguments: &[&str]| {
        let mut command = shell.command(&project.root, arguments);
        command.env("PATH", "").env_remove("PACKGUARD_SDK_PATH");
        shell.shown(&command.output().unwrap())
    };
    insta::assert_snapshot!("no-cargo", empty(&["build"]));
    insta::assert_snapshot!("doctor-finds-nothing", empty(&["doctor"]));
    project.edit("packguard.toml", "\"rust\"", "\"python\"");
    insta::assert_snapshot!("no-componentize-py", empty(&["build"]));
    project.edit("packguard.toml", "\"python\"", "\"javascript\"");
    insta::assert_snapshot!("no-node", empty(&["build"]));
}

#[test]
fn a_missing_target_is_named_with_what_installs_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (shell, project) = Shell::with_project("no-target");
    let programs = shell.0.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    for (name, answer) in [("cargo", "exit 1"), ("rustc", "echo /no/such/folder")] {
        let path = programs.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{answer}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = shell.command(&project.root, &["build"]);
    let output = command.env("PATH", programs).output().unwrap();
    insta::assert_snapshot!("no-target", shell.shown(&output));
}

#[test]
fn the_manifest_is_read_strictly() {
    let (shell, project) = Shell::with_project("strict-manifest");
    let root = &project.root;
    let path = root.join("packguard.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    for (name, text) in [
        (
            "unknown-keys",
            good.replace("description", "desciption") + "\n[tests]\nsamples = \"x\"\n[biuld]\n",
        ),
        ("unknown-language", good.replace("\"rust\"", "\"cobol\"")),
        ("no-toml", good.replace("[function]", "[function")),
    ] {
        std::fs::write(&path, text).unwrap();
        let output = shell.run(root, &["build"]);
        insta::assert_snapshot!(name, shell.shown(&output));
    }
    std::fs::write(&path, good).unwrap();
    project.edit("samples/reads-one-variable/sample.toml", "label", "lable");
    let output = shell.run(root, &["test"]);
    insta::assert_snapshot!("unknown-key-of-a-sample", shell.shown(&output));
}

#[test]
fn a_project_is_made_whole_or_not_at_all() {
    let shell = Shell::new();
    let here = shell.0.path();
    std::fs::create_dir(here.join("taken")).unwrap();
    for (arguments, says) in [
        (
            &["new", "Bad_Name", "--lang", "rust"][..],
            "no name for a function",
        ),
        (&["new", "../x", "--lang", "rust"], "no name for a function"),
        (&["new", "taken", "--lang", "rust"], "there already"),
        (
            &["new", "a", "--lang", "cobol"],
            "possible values: rust, python, javascript",
        ),
        (
            &["new", "a", "--lang", "rust", "--sdk", "."],
            "no checkout of Packguard",
        ),
        (&["build"], "sdk new NAME"),
        (&["test"], "sdk new NAME"),
        (&["run", "x"], "sdk new NAME"),
        (&["promote", "a@1.0.0", "--percent", "5"], "takes no share"),
        (
            &["promote", "a@1.0.0", "--alias", "canary", "--percent", "0"],
            "1..=100",
        ),
        (&["deploy", "--percent", "5"], "--alias"),
    ] {
        let output = shell.run(here, arguments);
        assert_eq!(code(&output), 2, "{}", said(&output));
        assert!(said(&output).contains(says), "{}", said(&output));
    }
    for (name, says) in [
        ("a", "no checkout of Packguard is named"),
        ("python", "is taken"),
    ] {
        let mut command = shell.command(here, &["new", name, "--lang", "rust"]);
        let output = command.env_remove("PACKGUARD_SDK_PATH").output().unwrap();
        assert_eq!(code(&output), 2, "{}", said(&output));
        assert!(said(&output).contains(says), "{}", said(&output));
    }
    let left: Vec<_> = std::fs::read_dir(here).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn run_names_what_can_not_be_analysed() {
    let (shell, project) = Shell::with_project("run-mistakes");
    shell.file("text.tar.gz", b"this is no archive");
    std::fs::write(project.root.join("requirements.txt"), "a==1\nb==2\n").unwrap();
    for (input, exit, says) in [
        ("no-such-file", 2, "no such file"),
        ("../text.tar.gz", 3, "not an archive"),
        ("requirements.txt", 2, "a list of packages"),
        ("pkg:nothing/at-all", 2, "hint"),
    ] {
        let output = shell.run(&project.root, &["run", input]);
        assert_eq!(code(&output), exit, "{input}: {}", said(&output));
        assert!(said(&output).contains(says), "{input}: {}", said(&output));
    }
}
