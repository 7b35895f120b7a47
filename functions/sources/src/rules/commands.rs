//! Command lines, read as a shell would.

use packguard_sdk::decode::Layer;
use packguard_sdk::indicators::{self, ShellAct};
use packguard_sdk::{Confidence, Severity};

use super::system::{DESTRUCTION, MINER, PERSISTENCE, RECON, SELF_SPREAD, SILENT_PROCESS};
use super::{Context, by_phase, execution, exfiltration, hit_at, sockets, starts, when, words};
use crate::facts::Call;
use crate::lang::Lang;
use crate::names::Role;
use crate::value::Taint;

pub(super) fn check(context: &mut Context<'_>) {
    let facts = context.facts;
    for call in facts.calls.iter().filter(|call| starts(call)) {
        let command = command_line(call, facts.lang);
        if command.len() > 1 {
            acts(context, call, &command);
            spreads(context, call, &command);
            mines(context, call, &command);
        }
    }
}

/// A call's command line as far as it is known; `$_` stands for what is not.
pub(super) fn command_line(call: &Call, lang: Lang) -> String {
    let words = words(call);
    if call.role == Role::Shell && !matches!(lang, Lang::Java | Lang::Kotlin) {
        // Several arguments are words; options behind the command are not.
        let list = call.args.first().is_some_and(|arg| arg.items().is_some());
        let several = words.len() > 1
            && words[1..].iter().all(|(_, value)| value.bytes().is_some())
            && matches!(lang, Lang::Ruby | Lang::Perl);
        if !list && !several {
            return words
                .first()
                .map_or_else(String::new, |(text, value)| known(text, value.taint));
        }
    }
    if let [(text, value)] = words.as_slice() {
        return known(text, value.taint);
    }
    // .NET gives all arguments as one text.
    let raw = lang == Lang::CSharp;
    words
        .iter()
        .map(|(text, value)| {
            let text = known(text, value.taint);
            if raw { text } else { quoted(&text) }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn known(text: &str, taint: Taint) -> String {
    if text == "?" || taint.has(Taint::PARTIAL) {
        text.replace('?', "$_")
    } else {
        text.into()
    }
}

/// A word as a shell would have to read it to get it unchanged.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,?~\\$".contains(c);
    if word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn acts(context: &mut Context<'_>, call: &Call, command: &str) {
    let (critical, high, medium, low) = (
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
    );
    for found in indicators::shell(packguard_sdk::text::cut(command, 64 << 10)) {
        let hidden = call.taint().has(Taint::HIDDEN);
        let text = command.get(found.range.clone()).unwrap_or(command);
        let suspect = crate::walk_pointed_at(command).has(Taint::SUSPECT_HOST);
        let (rule, severity) = match found.act {
            ShellAct::DownloadAndRun => (
                &execution::DOWNLOAD_EXECUTE,
                by_phase(call, critical, if suspect { high } else { medium }),
            ),
            ShellAct::DecodeAndRun => (&execution::DECODE_EXECUTE, by_phase(call, critical, high)),
            ShellAct::ReverseShell => (&sockets::REVERSE_SHELL, critical),
            ShellAct::Upload => (
                &exfiltration::EXFILTRATION,
                by_phase(call, high, if suspect { high } else { low }),
            ),
            ShellAct::Persist => (&PERSISTENCE, by_phase(call, high, low)),
            ShellAct::Destroy => (&DESTRUCTION, by_phase(call, high, medium)),
            ShellAct::Hidden => (&SILENT_PROCESS, by_phase(call, medium, low)),
            ShellAct::Recon => (&RECON, low),
            ShellAct::Download if suspect => {
                (&sockets::SUSPICIOUS_HOST, by_phase(call, high, medium))
            }
            ShellAct::Download => continue,
        };
        let mut layers: Vec<Layer> = Vec::new();
        layers.extend(found.decoded.map(|text| Layer {
            encoding: "shell",
            text: text.into(),
        }));
        context.hit(
            hit_at(rule, call)
                .title(format!(
                    "{}: `{}`",
                    rule.title,
                    packguard_sdk::text::cut(text, 120)
                ))
                .severity(if hidden { severity.max(high) } else { severity })
                .confidence(Confidence::High)
                .layers(&layers)
                .why(format!("The command runs {}.", when(call.phase))),
        );
    }
}

/// Commands that publish packages.
fn spreads(context: &mut Context<'_>, call: &Call, command: &str) {
    let publishes = [
        "npm publish",
        "gem push",
        "cargo publish",
        "twine upload",
        "dotnet nuget push",
        "nuget push",
    ]
    .iter()
    .any(|publish| command.contains(publish));
    if publishes && call.by_itself() {
        context.hit(
            hit_at(&SELF_SPREAD, call)
                .severity(Severity::High)
                .why(format!("It publishes {}.", when(call.phase))),
        );
    }
}

fn mines(context: &mut Context<'_>, call: &Call, command: &str) {
    let miner = indicators::scan(command)
        .into_iter()
        .find(|found| found.kind == indicators::Kind::Miner);
    if let Some(miner) = miner {
        context.hit(
            hit_at(&MINER, call)
                .title(format!("Starts a miner: {}", miner.text))
                .severity(by_phase(call, Severity::Critical, Severity::High))
                .why(format!("It starts {}.", when(call.phase))),
        );
    }
}
