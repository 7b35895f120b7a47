//! When each file of the package runs.
//!
//! Files that a lifecycle script runs, and what they load, run at installation; the
//! package's entry points, and what they load, when it is imported; all others when
//! somebody calls them.

use std::collections::{BTreeMap, BTreeSet};

use packguard_sdk::{Package, Phase};
use serde_json::Value;

use crate::origin::Own;

mod folders;
mod texts;

use texts::{own_names, relative_paths, texts};

/// Largest manifest that is read, in bytes.
const MANIFEST_LIMIT: u64 = 4 << 20;

/// Largest file whose imports are followed, in bytes; the analyzer's own limit is
/// higher, but bundles import nothing.
const FOLLOWED_LIMIT: u64 = 8 << 20;

/// Largest shell script that is searched for the scripts it starts, in bytes.
const SHELL_LIMIT: u64 = 256 << 10;

/// Files followed from the entry points.
const FOLLOWED: usize = 3_000;

/// Scripts that run when a package is installed.
const LIFECYCLE: &[&str] = &[
    "preinstall",
    "install",
    "postinstall",
    "prepare",
    "preprepare",
    "postprepare",
    "prepublish",
    "preuninstall",
    "uninstall",
    "postuninstall",
];

/// Files that install scripts may load before a function in them is no longer taken
/// to run at installation: a hook that loads a whole build system calls little of it.
const INSTALL_CLOSURE: usize = 40;

/// Scripts calling scripts deeper than this are not followed.
const SCRIPT_DEPTH: usize = 8;

/// What the manifests say.
#[derive(Debug, Default)]
pub struct Phases {
    /// Phase by index into the package's files.
    phases: BTreeMap<usize, Phase>,
    /// Files named as programs, which may lack an extension.
    programs: BTreeSet<usize>,
    /// Files of an install script's closure that is so large that only what they run
    /// when loaded counts.
    loaded_only: BTreeSet<usize>,
    /// Whether it is an editor's extension.
    pub activates: bool,
    /// What belongs to the package.
    pub own: Own,
    /// Files that lifecycle scripts start.
    pub install: Vec<usize>,
    /// Entry points.
    pub import: Vec<usize>,
    /// Folders above the manifest, where there is one.
    top: Option<usize>,
}

impl Phases {
    /// When file `index` runs.
    pub fn of(&self, index: usize) -> Phase {
        self.phases.get(&index).copied().unwrap_or(Phase::Execute)
    }

    /// How many folders below the manifest a path is.
    pub fn depth_of(&self, path: &str) -> Option<usize> {
        path.matches('/').count().checked_sub(self.top?)
    }

    /// Whether only what file `index` runs when it is loaded has its phase.
    pub fn is_loaded_only(&self, index: usize) -> bool {
        self.loaded_only.contains(&index)
    }

    /// Whether a manifest names file `index` as a program or entry point.
    pub fn is_program(&self, index: usize) -> bool {
        self.programs.contains(&index)
    }
}

/// Finds files of a package by the paths that code names.
pub struct Resolver<'p> {
    package: &'p Package,
    index: BTreeMap<(u32, &'p str), usize>,
}

/// Reads the manifests and follows the entry points.
pub fn find(package: &Package) -> Phases {
    let resolver = Resolver::new(package);
    let mut phases = Phases::default();
    phases.own.add_name(package.name());
    if let Some(namespace) = &package.0.namespace {
        phases.own.add_name(namespace);
    }
    if let Some(metadata) = package
        .metadata()
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
    {
        for key in ["homepage", "repository"] {
            if let Some(url) = metadata.get(key).and_then(Value::as_str) {
                phases.own.add_url(url);
            }
        }
    }
    let mut install = Vec::new();
    let mut import = Vec::new();
    for manifest in resolver.manifests() {
        let path = package.0.files.get(manifest).map(|file| &file.path);
        phases.top = path.map(|path| path.matches('/').count());
        resolver.manifest(manifest, &mut phases, &mut install, &mut import);
    }
    resolver.actions(&mut import);
    phases.install.clone_from(&install);
    phases.import.clone_from(&import);
    resolver.follow(install.clone(), Phase::Install, &mut phases);
    if phases.phases.len() > INSTALL_CLOSURE {
        let reached = phases.phases.keys().copied();
        phases.loaded_only = reached.filter(|at| !install.contains(at)).collect();
    }
    resolver.follow(import, Phase::Import, &mut phases);
    phases
}

