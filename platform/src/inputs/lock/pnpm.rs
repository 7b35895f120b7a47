//! `pnpm-lock.yaml`. The keys of `packages` name the packages, and changed twice:
//! `/name/1.0.0_peer@2.0.0` (5), `/name@1.0.0(peer@2.0.0)` (6), `name@1.0.0` (9).

use super::Malformed;
use super::collect::{Collector, Ecosystem, Origin};
use super::hashes::Hashes;
use super::npm::{is_local, not_from_registry, split_descriptor};
use super::tree::{self, Member, Yaml};

pub(super) fn parse(text: &str, collector: &mut Collector) -> Result<(), Malformed> {
    let read = tree::yaml(text);
    for document in &read.documents {
        let version = document.string("lockfileVersion").unwrap_or_default();
        let major = version
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok());
        let Some(major) = major else {
            return Err(Malformed::new(None, "it has no `lockfileVersion`"));
        };
        let importers = document
            .get("importers")
            .map(Yaml::members)
            .unwrap_or_default();
        importers.iter().for_each(|_| collector.local());
        for package in document
            .get("packages")
            .map(Yaml::members)
            .unwrap_or_default()
        {
            add(package, major, collector);
        }
    }
    match read.error {
        Some(error) if !collector.has_packages() => Err(error),
        Some(error) => {
            let reason = format!("not YAML from here on: {}", error.message);
            collector.skip(error.line, "the rest of the file", reason);
            Ok(())
        }
        None if read.documents.is_empty() => Err(Malformed::new(None, "it is empty")),
        None => Ok(()),
    }
}

fn add(member: &Member, major: u32, collector: &mut Collector) {
    let line = Some(member.line);
    let package = &member.value;
    let resolution = match package.get("resolution") {
        Some(resolution @ Yaml::Map(_)) => resolution,
        _ => return collector.skip(line, &member.key, "has no readable resolution"),
    };
    let kind = resolution.string("type").unwrap_or_default();
    if kind == "directory" || resolution.get("directory").is_some() {
        return collector.local();
    }
    if kind == "git" || resolution.get("repo").is_some() {
        return collector.skip(
            line,
            &member.key,
            "from a git repository, not from a registry",
        );
    }
    let split = if major < 6 {
        split_old(&member.key)
    } else {
        split_new(&member.key)
    };
    let Some((name, version)) = split else {
        return collector.skip(line, &member.key, "its key names no package and version");
    };
    if is_local(version) {
        return collector.local();
    }
    // A package from a URL or repository has the address in its key and its real name inside.
    let tarball = resolution.string("tarball");
    let reason = not_from_registry(version)
        .or(package
            .get("name")
            .and(tarball.or(Some(version)))
            .map(|_| "not from a registry"))
        .or(version.contains('/').then_some("not from a registry"));
    if let Some(reason) = reason {
        return collector.skip(line, &member.key, reason);
    }
    let mut hashes = Hashes::default();
    match resolution.get("integrity") {
        Some(Yaml::Scalar(integrity)) => hashes.integrity(integrity),
        Some(_) => hashes.unreadable = true,
        None => {}
    }
    collector.add(
        Ecosystem::Npm,
        name,
        Some(version),
        Origin {
            line,
            resolved: tarball,
            hashes,
            ..Origin::default()
        },
    );
}

/// `/@scope/name/1.0.0_peers`, or with a registry's host before the first slash.
fn split_old(key: &str) -> Option<(&str, &str)> {
    let (_, path) = key.split_once('/')?;
    let scoped = usize::from(path.starts_with('@'));
    let (at, _) = path.match_indices('/').nth(scoped)?;
    let (name, version) = (path.get(..at)?, path.get(at + 1..)?);
    Some((name, version.split('_').next().unwrap_or_default()))
}

/// `name@1.0.0(peers)`, with a slash before it in version 6.
fn split_new(key: &str) -> Option<(&str, &str)> {
    let key = key.strip_prefix('/').unwrap_or(key);
    let key = key.split('(').next().unwrap_or_default();
    split_descriptor(key)
}
