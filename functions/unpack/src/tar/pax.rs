//! Extension headers: pax records (POSIX.1-2008) and GNU's long names, which describe
//! the entry that follows them.

use super::Stop;

/// What extension headers say of the next entry.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Extensions {
    /// GNU long name (type `L`).
    pub long_name: Option<Vec<u8>>,
    /// GNU long link target (type `K`).
    pub long_link: Option<Vec<u8>>,
    /// pax `path`.
    pub path: Option<Vec<u8>>,
    /// pax `linkpath`.
    pub link_path: Option<Vec<u8>>,
    /// pax `size`.
    pub size: Option<u64>,
    /// pax `GNU.sparse.*`.
    pub sparse: Sparse,
}

/// Where pax keeps what GNU tar needs for a sparse file (formats 0.0, 0.1 and 1.0).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sparse {
    /// The real name, since the header has a made-up one.
    pub name: Option<Vec<u8>>,
    /// Size with holes.
    pub size: Option<u64>,
    /// Offsets and lengths in turn (0.0 and 0.1).
    pub map: Vec<u64>,
    /// The map stands before the data (1.0).
    pub map_in_data: bool,
}

impl Extensions {
    /// Adds the records of a pax header; later ones win.
    ///
    /// # Errors
    /// [`Stop::Damaged`] when a record is malformed: tools disagree on what to do then.
    pub fn read(&mut self, mut records: &[u8]) -> Result<(), Stop> {
        while !records.is_empty() && records[0] != 0 {
            let (key, value, rest) =
                record(records).ok_or_else(|| Stop::damaged("malformed pax header"))?;
            self.set(key, value)?;
            records = rest;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), Stop> {
        match key {
            b"path" => self.path = some(value),
            b"linkpath" => self.link_path = some(value),
            b"size" => self.size = Some(number(value)?),
            b"GNU.sparse.name" => self.sparse.name = some(value),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = Some(number(value)?),
            b"GNU.sparse.major" => self.sparse.map_in_data = number(value)? == 1,
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.sparse.map.push(number(value)?),
            b"GNU.sparse.map" => {
                self.sparse.map = value
                    .split(|byte| *byte == b',')
                    .map(number)
                    .collect::<Result<_, _>>()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The entry's name, by precedence: sparse, pax, GNU, header.
    pub fn name(&self) -> Option<&Vec<u8>> {
        self.sparse
            .name
            .as_ref()
            .or(self.path.as_ref())
            .or(self.long_name.as_ref())
    }

    /// The link's target, by precedence.
    pub fn link(&self) -> Option<&Vec<u8>> {
        self.link_path.as_ref().or(self.long_link.as_ref())
    }
}

/// An empty value takes an earlier one back.
fn some(value: &[u8]) -> Option<Vec<u8>> {
    (!value.is_empty()).then(|| value.to_vec())
}

fn number(text: &[u8]) -> Result<u64, Stop> {
    let parsed = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| Stop::damaged("a number in a pax header is none"))
}

/// Splits `<length> <key>=<value>\n` off. The length counts, not the line end: a value may
/// hold line ends, and tools that split at them read another header.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = memchr::memchr(b'=', record)?;
    Some((&record[..equals], &record[equals + 1..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(records: &[u8]) -> Option<Extensions> {
        let mut extensions = Extensions::default();
        extensions.read(records).ok().map(|()| extensions)
    }

    #[test]
    fn records_are_cut_by_length() {
        let extensions = read(b"13 comment=a\n7 b=c\n\n14 path=ab.py\n").unwrap();
        assert_eq!(extensions.name().unwrap(), b"ab.py");
        // The comment's value holds what looks like a record of its own.
        let extensions = read(b"13 path=a.py\n28 comment=\n16 path=evil.py\n").unwrap();
        assert_eq!(extensions.name().unwrap(), b"a.py");
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in [
            &b"5 a=b\n"[..],
            b"99 path=x\n",
            b"path=x\n",
            b"10 size=-1\n",
            b"0 \n",
        ] {
            assert_eq!(read(bad), None, "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(read(b"\0\0\0"), Some(Extensions::default()));
    }
}
