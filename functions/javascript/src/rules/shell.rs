//! Command lines that are started.

use packguard_sdk::indicators::{self, ShellAct};
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::Kind;
use crate::context::{Context, hit, when};
use crate::value::HOLE;
use packguard_sdk::decode::Layer;

macro_rules! rule {
    ($name:ident, $id:literal, $title:literal, $help:literal, $category:ident, $severity:ident, $attack:expr) => {
        #[doc = $title]
        pub const $name: Rule = Rule {
            id: $id,
            title: $title,
            help: $help,
            category: Category::$category,
            severity: Severity::$severity,
            attack: $attack,
        };
    };
}

rule!(
    DOWNLOAD_RUN,
    "js-shell-download-run",
    "Starts a command that downloads and runs",
    "A command line fetches something and runs it in one go (`curl … | sh`).\n\nThe server decides what runs; \
nothing of it is in the package.\n\nDo not install the package.",
    CommandAndControl,
    High,
    &["T1105", "T1059"]
);
rule!(
    DOWNLOAD,
    "js-shell-download",
    "Starts a command that downloads",
    "A command line fetches a file with `curl`, `wget` or the like.\n\nHonest packages do so for their own \
programs. Look at the address.",
    CommandAndControl,
    Low,
    &["T1105"]
);
rule!(
    UPLOAD,
    "js-shell-upload",
    "Starts a command that sends data out",
    "A command line sends files, variables or the output of other commands to a server.\n\nHonest packages \
have no reason to.\n\nDo not install the package.",
    Exfiltration,
    High,
    &["T1041"]
);
rule!(
    REVERSE_SHELL,
    "js-shell-reverse-shell",
    "Starts a command that gives somebody a shell",
    "A command line connects a shell to another machine.\n\nDo not install the package.",
    CommandAndControl,
    Critical,
    &["T1059.004"]
);
rule!(
    DECODE_RUN,
    "js-shell-decode-run",
    "Starts a command that runs decoded text",
    "A command line decodes a text and runs it (`base64 -d | sh`, `powershell -enc …`).\n\nEncoding hides what \
is run.\n\nRead the decoded text shown with the finding.",
    DefenseEvasion,
    High,
    &["T1027", "T1140"]
);
rule!(
    HIDDEN,
    "js-shell-hidden",
    "Starts a command out of sight",
    "A command line hides its window, its output or its process.\n\nBy itself harmless; together with other \
findings it shows intent.",
    DefenseEvasion,
    Low,
    &["T1564.003"]
);
rule!(
    RECON,
    "js-shell-recon",
    "Starts a command that fingerprints the machine",
    "A command line asks for user, host, network or system data.\n\nHonest tools do so to pick a program that \
fits. Look at where the answer goes.",
    Discovery,
    Low,
    &["T1082", "T1033"]
);
rule!(
    PERSIST,
    "js-shell-persist",
    "Starts a command that makes itself start again",
    "A command line adds itself to what the system starts (cron, services, log-in files).\n\nPackages have no \
reason to when they are installed or loaded.",
    Persistence,
    High,
    &["T1053", "T1547"]
);
rule!(
    DESTROY,
    "js-shell-destroy",
    "Starts a command that destroys data",
    "A command line deletes or overwrites what is not the package's.\n\nDo not install the package.",
    Impact,
    High,
    &["T1485"]
);
rule!(
    INSTALL_TOOL,
    "js-install-tool",
    "Starts a build tool when it is installed",
    "An install script starts a well-known tool (node-gyp, prebuild-install, husky, …). Harmless by itself.",
    InstallHook,
    Info,
    &[]
);

/// Tools that honest install scripts start.
const TOOLS: &[&str] = &[
    "node-gyp",
    "prebuild-install",
    "node-pre-gyp",
    "husky",
    "patch-package",
    "node-gyp-build",
    "prebuildify",
    "electron-builder",
    "cmake-js",
    "tsc",
    "napi",
    "opencollective",
];

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    written_scripts(context, hits);
    sweeps(context, hits);
    for act in context.of(Kind::Spawn) {
        let Some(command) = act.text.as_deref() else {
            continue;
        };
        let phase = context.phase_of(act);
        if phase == Phase::Install {
            let tool = command
                .split_whitespace()
                .filter_map(|word| word.rsplit(['/', '\\']).next())
                .find(|word| TOOLS.contains(word));
            if let Some(tool) = tool {
                hits.push(
                    hit(&INSTALL_TOOL, act.span, phase)
                        .title(format!("Starts {tool} when the package is installed")),
                );
            }
        }
        let layers = act
            .arguments
            .first()
            .map_or(&[][..], |first| first.layers());
        let text = command.replace(HOLE, "_");
        for found in indicators::shell(&text) {
            let rule = rule_of(found.act);
            let severity = severity(rule, found.act, phase, &text);
            let mut hit = hit(rule, act.span, phase)
                .title(format!("{} {}", rule.title, when(phase)))
                .severity(severity)
                .confidence(if act.exact {
                    Confidence::High
                } else {
                    Confidence::Medium
                })
                .layers(layers)
                .why(format!("The command line is: {}", cut(&text)));
            if let Some(decoded) = found.decoded {
                hit.layers.push(Layer {
                    encoding: "base64",
                    text: decoded.into(),
                });
            }
            hits.push(hit);
        }
    }
}

