//! Code that hides what it does.

use packguard_sdk::indicators::{self, Kind};
use packguard_sdk::{Category, Confidence, Hit, Rule, Severity};

use super::{Context, by_phase, hit_at, when};
use crate::names::Role;
use crate::value::{Taint, Value};

/// Obfuscated code or strings.
pub const OBFUSCATED: Rule = Rule::new(
    "python-obfuscated",
    "The code is obfuscated",
    "Found when strings that name hosts, files or commands are encoded, when names are mangled, \
     when identifiers use look-alike letters, or when the file needs an obfuscator's run-time \
     library (PyArmor).\n\nOpen-source packages have no reason to hide.\n\nRead what the decoded \
     layers say; prefer another package.",
    Category::DefenseEvasion,
    Severity::Medium,
    &["T1027"],
);

/// Reaching a dangerous function through built strings.
pub const REFLECTION: Rule = Rule::new(
    "python-reflection",
    "Reaches a function that runs code through a string put together at run time",
    "Found for `getattr(os, 'sys' + 'tem')`, `__import__('b' + 'ase64')`, \
     `globals()['ex' + 'ec']`.\n\nSplitting a name serves to keep it from being found.\n\nLook at \
     what is called.",
    Category::DefenseEvasion,
    Severity::Medium,
    &["T1027.010"],
);

pub(super) fn check(context: &mut Context<'_, '_>) {
    for call in &context.facts.calls {
        let dangerous = matches!(
            call.role,
            Some(
                Role::Exec
                    | Role::Shell
                    | Role::Spawn
                    | Role::OpenFile
                    | Role::Decode(_)
                    | Role::Marshal
                    | Role::Fetch
                    | Role::Send
            )
        );
        if dangerous && call.callee_taint.has(Taint::REFLECTED) {
            context.hit(
                hit_at(&REFLECTION, call)
                    .title(format!(
                        "Reaches `{}` through a string put together at run time",
                        call.callee
                    ))
                    .severity(by_phase(call.phase, Severity::High, Severity::Medium))
                    .why(format!(
                        "The name is hidden from the reader; it runs {}.",
                        when(call.phase)
                    )),
            );
        }
        if &*call.callee == "__pyarmor__" || call.callee.ends_with(".__pyarmor__") {
            context.hit(pyarmor(call.range.clone(), call.phase, Severity::High));
        }
        for value in call
            .args
            .iter()
            .chain(call.keywords.iter().map(|(_, value)| value))
        {
            hidden_text(context, call, value);
        }
    }
    for (path, range) in &context.facts.imports {
        let armored = path
            .split('.')
            .any(|part| part.starts_with("pyarmor_runtime") || part == "pytransform");
        if armored {
            context.found.hits.push(pyarmor(
                range.clone(),
                packguard_sdk::Phase::Import,
                Severity::Medium,
            ));
        }
    }
}

fn pyarmor(range: std::ops::Range<usize>, phase: packguard_sdk::Phase, severity: Severity) -> Hit {
    Hit::new(&OBFUSCATED, range, phase)
        .title("The code is encrypted with PyArmor")
        .severity(severity)
        .why("What the package does can't be read.")
}

/// A decoded constant that names what attackers name.
fn hidden_text(context: &mut Context<'_, '_>, call: &crate::facts::Call<'_>, value: &Value<'_>) {
    if !value.taint.has(Taint::DECODED | Taint::CHARACTER_CODES) || value.taint.has(Taint::PARTIAL)
    {
        return;
    }
    let Some(text) = value.to_text().filter(|text| text.len() <= 8_192) else {
        return;
    };
    let what = indicators::scan(&text)
        .into_iter()
        .find_map(|found| match found.kind {
            Kind::CredentialPath => Some(format!("a credential file, {}", found.text)),
            Kind::AutostartPath => Some(format!("an autostart place, {}", found.text)),
            Kind::SecretVariable => None,
            _ => Some(format!("the host {}", found.text)),
        });
    let what = what.or_else(|| {
        matches!(
            call.role,
            Some(Role::Shell | Role::Spawn | Role::Fetch | Role::FetchToFile | Role::Send)
        )
        .then(|| "what a command or request is given".to_owned())
    });
    let Some(what) = what else { return };
    context.hit(
        hit_at(&OBFUSCATED, call)
            .title(format!("An encoded string hides {what}"))
            .severity(by_phase(call.phase, Severity::High, Severity::Medium))
            .confidence(Confidence::High)
            .layers(value.layers().map_or(&[], |layers| layers))
            .why(format!(
                "It is used {}, and can't be read in the file.",
                when(call.phase)
            )),
    );
}
