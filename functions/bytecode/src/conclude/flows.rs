//! Flows: data of one kind that reaches a place where it must not.

use std::rc::Rc;

use packguard_sdk::indicators::{self, ShellAct};
use packguard_sdk::{Confidence, Phase, Severity};

use super::{Address, Found, address};
use crate::facts::{Deed, Done, Facts};
use crate::labels::Labels;
use crate::rules;

/// Shortest path by which a written file is known again in a command.
const PATH_MINIMUM: usize = 4;

pub(super) fn look(facts: &Facts, found: &mut Vec<Found>) {
    for done in &facts.done {
        match done.deed {
            Deed::Execute => execute(facts, done, found),
            Deed::Load | Deed::LoadFrom | Deed::LoadLibrary | Deed::Eval | Deed::Pointer => {
                load(facts, done, found);
            }
            Deed::Send | Deed::Fetch => send(done, found),
            Deed::Feed if done.labels.any(Labels::SOCKET) => found.push(
                Found::of(&rules::REVERSE_SHELL, Severity::Critical, done)
                    .why("What comes over a raw connection is written into a process."),
            ),
            Deed::LookUp => look_up(done, found),
            Deed::Registry | Deed::Write => persistence(done, found),
            _ => {}
        }
    }
    shell_on_a_wire(facts, found);
}

fn is_automatic(phase: Phase) -> bool {
    matches!(phase, Phase::Install | Phase::Import)
}

fn execute(facts: &Facts, done: &Done, found: &mut Vec<Found>) {
    if done.labels.any(Labels::REQUEST) {
        found.push(Found::of(&rules::WEB_SHELL, Severity::High, done));
    }
    if done.labels.any(Labels::DECODED) && !done.labels.any(Labels::NETWORK) {
        let found_one = Found::of(&rules::DECODED_COMMAND, Severity::High, done)
            .why("The command only appears once it is decoded.");
        // Passwords and settings are decrypted too, and end up in command lines.
        let sure = done.text.is_some() || is_automatic(done.phase);
        found.push(if sure {
            found_one
        } else {
            found_one.sure(Confidence::Medium)
        });
    }
    let dropped = if done.labels.any(Labels::NETWORK) {
        Some(done.origin.clone())
    } else {
        written(facts, done)
    };
    if let Some(origin) = dropped {
        if facts
            .each(Deed::Send)
            .any(|send| send.labels.any(Labels::OUTPUT))
        {
            found.push(
                Found::of(&rules::REMOTE_CONTROL, Severity::High, done)
                    .why("What the commands print is sent back."),
            );
        }
        let severity = match address(origin.as_ref()) {
            Address::Hostile => Severity::Critical,
            Address::Program => Severity::High,
            _ if is_automatic(done.phase) => Severity::High,
            _ => Severity::Medium,
        };
        let mut one = Found::of(&rules::DOWNLOAD_EXECUTE, severity, done)
            .why("What runs comes over the network.");
        one.text = origin.or(one.text);
        found.push(one);
    }
    carried(facts, done, found);
    if let Some(text) = &done.text {
        command(done, text, found);
    }
}

/// A program that lies among the resources is written to a file and started. Launchers of
/// native tools do that, but call such a resource what it is.
fn carried(facts: &Facts, done: &Done, found: &mut Vec<Found>) {
    const DATA: &[&str] = &[
        "bmp",
        "cache",
        "cfg",
        "class",
        "conf",
        "css",
        "csv",
        "dat",
        "db",
        "gif",
        "html",
        "ico",
        "idx",
        "ini",
        "jpeg",
        "jpg",
        "json",
        "log",
        "md",
        "mp3",
        "pdf",
        "png",
        "properties",
        "svg",
        "tmp",
        "ttf",
        "txt",
        "wav",
        "woff",
        "xml",
        "yml",
    ];
    let data = |origin: &Option<Rc<str>>| {
        origin.as_deref().is_some_and(|origin| {
            let end = origin.rsplit_once('.').map_or("", |(_, end)| end);
            DATA.contains(&end.to_ascii_lowercase().as_str())
        })
    };
    let is_resource = |labels: Labels| {
        labels.any(Labels::RESOURCE) && !labels.any(Labels::INFLATED.with(Labels::NETWORK))
    };
    let written = || {
        facts
            .each(Deed::Write)
            .find(|write| {
                is_resource(write.labels) && data(&write.origin) && write.method == done.method
            })
            .map(|write| write.origin.clone())
    };
    let direct = is_resource(done.labels) && data(&done.origin);
    let origin = if direct {
        Some(done.origin.clone())
    } else {
        written()
    };
    if let Some(origin) = origin {
        let mut one = Found::of(&rules::CARRIED_PROGRAM, Severity::High, done)
            .why("A resource that is named like data is written to a file and started.");
        one.text = origin.or(one.text);
        found.push(one);
    }
}

