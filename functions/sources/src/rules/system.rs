//! What is done to the machine: staying, destroying, mining, injecting.

use std::collections::BTreeSet;

use packguard_sdk::indicators::{Kind, scan};
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::{Context, by_phase, hit_at, when, words};
use crate::facts::Call;
use crate::lang::Lang;
use crate::names::Role;
use crate::value::Taint;

/// Starts again by itself.
pub const PERSISTENCE: Rule = Rule::new(
    "source-persistence",
    "Makes something start by itself",
    "Found when code writes to autostart folders, shell profiles, crontabs, services or the \
     registry's Run keys.\n\nInstallers of services do so when asked; a library does not.\n\nLook \
     at what it starts.",
    Category::Persistence,
    Severity::Medium,
    &["T1547", "T1053", "T1546.004"],
);

/// Deletes what is not its own.
pub const DESTRUCTION: Rule = Rule::new(
    "source-destruction",
    "Deletes or overwrites what is not its own",
    "Found when code deletes a home folder, a disk or the whole file system.\n\nDo not run it.",
    Category::Impact,
    Severity::High,
    &["T1485"],
);

/// Mines.
pub const MINER: Rule = Rule::new(
    "source-miner",
    "Mines cryptocurrency",
    "Found when code starts a miner or talks to a mining pool.\n\nIt uses the machine for somebody \
     else's gain.\n\nDo not install it unless it is a miner.",
    Category::Impact,
    Severity::High,
    &["T1496"],
);

/// Machine code put into memory.
pub const INJECTION: Rule = Rule::new(
    "source-injection",
    "Puts machine code into memory and runs it",
    "Found when code allocates memory that can be executed and starts a thread there, or writes \
     into other processes.\n\nLoaders of malware do so; so do debuggers and just-in-time \
     compilers.\n\nLook at where the bytes come from.",
    Category::DefenseEvasion,
    Severity::High,
    &["T1055", "T1620"],
);

/// Hidden windows, output thrown away.
pub const SILENT_PROCESS: Rule = Rule::new(
    "source-silent-process",
    "Starts a process that nobody sees",
    "Found when a command's output and window are suppressed.\n\nHarmless by itself; malware does \
     it so that nobody notices.",
    Category::DefenseEvasion,
    Severity::Low,
    &["T1564.003"],
);

/// Looks around.
pub const RECON: Rule = Rule::new(
    "source-recon",
    "Gathers facts about host or user",
    "Found in command lines such as `whoami` or `systeminfo`.\n\nHarmless by itself; malware does \
     it before it reports home.",
    Category::Discovery,
    Severity::Low,
    &["T1082", "T1033"],
);

/// Publishes packages.
pub const SELF_SPREAD: Rule = Rule::new(
    "source-self-spread",
    "Publishes packages by itself",
    "Found when code that runs unasked publishes packages.\n\nWorms spread so, with the tokens that \
     they find.\n\nDo not install it where tokens are.",
    Category::Impact,
    Severity::High,
    &["T1195.002"],
);

/// Breaks on a day, or by chance.
pub const TIME_BOMB: Rule = Rule::new(
    "source-time-bomb",
    "Ends the program on certain days, by chance",
    "Found when a function compares the clock with a day that stands in the code and a random \
     number with a constant, and ends the program.\n\nA failure that comes late and not always is \
     hard to trace to the package. Trial versions end for sure, not by chance.\n\nDo not use it.",
    Category::Impact,
    Severity::High,
    &["T1529", "T1480"],
);

pub(super) fn check(context: &mut Context<'_>) {
    let facts = context.facts;
    for call in &facts.calls {
        let hits = [persists(call), destroys(call, facts.lang), mines(call)];
        hits.into_iter().flatten().for_each(|hit| context.hit(hit));
    }
    injects(context);
    wipes(context);
    breaks(context);
}

/// The program ended where clock and chance say so.
fn breaks(context: &mut Context<'_>) {
    let facts = context.facts;
    let found = facts.calls.iter().find(|call| {
        call.role == Role::Exit
            && facts.dated.contains(&call.function)
            && facts.chances.contains(&call.function)
    });
    if let Some(call) = found {
        context.hit(
            hit_at(&TIME_BOMB, call)
                .confidence(Confidence::High)
                .why("It ends the program only after or before a fixed day, and not every time."),
        );
    }
}

/// Files emptied and a folder of the system's deleted, unasked.
fn wipes(context: &mut Context<'_>) {
    let facts = context.facts;
    let unasked = |call: &&Call| call.phase == Phase::Import && facts.lang == Lang::Ruby;
    let emptied = facts.calls.iter().filter(unasked).find(|call| {
        call.role == Role::Write
            && call.args.get(1).is_some_and(|arg| arg.bytes() == Some(b""))
            && call
                .args
                .first()
                .is_some_and(|arg| arg.bytes().is_none() || arg.taint.has(Taint::PARTIAL))
    });
    let deleted = facts.calls.iter().filter(unasked).find(|call| {
        call.role == Role::Delete
            && words(call).first().is_some_and(|(text, _)| {
                text.starts_with('/') && !text.starts_with("/tmp") && !text.starts_with("/var/tmp")
            })
    });
    if let (Some(_), Some(call)) = (emptied, deleted) {
        context.hit(
            hit_at(&DESTRUCTION, call)
                .severity(Severity::High)
                .confidence(Confidence::High)
                .why(
                    "Files are emptied and a folder outside of the package is deleted on loading.",
                ),
        );
    }
}

