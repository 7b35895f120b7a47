//! Analyses a folder natively and prints findings: `scan FOLDER [name]`.

use std::path::Path;
use std::time::Instant;

use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analyzer as _, Severity};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: scan FOLDER [name]");
        return Ok(());
    };
    let name = arguments.next().unwrap_or_else(|| "package".into());
    let mut builder = PackageBuilder::new("npm", &name);
    let mut bytes = 0;
    let mut folders = vec![std::path::PathBuf::from(&folder)];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(relative) = path.strip_prefix(Path::new(&folder)) {
                let content = std::fs::read(&path)?;
                bytes += content.len();
                builder = builder.file(&format!("package/{}", relative.display()), content);
            }
        }
    }
    let package = builder.build();
    let start = Instant::now();
    let analysis = packguard_javascript::JavaScript::analyze(&package);
    let elapsed = start.elapsed();
    let analysis = match analysis {
        Ok(analysis) => analysis,
        Err(error) => {
            eprintln!("{error}");
            return Ok(());
        }
    };
    for finding in analysis.findings() {
        let place = finding.location.as_ref().map_or_else(String::new, |at| {
            format!("{}:{}", at.path, at.line.unwrap_or(0))
        });
        let snippet = finding
            .location
            .as_ref()
            .and_then(|at| at.snippet.as_deref())
            .unwrap_or_default();
        let mark = if finding.severity >= Severity::Medium {
            "!!"
        } else {
            "  "
        };
        println!(
            "{mark} {:?} {:?} {:?} {:?} {} {} — {place}\n      {}",
            finding.severity,
            finding.confidence,
            finding.phase,
            finding.category,
            finding.rule,
            finding.title,
            &snippet[..snippet.floor_char_boundary(140)]
        );
        for layer in &finding.decoded {
            println!(
                "      [{}] {}",
                layer.encoding,
                &layer.text[..layer.text.floor_char_boundary(140)]
            );
        }
    }
    for problem in analysis.problems() {
        println!(
            "problem: {} {}",
            problem.path.as_deref().unwrap_or(""),
            problem.reason
        );
    }
    println!(
        "{name}: {} findings, {} problems, {:.1} MB in {} ms",
        analysis.findings().len(),
        analysis.problems().len(),
        bytes as f64 / 1e6,
        elapsed.as_millis()
    );
    Ok(())
}
