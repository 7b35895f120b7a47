//! What stays on the machine, and what is taken from it.

use packguard_sdk::{Category, Rule, Severity};

use super::{Context, by_phase, hit_at, when};
use crate::facts::Call;
use crate::names::Role;
use crate::value::{Taint, Value};

/// Starts again by itself.
pub const PERSISTENCE: Rule = Rule::new(
    "python-persistence",
    "Makes itself start again",
    "Found when code writes autostart folders, shell profiles, crontabs, services or registry Run \
     keys.\n\nInstallers of command-line tools may do so when asked; a package that does it by \
     itself wants to stay.\n\nLook at what is written.",
    Category::Persistence,
    Severity::High,
    &["T1547", "T1053", "T1546.004"],
);

/// Deletes the user's files.
pub const DESTRUCTION: Rule = Rule::new(
    "python-destruction",
    "Deletes what is not the package's",
    "Found when code deletes a home folder, a drive or the whole file system.\n\nDo not install.",
    Category::Impact,
    Severity::High,
    &["T1485"],
);

/// The user's files made unreadable.
pub const RANSOM: Rule = Rule::new(
    "python-ransom",
    "Encrypts the user's files",
    "Found when what a cipher encrypts is written over the files below a home folder or a \
     drive.\n\nDo not install.",
    Category::Impact,
    Severity::High,
    &["T1486"],
);

pub(super) fn check(context: &mut Context<'_, '_>) {
    let run_key = context
        .facts
        .calls
        .iter()
        .flat_map(|call| &call.args)
        .any(|arg| {
            arg.as_str()
                .is_some_and(|text| text.to_ascii_lowercase().contains("currentversion\\run"))
        });
    for call in &context.facts.calls {
        let target = match call.role {
            Some(Role::Open) if writes(call) => call.args.first(),
            Some(Role::CopyFile) => call.args.get(1),
            None if matches!(&*call.callee, "?.write_text" | "?.write_bytes") => {
                Some(&call.receiver)
            }
            _ => None,
        };
        let persists = target.is_some_and(|path| path.taint.has(Taint::AUTOSTART_PATH))
            || (call.role == Some(Role::Registry) && run_key)
            || &*call.callee == "crontab.CronTab().write";
        if persists {
            context.hit(
                hit_at(&PERSISTENCE, call)
                    .title("Writes a place that programs are started from")
                    .severity(by_phase(call.phase, Severity::High, Severity::Low))
                    .why(format!("It does so {}.", when(call.phase))),
            );
        }
        let wide = call
            .args
            .first()
            .is_some_and(|path| path.taint.has(Taint::WIDE));
        if matches!(call.role, Some(Role::DeleteFile | Role::DeleteTree)) && wide {
            context.hit(
                hit_at(&DESTRUCTION, call)
                    .title("Deletes the files of a home folder or a drive")
                    .severity(by_phase(call.phase, Severity::Critical, Severity::Medium))
                    .why(format!("It does so {}.", when(call.phase))),
            );
        }
        if call.name() == "write" && call.payload_taint().has(Taint::ENCRYPTED) {
            let opens_wide = context.facts.calls.iter().any(|call| {
                call.role == Some(Role::Open)
                    && writes(call)
                    && call
                        .args
                        .first()
                        .is_some_and(|path| path.taint.has(Taint::WIDE))
            });
            if opens_wide {
                context.hit(
                    hit_at(&RANSOM, call)
                        .severity(by_phase(call.phase, Severity::Critical, Severity::High))
                        .why(format!("It does so {}.", when(call.phase))),
                );
            }
        }
        if call.role == Some(Role::DeleteTree) && call.args.first().is_some_and(is_everything) {
            context.hit(
                hit_at(&DESTRUCTION, call)
                    .title("Deletes a home folder or the whole file system")
                    .severity(by_phase(call.phase, Severity::Critical, Severity::High))
                    .why(format!("It does so {}.", when(call.phase))),
            );
        }
    }
}

fn writes(call: &Call<'_>) -> bool {
    call.arg(1, "mode")
        .and_then(Value::as_str)
        .is_some_and(|mode| mode.contains(['w', 'a', 'x', '+']))
}

/// `/`, `~`, `C:\`.
fn is_everything(path: &Value<'_>) -> bool {
    let Some(text) = path.as_str() else {
        return false;
    };
    let text = text.trim_end_matches(['*', '/', '\\']);
    matches!(
        text.to_ascii_lowercase().as_str(),
        "" | "~"
            | "c:"
            | "d:"
            | "/home"
            | "/etc"
            | "/usr"
            | "/var"
            | "/root"
            | "c:/windows"
            | "c:\\windows"
            | "~/documents"
            | "~/desktop"
    )
}
