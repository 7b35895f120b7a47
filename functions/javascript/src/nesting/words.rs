//! Words: which bytes make them, and which are keywords that go down.

/// What a keyword costs that makes the parser go down without a bracket.
pub(super) fn down(word: &[u8]) -> Option<u32> {
    // Most words are names: a look at their length spares comparing them.
    if !(2..=8).contains(&word.len()) {
        return None;
    }
    match word {
        b"if" | b"else" => Some(2),
        b"new" | b"typeof" | b"void" | b"delete" | b"await" | b"keyof" | b"infer" | b"readonly"
        | b"unique" | b"asserts" | b"is" | b"return" | b"throw" => Some(4),
        b"for" | b"while" | b"do" | b"with" | b"yield" => Some(6),
        b"extends" => Some(12),
        _ => None,
    }
}

/// Whether a byte belongs to words: names, keywords, numbers.
pub(super) const WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'#' | 0x80..);
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};
