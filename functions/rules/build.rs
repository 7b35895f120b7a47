//! Turns the rules in `yara/` into a table, so that a rule's text stands in one place:
//! its metadata. A rule that does not compile, or lacks a key, ends the build.

#[path = "build/gate.rs"]
mod gate;

use std::error::Error;
use std::path::{Path, PathBuf};

use boreal::{Compiler, Metadata, MetadataValue, Scanner};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=yara");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("yara");
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path)?;
        for source in split(&text) {
            rows.push(row(source).map_err(|error| format!("{}: {error}", path.display()))?);
        }
    }
    // Looked up by binary search.
    rows.sort();
    let literals: Vec<gate::Literal<'_>> = rows
        .iter()
        .enumerate()
        .flat_map(|(rule, row)| {
            let gate = row.gate.iter().enumerate();
            gate.map(move |(index, bytes)| gate::Literal { rule, index, bytes })
        })
        .collect();
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("gate.rs"), gate::table(&literals)?)?;
    let ids: String = (0..rows.len())
        .map(|index| format!("&BUNDLED[{index}].rule,\n"))
        .collect();
    let rows: String = rows.into_iter().map(|row| row.text).collect();
    let table = format!(
        "pub(crate) static BUNDLED: &[Bundled] = &[\n{rows}];\n\
         pub(crate) const RULES: &[&Rule] = &[\n&crate::user::USER,\n{ids}];\n"
    );
    std::fs::write(out.join("bundled.rs"), table)?;
    Ok(())
}

/// The rules of a file, each from its first line to the `}` at the start of a line.
fn split(text: &str) -> Vec<&str> {
    text.match_indices("\nrule ")
        .map(|(start, _)| {
            let rest = &text[start + 1..];
            rest.find("\n}").map_or(rest, |end| &rest[..end + 2])
        })
        .collect()
}

/// A rule of the table.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    name: String,
    /// As Rust spells it.
    text: String,
    /// Literals of its gate; none for media, which have a gate of their own.
    gate: Vec<Vec<u8>>,
}

/// The table row of one rule.
fn row(source: &str) -> Result<Row, Box<dyn Error>> {
    let mut compiler = Compiler::new();
    for symbol in ["extension", "filename", "filepath"] {
        compiler.define_symbol(symbol, "");
    }
    compiler.define_symbol("text", false);
    compiler.add_rules_str(source)?;
    let scanner = compiler.finalize();
    let rule = scanner.rules().next().ok_or("no rule")?;
    let (name, keys) = (
        rule.name,
        Keys {
            scanner: &scanner,
            metadata: rule.metadatas,
        },
    );
    let (title, why) = (keys.text("title")?, keys.text("why")?);
    let help = format!(
        "**{title}**\n\n{why}\n\nRead the code at the place shown, and what calls it. If the \
         package does not explain it, do not install the package, and tell its registry."
    );
    let attack: Vec<String> = keys.text("attack")?.split(' ').map(str::to_owned).collect();
    let phase = keys.text("phase").unwrap_or_else(|_| "unknown".into());
    let gate = literals(&keys.bytes("gate").ok_or("lacks `gate`")?);
    let also = literals(&keys.bytes("also").unwrap_or_default());
    let media = keys.find("media").is_some();
    if media && !also.is_empty() {
        return Err("a rule for media can't have `also`".into());
    }
    let text = format!(
        "Bundled {{ name: {name:?}, source: {source:?}, rule: Rule {{ id: {:?}, title: {title:?}, \
         help: {help:?}, category: Category::{}, severity: Severity::{}, attack: &{attack:?} }}, \
         why: {why:?}, confidence: Confidence::{}, phase: Phase::{}, gate: &[{}], also: &[{}], \
         media: {media}, text: {}, anywhere: {}, decode: {} }},\n",
        format!("yara-{}", name.replace('_', "-")),
        variant(&keys.text("category")?),
        variant(&keys.text("severity")?),
        variant(&keys.text("confidence")?),
        variant(&phase),
        spelled(&gate),
        spelled(&also),
        needs_text(source),
        keys.find("anywhere").is_some(),
        keys.find("decode").is_some(),
    );
    Ok(Row {
        name: name.to_owned(),
        text,
        gate: if media { Vec::new() } else { gate },
    })
}

/// The metadata of a rule.
struct Keys<'a> {
    scanner: &'a Scanner,
    metadata: &'a [Metadata],
}

impl Keys<'_> {
    fn find(&self, key: &str) -> Option<MetadataValue> {
        let mut keys = self.metadata.iter();
        keys.find(|one| self.scanner.get_string_symbol(one.name) == key)
            .map(|one| one.value)
    }

    fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        match self.find(key)? {
            MetadataValue::Bytes(symbol) => Some(self.scanner.get_bytes_symbol(symbol).to_vec()),
            _ => None,
        }
    }

    fn text(&self, key: &str) -> Result<String, Box<dyn Error>> {
        let bytes = self
            .bytes(key)
            .ok_or_else(|| format!("lacks the text `{key}`"))?;
        Ok(String::from_utf8(bytes)?)
    }
}

/// Whether the condition of a rule is `text and …`, with no `or` outside of brackets.
fn needs_text(source: &str) -> bool {
    let Some((_, condition)) = source.split_once("condition:") else {
        return false;
    };
    let mut depth = 0;
    let outside: String = condition
        .chars()
        .filter(|character| {
            match character {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        })
        .collect();
    let mut words = outside.split_whitespace();
    words.next() == Some("text") && words.next() == Some("and") && !words.any(|word| word == "or")
}

/// The literals of `a|b`. `\s` stands for each of the bytes that it means in a pattern.
fn literals(alternatives: &[u8]) -> Vec<Vec<u8>> {
    let mut done = Vec::new();
    let mut open: Vec<Vec<u8>> = alternatives
        .split(|byte| *byte == b'|')
        .filter(|literal| !literal.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    while let Some(literal) = open.pop() {
        match literal.windows(2).position(|pair| pair == br"\s") {
            Some(at) => open.extend(b" \t\n\r\x0B\x0C".iter().map(|space| {
                let (before, after) = (&literal[..at], &literal[at + 2..]);
                [before, &[*space], after].concat()
            })),
            None => done.push(literal),
        }
    }
    done.sort();
    done
}

/// Byte strings as Rust spells them.
fn spelled(literals: &[Vec<u8>]) -> String {
    literals
        .iter()
        .map(|literal| format!("b\"{}\", ", literal.escape_ascii()))
        .collect()
}

/// `command-and-control` as Rust spells it.
fn variant(kebab: &str) -> String {
    kebab
        .split('-')
        .filter_map(|word| word.split_at_checked(1))
        .map(|(first, rest)| first.to_ascii_uppercase() + rest)
        .collect()
}
