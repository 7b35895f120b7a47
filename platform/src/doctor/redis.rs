//! Redis: who it is, whether it keeps what it is given, what time it has.

use chrono::{DateTime, Utc};

use crate::config::RedisConfig;
use crate::queue::{Queue, QueueError};

use super::Verdict;
use super::clock::{self, Reading};

fn failed(config: &RedisConfig, error: &QueueError) -> Verdict {
    let hint = match error {
        QueueError::Unavailable(_) => "is it running, and is REDIS_URL right?",
        QueueError::Refused(_) => "the message says what to set",
        QueueError::Protocol(_) => "is it a Redis or a Valkey, and nobody else's keys?",
    };
    Verdict::fail(format!("{}: {error}", config.url), hint)
}

pub(super) async fn server(config: RedisConfig) -> Verdict {
    let asked = async { Queue::lazy(&config.queue_config())?.check_server().await };
    match asked.await {
        Ok(server) => Verdict::ok(format!(
            "version {}, maxmemory-policy {}",
            server.version, server.maxmemory_policy
        )),
        Err(error) => failed(&config, &error),
    }
}

/// Whether the queue's parts agree with each other.
pub(super) async fn queue(config: RedisConfig) -> Verdict {
    let asked = async { Queue::lazy(&config.queue_config())?.inconsistencies().await };
    match asked.await {
        Ok(wrong) if wrong.is_empty() => Verdict::ok("consistent"),
        Ok(wrong) => Verdict::fail(
            wrong.join("; "),
            "stop the platform and delete the queue's keys: the reconciler rebuilds them from Postgres",
        ),
        Err(error) => failed(&config, &error),
    }
}

pub(super) async fn clock(config: RedisConfig) -> Verdict {
    let before = Utc::now();
    let time = async { Queue::lazy(&config.queue_config())?.server_time().await };
    let time = time.await;
    let after = Utc::now();
    let time = match time {
        Ok(time) => i64::try_from(time.as_micros()).ok(),
        Err(error) => return failed(&config, &error),
    };
    match time.and_then(DateTime::from_timestamp_micros) {
        Some(theirs) => clock::compare(Reading {
            before,
            theirs,
            after,
        }),
        None => Verdict::fail("it has no time that can be read", "set its clock"),
    }
}
