//! Whole packages through the bundled components.

use std::time::Duration;

use packguard_runtime::report::{Outcome, StepOutcome};
use packguard_runtime::{Integrity, PipelineError, Source};
use sha2::{Digest as _, Sha256};

use packguard_tests::{HOSTILE, Lab, tar_gz};

const HONEST: &[(&str, &[u8])] = &[
    ("sample-1.0/README.md", b"# A sample\n"),
    (
        "sample-1.0/sample/__init__.py",
        b"def answer():\n    return 42\n",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_package_is_clean_and_every_step_is_named() {
    let report = Lab::default()
        .archive("sample-1.0.tar.gz", &tar_gz(HONEST))
        .await
        .unwrap();
    assert_eq!(
        report.verdict.outcome,
        Outcome::Clean,
        "{:#?}",
        report.incomplete
    );
    assert_eq!(report.artifacts[0].files, 2);
    assert_eq!(report.artifacts[0].unpacked_size, 11 + 28);
    let names: Vec<_> = report
        .analyzers
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!((names[0], names[names.len() - 1]), ("unpack", "judge"));
    for step in &report.analyzers {
        assert_eq!(step.outcome, StepOutcome::Ok, "{}", step.name);
        assert!(
            step.usage.fuel > 0 && step.usage.peak_memory > 0,
            "{}",
            step.name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unpacked_files_are_compared_with_the_hash_of_their_listing() {
    let inner = tar_gz(&[("a.txt", b"inside")]);
    let files: [(&str, &[u8]); 2] = [("m@v1/z.tar.gz", &inner), ("m@v1/a.go", b"package a\n")];
    let line =
        |(path, bytes): &(&str, &[u8])| format!("{}  {path}\n", hex::encode(Sha256::digest(bytes)));
    // Sorted by path; what is inside the inner archive is no part of it.
    let listing = line(&files[1]) + &line(&files[0]);
    let expected = hex::encode(Sha256::digest(listing));
    let with = |hash: &str| Lab {
        integrity: Integrity::Listing(hash.into()),
        ..Lab::default()
    };
    let archive = tar_gz(&files);
    let report = with(&expected).archive("m.zip", &archive).await.unwrap();
    assert!(!report.artifacts[0].verified);
    assert_eq!(report.artifacts[0].files, 3);
    let plain = hex::encode(Sha256::digest(line(&files[1])));
    let report = with(&plain).archive("m.zip", &tar_gz(&files[1..])).await;
    assert!(report.unwrap().artifacts[0].verified);
    let error = with(&"0".repeat(64)).archive("m.zip", &archive).await;
    let message = error.unwrap_err().to_string();
    assert!(message.contains(&expected), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_input_gives_the_same_bytes() {
    let lab = Lab::default();
    let archive = tar_gz(
        &[
            HONEST,
            &[("sample-1.0/setup.py", b"import os\nos.system('id')\n")],
        ]
        .concat(),
    );
    let mut reports = Vec::new();
    for _ in 0..3 {
        let report = lab.archive("sample.tar.gz", &archive).await.unwrap();
        reports.push(serde_json::to_string(&report.without_timings()).unwrap());
    }
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_is_named_and_makes_clean_impossible() {
    for attack in ["trap", "error", "memory", "unlisted"] {
        let lab = Lab {
            extra: vec![HOSTILE],
            settings: vec![("attack".into(), attack.into())],
            ..Lab::default()
        };
        let report = lab.archive("sample.tar.gz", &tar_gz(HONEST)).await.unwrap();
        assert_eq!(report.verdict.outcome, Outcome::Incomplete, "{attack}");
        assert!(
            report.incomplete.iter().any(|one| one.step == "hostile"),
            "{attack}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_package_is_an_error() {
    let lab = Lab::default();
    for bytes in [&b""[..], b"\x7fELF", b"just some text, no archive\n"] {
        let error = lab.archive("sample.tar.gz", bytes).await.unwrap_err();
        assert!(
            matches!(error, PipelineError::NotAnArchive { .. }),
            "{error}"
        );
    }
    let empty = tempfile::tempdir().unwrap();
    let error = lab.folder(empty.path()).await.unwrap_err();
    assert!(matches!(error, PipelineError::Empty(_)), "{error}");
    let missing = Source::Archive("/nowhere/at/all.zip".into());
    let error = lab.run(&[("all.zip", missing)]).await.unwrap_err();
    assert!(matches!(error, PipelineError::Io { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_read_like_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    std::fs::write(folder.path().join("inner/a.py"), "x = 1\n").unwrap();
    std::fs::write(folder.path().join("inner/b.tar.gz"), tar_gz(HONEST)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
    let report = Lab::default().folder(folder.path()).await.unwrap();
    // Two files, and two more in the archive among them; nothing from outside.
    assert_eq!(report.artifacts[0].files, 4, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancellation_ends_a_package_and_leaves_nothing() {
    packguard_tests::bundle().await;
    let lab = Lab {
        extra: vec![HOSTILE],
        settings: vec![("attack".into(), "sleep".into())],
        ..Lab::default()
    };
    let archive = tar_gz(HONEST);
    let running = lab.archive("sample.tar.gz", &archive);
    tokio::pin!(running);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), &mut running)
            .await
            .is_err()
    );
    lab.cancel.cancel();
    assert!(matches!(running.await, Err(PipelineError::Cancelled)));
}
