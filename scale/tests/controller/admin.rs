//! `packguard admin pools`.

use clap::Parser;
use packguard_scale::admin::{PoolsArgs, run};
use packguard_scale::controller::Metrics;
use serde_json::json;

use crate::cluster::{Cluster, Fate};
use crate::fixture::{Fixture, at_once};
use crate::harness::{Controller, Queue, client};
use crate::kinds::PODS;
use crate::server::Server;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    pools: PoolsArgs,
}

async fn pools(server: &Server, line: &str) -> Result<String, String> {
    let words = std::iter::once("pools").chain(line.split_whitespace());
    let command = Command::try_parse_from(words).map_err(|error| error.to_string())?;
    let client = client(server, &Metrics::default());
    run(client, &command.pools)
        .await
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn pools_are_listed_and_set() {
    let server = Server::start().await;
    let queue = Queue::default();
    let _cluster = Cluster::start(&server, Fate::default());
    assert_eq!(pools(&server, "list").await.unwrap(), "there are no pools");
    server.create_pool("standard", &at_once(json!({"max": 12})));
    let _controller = Controller::start(&server, &queue, "one");
    queue.needs(3);
    server
        .until("all is said", |server| {
            server.says("standard", "Ready", "True", "AllReady")
        })
        .await;

    let table = pools(&server, "list").await.unwrap();
    let (head, row) = table.split_once('\n').unwrap();
    assert_eq!(
        head.split_whitespace().collect::<Vec<_>>(),
        [
            "NAME", "DESIRED", "READY", "QUEUED", "RUNNING", "WAIT", "P95", "MIN-MAX", "REASON",
            "AGE"
        ]
    );
    assert_eq!(
        row.split_whitespace().take(8).collect::<Vec<_>>(),
        ["standard", "3", "3", "33", "0", "2.1s", "0-12", "queue:"]
    );

    pools(
        &server,
        "set standard --min 5 --rule plan --target-wait 1m30s",
    )
    .await
    .unwrap();
    server
        .until("five pods", |server| server.list(PODS).len() == 5)
        .await;
    let policy = &server.pool("standard")["spec"]["policy"];
    assert_eq!(
        (&policy["rule"], &policy["targetWait"], &policy["downPods"]),
        (&json!("plan"), &json!("1m30s"), &json!(1000))
    );

    pools(&server, "set standard --replicas 9").await.unwrap();
    server
        .until("nine pods", |server| server.list(PODS).len() == 9)
        .await;
    pools(&server, "set standard --auto").await.unwrap();
    server
        .until("five pods", |server| server.list(PODS).len() == 5)
        .await;
}

#[tokio::test]
async fn pools_are_paused_drained_and_resumed() {
    let (fixture, _controller) = Fixture::running(&json!({"min": 5})).await;
    let _cluster = fixture.cluster(Fate::default());
    let (server, queue) = (&fixture.server, &fixture.queue);
    fixture.until_pods(5).await;

    pools(server, "pause standard").await.unwrap();
    fixture.says("Scaling", "False", "Paused").await;

    queue.busy([fixture.pods().remove(4)]);
    pools(server, "drain standard").await.unwrap();
    fixture.until_pods(1).await;
    queue.busy([]);
    fixture.until_pods(0).await;

    pools(server, "resume standard").await.unwrap();
    fixture.until_pods(5).await;
}

#[tokio::test]
async fn what_the_api_server_refuses_is_said() {
    let server = Server::start().await;
    server.create_pool("standard", &json!({"max": 12}));
    let refused = pools(&server, "set standard --min 13").await.unwrap_err();
    assert!(
        refused.contains("spec.min") && refused.contains("min must not be over max"),
        "{refused}"
    );
    let unknown = pools(&server, "pause other").await.unwrap_err();
    assert!(unknown.contains("\"other\" not found"), "{unknown}");
    let nothing = pools(&server, "set standard").await.unwrap_err();
    assert!(nothing.contains("required"), "{nothing}");
    let both = pools(&server, "set standard --replicas 3 --auto")
        .await
        .unwrap_err();
    assert!(both.contains("cannot be used with"), "{both}");
    server.deny("list", "runtimepools.packguard.dev");
    let forbidden = pools(&server, "list").await.unwrap_err();
    assert!(
        forbidden.contains("no permission") && forbidden.contains("cannot list"),
        "{forbidden}"
    );
}
