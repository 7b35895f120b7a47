//! How grave an act is: by where it runs, whom it talks to, what it touches, what it hides.

use std::ops::Range;

use packguard_sdk::decode::Layer;
use packguard_sdk::indicators::{Indicator, Kind};
use packguard_sdk::text::{Source, cut};
use packguard_sdk::{Analysis, Confidence, File, Phase, Severity};

use crate::deeds::{Act, Deed, line_around};
use crate::hosts::{Host, worst};
use crate::rules;
use crate::unit::Unit;

/// Where a script stands and what runs it.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// When it runs.
    pub phase: Phase,
    /// Something of the package starts it by itself.
    pub hooked: bool,
    /// It stands among tests, examples, documents or CI files.
    pub aside: bool,
}

/// Most findings of one deed in one unit.
const PER_DEED: usize = 3;

/// What is known around an act.
struct Around<'a> {
    host: Host,
    part: &'a str,
    indicators: Vec<&'a Indicator>,
    stealth: usize,
    /// A hidden window or a hidden file in a folder for passing things.
    covert: bool,
}

/// Adds the findings of a unit.
pub fn grade(
    file: File<'_>,
    source: &Source<'_>,
    unit: &Unit,
    context: Context,
    analysis: &mut Analysis,
) {
    let text = &unit.text.text;
    let mut done: Vec<Deed> = Vec::new();
    for act in &unit.acts {
        if done.iter().filter(|deed| **deed == act.deed).count() >= PER_DEED {
            continue;
        }
        let Some(rule) = rules::of(act.deed) else {
            continue;
        };
        let around = around(text, act, unit);
        let Some((severity, confidence)) = weigh(act, &around, unit, context) else {
            continue;
        };
        done.push(act.deed);
        let severity = if context.aside && !context.hooked && !act.plain {
            severity.lowered(1)
        } else {
            severity
        };
        let place = unit
            .outer
            .clone()
            .unwrap_or_else(|| unit.text.place(&act.range));
        let shown = around.part.trim();
        let mut finding = rule
            .at(file, source, place, confidence)
            .severity(severity)
            .phase(context.phase)
            .title(format!(
                "{}: {}",
                rule.title,
                cut(shown, 140).replace('\n', " ; ")
            ))
            .layers(&shown_layers(unit, shown));
        if context.hooked {
            finding = finding.why("The package starts this script by itself.");
        }
        if let Some(decoded) = &act.decoded {
            finding = finding.decoded("base64", decoded);
        }
        analysis.push(finding);
    }
    hosts(file, source, unit, context, analysis);
}

/// The layers of a unit, and what was put together on the way.
fn shown_layers(unit: &Unit, shown: &str) -> Vec<Layer> {
    if unit.layers.is_empty() && unit.rewritten > 0 {
        return vec![Layer {
            encoding: "put together",
            text: shown.into(),
        }];
    }
    unit.layers.clone()
}

fn around<'a>(text: &'a str, act: &Act, unit: &'a Unit) -> Around<'a> {
    let from = line_around(text, act.range.start).start;
    let to = line_around(text, act.range.end.saturating_sub(1).max(act.range.start)).end;
    let mut range = from..to.max(from);
    // A survey of the whole script is no place.
    if range.len() > 8_000 {
        range = line_around(text, act.range.start);
        range.end = text.floor_char_boundary(range.end.min(range.start + 8_000));
    }
    let part = text.get(range.clone()).unwrap_or_default();
    let indicators: Vec<&Indicator> = unit
        .indicators
        .iter()
        .filter(|one| one.range.start < range.end && range.start < one.range.end)
        .collect();
    let (stealth, covert) = stealth(part, &range, unit);
    Around {
        host: worst(text, &range, &unit.indicators),
        part,
        indicators,
        stealth,
        covert,
    }
}

