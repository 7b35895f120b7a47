//! What the operator tells a scan: accepted findings, thresholds, known malware.

use std::io::{Read as _, Write as _};

use serde_json::Value;

use super::*;

fn report(output: &Output) -> Value {
    json(output)["reports"][0].clone()
}

/// The gravest finding of the malicious sample.
fn gravest(shell: &Shell) -> Value {
    let output = shell.scan(&["--format", "json", "malicious.tar.gz"]);
    report(&output)["findings"][0].clone()
}

fn entry(finding: &Value, key: &str, value: &str) -> String {
    format!(
        "[[suppression]]\nrule = {}\n{key} = {value}\nreason = \"reviewed\"\nowner = \"us@example.com\"\nexpires = 2027-01-31\n",
        finding["rule"]
    )
}

#[test]
fn an_accepted_finding_stays_in_the_report_and_does_not_count() {
    let shell = Shell::new();
    shell.file("malicious.tar.gz", &tar_gz(MALICIOUS));
    let output = shell.scan(&["--format", "json", "malicious.tar.gz"]);
    let all = report(&output);
    let entries: String = all["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| entry(one, "fingerprint", &one["content_fingerprint"].to_string()))
        .collect();
    shell.file("accepted.toml", entries.as_bytes());
    let scan = |day: &str, more: &[&str]| {
        let options = [
            "--suppressions",
            "accepted.toml",
            "--today",
            day,
            "--no-timings",
        ];
        shell.scan(&[&options[..], more, &["malicious.tar.gz"]].concat())
    };
    let output = scan("2027-01-31", &["--format", "json"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let accepted = report(&output);
    assert_eq!(accepted["verdict"]["outcome"], "clean");
    assert_eq!(
        accepted["findings"].as_array().unwrap().len(),
        all["findings"].as_array().unwrap().len()
    );
    assert_eq!(
        accepted["findings"][0]["suppressed"]["owner"],
        "us@example.com"
    );
    assert_ne!(
        accepted["provenance"]["inputs"],
        all["provenance"]["inputs"]
    );
    // The same report for the same day, and for another one on which the same entries hold.
    assert_eq!(
        scan("2027-01-30", &["--format", "json"]).stdout,
        output.stdout
    );
    let text = said(&scan("2027-01-31", &[]));
    assert!(
        text.contains("Suppressed:") && text.contains("reviewed"),
        "{text}"
    );
    let sarif = json(&scan("2027-01-31", &["--format", "sarif"]));
    assert_eq!(
        sarif["runs"][0]["results"][0]["suppressions"][0]["status"],
        "accepted"
    );
    // A day later it counts again, and that is said.
    let output = scan("2027-02-01", &["--format", "json"]);
    assert_eq!(code(&output), 1, "{}", said(&output));
    assert!(
        said(&output).contains("ran out on 2027-01-31"),
        "{}",
        said(&output)
    );
    assert!(
        report(&output)["notes"][0]
            .as_str()
            .unwrap()
            .contains("ran out")
    );
}

#[test]
fn a_suppression_holds_for_content_and_nothing_else() {
    let shell = Shell::new();
    shell.file("malicious.tar.gz", &tar_gz(MALICIOUS));
    let found = gravest(&shell);
    shell.file(
        "accepted.toml",
        entry(&found, "content", &found["content"].to_string()).as_bytes(),
    );
    let mut changed = MALICIOUS[0].1.to_vec();
    changed.extend(b"# one byte more\n");
    shell.file(
        "changed.tar.gz",
        &tar_gz(&[("sample-1.0/setup.py", &changed)]),
    );
    let suppressed = |archive: &str| {
        let output = shell.scan(&[
            "--suppressions",
            "accepted.toml",
            "--today",
            "2027-01-01",
            "--format",
            "json",
            archive,
        ]);
        let report = report(&output);
        let findings = report["findings"].as_array().unwrap();
        findings
            .iter()
            .filter(|one| one["suppressed"].is_object())
            .count()
    };
    assert!(suppressed("malicious.tar.gz") >= 1);
    assert_eq!(suppressed("changed.tar.gz"), 0);
    for (line, hint) in [
        ("path = \"setup.py\"", "names content"),
        ("expires = 2027-02-30", "TOML"),
        ("colour = 1", "means nothing"),
    ] {
        shell.file("bad.toml", format!("[[suppression]]\n{line}\n").as_bytes());
        let output = shell.scan(&["--suppressions", "bad.toml", "malicious.tar.gz"]);
        assert_eq!(code(&output), 2, "{line}: {}", said(&output));
        assert!(
            said(&output).contains(hint) && said(&output).contains("hint"),
            "{}",
            said(&output)
        );
    }
}

#[test]
fn thresholds_can_be_moved() {
    let shell = Shell::new();
    shell.file("malicious.tar.gz", &tar_gz(MALICIOUS));
    let outcome = |threshold: &str| {
        let output = shell.scan(&[
            "--threshold",
            threshold,
            "--format",
            "json",
            "malicious.tar.gz",
        ]);
        report(&output)["verdict"].clone()
    };
    assert_eq!(outcome("malicious=70")["outcome"], "malicious");
    assert_eq!(outcome("malicious=70")["thresholds"]["suspicious"], 30);
    let score = outcome("")["score"].as_u64().unwrap();
    let above = outcome(&format!("malicious={}", (score + 1).min(100)));
    if score < 100 {
        assert_eq!(above["outcome"], "suspicious");
        assert_eq!(above["thresholds"]["malicious"], score + 1);
    }
    for wrong in ["malicious=101", "suspicious=80", "evil=1"] {
        assert_eq!(
            code(&shell.scan(&["--threshold", wrong, "malicious.tar.gz"])),
            2,
            "{wrong}"
        );
    }
}

/// A server of static files on loopback, for as long as the test runs.
pub(super) fn serve(files: Vec<(String, &'static str, Vec<u8>)>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head);
            let path = head.split(' ').nth(1).unwrap_or("/");
            let found = files.iter().find(|(name, ..)| name == path);
            let (status, kind, body) = match found {
                Some((_, kind, body)) => ("200 OK", *kind, body.as_slice()),
                None => ("404 Not Found", "text/plain", &b"none"[..]),
            };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(body);
        }
    });
    format!("http://{address}")
}

/// An index with this project in two versions.
pub(super) fn index(before: &[(&str, &[u8])], after: &[(&str, &[u8])]) -> String {
    let page = "<html><body><a href=\"/files/sample-1.0.0.tar.gz\">sample-1.0.0.tar.gz</a>\
                <a href=\"/files/sample-1.0.1.tar.gz\">sample-1.0.1.tar.gz</a></body></html>";
    let url = serve(vec![
        (
            "/simple/sample/".into(),
            "text/html",
            page.as_bytes().to_vec(),
        ),
        (
            "/files/sample-1.0.0.tar.gz".into(),
            "application/gzip",
            tar_gz(before),
        ),
        (
            "/files/sample-1.0.1.tar.gz".into(),
            "application/gzip",
            tar_gz(after),
        ),
    ]);
    format!("{url}/simple/")
}

const REPORTED: &str = r#"{"id": "MAL-2026-1", "summary": "Sends secrets away",
    "affected": [{"package": {"ecosystem": "PyPI", "name": "Sample"}, "versions": ["1.0.1"]}]}"#;

