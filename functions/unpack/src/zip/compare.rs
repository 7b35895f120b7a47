//! Sets the two headers of a zip entry side by side.

use packguard_sdk::Severity;

use super::records::Header;
use super::walk::Walk;
use crate::names::shown;
use crate::rules;

impl Walk<'_, '_, '_> {
    /// Reports what the local header says otherwise than the directory.
    pub(super) fn compare(&mut self, central: &Header, local: &Header) {
        let Some((severity, what)) = difference(central, local) else {
            return;
        };
        let name = &central.name;
        self.out.report.find_as(
            self.archive,
            &rules::HEADER_MISMATCH,
            severity,
            Some(name),
            || format!("{}: {what}", shown(name)),
        );
    }
}

fn difference(central: &Header, local: &Header) -> Option<(Severity, String)> {
    if !same_name(&central.name, &local.name) {
        return Some((
            Severity::High,
            format!("its local header names it {}", shown(&local.name)),
        ));
    }
    // Old tools store a legacy encoding and the true name beside it; they have no reason
    // to do so for a name that is ASCII.
    if let Some(unicode) = central
        .unicode_name
        .as_ref()
        .or(local.unicode_name.as_ref())
        && central.name.is_ascii()
    {
        return Some((
            Severity::Medium,
            format!("a Unicode path field names it {}", shown(unicode)),
        ));
    }
    let differ = |what: &str, ours: u64, theirs: u64| {
        (ours != theirs).then(|| {
            (
                Severity::Medium,
                format!("{what} is {ours} in the directory and {theirs} in its local header"),
            )
        })
    };
    let encrypted = |header: &Header| u64::from(header.is_encrypted());
    let early = differ("method", central.method.into(), local.method.into())
        .or_else(|| differ("encryption", encrypted(central), encrypted(local)));
    // With a descriptor the local header has zeros, or whatever the maker knew by then.
    if early.is_some() || local.has_descriptor() {
        return early;
    }
    differ("compressed size", central.compressed, local.compressed)
        .or_else(|| differ("size", central.size, local.size))
        .or_else(|| differ("checksum", central.crc.into(), local.crc.into()))
}

/// Some Windows tools write `\` in one of the two places.
fn same_name(one: &[u8], other: &[u8]) -> bool {
    let slash = |byte: &u8| if *byte == b'\\' { b'/' } else { *byte };
    one == other || one.iter().map(slash).eq(other.iter().map(slash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            flags: 0,
            method: 8,
            crc: 7,
            compressed: 5,
            size: 9,
            name: b"a/b.py".to_vec(),
            unicode_name: None,
        }
    }

    #[test]
    fn differences_are_told_by_weight() {
        let cases: [(Header, Option<Severity>); 9] = [
            (header(), None),
            (
                Header {
                    name: b"a\\b.py".to_vec(),
                    ..header()
                },
                None,
            ),
            (
                Header {
                    name: b"a/c.py".to_vec(),
                    ..header()
                },
                Some(Severity::High),
            ),
            (
                Header {
                    unicode_name: Some(b"x.py".to_vec()),
                    ..header()
                },
                Some(Severity::Medium),
            ),
            (
                Header {
                    method: 0,
                    ..header()
                },
                Some(Severity::Medium),
            ),
            (
                Header {
                    flags: 1,
                    ..header()
                },
                Some(Severity::Medium),
            ),
            (
                Header {
                    size: 10,
                    ..header()
                },
                Some(Severity::Medium),
            ),
            (Header { crc: 0, ..header() }, Some(Severity::Medium)),
            (
                Header {
                    flags: 8,
                    size: 0,
                    compressed: 0,
                    crc: 0,
                    ..header()
                },
                None,
            ),
        ];
        for (local, expected) in cases {
            assert_eq!(
                difference(&header(), &local).map(|(severity, _)| severity),
                expected,
                "{local:?}"
            );
        }
    }
}
