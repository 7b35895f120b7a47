use pretty_assertions::assert_eq;

use super::*;

/// SRI of 64 and 20 zero bytes.
const SHA512: &str = "sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
const SHA1: &str = "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn package_lock_3() {
    check(
        Kind::PackageLock,
        &format!(
            r#"{{"name": "app", "lockfileVersion": 3, "packages": {{
"": {{"name": "app", "dependencies": {{"a": "^1"}}}},
"node_modules/@babel/core": {{"version": "7.24.0", "resolved": "https://registry.example/@babel/core/-/core-7.24.0.tgz", "integrity": "{SHA512}"}},
"node_modules/a/node_modules/b": {{"version": "2.0.0", "dev": true, "integrity": "{SHA1} {SHA512}"}},
"node_modules/alias": {{"name": "real", "version": "3.0.0", "resolved": "https://registry.example/real/-/real-3.0.0.tgz"}},
"packages/ws": {{"version": "1.0.0"}},
"node_modules/ws": {{"resolved": "packages/ws", "link": true}},
"node_modules/g": {{"version": "1.0.0", "resolved": "git+ssh://git@git.example/o/g.git#abc"}},
"node_modules/f": {{"version": "1.0.0", "resolved": "file:vendor/f.tgz"}},
"node_modules/u": {{"version": "1.0.0", "resolved": "https://evil.example/u.tgz"}},
"node_modules/n": {{}},
"node_modules/m": 7,
"node_modules/@babel/core/node_modules/@babel/core": {{"version": "7.24.0"}}
}}, "dependencies": {{"ignored": {{"version": "9.0.0"}}}}}}"#
        ),
        "3 pkg:npm/%40babel/core@7.24.0 Sha512:000000
         4 pkg:npm/b@2.0.0 Sha1:000000 Sha512:000000
         5 pkg:npm/real@3.0.0
         skip 8 g git+ssh://git@git.example/o/g.git#abc | from a git repository, not from a registry
         skip 9 f file:vendor/f.tgz | from a file, not from a registry
         skip 10 u https://evil.example/u.tgz | from a URL that is not a registry's
         skip 11 n | has no version
         skip 12 node_modules/m | cannot be read
         local 3",
    );
}

#[test]
fn package_lock_1() {
    check(
        Kind::PackageLock,
        r#"{"lockfileVersion": 1, "dependencies": {
"a": {"version": "1.0.0", "resolved": false, "bundled": true, "dependencies": {
  "b": {"version": "2.0.0"},
  "c": {"version": "npm:@s/real@3.0.0"}}},
"d": {"version": "git+https://git.example/d.git#abc", "from": "d@git"},
"e": {"version": "file:../e"},
"f": {"version": "https://files.example/f.tgz"},
"g": {"version": "github:owner/g#1"}
}}"#,
        "2 pkg:npm/a@1.0.0
         3 pkg:npm/b@2.0.0
         4 pkg:npm/%40s/real@3.0.0
         skip 5 d git+https://git.example/d.git#abc | from a git repository, not from a registry
         skip 7 f https://files.example/f.tgz | from a URL that is not a registry's
         skip 8 g github:owner/g#1 | from a git repository, not from a registry
         local 1",
    );
}