/// Signs that what is started should not be seen, counted.
fn stealth(part: &str, range: &Range<usize>, unit: &Unit) -> (usize, bool) {
    let lower = part.to_ascii_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let hidden = unit.acts.iter().any(|act| {
        act.deed == Deed::Hidden && act.range.start < range.end && range.start < act.range.end
    });
    let window = any(&[
        "-w hidden",
        "-windowstyle hidden",
        "-win hidden",
        "-w 1 ",
        "vbhide",
    ]);
    let dotted = any(&[
        "/tmp/.",
        "/var/tmp/.",
        "/dev/shm/.",
        "~/.cache/.",
        "$home/.cache/.",
    ]);
    let covert = window || dotted;
    let signs = [
        hidden,
        any(&[
            "/tmp/.",
            "/var/tmp/.",
            "/dev/shm/",
            "~/.cache/.",
            "$home/.cache/.",
            "appdata",
            "$env:temp",
            "%temp%",
            "users\\public",
            "%public%",
            "programdata",
        ]),
        any(&[
            "curl -k",
            "curl -sk",
            "-fsslk",
            "--insecure",
            "--no-check-certificate",
            "servercertificatevalidationcallback",
        ]),
        lower.contains("http://") && unit_host_is_remote(&lower),
        any(&["chmod 777", "chmod 0777", "chmod a+x"])
            || any(&["rm -f \"$0\"", "rm -- \"$0\"", "del \"%~f0\"", "rm $0"]),
        !unit.layers.is_empty(),
    ];
    let count =
        signs.iter().filter(|sign| **sign).count() + usize::from(window) + usize::from(dotted);
    (count, covert)
}

fn unit_host_is_remote(lower: &str) -> bool {
    !lower.contains("http://localhost") && !lower.contains("http://127.")
}

fn has(around: &Around<'_>, kinds: &[Kind]) -> bool {
    around
        .indicators
        .iter()
        .any(|one| kinds.contains(&one.kind))
}

/// How grave an act is, and how sure; `None` for what is ordinary.
fn weigh(
    act: &Act,
    around: &Around<'_>,
    unit: &Unit,
    context: Context,
) -> Option<(Severity, Confidence)> {
    use Confidence::{High as Sure, Medium as Likely};
    use Severity::{Critical, High, Info, Low, Medium};
    let hooked = context.hooked;
    Some(match act.deed {
        Deed::DownloadRun => download_run(act, around, hooked),
        Deed::Upload => upload(act, around, hooked)?,
        Deed::ReverseShell => (Critical, Sure),
        Deed::DecodeRun => decode_run(act, unit, hooked),
        Deed::Hidden if hooked => (Medium, Likely),
        Deed::Hidden => (Low, Likely),
        Deed::Recon if hooked => (Low, Sure),
        Deed::Recon => (Info, Sure),
        Deed::Persist if act.plain || around.covert => (High, Sure),
        Deed::Persist => match (hooked, around.host >= Host::Odd || around.stealth > 1) {
            (true, true) => (High, Sure),
            (true, false) | (false, true) => (Medium, Sure),
            (false, false) => (Low, Sure),
        },
        Deed::Destroy if hooked => (Critical, Sure),
        Deed::Destroy => (Medium, Likely),
        Deed::Mine if hooked || around.host == Host::Hostile => (Critical, Sure),
        Deed::Mine => (High, Sure),
        Deed::Defences if hooked || acts_beside(unit) && !context.aside => (High, Sure),
        Deed::Defences => (Medium, Sure),
        Deed::Bypass | Deed::Phish | Deed::Memory | Deed::Ransom | Deed::Spread => (Critical, Sure),
        Deed::Secrets if hooked => (Critical, Sure),
        Deed::Secrets => (High, Sure),
        Deed::Watch | Deed::Inject => (if hooked { Critical } else { High }, Sure),
        Deed::Download => return None,
    })
}

/// Whether a unit also runs what is not its own, or sends something out.
fn acts_beside(unit: &Unit) -> bool {
    unit.acts.iter().any(|act| {
        matches!(
            act.deed,
            Deed::DownloadRun | Deed::DecodeRun | Deed::Upload | Deed::Inject
        )
    })
}

fn download_run(act: &Act, around: &Around<'_>, hooked: bool) -> (Severity, Confidence) {
    use Confidence::{High as Sure, Medium as Likely};
    use Severity::{Critical, High, Info, Low, Medium};
    match (around.host, around.stealth, hooked) {
        (Host::Hostile, _, _) => (Critical, Sure),
        (Host::Odd, 1.., _) | (Host::Odd, _, true) => (Critical, Sure),
        (Host::Odd, _, false) => (High, Likely),
        (Host::Known, _, true) if around.covert => (Critical, Sure),
        (Host::Known, _, false) if around.covert => (High, Sure),
        (Host::Known, 2.., true) => (High, Likely),
        (Host::Known, _, true) => (Low, Likely),
        (Host::Known, ..) => (Info, Likely),
        (Host::Plain, 2.., true) => (Critical, Sure),
        (Host::Plain, 3.., false) if around.covert => (Critical, Sure),
        (Host::Plain, _, true) => (High, Sure),
        (Host::Plain, ..) if around.covert => (High, Sure),
        (Host::Plain, 2.., false) => (Medium, Sure),
        (Host::Plain, ..) if act.plain => (Medium, Sure),
        (Host::Plain, ..) => (Low, Likely),
    }
}

