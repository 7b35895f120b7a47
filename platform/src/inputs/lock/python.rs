//! `poetry.lock` and `uv.lock`: TOML with one `[[package]]` per package.

use toml::de::DeTable;

use super::collect::{Collector, Ecosystem, Origin};
use super::hashes::Hashes;
use super::text::Lines;
use super::{Malformed, tree};

/// Where a package comes from.
#[derive(Clone, Copy)]
enum Source<'t> {
    Registry(Option<&'t str>),
    Local,
    Elsewhere(&'static str, &'t str),
}

pub(super) fn parse_poetry(text: &str, collector: &mut Collector) -> Result<(), Malformed> {
    let lines = Lines::new(text);
    let document = tree::toml(text, &lines, collector)?;
    let old_files = document
        .table("metadata")
        .and_then(|table| tree::table(table, "files"));
    document.each_package(&lines, collector, |package, line, collector| {
        let mut hashes = Hashes::default();
        hash_list(package, "files", &mut hashes);
        if let (Some(files), Some(name)) = (old_files, tree::string(package, "name")) {
            hash_list(files, name, &mut hashes);
        }
        add(package, line, poetry_source(package), hashes, collector);
    })
}

pub(super) fn parse_uv(text: &str, collector: &mut Collector) -> Result<(), Malformed> {
    let lines = Lines::new(text);
    let document = tree::toml(text, &lines, collector)?;
    document.each_package(&lines, collector, |package, line, collector| {
        let mut hashes = Hashes::default();
        hash_list(package, "wheels", &mut hashes);
        if let Some(sdist) = tree::table(package, "sdist") {
            hash_of(sdist, &mut hashes);
        }
        add(package, line, uv_source(package), hashes, collector);
    })
}

fn add(
    package: &DeTable<'_>,
    line: u32,
    source: Source<'_>,
    hashes: Hashes,
    collector: &mut Collector,
) {
    let Some(name) = tree::string(package, "name") else {
        collector.skip(Some(line), "[[package]]", "has no name");
        return;
    };
    let version = tree::string(package, "version");
    match source {
        Source::Local => collector.local(),
        Source::Elsewhere(what, place) => {
            let reason = format!("{what}, not from a registry");
            collector.skip(Some(line), &format!("{name} {place}"), reason);
        }
        Source::Registry(_) if version.is_none() => {
            collector.skip(Some(line), name, "has no version");
        }
        Source::Registry(resolved) => collector.add(
            Ecosystem::Pypi,
            name,
            version,
            Origin {
                line: Some(line),
                resolved,
                hashes,
                ..Origin::default()
            },
        ),
    }
}

fn poetry_source<'t>(package: &'t DeTable<'_>) -> Source<'t> {
    let Some(source) = tree::table(package, "source") else {
        return if package.contains_key("source") {
            Source::Elsewhere("from a source that cannot be read", "")
        } else {
            Source::Registry(None)
        };
    };
    let url = tree::string(source, "url").unwrap_or_default();
    match tree::string(source, "type").unwrap_or_default() {
        "legacy" => Source::Registry(Some(url)),
        "directory" => Source::Local,
        "git" => Source::Elsewhere("from a git repository", url),
        "file" => Source::Elsewhere("from a file", url),
        "url" => Source::Elsewhere("from a URL", url),
        _ => Source::Elsewhere("from an unknown kind of source", url),
    }
}

fn uv_source<'t>(package: &'t DeTable<'_>) -> Source<'t> {
    let Some(source) = tree::table(package, "source") else {
        return Source::Elsewhere("from a source that cannot be read", "");
    };
    let of = |key| tree::string(source, key);
    if let Some(url) = of("registry") {
        return Source::Registry(Some(url));
    }
    if ["virtual", "editable", "directory"]
        .iter()
        .any(|key| source.contains_key(*key))
    {
        return Source::Local;
    }
    if let Some(url) = of("git") {
        return Source::Elsewhere("from a git repository", url);
    }
    if let Some(path) = of("path") {
        return Source::Elsewhere("from a file", path);
    }
    match of("url") {
        Some(url) => Source::Elsewhere("from a URL", url),
        None => Source::Elsewhere("from an unknown kind of source", ""),
    }
}

fn hash_list(table: &DeTable<'_>, key: &str, hashes: &mut Hashes) {
    let list = table.get(key).and_then(|value| value.get_ref().as_array());
    for file in list.into_iter().flat_map(|list| list.iter()) {
        match file.get_ref().as_table() {
            Some(file) => hash_of(file, hashes),
            None => hashes.unreadable = true,
        }
    }
}

fn hash_of(file: &DeTable<'_>, hashes: &mut Hashes) {
    match tree::string(file, "hash") {
        Some(hash) => hashes.prefixed(hash),
        // Registries without digests leave it out: then any file is allowed.
        None => hashes.unreadable |= file.contains_key("hash"),
    }
}
