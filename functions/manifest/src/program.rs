//! Which program an install hook starts: code under a false name, a bundled executable,
//! packages from an address.

use packguard_sdk::indicators::scan;
use packguard_sdk::text::cut;
use packguard_sdk::{Analysis, Category, Confidence, Rule, Severity};

use crate::hook::{Hook, Place};

/// An interpreter is given a font or a picture.
pub const DISGUISED: Rule = Rule::new(
    "hook-disguised-code",
    "An install hook runs code that pretends to be a font or picture",
    "A command that runs at install time lets an interpreter run a file whose name says that it is no code (`node fonts/a.woff2`). The name serves only to keep readers and scanners away.\n\nDo not install; read that file as code.",
    Category::DefenseEvasion,
    Severity::Critical,
    &["T1036.008"],
);

/// A program of the package is started.
pub const BUNDLED: Rule = Rule::new(
    "hook-bundled-program",
    "An install hook starts an executable of the package",
    "A command that runs at install time starts a compiled program that lies in the package. It cannot be read as code can.\n\nFind out where its source is, and whether it was built from it.",
    Category::Execution,
    Severity::Medium,
    &["T1204.002"],
);

/// Packages are installed from an address.
pub const INSTALLS: Rule = Rule::new(
    "hook-installs-address",
    "An install hook installs a package from an address",
    "A command that runs at install time installs another package from a URL, past the registry. What arrives is not part of the package, shows in no list of dependencies, and can change at any time.\n\nLook at what the address serves.",
    Category::CommandAndControl,
    Severity::Medium,
    &["T1105", "T1195.001"],
);

/// Interpreters.
const INTERPRETERS: &[&str] = &[
    "node", "bun", "deno", "python", "python3", "python2", "pythonw", "py", "ruby", "perl", "php",
    "sh", "bash", "zsh",
];

/// Ends of files that are no code.
const NO_CODE: &[&str] = &[
    ".woff2", ".woff", ".ttf", ".otf", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".pdf",
    ".mp3", ".mp4", ".webp", ".bmp", ".css", ".csv", ".log",
];

/// Ends of compiled programs.
const PROGRAMS: &[&str] = &[
    ".exe", ".scr", ".com", ".dll", ".elf", ".out", ".msi", ".app", ".pif",
];

/// Adds what the words of a hook's command show.
pub fn look(hook: &Hook<'_>, command: &str, analysis: &mut Analysis) {
    let words: Vec<String> = command
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '&' | '|' | '(' | ')'))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let base = |word: &str| {
        let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
        name.strip_suffix(".exe").unwrap_or(name).to_owned()
    };
    for pair in words.windows(2) {
        let program = base(&pair[0]);
        let ends = NO_CODE.iter().any(|end| pair[1].ends_with(end));
        if INTERPRETERS.contains(&program.as_str()) && ends {
            push(hook, &DISGUISED, DISGUISED.severity, command, analysis);
        }
    }
    let known = |word: &str| {
        matches!(
            base(word).as_str(),
            "node"
                | "npm"
                | "npx"
                | "yarn"
                | "pnpm"
                | "cmd"
                | "powershell"
                | "pwsh"
                | "python"
                | "git"
                | "msbuild"
                | "where"
                | "taskkill"
                | "reg"
                | "cscript"
                | "wscript"
                | "curl"
                | "certutil"
        )
    };
    let starts_program = words.iter().enumerate().any(|(at, word)| {
        let own =
            word.starts_with("./") || word.starts_with(".\\") || !word.contains([':', '%', '$']);
        let named = at == 0
            || matches!(
                words[at - 1].as_str(),
                "start"
                    | "/c"
                    | "/b"
                    | "call"
                    | "start-process"
                    | "rundll32"
                    | "wine"
                    | "regsvr32"
                    | "/s"
                    | "/i"
            );
        PROGRAMS.iter().any(|end| {
            word.split(',')
                .next()
                .is_some_and(|word| word.ends_with(end))
        }) && own
            && (named || word.starts_with("./") || word.starts_with(".\\"))
            && !known(word)
    });
    if starts_program {
        push(hook, &BUNDLED, BUNDLED.severity, command, analysis);
    }
    installs(hook, command, &words, analysis);
}

/// `npm install https://…`, `pip install http://…`.
fn installs(hook: &Hook<'_>, command: &str, words: &[String], analysis: &mut Analysis) {
    let managers = [
        "npm", "yarn", "pnpm", "bun", "pip", "pip3", "gem", "npx", "bunx",
    ];
    let Some(at) = words
        .iter()
        .position(|word| managers.contains(&word.as_str()))
    else {
        return;
    };
    let remote = words[at..].iter().any(|word| {
        let url = word.contains("://") && !word.starts_with("--") && !word.contains("registry=");
        url || word.starts_with("git+")
    });
    if !remote {
        return;
    }
    let hostile = scan(command)
        .iter()
        .any(|found| found.kind.is_hostile_host());
    let plain = command.contains("http://");
    let severity = match (hostile, plain) {
        (true, _) => Severity::Critical,
        (false, true) => Severity::High,
        (false, false) => Severity::Medium,
    };
    push(hook, &INSTALLS, severity, command, analysis);
}

fn push(hook: &Hook<'_>, rule: &Rule, severity: Severity, command: &str, analysis: &mut Analysis) {
    let range = match &hook.place {
        Place::At(range) => range.clone(),
        Place::From(start) => *start..start + command.len(),
    };
    analysis.push(
        rule.at(hook.file, hook.source, range, Confidence::High)
            .severity(severity.lowered(hook.lower))
            .phase(hook.phase)
            .title(format!(
                "{}: {}",
                rule.title.replace("An install hook", hook.what),
                cut(command, 120)
            )),
    );
}
