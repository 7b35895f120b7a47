//! Files of a package looked at together: functions and constants of other modules, and
//! what data files become when they are run.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use packguard_sdk::text::{self, Source};
use packguard_sdk::{Analysis, File, Hit, Package, Phase, Severity};

use crate::inspect::{self, Ties};
use crate::interp::{Module, Surroundings, Unit};
use crate::rules;
use crate::signs::Signs;

/// Modules looked at beside a file.
const MODULES_LIMIT: usize = 8;

/// Text looked at together, in bytes.
const TEXT_LIMIT: u64 = 192 << 10;

/// Text looked at once more in a package, in bytes.
const TOTAL_LIMIT: u64 = 32 << 20;

/// Modules and text of a package that is looked at as one program, whatever ties them.
const WHOLE_FILES: usize = 10;
const WHOLE_SIZE: u64 = 10 << 10;

/// Largest data file that is looked at as what it becomes.
const DATA_LIMIT: u64 = 4 << 20;

/// Reads of files by code that are followed.
const LOOKUPS_LIMIT: usize = 500;

/// What the first look at a file gave.
#[derive(Debug)]
pub struct Seen<'p> {
    /// The file.
    pub file: File<'p>,
    /// How it runs.
    pub unit: Unit,
    /// What ties it to others.
    pub ties: Ties,
    /// What there are signs of in it.
    pub signs: Signs,
    /// What was found: where, which rule, how grave.
    pub found: BTreeSet<(usize, &'static str, u8)>,
}

/// First parts of the names that a package's modules have.
pub fn tops(package: &Package) -> BTreeSet<String> {
    let mut tops = BTreeSet::new();
    for file in package.files().filter(|file| file.extension() == "py") {
        let path = file.path().strip_suffix(".py").unwrap_or_default();
        let parts = path.split('/').filter(|part| !part.is_empty());
        tops.extend(parts.take(12).map(str::to_owned));
        if tops.len() > 20_000 {
            break;
        }
    }
    tops
}

