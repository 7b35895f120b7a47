//! What hostile tars do, and what is said of it.

mod support;

use packguard_sdk::Severity;
use support::tarball::{self, Header, Tar};
use support::{gzip, unpack, zipfile};

const BODY: &[u8] = b"print('hello')\n";

#[test]
fn names_that_are_odd_are_kept_and_told() {
    let cases: [(&[u8], &str, Severity); 5] = [
        (b"../../etc/x.py", "archive-path-escape", Severity::High),
        (b"/etc/x.py", "archive-path-escape", Severity::High),
        (
            b"a\x07.py",
            "archive-control-character-name",
            Severity::Medium,
        ),
        (b"caf\xe9.py", "archive-non-utf8-name", Severity::Info),
        (b"./", "archive-empty-name", Severity::Low),
    ];
    for (name, rule, severity) in cases {
        // Type `7` is a file whatever its name ends in.
        let header = Header {
            name,
            ..Header::new("", b'7', BODY.len() as u64)
        };
        let header = if name == b"./" {
            Header {
                name: b".",
                ..header
            }
        } else {
            header
        };
        let outcome = unpack("p.tar", &Tar::default().entry(header, BODY).end());
        assert_eq!(outcome.findings(), [(rule, severity)]);
        assert_eq!(
            outcome.files.values().collect::<Vec<_>>(),
            [BODY],
            "the content is kept"
        );
        assert_eq!(outcome.problems(), Vec::<&str>::new());
    }
}

#[test]
fn duplicates_weigh_by_their_content() {
    for (second, severity) in [(&b"other"[..], Severity::Medium), (BODY, Severity::Low)] {
        let outcome = unpack(
            "p.tar",
            &Tar::default()
                .file("a.py", BODY)
                .file("./a.py", second)
                .end(),
        );
        assert_eq!(outcome.findings(), [("archive-duplicate-entry", severity)]);
        assert_eq!(outcome.files.len(), 2);
    }
    let outcome = unpack(
        "p.tar",
        &Tar::default().file("a.py", BODY).file("A.py", BODY).end(),
    );
    assert_eq!(
        outcome.findings(),
        [("archive-case-collision", Severity::Low)]
    );
}

#[test]
fn links_and_devices_are_never_files() {
    let tar = Tar::default()
        .link("pkg/docs/in", b'2', "../x")
        .link("pkg/out", b'2', "../../etc/passwd")
        .link("pkg/hard", b'1', "pkg/x")
        .link("pkg/absolute", b'1', "/etc/passwd")
        .link("pkg/null", b'3', "")
        .link("pkg/pipe", b'6', "");
    let outcome = unpack("p.tar", &tar.end());
    assert_eq!(
        outcome.findings(),
        [
            ("archive-link", Severity::Info),
            ("archive-link-escape", Severity::Medium),
            ("archive-link", Severity::Info),
            ("archive-link-escape", Severity::Medium),
            ("archive-special-file", Severity::Medium),
            ("archive-special-file", Severity::Medium),
        ]
    );
    assert_eq!(
        outcome.analysis.findings()[1].title,
        "pkg/out is a symbolic link to ../../etc/passwd"
    );
    assert!(outcome.files.is_empty());
    assert_eq!(outcome.refused[1], "symlink ../../etc/passwd");
    assert_eq!(outcome.refused.len(), 6);
}

#[test]
fn a_long_link_target_comes_from_the_extension() {
    let target = format!("{}x", "../".repeat(60));
    let tar = Tar::default().entry(
        Header::new("@", b'K', target.len() as u64),
        target.as_bytes(),
    );
    let outcome = unpack("p.tar", &tar.link("a", b'2', "harmless").end());
    assert_eq!(outcome.refused, [format!("symlink {target}")]);
}

#[test]
fn a_pax_size_that_contradicts_the_header_is_told_and_wins() {
    // Tools that go by the header find another entry inside the first one's data.
    let hidden = Tar::default().file("evil.py", BODY).0;
    let header = Header::new("a.py", b'0', 512);
    let tar = Tar::default()
        .pax(b'x', "size", &hidden.len().to_string())
        .raw(&header.block())
        .data(&hidden);
    let outcome = unpack("p.tar", &tar.end());
    assert_eq!(
        outcome.findings(),
        [("archive-header-mismatch", Severity::Medium)]
    );
    assert_eq!(outcome.file("a.py"), hidden);
    // What is in there looks like a tar, and is unpacked too.
    assert_eq!(outcome.file("a.py!/evil.py"), BODY);
    let honest = Tar::default()
        .pax(b'x', "size", "15")
        .entry(Header::new("a.py", b'0', 0), BODY);
    unpack("p.tar", &honest.end()).assert_clean();
}

