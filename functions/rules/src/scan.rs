//! Reading files in pieces and running a scanner over them.

use std::borrow::Cow;
use std::io;

use boreal::Scanner;
use boreal::compiler::{Compiler, CompilerBuilder, CompilerParams};
use boreal::scanner::{EvaluatedRule, ScanParams};
use packguard_sdk::{File, text};

/// Most bytes scanned at once. Larger files are scanned in pieces of this size, which
/// overlap: a piece, its decoded form and the matches stay well below a sandbox's limit.
const PIECE: usize = 8 << 20;
/// What two pieces of a file share: what is longer than this can be cut in two.
const OVERLAP: usize = 64 << 10;
/// Most places remembered of one string in one piece: enough for the rules that count.
/// Each is kept with its bytes, so the product of these two bounds a string's memory.
const MATCHES_LIMIT: u32 = 200;
/// Longest part of a match that is kept, in bytes: the head of an encoded payload.
const MATCH_LENGTH: usize = 8 << 10;

/// A compiler that knows the symbols which [`scan`] sets.
pub(crate) fn compiler(builder: CompilerBuilder) -> Compiler {
    let mut compiler = builder.build();
    // Rules come as text; there are no files for them to include.
    compiler.set_params(CompilerParams::default().disable_includes(true));
    for symbol in ["extension", "filename", "filepath"] {
        compiler.define_symbol(symbol, "");
    }
    compiler.define_symbol("text", false);
    compiler
}

/// Makes a scanner remember where strings match.
pub(crate) fn set_up(scanner: &mut Scanner) {
    scanner.set_scan_params(
        ScanParams::default()
            .compute_full_matches(true)
            .string_max_nb_matches(MATCHES_LIMIT)
            .match_max_length(MATCH_LENGTH),
    );
}

/// Tells a scanner's rules about the file that it scans next.
///
/// # Errors
/// When the scanner does not know a symbol; those of [`compiler`] do.
pub(crate) fn introduce(scanner: &mut Scanner, file: File<'_>, bytes: &[u8]) -> Result<(), String> {
    let symbols = [
        ("extension", file.extension()),
        ("filename", file.name().to_owned()),
        ("filepath", file.path().to_owned()),
    ];
    for (name, value) in symbols {
        scanner
            .define_symbol(name, value)
            .map_err(|error| error.to_string())?;
    }
    scanner
        .define_symbol("text", text::is_probably_text(bytes))
        .map_err(|error| error.to_string())
}

/// The rules that match some bytes.
///
/// # Errors
/// What kept the scanner from its end.
pub(crate) fn scan<'s>(
    scanner: &'s Scanner,
    bytes: &[u8],
) -> Result<Vec<EvaluatedRule<'s>>, String> {
    match scanner.scan_mem(bytes) {
        Ok(result) => Ok(result.rules),
        Err((error, _)) => Err(error.to_string()),
    }
}

/// Calls `each` with the content of a file, in pieces where it is large. The flag says
/// whether the piece is the whole file. UTF-16 text is handed over a second time, as
/// UTF-8, since rules are written for that. The buffer can be used again for the next.
///
/// # Errors
/// What reading says.
pub(crate) fn pieces(
    file: File<'_>,
    buffer: &mut Vec<u8>,
    mut each: impl FnMut(&[u8], bool),
) -> io::Result<()> {
    if file.size() <= PIECE as u64 {
        file.read_head_into(PIECE, buffer)?;
        each(buffer, true);
        if matches!(buffer.as_slice(), [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..])
            && let Cow::Owned(decoded) = text::decode(buffer)
        {
            each(decoded.as_bytes(), true);
        }
        return Ok(());
    }
    file.pieces(PIECE, OVERLAP, buffer, |piece| each(piece, false))
}
