//! What a file is, told by its content.

use std::io;

use crate::codec::Codec;
use crate::source::Source;
use crate::tar;
use crate::zip::Directories;

/// Bytes from the front that tell every format.
pub const HEAD: usize = 512;

/// What the front of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// A compressed file.
    Compressed(Codec),
    /// A tar.
    Tar,
    /// A zip's local header, or the end record of an empty one.
    Zip,
    /// An archive of a format that is not unpacked here.
    Unsupported(&'static str),
}

impl Head {
    /// The format's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compressed(Codec::Gzip) => "gzip",
            Self::Compressed(Codec::Bzip2) => "bzip2",
            Self::Compressed(Codec::Xz) => "xz",
            Self::Compressed(Codec::Lzma) => "lzma",
            Self::Compressed(Codec::Zstd) => "zstd",
            Self::Tar => "tar",
            Self::Zip => "zip",
            Self::Unsupported(name) => name,
        }
    }
}

/// Everything a file is.
#[derive(Debug, Default)]
pub struct Found {
    /// By its front.
    pub head: Option<Head>,
    /// By its end.
    pub zip: Directories,
}

impl Found {
    /// Whether it is an archive of any kind.
    pub fn is_archive(&self) -> bool {
        self.head.is_some() || !self.zip.is_empty()
    }
}

/// Looks at both ends of a file.
///
/// # Errors
/// What the file system says.
pub fn identify(source: &mut Source) -> io::Result<Found> {
    let mut bytes = [0; HEAD];
    let length = source.read_at(0, &mut bytes)?;
    Ok(Found {
        head: head(&bytes[..length]),
        zip: Directories::locate(source)?,
    })
}

/// What the first [`HEAD`] bytes (or fewer, if the file is shorter) say.
pub fn head(bytes: &[u8]) -> Option<Head> {
    Some(match bytes {
        [0x1F, 0x8B, 0x08, ..] => Head::Compressed(Codec::Gzip),
        [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
            if rest.starts_with(b"\x31\x41\x59\x26\x53\x59")
                || rest.starts_with(b"\x17\x72\x45\x38\x50\x90") =>
        {
            Head::Compressed(Codec::Bzip2)
        }
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Head::Compressed(Codec::Xz),
        [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => {
            Head::Compressed(Codec::Zstd)
        }
        // A tar whose first entry's name starts so is a tar first: see `unpack`.
        _ if tar::is_header(bytes) => Head::Tar,
        [b'P', b'K', 3, 4, ..]
        | [b'P', b'K', 5, 6, ..]
        | [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..] => Head::Zip,
        _ if is_lzma(bytes) => Head::Compressed(Codec::Lzma),
        _ => Head::Unsupported(unsupported(bytes)?),
    })
}

/// `.lzma` has no magic: default properties, a power of two as dictionary size, and a
/// length that is unknown or below 256 GiB.
fn is_lzma(bytes: &[u8]) -> bool {
    let [0x5D, d0, d1, d2, d3, length @ ..] = bytes else {
        return false;
    };
    let Some((length, [0, ..])) = length.split_first_chunk::<8>() else {
        return false;
    };
    let dictionary = u32::from_le_bytes([*d0, *d1, *d2, *d3]);
    let length = u64::from_le_bytes(*length);
    dictionary.is_power_of_two()
        && dictionary >= 1 << 12
        && (length == u64::MAX || (length > 0 && length < 1 << 38))
}

fn unsupported(bytes: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 8] = [
        (b"7z\xBC\xAF\x27\x1C", "7z"),
        (b"Rar!\x1A\x07", "RAR"),
        (b"MSCF\0\0\0\0", "Windows cabinet"),
        (b"!<arch>\ndebian-binary", "Debian package"),
        (b"\xED\xAB\xEE\xDB", "RPM"),
        (b"\x04\x22\x4D\x18", "LZ4"),
        (b"LZIP\x01", "lzip"),
        (b"xar!\0\x1C", "xar"),
    ];
    MAGIC
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map(|(_, name)| *name)
}

/// The format that a file name's suffix promises, for names that archives have.
pub fn promised(name: &str) -> Option<&'static str> {
    const SUFFIXES: [(&str, &str); 15] = [
        (".tar.gz", "gzip"),
        (".tgz", "gzip"),
        (".crate", "gzip"),
        (".tar.bz2", "bzip2"),
        (".tbz2", "bzip2"),
        (".tar.xz", "xz"),
        (".txz", "xz"),
        (".tar.zst", "zstd"),
        (".tar", "tar"),
        (".gem", "tar"),
        (".zip", "zip"),
        (".whl", "zip"),
        (".jar", "zip"),
        (".nupkg", "zip"),
        (".vsix", "zip"),
    ];
    let name = name.to_ascii_lowercase();
    SUFFIXES
        .iter()
        .find(|(suffix, _)| name.ends_with(suffix))
        .map(|(_, format)| *format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_signatures_are_checked_twice() {
        assert_eq!(head(b"BZh9 is how this text starts"), None);
        assert_eq!(head(b"]\0\0\0 a line of text that looks like lzma"), None);
        assert_eq!(
            head(b"\x5D\0\0\x80\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0"),
            Some(Head::Compressed(Codec::Lzma))
        );
        assert_eq!(
            head(b"7z\xBC\xAF\x27\x1C\0\x04"),
            Some(Head::Unsupported("7z"))
        );
        assert_eq!(head(b""), None);
    }
}
