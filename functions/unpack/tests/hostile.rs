//! Bombs, limits and random damage: always a typed end, in bounded time and memory.

mod support;

use std::io::Write as _;
use std::time::{Duration, Instant};

use packguard_sdk::Severity;
use proptest::prelude::*;
use support::tarball::{self, Header, Tar};
use support::zipfile::{self, Entry};
use support::{Limits, bzip2, gzip, lzma, unpack, unpack_with, xz, zstd};

#[test]
fn a_limit_of_the_sink_ends_everything_and_is_named() {
    let many = (0..20)
        .fold(Tar::default(), |tar, n| tar.file(&format!("{n}.py"), b"x"))
        .end();
    let limits = Limits {
        entries: 10,
        ..Limits::default()
    };
    let outcome = unpack_with("p.tar", &many, limits, |_| {});
    assert_eq!(outcome.findings(), [("archive-bomb", Severity::Medium)]);
    assert_eq!(
        outcome.problems(),
        ["p.tar holds more files than the limit on files allows; the rest was not analysed"]
    );
    assert_eq!(outcome.files.len(), 10);

    let zeros = gzip(&tarball::one("z", &vec![0; 3 << 20]));
    let limits = Limits {
        bytes: 1 << 20,
        ..Limits::default()
    };
    for (name, bytes) in [
        ("p.tar.gz", zeros.clone()),
        ("o.tar", tarball::one("p.tar.gz", &zeros)),
    ] {
        let outcome = unpack_with(name, &bytes, limits, |_| {});
        assert_eq!(
            outcome.findings(),
            [("archive-bomb", Severity::High)],
            "{name}"
        );
        assert_eq!(outcome.problems().len(), 1);
        assert_eq!(outcome.unfinished, 1);
    }
}

#[test]
fn two_hundred_thousand_gzip_members_of_one_byte() {
    let body = vec![b'x'; 200_000];
    let mut bytes = Vec::new();
    for byte in &body {
        let mut encoder = flate2::write::GzEncoder::new(bytes, flate2::Compression::none());
        encoder.write_all(&[*byte]).unwrap();
        bytes = encoder.finish().unwrap();
    }
    let start = Instant::now();
    let outcome = unpack("x.gz", &bytes);
    let took = start.elapsed();
    assert!(outcome.assert_clean().file("x") == body);
    // 0.05 s in a release build; this is one without optimisation on a busy machine.
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn costly_members_are_counted() {
    let one = bzip2(b"x");
    let outcome = unpack("x.bz2", &one.repeat(1_001));
    assert_eq!(
        outcome.problems(),
        ["more than 1000 compressed streams in one file"]
    );
    unpack("x.bz2", &one.repeat(1_000)).assert_clean();
}

#[test]
fn windows_beyond_the_limit_are_refused() {
    // Presets 8 and 9 have dictionaries of 32 and 64 MiB.
    unpack("x.xz", &xz(b"x", 8)).assert_clean();
    let outcome = unpack("x.xz", &xz(b"x", 9));
    assert_eq!(
        outcome.problems(),
        ["its dictionary is larger than the limit of 32 MiB"]
    );
    let frame = [0x28, 0xB5, 0x2F, 0xFD, 0, 0xB0, 1, 0, 0];
    let outcome = unpack("x.zst", &frame);
    assert!(
        outcome.problems()[0].contains("window"),
        "{:?}",
        outcome.problems()
    );
}

#[test]
fn a_hundred_thousand_odd_entries_make_a_short_report() {
    let entries: Vec<_> = (0..3_000)
        .map(|n| Entry {
            flags: 1,
            ..Entry::stored(&format!("../{n}"), b"x")
        })
        .collect();
    let outcome = unpack("p.zip", &zipfile::zip(&entries));
    assert_eq!(outcome.analysis.findings().len(), 25);
    assert_eq!(outcome.analysis.problems().len(), 101);
    assert_eq!(
        *outcome.problems().last().unwrap(),
        "2900 more problems of this kind while unpacking"
    );
}

#[test]
fn extension_headers_are_bounded_in_all() {
    let record = vec![0; 1 << 20];
    let header = Header::new("pax", b'g', 1 << 20);
    let tar = (0..70).fold(Tar::default(), |tar, _| tar.entry(header, &record));
    let outcome = unpack("p.tar", &tar.end());
    assert!(
        outcome.problems()[0].contains("extension headers beyond the limits"),
        "{:?}",
        outcome.problems()
    );
}

fn samples() -> Vec<Vec<u8>> {
    let body = b"print('hello')\n".repeat(20);
    let tar = Tar::default()
        .pax(b'x', "path", "pkg/longer.py")
        .file("a.py", &body)
        .link("l", b'2', "../x")
        .file("in.zip", &zipfile::one("b.py", &body))
        .end();
    let zip = zipfile::zip(&[
        Entry::deflated("a.py", &body),
        Entry::stored("t.tar", &tarball::one("x", &body)),
        Entry {
            descriptor: true,
            ..Entry::packed("b", &body, 12, bzip2(&body))
        },
        Entry::packed("c", &body, 93, zstd(&body)),
        Entry::packed("d", &body, 95, xz(&body, 0)),
    ]);
    let lzma_zip = [&[16, 2, 5, 0][..], &lzma(&body)[..5], &lzma(&body)[13..]].concat();
    let zip_lzma = zipfile::zip(&[Entry {
        flags: 2,
        ..Entry::packed("e", &body, 14, lzma_zip)
    }]);
    vec![
        gzip(&tar),
        bzip2(&tar),
        xz(&tar, 0),
        zstd(&tar),
        lzma(&tar),
        tar,
        zip,
        zip_lzma,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        unpack("p", &bytes);
    }

    #[test]
    fn mutated_archives_end(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        twice in any::<bool>(),
    ) {
        let samples = samples();
        let mut bytes = which.get(&samples).clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if twice {
            bytes.extend_from_within(..);
        }
        let limits = Limits { bytes: 64 << 20, ..Limits::default() };
        let outcome = unpack_with("p", &bytes, limits, |_| {});
        // Only a limit leaves an entry unfinished.
        prop_assert!(outcome.unfinished == 0 || outcome.rules().contains("archive-bomb"));
    }

    #[test]
    fn headers_of_a_tar_may_hold_anything(block in proptest::collection::vec(any::<u8>(), 512), kind in any::<u8>()) {
        let mut header: [u8; 512] = block.try_into().unwrap();
        header[156] = kind;
        tarball::put(&mut header, 124, b"00000000100\0");
        tarball::sign(&mut header);
        unpack("p.tar", &Tar::default().raw(&header).data(&[b'x'; 64]).file("a.py", b"x").end());
    }
}
