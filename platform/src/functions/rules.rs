//! Rules that a function may list: reports, filters and people tell rules by their ids alone, so
//! these are unique over all analyzers.

use std::collections::BTreeSet;

use packguard_runtime::report::DescriptorInfo;

use super::name::is_kebab;
use super::refusal::{Code, Refusal};

/// Longest id: that of a rule whose function has the longest name, and some words.
const MAX_ID: usize = 128;

/// The ids of the bundled analyzers' rules, one a line, sorted. Asking the components takes as
/// long as compiling them; a test does, and compares (`UPDATE_RULES=1` writes it anew).
const BUNDLED: &str = include_str!("bundled-rules.txt");

/// Checks the ids of the rules that a function lists.
///
/// # Errors
/// The first that it may not have, and what to change.
pub fn check(descriptor: &DescriptorInfo) -> Result<(), Refusal> {
    let bundled: BTreeSet<&str> = bundled().collect();
    let mut own = BTreeSet::new();
    for rule in &descriptor.rules {
        let id = rule.id.as_str();
        let shown: String = id.chars().take(MAX_ID).collect();
        if id.len() > MAX_ID || !is_kebab(id) {
            let message = format!(
                "the rule id `{shown}` is not 1 to {MAX_ID} lower-case letters, digits and single `-`: call it as in `{}-upload`",
                descriptor.name
            );
            return Err(Refusal::new(Code::InvalidRule, message));
        }
        if !own.insert(id) {
            let message = format!("`describe` lists two rules `{shown}`: give each its own id");
            return Err(Refusal::new(Code::InvalidRule, message));
        }
        if bundled.contains(id) {
            let message = format!(
                "`{shown}` is a rule of a bundled analyzer: choose another id, as in `{}-{shown}`",
                descriptor.name
            );
            return Err(Refusal::new(Code::RuleTaken, message));
        }
    }
    Ok(())
}

/// The ids of the bundled analyzers' rules.
pub fn bundled() -> impl Iterator<Item = &'static str> {
    BUNDLED.lines()
}

#[cfg(test)]
mod tests {
    use packguard_runtime::report::RuleInfo;

    use super::*;

    fn lists(ids: &[&str]) -> Result<(), Code> {
        let rule = |id: &&str| {
            RuleInfo {
            id: (*id).into(),
            ..serde_json::from_value(serde_json::json!({
                "id": "", "title": "", "help": "", "category": "execution", "severity": "low", "attack": [],
            }))
            .unwrap()
        }
        };
        let descriptor = DescriptorInfo {
            name: "demo".into(),
            version: "0.1.0".into(),
            description: String::new(),
            ecosystems: Vec::new(),
            rules: ids.iter().map(rule).collect(),
        };
        check(&descriptor).map_err(|refusal| refusal.code)
    }

    #[test]
    fn ids_are_kebab_case_unique_and_not_ours() {
        let long = "a".repeat(MAX_ID);
        assert_eq!(lists(&["demo-upload", "2-demo", &long]), Ok(()));
        let too_long = "a".repeat(MAX_ID + 1);
        for bad in ["", "Demo", "demo_upload", "demo-", "a\u{1b}[2J", &too_long] {
            assert_eq!(lists(&[bad]), Err(Code::InvalidRule), "{bad}");
        }
        assert_eq!(lists(&["demo", "demo"]), Err(Code::InvalidRule));
        let ours = bundled().next().unwrap();
        assert_eq!(lists(&["demo", ours]), Err(Code::RuleTaken));
    }
}
