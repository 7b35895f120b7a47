//! pip's `requirements.txt`.
//!
//! Read by hand, not with a PEP 508 crate: only name, pin and digests matter here, while
//! those crates build marker trees by unbounded recursion.

use super::collect::{Collector, Ecosystem, Origin};
use super::hashes::Hashes;

/// One line after continuation lines were joined and the comment was taken off.
struct Logical {
    line: u32,
    text: String,
}

pub(super) fn parse(text: &str, collector: &mut Collector) {
    for logical in logical_lines(text) {
        let text = logical.text.trim();
        if text.is_empty() {
            continue;
        }
        if text.starts_with('-') {
            option(text, logical.line, collector);
        } else {
            requirement(text, logical.line, collector);
        }
    }
}

/// Joins lines that end in a backslash. A comment line ends what it interrupts, as in pip.
fn logical_lines(text: &str) -> impl Iterator<Item = Logical> {
    let mut lines = (1_u32..).zip(text.lines());
    std::iter::from_fn(move || {
        let (number, first) = lines.next()?;
        let mut logical = Logical {
            line: number,
            text: String::new(),
        };
        let mut next = Some(first);
        while let Some(line) = next {
            let comment = line.trim_start().starts_with('#');
            match line.strip_suffix('\\').filter(|_| !comment) {
                Some(part) => {
                    logical.text.push_str(part);
                    logical.text.push(' ');
                    next = lines.next().map(|(_, line)| line);
                }
                None => {
                    logical.text.push_str(without_comment(line));
                    next = None;
                }
            }
        }
        Some(logical)
    })
}

/// A `#` starts a comment at the start of a line and after a blank.
fn without_comment(line: &str) -> &str {
    let start = line.match_indices('#').map(|(at, _)| at).find(|at| {
        line.get(..*at)
            .is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']))
    });
    line.get(..start.unwrap_or(line.len())).unwrap_or_default()
}

/// A line that starts with a dash.
fn option(text: &str, line: u32, collector: &mut Collector) {
    let at = text.find([' ', '\t', '=']).unwrap_or(text.len());
    let (mut name, mut value) = text.split_at_checked(at).unwrap_or((text, ""));
    // `-rother.txt` is `-r other.txt`.
    if !name.starts_with("--")
        && let Some((short, rest)) = name
            .split_at_checked(2)
            .filter(|(_, rest)| !rest.is_empty())
    {
        name = short;
        value = text
            .get(2..)
            .filter(|_| !rest.is_empty())
            .unwrap_or_default();
    }
    let value = value
        .trim_start_matches([' ', '\t', '='])
        .trim()
        .trim_matches(['"', '\'']);
    match name {
        "-r" | "--requirement" if !value.is_empty() => collector.include(line, value),
        "-e" | "--editable" => {
            collector.skip(Some(line), text, "an editable install of source code");
        }
        "-c" | "--constraint" => {
            collector.note(Some(line), text, "constraints are not followed");
        }
        "-i" | "--index-url" | "--extra-index-url" | "-f" | "--find-links" | "--no-index"
        | "--trusted-host" => {
            collector.note(
                Some(line),
                text,
                "not followed: registries are set by --registry or pip's settings",
            );
        }
        "--no-binary" | "--only-binary" | "--prefer-binary" | "--require-hashes" | "--pre"
        | "--use-feature" => collector.note(Some(line), text, "has no bearing on the analysis"),
        _ => collector.skip(Some(line), text, "an unknown option"),
    }
}