/// Commands whose output is the machine's, in what is sent.
fn sends_machine(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    let all = [
        "$(env",
        "`env",
        "env |",
        "env|",
        "printenv",
        "env>",
        "env >",
        "export -p",
        "set |",
        "get-childitem env:",
        "gci env:",
        "dir env:",
        "getenvironmentvariables",
    ];
    all.iter().any(|word| lower.contains(word))
}

/// What tells who and where the machine is, in what is sent.
fn sends_identity(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    let words = [
        "whoami",
        "hostname",
        "$(id",
        "`id",
        "uname -a",
        "$user",
        "%username%",
        "%computername%",
        "$env:username",
        "$env:computername",
        "ifconfig",
        "ipconfig",
        "systeminfo",
    ];
    words.iter().any(|word| lower.contains(word))
}

fn upload(act: &Act, around: &Around<'_>, hooked: bool) -> Option<(Severity, Confidence)> {
    use Confidence::{High as Sure, Medium as Likely};
    use Severity::{Critical, High, Info, Low, Medium};
    let files = has(around, &[Kind::CredentialPath]);
    let variables = has(around, &[Kind::SecretVariable]);
    let everything = sends_machine(around.part);
    let hostile = around.host >= Host::Odd;
    let chat_only = around
        .indicators
        .iter()
        .any(|one| one.kind == Kind::ChatApi)
        && !around
            .indicators
            .iter()
            .any(|one| one.kind.is_hostile_host() && one.kind != Kind::ChatApi);
    Some(match around.host {
        _ if files && hostile => (Critical, Sure),
        _ if (files || everything || act.plain)
            && (hooked || hostile)
            && around.host != Host::Known =>
        {
            (Critical, Sure)
        }
        Host::Known if files || everything => (Medium, Likely),
        _ if files || everything || act.plain => (High, Sure),
        // A notice in the team's chat names hosts and holds a token.
        Host::Hostile if chat_only && !hooked => (Low, Likely),
        Host::Hostile | Host::Odd if variables || sends_identity(around.part) => (Critical, Sure),
        Host::Hostile if hooked => (High, Sure),
        Host::Hostile => (Medium, Sure),
        Host::Known => return None,
        _ if sends_identity(around.part) && hooked => (High, Sure),
        _ if sends_identity(around.part) => (Low, Likely),
        _ if variables && hooked => (Medium, Sure),
        _ if hooked => (Low, Likely),
        _ => (Info, Likely),
    })
}

fn decode_run(act: &Act, unit: &Unit, hooked: bool) -> (Severity, Confidence) {
    use Confidence::{High as Sure, Medium as Likely};
    let literal = act.plain
        || act
            .decoded
            .as_ref()
            .is_some_and(|decoded| decoded.len() >= 8)
        || !unit.layers.is_empty();
    match (literal, hooked) {
        (true, true) => (Severity::Critical, Sure),
        (true, false) => (Severity::High, Sure),
        (false, true) => (Severity::High, Likely),
        (false, false) => (Severity::Low, Likely),
    }
}

/// Adds the hosts that a script names and no act uses.
fn hosts(
    file: File<'_>,
    source: &Source<'_>,
    unit: &Unit,
    context: Context,
    analysis: &mut Analysis,
) {
    let mut told = 0;
    for one in &unit.indicators {
        let is_layer = !unit.layers.is_empty();
        let severity = match one.kind {
            Kind::ChatApi if !context.hooked && !is_layer => continue,
            kind if kind.is_hostile_host() && (context.hooked || is_layer) => Severity::Medium,
            kind if kind.is_hostile_host() && kind != Kind::PublicIp => Severity::Low,
            _ => continue,
        };
        let line = line_around(&unit.text.text, one.range.start);
        let part = unit.text.text.get(line).unwrap_or_default().trim_start();
        if part.starts_with('#') || told >= PER_DEED {
            continue;
        }
        told += 1;
        let place = unit
            .outer
            .clone()
            .unwrap_or_else(|| unit.text.place(&one.range));
        analysis.push(
            rules::HOSTILE_HOST
                .at(file, source, place, Confidence::High)
                .severity(if context.aside && !context.hooked {
                    severity.lowered(1)
                } else {
                    severity
                })
                .phase(context.phase)
                .title(format!("{}: {}", rules::HOSTILE_HOST.title, one.text))
                .layers(&unit.layers),
        );
    }
}
