//! `sdk check`: what a component asks for, and whether it would be admitted.
//!
//! The checks are the runtime's own: [`packguard_runtime::examine`] for what stands in the bytes,
//! and loading for the rest. A platform has a few more, which need it: names, signatures,
//! versions.

use std::path::Path;
use std::time::Instant;

use packguard_platform::functions::rules;
use packguard_platform::output::line;
use packguard_runtime::types::Descriptor;
use packguard_runtime::{Access, CONTRACT_VERSION, Examination, Import, LoadError, World, examine};
use serde::Serialize;

use crate::cli::CheckArgs;
use crate::failure::{Failure, PROJECT};
use crate::lab::{self, Lab};
use crate::project::{Manifest, Project};
use crate::{build, print};

/// What `--json` prints.
#[derive(Serialize)]
pub(super) struct Answer {
    /// Whether nothing speaks against it.
    pub(super) admitted: bool,
    component: String,
    digest: String,
    size: usize,
    contract: Option<String>,
    imports: Vec<Imported>,
    exports: Vec<String>,
    checks: Vec<Item>,
}

#[derive(Serialize)]
struct Imported {
    name: String,
    access: &'static str,
    meaning: &'static str,
}

/// One thing that was checked.
#[derive(Serialize)]
struct Item {
    name: &'static str,
    ok: bool,
    what: String,
}

impl Item {
    fn good(name: &'static str, what: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            what: what.into(),
        }
    }

    fn bad(name: &'static str, what: impl Into<String>) -> Self {
        Self {
            ok: false,
            ..Self::good(name, what)
        }
    }
}

pub(super) async fn run(args: &CheckArgs) -> Result<u8, Failure> {
    // A component of elsewhere has no manifest to agree with.
    let project = match &args.component.component {
        Some(_) => Project::here().ok(),
        None => Some(Project::here()?),
    };
    let path = build::component(project.as_ref(), &args.component).await?;
    let answer = answer(project.as_ref(), &path, lab::read(&path)?).await?;
    if args.json {
        print::json(&answer)?;
    } else {
        print::text(&answer.text())?;
    }
    Ok(if answer.admitted { 0 } else { PROJECT })
}

/// Checks the component in `bytes`, which stands in `path`.
pub(super) async fn answer(
    project: Option<&Project>,
    path: &Path,
    bytes: Vec<u8>,
) -> Result<Answer, Failure> {
    let found = examine(&bytes);
    let mut checks = stands(&found);
    if found.reasons.is_empty() && checks.iter().all(|item| item.ok) {
        let manifest = project.map(|project| &project.manifest);
        checks.extend(runs(bytes, manifest).await?);
    }
    let root = project.map(|project| project.root.as_path());
    let shown = root
        .and_then(|root| path.strip_prefix(root).ok())
        .unwrap_or(path);
    Ok(Answer {
        admitted: checks.iter().all(|item| item.ok),
        component: line(&shown.display().to_string()),
        imports: imported(&found),
        digest: found.digest,
        size: found.size,
        contract: found.contract,
        exports: found.exports,
        checks,
    })
}

/// What stands in the bytes, and what of it speaks against the component.
fn stands(found: &Examination) -> Vec<Item> {
    let refused = |name, wanted: fn(&LoadError) -> bool| {
        let reasons = found.reasons.iter().filter(move |reason| wanted(reason));
        reasons.map(move |reason| Item::bad(name, line(&reason.to_string())))
    };
    let mut items: Vec<Item> = refused("size", |reason| matches!(reason, LoadError::TooLarge(_)))
        .chain(refused("kind", |reason| {
            matches!(
                reason,
                LoadError::Precompiled
                    | LoadError::CoreModule
                    | LoadError::NotWasm
                    | LoadError::Invalid(_)
            )
        }))
        .collect();
    if !items.is_empty() {
        return items;
    }
    items.push(Item::good(
        "size",
        format!(
            "{} of {}",
            print::bytes(found.size as u64),
            print::bytes(found.max_size as u64)
        ),
    ));
    items.push(Item::good("kind", "a component"));
    let mut add = |name, good: String, wanted| {
        let bad: Vec<_> = refused(name, wanted).collect();
        if bad.is_empty() {
            items.push(Item::good(name, good));
        } else {
            items.extend(bad);
        }
    };
    let allowed = |one: &&Import| one.access != Access::Forbidden;
    let allowed = found.imports.iter().filter(allowed).count();
    add(
        "imports",
        format!("{allowed} of {} allowed", found.imports.len()),
        |reason| matches!(reason, LoadError::ForbiddenImport(_)),
    );
    let contract = match &found.contract {
        Some(version) => format!("packguard:analyzer@{}", line(version)),
        None => format!("packguard:analyzer {CONTRACT_VERSION} (it imports nothing of it)"),
    };
    add("contract", contract, |reason| {
        matches!(reason, LoadError::Contract(_))
    });
    let world = match found.world {
        Some(World::Analyzer) => "analyzer: it exports `describe` and `analyze`",
        _ => "",
    };
    add("world", world.into(), |reason| {
        matches!(reason, LoadError::NoWorld)
    });
    if let Some(other @ (World::Unpacker | World::Judge)) = found.world {
        items.pop();
        let failure = lab::wrong_world(other);
        items.push(Item::bad("world", failure.message));
    }
    items
}

