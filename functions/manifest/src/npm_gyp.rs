//! npm: binding.gyp, whose commands run at install.

use packguard_sdk::text::{Source, cut};
use packguard_sdk::{Analysis, Category, Confidence, File, Phase, Rule, Severity};

use crate::hook::{Hook, Place, grade};
use crate::top::MANIFEST_LIMIT;

/// npm builds it because binding.gyp stands there.
pub const IMPLICIT_GYP: Rule = Rule {
    id: "npm-implicit-gyp",
    title: "npm builds the package because binding.gyp is there",
    help: "With a `binding.gyp` and no install script of its own, npm runs `node-gyp rebuild` at install: the build description is executed although `package.json` shows no script.\n\nNormal for native addons.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// A command expansion in binding.gyp.
pub const GYP_COMMAND: Rule = Rule {
    id: "npm-gyp-command",
    title: "binding.gyp runs a command when it is read",
    help: "`<!(command)` in `binding.gyp` is executed while node-gyp reads the file, at install. Honest addons ask `node -p` for include folders or `pkg-config` for flags; a script that is run with its output thrown away is there for its side effects.\n\nRead the command and the script it starts.",
    category: Category::InstallHook,
    severity: Severity::High,
    attack: &["T1204.005"],
};

/// Programs whose answers binding.gyp files ask for.
const GYP_ORDINARY: &[&str] = &[
    "node",
    "python",
    "python2",
    "python3",
    "pkg-config",
    "echo",
    "uname",
    "which",
    "pwd",
    "node-gyp",
    "xcrun",
    "xcode-select",
    "sw_vers",
    "brew",
    "llvm-config",
    "cmake-js",
    "arch",
];

/// Looks at one binding.gyp. `scripted`: the package has an install script of its own.
pub fn look(file: File<'_>, scripted: bool, analysis: &mut Analysis) {
    let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
        return;
    };
    let source = Source::new(&text);
    if !scripted {
        let finding = IMPLICIT_GYP
            .at_file(file, Confidence::High)
            .phase(Phase::Install);
        analysis.push(finding);
    }
    for (range, command) in expansions(&text) {
        let hook = Hook {
            file,
            source: &source,
            place: Place::From(range.start),
            phase: Phase::Install,
            lower: 0,
            what: "binding.gyp",
        };
        let graded = grade(&hook, command, analysis);
        if let Some(severity) = gyp_severity(command).filter(|_| !graded) {
            let finding = GYP_COMMAND
                .at(file, &source, range, Confidence::Medium)
                .severity(severity)
                .title(format!("binding.gyp runs: {}", cut(command, 120)))
                .phase(Phase::Install);
            analysis.push(finding);
        }
    }
}

/// How odd a command is whose output binding.gyp wants.
fn gyp_severity(command: &str) -> Option<Severity> {
    let silent =
        command.contains("/dev/null") || command.contains(">nul") || command.contains("> nul");
    let mut words = command.split_whitespace();
    let program = words
        .next()
        .unwrap_or_default()
        .trim_matches(['"', '\'', '\\']);
    let program = program.rsplit('/').next().unwrap_or(program);
    let script = words.next().is_some_and(|first| {
        !first.starts_with('-') && first.trim_matches(['"', '\'', '\\']).ends_with("js")
    });
    match (program, script) {
        ("node", true) if silent => Some(Severity::High),
        _ if !GYP_ORDINARY.contains(&program) => Some(Severity::Low),
        _ => None,
    }
}

/// The commands of `<!(…)` and `<!@(…)`, with where they stand.
fn expansions(text: &str) -> Vec<(std::ops::Range<usize>, &str)> {
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(text.as_bytes(), "<!") {
        let rest = &text[at + 2..];
        let rest = rest.strip_prefix('@').unwrap_or(rest);
        let Some(inner) = rest.strip_prefix('(') else {
            continue;
        };
        let start = text.len() - inner.len();
        let mut open = 1_usize;
        let end = inner.bytes().take(16_384).position(|byte| {
            open = match byte {
                b'(' => open + 1,
                b')' => open - 1,
                _ => open,
            };
            open == 0
        });
        if let Some(end) = end {
            found.push((start..start + end, &inner[..end]));
        }
    }
    found
}
