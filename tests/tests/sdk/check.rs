//! `sdk check` on components that would not be admitted.

use packguard_functions::BUNDLED;
use packguard_tests::EMPTY;

use crate::shell::{Shell, code, json, said};

fn check(name: &str, bytes: &[u8]) -> String {
    let shell = Shell::new();
    shell.file("a.wasm", bytes);
    let output = shell.run(shell.0.path(), &["check", "--component", "a.wasm"]);
    assert_eq!(code(&output), 1, "{name}: {}", said(&output));
    shell.shown(&output)
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {text})")).unwrap()
}

#[test]
fn each_refusal_has_its_reason() {
    insta::assert_snapshot!(
        "core-module",
        check("module", &wat::parse_str("(module)").unwrap())
    );
    insta::assert_snapshot!("no-wasm", check("text", b"#!/bin/sh\n"));
    insta::assert_snapshot!(
        "other-contract",
        check(
            "contract",
            &component(r#"(import "packguard:analyzer/types@2.0.0" (instance))"#)
        )
    );
    insta::assert_snapshot!(
        "forbidden-imports",
        check(
            "imports",
            &component(
                r#"(import "wasi:http/types@0.2.6" (instance))
                   (import "run-command" (func))
                   (import "wasi:sockets/tcp@0.2.6" (instance))"#
            )
        )
    );
    let judge = BUNDLED.iter().find(|one| one.name == "judge").unwrap();
    let said = check("judge", judge.bytes);
    assert!(
        said.contains("refused  world     the component is a judge"),
        "{said}"
    );
}

#[test]
fn a_component_that_is_too_large_is_refused_unread() {
    let said = check("large", &vec![0; (64 << 20) + 1]);
    assert!(said.contains("refused  size"), "{said}");
}

#[test]
fn describe_has_to_agree_with_the_manifest() {
    let (shell, project) = Shell::with_project("disagrees");
    project.edit("packguard.toml", "0.1.0", "0.2.0");
    project.edit(
        "packguard.toml",
        "ecosystems = []",
        "ecosystems = [\"npm\"]",
    );
    let output = shell.run(&project.root, &["check", "--json"]);
    assert_eq!(code(&output), 1, "{}", said(&output));
    let answer = json(&output);
    assert_eq!(answer["admitted"], false);
    let bad: Vec<_> = answer["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["ok"] == false)
        .map(|item| item["what"].as_str().unwrap())
        .collect();
    assert_eq!(bad.len(), 2, "{bad:?}");
    assert!(bad[0].contains("version 0.2.0") && bad[1].contains("ecosystems npm"));
}

#[test]
fn an_analyzer_without_rules_is_refused() {
    assert!(check("empty", EMPTY).contains("refused  describe  it lists no rule"));
}
