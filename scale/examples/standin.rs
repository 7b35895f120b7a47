//! The tests' API server as a process of its own, with pools and what makes pods of them:
//!
//!     cargo run -p packguard-scale --example standin -- 50
//!
//! Prints its address, and every ten seconds how many requests it got in the last minute.

#![expect(clippy::unwrap_used, reason = "a tool for measuring: it may fall over")]

#[path = "../tests/controller/apply.rs"]
mod apply;
#[path = "../tests/controller/cluster.rs"]
mod cluster;
#[path = "../tests/controller/kinds.rs"]
mod kinds;
#[path = "../tests/controller/requests.rs"]
mod requests;
#[path = "../tests/controller/schema.rs"]
mod schema;
#[path = "../tests/controller/server.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod server;
#[path = "../tests/controller/store.rs"]
mod store;
#[path = "../tests/controller/watching.rs"]
mod watching;

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

#[tokio::main]
async fn main() {
    let pools: u32 = std::env::args()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .unwrap_or(1);
    let server = server::Server::start().await;
    let _cluster = cluster::Cluster::start(&server, cluster::Fate::default());
    for number in 0..pools {
        // One scales, the others hold 20 pods each: as many pods and statuses as a large cluster has.
        let pool = json!({
            "metadata": {"name": format!("pool-{number:02}")},
            "spec": {"class": "standard", "image": "packguard:1", "min": 0, "max": 1000, "replicas": if number == 0 { json!(null) } else { json!(20) }, "overrideExpiry": "0s"},
        });
        server
            .change(|store| store.create(kinds::POOLS, server::NAMESPACE, pool, &store::TEST))
            .unwrap();
    }
    println!("{}", server.url());
    loop {
        sleep(Duration::from_secs(10)).await;
        let now = Instant::now();
        let asked = server.asked();
        let recent: Vec<_> = asked
            .iter()
            .filter(|asked| now.duration_since(asked.at) < Duration::from_secs(60))
            .collect();
        let mut by_kind = std::collections::BTreeMap::<String, u32>::new();
        for asked in &recent {
            *by_kind
                .entry(format!("{} {}", asked.verb, asked.resource))
                .or_default() += 1;
        }
        println!(
            "pods {}; last minute: {} requests {by_kind:?}",
            server.list(kinds::PODS).len(),
            recent.len()
        );
    }
}
