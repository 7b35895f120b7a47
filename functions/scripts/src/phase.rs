//! What of a package runs by itself, and which scripts that starts.

use std::collections::BTreeSet;

use packguard_sdk::{Analysis, File, Package, Phase};
use serde_json::Value;

/// Largest file read for what it starts, in bytes.
const READ_LIMIT: u64 = 512 << 10;

/// Most files read for what they start.
const FILES: usize = 60;

/// npm's scripts that run by themselves.
const NPM: &[&str] = &[
    "preinstall",
    "install",
    "postinstall",
    "prepare",
    "preprepare",
    "postprepare",
];

/// Extensions of files that hooks start and that start others.
const FOLLOWED: &[&str] = &[
    "js", "cjs", "mjs", "ts", "py", "rb", "php", "sh", "bash", "ps1", "bat", "cmd", "vbs", "pl",
    "rs",
];

/// Words of code that starts programs.
const STARTERS: &[&str] = &[
    "subprocess",
    "os.system",
    "popen",
    "child_process",
    "exec(",
    "execsync",
    "spawn",
    "shellexecute",
    "startfile",
    "shell_exec",
    "proc_open",
    "command::new",
    "process.start",
    "runtime.getruntime",
    "%x",
    "system(",
];

/// The texts that run by themselves.
#[derive(Debug, Default)]
pub struct Hooks {
    install: Vec<String>,
    import: Vec<String>,
    /// The words of both that can be names of files.
    install_words: BTreeSet<String>,
    import_words: BTreeSet<String>,
    /// A hook runs `make`.
    makes: bool,
}

impl Hooks {
    /// Gathers them.
    pub fn of(package: &Package) -> Self {
        let mut hooks = Self::default();
        let mut read = 0;
        for file in package.all_files() {
            if file.size() > READ_LIMIT || read >= 4 * FILES || !starts(file) {
                continue;
            }
            read += 1;
            if let Ok(bytes) = file.read() {
                hooks.add(file, &packguard_sdk::text::decode(&bytes));
            }
        }
        hooks.import_words = hooks.import.iter().flat_map(|text| words(text)).collect();
        if !hooks.install.is_empty() {
            hooks.install_words = hooks.install.iter().flat_map(|text| words(text)).collect();
            hooks.follow(package);
        }
        hooks.makes = hooks.install.iter().any(|text| makes(text));
        hooks
    }

    fn add(&mut self, file: File<'_>, text: &str) {
        match file.name() {
            "package.json" | "composer.json" => {
                let Ok(manifest) = serde_json::from_str::<Value>(text) else {
                    return;
                };
                let Some(Value::Object(scripts)) = manifest.get("scripts") else {
                    return;
                };
                for (name, command) in scripts {
                    let runs = NPM.contains(&name.as_str())
                        || name.starts_with("post-")
                        || name.starts_with("pre-");
                    if runs && !command.is_null() {
                        self.install.push(command.to_string().to_ascii_lowercase());
                    }
                }
            }
            "__init__.py" | "index.js" | "main.js" | "extension.js" => {
                let lower = text.to_ascii_lowercase();
                if STARTERS.iter().any(|word| lower.contains(word)) {
                    self.import.push(lower);
                }
            }
            _ => self.install.push(text.to_ascii_lowercase()),
        }
    }

    /// Adds the files that hooks start, twice over.
    fn follow(&mut self, package: &Package) {
        let mut known: Vec<&str> = Vec::new();
        for _ in 0..2 {
            let mut found = Vec::new();
            for file in package.files() {
                let wanted =
                    FOLLOWED.contains(&file.extension().as_str()) && file.size() <= READ_LIMIT;
                if !wanted
                    || known.contains(&file.path())
                    || known.len() >= FILES
                    || !self.installs(file)
                {
                    continue;
                }
                known.push(file.path());
                if let Ok(bytes) = file.read() {
                    let lower = packguard_sdk::text::decode(&bytes).to_ascii_lowercase();
                    let script = matches!(
                        file.extension().as_str(),
                        "sh" | "bash" | "ps1" | "bat" | "cmd" | "vbs"
                    );
                    if script || STARTERS.iter().any(|word| lower.contains(word)) {
                        found.push(lower);
                    }
                }
            }
            if found.is_empty() {
                return;
            }
            self.install_words
                .extend(found.iter().flat_map(|text| words(text)));
            self.install.append(&mut found);
        }
    }

