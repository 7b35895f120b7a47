//! What an operator tells workers: known malware, accepted findings, thresholds.

use packguard_tests::harness::registry::{Registry, harmless};

use serde_json::Value;

use super::lab::Lab;

/// The first report that came of other inputs: until the worker has registered what it knows, the
/// one from before answers.
async fn another(lab: &Lab, purl: &str, before: &Value) -> Value {
    for _ in 0..200 {
        let report = lab.report(lab.submit(purl).await).await;
        if report["provenance"]["inputs"] != before["provenance"]["inputs"] {
            return report;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("the report stays as it was: {before}");
}

/// Another knowledge is another set: what was found before does not answer, nor is it reused.
#[tokio::test(flavor = "multi_thread")]
async fn reports_follow_what_a_worker_knows() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    let purl = Registry::purl("sample", 1);
    let worker = lab.worker(&registry).await;
    let before = lab.report(lab.submit(&purl).await).await;
    assert_eq!(before["verdict"]["outcome"], "clean", "{before}");
    drop(worker);

    let folder = tempfile::tempdir().unwrap();
    let name = purl
        .trim_start_matches("pkg:pypi/")
        .split('@')
        .next()
        .unwrap();
    let reported = serde_json::json!({
        "id": "MAL-2026-7",
        "affected": [{"package": {"ecosystem": "PyPI", "name": name}, "versions": ["1.0"]}],
    });
    let osv = folder.path().join("osv.json");
    std::fs::write(&osv, reported.to_string()).unwrap();
    let osv = osv.display().to_string();
    let worker = lab.worker_with(&registry, &[("OSV_SOURCE", &osv)]).await;
    let flagged = another(&lab, &purl, &before).await;
    assert_eq!(flagged["verdict"]["outcome"], "malicious", "{flagged}");
    let finding = &flagged["findings"][0];
    assert_eq!(finding["rule"], "osv-malware");
    drop(worker);

    let accepted = folder.path().join("accepted.toml");
    let entry = format!(
        "[[suppression]]\nrule = \"osv-malware\"\nfingerprint = {}\nreason = \"a drill\"\nowner = \"us@example.com\"\nexpires = 2999-12-31\n",
        finding["content_fingerprint"]
    );
    std::fs::write(&accepted, entry).unwrap();
    let accepted = accepted.display().to_string();
    let _worker = lab
        .worker_with(
            &registry,
            &[
                ("OSV_SOURCE", &osv),
                ("SUPPRESSIONS", &accepted),
                ("JUDGE_THRESHOLDS", "malicious=90,suspicious=50"),
            ],
        )
        .await;
    let quiet = another(&lab, &purl, &flagged).await;
    assert_eq!(quiet["verdict"]["outcome"], "clean", "{quiet}");
    assert_eq!(quiet["verdict"]["thresholds"]["malicious"], 90);
    assert_eq!(quiet["findings"][0]["suppressed"]["reason"], "a drill");
}
