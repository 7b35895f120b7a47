//! Hands entries to the sink, reports what it answers, and notes the archives among them.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, Read};

use packguard_sdk::Severity;
use packguard_sdk::unpacker::{Entry, EntryKind, Limit, Oddity, Placement, Sink, Writer};

use crate::limits::{ARCHIVES, CHUNK, REMEMBERED};
use crate::names::{escapes, link_escapes, sanitised, shown};
use crate::report::{Archive, Report};
use crate::rules::{self, Kind};
use crate::sniff::{self, HEAD};
use crate::source::read_full;
use crate::zip::may_hold_end_record;

/// An archive to be unpacked.
#[derive(Debug)]
pub struct Job {
    /// What it is.
    pub archive: Archive,
    /// Where to read it.
    pub location: String,
}

/// What came of a file's content.
#[derive(Debug, Default)]
pub struct Written {
    /// Bytes that were read and kept.
    pub size: u64,
    /// Why reading stopped before the content's end. What came before is kept.
    pub damage: Option<io::Error>,
}

/// The way out of an archive.
pub struct Out<'a> {
    sink: &'a mut dyn Sink,
    /// What was found so far.
    pub report: Report,
    jobs: VecDeque<Job>,
    /// Archives found so far.
    archives: usize,
    /// Bytes that `jobs` hold.
    waiting: usize,
    /// Where the first file of a path (by hash) can be read.
    first: BTreeMap<u64, String>,
    /// Bytes that `first` holds.
    remembered: usize,
    buffer: Vec<u8>,
    renamed: u32,
}

impl<'a> Out<'a> {
    /// Starts with no jobs.
    pub fn new(sink: &'a mut dyn Sink) -> Self {
        Self {
            sink,
            report: Report::default(),
            jobs: VecDeque::new(),
            archives: 0,
            waiting: 0,
            first: BTreeMap::new(),
            remembered: 0,
            buffer: vec![0; CHUNK],
            renamed: 0,
        }
    }

    /// The next archive found in one that was unpacked.
    pub fn next_job(&mut self) -> Option<Job> {
        let job = self.jobs.pop_front()?;
        self.waiting -= weight(&job);
        Some(job)
    }

    /// Hands a file to the sink.
    ///
    /// # Errors
    /// The limit that the sink has reached.
    pub fn file(
        &mut self,
        archive: &Archive,
        name: &[u8],
        executable: bool,
        content: &mut dyn Read,
    ) -> Result<Written, Limit> {
        let (path, escaped) = resolve(archive, name);
        let entry = Entry {
            path,
            kind: EntryKind::File,
            executable,
        };
        let (writer, oddity) = match self.sink.place(&entry)? {
            Placement::File(writer) => (writer, escaped.then_some(Oddity::Escape)),
            Placement::Renamed(writer, oddity) => {
                (writer, Some(if escaped { Oddity::Escape } else { oddity }))
            }
            Placement::Directory | Placement::RefusedDirectory(_) | Placement::Refused => {
                self.report
                    .entry_problem(archive, name, "the host refused the file");
                return Ok(Written::default());
            }
        };
        let (written, location, is_archive) = self.fill(writer, content)?;
        match oddity {
            None => self.remember(archive.artifact, &entry.path, &location),
            Some(oddity) => self.odd(archive, name, &entry.path, oddity, &location),
        }
        if is_archive {
            self.nested(archive, &entry.path, oddity.is_some(), location);
        }
        Ok(written)
    }

    /// Hands something that is not a file to the sink.
    ///
    /// # Errors
    /// The limit that the sink has reached.
    pub fn other(&mut self, archive: &Archive, name: &[u8], kind: EntryKind) -> Result<(), Limit> {
        self.judge_other(archive, name, &kind);
        let (path, escaped) = resolve(archive, name);
        if escaped {
            self.find_oddity(archive, name, Oddity::Escape, Severity::High, None);
        }
        match self.sink.place(&Entry {
            path,
            kind,
            executable: false,
        })? {
            Placement::RefusedDirectory(oddity) if !escaped => {
                self.find_oddity(archive, name, oddity, kind_of(oddity).rule.severity, None);
            }
            // A writer that is dropped counts as an incomplete file, which is what a sink
            // that takes a link for a file deserves.
            _ => {}
        }
        Ok(())
    }

