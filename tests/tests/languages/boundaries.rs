//! What interpreters offer and a guest may not have is refused, and a guest that fails ends in
//! its typed outcome.

use std::sync::Arc;
use std::time::Duration;

use packguard_runtime::report::StepOutcome;
use packguard_runtime::types::{Analysis, Package, Setting};
use packguard_runtime::{Limits, Step};
use tokio_util::sync::CancellationToken;

use crate::lab::{JAVASCRIPT, Lab, Language, PYTHON, root};

const LIMITS: Limits = Limits {
    memory: 256 << 20,
    fuel: 3_000_000_000,
    wall: Duration::from_secs(60),
    output: 64 << 10,
    transfer: 4 << 20,
    handles: 64,
};

#[tokio::test(flavor = "multi_thread")]
async fn python_gets_nothing_that_a_guest_may_not_have() {
    let saw = check(PYTHON).await;
    assert_eq!(
        saw[..5],
        [
            "write refused",
            "read refused",
            "connect refused",
            "spawn refused",
            "thread refused"
        ]
    );
    assert_eq!(saw[5..7], ["environment []", "time 0.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_gets_nothing_that_a_guest_may_not_have() {
    let saw = check(JAVASCRIPT).await;
    assert_eq!(
        saw[..5],
        [
            "read refused",
            "escape refused",
            "connect refused",
            "socket refused",
            "require refused"
        ]
    );
    assert_eq!(saw[5..7], ["environment undefined", "time 0"]);
}

/// What the probe of a language saw; the same each time.
async fn check(language: Language) -> Vec<String> {
    let project = root().join("tests/tests/languages/probe");
    let lab = Lab::new(language.build(&project.join(language.name))).await;
    let error = tell(&lab, "error").await.result.unwrap_err();
    assert_eq!(
        error,
        (
            StepOutcome::AnalyzerError,
            "the setting makes no sense".into()
        )
    );
    let (outcome, said) = tell(&lab, "crash").await.result.unwrap_err();
    assert_eq!(outcome, StepOutcome::Trap, "{said}");
    assert!(said.contains("a bug of the analyzer"), "{said}");
    for (what, expected) in [
        ("memory", StepOutcome::OutOfMemory),
        ("loop", StepOutcome::OutOfTime),
        ("flood", StepOutcome::OutputLimit),
    ] {
        assert_eq!(tell(&lab, what).await.outcome(), expected, "{what}");
    }
    let saw = titles(tell(&lab, "look").await);
    assert_eq!(titles(tell(&lab, "look").await), saw);
    saw
}

async fn tell(lab: &Lab, what: &str) -> Step<Analysis> {
    let package = Package {
        purl: None,
        ecosystem: "generic".into(),
        namespace: None,
        name: "sample".into(),
        version: None,
        artifacts: Vec::new(),
        files: Vec::new(),
        metadata: None,
        settings: vec![Setting {
            name: "do".into(),
            value: what.into(),
        }],
    };
    let folder = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    let step = lab
        .runtime
        .analyze(
            &lab.guest,
            Arc::new(package),
            folder.path(),
            &LIMITS,
            &cancel,
        )
        .await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    step
}

fn titles(step: Step<Analysis>) -> Vec<String> {
    let findings = step.result.unwrap().findings;
    findings.into_iter().map(|one| one.title).collect()
}