/// `name[extras] specifiers ; marker --hash=…`
fn requirement(text: &str, line: u32, collector: &mut Collector) {
    let (spec, options) = split_options(text);
    let skip = |collector: &mut Collector, reason: &str| collector.skip(Some(line), text, reason);
    if spec.contains("${") {
        return skip(collector, "holds an environment variable");
    }
    let body = spec.split(';').next().unwrap_or_default().trim();
    if let Some(reason) = not_from_index(body) {
        return skip(collector, reason);
    }
    let end = body
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')))
        .unwrap_or(body.len());
    let (name, rest) = body.split_at_checked(end).unwrap_or((body, ""));
    let Some(specifiers) = without_extras(rest.trim()) else {
        return skip(collector, "its extras are not closed");
    };
    let pin = match pinned(specifiers) {
        Ok(pin) => pin,
        Err(reason) => return skip(collector, reason),
    };
    let mut hashes = Hashes::default();
    read_hashes(options, &mut hashes);
    let requirement = if pin.is_none() { Some(body) } else { None };
    let origin = Origin {
        line: Some(line),
        requirement,
        hashes,
        ..Origin::default()
    };
    collector.add(Ecosystem::Pypi, name, pin, origin);
}

/// Options follow the requirement, from the first word that starts with a dash.
fn split_options(text: &str) -> (&str, &str) {
    let at = text.match_indices('-').map(|(at, _)| at).find(|at| {
        text.get(..*at)
            .is_some_and(|before| before.ends_with([' ', '\t']))
    });
    text.split_at_checked(at.unwrap_or(text.len()))
        .unwrap_or((text, ""))
}

/// Why a requirement is none of an index, if it is none.
fn not_from_index(body: &str) -> Option<&'static str> {
    // `name @ address`, and `name@address`.
    let named = body
        .split_once('@')
        .filter(|(before, _)| !before.contains([':', '/']));
    let address = named.map_or(body, |(_, after)| after.trim());
    if ["git+", "hg+", "svn+", "bzr+"]
        .iter()
        .any(|scheme| address.starts_with(scheme))
    {
        return Some("from a repository, not from an index");
    }
    if address.contains("://") || address.starts_with("file:") {
        return Some("from a URL, not from an index");
    }
    if named.is_some() {
        return Some("not a requirement: a version is pinned by `==`");
    }
    let path = body.contains(['/', '\\']) || body.starts_with('.');
    let archive = [".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz"];
    let archive = archive
        .iter()
        .any(|ending| body.to_ascii_lowercase().ends_with(ending));
    (path || archive).then_some("a local path, not from an index")
}

/// What follows `[extras]`; none when the bracket stays open.
fn without_extras(rest: &str) -> Option<&str> {
    match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']').map(|(_, rest)| rest.trim()),
        None => Some(rest),
    }
}

/// The exact version among specifiers such as `>=1,==1.5`; none when there is no exact one.
fn pinned(specifiers: &str) -> Result<Option<&str>, &'static str> {
    let inner = specifiers
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'));
    let mut pin = None;
    for specifier in inner.unwrap_or(specifiers).split(',').map(str::trim) {
        if specifier.is_empty() {
            continue;
        }
        let end = specifier
            .find(|c| !"=<>!~".contains(c))
            .unwrap_or(specifier.len());
        let (operator, version) = specifier.split_at_checked(end).unwrap_or((specifier, ""));
        let version = version.trim();
        if !matches!(
            operator,
            "==" | "===" | "~=" | "!=" | "<=" | ">=" | "<" | ">"
        ) {
            return Err("not a requirement");
        }
        if version.is_empty() || version.contains([' ', '\t']) {
            return Err("has a specifier without a version");
        }
        let exact = operator.starts_with("==") && !version.ends_with(".*");
        match pin {
            Some(other) if exact && other != version => return Err("pins two versions"),
            _ if exact => pin = Some(version),
            _ => {}
        }
    }
    Ok(pin)
}

/// `--hash=sha256:…` and `--hash sha256:…`; other options don't matter here.
fn read_hashes(options: &str, hashes: &mut Hashes) {
    let mut words = options.split_ascii_whitespace();
    while let Some(word) = words.next() {
        match word.strip_prefix("--hash") {
            Some("") => hashes.prefixed(words.next().unwrap_or_default()),
            Some(value) => hashes.prefixed(value.trim_start_matches('=')),
            None => {}
        }
    }
}
