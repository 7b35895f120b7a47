//! Takes one archive apart after the other.

use std::io::{self, Read};

use packguard_sdk::Severity;
use packguard_sdk::unpacker::{Input, Limit};

use crate::codec::{Codec, Members};
use crate::names::{shown, stem};
use crate::out::{Job, Out};
use crate::report::Archive;
use crate::rules;
use crate::sniff::{self, Found, HEAD, Head};
use crate::source::{Section, Source};
use crate::tar::{self, Stop};
use crate::zip;

/// Unpacks inputs and all archives in them.
///
/// # Errors
/// The limit that the sink has reached; it is reported already.
pub fn unpack(out: &mut Out<'_>, inputs: &[Input], nesting: u32) -> Result<(), Limit> {
    for input in inputs {
        let mut job = Some(outermost(input));
        while let Some(current) = job {
            if let Err(limit) = one(out, &current, nesting) {
                report_limit(out, &current.archive, limit);
                return Err(limit);
            }
            job = out.next_job();
        }
    }
    Ok(())
}

fn outermost(input: &Input) -> Job {
    let path = (input.depth > 0).then(|| input.filename.clone());
    let archive = Archive {
        artifact: input.artifact,
        path,
        name: input.filename.clone().into_bytes(),
        prefix: input.prefix.clone().into_bytes(),
        depth: input.depth,
        installed: input.depth == 0,
        optional: input.optional,
        gem: input.filename.to_ascii_lowercase().ends_with(".gem"),
    };
    Job {
        archive,
        location: input.location.clone(),
    }
}

fn report_limit(out: &mut Out<'_>, archive: &Archive, limit: Limit) {
    let (severity, what) = match limit {
        Limit::Files => (
            Some(Severity::Medium),
            "holds more files than the limit on files allows",
        ),
        Limit::Bytes => (
            Some(Severity::Medium),
            "unpacks to more than the limit on bytes allows",
        ),
        Limit::Ratio => (
            Some(Severity::High),
            "unpacks to more than its size allows by the limit on the ratio",
        ),
        Limit::Storage => (None, "could not be unpacked: the host's disk is full"),
    };
    let name = archive
        .path
        .clone()
        .map_or_else(|| shown(&archive.name), |path| shown(path.as_bytes()));
    if let Some(severity) = severity {
        // Whoever unpacks the outermost archive meets the bomb in it or not at all, but
        // the ratio is that of the whole: it does not weigh less inside.
        let whole = Archive {
            installed: true,
            ..archive.clone()
        };
        out.report
            .find_as(&whole, &rules::BOMB, severity, None, || {
                format!("{name} {what}")
            });
    }
    out.report
        .archive_limit(archive, format!("{name} {what}; the rest was not analysed"));
}

fn one(out: &mut Out<'_>, job: &Job, nesting: u32) -> Result<(), Limit> {
    let archive = &job.archive;
    let opened = Source::open(&job.location).and_then(|mut source| {
        let found = sniff::identify(&mut source)?;
        Ok((source, found))
    });
    let (mut source, found) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            out.report
                .archive_problem(archive, format!("could not be read: {error}"));
            return Ok(());
        }
    };
    if !found.is_archive() {
        if !archive.optional {
            out.report
                .archive_problem(archive, "not an archive of a known format");
        }
        return Ok(());
    }
    if archive.depth > nesting {
        let reason = format!(
            "an archive inside {} others; the limit is {nesting}, so that it was not unpacked",
            archive.depth
        );
        out.report.archive_limit(archive, reason);
        return Ok(());
    }
    check_name(out, archive, &found);
    dispatch(out, job, &mut source, &found)
}

fn check_name(out: &mut Out<'_>, archive: &Archive, found: &Found) {
    let format = found.head.map_or("zip", Head::name);
    let name = String::from_utf8_lossy(&archive.name);
    if archive.installed && sniff::promised(&name).is_some_and(|promised| promised != format) {
        out.report.find(archive, &rules::MISLEADING_NAME, None, || {
            format!("{} is a {format} archive", shown(&archive.name))
        });
    }
}

fn dispatch(out: &mut Out<'_>, job: &Job, source: &mut Source, found: &Found) -> Result<(), Limit> {
    let archive = &job.archive;
    match found.head {
        Some(Head::Unsupported(format)) => {
            out.report.archive_problem(
                archive,
                format!("a {format} archive, which can't be unpacked here"),
            );
            Ok(())
        }
        Some(Head::Compressed(codec)) => stream(out, job, source, found, Some(codec)),
        Some(Head::Tar) => stream(out, job, source, found, None),
        Some(Head::Zip) if found.zip.is_empty() => {
            out.report.archive_problem(archive, "a zip without central directory; its entries were unpacked as far as they can be found");
            zip::salvage(out, archive, source)
        }
        Some(Head::Zip) | None => all_directories(out, job, source, found, b""),
    }
}

/// Walks every central directory; beyond the first they stand in folders of their own.
fn all_directories(
    out: &mut Out<'_>,
    job: &Job,
    source: &mut Source,
    found: &Found,
    prefix: &[u8],
) -> Result<(), Limit> {
    let mut listing = match Source::open(&job.location) {
        Ok(listing) => listing,
        Err(error) => {
            out.report
                .archive_problem(&job.archive, format!("could not be read: {error}"));
            return Ok(());
        }
    };
    let count = found.zip.all.len();
    if count > 1 {
        out.report
            .find(&job.archive, &rules::AMBIGUOUS_DIRECTORY, None, || {
                format!("the zip has {count} central directories that tools choose from")
            });
    }
    for (nth, directory) in found.zip.all.iter().enumerate() {
        let mut archive = job.archive.clone();
        archive.prefix.extend_from_slice(prefix);
        if nth > 0 {
            archive
                .prefix
                .extend_from_slice(format!("!directory-{}/", nth + 1).as_bytes());
        }
        zip::walk(out, &archive, source, &mut listing, directory)?;
    }
    Ok(())
}

