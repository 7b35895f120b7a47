use pretty_assertions::assert_eq;

use super::*;

#[test]
fn cargo_lock() {
    check(
        Kind::CargoLock,
        r#"version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = ["serde"]

[[package]]
name = "serde"
version = "1.0.200"
source = "registry+https://index.example/"
checksum = "ddc6f9cc94d67c0e21aaf7eda3a010fd3af78ebf6e096aa6e2e13c79749cce4f"

[[package]]
name = "serde"
version = "0.9.0"
source = "sparse+https://index.example/"

[[package]]
name = "forked"
version = "1.0.0"
source = "git+https://git.example/forked?rev=1#1"

[[package]]
name = "no-version"
source = "registry+https://index.example/"

[[package]]
name = "../up"
version = "1.0.0"
source = "registry+https://index.example/"
"#,
        "8 pkg:cargo/serde@1.0.200 Sha256:ddc6f9
         14 pkg:cargo/serde@0.9.0
         skip 19 forked 1.0.0 git+https://git.example/forked?rev=1#1 | from a git repository, not from a registry
         skip 24 no-version | has no name or no version
         skip 28 ../up 1.0.0 | not a valid package name
         local 1",
    );
}

#[test]
fn version_1_keeps_checksums_apart() {
    check(
        Kind::CargoLock,
        r#"[[package]]
name = "a"
version = "1.0.0"
source = "registry+https://index.example/"

[metadata]
"checksum a 1.0.0 (registry+https://index.example/)" = "ddc6f9cc94d67c0e21aaf7eda3a010fd3af78ebf6e096aa6e2e13c79749cce4f"
"#,
        "1 pkg:cargo/a@1.0.0 Sha256:ddc6f9",
    );
}

#[test]
fn a_lock_file_without_published_packages_is_an_error() {
    let local = "[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n";
    assert_eq!(
        refused(Kind::CargoLock, local.as_bytes()),
        "no packages found in the Cargo.lock (only 1 local)"
    );
    assert_eq!(
        refused(Kind::CargoLock, b"version = 4\n"),
        "no packages found in the Cargo.lock"
    );
    assert!(refused(Kind::CargoLock, b"package = 1").contains("not an array of tables"));
    let broken = refused(Kind::CargoLock, b"\n<html>nothing here</html>");
    assert!(
        broken.starts_with("not a readable Cargo.lock (line 2)"),
        "{broken}"
    );
}

/// The real thing: this workspace's own lock file.
#[test]
fn our_own_lock_file() {
    let parsed = parse(Kind::CargoLock, include_bytes!("../../../../../Cargo.lock")).unwrap();
    assert_eq!(parsed.skipped, []);
    assert_eq!(parsed.notes, []);
    assert!(parsed.local >= 3);
    assert!(
        parsed
            .packages
            .iter()
            .all(|entry| !entry.expected_hashes.is_empty())
    );
    let toml = |entry: &&Entry| entry.purl.starts_with("pkg:cargo/toml@");
    assert!(parsed.packages.iter().any(|entry| toml(&entry)));
}
