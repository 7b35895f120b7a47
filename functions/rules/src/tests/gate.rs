//! The gate finds each of its literals, wherever it stands and whatever its case.

use std::collections::BTreeSet;

use crate::bundled;
use crate::gate::Gate;

#[test]
fn every_literal_opens_its_gate_at_any_place_and_in_any_case() {
    let mut gate = Gate::default();
    for (index, rule) in bundled::all().enumerate() {
        for literal in rule.gate {
            let also = rule.also.first().copied().unwrap_or_default();
            for before in 0..9 {
                for (after, upper) in [(0, false), (0, true), (7, false)] {
                    let mut bytes = also.to_vec();
                    bytes.extend(vec![b'.'; before]);
                    bytes.extend_from_slice(literal);
                    bytes.extend(vec![b'.'; after]);
                    if upper {
                        bytes.make_ascii_uppercase();
                    }
                    let mut rules = BTreeSet::new();
                    let admits = gate.admit(&bytes, rule.media, &mut rules).unwrap();
                    assert!(
                        admits && rules.contains(&index),
                        "{} {}",
                        rule.name,
                        literal.escape_ascii()
                    );
                }
            }
        }
    }
}
