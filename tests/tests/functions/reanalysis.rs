//! An improved analyzer sees again what it has not seen.

use std::time::Duration;

use packguard_platform::admin::{self, AdminCommand, Output};
use packguard_platform::config::{self, Flags};
use packguard_platform::reconcile::{Reanalyses, Reconciler};
use packguard_platform::telemetry::Metrics;
use packguard_tests::harness::registry::{Registry, harmless};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::lab::{Lab, send};

#[derive(clap::Parser)]
struct Command {
    #[command(subcommand)]
    command: AdminCommand,
}

/// Runs `packguard admin …`.
async fn admin(lab: &Lab, line: &str) -> String {
    let words = std::iter::once("admin").chain(line.split_whitespace());
    let command = <Command as clap::Parser>::try_parse_from(words)
        .expect("a command")
        .command;
    let settings = config::resolve(&Flags::default(), &lab.environment).expect("settings");
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let output = Output {
        out: &mut out,
        notes: &mut notes,
    };
    let done = admin::run(command, &settings, output, &CancellationToken::new()).await;
    done.unwrap_or_else(|error| panic!("{line}: {error}; {}", error.hint));
    String::from_utf8(out).expect("text")
}

/// The components that the newest public report of a package names.
async fn newest(lab: &Lab, purl: &str) -> (i64, Value) {
    sqlx::query_as(
        "SELECT r.id, s.components -> 'components' FROM reports r JOIN analysis_sets s ON s.digest = r.analysis_set
         WHERE r.purl = $1 AND owner IS NULL ORDER BY r.id DESC LIMIT 1",
    )
    .bind(purl)
    .fetch_one(&lab.app.db)
    .await
    .expect("a report")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_before_is_seen_again_once() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    let worker = lab.worker(&registry).await;
    let purls: Vec<String> = (1..=3)
        .map(|number| Registry::purl("sample", number))
        .collect();
    for purl in &purls {
        lab.report(lab.submit(purl).await).await;
    }
    let digest = lab.publish("empty", "0.1.0").await;
    assert_eq!(lab.promote("empty", "0.1.0").await.status, 200);
    worker.line("\"functions\":1").await;
    // There is one worker, and it has switched: no other is waited for.
    sqlx::query("UPDATE function_aliases SET moved_at = now() - interval '1 hour'")
        .execute(&lab.app.db)
        .await
        .expect("it is written");

    admin(&lab, "reanalyze --function empty --limit 2").await;
    let reconciler = Reconciler {
        db: lab.app.db.clone(),
        queue: lab.app.queue.clone(),
        storage: lab.app.storage.clone(),
        metrics: Metrics::new("test"),
        lease: Duration::from_secs(60),
        reanalyses: Reanalyses {
            open: 10,
            timeout: Duration::from_secs(60),
            max_attempts: 3,
        },
    };
    let seen = async |purl: &str| {
        let (_, components) = newest(&lab, purl).await;
        let all = components.as_array().expect("components").clone();
        all.iter().any(|one| one["digest"] == json!(digest))
    };
    let run = async |expected: u64| {
        assert_eq!(
            reconciler.reanalyse().await.expect("it is queued"),
            expected
        );
        let over = async {
            while packguard_platform::db::reanalyses::unfinished(&lab.app.db)
                .await
                .expect("a count")
                > 0
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let over = tokio::time::timeout(Duration::from_secs(120), over).await;
        over.expect("the worker does them");
    };
    run(2).await;
    // The newest first; the bound is kept.
    assert!(!seen(&purls[0]).await);
    assert!(seen(&purls[1]).await && seen(&purls[2]).await);
    admin(&lab, "reanalyze --function empty").await;
    run(1).await;
    assert!(seen(&purls[0]).await);
    admin(&lab, "reanalyze --function empty").await;
    run(0).await;
    let states: Value =
        serde_json::from_str(&admin(&lab, "reanalyze --status --json").await).expect("JSON");
    let queued: Vec<_> = states["reanalyses"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|one| &one["queued"])
        .collect();
    assert_eq!(queued, [&json!(0), &json!(1), &json!(2)]);

    // The client has what it submitted and no more; what it submits now is answered anew.
    let list = send(lab.request(&lab.client.1, Method::GET, "/api/v1/reports/")).await;
    assert_eq!(list.data()["total"], 3);
    let again = lab.report(lab.submit(&purls[0]).await).await;
    assert_eq!(super::lab::ran(&again, "empty"), Some(digest));
    let requests = registry.requests("sample-0001");
    assert_eq!(requests.download, 2, "the re-analysis answers the client");
    assert!(worker.terminate().await.success());
}
