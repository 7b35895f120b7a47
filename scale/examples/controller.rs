//! The controller as `packguard scale` runs it, against any API server, with a queue that only counts:
//!
//!     cargo run --release -p packguard-scale --example controller -- http://127.0.0.1:PORT 400
//!
//! The second word is the number of ready tasks. Prints its own memory every ten seconds.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::Utc;
use clap::Parser;
use packguard_scale::controller::{
    ControllerArgs, Metrics, QueueSignals, SignalSource, SourceError, connect_to, run,
};
use packguard_scale::crd::Class;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Parser)]
struct Command {
    url: String,
    ready: u64,
    #[command(flatten)]
    controller: ControllerArgs,
}

struct Constant(u64);

impl SignalSource for Constant {
    async fn signals(&self, _: Class) -> Result<QueueSignals, SourceError> {
        Ok(QueueSignals {
            measured_at: Utc::now(),
            ready: self.0,
            leased: 0,
            due_soon: 0,
            oldest_wait: Duration::ZERO,
            service_time: Some(Duration::from_secs(1)),
            arrivals_per_second: None,
            wait_p95: None,
        })
    }

    async fn busy_workers(&self) -> Result<BTreeSet<String>, SourceError> {
        Ok(BTreeSet::new())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let command = Command::parse();
    let metrics = Metrics::default();
    let client = connect_to(kube::Config::new(command.url.parse()?), &metrics)?;
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        drop(tokio::signal::ctrl_c().await);
        stop.cancel();
    });
    let config = command.controller.config(&std::process::id().to_string());
    tokio::spawn(async {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let memory: Vec<&str> = status
                .lines()
                .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"))
                .collect();
            println!("{}", memory.join(" "));
        }
    });
    run(client, config, Constant(command.ready), metrics, cancel).await;
    Ok(())
}