/// The file that is started was written with what came over the network: its path is
/// the same, or it all happens in one method.
fn written(facts: &Facts, done: &Done) -> Option<Option<Rc<str>>> {
    let network =
        |write: &&Done| write.labels.any(Labels::NETWORK) || write.deed == Deed::DownloadToFile;
    let writes = facts
        .each(Deed::Write)
        .chain(facts.each(Deed::DownloadToFile))
        .filter(network);
    for write in writes {
        let same = match (&write.text, &done.text) {
            (Some(path), Some(command)) => {
                let path = path.rsplit(' ').next().unwrap_or_default();
                path.len() >= PATH_MINIMUM && command.contains(path)
            }
            _ => false,
        };
        let telling = address(write.origin.as_ref()) >= Address::Program;
        if same || telling && write.method == done.method {
            return Some(write.origin.clone());
        }
    }
    None
}

fn command(done: &Done, text: &Rc<str>, found: &mut Vec<Found>) {
    let inner = [" -c ", " /c ", " /C ", " -Command ", " -command "]
        .iter()
        .find_map(|flag| text.split_once(flag))
        .map(|(_, inner)| indicators::shell(inner))
        .unwrap_or_default();
    for act in indicators::shell(text).into_iter().chain(inner) {
        let (severity, what) = match act.act {
            ShellAct::ReverseShell => (Severity::Critical, "It connects a shell to another host."),
            ShellAct::DownloadAndRun => (Severity::High, "It downloads something and runs it."),
            ShellAct::DecodeAndRun => (Severity::High, "It runs decoded text."),
            ShellAct::Upload => (Severity::Medium, "It sends data out."),
            ShellAct::Destroy => (Severity::Medium, "It deletes what is not the package's."),
            ShellAct::Persist => {
                found.push(Found::of(&rules::PERSISTENCE, Severity::Medium, done));
                continue;
            }
            _ => continue,
        };
        let mut one = Found::of(&rules::COMMAND, severity, done).why(what);
        one.text = act.decoded.map(Rc::from).or(one.text);
        found.push(one);
    }
}

fn load(facts: &Facts, done: &Done, found: &mut Vec<Found>) {
    let text = done.text.as_deref().unwrap_or_default();
    let remote = done.deed == Deed::LoadFrom && text.contains("://") && !text.contains("file:");
    let remote = remote || done.labels.any(Labels::NETWORK);
    if done.labels.any(Labels::REQUEST) {
        found.push(Found::of(&rules::WEB_SHELL, Severity::High, done));
    }
    if remote {
        let place = address(done.origin.as_ref()).max(address(done.text.as_ref()));
        let hidden = done.labels.any(Labels::DECODED.with(Labels::SOCKET));
        let (severity, confidence) = match place {
            Address::Hostile => (Severity::Critical, Confidence::High),
            // Loaders of classes take whatever address they are given.
            Address::Unknown if !hidden => (Severity::Medium, Confidence::Medium),
            _ => (Severity::High, Confidence::High),
        };
        found.push(
            Found::of(&rules::REMOTE_CODE, severity, done)
                .sure(confidence)
                .why("The code that is loaded comes over the network."),
        );
    } else if done.labels.any(Labels::DECODED) {
        let (severity, confidence) = match done.deed {
            Deed::LoadFrom | Deed::LoadLibrary => (Severity::Medium, Confidence::Medium),
            // Protected programs decrypt their own resources.
            _ if done.labels.any(Labels::RESOURCE) => (Severity::Medium, Confidence::High),
            _ => (Severity::High, Confidence::High),
        };
        found.push(Found::of(&rules::DECODED_CODE, severity, done).sure(confidence));
    } else if done.deed == Deed::Pointer && facts.blobs > 0 && executable_memory(facts) {
        found.push(
            Found::of(&rules::INJECTION, Severity::High, done)
                .why("Constant bytes are copied into memory that is run."),
        );
    }
}

fn executable_memory(facts: &Facts) -> bool {
    facts
        .natives
        .iter()
        .any(|name| name.starts_with("VirtualAlloc") || name.starts_with("VirtualProtect"))
}