#[test]
fn data_where_none_belongs_is_kept() {
    let tar = Tar::default()
        .entry(Header::new("folder/", b'5', BODY.len() as u64), BODY)
        .file("a.py", BODY);
    let outcome = unpack("p.tar", &tar.end());
    assert_eq!(
        outcome.findings(),
        [("archive-unexpected-content", Severity::Low)]
    );
    assert_eq!(outcome.file("folder!content"), BODY);
    assert_eq!(outcome.file("a.py"), BODY);
    // Old tools store a size for links and folders that have no data.
    let tar = Tar::default()
        .entry(Header::new("folder/", b'5', 4_096), b"")
        .file("a.py", BODY);
    assert_eq!(
        unpack("p.tar", &tar.end()).assert_clean().file("a.py"),
        BODY
    );
    let large = vec![b'x'; 2_000];
    let tar = Tar::default()
        .entry(Header::new("link", b'2', 2_000), &large)
        .file("a.py", BODY);
    let outcome = unpack("p.tar", &tar.end());
    assert_eq!(outcome.file("link!content"), large);
    assert_eq!(outcome.file("a.py"), BODY);
}

#[test]
fn sparse_files_are_expanded() {
    let stored = [BODY, b"end"].concat();
    let expected = [BODY, &[0; 985][..], b"end"].concat();
    let mut gnu = Header {
        magic: b"ustar  \0",
        ..Header::new("s.py", b'S', stored.len() as u64)
    }
    .block();
    for (at, number) in [
        (386, 0),
        (398, BODY.len()),
        (410, 1_000),
        (422, 3),
        (483, 1_003),
    ] {
        tarball::put(&mut gnu, at, format!("{number:011o}\0").as_bytes());
    }
    tarball::sign(&mut gnu);
    let old = Tar::default().raw(&gnu).data(&stored);
    let records = pax(&[
        "GNU.sparse.map=0,15,1000,3",
        "GNU.sparse.size=1003",
        "GNU.sparse.name=s.py",
    ]);
    let new = Tar::default()
        .entry(Header::new("pax", b'x', records.len() as u64), &records)
        .file("GNUSparseFile.0/s.py", &stored);
    let records = pax(&[
        "GNU.sparse.major=1",
        "GNU.sparse.realsize=1003",
        "GNU.sparse.name=s.py",
    ]);
    let mut map = b"2\n0\n15\n1000\n3\n".to_vec();
    map.resize(512, 0);
    let newest = Tar::default()
        .entry(Header::new("pax", b'x', records.len() as u64), &records)
        .file("GNUSparseFile.0/s.py", &[map, stored].concat());
    for (what, tar) in [("S", old), ("0.1", new), ("1.0", newest)] {
        let outcome = unpack("p.tar", &tar.file("after.py", BODY).end());
        assert_eq!(
            outcome.findings(),
            [("archive-sparse", Severity::Low)],
            "{what}"
        );
        assert!(outcome.file("s.py") == expected, "{what}");
        assert_eq!(outcome.file("after.py"), BODY, "{what}");
        assert_eq!(outcome.problems(), Vec::<&str>::new());
    }
}

fn pax(records: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        let mut length = record.len() + 3;
        while format!("{length} {record}\n").len() != length {
            length += 1;
        }
        out.extend(format!("{length} {record}\n").bytes());
    }
    out
}

#[test]
fn a_terabyte_of_holes_is_a_bomb_that_is_not_written() {
    let records = pax(&["GNU.sparse.map=0,15", "GNU.sparse.size=1099511627776"]);
    let tar = Tar::default()
        .entry(Header::new("pax", b'x', records.len() as u64), &records)
        .file("s.py", BODY);
    let outcome = unpack("p.tar", &tar.end());
    assert_eq!(
        outcome.findings(),
        [
            ("archive-sparse", Severity::Low),
            ("archive-bomb", Severity::High)
        ]
    );
    assert_eq!(outcome.file("s.py"), BODY);
}