#[test]
fn reported_malware_convicts_and_other_versions_do_not() {
    let shell = Shell::new();
    let registry = index(HONEST, HONEST);
    std::fs::create_dir(shell.0.path().join("osv")).unwrap();
    shell.file("osv/MAL-2026-1.json", REPORTED.as_bytes());
    let url = serve(vec![(
        "/all.json".into(),
        "application/json",
        REPORTED.into(),
    )]);
    let url = format!("{url}/all.json");
    for source in ["osv", "osv/MAL-2026-1.json", &url] {
        let scan = |purl: &str| {
            let options = [
                "--osv",
                source,
                "--compare-previous",
                "never",
                "--format",
                "json",
                purl,
            ];
            shell.run(shell.command(&options).env("PACKGUARD_PYPI_URL", &registry))
        };
        let output = scan("pkg:pypi/sample@1.0.1");
        assert_eq!(code(&output), 1, "{source}: {}", said(&output));
        let flagged = report(&output);
        assert_eq!(flagged["verdict"]["outcome"], "malicious");
        assert_eq!(flagged["findings"][0]["rule"], "osv-malware");
        assert_eq!(
            flagged["provenance"]["advisories"].as_str().unwrap().len(),
            64
        );
        assert_eq!(code(&scan("pkg:pypi/sample@1.0.0")), 0);
    }
    let output = shell.scan(&["--offline", "--osv", &url, "pkg:pypi/sample"]);
    assert_eq!(code(&output), 2, "{}", said(&output));
    let output = shell.scan(&["--osv", "nowhere", "pkg:pypi/sample"]);
    assert_eq!(code(&output), 2, "{}", said(&output));
}
