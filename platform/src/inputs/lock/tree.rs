//! TOML and YAML documents with the line of every entry, within [`MAX_NODES`].

use saphyr_parser::{Event, Parser};
use toml::de::{DeTable, DeValue};

use super::collect::Collector;
use super::text::Lines;
use super::{MAX_DEPTH, MAX_NODES, Malformed};

/// A TOML document, or what a syntax error leaves readable of one.
pub(super) struct Toml<'a> {
    /// Where each piece starts in the text, and its content. One piece when all is well.
    pieces: Vec<(usize, DeTable<'a>)>,
}

/// Reads TOML. A syntax error spoils the `[[package]]` block that it stands in: that one
/// is named as skipped, the others are read.
pub(super) fn toml<'a>(
    text: &'a str,
    lines: &Lines<'_>,
    collector: &mut Collector,
) -> Result<Toml<'a>, Malformed> {
    // Each value takes at least one of these, and a tree takes ten times its text.
    let values = text
        .bytes()
        .filter(|byte| matches!(byte, b',' | b'\n' | b'[' | b'{'))
        .count();
    if values > MAX_NODES {
        return Err(Malformed::new(
            None,
            format!("more than {MAX_NODES} values"),
        ));
    }
    let first = match DeTable::parse(text) {
        Ok(table) => {
            return Ok(Toml {
                pieces: vec![(0, table.into_inner())],
            });
        }
        Err(error) => error,
    };
    let mut pieces = Vec::new();
    for (start, block) in blocks(text) {
        match DeTable::parse(block) {
            Ok(table) => pieces.push((start, table.into_inner())),
            Err(error) => {
                let at = start + error.span().map_or(0, |span| span.start);
                let text = rest_of_line(text, at).unwrap_or_default();
                let reason = format!("not TOML, so its entry is not read: {}", error.message());
                collector.skip(Some(lines.at(at)), text, reason);
            }
        }
    }
    if pieces
        .iter()
        .all(|(_, table)| !table.contains_key("package"))
    {
        let line = first.span().map(|span| lines.at(span.start));
        return Err(Malformed::new(line, first.message()));
    }
    Ok(Toml { pieces })
}

/// The text cut before each `[[package]]` header, each part with its offset.
fn blocks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some((0, text));
    std::iter::from_fn(move || {
        let (start, text) = rest?;
        let cut = text
            .match_indices("\n[[package]]")
            .map(|(at, _)| at + 1)
            .next();
        let (block, after) = text.split_at_checked(cut.unwrap_or(text.len()))?;
        rest = cut.map(|cut| (start + cut, after));
        Some((start, block))
    })
}

fn rest_of_line(text: &str, offset: usize) -> Option<&str> {
    let start = text.get(..offset)?.rfind('\n').map_or(0, |at| at + 1);
    text.get(start..)?.lines().next()
}

/// A string member of a TOML table.
pub(super) fn string<'t>(table: &'t DeTable<'_>, key: &str) -> Option<&'t str> {
    table.get(key)?.get_ref().as_str()
}

/// A table member of a TOML table.
pub(super) fn table<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<&'t DeTable<'i>> {
    table.get(key)?.get_ref().as_table()
}

impl<'a> Toml<'a> {
    /// A table member of the document.
    pub(super) fn table(&self, key: &str) -> Option<&DeTable<'a>> {
        self.pieces.iter().find_map(|(_, piece)| table(piece, key))
    }

    /// Calls `each` with every `[[package]]` and its line; what is no table is skipped by name.
    pub(super) fn each_package<'t>(
        &'t self,
        lines: &Lines<'_>,
        collector: &mut Collector,
        mut each: impl FnMut(&'t DeTable<'a>, u32, &mut Collector),
    ) -> Result<(), Malformed> {
        for (start, piece) in &self.pieces {
            let Some(packages) = piece.get("package") else {
                continue;
            };
            let Some(list) = packages.get_ref().as_array() else {
                let line = lines.at(start + packages.span().start);
                return Err(Malformed::new(
                    Some(line),
                    "`package` is not an array of tables",
                ));
            };
            for package in list.iter() {
                let line = lines.at(start + package.span().start);
                match package.get_ref() {
                    DeValue::Table(table) => each(table, line, collector),
                    other => {
                        let reason = "not the table that describes a package";
                        collector.skip(Some(line), other.type_str(), reason);
                    }
                }
            }
        }
        Ok(())
    }
}