/// Looks once more at the files that depend on others.
pub fn check(
    package: &Package,
    seen: &[Seen<'_>],
    tops: &BTreeSet<String>,
    analysis: &mut Analysis,
) {
    let index: BTreeMap<String, usize> = (0..)
        .zip(seen)
        .map(|(at, one)| (reversed(&dotted(one.file.path()).0), at))
        .collect();
    let lookups = std::cell::Cell::new(LOOKUPS_LIMIT);
    let content = |tail: &str| {
        lookups.set(lookups.get().checked_sub(1)?);
        content(package, tail)
    };
    let mut total = TOTAL_LIMIT;
    for (at, one) in seen.iter().enumerate() {
        let beside = beside(at, seen, &index);
        if beside.is_empty() && !one.ties.runs_file {
            continue;
        }
        let size: u64 = beside.iter().map(|at| seen[*at].file.size()).sum();
        let size = size + one.file.size();
        if size > TEXT_LIMIT {
            continue;
        }
        let Some(left) = total.checked_sub(size) else {
            analysis.general_problem(
                "more files that depend on one another than are looked at together",
            );
            return;
        };
        total = left;
        together(at, &beside, seen, tops, &content, analysis);
    }
    if let Some((at, beside)) = whole(seen) {
        together(at, &beside, seen, tops, &content, analysis);
    }
    if lookups.get() == 0 {
        analysis.general_problem("more reads of the package's files than are followed");
    }
}

/// All modules of a very small package, where one of them starts something: the one, and
/// the others. What they do together may be tied in ways that are not followed.
fn whole(seen: &[Seen<'_>]) -> Option<(usize, Vec<usize>)> {
    let modules: Vec<usize> = (0..seen.len())
        .filter(|at| !seen[*at].unit.setup && seen[*at].unit.phase == Phase::Import)
        .collect();
    let size: u64 = modules.iter().map(|at| seen[*at].file.size()).sum();
    if !(2..=WHOLE_FILES).contains(&modules.len()) || size > WHOLE_SIZE {
        return None;
    }
    let first = modules
        .iter()
        .copied()
        .find(|at| seen[*at].ties.starts_something)?;
    let rest = modules.into_iter().filter(|at| *at != first);
    Some((first, rest.collect()))
}

/// The modules that a file uses, those that these use first.
fn beside(at: usize, seen: &[Seen<'_>], index: &BTreeMap<String, usize>) -> Vec<usize> {
    let one = &seen[at];
    let mut used = Vec::new();
    for name in &one.ties.siblings {
        let needed = name.starts_with('!');
        let name = name.trim_start_matches('!');
        let Some(found) = resolve(name, one.file, index) else {
            continue;
        };
        let ties = &seen[found].ties;
        let worth = needed || ties.is_strong;
        if worth && found != at && !used.contains(&found) && used.len() < MODULES_LIMIT {
            used.push(found);
        }
    }
    let mut all = Vec::new();
    for user in &used {
        for name in &seen[*user].ties.imports {
            let Some(found) = resolve(name, seen[*user].file, index) else {
                continue;
            };
            let ties = &seen[found].ties;
            let worth = ties.is_strong || ties.names_hosts;
            let new = found != at && !used.contains(&found) && !all.contains(&found);
            if worth && new && all.len() + used.len() < MODULES_LIMIT {
                all.push(found);
            }
        }
    }
    all.extend(used);
    all
}

/// Dotted path of a module, and whether it is a package's `__init__`.
fn dotted(path: &str) -> (String, bool) {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let folder = stem.strip_suffix("/__init__");
    (folder.unwrap_or(stem).replace('/', "."), folder.is_some())
}

/// A dotted name from its last part on, to look names up by how they end.
fn reversed(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('.').collect();
    parts.reverse();
    parts.join(".") + "."
}

/// The file that a name is in: `.util.run`, `demo.util`, `demo.util.run.x`.
fn resolve(name: &str, from: File<'_>, index: &BTreeMap<String, usize>) -> Option<usize> {
    let bare = name.trim_start_matches('.');
    let dots = name.len() - bare.len();
    let (own, is_package) = dotted(from.path());
    let mut parts: Vec<&str> = Vec::new();
    if dots > 0 {
        parts = own.split('.').collect();
        let up = dots.saturating_sub(usize::from(is_package));
        parts.truncate(parts.len().checked_sub(up)?);
    }
    let least = parts.len();
    parts.extend(bare.split('.').filter(|part| !part.is_empty()));
    for length in (least.max(1)..=parts.len()).rev().take(4) {
        let key = reversed(&parts[..length].join("."));
        let mut found = index
            .range(key.clone()..)
            .take_while(|(name, _)| name.starts_with(&key));
        if let Some((_, at)) = found.next() {
            return Some(*at);
        }
    }
    None
}

fn together(
    at: usize,
    beside: &[usize],
    seen: &[Seen<'_>],
    tops: &BTreeSet<String>,
    content: &dyn Fn(&str) -> Option<Rc<[u8]>>,
    analysis: &mut Analysis,
) {
    let mut whole = String::new();
    let mut parts = Vec::new();
    for at in beside.iter().copied().chain([at]) {
        let file = seen[at].file;
        let Ok(bytes) = file.read() else { return };
        let decoded = text::decode(&bytes);
        let start = whole.len();
        whole.push_str(&decoded);
        whole.push('\n');
        let (name, is_package) = dotted(file.path());
        let end = whole.len();
        parts.push((
            at,
            start,
            decoded.into_owned(),
            Module {
                name,
                is_package,
                end,
            },
        ));
    }
    let modules: Vec<Module> = parts.iter().map(|(.., module)| module.clone()).collect();
    let surroundings = Surroundings {
        modules: &modules,
        content: Some(content),
        tops,
    };
    let inspection = inspect::inspect_linked(&whole, seen[at].unit, &surroundings);
    for mut hit in inspection.hits {
        let Some((at, start, text, _)) = parts
            .iter()
            .find(|(.., module)| hit.range.start < module.end)
        else {
            continue;
        };
        let range = hit.range.clone();
        hit.range =
            range.start.saturating_sub(*start)..range.end.saturating_sub(*start).min(text.len());
        if is_new(&hit, &seen[*at]) {
            analysis.push(hit.at(seen[*at].file, &Source::new(text)));
        }
    }
}

/// Whether a hit says more than the first look did.
fn is_new(hit: &Hit, seen: &Seen<'_>) -> bool {
    let known = seen
        .found
        .range((hit.range.start, hit.rule.id, hit.severity as u8)..)
        .next()
        .is_some_and(|(at, rule, _)| (*at, *rule) == (hit.range.start, hit.rule.id));
    !rules::is_capability(hit.rule.id) && hit.severity >= Severity::Low && !known
}

/// The content of the package's file whose path ends so.
fn content(package: &Package, tail: &str) -> Option<Rc<[u8]>> {
    let ends = |path: &str| {
        path.strip_suffix(tail)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    let file = package
        .all_files()
        .find(|file| file.size() <= DATA_LIMIT && ends(file.path()))?;
    file.read().ok().map(Rc::from)
}