    fn judge_other(&mut self, archive: &Archive, name: &[u8], kind: &EntryKind) {
        let (word, target, symbolic) = match kind {
            EntryKind::Symlink(target) => ("symbolic link", target, true),
            EntryKind::Hardlink(target) => ("hard link", target, false),
            EntryKind::Special => {
                let title = || format!("{} is a device, pipe or socket", shown(name));
                return self
                    .report
                    .find(archive, &rules::SPECIAL_FILE, Some(name), title);
            }
            EntryKind::File | EntryKind::Directory => return,
        };
        let escapes = link_escapes(name, target, symbolic);
        let kind = if escapes {
            &rules::LINK_ESCAPE
        } else {
            &rules::LINK
        };
        let title = || format!("{} is a {word} to {}", shown(name), shown(target));
        self.report.find(archive, kind, Some(name), title);
    }

    /// Copies the content; says where it is and whether it may be an archive.
    fn fill(
        &mut self,
        mut writer: Box<dyn Writer>,
        content: &mut dyn Read,
    ) -> Result<(Written, String, bool), Limit> {
        let mut written = Written::default();
        let mut by_head = false;
        let mut by_tail = false;
        loop {
            let (read, damage) = read_some(content, &mut self.buffer);
            let chunk = &self.buffer[..read];
            if written.size == 0 {
                by_head = sniff::head(&chunk[..read.min(HEAD)]).is_some();
                by_tail = may_hold_end_record(chunk);
            }
            if read > 0 {
                writer.write(chunk)?;
                written.size += read as u64;
            }
            if damage.is_some() || read < CHUNK {
                written.damage = damage;
                break;
            }
        }
        let location = writer.finish()?;
        // The tail of a larger file is looked at on disk: few files are.
        let is_archive = by_head
            || if written.size >= CHUNK as u64 {
                tail_of(&location)
            } else {
                by_tail
            };
        Ok((written, location, is_archive))
    }

    fn remember(&mut self, artifact: u32, path: &[u8], location: &str) {
        if self.remembered + location.len() <= REMEMBERED {
            self.remembered += location.len();
            self.first
                .entry(hash(artifact, path))
                .or_insert_with(|| location.to_owned());
        }
    }

    fn odd(&mut self, archive: &Archive, name: &[u8], path: &[u8], oddity: Oddity, location: &str) {
        let severity = match (oddity, self.first.get(&hash(archive.artifact, path))) {
            (Oddity::Duplicate, Some(first)) if differ(first, location) => Severity::Medium,
            (Oddity::Duplicate, _) => Severity::Low,
            _ => kind_of(oddity).rule.severity,
        };
        self.find_oddity(archive, name, oddity, severity, Some(location));
    }

    fn find_oddity(
        &mut self,
        archive: &Archive,
        name: &[u8],
        oddity: Oddity,
        severity: Severity,
        location: Option<&str>,
    ) {
        // The host says where it keeps the file: `/package/<artifact>/<path>`.
        let path = location
            .and_then(|location| location.strip_prefix("/package/")?.split_once('/'))
            .map_or_else(|| archive.entry(name), |(_, path)| path.to_owned());
        self.report
            .find_at(archive, kind_of(oddity), severity, path, || {
                title(oddity, name, severity)
            });
    }

    fn nested(&mut self, outer: &Archive, path: &[u8], renamed: bool, location: String) {
        let path = sanitised(path);
        let text = String::from_utf8_lossy(&path).into_owned();
        // Two archives of one name must not mix their entries.
        let mark = if renamed {
            self.renamed += 1;
            format!("~{}", self.renamed)
        } else {
            String::new()
        };
        let archive = Archive {
            artifact: outer.artifact,
            prefix: format!("{text}{mark}!/").into_bytes(),
            name: path,
            path: Some(text),
            depth: outer.depth + 1,
            installed: outer.unpacks_inner(),
            optional: true,
            gem: false,
        };
        let job = Job { archive, location };
        self.archives += 1;
        if self.archives > ARCHIVES || self.waiting + weight(&job) > REMEMBERED {
            let reason = "too many archives inside archives: this one was not unpacked";
            self.report.archive_limit(&job.archive, reason.into());
            return;
        }
        self.waiting += weight(&job);
        self.jobs.push_back(job);
    }
}

