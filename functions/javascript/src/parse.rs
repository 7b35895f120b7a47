//! Text to syntax tree.

use memchr::memmem;
use oxc_allocator::Allocator;
use oxc_ast::ast::Program;
use oxc_parser::{ParseOptions, Parser};
use oxc_span::SourceType;

use crate::nesting;

/// Largest text that is parsed, in bytes. Its tree takes some ten times as much memory
/// and must fit the sandbox; the largest honest files (compilers in one file) are
/// below 11 MB.
pub const TEXT_LIMIT: usize = 16 << 20;

/// Why a text has no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unparsed {
    /// Larger than [`TEXT_LIMIT`].
    Large,
    /// Nested deeper than [`nesting::LIMIT`].
    Deep,
    /// Not JavaScript: the first syntax error.
    Syntax(String),
}

impl std::fmt::Display for Unparsed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Large => write!(
                formatter,
                "larger than {} MiB: searched as text, not parsed",
                TEXT_LIMIT >> 20
            ),
            Self::Deep => write!(
                formatter,
                "nested deeper than {}: searched as text, not parsed",
                nesting::LIMIT
            ),
            Self::Syntax(error) => write!(formatter, "not parsed: {error}"),
        }
    }
}

/// Parses `text`, first as its extension says, then as its other readings.
///
/// # Errors
/// Why it can't be, or must not be, parsed.
pub fn parse<'a>(
    allocator: &'a Allocator,
    text: &'a str,
    extension: &str,
) -> Result<&'a Program<'a>, Unparsed> {
    if text.len() > TEXT_LIMIT {
        return Err(Unparsed::Large);
    }
    if nesting::depth(text) > nesting::LIMIT {
        return Err(Unparsed::Deep);
    }
    let error = match read(allocator, text, extension) {
        Ok(program) => return Ok(program),
        Err(error) => error,
    };
    if let Some(plain) = plain(text)
        && let Ok(program) = read(allocator, allocator.alloc_str(&plain), extension)
    {
        return Ok(program);
    }
    Err(Unparsed::Syntax(error))
}

/// The text without what is not JavaScript's, at the same places: Flow's pragma (its types read
/// like TypeScript's), and the tags of templates (`{% … %}`, `{{ … }}`, `<% … %>`).
fn plain(text: &str) -> Option<String> {
    let mut bytes = text.replacen("@flow", "@fl0w", 1).into_bytes();
    for (open, close, name) in [
        (b"{%", b"%}", b' '),
        (b"<%", b"%>", b' '),
        (b"{{", b"}}", b'_'),
    ] {
        let mut from = 0;
        while let Some(start) = memmem::find(&bytes[from..], open).map(|at| from + at) {
            let Some(end) = memmem::find(&bytes[start..], close).map(|at| start + at + 2) else {
                break;
            };
            let tag = &mut bytes[start..end];
            tag.iter_mut()
                .filter(|byte| **byte != b'\n')
                .for_each(|byte| *byte = b' ');
            tag[0] = name;
            from = end;
        }
    }
    let plain = String::from_utf8(bytes).ok()?;
    (plain != text).then_some(plain)
}

/// Parses `text` in one of its readings, or gives the first syntax error.
fn read<'a>(
    allocator: &'a Allocator,
    text: &'a str,
    extension: &str,
) -> Result<&'a Program<'a>, String> {
    let mut first_error = None;
    for source_type in readings(extension) {
        let options = ParseOptions {
            allow_return_outside_function: true,
            preserve_parens: false,
            ..ParseOptions::default()
        };
        let parsed = Parser::new(allocator, text, *source_type)
            .with_options(options)
            .parse();
        let errors = parsed.diagnostics.iter().next();
        match errors {
            None if !parsed.panicked => return Ok(allocator.alloc(parsed.program)),
            Some(error) if first_error.is_none() => first_error = Some(error.to_string()),
            _ => {}
        }
    }
    Err(first_error.unwrap_or_else(|| "syntax error".into()))
}

/// How to read a file, likeliest first.
fn readings(extension: &str) -> &'static [SourceType] {
    const CJS: SourceType = SourceType::cjs();
    const MJS: SourceType = SourceType::mjs();
    const SCRIPT: SourceType = SourceType::script();
    const EITHER: SourceType = SourceType::unambiguous();
    const JSX: SourceType = SourceType::jsx();
    const TS: SourceType = SourceType::ts();
    const TSX: SourceType = SourceType::tsx();
    match extension {
        "ts" | "mts" | "cts" => &[TS, TSX],
        "tsx" => &[TSX, TS],
        "mjs" => &[MJS, JSX, TS],
        "cjs" => &[CJS, SCRIPT, EITHER, TS],
        "jsx" => &[JSX, TSX],
        _ => &[EITHER, SCRIPT, MJS, JSX, TS, TSX],
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, plain};
    use oxc_allocator::Allocator;

    #[test]
    fn templates_and_flow_are_read_without_what_is_not_javascript() {
        for text in [
            "{% autoescape off %}\nvar a = {{ catalog }};\n{% if x %}a();{% endif %}\n",
            "// @flow\nimport type { A } from './a';\nclass B { c: string; d(e: number): ?A { return null; } }",
            "var a = <%= JSON.stringify(b) %> 1;",
        ] {
            let parsed = parse(&Allocator::default(), text, "js").map(|_| ());
            assert_eq!(parsed, Ok(()), "{text}");
            assert_eq!(plain(text).map(|plain| plain.len()), Some(text.len()));
        }
        let nothing = parse(&Allocator::default(), "var = {{", "js").map(|_| ());
        assert!(nothing.is_err());
    }
}
