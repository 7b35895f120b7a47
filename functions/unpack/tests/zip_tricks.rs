//! What hostile zips do, and what is said of it.

mod support;

use packguard_sdk::Severity;
use support::zipfile::{self, Entry, Parts, end};
use support::{Limits, deflate, gzip, tarball, unpack, unpack_with};

const BODY: &[u8] = b"print('hello')\n";

#[test]
fn entries_left_out_of_the_directory_are_found() {
    let entries = [
        Entry {
            hidden: true,
            ..Entry::stored("first.py", b"1")
        },
        Entry::deflated("a.py", BODY),
        Entry {
            hidden: true,
            descriptor: true,
            ..Entry::deflated("second.py", b"2")
        },
        Entry {
            descriptor: true,
            ..Entry::deflated("b.py", BODY)
        },
        Entry {
            hidden: true,
            ..Entry::deflated("third.py", b"3")
        },
    ];
    let outcome = unpack("p.whl", &zipfile::zip(&entries));
    assert_eq!(
        outcome.findings(),
        [("archive-hidden-entry", Severity::High); 3]
    );
    assert_eq!(
        outcome.paths(),
        ["a.py", "b.py", "first.py", "second.py", "third.py"]
    );
    assert_eq!(outcome.file("third.py"), b"3");
    assert_eq!(outcome.problems(), Vec::<&str>::new());
}

#[test]
fn headers_that_disagree_are_told() {
    let honest = Entry::deflated("a.py", BODY);
    let renamed = Entry {
        local_name: Some(b"b.py".to_vec()),
        ..honest.clone()
    };
    let outcome = unpack("p.zip", &zipfile::zip(&[renamed]));
    assert_eq!(
        outcome.findings(),
        [("archive-header-mismatch", Severity::High)]
    );
    assert_eq!(
        outcome.analysis.findings()[0].title,
        "a.py: its local header names it b.py"
    );
    assert_eq!(outcome.file("a.py"), BODY);

    let mut parts = Parts::new(std::slice::from_ref(&honest));
    parts.local[8] = 0;
    assert_eq!(
        unpack("p.zip", &parts.bytes()).findings(),
        [("archive-header-mismatch", Severity::Medium)]
    );

    let mut parts = Parts::new(&[honest]);
    parts.end = end(
        7,
        parts.directory.len() as u32,
        parts.local.len() as u32,
        b"",
    );
    assert_eq!(
        unpack("p.zip", &parts.bytes()).findings(),
        [("archive-header-mismatch", Severity::Medium)]
    );
}

#[test]
fn entries_that_share_data_are_a_bomb_in_the_making() {
    let kernel = Entry::deflated("a", &vec![0; 100_000]);
    let mut entries = vec![kernel.clone()];
    entries.extend((1..200).map(|n| Entry {
        name: format!("a{n}").into_bytes(),
        data_of: Some(0),
        ..kernel.clone()
    }));
    let bytes = zipfile::zip(&entries);
    let outcome = unpack("p.zip", &bytes);
    assert!(
        outcome
            .findings()
            .contains(&("archive-overlapping-entries", Severity::High))
    );
    assert_eq!(outcome.files.len(), 200);
    let limits = Limits {
        bytes: 1 << 20,
        ..Limits::default()
    };
    let outcome = unpack_with("p.zip", &bytes, limits, |_| {});
    assert!(
        outcome
            .findings()
            .contains(&("archive-bomb", Severity::High))
    );
    assert_eq!(outcome.problems().len(), 1);
}

#[test]
fn sizes_that_lie_are_told_and_all_of_the_data_is_kept() {
    for size in [3, 1_000_000] {
        let outcome = unpack(
            "p.zip",
            &zipfile::zip(&[Entry {
                size,
                ..Entry::deflated("a.py", BODY)
            }]),
        );
        assert_eq!(
            outcome.findings(),
            [("archive-lying-size", Severity::Medium)]
        );
        assert_eq!(outcome.file("a.py"), BODY);
    }
    let outcome = unpack(
        "p.zip",
        &zipfile::zip(&[Entry {
            crc: 1,
            ..Entry::deflated("a.py", BODY)
        }]),
    );
    assert_eq!(
        outcome.findings(),
        [("archive-checksum-mismatch", Severity::Low)]
    );
    let behind = [deflate(BODY), b"more".to_vec()].concat();
    let outcome = unpack(
        "p.zip",
        &zipfile::zip(&[Entry::packed("a.py", BODY, 8, behind)]),
    );
    assert_eq!(
        outcome.findings(),
        [("archive-trailing-data", Severity::Low)]
    );
    assert_eq!(outcome.file("a.py!trailing-data"), b"more");
}

