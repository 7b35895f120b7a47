//! Each format, told by content.

mod support;

use support::tarball::{self, Header, Tar};
use support::zipfile::{self, Entry, Parts};
use support::{Limits, bzip2, gzip, lzma, unpack, unpack_with, xz, zstd};

const BODY: &[u8] = b"print('hello')\n";

#[test]
fn every_compression_of_a_tar() {
    let tar = tarball::one("pkg/a.py", BODY);
    for (name, bytes) in [
        ("p.tar", tar.clone()),
        ("p.tar.gz", gzip(&tar)),
        ("p.tar.bz2", bzip2(&tar)),
        ("p.tar.xz", xz(&tar, 1)),
        ("p.tar.lzma", lzma(&tar)),
        ("p.tar.zst", zstd(&tar)),
        ("p.crate", gzip(&tar)),
    ] {
        let outcome = unpack(name, &bytes);
        assert_eq!(outcome.assert_clean().file("pkg/a.py"), BODY, "{name}");
    }
}

#[test]
fn every_method_of_a_zip() {
    let zip_lzma = {
        // `.lzma` has properties, dictionary and length in front; zip has its own header.
        let alone = lzma(BODY);
        [&[16, 2, 5, 0][..], &alone[..5], &alone[13..]].concat()
    };
    let entries = [
        Entry::stored("stored", BODY),
        Entry::deflated("deflated", BODY),
        Entry::packed("bzip2", BODY, 12, bzip2(BODY)),
        Entry {
            flags: 2,
            ..Entry::packed("lzma", BODY, 14, zip_lzma)
        },
        Entry::packed("zstd", BODY, 93, zstd(BODY)),
        Entry::packed("xz", BODY, 95, xz(BODY, 0)),
        Entry {
            descriptor: true,
            ..Entry::deflated("streamed", BODY)
        },
        Entry {
            mode: 0o100_755,
            ..Entry::deflated("bin/run", BODY)
        },
        Entry::stored("folder/", b""),
    ];
    let outcome = unpack("p.whl", &zipfile::zip(&entries));
    outcome.assert_clean();
    assert_eq!(outcome.files.len(), 8);
    assert!(outcome.files.values().all(|content| content == BODY));
    assert_eq!(outcome.executables.iter().collect::<Vec<_>>(), ["bin/run"]);
}

#[test]
fn an_empty_zip_is_one() {
    unpack("p.zip", &zipfile::zip(&[])).assert_clean();
}

#[test]
fn zip64_sizes_are_read() {
    let mut entry = Entry::stored("a.py", BODY);
    let parts = Parts::new(std::slice::from_ref(&entry));
    let wide = [
        &[1, 0, 16, 0][..],
        &(BODY.len() as u64).to_le_bytes(),
        &(BODY.len() as u64).to_le_bytes(),
    ]
    .concat();
    entry.extra = wide;
    let mut changed = Parts::new(&[entry]);
    changed.local = parts.local;
    changed.directory[20..28].fill(0xFF);
    assert_eq!(
        unpack("p.zip", &changed.bytes())
            .assert_clean()
            .file("a.py"),
        BODY
    );
}

#[test]
fn tar_dialects() {
    let long = format!("{}/a.py", "x".repeat(150));
    let terminated = [long.as_bytes(), b"\0"].concat();
    let gnu = Header {
        magic: b"ustar  \0",
        ..Header::new("@LongLink", b'L', terminated.len() as u64)
    };
    for (what, tar) in [
        (
            "gnu",
            Tar::default().entry(gnu, &terminated).file("short", BODY),
        ),
        (
            "pax",
            Tar::default().pax(b'x', "path", &long).file("short", BODY),
        ),
        ("ustar", {
            let mut block = Header::new("a.py", b'0', BODY.len() as u64).block();
            tarball::put(&mut block, 345, "x".repeat(150).as_bytes());
            tarball::sign(&mut block);
            Tar::default().raw(&block).data(BODY)
        }),
    ] {
        let outcome = unpack("p.tar", &tar.end());
        assert_eq!(outcome.assert_clean().file(&long), BODY, "{what}");
    }
    let v7 = Header {
        magic: b"",
        ..Header::new("a.py", 0, BODY.len() as u64)
    };
    let folder = Header {
        magic: b"",
        ..Header::new("folder/", 0, 0)
    };
    let outcome = unpack(
        "p.tar",
        &Tar::default().entry(folder, b"").entry(v7, BODY).end(),
    );
    assert_eq!(outcome.assert_clean().paths(), ["a.py"]);
}

#[test]
fn a_tar_needs_no_end_mark_and_no_padding() {
    let tar = Tar::default().file("a.py", BODY).0;
    assert_eq!(unpack("p.tar", &tar).assert_clean().file("a.py"), BODY);
    assert_eq!(
        unpack("p.tar", &tar[..512 + BODY.len()])
            .assert_clean()
            .file("a.py"),
        BODY
    );
}

