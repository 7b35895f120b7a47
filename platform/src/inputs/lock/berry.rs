//! `yarn.lock` of Yarn 2 and later ("berry"): YAML, one entry per resolution. Its
//! `checksum` is that of Yarn's own cache file, so it says nothing about the tarball.

use percent_encoding::percent_decode_str;

use super::Malformed;
use super::collect::{Collector, Ecosystem, Origin};
use super::npm::{is_local, split_descriptor};
use super::tree::{self, Member};

/// Berry writes `__metadata` first; Yarn 1 never does.
pub(super) fn is_berry(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("__metadata:"))
}

pub(super) fn parse(text: &str, collector: &mut Collector) -> Result<(), Malformed> {
    let read = tree::yaml(text);
    for member in read
        .documents
        .iter()
        .flat_map(|document| document.members())
    {
        if member.key != "__metadata" {
            add(member, collector);
        }
    }
    match read.error {
        Some(error) if !collector.has_packages() => Err(error),
        Some(error) => {
            let reason = format!("not YAML from here on: {}", error.message);
            collector.skip(error.line, "the rest of the file", reason);
            Ok(())
        }
        None => Ok(()),
    }
}

fn add(member: &Member, collector: &mut Collector) {
    let line = Some(member.line);
    let Some(resolution) = member.value.string("resolution") else {
        return collector.skip(line, &member.key, "has no resolution");
    };
    let Some((name, reference)) = split_descriptor(resolution) else {
        return collector.skip(line, resolution, "its resolution names no package");
    };
    if is_local(reference) {
        return collector.local();
    }
    if let Some(version) = reference.strip_prefix("npm:") {
        return published(name, version, line, collector);
    }
    let Some(patched) = reference.strip_prefix("patch:") else {
        return collector.skip(line, resolution, "not from a registry");
    };
    // `patch:name@npm%3A1.0.0#patch-files::bindings`
    let (inner, files) = patched.split_once('#').unwrap_or((patched, ""));
    let inner = percent_decode_str(inner).decode_utf8_lossy();
    let Some((name, version)) = split_descriptor(&inner)
        .and_then(|(name, reference)| Some((name, reference.strip_prefix("npm:")?)))
    else {
        return collector.skip(line, resolution, "a patch of something not from a registry");
    };
    if !files.contains("builtin<") {
        collector.note(
            line,
            resolution,
            "patched after the download: the patch is not analysed",
        );
    }
    published(name, version, line, collector);
}

/// A version may carry bindings: `1.0.0::__archiveUrl=https%3A…`.
fn published(name: &str, version: &str, line: Option<u32>, collector: &mut Collector) {
    let (version, bindings) = version.split_once("::").unwrap_or((version, ""));
    let address = bindings
        .split('&')
        .find_map(|binding| binding.strip_prefix("__archiveUrl="))
        .map(|url| percent_decode_str(url).decode_utf8_lossy());
    collector.add(
        Ecosystem::Npm,
        name,
        Some(version),
        Origin {
            line,
            resolved: address.as_deref(),
            ..Origin::default()
        },
    );
}
