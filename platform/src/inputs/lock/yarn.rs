//! `yarn.lock` of Yarn 1: a format of its own, close to YAML, one block per package.

use super::Malformed;
use super::collect::{Collector, Ecosystem, Origin};
use super::hashes::{Algorithm, Hashes};
use super::npm::{is_local, not_from_registry, split_descriptor};

/// A block being read.
struct Block<'a> {
    /// The header without its colon: `"a@^1", a@^1.1`.
    header: &'a str,
    line: u32,
    version: Option<&'a str>,
    resolved: Option<&'a str>,
    integrity: Option<&'a str>,
}

pub(super) fn parse(text: &str, collector: &mut Collector) -> Result<(), Malformed> {
    let mut block: Option<Block<'_>> = None;
    let mut number = 0;
    for line in text.lines() {
        number += 1;
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        match (indent, trimmed.strip_suffix(':')) {
            (0, Some(header)) => {
                let next = Block {
                    header,
                    line: number,
                    version: None,
                    resolved: None,
                    integrity: None,
                };
                if let Some(done) = block.replace(next) {
                    add(&done, collector);
                }
            }
            (0, None) => collector.skip(Some(number), trimmed, "cannot be read"),
            (2, _) => property(trimmed, block.as_mut()),
            // Dependencies of the package: each has a block of its own.
            _ => {}
        }
    }
    if let Some(done) = block {
        add(&done, collector);
    }
    Ok(())
}

fn property<'a>(line: &'a str, block: Option<&mut Block<'a>>) {
    let (Some(block), Some((key, value))) = (block, line.split_once(' ')) else {
        return;
    };
    let value = Some(value.trim().trim_matches('"'));
    match key.trim_matches('"') {
        "version" => block.version = value,
        "resolved" => block.resolved = value,
        "integrity" => block.integrity = value,
        _ => {}
    }
}

fn add(block: &Block<'_>, collector: &mut Collector) {
    let line = Some(block.line);
    let first = block
        .header
        .split(',')
        .next()
        .unwrap_or_default()
        .trim()
        .trim_matches('"');
    let Some((key, range)) = split_descriptor(first) else {
        return collector.skip(line, first, "names no package");
    };
    if is_local(range) {
        return collector.local();
    }
    let (name, range) = match range.strip_prefix("npm:") {
        Some(alias) => split_descriptor(alias).unwrap_or((alias, "")),
        None => (key, range),
    };
    let owner_and_repository = range
        .contains('/')
        .then_some("from a git repository, not from a registry");
    let reason = not_from_registry(range)
        .or(block.resolved.and_then(not_from_registry))
        .or(owner_and_repository);
    if let Some(reason) = reason {
        return collector.skip(line, first, reason);
    }
    let Some(version) = block.version else {
        return collector.skip(line, first, "has no version");
    };
    let mut hashes = Hashes::default();
    let fragment = block
        .resolved
        .and_then(|url| url.split_once('#'))
        .map(|(_, sha1)| sha1);
    match (block.integrity, fragment) {
        (Some(integrity), _) => hashes.integrity(integrity),
        (None, Some(sha1)) => hashes.hex(Algorithm::Sha1, sha1),
        (None, None) => {}
    }
    collector.add(
        Ecosystem::Npm,
        name,
        Some(version),
        Origin {
            line,
            resolved: block.resolved,
            hashes,
            ..Origin::default()
        },
    );
}