#[test]
fn what_cannot_be_read_is_a_problem_of_that_entry() {
    let entries = [
        Entry {
            flags: 1,
            ..Entry::stored("secret.py", BODY)
        },
        Entry::packed("strange.py", BODY, 9, BODY.to_vec()),
        Entry::packed("damaged.py", BODY, 8, vec![0xFF; 40]),
        Entry::stored("a.py", BODY),
    ];
    let outcome = unpack("p.zip", &zipfile::zip(&entries));
    assert_eq!(
        outcome.findings(),
        [("archive-encrypted", Severity::Medium)]
    );
    assert_eq!(outcome.file("a.py"), BODY);
    assert!(!outcome.files.contains_key("secret.py"));
    let paths: Vec<_> = outcome
        .analysis
        .problems()
        .iter()
        .map(|problem| problem.path.clone().unwrap())
        .collect();
    assert_eq!(paths, ["secret.py", "strange.py", "damaged.py"]);
    assert!(outcome.problems()[1].contains("method 9"));
    assert_eq!(outcome.unfinished, 0);
}

#[test]
fn links_by_unix_mode() {
    let link = |content: &[u8]| Entry {
        mode: 0o120_777,
        ..Entry::stored("lib/l", content)
    };
    let outcome = unpack("p.zip", &zipfile::zip(&[link(b"../x.so")]));
    assert_eq!(outcome.findings(), [("archive-link", Severity::Info)]);
    assert_eq!(outcome.refused, ["symlink ../x.so"]);
    assert!(outcome.files.is_empty());
    let outcome = unpack("p.zip", &zipfile::zip(&[link(b"/etc/passwd")]));
    assert_eq!(
        outcome.findings(),
        [("archive-link-escape", Severity::Medium)]
    );
    // Installers that make no links write the content to a file.
    let outcome = unpack(
        "p.zip",
        &zipfile::zip(&[link(b"import os; os.system('true')")]),
    );
    assert_eq!(outcome.file("lib/l"), b"import os; os.system('true')");
    let device = Entry {
        mode: 0o020_666,
        ..Entry::stored("null", b"")
    };
    assert_eq!(
        unpack("p.zip", &zipfile::zip(&[device])).findings(),
        [("archive-special-file", Severity::Medium)]
    );
    let folder = unpack("p.zip", &zipfile::zip(&[Entry::stored("f/", BODY)]));
    assert_eq!(
        folder.findings(),
        [("archive-unexpected-content", Severity::Low)]
    );
    assert_eq!(folder.file("f!content"), BODY);
}

#[test]
fn two_directories_are_both_walked() {
    // Python takes the last end record, tools that check the comment's length the first.
    let good = Parts::new(&[Entry::stored("good.py", BODY)]);
    let evil = Parts::new(&[Entry::stored("evil.py", BODY)]);
    let front = good.local.len() + good.directory.len() + 22;
    let evil_bytes = evil.bytes();
    let comment = evil_bytes;
    let both = [
        &good.local[..],
        &good.directory,
        &end(
            1,
            good.directory.len() as u32,
            good.local.len() as u32,
            &comment,
        ),
    ]
    .concat();
    assert_eq!(both.len(), front + comment.len());
    let outcome = unpack("p.zip", &both);
    assert!(
        outcome
            .findings()
            .contains(&("archive-ambiguous-directory", Severity::High)),
        "{:?}",
        outcome.findings()
    );
    let found = |name: &str| outcome.files.keys().any(|path| path.ends_with(name));
    assert!(
        found("good.py") && found("evil.py"),
        "{:?}",
        outcome.paths()
    );

    // The directory that stands before the end record, and the one that it points to.
    let mut entries = Parts::new(&[Entry::stored("good.py", BODY)]);
    let other = Parts::new(&[Entry::stored("evil.py", BODY)]);
    let declared = entries.local.len() as u32;
    entries.local.extend(&entries.directory);
    entries.local.extend(&other.local);
    entries.directory = other.directory;
    entries.end = end(1, entries.directory.len() as u32, declared, b"");
    let outcome = unpack("p.zip", &entries.bytes());
    assert!(
        outcome
            .findings()
            .contains(&("archive-ambiguous-directory", Severity::High))
    );
    assert!(outcome.files.keys().any(|path| path.ends_with("good.py")));
    assert!(outcome.files.keys().any(|path| path.ends_with("evil.py")));
}

#[test]
fn a_stored_zip_at_the_end_is_not_ambiguous() {
    let inner = zipfile::one("a.py", BODY);
    let outcome = unpack(
        "p.zip",
        &zipfile::zip(&[Entry::stored("inner.zip", &inner)]),
    );
    assert_eq!(outcome.assert_clean().file("inner.zip!/a.py"), BODY);
    let outcome = unpack("p.tar", &tarball::one("inner.zip", &inner));
    assert_eq!(outcome.assert_clean().file("inner.zip!/a.py"), BODY);
}

