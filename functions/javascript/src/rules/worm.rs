//! Packages that spread themselves.

use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::Kind;
use crate::context::{Context, hit, when};

/// Publishes packages, pushes workflows.
pub const PROPAGATION: Rule = Rule {
    id: "js-self-propagation",
    title: "Publishes packages or pushes workflows by itself",
    help: "The code does several of what a worm needs: publishes packages, looks for the packages of whoever runs \
it, rewrites their manifests, searches for secrets, pushes workflows.\n\nRelease tools publish when they are told \
to, and do not do the rest.\n\nDo not install the package; if you did, check what was published under your name.",
    category: Category::Impact,
    severity: Severity::High,
    attack: &["T1195.002"],
};

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    workflows(context, hits);
    let publish = context.of(Kind::Spawn).find(|act| {
        act.text.as_deref().is_some_and(|text| {
            let mut words = text.split_whitespace();
            words.any(|word| matches!(word, "npm" | "npm.cmd" | "yarn" | "pnpm"))
                && words.any(|word| word == "publish")
        })
    });
    let mut signs = Vec::new();
    let mut place = publish.map(|act| act.span);
    let mut note = |sign: &'static str, span| {
        if !signs.contains(&sign) {
            signs.push(sign);
        }
        place.get_or_insert(span);
    };
    if let Some(act) = publish {
        note("publishes packages", act.span);
    }
    for (text, span) in &context.facts.texts {
        if let Some(sign) = sign_of(text) {
            note(sign, *span);
        }
    }
    let workflow = context.of(Kind::Write).find(|act| {
        act.text
            .as_deref()
            .is_some_and(|path| path.contains(".github/workflows"))
    });
    if let Some(act) = workflow {
        note("writes workflows", act.span);
    }
    let manifest = context.of(Kind::Write).any(|act| {
        act.text
            .as_deref()
            .is_some_and(|path| path.ends_with("package.json"))
    });
    if let Some(act) = publish
        && manifest
        && names_tokens(context)
    {
        note("takes publishing tokens and rewrites manifests", act.span);
    }
    let Some(span) = place else { return };
    let phase = publish
        .or(workflow)
        .map_or(Phase::Execute, |act| context.phase_of(act));
    let early = publish.is_some() && phase == Phase::Install;
    let named = signs.contains(&"names a known worm");
    if signs.len() >= 2 || early || named {
        let severity = if signs.len() >= 2 && phase == Phase::Execute {
            Severity::Medium
        } else if named && signs.len() == 1 && context.of(Kind::Send).next().is_none() {
            // Scanners name what they look for.
            Severity::Low
        } else {
            Severity::High
        };
        hits.push(
            hit(&PROPAGATION, span, phase)
                .title(format!("{} {}", sentence(&signs), when(phase)))
                .severity(if signs.len() >= 3 {
                    Severity::Critical
                } else {
                    severity
                })
                .confidence(Confidence::Medium)
                .why("Together these spread a package to others."),
        );
    }
}

/// Workflows that are written to send what a repository keeps secret.
fn workflows(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let secret = |text: &str| {
        text.contains("secrets.")
            || text.contains("toJSON(secrets)")
            || text.contains("toJson(secrets)")
    };
    let sends = |text: &str| {
        ["curl ", "wget ", "http://", "https://"]
            .iter()
            .any(|word| text.contains(word))
            // The names may be put in one by one.
            && (secret(text) || context.facts.texts.iter().any(|(text, _)| secret(text)))
    };
    let writer = context.of(Kind::Write).find(|act| {
        let path = act.text.as_deref().unwrap_or_default();
        let data = act.arguments.get(1).and_then(|data| data.known());
        path.contains(".github/workflows") && data.is_some_and(sends)
    });
    if let Some(act) = writer {
        let phase = context.phase_of(act);
        hits.push(
            hit(&PROPAGATION, act.span, phase)
                .title(format!("Writes a workflow that sends a repository's secrets {}", when(phase)))
                .confidence(Confidence::Medium)
                .why("The workflow names secrets and an address; it runs with the repository's rights."),
        );
    }
}

fn names_tokens(context: &Context<'_, '_>) -> bool {
    context.facts.texts.iter().any(|(text, _)| {
        text.contains("_authToken") || *text == "NPM_TOKEN" || text.contains(".npmrc")
    })
}

/// What of a worm's work a text shows.
fn sign_of(text: &str) -> Option<&'static str> {
    const LONGEST: usize = 20_000;
    const SHORTEST: usize = "trufflehog".len();
    if !(SHORTEST..=LONGEST).contains(&text.len()) {
        return None;
    }
    // Most texts lack these letters; a look for one is cheaper than for a word.
    let has = |byte| memchr::memchr(byte, text.as_bytes()).is_some();
    if has(b'?')
        && (text.contains("search?text=maintainer:") || text.contains("/-/v1/search?text="))
    {
        return Some("looks for a maintainer's packages");
    }
    if has(b'f') && text.contains("trufflehog") {
        return Some("searches for secrets");
    }
    let named = has(b'-') && (text.contains("shai-hulud") || text.contains("Shai-Hulud"));
    named.then_some("names a known worm")
}

fn sentence(signs: &[&str]) -> String {
    let joined = signs.join(", ");
    let mut letters = joined.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => joined,
    }
}
