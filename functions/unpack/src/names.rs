//! Names as archives store them: bytes that may be anything.

use std::fmt::Write as _;

/// Longest name shown in a title, in characters.
const SHOWN: usize = 120;

/// A name for people: lossy, escaped, cut in the middle so that both ends show.
pub fn shown(name: &[u8]) -> String {
    let name = &name[..name.len().min(4_096)];
    let mut text = String::with_capacity(name.len());
    for character in String::from_utf8_lossy(name).chars() {
        if character.is_control() || is_invisible(character) {
            let escaped = write!(text, "{}", character.escape_unicode());
            debug_assert!(escaped.is_ok());
        } else {
            text.push(character);
        }
    }
    let length = text.chars().count();
    if length <= SHOWN {
        return text;
    }
    let head: String = text.chars().take(SHOWN / 2).collect();
    let tail: String = text.chars().skip(length - SHOWN / 2).collect();
    format!("{head}…{tail}")
}

/// Characters that change how a name looks without being seen.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E0FFF}')
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| matches!(byte, b'/' | b'\\'))
        .filter(|part| !part.is_empty() && *part != b".")
}

fn is_absolute(path: &[u8]) -> bool {
    matches!(path, [b'/' | b'\\', ..] | [_, b':', ..])
}

/// Whether a path, read inside a folder `depth` levels down, leads above the top.
fn leads_out(path: &[u8], depth: usize) -> bool {
    let mut depth = depth;
    for part in parts(path) {
        if part != b".." {
            depth += 1;
        } else if depth == 0 {
            return true;
        } else {
            depth -= 1;
        }
    }
    false
}

/// Whether an entry of that name would be written outside the folder it is unpacked to.
pub fn escapes(path: &[u8]) -> bool {
    is_absolute(path) || leads_out(path, 0)
}

/// Whether a link leads outside the folder the archive is unpacked to. A symbolic
/// link's target counts from the link's folder, a hard link's from the archive's top.
pub fn link_escapes(link: &[u8], target: &[u8], symbolic: bool) -> bool {
    let depth = if symbolic {
        parts(link).count().saturating_sub(1)
    } else {
        0
    };
    is_absolute(target) || leads_out(target, depth)
}

/// A name made harmless: relative, without `..`, printable UTF-8. Never empty.
pub fn sanitised(path: &[u8]) -> Vec<u8> {
    let mut clean = String::new();
    for part in parts(path).filter(|part| *part != b"..") {
        if !clean.is_empty() {
            clean.push('/');
        }
        clean.extend(
            String::from_utf8_lossy(part)
                .chars()
                .map(|character| match character {
                    ':' => '_',
                    character if character.is_control() => '_',
                    character => character,
                }),
        );
    }
    if clean.is_empty() {
        clean.push_str("entry");
    }
    clean.into_bytes()
}

/// The name of what a compressed file holds: the last component without its suffix.
pub fn stem(path: &[u8]) -> Vec<u8> {
    const SUFFIXES: [(&str, &str); 12] = [
        (".gz", ""),
        (".tgz", ".tar"),
        (".bz2", ""),
        (".tbz2", ".tar"),
        (".tbz", ".tar"),
        (".xz", ""),
        (".txz", ".tar"),
        (".lzma", ""),
        (".zst", ""),
        (".zstd", ""),
        (".tzst", ".tar"),
        (".crate", ".tar"),
    ];
    let clean = sanitised(path);
    let name = clean
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    for (suffix, instead) in SUFFIXES {
        if name.len() > suffix.len() {
            let (stem, end) = name.split_at(name.len() - suffix.len());
            if end.eq_ignore_ascii_case(suffix.as_bytes()) {
                return [stem, instead.as_bytes()].concat();
            }
        }
    }
    name.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_names_are_harmless_and_short() {
        assert_eq!(shown(b"a/b.py"), "a/b.py");
        assert_eq!(shown(b"a\x1b[2J\n"), "a\\u{1b}[2J\\u{a}");
        assert_eq!(shown("gpj.\u{202e}exe".as_bytes()), "gpj.\\u{202e}exe");
        assert_eq!(shown(b"caf\xe9"), "caf\u{fffd}");
        let long = shown(&[b"start", &[b'x'; 5_000][..]].concat());
        assert!(long.starts_with("start") && long.chars().count() == SHOWN + 1);
    }

    #[test]
    fn escapes_are_told_from_odd_but_inner_paths() {
        for path in ["/etc/x", "\\x", "C:x", "..", "a/../../x", "a\\..\\..\\x"] {
            assert!(escapes(path.as_bytes()), "{path}");
        }
        for path in ["a/../x", "./x", "...", "a//b", ""] {
            assert!(!escapes(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn link_targets_count_from_the_right_folder() {
        assert!(!link_escapes(b"pkg/docs/link", b"../../x", true));
        assert!(link_escapes(b"pkg/docs/link", b"../../../x", true));
        assert!(link_escapes(b"pkg/link", b"/etc/passwd", true));
        assert!(!link_escapes(b"pkg/docs/link", b"pkg/x", false));
        assert!(link_escapes(b"pkg/docs/link", b"../x", false));
    }

    #[test]
    fn sanitised_names_stay_inside() {
        assert_eq!(sanitised(b"../../a/./b\x00.zip"), b"a/b_.zip");
        assert_eq!(sanitised(b"C:\\x"), b"C_/x");
        assert_eq!(sanitised(b"../.."), b"entry");
    }

    #[test]
    fn stems_lose_the_suffix_that_was_taken_off() {
        for (name, stem_of) in [
            ("metadata.gz", "metadata"),
            ("a/x.TGZ", "x.tar"),
            ("data", "data"),
            (".gz", ".gz"),
            ("x.csv.xz", "x.csv"),
        ] {
            assert_eq!(stem(name.as_bytes()), stem_of.as_bytes(), "{name}");
        }
    }
}
