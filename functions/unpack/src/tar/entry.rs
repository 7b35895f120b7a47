//! One tar entry: what it is, its data, and what contradicts itself in it.

use std::borrow::Cow;
use std::io::{self, Read as _};

use packguard_sdk::Severity;
use packguard_sdk::unpacker::EntryKind;
use tar::{EntryType, Header};

use super::pax::Extensions;
use super::sparse::{Expanded, Map};
use super::{BLOCK, Stop, Walk, is_header};
use crate::limits::SPARSE_HOLES;
use crate::names::shown;
use crate::rules;

/// Types that the `tar` crate has no name for.
const DUMP_DIRECTORY: u8 = b'D';
const VOLUME_LABEL: u8 = b'V';

impl Walk<'_, '_, '_> {
    /// Reads an entry with its data.
    pub(super) fn entry(&mut self, header: &Header) -> Result<(), Stop> {
        let extensions = std::mem::take(&mut self.next);
        let name = extensions.name().or(self.global.name());
        let name: Cow<'_, [u8]> = match name {
            Some(name) => Cow::Owned(name.clone()),
            None => header.path_bytes(),
        };
        let size = self.size(header, &extensions, &name)?;
        let is_directory_name = name.last() == Some(&b'/');
        match header.entry_type() {
            EntryType::Directory => self.no_data(&name, EntryKind::Directory, size),
            EntryType::Symlink => {
                let target = self.target(header, &extensions);
                self.no_data(&name, EntryKind::Symlink(target), size)
            }
            EntryType::Link => {
                let target = self.target(header, &extensions);
                self.no_data(&name, EntryKind::Hardlink(target), size)
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                self.no_data(&name, EntryKind::Special, size)
            }
            EntryType::GNUSparse => self.gnu_sparse(header, &name, size),
            kind if kind.as_byte() == DUMP_DIRECTORY => {
                self.out.other(self.archive, &name, EntryKind::Directory)?;
                self.hidden(&name, size, None)
            }
            kind if kind.as_byte() == VOLUME_LABEL && size == 0 => Ok(()),
            // Before there was a type for them, folders were files whose name ends so.
            _ if is_directory_name => {
                self.out.other(self.archive, &name, EntryKind::Directory)?;
                self.hidden(&name, size, None)
            }
            // POSIX: unknown types are regular files.
            _ => self.file(header, &extensions, &name, size),
        }
    }

    /// Bytes of data. A pax record counts before the header's field, as POSIX says; tools
    /// that disagree see other entries in the rest of the archive.
    fn size(&mut self, header: &Header, extensions: &Extensions, name: &[u8]) -> Result<u64, Stop> {
        let field = &header.as_old().size;
        let is_blank = field.iter().all(|byte| matches!(byte, 0 | b' '));
        let stored = if is_blank { 0 } else { header.entry_size()? };
        let Some(size) = extensions.size.or(self.global.size) else {
            return Ok(stored);
        };
        if stored != 0 && stored != size {
            self.out
                .report
                .find(self.archive, &rules::HEADER_MISMATCH, Some(name), || {
                    format!(
                        "{} has {stored} bytes by its header and {size} by its pax header",
                        shown(name)
                    )
                });
        }
        Ok(size)
    }

    fn target(&self, header: &Header, extensions: &Extensions) -> Vec<u8> {
        let long = extensions.link().or(self.global.link()).cloned();
        long.unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned())
    }

    fn file(
        &mut self,
        header: &Header,
        extensions: &Extensions,
        name: &[u8],
        size: u64,
    ) -> Result<(), Stop> {
        let executable = header.mode().is_ok_and(|mode| mode & 0o111 != 0);
        let mut data = (&mut self.input).take(size);
        let map = Map::of_pax(extensions, &mut data)?;
        let sparse = map.is_some();
        if let Some(map) = &map {
            note_sparse(self.out, self.archive, name, map);
        }
        let written = match map {
            Some(map) => self.out.file(
                self.archive,
                name,
                executable,
                &mut Expanded::new(map, &mut data),
            )?,
            None => self.out.file(self.archive, name, executable, &mut data)?,
        };
        if let Some(error) = written.damage {
            return Err(named(name, error));
        }
        let missing = data.limit();
        if sparse && missing > 0 {
            return self.hidden(name, missing, None);
        }
        self.ended(name, size, missing)
    }

    fn gnu_sparse(&mut self, header: &Header, name: &[u8], size: u64) -> Result<(), Stop> {
        let map = Map::of_gnu(header, &mut self.input)?;
        note_sparse(self.out, self.archive, name, &map);
        let executable = header.mode().is_ok_and(|mode| mode & 0o111 != 0);
        let mut data = (&mut self.input).take(size);
        let written = self.out.file(
            self.archive,
            name,
            executable,
            &mut Expanded::new(map, &mut data),
        )?;
        if let Some(error) = written.damage {
            return Err(named(name, error));
        }
        // What the map leaves over is data too.
        match data.limit() {
            0 => self.skip_padding(size),
            left => self.hidden(name, left, None),
        }
    }

    /// Checks that all data was there, and reads what it is padded with.
    fn ended(&mut self, name: &[u8], size: u64, missing: u64) -> Result<(), Stop> {
        if missing > 0 {
            return Err(Stop::damaged(format!(
                "{} lacks {missing} of {size} bytes",
                shown(name)
            )));
        }
        self.skip_padding(size)
    }

    /// An entry that has no data, whatever its size says. Some old tools store a size all
    /// the same, without data; some tools skip such data, others take it for headers:
    /// if a header follows, it is one.
    fn no_data(&mut self, name: &[u8], kind: EntryKind, size: u64) -> Result<(), Stop> {
        self.out.other(self.archive, name, kind)?;
        if size == 0 {
            return Ok(());
        }
        let Some(block) = self.block()? else {
            return Ok(());
        };
        if is_header(&block) || block == [0; BLOCK] {
            self.ahead = Some(block);
            return Ok(());
        }
        self.hidden(name, size, Some(block))
    }

    /// Keeps the data of an entry that should have none.
    fn hidden(&mut self, name: &[u8], size: u64, first: Option<[u8; BLOCK]>) -> Result<(), Stop> {
        if size == 0 {
            return Ok(());
        }
        self.out
            .report
            .find(self.archive, &rules::UNEXPECTED_CONTENT, Some(name), || {
                format!("{} carries {size} bytes of data", shown(name))
            });
        let name = [name.strip_suffix(b"/").unwrap_or(name), b"!content"].concat();
        let first = first.as_ref().map_or(&[][..], |block| &block[..]);
        let inner = usize::try_from(size).map_or(first.len(), |size| size.min(first.len()));
        let left = size - inner as u64;
        let mut rest = (&mut self.input).take(left);
        let written = self.out.file(
            self.archive,
            &name,
            false,
            &mut first[..inner].chain(&mut rest),
        )?;
        if let Some(error) = written.damage {
            return Err(named(&name, error));
        }
        let missing = rest.limit();
        if left == 0 {
            // The block that was looked at was the last one, padding included.
            return Ok(());
        }
        self.ended(&name, size, missing)
    }
}

fn note_sparse(
    out: &mut crate::out::Out<'_>,
    archive: &crate::report::Archive,
    name: &[u8],
    map: &Map,
) {
    let holes = map.holes();
    out.report.find(archive, &rules::SPARSE, Some(name), || {
        format!("{} is stored with {holes} bytes of holes", shown(name))
    });
    if holes > SPARSE_HOLES {
        out.report
            .find_as(archive, &rules::BOMB, Severity::High, Some(name), || {
                format!("{} claims {holes} bytes that are not stored", shown(name))
            });
    }
}

fn named(name: &[u8], error: io::Error) -> Stop {
    match Stop::from(error) {
        Stop::Damaged(reason) => Stop::Damaged(format!("{}: {reason}", shown(name))),
        limit @ Stop::Limit(_) => limit,
    }
}
