//! Which files run when a package is installed or imported, by what they import.

use std::collections::{BTreeMap, BTreeSet};

use packguard_sdk::File;

use crate::files;
use crate::link::Seen;

/// Files that are searched for the name of another.
const FILES_LIMIT: usize = 500;

/// `setup.py`, the packages themselves, and what these import.
pub fn reached(seen: &[Seen<'_>]) -> Vec<usize> {
    let inits = seen.iter().any(|one| one.file.name() == "__init__.py");
    let mut by_stem: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, one) in seen.iter().enumerate() {
        by_stem.entry(stem(one)).or_default().push(at);
    }
    let mut found: BTreeSet<usize> = BTreeSet::new();
    let mut queue: Vec<usize> = (0..seen.len())
        .filter(|at| starts(&seen[*at], inits, seen.len()))
        .collect();
    while let Some(at) = queue.pop() {
        if !found.insert(at) {
            continue;
        }
        for import in &seen[at].signs.imports {
            let last = import.rsplit('.').next().unwrap_or_default();
            let named = by_stem.get(last).into_iter().flatten();
            queue.extend(named.filter(|other| {
                !found.contains(*other) && is_meant(import, &seen[at], &seen[**other])
            }));
        }
    }
    found.into_iter().collect()
}

/// Whether a file is run without being imported by another of the package.
fn starts(one: &Seen<'_>, inits: bool, files: usize) -> bool {
    let name = one.file.name();
    let shallow = one.file.path().matches('/').count() <= 1;
    match name {
        "setup.py" => shallow,
        "__init__.py" => true,
        "__main__.py" => false,
        _ => !inits || (shallow && files <= 4),
    }
}

/// Whether a file of the tests is reached by what is no test: imported, or named there.
pub fn is_used(seen: &[Seen<'_>], file: File<'_>) -> bool {
    let imported = reached(seen)
        .iter()
        .any(|at| seen[*at].file.path() == file.path());
    let others = seen
        .iter()
        .filter(|one| !files::is_test_data(one.file.path()));
    imported
        || others.take(FILES_LIMIT).any(|one| {
            let named = |text: Vec<u8>| memchr::memmem::find(&text, file.name().as_bytes());
            one.file.read().ok().and_then(named).is_some()
        })
}

/// Whether one file imports another.
pub fn imports(one: &Seen<'_>, other: &Seen<'_>) -> bool {
    let mut imports = one.signs.imports.iter();
    imports.any(|import| is_meant(import, one, other))
}

/// Whether an import, `a.b` or `.b` for a relative one, means a file.
fn is_meant(import: &str, from: &Seen<'_>, to: &Seen<'_>) -> bool {
    let dotted = dotted(to);
    let wanted = import.trim_start_matches('.');
    let ends = dotted
        .strip_suffix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    ends && (!import.starts_with('.') || to.file.path().starts_with(top(from.file.path())))
}

/// The folders above a file's own.
fn top(path: &str) -> &str {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    folder.rsplit_once('/').map_or("", |(above, _)| above)
}

/// `a/b/__init__.py` is `a.b`.
fn dotted(one: &Seen<'_>) -> String {
    let path = one.file.path();
    let path = path.rsplit_once('.').map_or(path, |(path, _)| path);
    path.strip_suffix("/__init__")
        .unwrap_or(path)
        .replace('/', ".")
}

fn stem<'p>(one: &Seen<'p>) -> &'p str {
    let path = one.file.path();
    let path = path.rsplit_once('.').map_or(path, |(path, _)| path);
    let path = path.strip_suffix("/__init__").unwrap_or(path);
    path.rsplit(['/', '.']).next().unwrap_or_default()
}
