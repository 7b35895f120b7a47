//! What a deploy tells: the version, and what it changes of the one before.

use std::cmp::Ordering;

use packguard_platform::output::line;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Candidate, Published};
use crate::failure::Failure;
use crate::print;
use crate::server::Server;
use crate::server::answers::{Measures, Moved, Version};

/// The server's answer to a deploy.
#[derive(Deserialize)]
struct Deployed {
    version: Version,
    changes: Option<Changes>,
}

#[derive(Deserialize)]
struct Changes {
    since: String,
    capabilities: Difference,
    rules: Difference,
    size_bytes_before: u64,
    measures_before: Measures,
}

#[derive(Deserialize)]
struct Difference {
    added: Vec<String>,
    removed: Vec<String>,
}

/// For programs.
pub(super) fn json(name: &str, published: &Published, moved: Option<&Value>) -> Value {
    let (version, changes, existed) = match published {
        Published::New(data) => (&data["version"], &data["changes"], false),
        Published::Same(version) => (version, &Value::Null, true),
    };
    json!({
        "name": name, "version": version, "changes": changes, "existed": existed, "alias": moved,
    })
}

/// For people.
pub(super) fn text(
    server: &Server,
    candidate: &Candidate,
    published: &Published,
    moved: Option<&Value>,
) -> Result<String, Failure> {
    let (name, number) = (&candidate.name, &candidate.version);
    let mut text = match published {
        Published::New(_) => {
            let deployed: Deployed = server.read(published.data())?;
            let head = head(name, &deployed.version, "published");
            head + &changes(&deployed)
        }
        Published::Same(_) => {
            let version = server.read(published.data())?;
            head(name, &version, "is there already, the very same")
        }
    };
    match moved {
        Some(moved) => text += &server.read::<Moved>(moved)?.text(),
        None => text += "no alias names it by this deploy\n",
    }
    let stable = moved.is_some_and(|moved| moved["alias"] == "stable");
    if !stable {
        text += &format!("next: sdk promote {name}@{number}\n");
    }
    Ok(text)
}

fn head(name: &str, version: &Version, what: &str) -> String {
    let (number, publisher) = (line(&version.version), line(&version.publisher));
    let signed = version.signed();
    let digest = line(&version.sha256);
    format!(
        "{} {number} {what} (by {publisher}, {signed})\n  sha256   {digest}\n",
        line(name)
    )
}

fn changes(deployed: &Deployed) -> String {
    let (version, mut text) = (&deployed.version, String::new());
    let mut add = |name: &str, what: String| text += &format!("  {name:<7}  {what}\n");
    let size = print::bytes(version.size_bytes);
    let Some(changes) = &deployed.changes else {
        add("size", size);
        add(
            "rules",
            print::count(version.descriptor.rules.len(), "rule"),
        );
        add("speed", version.measures.text());
        add("since", "it is the first version".into());
        return text;
    };
    add("since", line(&changes.since));
    add("imports", changes.capabilities.text());
    add("rules", changes.rules.text());
    let before = print::bytes(changes.size_bytes_before);
    add(
        "size",
        match version.size_bytes.cmp(&changes.size_bytes_before) {
            Ordering::Equal => format!("{size}, as before"),
            _ => format!("{size} (before: {before})"),
        },
    );
    add("speed", version.measures.text());
    add("before", changes.measures_before.text());
    text
}

impl Difference {
    fn text(&self) -> String {
        let added = self.added.iter().map(|one| format!("+ {}", line(one)));
        let removed = self.removed.iter().map(|one| format!("- {}", line(one)));
        let all: Vec<_> = added.chain(removed).collect();
        match all.is_empty() {
            true => "as before".into(),
            false => all.join(", "),
        }
    }
}