#[test]
fn nonsense_in_headers_ends_the_tar_with_a_problem() {
    let bad_map = pax(&["GNU.sparse.map=10,5,0,5"]);
    let huge_pax = Header::new("pax", b'x', 1 << 40).block();
    let mut bad_sum = Header::new("b.py", b'0', 0).block();
    bad_sum[0] = b'c';
    for (what, rest) in [
        (
            "map",
            Tar::default()
                .entry(Header::new("pax", b'x', bad_map.len() as u64), &bad_map)
                .file("b", BODY)
                .0,
        ),
        ("pax", Tar::default().raw(&huge_pax).0),
        ("checksum", Tar::default().raw(&bad_sum).0),
        (
            "truncated data",
            Tar::default()
                .raw(&Header::new("b.py", b'0', 5_000).block())
                .raw(BODY)
                .0,
        ),
        ("truncated header", vec![b'x'; 100]),
        (
            "size",
            Tar::default()
                .raw(&Header::new("b.py", b'0', 0o7_7777_7777).block())
                .0,
        ),
    ] {
        let outcome = unpack("p.tar", &Tar::default().file("a.py", BODY).raw(&rest).0);
        assert_eq!(outcome.file("a.py"), BODY, "{what}");
        let problems = outcome.problems();
        assert!(
            problems.len() == 1 && problems[0].starts_with("the tar is damaged"),
            "{what}: {problems:?}"
        );
        assert_eq!(outcome.unfinished, 0, "{what}");
    }
}

#[test]
fn what_stands_behind_the_end_is_kept_and_unpacked() {
    let second = tarball::one("hidden.py", BODY);
    let both = [tarball::one("a.py", BODY), second].concat();
    for (name, bytes) in [("p.tar", both.clone()), ("p.tar.gz", gzip(&both))] {
        let outcome = unpack(name, &bytes);
        assert_eq!(
            outcome.findings(),
            [("archive-trailing-data", Severity::Low)]
        );
        assert_eq!(outcome.file("!trailing-data!/hidden.py"), BODY);
    }
    let padded = [tarball::one("a.py", BODY), vec![0; 100_000]].concat();
    unpack("p.tar.gz", &gzip(&padded)).assert_clean();
    let outcome = unpack(
        "p.tar.gz",
        &[gzip(&tarball::one("a.py", BODY)), b"and more".to_vec()].concat(),
    );
    assert_eq!(
        outcome.findings(),
        [("archive-trailing-data", Severity::Low)]
    );
    assert_eq!(outcome.file("!trailing-data"), b"and more");
    let outcome = unpack(
        "p.tar.gz",
        &[gzip(&tarball::one("a.py", BODY)), vec![0; 100]].concat(),
    );
    outcome.assert_clean();
}

#[test]
fn a_global_header_that_renames_is_told() {
    let tar = Tar::default()
        .pax(b'g', "comment", "0123456789abcdef")
        .file("a.py", BODY);
    unpack("p.tar", &tar.end()).assert_clean();
    let tar = Tar::default()
        .pax(b'g', "path", "setup.py")
        .file("a.py", BODY);
    let outcome = unpack("p.tar", &tar.end());
    assert_eq!(
        outcome.findings(),
        [("archive-header-mismatch", Severity::Medium)]
    );
    assert_eq!(outcome.file("setup.py"), BODY);
}

#[test]
fn inner_archives_do_not_write_into_outer_folders() {
    let inner = Tar::default()
        .file("../setup.py", b"evil")
        .file("/x.py", b"evil")
        .link("l", b'2', "/etc/x")
        .end();
    let outer = Tar::default()
        .file("t/inner.tar", &inner)
        .file("setup.py", BODY)
        .end();
    let outcome = unpack("p.tar", &outer);
    assert_eq!(outcome.file("setup.py"), BODY);
    assert_eq!(outcome.file("t/inner.tar!/setup.py"), b"evil");
    assert_eq!(outcome.file("t/inner.tar!/x.py"), b"evil");
    // No installer unpacks it: it weighs less than the same in the package itself.
    assert_eq!(
        outcome.findings(),
        [
            ("archive-path-escape", Severity::Low),
            ("archive-path-escape", Severity::Low),
            ("archive-link-escape", Severity::Low)
        ]
    );
    let gem = Tar::default().file("data.tar.gz", &gzip(&inner)).end();
    assert_eq!(
        unpack("a.gem", &gem).findings()[0],
        ("archive-path-escape", Severity::High)
    );
}

#[test]
fn renamed_archives_keep_apart() {
    let one = zipfile::one("a.py", b"one");
    let two = zipfile::one("a.py", b"two");
    let outcome = unpack(
        "p.tar",
        &Tar::default().file("x.zip", &one).file("x.zip", &two).end(),
    );
    assert_eq!(outcome.file("x.zip!/a.py"), b"one");
    assert_eq!(outcome.file("x.zip~1!/a.py"), b"two");
}