/// A YAML value.
#[derive(Debug)]
pub(super) enum Yaml {
    Scalar(String),
    Map(Vec<Member>),
    List(Vec<Yaml>),
    /// A reference to an anchor. Lock files have none, and expanding them is how a small
    /// file becomes a large one.
    Alias,
}

/// A member of a YAML mapping.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) line: u32,
    pub(super) value: Yaml,
}

impl Yaml {
    /// The value of a mapping's member.
    pub(super) fn get(&self, key: &str) -> Option<&Yaml> {
        self.members()
            .iter()
            .find(|member| member.key == key)
            .map(|member| &member.value)
    }

    pub(super) fn members(&self) -> &[Member] {
        match self {
            Self::Map(members) => members,
            _ => &[],
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// A scalar member.
    pub(super) fn string(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }
}

/// What could be read of a YAML stream, and the error that ended it early, if one did.
pub(super) struct YamlDocuments {
    pub(super) documents: Vec<Yaml>,
    pub(super) error: Option<Malformed>,
}

/// Reads YAML. What stands before a syntax error is returned beside the error.
pub(super) fn yaml(text: &str) -> YamlDocuments {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    let error = loop {
        match parser.next_event() {
            None => break None,
            Some(Err(error)) => {
                break Some(Malformed::new(line(error.marker().line()), error.info()));
            }
            Some(Ok((event, span))) => {
                let at = line(span.start.line());
                if let Err(message) = builder.event(event, at.unwrap_or_default()) {
                    break Some(Malformed::new(at, message));
                }
            }
        }
    };
    while !builder.open.is_empty() {
        builder.close();
    }
    YamlDocuments {
        documents: builder.documents,
        error,
    }
}

fn line(line: usize) -> Option<u32> {
    u32::try_from(line).ok()
}

/// A collection that is being read.
struct Open {
    value: Yaml,
    /// In a mapping: the key whose value comes next.
    key: Option<(String, u32)>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    documents: Vec<Yaml>,
    nodes: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, line: u32) -> Result<(), String> {
        match event {
            Event::Scalar(text, ..) => self.leaf(Yaml::Scalar(text.into_owned()), line),
            Event::Alias(_) => self.leaf(Yaml::Alias, line),
            Event::MappingStart(..) => self.start(Yaml::Map(Vec::new())),
            Event::SequenceStart(..) => self.start(Yaml::List(Vec::new())),
            Event::MappingEnd | Event::SequenceEnd => {
                self.close();
                Ok(())
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn count(&mut self) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(format!("more than {MAX_NODES} values"));
        }
        Ok(())
    }

    fn start(&mut self, value: Yaml) -> Result<(), String> {
        self.count()?;
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} deep"));
        }
        if let Some(Open {
            value: Yaml::Map(_),
            key: None,
        }) = self.open.last()
        {
            return Err("a mapping key that is not a string".into());
        }
        self.open.push(Open { value, key: None });
        Ok(())
    }

    fn leaf(&mut self, value: Yaml, line: u32) -> Result<(), String> {
        self.count()?;
        if let Some(Open {
            value: Yaml::Map(_),
            key: key @ None,
        }) = self.open.last_mut()
        {
            let Yaml::Scalar(text) = value else {
                return Err("a mapping key that is not a string".into());
            };
            *key = Some((text, line));
            return Ok(());
        }
        self.place(value);
        Ok(())
    }

    fn close(&mut self) {
        if let Some(done) = self.open.pop() {
            self.place(done.value);
        }
    }

    fn place(&mut self, value: Yaml) {
        let Some(Open { value: parent, key }) = self.open.last_mut() else {
            self.documents.push(value);
            return;
        };
        match parent {
            Yaml::Map(members) => {
                if let Some((key, line)) = key.take() {
                    members.push(Member { key, line, value });
                }
            }
            Yaml::List(list) => list.push(value),
            Yaml::Scalar(_) | Yaml::Alias => {}
        }
    }
}