    fn installs(&self, file: File<'_>) -> bool {
        self.install_words
            .contains(&file.name().to_ascii_lowercase())
    }

    /// When a script runs, as far as that can be told.
    pub fn phase(&self, file: File<'_>) -> Phase {
        let path = file.path().to_ascii_lowercase();
        let name = file.name().to_ascii_lowercase();
        let by_installer = matches!(name.as_str(), "init.ps1" | "install.ps1")
            && path.contains("tools/")
            || matches!(name.as_str(), "makefile" | "gnumakefile") && self.makes;
        if by_installer || self.installs(file) {
            return Phase::Install;
        }
        if self.import_words.contains(&name) {
            return Phase::Import;
        }
        Phase::Unknown
    }

    /// Whether a shell is given the file, whatever its name says.
    pub fn interprets(&self, file: File<'_>) -> bool {
        let name = file.name().to_ascii_lowercase();
        if !self.install_words.contains(&name) && !self.import_words.contains(&name) {
            return false;
        }
        self.install.iter().chain(&self.import).any(|text| {
            mentions(text, &name).is_some_and(|at| {
                let from = text.floor_char_boundary(at.saturating_sub(60));
                let before = &text[from..at];
                [
                    "sh ",
                    "bash",
                    "powershell",
                    "pwsh",
                    "source ",
                    "chmod",
                    "sh\"",
                ]
                .iter()
                .any(|word| before.contains(word))
            })
        })
    }
}

/// Whether a file runs by itself, or is where a package's code begins.
fn starts(file: File<'_>) -> bool {
    let path = file.path();
    let depth = path.matches('/').count();
    match file.name() {
        "package.json" | "composer.json" | "setup.py" | "build.rs" | "binding.gyp"
        | "tasks.json" => depth <= 2,
        "action.yml" | "action.yaml" => is_action(file),
        "extconf.rb" | "mkrf_conf.rb" | "rubygems_plugin.rb" => true,
        "__init__.py" => depth <= 3,
        "index.js" | "main.js" | "extension.js" => depth <= 2,
        _ => path.ends_with(".targets") && path.contains("build"),
    }
}

/// Whether a file describes an action, whose steps run for who uses it.
pub fn is_action(file: File<'_>) -> bool {
    matches!(file.name(), "action.yml" | "action.yaml") && file.path().matches('/').count() <= 1
}

/// Whether a hook runs `make`: as the first word of a command or of a list.
fn makes(text: &str) -> bool {
    [
        "\"make\"", "'make'", "\"make ", "'make ", "&& make", "; make",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// The words of a text that can be names of files.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_')))
        .map(|word| word.trim_matches('.'))
        .filter(|word| (4..80).contains(&word.len()))
        .map(str::to_owned)
}

/// Where a text names a file.
fn mentions(text: &str, name: &str) -> Option<usize> {
    if name.len() < 4 {
        return None;
    }
    text.match_indices(name)
        .take(50)
        .map(|(at, _)| at)
        .find(|at| {
            let before = text[..*at].chars().next_back();
            let after = text[at + name.len()..].chars().next();
            let word =
                |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
            let inside = word(before) || word(after) || before == Some('.');
            !inside && (after != Some('.') || !name.contains('.'))
        })
}

/// Notes a file that could not be read whole.
pub fn too_large(file: File<'_>, analysis: &mut Analysis) {
    analysis.problem(
        file,
        "its script was not looked at in full: too many layers or too much to put together",
    );
}