fn weight(job: &Job) -> usize {
    job.location.len() + 4 * job.archive.prefix.len()
}

/// The path to hand to the sink, and whether the name leads out of an inner archive. The
/// host judges only the whole path, where `..` would lead into the outer archive.
fn resolve(archive: &Archive, name: &[u8]) -> (Vec<u8>, bool) {
    if archive.prefix.is_empty() {
        return (name.to_vec(), false);
    }
    let escaped = escapes(name);
    let name = if escaped {
        sanitised(name)
    } else {
        name.to_vec()
    };
    ([&archive.prefix[..], &name].concat(), escaped)
}

/// Fills the buffer as far as the content goes; an error is kept beside what came before.
fn read_some(content: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match content.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

fn tail_of(location: &str) -> bool {
    let tail = || -> io::Result<bool> {
        let mut source = crate::source::Source::open(location)?;
        let mut tail = vec![0; 66_000];
        let from = source.size().saturating_sub(tail.len() as u64);
        let read = source.read_at(from, &mut tail)?;
        Ok(may_hold_end_record(&tail[..read]))
    };
    // What can't be read here fails again, and is reported, when it is unpacked.
    tail().unwrap_or(true)
}

/// Whether two files differ; false when that can't be told.
fn differ(one: &str, other: &str) -> bool {
    let compare = || -> io::Result<bool> {
        let (mut one, mut other) = (std::fs::File::open(one)?, std::fs::File::open(other)?);
        if one.metadata()?.len() != other.metadata()?.len() {
            return Ok(true);
        }
        let (mut left, mut right) = (vec![0; CHUNK / 4], vec![0; CHUNK / 4]);
        loop {
            let read = read_full(&mut one, &mut left)?;
            read_full(&mut other, &mut right)?;
            if left[..read] != right[..read] {
                return Ok(true);
            }
            if read < left.len() {
                return Ok(false);
            }
        }
    };
    compare().unwrap_or(false)
}

/// The default hasher has fixed keys. Who makes paths collide gets two files compared
/// that have nothing in common, and a finding that weighs more.
fn hash(artifact: u32, path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u32(artifact);
    hasher.write(&sanitised(path));
    hasher.finish()
}

fn kind_of(oddity: Oddity) -> &'static Kind {
    match oddity {
        Oddity::Escape => &rules::PATH_ESCAPE,
        Oddity::ControlCharacter => &rules::CONTROL_CHARACTER,
        Oddity::NonUtf8 => &rules::NON_UTF8_NAME,
        Oddity::TooLong => &rules::NAME_TOO_LONG,
        Oddity::TooDeep => &rules::PATH_TOO_DEEP,
        Oddity::Duplicate => &rules::DUPLICATE_ENTRY,
        Oddity::CaseCollision => &rules::CASE_COLLISION,
        Oddity::Conflict => &rules::NAME_CONFLICT,
        Oddity::Empty => &rules::EMPTY_NAME,
    }
}

fn title(oddity: Oddity, name: &[u8], severity: Severity) -> String {
    let name = shown(name);
    match oddity {
        Oddity::Escape => format!("{name} leads outside the package"),
        Oddity::ControlCharacter => format!("{name} holds a control character"),
        Oddity::NonUtf8 => format!("{name} is not UTF-8"),
        Oddity::TooLong => format!("{name} is too long a name"),
        Oddity::TooDeep => format!("{name} stands in too many folders"),
        Oddity::Duplicate if severity == Severity::Medium => {
            format!("{name} occurs twice, with different contents")
        }
        Oddity::Duplicate => format!("{name} occurs twice"),
        Oddity::CaseCollision => format!("{name} differs from another path in case only"),
        Oddity::Conflict => {
            format!("{name} is a file where another entry is a folder, or a name the host reserves")
        }
        Oddity::Empty => "an entry has no name".into(),
    }
}
