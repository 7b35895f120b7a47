//! `packguard rules`, and the page that is made of it.

use super::*;

fn rules(arguments: &[&str]) -> Output {
    let shell = Shell::new();
    shell.run(&mut shell.subcommand("rules", arguments))
}

#[test]
fn a_rule_is_explained_in_every_format() {
    let text = said(&rules(&["osv-malware"]));
    assert!(
        text.contains("severity  critical") && text.contains("Do not install"),
        "{text}"
    );
    let list = json(&rules(&["--format", "json"]));
    let list = list.as_array().unwrap();
    assert!(list.len() > 50, "{}", list.len());
    let mut ids: Vec<&str> = list
        .iter()
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "two rules have one id");
    for rule in list {
        for part in ["analyzer", "title", "help", "category", "severity"] {
            assert!(!rule[part].as_str().unwrap().is_empty(), "{part} of {rule}");
        }
    }
    let slip = rules(&["osv-malwear"]);
    assert_eq!(code(&slip), 2);
    assert!(said(&slip).contains("osv-malware"), "{}", said(&slip));
}

/// `UPDATE_DOCS=1 cargo test --workspace --test command_line rules` writes it anew.
#[test]
fn the_page_of_the_rules_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rules.md");
    let output = rules(&["--format", "markdown"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &output.stdout).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed.as_bytes() == output.stdout,
        "the rules changed: run `UPDATE_DOCS=1 cargo test --workspace --test command_line rules` and commit docs/rules.md"
    );
}
