//! Which entry names may be used on disk.

use crate::bindings::sink::Oddity;
use crate::host::sink::ArchiveLimits;

/// Longest file name of Linux file systems, bytes.
const COMPONENT: usize = 255;

/// Longest made-up file name, bytes.
const PLAIN: usize = 100;

/// A relative path of plain components, `/`-separated.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub path: String,
}

impl Name {
    /// Checks a name as an archive stores it. The error carries a lossy form, for a
    /// made-up name that keeps the extension.
    pub(super) fn parse(raw: &[u8], limits: &ArchiveLimits) -> Result<Self, (Oddity, String)> {
        let lossy = || String::from_utf8_lossy(&raw[..raw.len().min(limits.path)]).into_owned();
        let odd = |oddity| Err((oddity, lossy()));
        if raw.len() > limits.path {
            return odd(Oddity::TooLong);
        }
        let Ok(text) = std::str::from_utf8(raw) else {
            return odd(Oddity::NonUtf8);
        };
        if text.chars().any(char::is_control) {
            return odd(Oddity::ControlCharacter);
        }
        if text.starts_with(['/', '\\']) || text.as_bytes().get(1) == Some(&b':') {
            return odd(Oddity::Escape);
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in text.split(['/', '\\']) {
            match part {
                "" | "." => {}
                ".." if parts.pop().is_none() => return odd(Oddity::Escape),
                ".." => {}
                part if part.len() > COMPONENT => return odd(Oddity::TooLong),
                part => parts.push(part),
            }
        }
        match parts.len() {
            0 => odd(Oddity::Empty),
            depth if depth > limits.depth => odd(Oddity::TooDeep),
            _ => Ok(Self {
                path: parts.join("/"),
            }),
        }
    }
}

/// The last component of a path in letters that are safe anywhere.
pub(super) fn plain(path: &str) -> String {
    let base = path
        .rsplit(['/', '\\'])
        .find(|part| !part.is_empty())
        .unwrap_or("entry");
    let mut safe: String = base
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .collect();
    // The end is kept, since the extension tells analyzers what it is.
    safe.drain(..safe.len().saturating_sub(PLAIN));
    if safe.trim_matches('.').is_empty() {
        "entry".into()
    } else {
        safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &[u8]) -> Result<String, Oddity> {
        Name::parse(raw, &ArchiveLimits::default())
            .map(|name| name.path)
            .map_err(|(oddity, _)| oddity)
    }

    #[test]
    fn names_that_stay_inside_are_normalised() {
        for (raw, path) in [
            ("a/b.py", "a/b.py"),
            ("./a//b.py", "a/b.py"),
            ("a/../b.py", "b.py"),
            ("a\\b.py", "a/b.py"),
            ("a/b/", "a/b"),
            ("...", "..."),
        ] {
            assert_eq!(parse(raw.as_bytes()), Ok(path.into()), "{raw}");
        }
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for raw in [
            "/etc/passwd",
            "\\x",
            "../x",
            "a/../../x",
            "..",
            "C:\\x",
            "C:x",
            "a\\..\\..\\x",
        ] {
            assert_eq!(parse(raw.as_bytes()), Err(Oddity::Escape), "{raw}");
        }
    }

    #[test]
    fn names_that_file_systems_or_people_trip_over_are_refused() {
        assert_eq!(parse(b"a\0.py"), Err(Oddity::ControlCharacter));
        assert_eq!(parse(b"a\x1b[2J.py"), Err(Oddity::ControlCharacter));
        assert_eq!(parse(b"caf\xe9"), Err(Oddity::NonUtf8));
        assert_eq!(parse(b"./"), Err(Oddity::Empty));
        assert_eq!(parse(b""), Err(Oddity::Empty));
        assert_eq!(parse("x/".repeat(64).as_bytes()), Ok(["x"; 64].join("/")));
        assert_eq!(parse("x/".repeat(65).as_bytes()), Err(Oddity::TooDeep));
        assert_eq!(parse("x".repeat(256).as_bytes()), Err(Oddity::TooLong));
        assert_eq!(parse("x/".repeat(2_049).as_bytes()), Err(Oddity::TooLong));
    }

    #[test]
    fn made_up_names_keep_the_extension() {
        assert_eq!(plain("../../evil.py"), "evil.py");
        assert_eq!(plain("a/\u{202e}x.js"), "_x.js");
        assert_eq!(plain(".."), "entry");
        assert!(plain(&format!("{}.py", "x".repeat(500))).ends_with("x.py"));
        assert_eq!(plain(&"x".repeat(500)).len(), PLAIN);
    }
}
