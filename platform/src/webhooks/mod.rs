//! Webhooks: telling clients of tasks that ended.
//!
//! ```text
//! guard.rs     where a delivery may go
//! signing.rs   secrets and signatures (the Standard Webhooks specification)
//! message.rs   what is sent
//! send.rs      one attempt, and when the next one is due
//! ```
//!
//! # State and failure rule
//!
//! All state is in Postgres: a row of `webhook_deliveries` for each delivery, written in the
//! transaction of the event. A deliverer takes rows by moving their `next_attempt_at` ahead
//! by a lease, longer than an attempt can last; no transaction is open during HTTP. If it dies, others
//! take them when the lease ends. So a delivery arrives *at least once*, and its id
//! (`webhook-id`) is the same each time: receivers tell repetitions by it. Deliveries of one
//! webhook have no order.
//!
//! In memory there is only which deliveries are under way, to bound them, in all and for
//! each webhook: a slow receiver delays its own deliveries and nobody else's.
//!
//! # When it looks
//!
//! When told (`NOTIFY webhook_due`, by a trigger), when something comes due, when an attempt
//! ends, and every [`FALLBACK`] in case telling fails. While nothing is pending it sleeps.

mod guard;
mod message;
mod send;
mod signing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::WebhookConfig;
use crate::db::webhooks::DUE;
use crate::db::{
    self,
    deliveries::{self, Busy, Due, Room},
};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Delivery;

pub use guard::{Guard, UrlProblem};
pub use send::Sender;
pub use signing::{Secret, SecretError};

/// The events that a webhook can tell of.
pub const EVENTS: [&str; 3] = ["task.completed", "task.failed", "task.cancelled"];

/// Attempts under way at once: a connection and some 50 KB each.
const ALL: usize = 64;

/// The same of one webhook. Receivers are often small; sixteen slow ones can be served at once.
const EACH: i64 = 4;

/// Beyond an attempt's timeout, until somebody else may take the delivery: for writing down
/// what became of it, also when Postgres is away for a while.
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// Longest sleep. Telling is prompt; this is for when it fails.
const FALLBACK: Duration = Duration::from_secs(30);

/// Shortest sleep while something is due that can't be taken (its webhook is busy here, or
/// another process is at it).
const POLL: Duration = Duration::from_secs(1);

/// Deliveries in a row that are given up before a webhook is disabled. Each was tried for
/// about a day: this is no receiver that restarts.
const PATIENCE: i32 = 10;

/// Delivers until `cancel`; then finishes the attempts that are under way.
pub async fn run(db: PgPool, sender: Sender, metrics: Metrics, cancel: CancellationToken) {
    let mut deliverer = Deliverer {
        db,
        sender,
        metrics,
        attempts: JoinSet::new(),
        under_way: BTreeMap::new(),
    };
    let mut ears = Ears::default();
    while !cancel.is_cancelled() {
        // Listening before looking: what comes in between is then heard.
        ears.open(&deliverer.db).await;
        let wait = match deliverer.look().await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(%error, "webhooks wait for the database");
                POLL
            }
        };
        tokio::select! {
            () = cancel.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
            () = ears.hear() => {}
            Some(ended) = deliverer.attempts.join_next_with_id() => deliverer.ended(ended),
        }
        while let Some(ended) = deliverer.attempts.try_join_next_with_id() {
            deliverer.ended(ended);
        }
    }
    // Each has its timeout.
    while let Some(ended) = deliverer.attempts.join_next_with_id().await {
        deliverer.ended(ended);
    }
}

struct Deliverer {
    db: PgPool,
    sender: Sender,
    metrics: Metrics,
    attempts: JoinSet<()>,
    /// Which webhook each attempt is for.
    under_way: BTreeMap<Id, i64>,
}

impl Deliverer {
    /// Begins what there is room for; says how long to sleep.
    async fn look(&mut self) -> Result<Duration, sqlx::Error> {
        let free = ALL.saturating_sub(self.attempts.len());
        if free == 0 {
            // An attempt that ends wakes us.
            return Ok(FALLBACK);
        }
        let room = Room {
            all: i64::try_from(free).unwrap_or(i64::MAX),
            each: EACH,
            lease: self.sender.timeout() + LEASE_MARGIN,
        };
        let taken = db::answered(deliveries::take(&self.db, room, &self.busy())).await?;
        for due in taken {
            let webhook = due.webhook;
            let attempt = attempt(
                self.db.clone(),
                self.sender.clone(),
                self.metrics.clone(),
                due,
            );
            let id = self.attempts.spawn(attempt).id();
            self.under_way.insert(id, webhook);
        }
        let next = db::answered(deliveries::next_due(&self.db)).await?;
        Ok(next.map_or(FALLBACK, |wait| wait.clamp(POLL, FALLBACK)))
    }

    fn busy(&self) -> Vec<Busy> {
        let mut counts = BTreeMap::<i64, i64>::new();
        for webhook in self.under_way.values() {
            *counts.entry(*webhook).or_default() += 1;
        }
        let busy = counts.into_iter();
        busy.map(|(webhook, deliveries)| Busy {
            webhook,
            deliveries,
        })
        .collect()
    }

    fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "an attempt to deliver a webhook broke: this is a defect of Packguard");
                error.id()
            }
        };
        self.under_way.remove(&id);
    }
}

async fn attempt(db: PgPool, sender: Sender, metrics: Metrics, due: Due) {
    let outcome = sender.send(&due).await;
    if let Some(error) = &outcome.error {
        tracing::info!(
            webhook = due.webhook,
            delivery = due.id,
            attempt = due.attempts,
            error,
            "a webhook was not delivered"
        );
    }
    metrics.webhook(match (&outcome.error, outcome.retry) {
        (None, _) => Delivery::Delivered,
        (Some(_), Some(_)) => Delivery::Retrying,
        (Some(_), None) => Delivery::GaveUp,
    });
    match db::answered(deliveries::settle(&db, &due, &outcome, PATIENCE)).await {
        Ok(Some(reason)) => tracing::warn!(webhook = due.webhook, reason, "a webhook was disabled"),
        Ok(None) => {}
        // The lease ends, and it is delivered once more.
        Err(error) => {
            tracing::warn!(%error, delivery = due.id, "what became of a delivery is lost");
        }
    }
}

/// Hears of new deliveries, while its connection lives.
#[derive(Default)]
struct Ears(Option<PgListener>);

impl Ears {
    /// Listens, if it does not yet. Where that fails, sleeping has to do.
    async fn open(&mut self, db: &PgPool) {
        if self.0.is_some() {
            return;
        }
        match db::answered(listen(db)).await {
            Ok(listener) => self.0 = Some(listener),
            Err(error) => tracing::warn!(%error, "webhooks are late: cannot listen for them"),
        }
    }

    /// Until something is told, or the connection is lost.
    async fn hear(&mut self) {
        let Some(listener) = &mut self.0 else {
            return std::future::pending().await;
        };
        match listener.try_recv().await {
            Ok(Some(_)) => {
                // A thousand tasks that end at once tell a thousand times: one look serves all.
                while listener.next_buffered().is_some() {}
            }
            Ok(None) | Err(_) => self.0 = None,
        }
    }
}

async fn listen(db: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(db).await?;
    listener.eager_reconnect(false);
    listener.listen(DUE).await?;
    Ok(listener)
}

/// Makes the [`Sender`] that `config` describes.
///
/// # Errors
/// When there is no TLS.
pub fn sender(config: &WebhookConfig) -> Result<Sender, reqwest::Error> {
    Sender::new(config, Guard::new(config.allow_private))
}
