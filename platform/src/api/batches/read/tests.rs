//! Whatever the bytes are, reading them ends in packages or in an error.

use proptest::prelude::*;
use serde_json::json;

use super::{Hints, listed};
use crate::model::Priority;

fn hints(filename: Option<&str>) -> Hints {
    Hints {
        filename: filename.map(str::to_owned),
        may_be_list: filename.is_none(),
        priority: Priority::default(),
        limit: 10_000,
    }
}

#[test]
fn purls_that_mean_the_same_are_one() {
    let body = json!({"purls": [
        "pkg:pypi/Zope.Interface@1", "pkg:pypi/zope-interface@1", " pkg:pypi/zope_interface@1 ",
        "pkg:npm/a@1", "pkg:npm/a@2",
    ]});
    let found = listed(body.to_string().as_bytes(), &hints(None)).expect("a list");
    let purls: Vec<String> = found
        .packages
        .iter()
        .map(|one| one.purl.to_string())
        .collect();
    assert_eq!(
        purls,
        ["pkg:pypi/zope-interface@1", "pkg:npm/a@1", "pkg:npm/a@2"]
    );
    assert_eq!(found.packages[0].requested, "pkg:pypi/Zope.Interface@1");
}

#[test]
fn packages_that_differ_by_case_are_not_taken_for_one() {
    let lock = json!({"lockfileVersion": 3, "packages": {
        "node_modules/JSONStream": {"version": "1.0.0"},
        "node_modules/jsonstream": {"version": "1.0.0"},
    }});
    let found = listed(
        lock.to_string().as_bytes(),
        &hints(Some("package-lock.json")),
    );
    let found = found.expect("a lock file");
    assert_eq!(found.packages.len(), 1);
    assert_eq!(found.skipped.len(), 1);
    assert!(
        found.skipped[0].reason.contains("JSONStream"),
        "{:?}",
        found.skipped
    );
}

proptest! {
    #[test]
    fn any_bytes_as_any_file(
        name in prop::sample::select(vec![
            None, Some("package-lock.json"), Some("yarn.lock"), Some("pnpm-lock.yaml"), Some("poetry.lock"),
            Some("Cargo.lock"), Some("requirements.txt"), Some("sbom.json"), Some("x"),
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        if let Ok(found) = listed(&bytes, &hints(name)) {
            prop_assert!(!found.packages.is_empty());
        }
    }

    #[test]
    fn any_list(purls in prop::collection::vec(".{0,40}|pkg:(npm|pypi)/[a-zA-Z._-]{1,5}(@[0-9]{1,2})?", 0..20)) {
        let body = json!({"purls": purls}).to_string();
        if let Ok(found) = listed(body.as_bytes(), &hints(None)) {
            let mut all: Vec<String> = found.packages.iter().map(|one| one.purl.to_string()).collect();
            prop_assert!(all.len() <= purls.len());
            all.sort();
            all.dedup();
            prop_assert_eq!(all.len(), found.packages.len());
        }
    }
}
