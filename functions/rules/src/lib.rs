//! Scans every file with YARA rules: bundled ones and the operator's own.

mod bundled;
mod gate;
mod report;
mod scan;
#[cfg(test)]
mod tests;
mod user;

use std::collections::{BTreeMap, BTreeSet};

use boreal::Scanner;
use boreal::scanner::EvaluatedRule;
use packguard_sdk::{Analysis, Analyzer, Descriptor, File, Package, descriptor};

use gate::Gate;
use report::Place;

/// Bytes after which the scanner of the bundled rules is made anew. While it scans, each of its
/// patterns fills a lazy automaton of up to 2 MiB; nothing else empties them.
const RENEWED_AFTER: usize = 8 << 20;

/// Most findings of one of the operator's rules in one package.
const FINDINGS_PER_USER_RULE: usize = 25;

/// Beginnings of pictures and fonts.
const MEDIA_MAGIC: &[&[u8]] = &[
    b"\xFF\xD8\xFF",
    b"\x89PNG",
    b"GIF8",
    b"RIFF",
    b"\0\0\x01\0\x01\0",
    b"wOF2",
    b"wOFF",
    b"\0\x01\0\0\0",
    b"OTTO",
];
/// Names of pictures, fonts, sounds and films.
const MEDIA_EXTENSIONS: &[&str] = &[
    "avi", "avif", "bmp", "eot", "flac", "gif", "ico", "jpeg", "jpg", "mov", "mp3", "mp4", "ogg",
    "otf", "png", "tif", "tiff", "ttf", "wav", "webm", "webp", "woff", "woff2",
];

/// The analyzer.
#[derive(Debug, Default)]
pub struct Rules;

impl Analyzer for Rules {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "rules",
        description: "Scans every file with YARA rules: bundled ones and the operator's own",
        rules: bundled::RULES,
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        let mut analysis = Analysis::default();
        if let Some(mut scanner) = user::compile(package)? {
            scan::set_up(&mut scanner);
            scan_with_user_rules(package, &mut scanner, &mut analysis);
        }
        scan_with_bundled_rules(package, &mut analysis)?;
        Ok(analysis)
    }
}

/// Puts another scanner in place where that is due, given how many bytes come next.
type Renew<'r> = dyn FnMut(&mut Scanner, usize) -> Result<(), String> + 'r;

fn scan_with_user_rules(package: &Package, scanner: &mut Scanner, analysis: &mut Analysis) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut buffer = Vec::new();
    for file in package.files() {
        scan_file(
            scanner,
            file,
            &mut buffer,
            analysis,
            &mut |_, _| Ok(()),
            |analysis, scanner, matched, place| {
                let name = format!("{}:{}", matched.namespace, matched.name);
                let count = counts.entry(name).or_default();
                *count += 1;
                if *count <= FINDINGS_PER_USER_RULE {
                    let finding = report::user(scanner, matched, place);
                    analysis.push_uncounted(finding);
                }
            },
        );
    }
}

/// Asks the gate first, and compiles only the rules that something may match.
fn scan_with_bundled_rules(package: &Package, analysis: &mut Analysis) -> Result<(), String> {
    let mut buffer = Vec::new();
    let (files, rules) = admitted(package, &mut buffer, analysis)?;
    if rules.is_empty() {
        return Ok(());
    }
    let compiled = || {
        let mut scanner = bundled::compile(&rules)?;
        scan::set_up(&mut scanner);
        Ok::<Scanner, String>(scanner)
    };
    let mut scanner = compiled()?;
    let mut scanned = 0;
    let mut renew = |scanner: &mut Scanner, next: usize| {
        scanned += next;
        if scanned > RENEWED_AFTER {
            *scanner = compiled()?;
            scanned = next;
        }
        Ok(())
    };
    for file in files {
        scan_file(
            &mut scanner,
            file,
            &mut buffer,
            analysis,
            &mut renew,
            |analysis, _, matched, place| {
                if let Some(bundled) = bundled::find(matched.name) {
                    analysis.push(report::bundled(bundled, matched, place));
                }
            },
        );
    }
    Ok(())
}

/// The files that some bundled rule may match, and the rules that may match one of them.
fn admitted<'a>(
    package: &'a Package,
    buffer: &mut Vec<u8>,
    analysis: &mut Analysis,
) -> Result<(Vec<File<'a>>, BTreeSet<usize>), String> {
    let mut gate = Gate::default();
    let mut files = Vec::new();
    let mut rules = BTreeSet::new();
    for file in package.files() {
        let mut media = is_named_as_media(file);
        let mut outcome = Ok(false);
        let read = scan::pieces(file, buffer, |bytes, _| {
            media |= MEDIA_MAGIC.iter().any(|magic| bytes.starts_with(magic));
            if let Ok(before) = outcome {
                outcome = gate
                    .admit(bytes, media, &mut rules)
                    .map(|admits| before | admits);
            }
        });
        note(analysis, file, read, None);
        if outcome? {
            files.push(file);
        }
    }
    Ok((files, rules))
}

/// Calls `found` for each rule that matches a file, once; before each piece of it `renew`,
/// which may put another scanner of the same rules in place.
fn scan_file(
    scanner: &mut Scanner,
    file: File<'_>,
    buffer: &mut Vec<u8>,
    analysis: &mut Analysis,
    renew: &mut Renew<'_>,
    mut found: impl FnMut(&mut Analysis, &Scanner, &EvaluatedRule<'_>, Place<'_>),
) {
    let mut seen = BTreeSet::new();
    let mut problem = None;
    let read = scan::pieces(file, buffer, |bytes, whole| {
        let ready = renew(scanner, bytes.len());
        if let Err(error) = ready.and_then(|()| scan::introduce(scanner, file, bytes)) {
            problem = Some(error);
            return;
        }
        match scan::scan(scanner, bytes) {
            Ok(matches) => {
                for matched in &matches {
                    if seen.insert(format!("{}:{}", matched.namespace, matched.name)) {
                        let place = Place { file, bytes, whole };
                        found(analysis, scanner, matched, place);
                    }
                }
            }
            Err(error) => problem = Some(format!("not scanned to its end: {error}")),
        }
    });
    note(analysis, file, read, problem);
}

/// Reports what kept a file from being scanned.
fn note(
    analysis: &mut Analysis,
    file: File<'_>,
    read: std::io::Result<()>,
    problem: Option<String>,
) {
    if let Err(error) = read {
        analysis.problem(file, format!("can't be read: {error}"));
    }
    if let Some(problem) = problem {
        analysis.problem(file, problem);
    }
}

fn is_named_as_media(file: File<'_>) -> bool {
    let Some((_, extension)) = file.name().rsplit_once('.') else {
        return false;
    };
    let mut known = MEDIA_EXTENSIONS.iter();
    known.any(|known| known.eq_ignore_ascii_case(extension))
}

packguard_sdk::export_analyzer!(Rules);
