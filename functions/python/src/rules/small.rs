//! More of what stands together in one small file: executable memory, shells' start files,
//! encoded commands.

use packguard_sdk::{Confidence, Hit, Phase, Severity};

use super::destruction::PERSISTENCE;
use super::native::SHELLCODE;
use super::shell::{DECODE_RUN, command_line};
use super::together::{File, by_itself, is_write};
use super::{Context, hit_at, when};
use crate::names::Role;

pub(super) fn check(context: &Context<'_, '_>, file: &File<'_>) -> Vec<Hit> {
    [
        memory(context, file),
        unnamed_file(context, file),
        start_files(context, file),
        git_hooks(context),
        encoded_command(context, file),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Executable memory, bytes copied there, and a way to jump to them.
fn memory(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    let makes = file.holds_any(&[
        "VirtualAlloc",
        "VirtualProtect",
        "NtAllocateVirtualMemory",
        "PROT_EXEC",
        "mprotect",
        "HeapCreate",
    ]);
    let copies = file.holds_any(&[
        "memmove",
        "RtlMoveMemory",
        "WriteProcessMemory",
        "RtlCopyMemory",
        ".write(",
    ]);
    let jumps = file.holds_any(&[
        "CreateThread",
        "CreateRemoteThread",
        "CFUNCTYPE",
        "WINFUNCTYPE",
        "QueueUserAPC",
        "EnumSystemLocales",
        "EnumWindows",
        "CreateFiber",
        "PYFUNCTYPE",
    ]);
    if !makes || !copies || !jumps || !file.holds("ctypes") {
        return None;
    }
    // Tables of the functions of a library call none of them.
    let call = by_itself(context).find(|call| {
        let name = call.name();
        call.role == Some(Role::Native)
            && (name.starts_with("Virtual")
                || name.starts_with("Create")
                || [
                    "CFUNCTYPE",
                    "WINFUNCTYPE",
                    "memmove",
                    "RtlMoveMemory",
                    "mprotect",
                ]
                .contains(&name))
    })?;
    Some(
        hit_at(&SHELLCODE, call)
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why(format!(
                "Executable memory is made, filled and run {}.",
                when(call.phase)
            )),
    )
}

/// A file without a name, in memory, that is run.
fn unnamed_file(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    let runs = file.holds_any(&["/proc/self/fd", "/proc/%", "fexecve", "os.exec", "Popen"]);
    if !file.holds("memfd_create") || !runs {
        return None;
    }
    let starts = |call: &&crate::facts::Call<'_>| {
        matches!(call.role, Some(Role::Spawn | Role::Shell | Role::Native))
    };
    let call = context.facts.calls.iter().find(starts)?;
    Some(
        hit_at(&SHELLCODE, call)
            .title("Runs a program from a file that only exists in memory")
            .severity(match call.phase {
                Phase::Install | Phase::Import => Severity::High,
                Phase::Execute | Phase::Unknown => Severity::Medium,
            })
            .confidence(Confidence::High)
            .why("Nothing that watches files sees it."),
    )
}

/// Files that a shell reads when it starts, written by itself.
fn start_files(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    let named = file.holds_any(&[
        ".bashrc",
        ".zshrc",
        ".bash_profile",
        ".zprofile",
        ".zshenv",
        "config.fish",
        "Start Menu",
        "LaunchAgents",
        "systemd/user",
        ".config/autostart",
        ".pth\"",
        ".pth'",
        "sitecustomize.py",
        "usercustomize.py",
        "/etc/cron",
        "CurrentVersion\\Run",
        "CurrentVersion\\\\Run",
    ]);
    let home = file.holds_any(&[
        "expanduser",
        "home()",
        "HOME",
        "APPDATA",
        "USERPROFILE",
        "/etc/",
    ]) || file.holds_any(&["usersite", "getsitepackages", "purelib", "CurrentVersion"]);
    if !named || !home {
        return None;
    }
    let write = by_itself(context).find(|call| {
        is_write(call) || call.name().starts_with("write") || call.role == Some(Role::Registry)
    })?;
    Some(
        hit_at(&PERSISTENCE, write)
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why("The file names places whose content runs at every start, and writes by itself."),
    )
}

/// `git config --global core.hooksPath`: every repository runs what lies there.
fn git_hooks(context: &Context<'_, '_>) -> Option<Hit> {
    let sets = |command: &str| {
        let lower = command.to_ascii_lowercase();
        lower.contains("git config")
            && [
                "init.templatedir",
                "core.hookspath",
                "core.fsmonitor",
                "core.sshcommand",
                "credential.helper",
                "core.pager",
            ]
            .iter()
            .any(|key| lower.contains(key))
            && (lower.contains("--global") || lower.contains("--system"))
    };
    let call = by_itself(context).find(|call| {
        matches!(call.role, Some(Role::Shell | Role::Spawn))
            && command_line(call).is_some_and(|command| sets(&command))
    })?;
    Some(
        hit_at(&PERSISTENCE, call)
            .title("Makes git run its own programs in every repository")
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why(format!("The setting is made {}.", when(call.phase))),
    )
}

/// A command for PowerShell that is encoded when it runs.
fn encoded_command(context: &Context<'_, '_>, file: &File<'_>) -> Option<Hit> {
    let encodes = file.holds_any(&["utf-16-le", "utf_16_le", "utf-16le", "UTF-16LE", "utf16le"])
        && file.holds_any(&["b64encode", "b2a_base64", "encodebytes"]);
    if !encodes || !file.holds_any(&["powershell", "pwsh", "PowerShell"]) {
        return None;
    }
    let call =
        by_itself(context).find(|call| matches!(call.role, Some(Role::Shell | Role::Spawn)))?;
    Some(
        hit_at(&DECODE_RUN, call)
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why(format!(
                "A command is encoded for PowerShell and run {}.",
                when(call.phase)
            )),
    )
}