#[test]
fn pnpm_9_and_6() {
    check(
        Kind::PnpmLock,
        &format!(
            "lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a: {{specifier: ^1, version: 1.0.0}}
packages:
  '@babel/core@7.24.0':
    resolution: {{integrity: {SHA512}}}
  a@1.0.0(b@2.0.0)(c@1.0.0):
    resolution: {{integrity: {SHA512}, tarball: https://registry.example/download/a/1.0.0/abc}}
  g@https://codeload.example/o/g/tar.gz/abc:
    resolution: {{tarball: https://codeload.example/o/g/tar.gz/abc}}
    version: 1.0.0
  h@git+https://git.example/h.git#abc:
    resolution: {{commit: abc, repo: https://git.example/h.git, type: git}}
  l@file:packages/l:
    resolution: {{directory: packages/l, type: directory}}
  broken: {{}}
  odd:
    resolution: {{integrity: {SHA512}}}
snapshots:
  a@1.0.0(b@2.0.0)(c@1.0.0): {{}}
"
        ),
        "7 pkg:npm/%40babel/core@7.24.0 Sha512:000000
         9 pkg:npm/a@1.0.0 Sha512:000000
         skip 11 g@https://codeload.example/o/g/tar.gz/abc | from a URL that is not a registry's
         skip 14 h@git+https://git.example/h.git#abc | from a git repository, not from a registry
         skip 18 broken | has no readable resolution
         skip 19 odd | its key names no package and version
         local 2",
    );
    check(
        Kind::PnpmLock,
        "lockfileVersion: '6.0'\npackages:\n\n  /@s/p@1.0.0(react@18.2.0):\n    resolution: {integrity: sha512-bad}\n    dev: true\n",
        "4 pkg:npm/%40s/p@1.0.0
         note 4 pkg:npm/%40s/p@1.0.0 | a digest of it cannot be read",
    );
}

#[test]
fn pnpm_5() {
    check(
        Kind::PnpmLock,
        &format!(
            "lockfileVersion: 5.4
packages:
  /@s/p/1.0.0_react@18.2.0:
    resolution: {{integrity: {SHA512}}}
  /left-pad/1.3.0:
    resolution: {{integrity: {SHA512}}}
  mirror.example/b/2.0.0:
    resolution: {{integrity: {SHA512}}}
  github.example/o/r/abcdef:
    resolution: {{tarball: https://codeload.example/o/r/tar.gz/abcdef}}
    name: r
    version: 1.0.0
"
        ),
        "3 pkg:npm/%40s/p@1.0.0 Sha512:000000
         5 pkg:npm/left-pad@1.3.0 Sha512:000000
         7 pkg:npm/b@2.0.0 Sha512:000000
         skip 9 github.example/o/r/abcdef | not from a registry",
    );
}

#[test]
fn yaml_aliases_are_not_expanded() {
    let bomb = "lockfileVersion: '9.0'
a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
packages:
  good@1.0.0: {resolution: {integrity: x}}
  bad@1.0.0: {resolution: *c}
";
    let parsed = parse(Kind::PnpmLock, bomb.as_bytes()).unwrap();
    assert_eq!(parsed.packages.len(), 1);
    assert_eq!(parsed.skipped[0].text, "bad@1.0.0");
}

#[test]
fn a_yaml_error_spares_what_stands_before_it() {
    let text = "lockfileVersion: '9.0'\npackages:\n  a@1.0.0: {resolution: {integrity: x}}\n  b@1.0.0: {resolution: [}\n";
    let parsed = parse(Kind::PnpmLock, text.as_bytes()).unwrap();
    assert_eq!(parsed.packages[0].purl, "pkg:npm/a@1.0.0");
    assert!(
        parsed.skipped.iter().any(|remark| remark.line == Some(4)),
        "{parsed:?}"
    );
    assert!(refused(Kind::PnpmLock, b"[").contains("not a readable pnpm-lock.yaml"));
    assert!(refused(Kind::PnpmLock, b"packages: {}").contains("lockfileVersion"));
}

#[test]
fn yarn_1() {
    check(
        Kind::YarnLock,
        &format!(
            r##"# yarn lockfile v1


"@babel/core@^7.0.0", "@babel/core@^7.1.0":
  version "7.24.0"
  resolved "https://registry.example/@babel/core/-/core-7.24.0.tgz#56"
  integrity {SHA512}
  dependencies:
    version "^1.0.0"

left-pad@^1:
  version "1.3.0"
  resolved "https://registry.example/left-pad/-/left-pad-1.3.0.tgz#5b8a3a7765dfe001261dde915589e782f8c94d1e"

alias@npm:@s/real@^2:
  version "2.0.0"
  resolved "https://registry.example/@s/real/-/real-2.0.0.tgz"

"g@git+https://git.example/g.git":
  version "1.0.0"
  resolved "git+https://git.example/g.git#abc"

o@owner/repo:
  version "1.0.0"
  resolved "https://codeload.example/owner/repo/tar.gz/abc"

"l@link:../l":
  version "0.0.0"

moved@^1:
  version "1.0.0"
  resolved "https://evil.example/moved.tgz"

half@^1:
  resolved "https://registry.example/half/-/half-1.tgz"
garbage
"##
        ),
        "4 pkg:npm/%40babel/core@7.24.0 Sha512:000000
         11 pkg:npm/left-pad@1.3.0 Sha1:5b8a3a
         15 pkg:npm/%40s/real@2.0.0
         skip 19 g@git+https://git.example/g.git | from a git repository, not from a registry
         skip 23 o@owner/repo | from a URL that is not a registry's
         skip 30 moved@^1 | from a URL that is not a registry's
         skip 36 garbage | cannot be read
         skip 34 half@^1 | has no version
         local 1",
    );
}

#[test]
fn yarn_berry() {
    check(
        Kind::YarnLock,
        r##"# This file is generated by running "yarn install"
__metadata:
  version: 8
  cacheKey: 10c0

"@babel/core@npm:^7.0.0, @babel/core@npm:^7.1.0":
  version: 7.24.0
  resolution: "@babel/core@npm:7.24.0"
  checksum: 10c0/abc
  languageName: node
  linkType: hard

"alias@npm:real@^1":
  resolution: "real@npm:1.0.0::__archiveUrl=https%3A%2F%2Fmirror.example%2Freal.tgz"

"app@workspace:.":
  version: 0.0.0-use.local
  resolution: "app@workspace:."
  linkType: soft

"p@patch:p@npm%3A2.0.0#~/.yarn/patches/p.patch":
  resolution: "p@patch:p@npm%3A2.0.0#~/.yarn/patches/p.patch::version=2.0.0&hash=abc"

"ts@patch:ts@npm%3A^5#optional!builtin<compat/typescript>":
  resolution: "ts@patch:ts@npm%3A5.0.0#optional!builtin<compat/typescript>::version=5.0.0&hash=abc"

"g@git@git.example:o/g.git":
  resolution: "g@git@git.example:o/g.git#commit=abc"

"l@link:./l::locator=app%40workspace%3A.":
  resolution: "l@link:./l::locator=app%40workspace%3A."

"none@npm:1": {}
"##,
        "6 pkg:npm/%40babel/core@7.24.0
         13 pkg:npm/real@1.0.0
         21 pkg:npm/p@2.0.0
         24 pkg:npm/ts@5.0.0
         skip 27 g@git@git.example:o/g.git#commit=abc | not from a registry
         skip 33 none@npm:1 | has no resolution
         note 21 p@patch:p@npm%3A2.0.0#~/.yarn/patches/p.patch::version=2.0.0&hash=abc | patched after the download: the patch is not analysed
         local 2",
    );
}
