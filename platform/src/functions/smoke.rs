//! The packages that a component is tried on before it is admitted: small, harmless, and odd
//! in the ways in which real ones are.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use packguard_runtime::types::{Artifact, FileEntry, Package};
use packguard_runtime::{Component, Limits, Runtime};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::admission::Measures;
use super::refusal::{Code, Refusal};

/// A sample: its purl type, its name, its files.
type Sample = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static [u8])],
);

const SAMPLES: [Sample; 4] = [
    ("generic", "empty", &[]),
    (
        "npm",
        "sample",
        &[
            (
                "package/package.json",
                br#"{"name":"sample","version":"1.0.0","main":"index.js","scripts":{"postinstall":"node index.js"}}"#,
            ),
            (
                "package/index.js",
                b"const answer = require('./lib');\nmodule.exports = () => answer;\n",
            ),
            ("package/lib.js", b"module.exports = 42;\n"),
            ("package/README.md", b"# sample\n"),
        ],
    ),
    (
        "pypi",
        "sample",
        &[
            (
                "sample-1.0/PKG-INFO",
                b"Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n",
            ),
            (
                "sample-1.0/setup.py",
                b"from setuptools import setup\nsetup(name='sample')\n",
            ),
            (
                "sample-1.0/sample/__init__.py",
                b"def answer():\n    return 42\n",
            ),
        ],
    ),
    (
        "generic",
        "odd",
        &[
            ("empty", b""),
            ("not-utf-8.txt", b"\xff\xfe\x00 \x80\x81\r\n\r"),
            ("caf\u{e9}/unclosed.js", b"function ( { \"\\u{ /* `${"),
            ("unclosed.py", b"def f(:\n\tif '''\n  x = [[[[[[[["),
            ("broken.json", b"{\"a\": [1, {\"b\": "),
        ],
    ),
];

/// What a component may use for one sample: far more than any needs, far less than what would
/// keep a deploy waiting.
fn limits() -> Limits {
    Limits {
        fuel: 10_000_000_000,
        wall: Duration::from_secs(20),
        ..Limits::default()
    }
}

/// Tries the component on each sample, written below `folder`.
///
/// # Errors
/// When a sample could not be written.
pub(super) async fn run(
    runtime: &Runtime,
    component: &Component,
    folder: &Path,
) -> io::Result<Result<Measures, Refusal>> {
    let mut all = Measures::default();
    for (index, sample) in SAMPLES.iter().enumerate() {
        let place = folder.join(format!("sample-{index}"));
        let package = write(sample, &place)?;
        let step = runtime
            .analyze(
                component,
                Arc::new(package),
                &place,
                &limits(),
                &CancellationToken::new(),
            )
            .await;
        all.smoke_us += step.usage.duration_us.unwrap_or(0);
        all.smoke_fuel += step.usage.fuel;
        all.smoke_memory = all.smoke_memory.max(step.usage.peak_memory);
        let (ecosystem, name, _) = sample;
        let refused = |why: String| {
            let message = format!("`analyze` failed on the sample {ecosystem}/{name}: {why}");
            Ok(Err(Refusal::new(Code::SmokeFailed, message)))
        };
        match step.result {
            Err((outcome, message)) => return refused(format!("{outcome:?}: {message}")),
            Ok(analysis) => {
                let rules = &component.descriptor().rules;
                let unlisted = analysis
                    .findings
                    .iter()
                    .find(|finding| !rules.iter().any(|rule| rule.id == finding.rule));
                if let Some(finding) = unlisted {
                    let rule = &finding.rule;
                    return refused(format!(
                        "it found `{rule}`, a rule that `describe` does not list"
                    ));
                }
            }
        }
    }
    Ok(Ok(all))
}

fn write((ecosystem, name, contents): &Sample, place: &Path) -> io::Result<Package> {
    let mut files = Vec::new();
    for (path, bytes) in *contents {
        let local = place.join("0").join(path);
        if let Some(parent) = local.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&local, bytes)?;
        files.push(FileEntry {
            artifact: 0,
            path: (*path).into(),
            location: format!("/package/0/{path}"),
            size: bytes.len() as u64,
            sha256: hex::encode(Sha256::digest(bytes)),
            executable: false,
            duplicate_of: None,
        });
    }
    std::fs::create_dir_all(place)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Package {
        purl: None,
        ecosystem: (*ecosystem).into(),
        namespace: None,
        name: (*name).into(),
        version: Some("1.0.0".into()),
        artifacts: vec![Artifact {
            filename: format!("{name}-1.0.0.tar.gz"),
            sha256: hex::encode(Sha256::digest(name)),
            size: 0,
        }],
        files,
        metadata: None,
        settings: Vec::new(),
    })
}
