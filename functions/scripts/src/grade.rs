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
use crate::weigh::weigh;

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
pub struct Around<'a> {
    /// The worst host named there.
    pub host: Host,
    /// The text.
    pub part: &'a str,
    /// What it points at.
    pub indicators: Vec<&'a Indicator>,
    /// Signs that what is started should not be seen.
    pub stealth: usize,
    /// A hidden window or a hidden file in a folder for passing things.
    pub covert: bool,
    /// A signature is checked with a key of the package's own between fetching and running.
    pub signed: bool,
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
        signed: act.deed == Deed::DownloadRun && signed(text, &range),
    }
}

/// Whether a script checks the signature of what it fetched, in a place of its own behind the
/// first fetch, and stops where that fails. A checksum that is fetched from where the program
/// came from proves nothing; one that stands in the script does.
fn signed(text: &str, range: &Range<usize>) -> bool {
    // To the end of the function or script: what is started may be made executable before.
    let rest = text.get(range.start..).unwrap_or_default();
    let stops = |line: &str| {
        if line.contains("|| true") || line.contains("|| :") {
            return false;
        }
        text.contains("set -e")
            || text.contains("errexit")
            || line.contains("||")
            || line.starts_with("if ")
    };
    rest.lines().map(str::trim).any(|line| {
        if line.starts_with('#') || !stops(line) {
            return false;
        }
        let command = line.trim_start_matches("if ").trim_start_matches("! ");
        let signature = ["gpgv ", "gpg --verify", "cosign verify-blob", "minisign -V"]
            .iter()
            .any(|word| command.starts_with(word))
            || command.starts_with("gpg ") && command.contains("--verify")
            || command.starts_with("openssl dgst") && command.contains("-verify");
        signature || pinned(command)
    })
}

/// `echo "<64 digits> file" | sha256sum -c`: the checksum stands in the script.
fn pinned(command: &str) -> bool {
    let checks = ["sha256sum", "shasum", "sha512sum"]
        .iter()
        .any(|word| command.contains(word))
        && [" -c", "--check"].iter().any(|word| command.contains(word));
    checks
        && command
            .split(|c: char| !c.is_ascii_hexdigit())
            .any(|word| word.len() == 64 || word.len() == 128)
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