#[test]
fn a_gem_and_what_is_in_it() {
    let data = gzip(&tarball::one("lib/a.rb", BODY));
    let gem = Tar::default()
        .file("metadata.gz", &gzip(b"name: a\n"))
        .file("data.tar.gz", &data)
        .file("checksums.yaml.gz", &gzip(b"SHA256:\n"))
        .end();
    let outcome = unpack("a-1.0.0.gem", &gem);
    outcome.assert_clean();
    assert_eq!(outcome.file("data.tar.gz!/lib/a.rb"), BODY);
    assert_eq!(outcome.file("metadata.gz!/metadata"), b"name: a\n");
    assert_eq!(
        outcome.file("checksums.yaml.gz!/checksums.yaml"),
        b"SHA256:\n"
    );
    assert_eq!(outcome.file("data.tar.gz"), data);
}

#[test]
fn a_compressed_single_file() {
    let outcome = unpack("table.csv.gz", &gzip(b"a,b\n"));
    assert_eq!(outcome.assert_clean().file("table.csv"), b"a,b\n");
    assert_eq!(
        unpack("empty.gz", &gzip(b"")).assert_clean().file("empty"),
        b""
    );
}

#[test]
fn members_in_a_row_are_one_file() {
    let tar = tarball::one("a.py", &BODY.repeat(100));
    let halves = tar.split_at(700);
    for join in [gzip, bzip2, zstd, |bytes: &[u8]| xz(bytes, 1)] {
        let both = [join(halves.0), join(halves.1), vec![0; 512]].concat();
        assert_eq!(
            unpack("p", &both).assert_clean().file("a.py"),
            BODY.repeat(100)
        );
    }
    let skippable = [
        &[0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3][..],
        &zstd(&tar),
    ]
    .concat();
    unpack("p.zst", &skippable).assert_clean();
}

#[test]
fn content_decides_and_a_wrong_name_is_told() {
    let outcome = unpack("a-1.0.tar.gz", &zipfile::one("setup.py", BODY));
    assert_eq!(outcome.file("setup.py"), BODY);
    assert_eq!(
        outcome.rules().into_iter().collect::<Vec<_>>(),
        ["archive-misleading-name"]
    );
    let outcome = unpack("a.whl", &gzip(&tarball::one("setup.py", BODY)));
    assert_eq!(outcome.file("setup.py"), BODY);
    assert_eq!(
        outcome.rules().into_iter().collect::<Vec<_>>(),
        ["archive-misleading-name"]
    );
}

#[test]
fn what_is_no_archive_is_a_problem_unless_optional() {
    for bytes in [&b""[..], b"import os\n", &[0; 4_096]] {
        assert_eq!(
            unpack("a.tar.gz", bytes).problems(),
            ["not an archive of a known format"]
        );
        unpack_with("a.py", bytes, Limits::default(), |input| {
            input.optional = true;
        })
        .assert_clean();
    }
    let outcome = unpack("a.7z", b"7z\xBC\xAF\x27\x1C\0\x04 and so on");
    assert_eq!(
        outcome.problems(),
        ["a 7z archive, which can't be unpacked here"]
    );
}

#[test]
fn optional_inputs_are_unpacked_below_their_prefix() {
    let outcome = unpack_with(
        "lib/x.zip",
        &zipfile::one("a.py", BODY),
        Limits::default(),
        |input| {
            input.optional = true;
            input.depth = 1;
            input.prefix = "lib/x.zip!/".into();
        },
    );
    assert_eq!(outcome.assert_clean().paths(), ["lib/x.zip!/a.py"]);
}

#[test]
fn archives_in_archives() {
    let inner = zipfile::one("a.py", BODY);
    let middle = gzip(&tarball::one("docs/inner.odt", &inner));
    let outcome = unpack("p.tar", &tarball::one("data.bin", &middle));
    outcome.assert_clean();
    assert_eq!(outcome.file("data.bin!/docs/inner.odt!/a.py"), BODY);
}

#[test]
fn nesting_ends_at_the_limit() {
    let mut archive = zipfile::one("a.py", BODY);
    for _ in 0..5 {
        archive = zipfile::one("n.zip", &archive);
    }
    let outcome = unpack("n.zip", &archive);
    assert_eq!(
        outcome.problems(),
        ["an archive inside 4 others; the limit is 3, so that it was not unpacked"]
    );
    assert!(outcome.files.contains_key("n.zip!/n.zip!/n.zip!/n.zip"));
    let outcome = unpack_with(
        "n.zip",
        &archive,
        Limits {
            nesting: 0,
            ..Limits::default()
        },
        |_| {},
    );
    assert_eq!(outcome.paths(), ["n.zip"]);
    assert_eq!(outcome.problems().len(), 1);
}

#[test]
fn large_files_are_written_in_chunks_and_kept_whole() {
    let body: Vec<u8> = (0..3_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let inner = zipfile::zip(&[Entry::stored("deep.bin", &body)]);
    let program = [
        b"MZ a program with a zip behind it".as_slice(),
        &body,
        &inner,
    ]
    .concat();
    let outcome = unpack(
        "p.tar.gz",
        &gzip(
            &Tar::default()
                .file("big.bin", &body)
                .file("setup.exe", &program)
                .end(),
        ),
    );
    assert!(outcome.file("big.bin") == body);
    assert!(outcome.file("setup.exe!/deep.bin") == body);
    assert_eq!(outcome.problems(), Vec::<&str>::new());
    assert_eq!(outcome.largest_write, 256 << 10);
}