fn persists(call: &Call) -> Option<Hit> {
    let writes = matches!(call.role, Role::Write | Role::Copy | Role::NetToFile)
        || call.name() == "SetValue"
        || call.name() == "CreateSubKey";
    if !writes {
        return None;
    }
    let place = words(call)
        .into_iter()
        .chain([(call.receiver.to_text().unwrap_or_default(), &call.receiver)])
        .find_map(|(text, _)| {
            scan(&text)
                .into_iter()
                .find(|found| found.kind == Kind::AutostartPath)
        })?;
    Some(
        hit_at(&PERSISTENCE, call)
            .title(format!("Writes to {}", place.text))
            .severity(by_phase(call, Severity::High, Severity::Low))
            .why(format!(
                "What stands there starts by itself; it is written {}.",
                when(call.phase)
            )),
    )
}

fn destroys(call: &Call, lang: Lang) -> Option<Hit> {
    if call.role != Role::Delete {
        return None;
    }
    let _ = lang;
    let place = words(call).into_iter().find(|(text, value)| {
        let bare = text.trim_end_matches(['/', '\\', '*']);
        let whole = value.bytes().is_some() && !value.taint.has(Taint::PARTIAL);
        whole
            && matches!(
                bare,
                "" | "~"
                    | "C:"
                    | "c:"
                    | "/home"
                    | "/root"
                    | "/etc"
                    | "/usr"
                    | "$HOME"
                    | "%USERPROFILE%"
            )
            && !text.is_empty()
    })?;
    Some(
        hit_at(&DESTRUCTION, call)
            .title(format!("Deletes {}", place.0))
            .severity(by_phase(call, Severity::Critical, Severity::High))
            .why(format!("It deletes {}.", when(call.phase))),
    )
}

fn mines(call: &Call) -> Option<Hit> {
    if !matches!(call.role, Role::Socket | Role::Net | Role::NetToFile) {
        return None;
    }
    let pool = words(call).into_iter().find_map(|(text, _)| {
        scan(&text)
            .into_iter()
            .find(|found| found.kind == Kind::Miner)
    })?;
    Some(
        hit_at(&MINER, call)
            .title(format!(
                "Talks to a mining pool or fetches a miner: {}",
                pool.text
            ))
            .severity(by_phase(call, Severity::Critical, Severity::Medium))
            .why(format!("It does so {}.", when(call.phase))),
    )
}

/// Several of the steps of injection in one file.
fn injects(context: &mut Context<'_>) {
    let facts = context.facts;
    let calls: Vec<&Call> = facts
        .calls
        .iter()
        .filter(|call| call.role == Role::Inject)
        .collect();
    let step = |call: &Call| {
        let name = call.callee.to_ascii_lowercase();
        [
            ("alloc", "alloc"),
            ("mmap", "alloc"),
            ("memfd", "alloc"),
            ("writeprocess", "write"),
            ("movememory", "write"),
            ("copymemory", "write"),
            ("writevirtual", "write"),
            ("protect", "protect"),
            ("thread", "start"),
            ("apc", "start"),
            ("transmute", "start"),
            ("delegate", "start"),
            ("enumsystem", "start"),
            ("unmapview", "write"),
        ]
        .iter()
        .find(|(part, _)| name.contains(part))
        .map(|(_, step)| *step)
    };
    let steps: BTreeSet<&str> = calls.iter().filter_map(|call| step(call)).collect();
    let other = calls.iter().any(|call| {
        let name = call.callee.to_ascii_lowercase();
        name.contains("writeprocess")
            || name.contains("remotethread")
            || name.contains("writevirtual")
            || name.contains("allocex")
    });
    let starts = steps.contains("start") && (steps.contains("alloc") || steps.contains("write"));
    let Some(first) = calls.first().filter(|_| starts) else {
        return;
    };
    let code = calls.iter().any(|call| {
        call.taint()
            .has(Taint::DECODED | Taint::REMOTE | Taint::EMBEDDED)
    });
    let few = steps.len() < 3 || matches!(facts.lang, Lang::C | Lang::Rust);
    if few && !other && !code {
        return;
    }
    let severity = match (code, first.by_itself()) {
        (true, true) => Severity::Critical,
        (true, false) | (false, true) => Severity::High,
        (false, false) => Severity::Medium,
    };
    context.hit(
        hit_at(&INJECTION, first)
            .severity(severity)
            .confidence(if code {
                Confidence::High
            } else {
                Confidence::Medium
            })
            .why("Memory is made executable, filled and started in one file."),
    );
}
