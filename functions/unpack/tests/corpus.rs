//! Unpacks real archives: `CORPUS=<folder> cargo test --release -- --ignored --nocapture`.

mod support;

use std::path::PathBuf;

use support::{Limits, unpack_file};

#[test]
#[ignore = "needs a folder of archives in CORPUS"]
fn honest_archives_have_no_problem_and_no_finding_of_weight() {
    let folder = PathBuf::from(std::env::var_os("CORPUS").expect("CORPUS names a folder"));
    let mut odd = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let scratch = tempfile::TempDir::new().unwrap();
        let limits = Limits {
            bytes: 4 << 30,
            ..Limits::default()
        };
        let start = std::time::Instant::now();
        let outcome = unpack_file(name, &path, scratch.path(), limits, |_| {});
        let heavy = outcome
            .analysis
            .findings
            .iter()
            .any(|finding| finding.severity >= packguard_sdk::Severity::Medium);
        if heavy || !outcome.problems().is_empty() {
            odd += 1;
        }
        println!(
            "{name}: {} files in {:?}",
            outcome.files.len(),
            start.elapsed()
        );
        for finding in &outcome.analysis.findings {
            println!(
                "  {:?} {} {}",
                finding.severity, finding.rule, finding.title
            );
        }
        for problem in &outcome.analysis.problems {
            println!("  problem {:?} {}", problem.path, problem.reason);
        }
    }
    assert_eq!(odd, 0);
}
