//! TOML and YAML documents with the line of every entry, within [`MAX_NODES`].

use saphyr_parser::{Event, Parser};
use toml::de::{DeTable, DeValue};

use super::collect::Collector;
use super::text::Lines;
use super::{MAX_DEPTH, MAX_NODES, Malformed};

/// Reads TOML. What a syntax error leaves readable is still returned, the errors are
/// named as skipped; the caller finds out whether anything of use is left.
pub(super) fn toml<'a>(
    text: &'a str,
    lines: &Lines<'_>,
    collector: &mut Collector,
) -> Result<DeTable<'a>, Malformed> {
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
    let (table, errors) = DeTable::parse_recoverable(text);
    let table = table.into_inner();
    let line = |error: &toml::de::Error| error.span().map(|span| lines.at(span.start));
    if let Some(first) = errors.first()
        && !table.contains_key("package")
    {
        return Err(Malformed::new(line(first), first.message()));
    }
    for error in &errors {
        let text = error
            .span()
            .and_then(|span| rest_of_line(text, span.start))
            .unwrap_or_default();
        collector.skip(line(error), text, format!("not TOML: {}", error.message()));
    }
    Ok(table)
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

/// The tables of an array of tables, each with its line; what is no table is skipped by name.
pub(super) fn each_package<'t, 'i>(
    document: &'t DeTable<'i>,
    lines: &Lines<'_>,
    collector: &mut Collector,
    mut each: impl FnMut(&'t DeTable<'i>, u32, &mut Collector),
) -> Result<(), Malformed> {
    let Some(packages) = document.get("package") else {
        return Ok(());
    };
    let Some(list) = packages.get_ref().as_array() else {
        let line = lines.at(packages.span().start);
        return Err(Malformed::new(
            Some(line),
            "`package` is not an array of tables",
        ));
    };
    for package in list.iter() {
        let line = lines.at(package.span().start);
        match package.get_ref() {
            DeValue::Table(table) => each(table, line, collector),
            other => collector.skip(
                Some(line),
                other.type_str(),
                "not the table that describes a package",
            ),
        }
    }
    Ok(())
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