/// Unpacks a tar or a compressed file, and the zip that may be behind it.
fn stream(
    out: &mut Out<'_>,
    job: &Job,
    source: &mut Source,
    found: &Found,
    codec: Option<Codec>,
) -> Result<(), Limit> {
    let archive = &job.archive;
    let size = source.size();
    let mut section = source.section(0..size);
    let done = match codec {
        Some(codec) => {
            let whole = compressed(out, archive, &mut section, codec);
            whole.map(|whole| (section.position(), whole))
        }
        None => tar::walk(out, archive, &mut section).map(|end| (end, true)),
    };
    let (end, whole) = match done {
        Ok(done) => done,
        Err(Stop::Limit(limit)) => return Err(limit),
        Err(Stop::Damaged(reason)) => {
            out.report.archive_problem(archive, reason);
            (section.position(), false)
        }
    };
    if found.zip.stand_beside(end) {
        out.report.find(archive, &rules::POLYGLOT, None, || {
            let format = found.head.map_or("archive", Head::name);
            format!("{} is valid as {format} and as zip", shown(&archive.name))
        });
        return all_directories(out, job, source, found, b"!zip/");
    }
    if whole && codec.is_some() {
        trailing_data(out, archive, b"", &mut source.section(end..size))?;
    }
    Ok(())
}

/// Unpacks a compressed tar or a compressed single file. Says whether it was read to its
/// end.
fn compressed(
    out: &mut Out<'_>,
    archive: &Archive,
    section: &mut Section<'_>,
    codec: Codec,
) -> Result<bool, Stop> {
    let mut member = codec.member();
    let mut stream = Members::new(&mut *member, section);
    let mut head = [0; HEAD];
    let (length, damage) = peek(&mut stream, &mut head);
    let head = &head[..length];
    if let Some(error) = damage {
        if codec == Codec::Lzma && archive.optional {
            // It has no magic: what can't be read is something else.
            return Ok(false);
        }
        if length == 0 {
            return Err(error.into());
        }
        keep(out, archive, &mut { head })?;
        return Err(error.into());
    }
    if tar::is_header(head) {
        tar::walk(out, archive, &mut head.chain(&mut stream))?;
    } else {
        keep(out, archive, &mut head.chain(&mut stream))?;
    }
    Ok(stream.is_done())
}

/// Reads the first bytes; an error is kept beside what came before it.
fn peek(stream: &mut dyn Read, head: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut length = 0;
    while length < head.len() {
        match stream.read(&mut head[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) => return (length, Some(error)),
        }
    }
    (length, None)
}

/// Hands what a compressed file holds to the sink as one file.
fn keep(out: &mut Out<'_>, archive: &Archive, content: &mut dyn Read) -> Result<(), Stop> {
    let written = out.file(archive, &stem(&archive.name), false, content)?;
    written.damage.map_or(Ok(()), |error| Err(error.into()))
}

/// Reports and keeps what follows the end of an archive or entry, unless it is nothing
/// but zeros.
///
/// # Errors
/// A limit of the sink.
pub fn trailing_data(
    out: &mut Out<'_>,
    archive: &Archive,
    entry: &[u8],
    rest: &mut Section<'_>,
) -> Result<(), Limit> {
    let start = rest.position();
    match skip_zeros(rest) {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(error) => {
            out.report
                .archive_problem(archive, format!("could not be read: {error}"));
            return Ok(());
        }
    }
    let length = rest.end() - start;
    match trailing(out, archive, entry, rest) {
        Err(Stop::Limit(limit)) => Err(limit),
        Err(Stop::Damaged(reason)) => {
            out.report
                .archive_problem(archive, format!("{length} bytes after its end: {reason}"));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Whether there is nothing but zeros; it then stands at the end, else at the first chunk
/// that has others.
fn skip_zeros(rest: &mut Section<'_>) -> io::Result<bool> {
    use io::BufRead as _;
    loop {
        let bytes = rest.fill_buf()?;
        let length = bytes.len();
        if length == 0 {
            return Ok(true);
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        rest.consume(length);
    }
}

/// Whether a part of a file is padding. What can't be read is not.
pub fn only_zeros(part: &mut Section<'_>) -> bool {
    skip_zeros(part).unwrap_or(false)
}

/// Reports and keeps what follows the end of an archive or entry.
///
/// # Errors
/// A limit of the sink, or why the data can't be read.
pub fn trailing(
    out: &mut Out<'_>,
    archive: &Archive,
    entry: &[u8],
    rest: &mut dyn Read,
) -> Result<(), Stop> {
    out.report.find(
        archive,
        &rules::TRAILING_DATA,
        (!entry.is_empty()).then_some(entry),
        || {
            let name = if entry.is_empty() {
                shown(&archive.name)
            } else {
                shown(entry)
            };
            format!("data follows the end of {name}")
        },
    );
    let name = [entry, b"!trailing-data"].concat();
    let written = out.file(archive, &name, false, rest)?;
    written.damage.map_or(Ok(()), |error| Err(error.into()))
}
