//! JSON walked member by member: no tree is built, so memory stays at the size of the text,
//! and one member of the wrong shape does not spoil its neighbours.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Kind, Malformed};

/// What kind of list a JSON document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniffed {
    /// One that is read.
    Kind(Kind),
    /// An SBOM in a version that is not read.
    UnsupportedSbom,
    /// No list of packages, or no JSON.
    Other,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Marks<'a> {
    #[serde(rename = "bomFormat", borrow)]
    bom_format: Option<Cow<'a, str>>,
    #[serde(rename = "spdxVersion", borrow)]
    spdx_version: Option<Cow<'a, str>>,
    #[serde(rename = "lockfileVersion")]
    lockfile_version: Option<IgnoredAny>,
    packages: Option<IgnoredAny>,
    dependencies: Option<IgnoredAny>,
    #[serde(rename = "@graph")]
    graph: Option<IgnoredAny>,
    #[serde(borrow)]
    sbom: Option<&'a RawValue>,
}

/// Tells SBOMs and npm lock files by their top-level members, whatever the file is called.
pub fn sniff_json(bytes: &[u8]) -> Sniffed {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(mut marks) = serde_json::from_slice::<Marks<'_>>(bytes) else {
        return Sniffed::Other;
    };
    if let Some(inner) = marks.sbom {
        marks = serde_json::from_str(inner.get()).unwrap_or_default();
    }
    if marks.bom_format.as_deref() == Some("CycloneDX") {
        return Sniffed::Kind(Kind::CycloneDx);
    }
    match marks.spdx_version.as_deref() {
        Some(version) if version.starts_with("SPDX-2.") => return Sniffed::Kind(Kind::Spdx),
        Some(_) => return Sniffed::UnsupportedSbom,
        None => {}
    }
    let listing = marks.packages.is_some() || marks.dependencies.is_some();
    if marks.lockfile_version.is_some() && listing {
        return Sniffed::Kind(Kind::PackageLock);
    }
    if marks.graph.is_some() {
        Sniffed::UnsupportedSbom
    } else {
        Sniffed::Other
    }
}

/// Reads a whole document.
pub(super) fn document<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Malformed> {
    serde_json::from_str(text).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> Malformed {
    let line = u32::try_from(error.line()).ok().filter(|line| *line > 0);
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(what, _)| what);
    Malformed::new(line, message)
}

/// Calls `each` with every member of an object, in order; false when it is no object.
pub(super) fn members<'a>(raw: &'a RawValue, each: impl FnMut(&str, &'a RawValue)) -> bool {
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    Members(each).deserialize(&mut deserializer).is_ok()
}

/// Calls `each` with every element of an array, in order; false when it is no array.
pub(super) fn elements<'a>(raw: &'a RawValue, each: impl FnMut(&'a RawValue)) -> bool {
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    Elements(each).deserialize(&mut deserializer).is_ok()
}

struct Members<F>(F);

impl<'de, F: FnMut(&str, &'de RawValue)> DeserializeSeed<'de> for Members<F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&str, &'de RawValue)> Visitor<'de> for Members<F> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            (self.0)(&key, value);
        }
        Ok(())
    }
}

struct Elements<F>(F);

impl<'de, F: FnMut(&'de RawValue)> DeserializeSeed<'de> for Elements<F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Elements<F> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element::<&'de RawValue>()? {
            (self.0)(value);
        }
        Ok(())
    }
}