/// A text of the package that its scripts name.
pub fn carried(text: &str, phase: Phase, hits: &mut Vec<Hit>) {
    for found in indicators::shell(text) {
        let strong = matches!(
            found.act,
            ShellAct::DownloadAndRun
                | ShellAct::ReverseShell
                | ShellAct::DecodeAndRun
                | ShellAct::Upload
                | ShellAct::Destroy
        );
        if strong {
            let rule = rule_of(found.act);
            hits.push(
                Hit::new(rule, found.range, phase)
                    .confidence(Confidence::Medium)
                    .title(format!("Carries a text that does so: {}", rule.title)),
            );
        }
    }
}

/// Scripts for a shell that the code writes and, being hidden in a text, no other
/// analyzer reads.
fn written_scripts(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    const LONGEST: usize = 64 << 10;
    for act in context.of(Kind::Write) {
        let phase = context.phase_of(act);
        let path = act.text.as_deref().unwrap_or_default().to_ascii_lowercase();
        let script = [".vbs", ".bat", ".cmd", ".ps1", ".sh", ".hta", ".command"]
            .iter()
            .any(|end| path.ends_with(end));
        let hidden = act
            .arguments
            .get(1)
            .is_some_and(|data| !data.layers().is_empty());
        let data = act.arguments.get(1).and_then(|data| data.as_piece());
        let Some(data) = data.filter(|data| script && data.len() <= LONGEST) else {
            continue;
        };
        let text = data.replace(HOLE, "_");
        for found in indicators::shell(&text) {
            let strong = matches!(
                found.act,
                ShellAct::DownloadAndRun
                    | ShellAct::ReverseShell
                    | ShellAct::DecodeAndRun
                    | ShellAct::Destroy
            );
            if strong && (hidden || phase != Phase::Execute) {
                let rule = rule_of(found.act);
                hits.push(
                    hit(rule, act.span, phase)
                        .title(format!("Writes a script that does so: {}", rule.title))
                        .confidence(Confidence::Medium)
                        .why(format!("The script is: {}", cut(&text))),
                );
            }
        }
    }
}

/// `rm -rf *` and nothing else, wherever that happens to run.
fn sweeps(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for act in context.of(Kind::Spawn) {
        let words: Vec<&str> = act
            .text
            .as_deref()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let all = matches!(
            words[..],
            ["rm", "-rf" | "-fr", "*" | "./*" | ".*" | "../*"]
                | ["rd" | "rmdir", "/s", "/q", "." | "*"]
                | ["del", "/f", "/s", "/q", "*" | "*.*"]
        );
        let elsewhere = act
            .option(&mut context.evaluator.borrow_mut(), "cwd")
            .is_some();
        if all && !elsewhere {
            hits.push(
                hit(&DESTROY, act.span, context.phase_of(act))
                    .confidence(Confidence::Medium)
                    .why("Everything in the folder of whoever runs the code is deleted."),
            );
        }
    }
}

fn cut(text: &str) -> &str {
    packguard_sdk::text::cut(text, 200)
}

/// The rule for an act of a command line.
pub fn rule_of(act: ShellAct) -> &'static Rule {
    match act {
        ShellAct::DownloadAndRun => &DOWNLOAD_RUN,
        ShellAct::Download => &DOWNLOAD,
        ShellAct::Upload => &UPLOAD,
        ShellAct::ReverseShell => &REVERSE_SHELL,
        ShellAct::DecodeAndRun => &DECODE_RUN,
        ShellAct::Hidden => &HIDDEN,
        ShellAct::Recon => &RECON,
        ShellAct::Persist => &PERSIST,
        ShellAct::Destroy => &DESTROY,
    }
}

fn severity(rule: &Rule, act: ShellAct, phase: Phase, text: &str) -> Severity {
    let hostile = indicators::scan(text)
        .iter()
        .any(|found| super::download::is_hostile(found.kind));
    match act {
        ShellAct::Persist if phase == Phase::Execute => Severity::Low,
        ShellAct::Recon | ShellAct::Hidden if phase == Phase::Execute => Severity::Info,
        ShellAct::Download if hostile && phase != Phase::Execute => Severity::High,
        ShellAct::Download if phase == Phase::Execute => Severity::Info,
        ShellAct::DownloadAndRun | ShellAct::Upload if hostile => rule.severity.raised(),
        _ => rule.severity,
    }
}
