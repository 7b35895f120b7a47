//! TOML files of a project, read strictly: a key that nobody reads is a mistake, and is named
//! with the key that was probably meant.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::failure::{Failure, at, usage};

/// Largest file, bytes: a hundred times one that says everything.
const MAX_FILE: u64 = 64 << 10;

/// Most wrong keys that are named.
const MAX_NAMED: usize = 20;

/// How alike two names must be to be suggested, of 1: what clap uses for flags.
const ALIKE: f64 = 0.7;

/// A table that a file may hold, and its keys. The table without a name is the file itself.
pub(super) type Tables = [(&'static str, &'static [&'static str])];

/// Reads `path`, which may hold `tables`.
pub(super) fn read<T: DeserializeOwned>(path: &Path, tables: &Tables) -> Result<T, Failure> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text))
        .map_err(at(path))?;
    let name = shown(path);
    if text.len() as u64 > MAX_FILE {
        return Err(usage(
            format!("{name} has more than {MAX_FILE} bytes"),
            "leave out what is no setting",
        ));
    }
    let wrong = |error: toml::de::Error| {
        usage(
            format!("{name} is not as it should be\n{error}"),
            "sdk/cli/README.md lists the keys and their values",
        )
    };
    let table: toml::Table = toml::from_str(&text).map_err(wrong)?;
    let unknown = unknown(&table, tables);
    if !unknown.is_empty() {
        return Err(usage(
            format!("{name}: {}", unknown.join("\n       ")),
            "correct or remove it: a key that nobody reads is a mistake",
        ));
    }
    toml::from_str(&text).map_err(wrong)
}

/// The last two parts of a path: enough to find it, and short.
fn shown(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    match path.parent().and_then(Path::file_name) {
        Some(folder) if name != super::FILE => {
            format!("{}/{}", folder.display(), name.display())
        }
        _ => name.display().to_string(),
    }
}

/// What is wrong with the keys of `table`, one line each.
fn unknown(table: &toml::Table, tables: &Tables) -> Vec<String> {
    let keys_of = |name: &str| tables.iter().find(|(table, _)| *table == name);
    let mut said = Vec::new();
    let (_, top) = keys_of("").copied().unwrap_or_default();
    for (key, value) in table {
        match (keys_of(key), value) {
            (Some((_, known)), toml::Value::Table(inner)) if !key.is_empty() => {
                for key in inner.keys().filter(|one| !known.contains(&one.as_str())) {
                    said.push(nearest(key, known.iter().copied()));
                }
            }
            _ if top.contains(&key.as_str()) => {}
            // A table of this name is written as something else: serde says so.
            (Some(_), _) if !key.is_empty() => {}
            _ => {
                let sections = tables.iter().map(|(name, _)| *name);
                let known = sections.chain(top.iter().copied());
                said.push(nearest(key, known.filter(|name| !name.is_empty())));
            }
        }
    }
    said.truncate(MAX_NAMED);
    said
}

/// Says that there is no such key, and which was probably meant.
pub(crate) fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> String {
    // Comparing takes the product of both lengths.
    let key: String = key.chars().take(64).collect();
    let known: Vec<&str> = known.collect();
    let best = known
        .iter()
        .map(|one| (strsim::jaro_winkler(&key, one), one))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let near = match best {
        Some((likeness, one)) if likeness > ALIKE => format!("did you mean `{one}`?"),
        _ => format!("there are: {}", known.join(", ")),
    };
    let key = packguard_platform::output::line(&key);
    format!("there is no key `{key}`; {near}")
}