/// What only compiling and running it tells.
async fn runs(bytes: Vec<u8>, manifest: Option<&Manifest>) -> Result<Vec<Item>, Failure> {
    let lab = Lab::new().await?;
    let started = Instant::now();
    let component = match lab.runtime.load(bytes).await {
        Ok(component) => component,
        Err(error @ LoadError::Describe(..)) => {
            return Ok(vec![
                Item::good("compiles", "yes"),
                Item::bad("describe", line(&error.to_string())),
            ]);
        }
        Err(error) => return Ok(vec![Item::bad("compiles", line(&error.to_string()))]),
    };
    let time = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let descriptor = component.descriptor();
    let mut items = vec![
        Item::good("compiles", format!("and answers in {}", print::time(time))),
        describes(descriptor),
    ];
    if let Err(refusal) = rules::check(&descriptor.into()) {
        items.push(Item::bad("rules", line(&refusal.message)));
    }
    if let Some(manifest) = manifest {
        items.extend(agrees(descriptor, manifest));
    }
    Ok(items)
}

fn describes(descriptor: &Descriptor) -> Item {
    let rules: Vec<_> = descriptor.rules.iter().map(|rule| line(&rule.id)).collect();
    match rules.len() {
        0 => Item::bad(
            "describe",
            "it lists no rule: an analyzer without one finds nothing",
        ),
        number => Item::good(
            "describe",
            format!(
                "{} {}, {}: {}",
                line(&descriptor.name),
                line(&descriptor.version),
                print::count(number, "rule"),
                rules.join(", ")
            ),
        ),
    }
}

/// Whether `describe` says what the manifest says.
fn agrees(descriptor: &Descriptor, manifest: &Manifest) -> Vec<Item> {
    let version = manifest.version.to_string();
    let of = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        match list.is_empty() {
            true => "all".to_owned(),
            false => list.join(", "),
        }
    };
    let pairs = [
        ("name", manifest.name.clone(), descriptor.name.clone()),
        ("version", version, descriptor.version.clone()),
        (
            "ecosystems",
            of(&manifest.ecosystems),
            of(&descriptor.ecosystems),
        ),
    ];
    let bad: Vec<_> = pairs
        .into_iter()
        .filter(|(_, manifest, describe)| manifest != describe)
        .map(|(what, manifest, describe)| {
            let text = format!(
                "packguard.toml says {what} {manifest}, describe says {}: make them agree",
                line(&describe)
            );
            Item::bad("manifest", text)
        })
        .collect();
    match bad.is_empty() {
        true => vec![Item::good("manifest", "it agrees with describe")],
        false => bad,
    }
}

fn imported(found: &Examination) -> Vec<Imported> {
    let words = |access| match access {
        Access::Allowed => "allowed",
        Access::Useless => "useless",
        Access::Forbidden => "forbidden",
    };
    found
        .imports
        .iter()
        .map(|import| Imported {
            name: line(&import.name),
            access: words(import.access),
            meaning: meaning(&import.name),
        })
        .collect()
}

/// What a guest gets of an interface, in a few words.
fn meaning(name: &str) -> &'static str {
    const MEANINGS: [(&str, &str); 10] = [
        ("packguard:analyzer/types@", "the contract's types"),
        ("packguard:analyzer/log@", "messages to the operator"),
        ("packguard:analyzer/sink@", "for unpackers; of no use here"),
        ("wasi:cli/", "empty environment; output goes to the log"),
        ("wasi:clocks/", "a clock that stands still"),
        ("wasi:filesystem/", "the package, read-only at /package"),
        ("wasi:io/", "streams of the others"),
        ("wasi:random/", "seeded: the same in every run"),
        ("wasi:sockets/", "there, but every call fails"),
        ("wasi:http/", "never there: analyzers have no network"),
    ];
    MEANINGS
        .iter()
        .find(|(prefix, _)| name.starts_with(prefix))
        .map_or("not known here", |(_, meaning)| meaning)
}

impl Answer {
    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}  sha256 {}\n", self.component, self.digest);
        for item in &self.checks {
            let word = if item.ok { "ok" } else { "refused" };
            text += &format!("  {word:<7}  {:<8}  {}\n", item.name, item.what);
        }
        if !self.imports.is_empty() {
            text += "imports:\n";
            let width = self.imports.iter().map(|one| one.name.len()).max();
            let width = width.unwrap_or_default();
            for import in &self.imports {
                let access = import.access;
                text += &format!(
                    "  {access:<9}  {:<width$}  {}\n",
                    import.name, import.meaning
                );
            }
        }
        text += match self.admitted {
            true => "it would be admitted\n",
            false => "it would not be admitted\n",
        };
        text
    }
}
