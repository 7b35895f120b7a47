//! Texts of manifests and scripts.

use serde_json::Value;

use crate::origin::Own;

/// What a manifest says belongs to the package.
pub(super) fn own_names(manifest: &Value, own: &mut Own) {
    if let Some(name) = manifest.get("name").and_then(Value::as_str) {
        own.add_name(name);
    }
    if let Some(url) = manifest.get("homepage").and_then(Value::as_str) {
        own.add_url(url);
    }
    let repository = manifest.get("repository");
    let url = repository
        .and_then(Value::as_str)
        .or_else(|| repository?.get("url")?.as_str());
    if let Some(url) = url {
        own.add_url(url);
    }
}

/// All texts in a JSON value, to a bounded depth.
pub(super) fn texts<'v>(value: &'v Value, out: &mut Vec<&'v str>, depth: usize) {
    match value {
        Value::String(text) if out.len() < 2_000 => out.push(text),
        Value::Array(items) if depth < 8 => {
            for item in items {
                texts(item, out, depth + 1);
            }
        }
        Value::Object(members) if depth < 8 => {
            for member in members.values() {
                texts(member, out, depth + 1);
            }
        }
        _ => {}
    }
}

/// Texts that begin like a relative path, or end like a script: what a file loads or
/// starts.
pub(super) fn relative_paths(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    memchr::memchr3_iter(b'\'', b'"', b'`', bytes).filter_map(move |at| {
        let rest = bytes.get(at + 1..(at + 260).min(bytes.len()))?;
        let length = memchr::memchr(bytes[at], rest)?;
        let path = text.get(at + 1..at + 1 + length)?;
        let relative =
            path.starts_with("./") || path.starts_with("../") || matches!(path, "." | "..");
        let script = [".js", ".cjs", ".mjs"]
            .iter()
            .any(|end| path.ends_with(end));
        (relative || script).then_some(path)
    })
}
