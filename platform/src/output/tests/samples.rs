//! Made-up reports. The "malware" is text that does nothing.

use super::*;

fn report(purl: &str, name: &str, version: &str, verdict: Verdict) -> Report {
    Report {
        schema_version: "1.0".into(),
        package: PackageInfo {
            purl: Some(purl.into()),
            ecosystem: "pypi".into(),
            namespace: None,
            name: name.into(),
            version: Some(version.into()),
        },
        artifacts: vec![artifact(&format!("{name}-{version}.tar.gz"), None)],
        verdict,
        findings: vec![],
        incomplete: vec![],
        notes: vec![],
        comparison: None,
        behaviour: Behaviour {
            install: None,
            import: None,
            execute: None,
            reason: Some("nothing was run".into()),
        },
        analyzers: vec![step("python", StepOutcome::Ok, None)],
        rules: vec![
            rule(
                "python-spawn",
                "Starts processes",
                Category::Capability,
                Severity::Info,
                &[],
            ),
            rule(
                "python-network",
                "Talks to the network",
                Category::Capability,
                Severity::Info,
                &[],
            ),
        ],
        provenance: Provenance {
            packguard: "0.1.0".into(),
            contract: "packguard:analyzer@1.0.0".into(),
            limits: "11".repeat(32),
            inputs: "22".repeat(32),
            suppressions: None,
            advisories: None,
        },
        started_at: None,
        duration_us: None,
    }
}

fn artifact(filename: &str, skipped: Option<&str>) -> ArtifactInfo {
    ArtifactInfo {
        filename: filename.into(),
        sha256: "ab".repeat(32),
        size: 1234,
        files: 3,
        unpacked_size: 5678,
        verified: true,
        skipped: skipped.map(str::to_owned),
    }
}

fn step(name: &str, outcome: StepOutcome, message: Option<&str>) -> StepInfo {
    StepInfo {
        name: name.into(),
        version: "0.1.0".into(),
        digest: "cd".repeat(32),
        signed_by: None,
        outcome,
        message: message.map(str::to_owned),
        usage: Usage {
            fuel: 1,
            peak_memory: 2,
            duration_us: None,
        },
    }
}

fn rule(
    id: &str,
    title: &str,
    category: Category,
    severity: Severity,
    attack: &[&str],
) -> RuleInfo {
    RuleInfo {
        id: id.into(),
        title: title.into(),
        help: format!("**{title}.**\n\nWhat to do: read the code at that place."),
        category,
        severity,
        attack: attack.iter().map(|id| (*id).to_owned()).collect(),
    }
}

fn finding(rule: &str, title: &str, category: Category, severity: Severity) -> Finding {
    Finding {
        fingerprint: "0011223344556677".into(),
        content_fingerprint: None,
        content: None,
        rule: rule.into(),
        title: title.into(),
        analyzer: "python".into(),
        category,
        severity,
        confidence: Confidence::High,
        phase: Phase::Unknown,
        location: None,
        decoded: vec![],
        why: String::new(),
        attack: vec![],
        suppressed: None,
    }
}

fn verdict(outcome: Outcome, score: u32, summary: &str, reasons: &[(u32, &str)]) -> Verdict {
    let reasons = reasons.iter().map(|(weight, text)| Reason {
        weight: *weight,
        text: (*text).into(),
        findings: vec![],
    });
    Verdict {
        outcome,
        score,
        summary: summary.into(),
        reasons: reasons.collect(),
        thresholds: None,
    }
}

pub(in crate::output) fn named(mut report: Report, purl: &str) -> Report {
    report.package.purl = Some(purl.into());
    report
}

pub(in crate::output) fn clean() -> Report {
    let verdict = verdict(
        Outcome::Clean,
        0,
        "Everything was looked at; nothing convicts.",
        &[],
    );
    let mut report = report("pkg:pypi/good@2.0.0", "good", "2.0.0", verdict);
    report.findings = vec![
        finding(
            "python-network",
            "opens a socket",
            Category::Capability,
            Severity::Info,
        ),
        finding(
            "python-spawn",
            "runs git",
            Category::Capability,
            Severity::Info,
        ),
        finding(
            "python-spawn",
            "runs make",
            Category::Capability,
            Severity::Info,
        ),
        finding(
            "metadata-new",
            "first release",
            Category::Metadata,
            Severity::Info,
        ),
    ];
    report
}

