//! Every bound this component sets itself. Files, bytes, ratio, path length and depth of
//! folders are the host's.

/// Bytes read or written at once. Large enough that the calls to the host cost nothing
/// beside decompression.
pub const CHUNK: usize = 256 << 10;

/// Largest dictionary or window of xz, LZMA and Zstandard: the step stays below 64 MB.
/// Presets up to `xz -8` and `zstd -19` need no more.
pub const WINDOW: u32 = 32 << 20;

/// Members (streams, frames) of one bzip2, xz or Zstandard file. Each costs megabytes of
/// tables, so that a few bytes of input cost much work. Gzip members are cheap and free.
pub const MEMBERS: u32 = 1_000;

/// Entries of one zip's central directory; what is known of each is kept to compare.
pub const ZIP_ENTRIES: usize = 250_000;

/// Archives unpacked for one call, nested ones included.
pub const ARCHIVES: usize = 10_000;

/// Bytes of names and locations that are remembered of archives still to be unpacked, and
/// as many of files to compare duplicates with.
pub const REMEMBERED: usize = 8 << 20;

/// Longest name or link target read from an archive; the host takes 4,096 bytes.
pub const NAME: u64 = 64 << 10;

/// Largest pax header: real ones hold a few hundred bytes.
pub const PAX: u64 = 1 << 20;

/// Extension headers of one tar in all, bytes: they count for no limit of the sink.
pub const EXTENSIONS: u64 = 64 << 20;

/// Pieces of one sparse file.
pub const SPARSE_PIECES: usize = 10_000;

/// Holes of one sparse file that are written as zeros; more are left out.
pub const SPARSE_HOLES: u64 = 16 << 20;

/// Zeros after the end of a tar that are looked through.
pub const PADDING: u64 = 16 << 20;

/// Longest target of a symbolic link in a zip, where the target is the content.
pub const LINK_TARGET: u64 = 4_096;

/// A zip's comment longer than this is kept as a file, so that it is analysed.
pub const COMMENT: u64 = 1_024;

/// Problems reported one by one; further ones are counted.
pub const PROBLEMS: usize = 100;