fn send(done: &Done, found: &mut Vec<Found>) {
    let place = address(done.origin.as_ref()).max(address(done.text.as_ref()));
    let hostile = place == Address::Hostile;
    let watched = Labels::SCREEN.with(Labels::KEYS).with(Labels::CLIPBOARD);
    if done.labels.any(watched) {
        let severity = if hostile {
            Severity::Critical
        } else {
            Severity::Medium
        };
        found.push(Found::of(&rules::SURVEILLANCE, severity, done));
    }
    let hidden = done.labels.any(Labels::TO_HIDDEN);
    if done.labels.any(Labels::WALLET) && (hidden || place >= Address::Plain) {
        let mut one = Found::of(&rules::KEY_THEFT, Severity::High, done)
            .why("A key or the words of a wallet go to an address that the code itself names.");
        one.text = done.origin.clone().or(one.text);
        found.push(one);
    }
    let (severity, what) = if done.labels.any(Labels::SECRET) {
        let severity = match (hostile, done.deed) {
            (true, _) => Severity::Critical,
            _ if hidden => Severity::High,
            // Honest clients send their token.
            (false, _) if is_automatic(done.phase) => Severity::High,
            (false, _) => Severity::Low,
        };
        (severity, "A secret goes over the network.")
    } else if done.labels.any(Labels::ENVIRONMENT) {
        let severity = match (hostile, is_automatic(done.phase)) {
            (true, _) => Severity::Critical,
            _ if hidden => Severity::High,
            (false, true) if place >= Address::Plain => Severity::High,
            _ if done.deed == Deed::Send || place >= Address::Plain => Severity::Medium,
            _ => Severity::Low,
        };
        (severity, "The whole environment goes over the network.")
    } else if hostile && done.labels.any(Labels::HOST.with(Labels::OUTPUT)) {
        (
            Severity::High,
            "Names of the host or user go to a place that attackers use.",
        )
    } else if hostile && done.labels.any(Labels::FILE) {
        (Severity::High, "A file goes to a place that attackers use.")
    } else if is_automatic(done.phase) && place >= Address::Plain && done.labels.any(Labels::HOST) {
        (
            Severity::Medium,
            "Names of the host or user go over the network, without being asked.",
        )
    } else {
        return;
    };
    let mut one = Found::of(&rules::EXFILTRATION, severity, done).why(what);
    one.text = done.origin.clone().or(one.text);
    found.push(one);
}

fn look_up(done: &Done, found: &mut Vec<Found>) {
    let text = done.text.as_deref().unwrap_or_default();
    let remote = ["ldap://", "rmi://", "ldaps://", "iiop://"];
    if remote.iter().any(|scheme| text.contains(scheme)) && !text.contains("localhost") {
        found.push(
            Found::of(&rules::REMOTE_CODE, Severity::High, done)
                .why("Names looked up there may bring code with them."),
        );
    }
}

fn persistence(done: &Done, found: &mut Vec<Found>) {
    let text = done.text.as_deref().unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    let run_key = done.deed == Deed::Registry && lower.contains("currentversion\\run");
    const PLACES: &[&str] = &[
        "start menu\\programs\\startup",
        "start menu/programs/startup",
        "library/launchagents",
        ".config/autostart",
        "/etc/cron",
        "/etc/systemd/system",
        ".bashrc",
        "/etc/ld.so.preload",
    ];
    let place = done.deed == Deed::Write && PLACES.iter().any(|place| lower.contains(place));
    if run_key || place {
        found.push(Found::of(&rules::PERSISTENCE, Severity::Medium, done));
    }
}

/// A connection, a shell, and streams between them: the flow itself may be hidden in
/// threads.
fn shell_on_a_wire(facts: &Facts, found: &mut Vec<Found>) {
    let Some(shell) = facts.each(Deed::Execute).find(|done| {
        done.text.as_deref().is_some_and(|text| {
            let first = text.trim().to_ascii_lowercase();
            let shells = [
                "cmd.exe",
                "cmd",
                "/bin/sh",
                "/bin/bash",
                "bash",
                "sh",
                "powershell",
                "powershell.exe",
                "/bin/bash -i",
                "/bin/sh -i",
            ];
            shells.contains(&first.as_str())
        })
    }) else {
        return;
    };
    if facts.does(Deed::Connect) && facts.does(Deed::Feed) && facts.does(Deed::Send) {
        found.push(
            Found::of(&rules::REVERSE_SHELL, Severity::Critical, shell)
                .why("A bare shell is started beside a connection, and both are written to."),
        );
    }
}
