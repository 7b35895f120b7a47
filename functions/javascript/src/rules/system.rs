//! Deleting what is not the package's, and starting again later.

use packguard_sdk::indicators::{self, Kind as Indicator};
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::Kind;
use crate::context::{Context, hit, when};

/// Deletes the home folder or the system.
pub const DESTRUCTION: Rule = Rule {
    id: "js-destruction",
    title: "Deletes the user's or the system's files",
    help: "The code deletes a home folder, a drive or a system folder, or the user's documents.\n\n\
Do not install the package.",
    category: Category::Impact,
    severity: Severity::High,
    attack: &["T1485"],
};

/// Writes where the system starts programs from.
pub const PERSISTENCE: Rule = Rule {
    id: "js-persistence",
    title: "Writes where programs are started from",
    help: "The code writes into a place from which the system or shell starts programs (cron, services, log-in \
files, autostart folders).\n\nCommand-line tools add their completions there when told to; packages that are \
installed or loaded have no reason to.",
    category: Category::Persistence,
    severity: Severity::Low,
    attack: &["T1547", "T1546.004", "T1053"],
};

/// Folders whose loss hurts, below the home folder.
const PRECIOUS: &[&str] = &["desktop", "documents", "downloads", "pictures", "library"];

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for act in context.of(Kind::Delete) {
        if let Some(path) = act.text.as_deref()
            && !path.is_empty()
            && is_precious(path)
        {
            let phase = context.phase_of(act);
            hits.push(
                hit(&DESTRUCTION, act.span, phase)
                    .title(format!("Deletes {path} {}", when(phase)))
                    .confidence(Confidence::Medium)
                    .why("What is deleted is not the package's."),
            );
        }
    }
    for act in context.of(Kind::Write) {
        let Some(path) = act.text.as_deref() else {
            continue;
        };
        let path = path.replace('\\', "/");
        let place = indicators::scan(&path)
            .into_iter()
            .find(|found| found.kind == Indicator::AutostartPath);
        if let Some(place) = place {
            let phase = context.phase_of(act);
            let severity = match phase {
                Phase::Install => Severity::High,
                Phase::Import => Severity::Medium,
                _ => Severity::Low,
            };
            hits.push(
                hit(&PERSISTENCE, act.span, phase)
                    .title(format!("Writes {} {}", place.text, when(phase)))
                    .severity(severity)
                    .confidence(Confidence::Medium)
                    .why("Programs are started from there without anybody asking."),
            );
        }
    }
}

fn is_precious(path: &str) -> bool {
    if path.is_empty() {
        return false;
    }
    let path = path.replace('\\', "/").to_ascii_lowercase();
    let path = path.trim_end_matches(['/', '*']);
    if matches!(
        path,
        "" | "~" | "c:" | "/home" | "/users" | "/etc" | "/usr" | "/var" | "/root"
    ) {
        return true;
    }
    path.strip_prefix("~/")
        .is_some_and(|below| PRECIOUS.contains(&below))
}

#[cfg(test)]
mod tests {
    use super::is_precious;

    #[test]
    fn home_is_precious_and_caches_are_not() {
        for path in ["/", "~", "~/", "C:\\", "~/Documents", "/home/*"] {
            assert!(is_precious(path), "{path}");
        }
        for path in ["~/.cache/x", "/tmp/x", "dist", "./", "~/.x/documents"] {
            assert!(!is_precious(path), "{path}");
        }
    }
}
