//! Analyses folders, each as one package, and prints what is found at or above a
//! severity, with the score that the judge gives: `scan info|low|medium|high FOLDER…`.
//! For trying rules on real packages.

use std::path::Path;

use packguard_judge::Bench;

use packguard_scripts::Scripts;
use packguard_sdk::bindings::analyzer::packguard::analyzer::types as wit;
use packguard_sdk::judge::{Dossier, Evidence};
use packguard_sdk::{Analysis, Analyzer as _, Judge as _, Package, Severity};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let least = match arguments.next().as_deref() {
        Some("info") => Severity::Info,
        Some("low") => Severity::Low,
        Some("high") => Severity::High,
        _ => Severity::Medium,
    };
    for folder in arguments {
        let package = package(Path::new(&folder));
        let bytes: u64 = package.0.files.iter().map(|file| file.size).sum();
        let start = std::time::Instant::now();
        let analysis = match Scripts::analyze(&package) {
            Ok(analysis) => analysis,
            Err(error) => {
                println!("{folder}: {error}");
                continue;
            }
        };
        println!(
            "== {folder}: score {}, {} files, {} KB, {:?}, {} findings, {} problems",
            score(&analysis),
            package.0.files.len(),
            bytes >> 10,
            start.elapsed(),
            analysis.findings().len(),
            analysis.problems().len()
        );
        for finding in analysis.findings().iter().filter(|f| f.severity >= least) {
            let place = finding.location.as_ref();
            println!(
                "{:?} {} [{:?}] {}\n    {}:{} {}",
                finding.severity,
                finding.rule,
                finding.phase,
                finding.title,
                place.map_or("", |place| &place.path),
                place.and_then(|place| place.line).unwrap_or(0),
                place
                    .and_then(|place| place.snippet.as_deref())
                    .unwrap_or("")
                    .replace('\n', "\n        "),
            );
            for layer in &finding.decoded {
                println!(
                    "      {}: {}",
                    layer.encoding,
                    layer.text.chars().take(200).collect::<String>()
                );
            }
        }
        for problem in analysis.problems() {
            println!(
                "PROBLEM {}: {}",
                problem.path.as_deref().unwrap_or(""),
                problem.reason
            );
        }
    }
}

fn score(analysis: &Analysis) -> u32 {
    let evidence = analysis.findings().iter().map(|finding| Evidence {
        analyzer: "scripts".into(),
        finding: finding.clone(),
    });
    Bench::judge(&Dossier {
        purl: None,
        ecosystem: "generic".into(),
        name: "scan".into(),
        version: None,
        evidence: evidence.collect(),
        incomplete: Vec::new(),
    })
    .map_or(0, |verdict| verdict.score)
}

fn package(folder: &Path) -> Package {
    let mut files = Vec::new();
    collect(folder, folder, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Package(wit::Package {
        purl: None,
        ecosystem: "generic".into(),
        namespace: None,
        name: "scan".into(),
        version: None,
        artifacts: vec![wit::Artifact {
            filename: "scan".into(),
            sha256: String::new(),
            size: 0,
        }],
        files,
        metadata: None,
        settings: Vec::new(),
    })
}

fn collect(top: &Path, folder: &Path, files: &mut Vec<wit::FileEntry>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(top, &path, files);
        } else if let (Ok(inside), Ok(metadata)) = (path.strip_prefix(top), entry.metadata()) {
            files.push(wit::FileEntry {
                artifact: 0,
                path: inside.to_string_lossy().into_owned(),
                location: path.to_string_lossy().into_owned(),
                size: metadata.len(),
                sha256: String::new(),
                executable: false,
                duplicate_of: None,
            });
        }
    }
}
