//! Machine code brought along.

use packguard_sdk::{Category, Confidence, Rule, Severity};

use super::{Context, hit_at};
use crate::facts::Call;
use crate::value::Taint;

/// Machine code in a string.
pub const SHELLCODE: Rule = Rule::new(
    "python-shellcode",
    "Puts machine code into memory and runs it",
    "Found when code allocates executable memory through `ctypes` or `mmap`, copies bytes into it \
     and runs them, or writes into another process.\n\nMalware loads its payload so, past \
     everything that scans files.\n\nDo not install.",
    Category::Execution,
    Severity::High,
    &["T1055", "T1620"],
);

const ALLOCATE: &[&str] = &[
    "VirtualAlloc",
    "VirtualAllocEx",
    "VirtualProtect",
    "NtAllocateVirtualMemory",
    "mprotect",
    "mmap",
];
const COPY: &[&str] = &[
    "RtlMoveMemory",
    "memmove",
    "WriteProcessMemory",
    "NtWriteVirtualMemory",
    "RtlCopyMemory",
    "write",
];
const START: &[&str] = &[
    "CreateThread",
    "CreateRemoteThread",
    "NtCreateThreadEx",
    "QueueUserAPC",
    "EnumSystemLocalesA",
    "CFUNCTYPE",
    "WINFUNCTYPE",
    "cast",
];

/// Shortest constant that could be machine code.
const CODE_LENGTH: usize = 24;

pub(super) fn check(context: &mut Context<'_, '_>) {
    let calls = &context.facts.calls;
    let named = |names: &[&str]| {
        calls
            .iter()
            .find(|call| names.contains(&call.name()) && !call.callee.starts_with("builtins."))
    };
    let (Some(allocate), Some(_), Some(start)) = (named(ALLOCATE), named(COPY), named(START))
    else {
        return;
    };
    let injects = calls
        .iter()
        .any(|call| matches!(call.name(), "CreateRemoteThread" | "WriteProcessMemory"));
    let carried = calls.iter().any(carries_code);
    let hidden = calls
        .iter()
        .filter(|call| {
            (COPY.contains(&call.name()) && call.name() != "write")
                || ALLOCATE.contains(&call.name())
        })
        .any(|call| call.payload_taint().has(Taint::HIDDEN | Taint::DOWNLOADED));
    if !carried && !injects {
        return;
    }
    let hit = hit_at(&SHELLCODE, start)
        .severity(match (carried, start.runs_by_itself()) {
            (true, true) => Severity::Critical,
            (false, true) => Severity::High,
            // Libraries ask the processor so, when they are called.
            (true, false) if !hidden && !injects => Severity::Medium,
            (true, false) => Severity::High,
            (false, false) => Severity::Low,
        })
        .confidence(if start.runs_by_itself() {
            Confidence::High
        } else {
            Confidence::Medium
        })
        .why(format!(
            "Executable memory is made with `{}` and run with `{}`.",
            allocate.name(),
            start.name()
        ));
    context.hit(hit);
}

fn carries_code(call: &Call<'_>) -> bool {
    call.args.iter().any(|arg| {
        let bytes = arg.as_bytes().unwrap_or_default();
        let binary = bytes.len() >= CODE_LENGTH && std::str::from_utf8(bytes).is_err();
        binary || arg.taint.has(Taint::HIDDEN | Taint::DOWNLOADED)
    })
}
