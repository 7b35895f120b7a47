//! CycloneDX and SPDX 2 documents. Their digests are not taken over: an SBOM does not say
//! of which file a digest is.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::collect::{Collector, Origin, canonical_purl};
use super::text::Lines;
use super::{MAX_DEPTH, MAX_PACKAGES, Malformed, json};

#[derive(Deserialize)]
struct CycloneDx<'a> {
    #[serde(rename = "specVersion")]
    spec_version: Option<String>,
    #[serde(borrow)]
    components: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Component<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    version: Option<String>,
    purl: Option<String>,
    #[serde(borrow)]
    components: Option<&'a RawValue>,
}

/// `metadata.component` is the thing the SBOM describes, so it is not read.
pub(super) fn parse_cyclonedx(text: &str, collector: &mut Collector) -> Result<(), Malformed> {
    let document: CycloneDx<'_> = json::document(text)?;
    let version = document.spec_version.unwrap_or_default();
    if !version.starts_with("1.") {
        return Err(Malformed::new(None, "its specVersion is not 1.x"));
    }
    let lines = Lines::new(text);
    match document.components {
        Some(list) if !components(list, 1, &lines, collector) => Err(Malformed::new(
            lines.of(list.get()),
            "`components` is not an array",
        )),
        _ => Ok(()),
    }
}

fn components(list: &RawValue, depth: usize, lines: &Lines<'_>, collector: &mut Collector) -> bool {
    json::elements(list, |raw| {
        let line = lines.of(raw.get());
        let Ok(component) = serde_json::from_str::<Component<'_>>(raw.get()) else {
            return collector.skip(line, raw.get(), "cannot be read");
        };
        let name = [component.name.as_deref(), component.version.as_deref()];
        let name = name.into_iter().flatten().collect::<Vec<_>>().join(" ");
        match component.purl.as_deref() {
            Some(purl) => add(purl, line, collector),
            None if is_software(component.kind.as_deref()) => {
                collector.skip(line, &name, "has no package URL");
            }
            None => collector.note(line, &name, "not a package"),
        }
        let Some(inner) = component.components else {
            return;
        };
        if depth >= MAX_DEPTH {
            let reason = format!("its components are nested more than {MAX_DEPTH} deep");
            collector.skip(line, &name, reason);
        } else if !components(inner, depth + 1, lines, collector) {
            collector.skip(line, &name, "its components are not an array");
        }
    })
}

/// Files, devices, data and the like are no packages.
fn is_software(kind: Option<&str>) -> bool {
    matches!(kind, None | Some("library" | "framework" | "application"))
}

#[derive(Deserialize)]
struct Spdx<'a> {
    #[serde(rename = "spdxVersion")]
    version: Option<String>,
    #[serde(rename = "documentDescribes", default)]
    describes: Vec<String>,
    #[serde(borrow)]
    packages: Option<&'a RawValue>,
    #[serde(borrow)]
    relationships: Option<&'a RawValue>,
    /// The export of a code host wraps the document.
    #[serde(borrow)]
    sbom: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SpdxPackage {
    #[serde(rename = "SPDXID")]
    id: Option<String>,
    name: Option<String>,
    #[serde(rename = "versionInfo")]
    version: Option<String>,
    #[serde(rename = "externalRefs", default)]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "referenceType")]
    kind: Option<String>,
    #[serde(rename = "referenceLocator")]
    locator: Option<String>,
}

#[derive(Deserialize)]
struct Relationship {
    #[serde(rename = "relationshipType")]
    kind: Option<String>,
    #[serde(rename = "relatedSpdxElement")]
    related: Option<String>,
}

pub(super) fn parse_spdx(text: &str, collector: &mut Collector) -> Result<(), Malformed> {
    let mut document: Spdx<'_> = json::document(text)?;
    if let Some(inner) = document.sbom {
        document = json::document(inner.get())?;
    }
    if !document
        .version
        .as_deref()
        .unwrap_or_default()
        .starts_with("SPDX-2.")
    {
        return Err(Malformed::new(None, "its spdxVersion is not 2.x"));
    }
    let Some(packages) = document.packages else {
        return Ok(());
    };
    let lines = Lines::new(text);
    let root = described(&document);
    let read = json::elements(packages, |raw| {
        spdx_package(
            raw,
            |id| root.is_none() || id != root.as_deref(),
            &lines,
            collector,
        );
    });
    if !read {
        return Err(Malformed::new(
            lines.of(packages.get()),
            "`packages` is not an array",
        ));
    }
    if root.is_some() && !collector.has_packages() {
        // A document about one published package and nothing else.
        json::elements(packages, |raw| {
            spdx_package(raw, |id| id == root.as_deref(), &lines, collector);
        });
    }
    Ok(())
}

/// The one package that the document is about: the user's own, not a dependency. Some
/// tools describe every package; then none is.
fn described(document: &Spdx<'_>) -> Option<String> {
    let mut ids: BTreeSet<String> = document.describes.iter().take(2).cloned().collect();
    if let Some(relationships) = document.relationships {
        json::elements(relationships, |raw| {
            if ids.len() > 1 {
                return;
            }
            let related = serde_json::from_str::<Relationship>(raw.get())
                .ok()
                .filter(|relationship| relationship.kind.as_deref() == Some("DESCRIBES"))
                .and_then(|relationship| relationship.related);
            ids.extend(related);
        });
    }
    if ids.len() == 1 {
        ids.pop_first()
    } else {
        None
    }
}

fn spdx_package(
    raw: &RawValue,
    wanted: impl Fn(Option<&str>) -> bool,
    lines: &Lines<'_>,
    collector: &mut Collector,
) {
    let line = lines.of(raw.get());
    let Ok(package) = serde_json::from_str::<SpdxPackage>(raw.get()) else {
        return collector.skip(line, raw.get(), "cannot be read");
    };
    if !wanted(package.id.as_deref()) {
        return collector.local();
    }
    let purls = package
        .references
        .iter()
        .filter(|reference| reference.kind.as_deref() == Some("purl"));
    let mut found = false;
    for locator in purls
        .filter_map(|reference| reference.locator.as_deref())
        .take(MAX_PACKAGES)
    {
        found = true;
        add(locator, line, collector);
    }
    if !found {
        let name = [package.name.as_deref(), package.version.as_deref()];
        let name = name.into_iter().flatten().collect::<Vec<_>>().join(" ");
        collector.skip(line, &name, "has no package URL");
    }
}

fn add(purl: &str, line: Option<u32>, collector: &mut Collector) {
    match canonical_purl(purl) {
        Ok(canonical) => {
            collector.add_purl(
                canonical,
                Origin {
                    line,
                    ..Origin::default()
                },
            );
        }
        Err(reason) => collector.skip(line, purl, format!("not a valid package URL: {reason}")),
    }
}
