//! Small packages as one text: what a file loads of the package is put beside it, so that
//! values are followed from file to file as they are within one.
//!
//! Each file becomes a function that runs on the spot; what it gives to others is a
//! binding of its own (`__pg3` for the file, `__pg3_name` for what it exports), and
//! `require` of a file of the package is that binding.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use oxc_allocator::Allocator;
use packguard_sdk::Package;

use crate::nesting;
use crate::parse;
use crate::phase::Resolver;

mod rewrite;

/// Most files that are put together.
const FILES: usize = 60;

/// Most text that is put together, in bytes.
const BYTES: usize = 256 << 10;

/// Largest single file that takes part, in bytes: larger ones are bundles themselves.
const FILE_BYTES: u64 = 96 << 10;

/// Deepest nesting of a file that takes part, in units of [`nesting::LIMIT`].
const NESTING: u32 = nesting::LIMIT / 4;

/// Files of a package, as one text.
#[derive(Debug, Default)]
pub struct Linked {
    /// The text.
    pub text: String,
    /// Whether any of it is TypeScript.
    pub typed: bool,
    /// Where each piece came from, in order: start in the text, file, start in the file.
    pieces: Vec<(usize, Option<usize>, usize)>,
    /// Files that take part.
    pub files: Vec<usize>,
}

/// One change of a file's text.
#[derive(Debug)]
struct Edit {
    range: Range<usize>,
    text: String,
}

impl Linked {
    /// Where `range` of the text came from: file, and place in it. Nothing for what was
    /// added.
    pub fn origin(&self, range: &Range<usize>) -> Option<(usize, Range<usize>)> {
        let after = self
            .pieces
            .partition_point(|(start, _, _)| *start <= range.start);
        let (start, file, offset) = *self.pieces.get(after.checked_sub(1)?)?;
        let end = self
            .pieces
            .get(after)
            .map_or(self.text.len(), |(start, _, _)| *start);
        let length = range.end.min(end).saturating_sub(range.start);
        let at = offset + range.start - start;
        file.map(|file| (file, at..at + length))
    }

    fn glue(&mut self, text: &str) {
        self.pieces.push((self.text.len(), None, 0));
        self.text.push_str(text);
    }

    fn copy(&mut self, file: usize, text: &str, range: Range<usize>) {
        if let Some(piece) = text.get(range.clone())
            && !piece.is_empty()
        {
            self.pieces.push((self.text.len(), Some(file), range.start));
            self.text.push_str(piece);
        }
    }
}

/// Puts `entries` and what they load together; nothing where they load nothing of the
/// package. With `activates`, what they export as `activate` is called.
pub fn link(
    package: &Package,
    resolver: &Resolver<'_>,
    entries: &[usize],
    activates: bool,
    allocator: &mut Allocator,
) -> Option<Linked> {
    let mut linked = Linked::default();
    let mut known: BTreeMap<usize, ()> = BTreeMap::new();
    let mut work: VecDeque<usize> = entries.iter().copied().collect();
    let mut edges = 0;
    while let Some(index) = work.pop_front() {
        if known.insert(index, ()).is_some() || linked.files.len() >= FILES {
            continue;
        }
        let Some(entry) = package.0.files.get(index) else {
            continue;
        };
        let file = packguard_sdk::File { entry };
        let extension = file.extension();
        if entry.size > FILE_BYTES
            || linked.text.len() + usize::try_from(entry.size).unwrap_or(BYTES) > BYTES
            || !(crate::is_script(&extension, file.name()) || extension.is_empty())
        {
            continue;
        }
        let Some(text) = resolver.read(index, FILE_BYTES) else {
            continue;
        };
        if nesting::depth(&text) > NESTING {
            continue;
        }
        allocator.reset();
        let Ok(program) = parse::parse(allocator, &text, &extension) else {
            continue;
        };
        let mut find = |path: &str| match resolver.resolve(index, path) {
            Some(target) => {
                edges += 1;
                work.push_back(target);
                Some(target)
            }
            None => None,
        };
        let json = |target: usize| resolver.json(target);
        let Some(module) = rewrite::rewrite(program, index, &mut find, &json) else {
            continue;
        };
        linked.typed |= matches!(&*extension, "ts" | "mts" | "cts" | "tsx");
        linked.module(index, &text, &module);
        if activates && entries.contains(&index) {
            linked.glue(&format!("__pg{index}_activate();\n"));
        }
    }
    (edges > 0).then_some(linked)
}

impl Linked {
    fn module(&mut self, index: usize, text: &str, module: &rewrite::Module) {
        self.files.push(index);
        self.glue(if module.waits {
            ";(async function(){"
        } else {
            ";(function(){"
        });
        let mut at = 0;
        for edit in &module.edits {
            // What stands in something that is replaced goes with it.
            if edit.range.start < at {
                continue;
            }
            self.copy(index, text, at..edit.range.start);
            self.glue(&edit.text);
            at = edit.range.end;
        }
        self.copy(index, text, at..text.len());
        self.glue(&format!("\n{}}})();\n", module.end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packguard_sdk::testing::PackageBuilder;

    #[test]
    fn places_lead_back_to_the_files() {
        let package = PackageBuilder::new("npm", "x")
            .file("package/package.json", "{}")
            .file(
                "package/index.js",
                "import send, { a as b } from './send.js';\nsend(b);\nexport default b;",
            )
            .file(
                "package/send.js",
                "exports.a = 1; exports.default = (x) => fetch(x);",
            )
            .build();
        let resolver = Resolver::new(&package);
        let at = |path: &str| {
            let mut files = package.0.files.iter();
            files.position(|file| file.path == path).unwrap()
        };
        let (index, send) = (at("package/index.js"), at("package/send.js"));
        let linked = link(
            &package,
            &resolver,
            &[index],
            false,
            &mut Allocator::default(),
        )
        .unwrap();
        assert_eq!(linked.files, [index, send]);
        let call = linked.text.find("send(b)").unwrap();
        let (file, range) = linked.origin(&(call..call + 7)).unwrap();
        assert_eq!((file, range), (index, 42..49));
        let fetch = linked.text.find("fetch(x)").unwrap();
        let (file, range) = linked.origin(&(fetch..fetch + 8)).unwrap();
        assert_eq!((file, range), (send, 40..48));
        parse::parse(&Allocator::default(), &linked.text, "js").unwrap();
    }
}
