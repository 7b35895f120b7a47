//! What the manifests of all ecosystems have in common.

use packguard_sdk::Package;

/// Largest manifest read, in bytes: real ones are far smaller, and parsed forms take many
/// times the size of the text.
pub const MANIFEST_LIMIT: u64 = 4 << 20;

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
        .namespace()
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
    fn own_commands_do_not_shadow() {
        let npm = PackageBuilder::new("npm", "npm").build();
        assert!(!shadows("npm", &npm) && !shadows("npx", &npm));
        assert!(shadows("git", &npm));
        let pip = PackageBuilder::new("pypi", "pip").build();
        assert!(!shadows("pip3", &pip));
        assert!(!shadows("webpack", &pip));
    }
}