impl<'p> Resolver<'p> {
    /// Of the files of `package`.
    pub fn new(package: &'p Package) -> Self {
        let files = package.0.files.iter().enumerate();
        Self {
            package,
            index: files
                .map(|(at, file)| ((file.artifact, file.path.as_str()), at))
                .collect(),
        }
    }

    /// A file of JSON, on one line, as an expression.
    pub fn json(&self, index: usize) -> Option<String> {
        const LIMIT: u64 = 64 << 10;
        let entry = self.package.0.files.get(index)?;
        if !entry.path.ends_with(".json") {
            return None;
        }
        let text = self.read(index, LIMIT)?;
        let value: Value = serde_json::from_str(&text).ok()?;
        Some(format!("({value})"))
    }

    /// The manifest of each artifact: the one nearest to its top.
    fn manifests(&self) -> Vec<usize> {
        let mut nearest: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        for (at, file) in self.package.0.files.iter().enumerate() {
            let depth = file.path.matches('/').count();
            let named = file.path.rsplit('/').next() == Some("package.json");
            if named
                && depth <= 1
                && nearest
                    .get(&file.artifact)
                    .is_none_or(|have| depth < have.0)
            {
                nearest.insert(file.artifact, (depth, at));
            }
        }
        nearest.into_values().map(|(_, at)| at).collect()
    }

    /// What a GitHub action runs: `main`, `pre` and `post` of its `action.yml`.
    fn actions(&self, import: &mut Vec<usize>) {
        for (at, file) in self.package.0.files.iter().enumerate() {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            if !matches!(name, "action.yml" | "action.yaml") || file.path.matches('/').count() > 2 {
                continue;
            }
            let text = self.read(at, MANIFEST_LIMIT).unwrap_or_default();
            for line in text.split(['\n', ',', '{', '}']).take(4_000) {
                if let Some((key, path)) = line.trim().split_once(':')
                    && matches!(key, "main" | "pre" | "post")
                {
                    let path = path.trim().trim_matches(['\'', '"']);
                    import.extend(self.resolve(at, path));
                }
            }
        }
    }

    /// The text of a file that is not larger than `limit`.
    pub fn read(&self, index: usize, limit: u64) -> Option<String> {
        let entry = self.package.0.files.get(index)?;
        if entry.size > limit {
            return None;
        }
        let bytes = packguard_sdk::File { entry }.read().ok()?;
        Some(packguard_sdk::text::decode(&bytes).into_owned())
    }

    fn manifest(
        &self,
        index: usize,
        phases: &mut Phases,
        install: &mut Vec<usize>,
        import: &mut Vec<usize>,
    ) {
        let Some(manifest) = self
            .read(index, MANIFEST_LIMIT)
            .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        else {
            // A manifest that is not JSON is the manifest analyzer's finding.
            return;
        };
        own_names(&manifest, &mut phases.own);
        let engines = manifest.get("engines");
        phases.activates |= engines.and_then(|engines| engines.get("vscode")).is_some();
        if let Some(scripts) = manifest.get("scripts").and_then(Value::as_object) {
            for name in LIFECYCLE {
                self.script(index, scripts, name, 0, install);
            }
        }
        if let Some(binding) = self.resolve(index, "binding.gyp")
            && let Some(text) = self.read(binding, MANIFEST_LIMIT)
        {
            self.command(index, &text, 0, install);
        }
        let mut entries = Vec::new();
        let keys = ["main", "module", "exports", "browser", "imports"];
        for key in keys {
            if let Some(value) = manifest.get(key) {
                texts(value, &mut entries, 0);
            }
        }
        if manifest.get("main").is_none() {
            entries.push("./index");
        }
        import.extend(entries.iter().filter_map(|path| self.resolve(index, path)));
        let mut programs = Vec::new();
        if let Some(bin) = manifest.get("bin") {
            texts(bin, &mut programs, 0);
        }
        phases.programs.extend(
            programs
                .iter()
                .chain(&entries)
                .filter_map(|path| self.resolve(index, path)),
        );
        phases.programs.extend(install.iter().copied());
    }

