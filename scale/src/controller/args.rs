//! How the controller is told to work.

use std::time::Duration;

use clap::Args;

use crate::crd::Span;

use super::{Clock, Config, LeaseConfig};

/// How the controller is told to work.
#[derive(Debug, Clone, Args)]
pub struct ControllerArgs {
    /// The namespace of the pools.
    #[arg(long, env = "SCALE_NAMESPACE", default_value = "packguard")]
    pub namespace: String,
    /// The Lease by which replicas of the controller settle who acts.
    #[arg(long, env = "SCALE_LEASE", default_value = "packguard-scale")]
    pub lease_name: String,
    /// How long a leader that says nothing leads; it says something three times as often.
    #[arg(long, env = "SCALE_LEASE_DURATION", default_value = "30s", value_parser = clap::value_parser!(Span))]
    pub lease_duration: Span,
    /// Who this replica is: its pod's name.
    #[arg(long, env = "HOSTNAME", default_value = "packguard-scale")]
    pub identity: String,
    /// The pause between two looks at the queue.
    #[arg(long, env = "SCALE_INTERVAL", default_value = "2s", value_parser = clap::value_parser!(Span))]
    pub interval: Span,
}

impl ControllerArgs {
    /// What [`run`](super::run) takes. `process`: what tells this process from one of the same name before it.
    #[must_use]
    pub fn config(&self, process: &str) -> Config {
        let duration = self.lease_duration.0.max(Duration::from_secs(6));
        Config {
            namespace: self.namespace.clone(),
            lease: LeaseConfig {
                namespace: self.namespace.clone(),
                name: self.lease_name.clone(),
                identity: format!("{}_{process}", self.identity),
                duration,
                renew_every: duration / 3,
                renew_deadline: duration * 2 / 3,
                retry: Duration::from_secs(2),
            },
            interval: self.interval.0.max(Duration::from_millis(100)),
            status_interval: Duration::from_secs(10),
            source_timeout: Duration::from_secs(2),
            retry: Duration::from_secs(10),
            clock: Clock::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        controller: ControllerArgs,
    }

    fn config(line: &[&str]) -> Config {
        let words = ["scale"].iter().chain(line);
        Command::parse_from(words).controller.config("7")
    }

    #[test]
    fn a_leader_stops_before_its_lease_expires() {
        for duration in ["1s", "6s", "30s", "5m"] {
            let lease = config(&["--lease-duration", duration, "--identity", "pod"]).lease;
            assert!(lease.renew_every < lease.renew_deadline, "{duration}");
            assert!(lease.renew_deadline < lease.duration, "{duration}");
            assert_eq!(lease.identity, "pod_7");
        }
    }

    #[test]
    fn an_interval_of_nothing_is_no_busy_loop() {
        assert!(config(&["--interval", "0s"]).interval >= Duration::from_millis(100));
    }
}