pub(in crate::output) fn malicious() -> Report {
    let verdict = verdict(
        Outcome::Malicious,
        95,
        "Runs a hidden payload while it is installed.",
        &[
            (60, "An install hook decodes text and executes it."),
            (
                35,
                "The payload talks to https://c2.example and mentions @octocat | #1.",
            ),
        ],
    );
    let mut report = report("pkg:pypi/evil@1.0.0", "evil", "1.0.0", verdict);
    report.rules.insert(
        0,
        rule(
            "python-decode-exec",
            "Decoded text is executed",
            Category::Execution,
            Severity::Critical,
            &["T1059.006", "T1027"],
        ),
    );
    let mut decoded = finding(
        "python-decode-exec",
        "exec() of a base64 and zlib payload",
        Category::Execution,
        Severity::Critical,
    );
    decoded.phase = Phase::Install;
    decoded.why = "Honest code has no reason to hide what it executes. The reader of the \
                   source sees noise, and the interpreter sees a program."
        .into();
    decoded.location = Some(Location {
        artifact: "evil-1.0.0.tar.gz".into(),
        path: "evil-1.0.0/set\u{202e}up.py".into(),
        line: Some(3),
        column: Some(1),
        end_line: Some(4),
        snippet: Some("exec(\u{1b}[2Jdecode('eJz…'))\n```\n</details>\t@everyone\u{7}".into()),
    });
    decoded.decoded = vec![
        DecodedLayer {
            encoding: "base64".into(),
            text: "x\u{9c}…".into(),
        },
        DecodedLayer {
            encoding: "zlib".into(),
            text: (1..=11)
                .map(|n| format!("line_{n} = 'harmless'\r\n"))
                .collect(),
        },
    ];
    let mut low = finding(
        "names-similar",
        "named like good",
        Category::SupplyChain,
        Severity::Low,
    );
    low.location = Some(Location {
        artifact: "evil-1.0.0.tar.gz".into(),
        path: "inner.zip!/a b%/../PKG-INFO".into(),
        line: None,
        column: None,
        end_line: None,
        snippet: Some("x".repeat(300)),
    });
    let spawn = finding(
        "python-spawn",
        "runs sh",
        Category::Capability,
        Severity::Info,
    );
    report.findings = vec![low, decoded, spawn];
    report
}

pub(in crate::output) fn suspicious() -> Report {
    let verdict = verdict(
        Outcome::Suspicious,
        45,
        "Look before installing.",
        &[(45, "Its name is one letter away from a popular package.")],
    );
    report("pkg:pypi/odd@0.1.0", "odd", "0.1.0", verdict)
}

pub(in crate::output) fn incomplete() -> Report {
    let verdict = verdict(
        Outcome::Incomplete,
        0,
        "Nothing convicts, but not everything was looked at.",
        &[],
    );
    let mut report = report("pkg:pypi/huge@3.0.0", "huge", "3.0.0", verdict);
    report.artifacts.push(artifact(
        "huge-3.0.0-cp312.whl",
        Some("larger than 512 MiB"),
    ));
    report.incomplete = vec![
        Incomplete {
            step: "javascript".into(),
            artifact: Some("huge-3.0.0.tar.gz".into()),
            path: Some("static/app.min.js".into()),
            reason: "not JavaScript: unexpected token at line 1".into(),
        },
        Incomplete {
            step: "fetch".into(),
            artifact: Some("huge-3.0.0-cp312.whl".into()),
            path: None,
            reason: "larger than 512 MiB".into(),
        },
    ];
    report.analyzers.push(step(
        "rules",
        StepOutcome::OutOfTime,
        Some("used up 10 s of CPU"),
    ));
    report
}

pub(in crate::output) fn failures() -> Vec<Failure> {
    vec![
        Failure {
            input: "pkg:npm/no-such-package@1.0.0".into(),
            category: FailureCategory::Package,
            message: "no such version".into(),
            hint: Some("the newest one is 0.9.1".into()),
        },
        Failure {
            input: "pkg:pypi/x@1\u{1b}[0m".into(),
            category: FailureCategory::Environment,
            message: "the registry did not answer".into(),
            hint: None,
        },
    ]
}

pub(in crate::output) fn skipped() -> Vec<SkippedEntry> {
    let remark = Remark {
        file: None,
        line: Some(4),
        text: "-e git+https://git.example/x#egg=x".into(),
        reason: "an editable install of source code".into(),
    };
    vec![SkippedEntry::new("requirements.txt", remark)]
}