    /// Files that script `name`, and scripts it calls, run.
    fn script(
        &self,
        manifest: usize,
        scripts: &serde_json::Map<String, Value>,
        name: &str,
        depth: usize,
        install: &mut Vec<usize>,
    ) {
        let Some(command) = scripts.get(name).and_then(Value::as_str) else {
            return;
        };
        self.command(manifest, command, 0, install);
        if depth >= SCRIPT_DEPTH {
            return;
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        for pair in words.windows(2) {
            if matches!(pair[0], "run" | "run-script" | "yarn" | "pnpm") && pair[1] != name {
                self.script(manifest, scripts, pair[1], depth + 1, install);
            }
        }
    }

    /// Files of the package that a command line names.
    fn command(&self, manifest: usize, command: &str, depth: u8, install: &mut Vec<usize>) {
        let mut after_node = false;
        for word in
            command.split(|letter: char| letter.is_whitespace() || ";&|()<>'\"`,".contains(letter))
        {
            if word.is_empty() {
                continue;
            }
            let script = [".js", ".cjs", ".mjs", ".ts"]
                .iter()
                .any(|end| word.ends_with(end));
            let relative = word.starts_with("./") || word.starts_with("../");
            if script || relative || after_node && !word.starts_with('-') {
                install.extend(self.resolve(manifest, word).filter(|at| self.is_code(*at)));
            }
            let shell = [".sh", ".bat", ".cmd", ".ps1"];
            if shell.iter().any(|end| word.ends_with(end))
                && depth == 0
                && let Some(at) = self.resolve(manifest, word)
                && let Some(text) = self.read(at, SHELL_LIMIT)
            {
                self.command(manifest, &text, 1, install);
            }
            after_node = matches!(word, "node" | "tsx" | "ts-node" | "bun" | "nodejs")
                || after_node && word.starts_with('-');
        }
    }

    /// Whether a file may be a script of ours: what a command line names may be any.
    fn is_code(&self, at: usize) -> bool {
        let name = self
            .package
            .0
            .files
            .get(at)
            .map_or("", |file| file.path.as_str());
        let name = name.rsplit('/').next().unwrap_or_default();
        match name.rsplit_once('.') {
            Some((_, extension)) => crate::is_script(extension, name),
            None => true,
        }
    }

    /// The file that `path` means, seen from file `from`.
    pub fn resolve(&self, from: usize, path: &str) -> Option<usize> {
        let entry = self.package.0.files.get(from)?;
        let base = self.absolute(from, path)?;
        let endings = [
            "",
            ".js",
            ".cjs",
            ".mjs",
            ".ts",
            ".tsx",
            ".jsx",
            "/index.js",
            "/index.cjs",
            "/index.mjs",
            "/index.ts",
        ];
        endings.iter().find_map(|ending| {
            let candidate = format!("{base}{ending}");
            self.index
                .get(&(entry.artifact, candidate.as_str()))
                .copied()
        })
    }

    /// Gives `entries` and all they load their phase, where they have none yet.
    fn follow(&self, entries: Vec<usize>, phase: Phase, phases: &mut Phases) {
        let mut work = entries;
        let mut followed = 0;
        while let Some(index) = work.pop() {
            if phases.phases.contains_key(&index) || followed >= FOLLOWED {
                continue;
            }
            followed += 1;
            phases.phases.insert(index, phase);
            if let Some(text) = self.read(index, FOLLOWED_LIMIT) {
                for path in relative_paths(&text) {
                    work.extend(self.resolve(index, path));
                    work.extend(self.folder(index, path));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
