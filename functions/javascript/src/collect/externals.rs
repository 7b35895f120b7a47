//! What a bundle's numbers stand for: bundlers (webpack, ncc) number the files that they put
//! together, and what they leave outside as well:
//! `2081: (module) => { module.exports = require("child_process") }`.

use std::collections::BTreeMap;

use memchr::memmem;

/// Bytes between a number and what is loaded under it.
const REACH: usize = 200;

/// Modules that are told by number.
const MODULES: usize = 200;

/// The modules outside of the bundle, by number or name as it stands in the text.
pub fn externals(text: &str) -> BTreeMap<&str, &str> {
    let mut found = BTreeMap::new();
    for at in memmem::find_iter(text.as_bytes(), b".exports") {
        let Some(module) = loaded(&text[at + ".exports".len()..]) else {
            continue;
        };
        let start = text.floor_char_boundary(at.saturating_sub(REACH));
        if let Some(key) = key(&text[start..at]) {
            found.insert(key, module);
        }
        if found.len() >= MODULES {
            break;
        }
    }
    found
}

/// The module in ` = require("module")`.
fn loaded(rest: &str) -> Option<&str> {
    const LONGEST: usize = 60;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let rest = rest.strip_prefix("require(")?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (module, _) = rest[1..].split_once(quote)?;
    (module.len() <= LONGEST && !module.starts_with('.')).then_some(module)
}

/// The key of the member whose function the text ends in: `2081: (module) => { module`.
fn key(before: &str) -> Option<&str> {
    let (head, function) = before.rmatch_indices(':').find_map(|(at, _)| {
        let function = &before[at + 1..];
        let opens = function.contains("=>") || function.contains("function");
        opens.then_some((before[..at].trim_end(), function))
    })?;
    // Nothing else may be assigned in between.
    if function.matches('=').count() > 2 {
        return None;
    }
    let quoted = ['"', '\''].iter().find_map(|quote| {
        let (_, key) = head.strip_suffix(*quote)?.rsplit_once(*quote)?;
        Some(key)
    });
    let number = || {
        let digits = head.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        Some(&head[digits..]).filter(|digits| !digits.is_empty())
    };
    quoted.or_else(number)
}

#[cfg(test)]
mod tests {
    use super::externals;

    #[test]
    fn bundles_say_what_their_numbers_mean() {
        let text = r#"({ /***/ 2081:
            /***/ ((module) => { "use strict"; module.exports = require("child_process"); }),
            7147:e=>{e.exports=require('fs')}, "node:os": function(m){m.exports=require("node:os")},
            12: (module) => { module.exports = require("./own") } })"#;
        let found: Vec<(&str, &str)> = externals(text).into_iter().collect();
        assert_eq!(
            found,
            [
                ("2081", "child_process"),
                ("7147", "fs"),
                ("node:os", "node:os")
            ]
        );
        assert!(externals("module.exports = require(\"fs\")").is_empty());
    }
}
