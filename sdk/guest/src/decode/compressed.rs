//! Compressed streams other than deflate.

use super::bounded;

/// Memory that an LZMA stream may claim for its dictionary, in kilobytes.
const LZMA_MEMORY: u32 = 64 << 10;

/// A bzip2 stream; what precedes damage is kept, at most
/// [`OUTPUT_LIMIT`](super::OUTPUT_LIMIT) bytes.
///
/// ```
/// assert_eq!(packguard_sdk::decode::bunzip2(b"no bzip2"), None);
/// ```
pub fn bunzip2(bytes: &[u8]) -> Option<Vec<u8>> {
    let out = match bytes {
        [b'B', b'Z', b'h', ..] => bounded(bzip2::read::MultiBzDecoder::new(bytes)),
        _ => Vec::new(),
    };
    (!out.is_empty()).then_some(out)
}

/// An xz stream or an old `.lzma` one; what precedes damage is kept, at most
/// [`OUTPUT_LIMIT`](super::OUTPUT_LIMIT) bytes.
///
/// ```
/// assert_eq!(packguard_sdk::decode::unlzma(b"no xz"), None);
/// ```
pub fn unlzma(bytes: &[u8]) -> Option<Vec<u8>> {
    let out = match bytes {
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => bounded(lzma_rust2::XzReader::new_mem_limit(
            bytes,
            true,
            LZMA_MEMORY,
        )),
        [0x5D, 0, 0, ..] => lzma_rust2::LzmaReader::new_mem_limit(bytes, LZMA_MEMORY, None)
            .map(bounded)
            .unwrap_or_default(),
        _ => Vec::new(),
    };
    (!out.is_empty()).then_some(out)
}
