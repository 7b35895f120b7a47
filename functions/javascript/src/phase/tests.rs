//! Which file runs when.

use super::*;
use packguard_sdk::testing::PackageBuilder;

#[test]
fn scripts_entries_and_what_they_load() {
    let package = PackageBuilder::new("npm", "x")
        .file(
            "package/package.json",
            r#"{"scripts":{"postinstall":"npm run setup && echo ok","setup":"node ./tools/setup"},
                    "exports":{".":{"require":"./lib/main.cjs"}},"bin":{"x":"./bin/x"}}"#,
        )
        .file("package/tools/setup.js", "require('./helper')")
        .file("package/tools/helper.js", "")
        .file(
            "package/lib/main.cjs",
            "require('../tools/helper'); require('./b')",
        )
        .file("package/lib/b/index.js", "")
        .file("package/lib/other.js", "")
        .file("package/bin/x", "")
        .build();
    let phases = find(&package);
    let phase = |path: &str| {
        let at = package.0.files.iter().position(|file| file.path == path);
        phases.of(at.unwrap())
    };
    assert_eq!(phase("package/tools/setup.js"), Phase::Install);
    assert_eq!(phase("package/tools/helper.js"), Phase::Install);
    assert_eq!(phase("package/lib/main.cjs"), Phase::Import);
    assert_eq!(phase("package/lib/b/index.js"), Phase::Import);
    assert_eq!(phase("package/lib/other.js"), Phase::Execute);
    let bin = package
        .0
        .files
        .iter()
        .position(|file| file.path == "package/bin/x");
    assert!(phases.is_program(bin.unwrap()));
}
