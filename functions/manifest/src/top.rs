//! Finding and reading the manifests that an installer reads.

use packguard_sdk::{Analysis, File, Package, text};

/// Largest manifest read, in bytes: real ones are far smaller, and parsed forms take many
/// times the size of the text.
pub const MANIFEST_LIMIT: u64 = 4 << 20;

/// The files that stand at the top of their artifact and that `wanted` takes by path
/// below the top folder.
///
/// An archive has one top folder by convention (`package/`, `name-1.0/`), which installers
/// strip whatever its name; a local folder or a zip has none. So the files at the root
/// count, or, where an artifact has none there, those one folder down.
pub fn top_files<'p>(package: &'p Package, wanted: impl Fn(&str) -> bool) -> Vec<File<'p>> {
    let mut found: Vec<(bool, File<'p>)> = package
        // Repeats too: a copy placed before the manifest must not hide it.
        .all_files()
        .filter_map(|file| {
            let path = file.path();
            if wanted(path) {
                return Some((true, file));
            }
            let below = path.split_once('/').map(|(_, below)| below);
            below.is_some_and(&wanted).then_some((false, file))
        })
        .collect();
    let rooted: Vec<u32> = found
        .iter()
        .filter(|(root, _)| *root)
        .map(|(_, file)| file.entry.artifact)
        .collect();
    found.retain(|(root, file)| *root || rooted.binary_search(&file.entry.artifact).is_err());
    found.into_iter().map(|(_, file)| file).collect()
}

/// The text of a manifest; a problem where it can't be read whole.
pub fn read(file: File<'_>, limit: u64, analysis: &mut Analysis) -> Option<String> {
    if file.size() > limit {
        analysis.problem(
            file,
            format!("larger than {limit} bytes: not looked at as a manifest"),
        );
        return None;
    }
    match file.read() {
        Ok(bytes) => Some(text::decode(&bytes).into_owned()),
        Err(error) => {
            analysis.problem(file, format!("not readable: {error}"));
            None
        }
    }
}

/// The byte range of `needle` in `text` from `start` on; the start of the text where it
/// does not stand there literally (escapes).
pub fn find(text: &str, start: usize, needle: &str) -> std::ops::Range<usize> {
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    match memchr::memmem::find(rest, needle.as_bytes()) {
        Some(at) => start + at..start + at + needle.len(),
        None => 0..0,
    }
}

/// Commands that users type and trust; a package that installs one of its own takes
/// their place.
const WELL_KNOWN_COMMANDS: &[&str] = &[
    "apt",
    "awk",
    "bash",
    "brew",
    "bundle",
    "cargo",
    "cat",
    "chmod",
    "cmd",
    "composer",
    "cp",
    "curl",
    "deno",
    "docker",
    "dotnet",
    "find",
    "gem",
    "gcc",
    "git",
    "go",
    "gpg",
    "grep",
    "java",
    "javac",
    "kubectl",
    "ls",
    "make",
    "mv",
    "mvn",
    "node",
    "nodejs",
    "npm",
    "npx",
    "openssl",
    "perl",
    "php",
    "pip",
    "pip3",
    "pnpm",
    "powershell",
    "python",
    "python3",
    "rm",
    "rsync",
    "ruby",
    "rustc",
    "scp",
    "sed",
    "sh",
    "ssh",
    "sudo",
    "systemctl",
    "tar",
    "terraform",
    "unzip",
    "wget",
    "yarn",
    "zsh",
];

/// Whether a command takes the place of a well-known one, and the package is not that
/// command's own (`npm` installs `npm`, `@yarnpkg/cli` installs `yarn`).
pub fn shadows(command: &str, package: &Package) -> bool {
    let known = WELL_KNOWN_COMMANDS.contains(&command);
    let scope = package
        .0
        .namespace
        .as_deref()
        .unwrap_or_default()
        .trim_start_matches('@');
    let stem = command.trim_end_matches(|c: char| c.is_ascii_digit());
    let own = package.name() == stem
        || package.name() == command
        || scope.starts_with(stem)
        || matches!(
            (package.name(), command),
            ("npm", "npx") | ("corepack", "yarn" | "pnpm" | "npm" | "npx")
        );
    known && !own
}

#[cfg(test)]
mod tests {
    use super::*;
    use packguard_sdk::testing::PackageBuilder;

    #[test]
    fn files_one_folder_down_count_only_without_one_at_the_root() {
        let package = PackageBuilder::new("npm", "a")
            .file("package.json", "{}")
            .file("examples/package.json", "{}")
            .artifact("b")
            .file("x/package.json", "{}")
            .file("y/package.json", "{}")
            .file("y/z/package.json", "{}")
            .build();
        let found = top_files(&package, |path| path == "package.json");
        let paths: Vec<&str> = found.iter().map(|file| file.path()).collect();
        assert_eq!(paths, ["package.json", "x/package.json", "y/package.json"]);
    }

    #[test]
    fn own_commands_do_not_shadow() {
        let npm = PackageBuilder::new("npm", "npm").build();
        assert!(!shadows("npm", &npm) && !shadows("npx", &npm));
        assert!(shadows("git", &npm));
        let pip = PackageBuilder::new("pypi", "pip").build();
        assert!(!shadows("pip3", &pip));
        assert!(!shadows("webpack", &pip));
    }
}
