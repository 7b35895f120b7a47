//! Shells that somebody else drives.

use packguard_sdk::{Category, Confidence, Rule, Severity};

use super::{Context, hit_at};
use crate::names::Role;
use crate::value::Taint;

/// A shell tied to a socket.
pub const REVERSE_SHELL: Rule = Rule::new(
    "python-reverse-shell",
    "Gives a shell to a remote machine",
    "Found when a socket becomes the input or output of a process, or when what a socket receives \
     is run as a command.\n\nWhoever sits at the other end controls the machine.\n\nDo not install.",
    Category::CommandAndControl,
    Severity::Critical,
    &["T1059", "T1071"],
);

pub(super) fn check(context: &mut Context<'_, '_>) {
    let spawns = |call: &crate::facts::Call<'_>| {
        matches!(call.role, Some(Role::Shell | Role::Spawn | Role::Exec))
    };
    let starts_process = context.facts.calls.iter().any(spawns);
    for call in &context.facts.calls {
        let tied = match call.role {
            Some(Role::Dup) => starts_process && call.payload_taint().has(Taint::SOCKET),
            Some(Role::Spawn) => ["stdin", "stdout", "stderr"].iter().any(|name| {
                call.keyword(name)
                    .is_some_and(|value| value.taint.has(Taint::SOCKET))
            }),
            _ => false,
        };
        let piped = call.callee.starts_with("subprocess.Popen().stdin.write")
            && call.payload_taint().has(Taint::SOCKET);
        let tied = tied || piped;
        let ordered = matches!(call.role, Some(Role::Shell | Role::Spawn))
            && call
                .arg(0, "args")
                .is_some_and(|command| command.taint.has(Taint::COMMANDED) && runs_all(command));
        let driven = matches!(call.role, Some(Role::Shell | Role::Spawn))
            && call.arg(0, "args").is_some_and(|command| {
                command.taint.has(Taint::SOCKET) && command.taint.has(Taint::DOWNLOADED)
            });
        if tied {
            context.hit(
                hit_at(&REVERSE_SHELL, call)
                    .title("Ties a process to a socket: a reverse shell")
                    .why("Whoever is at the other end of the connection types into this shell."),
            );
        } else if ordered {
            context.hit(
                hit_at(&REVERSE_SHELL, call)
                    .title("Runs commands that a chat bot receives")
                    .severity(Severity::High)
                    .why("Whoever writes to the bot runs commands on this machine."),
            );
        } else if driven {
            context.hit(
                hit_at(&REVERSE_SHELL, call)
                    .title("Runs commands that it receives from a socket")
                    .confidence(Confidence::Medium)
                    .severity(super::by_phase(
                        call.phase,
                        Severity::Critical,
                        Severity::High,
                    ))
                    .why("Whoever is at the other end of the connection runs commands here."),
            );
        }
    }
}

/// Whether the whole command came from elsewhere, not one argument of it.
fn runs_all(command: &crate::value::Value<'_>) -> bool {
    match command.as_str() {
        Some(text) => text.starts_with('?'),
        None => command.as_list().is_none(),
    }
}
