//! What manifests say about which source files run while a package is installed.

use std::collections::BTreeSet;

use packguard_sdk::Package;

use crate::lang::Lang;

/// Largest manifest that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// Files that run at install, as manifests name them.
#[derive(Debug, Default)]
pub struct Installs {
    /// Folders of crates that are procedural macros.
    macros: Vec<String>,
    /// Names of PHP classes that Composer runs.
    classes: BTreeSet<String>,
    /// Build scripts with names of their own.
    scripts: BTreeSet<String>,
}

impl Installs {
    /// Reads the package's manifests.
    pub fn of(package: &Package) -> Self {
        let mut installs = Self::default();
        for file in package.files() {
            let known = matches!(file.name(), "Cargo.toml" | "composer.json");
            if !known || file.size() > LIMIT {
                continue;
            }
            let Ok(bytes) = file.read() else { continue };
            let text = String::from_utf8_lossy(&bytes);
            let folder = file.path().strip_suffix(file.name()).unwrap_or_default();
            if file.name() == "Cargo.toml" {
                installs.cargo(folder, &text);
            } else {
                installs.composer(&text);
            }
        }
        installs
    }

    fn cargo(&mut self, folder: &str, text: &str) {
        for line in text.lines() {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            match (key.trim(), value.trim()) {
                ("proc-macro" | "proc_macro", "true") => self.macros.push(folder.to_owned()),
                ("build", value) if value.starts_with('"') => {
                    let name = value.trim_matches('"').trim_start_matches("./");
                    self.scripts.insert(format!("{folder}{name}"));
                }
                _ => {}
            }
        }
    }

    fn composer(&mut self, text: &str) {
        let events = [
            "post-install",
            "post-update",
            "pre-install",
            "post-autoload",
            "pre-autoload",
            "post-package",
            "post-root",
        ];
        for line in text.lines() {
            let script = events.iter().any(|event| line.contains(event)) || line.contains("::");
            let plugin = line.contains("\"class\"");
            if !script && !plugin {
                continue;
            }
            for part in line.split('"') {
                let class = part.split("::").next().unwrap_or(part);
                if class.contains('\\') || part.contains("::") {
                    let name = class.rsplit('\\').next().unwrap_or(class);
                    self.classes.insert(name.to_owned());
                }
            }
        }
    }

    /// Whether a file runs at install.
    pub fn runs(&self, path: &str, lang: Lang) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        match lang {
            Lang::Rust => {
                self.scripts.contains(path)
                    || self.macros.iter().any(|folder| {
                        path.strip_prefix(folder.as_str())
                            .is_some_and(|rest| rest.starts_with("src/"))
                    })
            }
            Lang::Php => name
                .strip_suffix(".php")
                .is_some_and(|stem| self.classes.contains(stem)),
            _ => false,
        }
    }
}