#[test]
fn bytes_that_belong_to_no_entry_are_kept() {
    let entries = [Entry::stored("a.py", BODY), Entry::stored("b.py", BODY)];
    let gap = |bytes: &[u8]| {
        let mut parts = Parts::new(&entries);
        parts.local.extend(bytes);
        parts.end = end(
            2,
            parts.directory.len() as u32,
            parts.local.len() as u32,
            b"",
        );
        unpack("p.zip", &parts.bytes())
    };
    let outcome = gap(b"a payload that only its own code knows of");
    assert_eq!(
        outcome.findings(),
        [("archive-unlisted-data", Severity::Low)]
    );
    assert!(
        outcome
            .files
            .values()
            .any(|content| content.starts_with(b"a payload"))
    );
    gap(&[0; 4_096]).assert_clean();
    gap(b"PK\x07\x08 and 12 more").assert_clean();
}

#[test]
fn comments_are_kept_when_they_can_hold_something() {
    let parts = Parts::new(&[Entry::stored("a.py", BODY)]);
    let with = |comment: &[u8]| {
        let end = end(
            1,
            parts.directory.len() as u32,
            parts.local.len() as u32,
            comment,
        );
        [&parts.local[..], &parts.directory, &end].concat()
    };
    assert_eq!(
        unpack("p.zip", &with(&[b'a'; 40])).assert_clean().paths(),
        ["a.py"]
    );
    assert_eq!(
        unpack("p.zip", &with(&[b'a'; 4_000]))
            .assert_clean()
            .paths(),
        ["!comment", "a.py"]
    );
}

#[test]
fn bytes_before_and_behind_a_zip() {
    let zip = zipfile::one("a.py", BODY);
    for (front, severity) in [
        (&b"#!/usr/bin/env python3\n"[..], Severity::Info),
        (b"\x89PNG\r\n", Severity::Low),
    ] {
        let outcome = unpack("p.pyz", &[front, &zip].concat());
        assert_eq!(outcome.findings(), [("archive-leading-data", severity)]);
        assert_eq!(outcome.file("a.py"), BODY);
        assert_eq!(outcome.file("!leading-data"), front);
    }
    let outcome = unpack("p.zip", &[&zip, &b"behind"[..]].concat());
    assert_eq!(
        outcome.findings(),
        [("archive-trailing-data", Severity::Low)]
    );
    assert_eq!(outcome.file("!trailing-data"), b"behind");
    let outcome = unpack("p.zip", &[zipfile::one("front.py", BODY), zip].concat());
    assert!(
        outcome
            .findings()
            .contains(&("archive-hidden-entry", Severity::High))
    );
    assert_eq!(outcome.file("front.py"), BODY);
}

#[test]
fn a_file_that_is_tar_and_zip_is_both() {
    let zip = zipfile::one("evil.py", BODY);
    let tar = tarball::one("good.py", BODY);
    for (name, front) in [("p.tar.gz", gzip(&tar)), ("p.tar", tar)] {
        for behind in [&b""[..], b"and one more byte"] {
            let outcome = unpack(name, &[&front[..], &zip, behind].concat());
            assert!(
                outcome
                    .findings()
                    .contains(&("archive-polyglot", Severity::High)),
                "{:?}",
                outcome.findings()
            );
            assert_eq!(outcome.file("good.py"), BODY);
            assert_eq!(outcome.file("!zip/evil.py"), BODY);
        }
    }
}

#[test]
fn a_zip_without_directory_is_salvaged_with_a_problem() {
    let parts = Parts::new(&[Entry::deflated("a.py", BODY), Entry::stored("b.py", BODY)]);
    let outcome = unpack("p.zip", &parts.local);
    assert_eq!(outcome.paths(), ["a.py", "b.py"]);
    assert_eq!(outcome.problems().len(), 1);
    let mut cut = parts.clone();
    cut.directory.truncate(parts.directory.len() - 3);
    cut.end = end(2, cut.directory.len() as u32, parts.local.len() as u32, b"");
    let outcome = unpack("p.zip", &cut.bytes());
    assert!(outcome.problems()[0].contains("central directory is damaged"));
    assert_eq!(outcome.paths(), ["a.py", "b.py"]);
}

#[test]
fn entries_that_point_nowhere() {
    let mut parts = Parts::new(&[Entry::stored("a.py", BODY)]);
    parts.directory[42..46].copy_from_slice(&0xFFFF_0000_u32.to_le_bytes());
    let outcome = unpack("p.zip", &parts.bytes());
    assert!(
        outcome
            .problems()
            .contains(&"the zip holds no data for this entry")
    );
    let mut parts = Parts::new(&[Entry::stored("a.py", BODY)]);
    parts.directory[20..24].copy_from_slice(&0x7FFF_FFFF_u32.to_le_bytes());
    let outcome = unpack("p.zip", &parts.bytes());
    assert!(
        outcome
            .problems()
            .contains(&"the zip ends inside this entry")
    );
}
