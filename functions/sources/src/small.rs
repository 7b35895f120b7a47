//! Small packages are looked at a second time, their files of one language together: hostile
//! ones split source, decoder and sender.

use std::collections::BTreeMap;

use packguard_sdk::{File, Hit, Severity};

use crate::Report;
use crate::inspect::{Inspection, together};
use crate::lang::{Lang, Unit, Units};
use crate::rules;

/// Most bytes of one language that are looked at together.
const BYTES: usize = 64 << 10;

/// Most files of one language.
const FILES: usize = 24;

/// The files of a language, one behind the other.
#[derive(Default)]
struct Group<'p> {
    files: Vec<(File<'p>, usize, Unit)>,
    text: String,
    full: bool,
}

/// The small files of a package, by language.
#[derive(Default)]
pub struct Small<'p> {
    groups: BTreeMap<u8, Group<'p>>,
    /// Rules that spoke already, and how gravely.
    said: BTreeMap<&'static str, Severity>,
}

impl<'p> Small<'p> {
    /// Notes what was found in files by themselves.
    pub fn note(&mut self, hits: &[Hit]) {
        for hit in hits {
            let gravest = self.said.entry(hit.rule.id).or_insert(hit.severity);
            *gravest = (*gravest).max(hit.severity);
        }
    }

    /// Keeps a file, unless there are too many.
    pub fn keep(&mut self, file: File<'p>, text: &str, unit: Unit) {
        if unit.aside || unit.lang == Lang::C {
            return;
        }
        let group = self.groups.entry(unit.lang as u8).or_default();
        group.full |= group.files.len() >= FILES || group.text.len() + text.len() > BYTES;
        if group.full {
            group.text = String::new();
            group.files.clear();
            return;
        }
        group.files.push((file, group.text.len(), unit));
        group.text.push_str(text);
        group.text.push('\n');
    }

    /// Looks at what was kept; says only what is graver than what was said.
    pub fn inspect(&self, report: &mut Report) {
        for group in self.groups.values() {
            if group.files.len() < 2 {
                continue;
            }
            let parts = group
                .files
                .iter()
                .map(|(_, at, unit)| (*at, *unit))
                .collect();
            let units = Units::several(parts);
            for mut hit in together(&group.text, &units).hits {
                let known = self.said.get(hit.rule.id).copied();
                if rules::is_capability(hit.rule.id)
                    || hit.severity < Severity::Medium
                    || known.is_some_and(|severity| severity >= hit.severity)
                {
                    continue;
                }
                let part = units.part(hit.range.start);
                let Some((file, start, _)) = group.files.get(part) else {
                    continue;
                };
                let end = group
                    .files
                    .get(part + 1)
                    .map_or(group.text.len(), |(_, next, _)| *next);
                hit.range = hit.range.start - start..hit.range.end.min(end) - start;
                let own = Inspection {
                    hits: vec![hit],
                    problems: Vec::new(),
                };
                report.add(*file, &group.text[*start..end], own);
            }
        }
    }
}
