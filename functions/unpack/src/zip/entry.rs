//! Unpacks one zip entry.

use std::io::{self, Read};
use std::ops::Range;

use flate2::Crc;
use packguard_sdk::unpacker::{EntryKind, Limit};

use super::records::{Central, Header, LOCAL, LOCAL_LENGTH, Local, Type};
use super::walk::{Span, Walk};
use crate::codec::{Codec, Inflater, Lzma, Single};
use crate::limits::LINK_TARGET;
use crate::names::shown;
use crate::out::Written;
use crate::rules;
use crate::source::Section;

impl Walk<'_, '_, '_> {
    /// Unpacks an entry of the directory. Only limits end the walk: what is wrong with one
    /// entry says nothing of the next.
    pub(super) fn entry(&mut self, central: &Central, base: u64) -> Result<(), Limit> {
        let header = &central.header;
        let start = base.saturating_add(central.offset);
        let Ok(Some(local)) = self.local(start) else {
            self.out.report.entry_problem(
                self.archive,
                &header.name,
                "the zip holds no data for this entry",
            );
            return Ok(());
        };
        self.compare(header, &local.header);
        let data = start + local.length;
        let end = data.saturating_add(header.compressed);
        self.spans.push(Span { start, end });
        if header.is_encrypted() || local.header.is_encrypted() {
            self.encrypted(header);
            return Ok(());
        }
        let executable = central.mode & 0o111 != 0;
        if header.is_directory() {
            self.out
                .other(self.archive, &header.name, EntryKind::Directory)?;
            if header.compressed == 0 {
                return Ok(());
            }
            self.out.report.find(
                self.archive,
                &rules::UNEXPECTED_CONTENT,
                Some(&header.name),
                || {
                    format!(
                        "{} carries {} bytes of data",
                        shown(&header.name),
                        header.size
                    )
                },
            );
            let name = [
                header.name.strip_suffix(b"/").unwrap_or(&header.name),
                b"!content",
            ]
            .concat();
            return self.content(
                &Header {
                    name,
                    ..header.clone()
                },
                data..end,
                executable,
            );
        }
        match central.unix_type() {
            Type::Symlink => self.symlink(header, data..end),
            Type::Special => {
                self.out
                    .other(self.archive, &header.name, EntryKind::Special)?;
                if header.compressed == 0 {
                    return Ok(());
                }
                self.content(header, data..end, executable)
            }
            Type::Plain => self.content(header, data..end, executable),
        }
    }

    /// The local header at an offset, if there is one.
    pub(super) fn local(&mut self, start: u64) -> io::Result<Option<Local>> {
        let mut fixed = [0; LOCAL_LENGTH];
        let read = self.source.read_at(start, &mut fixed)?;
        if read < LOCAL_LENGTH || !fixed.starts_with(&LOCAL) {
            return Ok(None);
        }
        let mut variable = vec![0; Local::variable_length(&fixed)];
        let read = self
            .source
            .read_at(start + LOCAL_LENGTH as u64, &mut variable)?;
        variable.truncate(read);
        Ok(Some(Local::parse(&fixed, &variable)))
    }

    pub(super) fn encrypted(&mut self, header: &Header) {
        let name = &header.name;
        self.out
            .report
            .find(self.archive, &rules::ENCRYPTED, Some(name), || {
                format!("{} is encrypted", shown(name))
            });
        self.out.report.entry_problem(
            self.archive,
            name,
            "encrypted, so that its content was not analysed",
        );
    }

    /// A symbolic link, unless its content looks like more than a path: many installers
    /// do not make links from zips, they write the content to a file.
    fn symlink(&mut self, header: &Header, range: Range<u64>) -> Result<(), Limit> {
        let mut target = Vec::new();
        if header.size <= LINK_TARGET {
            let mut section = self.source.section(range.clone());
            if let Ok(mut content) = decoder(header, &mut self.inflater, &mut section) {
                let mut limited = (&mut *content).take(LINK_TARGET + 1);
                if limited.read_to_end(&mut target).is_err() {
                    target.clear();
                }
            }
        }
        let is_path = !target.is_empty()
            && target.len() as u64 <= LINK_TARGET
            && !target
                .iter()
                .any(|byte| byte.is_ascii_control() || b" ();='\"<>`$|".contains(byte));
        self.out
            .other(self.archive, &header.name, EntryKind::Symlink(target))?;
        if is_path {
            Ok(())
        } else {
            self.content(header, range, false)
        }
    }

    /// Unpacks data and checks it against what is declared.
    fn content(
        &mut self,
        header: &Header,
        range: Range<u64>,
        executable: bool,
    ) -> Result<(), Limit> {
        let missing = range.end > self.source.size();
        let Some(found) = self.extract(header, range.clone(), executable)? else {
            return Ok(());
        };
        if found.written.damage.is_none() && found.end < range.end && !missing {
            let mut rest = self.source.section(found.end..range.end);
            crate::unpack::trailing_data(self.out, self.archive, &header.name, &mut rest)?;
        }
        self.check(header, &found.written, found.crc, missing);
        Ok(())
    }

    /// Unpacks data whose headers are not to be believed. Says where it ended.
    pub(super) fn unchecked(&mut self, header: &Header, range: Range<u64>) -> Result<u64, Limit> {
        let Some(found) = self.extract(header, range.clone(), false)? else {
            return Ok(range.end);
        };
        if let Some(error) = &found.written.damage {
            self.out
                .report
                .entry_problem(self.archive, &header.name, format!("damaged: {error}"));
        }
        Ok(found.end)
    }

    fn extract(
        &mut self,
        header: &Header,
        range: Range<u64>,
        executable: bool,
    ) -> Result<Option<Extracted>, Limit> {
        let mut section = self.source.section(range);
        let mut crc = Crc::new();
        let written = match decoder(header, &mut self.inflater, &mut section) {
            Ok(mut content) => {
                let mut checked = Checked {
                    inner: &mut *content,
                    crc: &mut crc,
                };
                self.out
                    .file(self.archive, &header.name, executable, &mut checked)?
            }
            Err(error) => {
                self.out
                    .report
                    .entry_problem(self.archive, &header.name, error.to_string());
                return Ok(None);
            }
        };
        Ok(Some(Extracted {
            written,
            crc: crc.sum(),
            end: section.position(),
        }))
    }

    fn check(&mut self, header: &Header, written: &Written, crc: u32, missing: bool) {
        let (archive, name) = (self.archive, &header.name);
        let report = &mut self.out.report;
        if let Some(error) = &written.damage {
            report.entry_problem(archive, name, format!("damaged: {error}"));
        } else if missing {
            report.entry_problem(archive, name, "the zip ends inside this entry");
        } else if written.size != header.size {
            report.find(archive, &rules::LYING_SIZE, Some(name), || {
                format!(
                    "{} declares {} bytes and has {}",
                    shown(name),
                    header.size,
                    written.size
                )
            });
        } else if crc != header.crc {
            report.find(archive, &rules::CHECKSUM, Some(name), || {
                format!("{} does not match its checksum", shown(name))
            });
        }
    }
}

/// What came of an entry's data.
struct Extracted {
    written: Written,
    /// Of what was written.
    crc: u32,
    /// Where the data ended.
    end: u64,
}

/// A reader of an entry's content.
fn decoder<'d>(
    header: &Header,
    inflater: &'d mut Inflater,
    section: &'d mut Section<'_>,
) -> io::Result<Box<dyn Read + 'd>> {
    Ok(match header.method {
        0 => Box::new(section),
        8 => Box::new(Single::new(inflater, section)?),
        12 => Box::new(Single::new(Codec::Bzip2.member(), section)?),
        14 => Box::new(Single::new(
            Lzma::zip((!header.marks_end()).then_some(header.size)),
            section,
        )?),
        20 | 93 => Box::new(Single::new(Codec::Zstd.member(), section)?),
        95 => Box::new(Single::new(Codec::Xz.member(), section)?),
        method => {
            let reason = format!(
                "compression method {method} is not supported, so that its content was not analysed"
            );
            return Err(crate::codec::damaged(reason));
        }
    })
}

/// Computes the checksum of what is read.
struct Checked<'a> {
    inner: &'a mut dyn Read,
    crc: &'a mut Crc,
}

impl Read for Checked<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.crc.update(&out[..read]);
        Ok(read)
    }
}
