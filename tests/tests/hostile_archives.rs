//! Archives and files that attack whoever unpacks or reads them, through the bundled
//! components. (How the unpacker takes each trick apart is tested beside it.)

use packguard_runtime::ArchiveLimits;
use packguard_runtime::report::{Outcome, Report, StepOutcome};
use packguard_tests::{Lab, tar_gz};

/// A tar entry with a header written byte by byte: crates refuse to make most of these.
struct Entry<'a> {
    path: &'a [u8],
    kind: u8,
    link: &'a [u8],
    data: &'a [u8],
}

fn file<'a>(path: &'a [u8], data: &'a [u8]) -> Entry<'a> {
    Entry {
        path,
        kind: b'0',
        link: b"",
        data,
    }
}

fn raw_tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        let mut header = [0_u8; 512];
        header[..entry.path.len()].copy_from_slice(entry.path);
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", entry.data.len()).as_bytes());
        header[156] = entry.kind;
        header[157..157 + entry.link.len()].copy_from_slice(entry.link);
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(entry.data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn rules(report: &Report) -> Vec<&str> {
    report
        .findings
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect()
}

fn assert_steps_ok(report: &Report) {
    for step in &report.analyzers {
        assert_eq!(
            step.outcome,
            StepOutcome::Ok,
            "{}: {:?}",
            step.name,
            step.message
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_escape_are_kept_inside_and_reported() {
    let lab = Lab::default();
    let outside = lab
        .work
        .path()
        .parent()
        .unwrap()
        .join("packguard-escape-canary.py");
    let absolute = outside.to_str().unwrap().to_owned();
    let archive = raw_tar(&[
        file(b"sample/ok.py", b"x = 1\n"),
        file(b"../../packguard-escape-canary.py", b"x = 2\n"),
        file(absolute.as_bytes(), b"x = 3\n"),
        file(b"..\\..\\packguard-escape-canary.py", b"x = 4\n"),
        file(b"C:\\packguard-escape-canary.py", b"x = 5\n"),
    ]);
    let report = lab.archive("sample.tar", &archive).await.unwrap();
    assert!(!outside.exists());
    assert_steps_ok(&report);
    assert_eq!(
        report.artifacts[0].files, 5,
        "the contents are analysed all the same"
    );
    assert_eq!(
        rules(&report)
            .iter()
            .filter(|rule| **rule == "archive-path-escape")
            .count(),
        4
    );
    assert!(
        report.verdict.outcome >= Outcome::Suspicious,
        "{:?}",
        report.verdict
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_devices_are_never_made() {
    let link = |path, kind, link| Entry {
        path,
        kind,
        link,
        data: b"",
    };
    let archive = raw_tar(&[
        file(b"sample/ok.py", b"x = 1\n"),
        link(b"sample/passwd", b'2', b"/etc/passwd"),
        file(b"sample/passwd/inside.py", b"x = 2\n"),
        link(b"sample/hard", b'1', b"/etc/passwd"),
        link(b"sample/device", b'3', b""),
        link(b"sample/pipe", b'6', b""),
        link(b"sample/near", b'2', b"ok.py"),
    ]);
    let report = Lab::default()
        .archive("sample.tar", &archive)
        .await
        .unwrap();
    assert_steps_ok(&report);
    assert_eq!(report.artifacts[0].files, 2);
    let rules = rules(&report);
    assert!(rules.iter().any(|rule| rule.contains("link")), "{rules:?}");
    assert!(
        rules
            .iter()
            .any(|rule| rule.contains("device") || rule.contains("special")),
        "{rules:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_are_kept_and_reported() {
    let archive = raw_tar(&[
        file(b"sample/a.py", b"x = 1\n"),
        file(b"sample/a.py", b"x = 2\n"),
        file(b"sample/A.py", b"x = 3\n"),
        file(b"sample/b\x1b[2Jc.py", b"x = 4\n"),
        file(b"sample/caf\xe9.py", b"x = 5\n"),
        file(b".packguard-renamed/1/a.py", b"x = 6\n"),
    ]);
    let report = Lab::default()
        .archive("sample.tar", &archive)
        .await
        .unwrap();
    assert_steps_ok(&report);
    assert_eq!(report.artifacts[0].files, 6);
    for rule in [
        "archive-duplicate-entry",
        "archive-case-collision",
        "archive-control-character-name",
        "archive-non-utf8-name",
    ] {
        assert!(
            rules(&report).contains(&rule),
            "{rule}: {:?}",
            rules(&report)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_end_at_their_limit() {
    let zeros = vec![0_u8; 40 << 20];
    let bomb = tar_gz(&[("sample/ok.py", b"x = 1\n"), ("sample/zeros", &zeros)]);
    let many: Vec<_> = (0..300)
        .map(|number| format!("sample/{number}.py"))
        .collect();
    let many: Vec<_> = many
        .iter()
        .map(|path| (path.as_str(), &b"x = 1\n"[..]))
        .collect();
    let small = ArchiveLimits {
        bytes: 1 << 20,
        files: 100,
        ..ArchiveLimits::default()
    };
    for (what, archive, limits) in [
        ("ratio", bomb.clone(), ArchiveLimits::default()),
        ("bytes", bomb, small),
        ("files", tar_gz(&many), small),
    ] {
        let lab = Lab {
            archive: limits,
            ..Lab::default()
        };
        let report = lab.archive("sample.tar.gz", &archive).await.unwrap();
        assert_steps_ok(&report);
        assert_ne!(report.verdict.outcome, Outcome::Clean, "{what}");
        assert!(!report.incomplete.is_empty(), "{what}");
        assert!(
            rules(&report).contains(&"archive-bomb"),
            "{what}: {:?}",
            rules(&report)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_alone_is_reported_as_one() {
    let zeros = vec![0_u8; 40 << 20];
    let report = Lab::default()
        .archive("sample.tar.gz", &tar_gz(&[("zeros", &zeros)]))
        .await
        .unwrap();
    assert!(
        rules(&report).contains(&"archive-bomb"),
        "{:?}",
        rules(&report)
    );
    assert_ne!(report.verdict.outcome, Outcome::Clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_paths_do_not_fill_the_hosts_memory() {
    let deep = format!("{}x", "a/".repeat(40));
    let paths: Vec<_> = (0..60_000)
        .map(|number| format!("{number:0200}/{deep}"))
        .collect();
    let files: Vec<_> = paths.iter().map(|path| (path.as_str(), &b""[..])).collect();
    let report = Lab::default()
        .archive("sample.tar.gz", &tar_gz(&files))
        .await
        .unwrap();
    assert_steps_ok(&report);
    assert!(
        report.artifacts[0].files < 30_000,
        "{}",
        report.artifacts[0].files
    );
    assert_ne!(report.verdict.outcome, Outcome::Clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_inside_archives_end_at_their_depth() {
    let mut archive = tar_gz(&[("deepest.py", b"x = 1\n")]);
    for level in 0..8 {
        archive = tar_gz(&[(&format!("level-{level}.tar.gz"), &archive)]);
    }
    let report = Lab::default()
        .archive("sample.tar.gz", &archive)
        .await
        .unwrap();
    assert_steps_ok(&report);
    assert_eq!(report.verdict.outcome, Outcome::Incomplete);
    assert!(
        report.artifacts[0].files <= 5,
        "{}",
        report.artifacts[0].files
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_archive_is_incomplete() {
    let mut archive = tar_gz(&[
        ("sample/a.py", b"x = 1\n"),
        ("sample/b.bin", &vec![7_u8; 1 << 20]),
    ]);
    archive.truncate(archive.len() - 200);
    let report = Lab::default()
        .archive("sample.tar.gz", &archive)
        .await
        .unwrap();
    assert_steps_ok(&report);
    assert_eq!(
        report.verdict.outcome,
        Outcome::Incomplete,
        "{:?}",
        report.verdict
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn source_that_chokes_parsers_is_incomplete_and_nothing_breaks() {
    let nested_python = format!("x = {}1{}\n", "(".repeat(10_000), ")".repeat(10_000));
    let long_sum = format!("x = 1{}\n", "+1".repeat(200_000));
    let indented: String = (0..10_000)
        .map(|depth| format!("{}if x:\n", " ".repeat(depth % 500)))
        .collect();
    let nested_javascript = format!("x = {}1{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let long_script = format!("var x = 0;{}", "x += 1;".repeat(100 << 17));
    for (name, text) in [
        ("nested.py", nested_python),
        ("sum.py", long_sum),
        ("indented.py", indented),
        ("nested.js", nested_javascript),
        ("line.js", long_script),
    ] {
        let archive = tar_gz(&[(&format!("sample/{name}"), text.as_bytes())]);
        let lab = Lab {
            archive: ArchiveLimits {
                ratio: u64::MAX,
                ..ArchiveLimits::default()
            },
            ..Lab::default()
        };
        let report = lab.archive("sample.tar.gz", &archive).await.unwrap();
        assert_steps_ok(&report);
        assert_eq!(
            report.verdict.outcome,
            Outcome::Incomplete,
            "{name}: {:?}",
            report.verdict
        );
        assert!(
            report
                .incomplete
                .iter()
                .any(|one| one.path.as_deref().is_some_and(|path| path.ends_with(name))),
            "{name}"
        );
    }
}
