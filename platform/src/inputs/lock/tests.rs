use pretty_assertions::assert_eq;
use proptest::prelude::*;

use super::*;

mod cargo;
mod includes;
mod javascript;
mod limits;
mod python;
mod sboms;

/// One line per package, skipped entry and note, as compact as a table.
fn rendered(parsed: &Parsed) -> String {
    let line = |line: Option<u32>| line.map_or("-".to_owned(), |line| line.to_string());
    let mut out = String::new();
    for entry in &parsed.packages {
        out += &format!("{} {}", line(entry.line), entry.purl);
        if let Some(requirement) = &entry.requirement {
            out += &format!(" wants[{requirement}]");
        }
        for hash in &entry.expected_hashes {
            out += &format!(" {:?}:{:.6}", hash.algorithm, hash.hex);
        }
        out.push('\n');
    }
    for (mark, remarks) in [("skip", &parsed.skipped), ("note", &parsed.notes)] {
        for remark in remarks {
            let file = remark
                .file
                .as_deref()
                .map(|file| format!("{file}:"))
                .unwrap_or_default();
            out += &format!(
                "{mark} {file}{} {} | {}\n",
                line(remark.line),
                remark.text,
                remark.reason
            );
        }
    }
    if parsed.local > 0 {
        out += &format!("local {}\n", parsed.local);
    }
    out
}

fn check(kind: Kind, text: &str, expected: &str) {
    let parsed = parse(kind, text.as_bytes()).unwrap();
    let expected: String = expected
        .trim()
        .lines()
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    assert_eq!(rendered(&parsed), expected);
}

/// The message and hint of a file that yields nothing.
fn refused(kind: Kind, bytes: &[u8]) -> String {
    let error = parse(kind, bytes).unwrap_err();
    assert!(!error.hint().is_empty());
    error.to_string()
}

const KINDS: [Kind; 9] = [
    Kind::Requirements,
    Kind::PoetryLock,
    Kind::UvLock,
    Kind::PackageLock,
    Kind::PnpmLock,
    Kind::YarnLock,
    Kind::CargoLock,
    Kind::CycloneDx,
    Kind::Spdx,
];

/// Well-formed seeds, so that mutations get past the first byte.
const SEEDS: [&str; 9] = [
    "a==1 --hash=sha256:aa\n-r b.txt\nb[x]>=1;c\\\n d # e\n",
    "[[package]]\nname = \"a\"\nversion = \"1\"\nfiles = [{file = \"a\", hash = \"md5:00\"}]\n",
    "[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { registry = \"x\" }\n",
    r#"{"packages":{"node_modules/a":{"version":"1","integrity":"sha1-AA=="}},"dependencies":{}}"#,
    "lockfileVersion: '9.0'\npackages:\n  '@a/b@1(c@2)':\n    resolution: {integrity: sha1-AA==}\n",
    "a@^1, \"b@npm:@c/d@1\":\n  version \"1\"\n  resolved \"https://a.example/-/a.tgz#aa\"\n",
    "[[package]]\nname = \"a\"\nversion = \"1\"\nsource = \"registry+x\"\nchecksum = \"aa\"\n",
    r#"{"specVersion":"1.4","components":[{"purl":"pkg:npm/%40a/b@1","components":[{}]}]}"#,
    r#"{"spdxVersion":"SPDX-2.3","packages":[{"externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"}]}]}"#,
];

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for kind in KINDS {
            let _ = parse(kind, &bytes);
        }
        sniff_json(&bytes);
    }

    #[test]
    fn mutated_documents_never_panic_nor_vanish(
        kind in 0..KINDS.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), "[\\PC\n\"'\\[\\]{}:,@#/\\\\ -]{0,4}"), 1..6),
    ) {
        let mut text: Vec<char> = SEEDS[kind].chars().collect();
        for (at, insert) in edits {
            let at = at.index(text.len());
            text.splice(at..(at + 1), insert.chars());
            if text.is_empty() {
                text.push(' ');
            }
        }
        let text: String = text.into_iter().collect();
        // An answer is never empty: either packages or includes, or an error that says why.
        if let Ok(parsed) = parse(KINDS[kind], text.as_bytes()) {
            prop_assert!(!parsed.packages.is_empty() || !parsed.includes.is_empty());
            for entry in parsed.packages {
                prop_assert!(entry.purl.parse::<packageurl::PackageUrl<'static>>().is_ok(), "{}", entry.purl);
            }
        }
    }

    #[test]
    fn a_purl_is_made_of_valid_names_only(name in "\\PC{0,40}", version in "\\PC{0,20}") {
        for ecosystem in [Ecosystem::Pypi, Ecosystem::Npm, Ecosystem::Cargo] {
            if let Ok(purl) = purl(ecosystem, &name, Some(&version)) {
                let parsed: packageurl::PackageUrl<'static> = purl.parse().unwrap();
                prop_assert_eq!(parsed.version(), Some(version.as_str()));
                prop_assert!(!purl.contains(".."), "{}", purl);
            }
        }
    }
}

#[test]
fn names_become_canonical_purls() {
    for (ecosystem, name, version, expected) in [
        (
            Ecosystem::Pypi,
            "Zope.Interface_X",
            "1.0+local",
            Ok("pkg:pypi/zope.interface-x@1.0%2Blocal"),
        ),
        (
            Ecosystem::Npm,
            "@babel/core",
            "7.24.0",
            Ok("pkg:npm/%40babel/core@7.24.0"),
        ),
        (
            Ecosystem::Npm,
            "JSONStream",
            "1.3.5",
            Ok("pkg:npm/JSONStream@1.3.5"),
        ),
        (
            Ecosystem::Npm,
            "@S/P",
            "1.0.0-rc.1+b",
            Ok("pkg:npm/%40S/P@1.0.0-rc.1%2Bb"),
        ),
        (
            Ecosystem::Cargo,
            "serde_json",
            "1.0.1",
            Ok("pkg:cargo/serde_json@1.0.1"),
        ),
        (
            Ecosystem::Npm,
            "../etc",
            "1.0.0",
            Err("not a valid package name"),
        ),
        (
            Ecosystem::Npm,
            "@a/../b",
            "1.0.0",
            Err("not a valid package name"),
        ),
        (Ecosystem::Pypi, "-x", "1", Err("not a valid package name")),
        (
            Ecosystem::Cargo,
            "a/b",
            "1",
            Err("not a valid package name"),
        ),
        (Ecosystem::Cargo, "a", "1 2", Err("not a valid version")),
        (Ecosystem::Npm, "a", "", Err("not a valid version")),
    ] {
        assert_eq!(
            purl(ecosystem, name, Some(version)).as_deref(),
            expected.as_deref(),
            "{name}"
        );
    }
    assert_eq!(
        purl(Ecosystem::Npm, "JSONStream", None).unwrap(),
        "pkg:npm/JSONStream"
    );
}
