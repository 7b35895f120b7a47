//! Which of several controllers acts: the holder of a Lease.
//!
//! Written here and not taken from a crate: those for this version of kube compare the holder's wall clock with one's own
//! (`renewTime` against now), so that a clock that jumps makes two leaders. Here as in client-go, only differences on one's
//! own monotonic clock count: a lease has expired when it has not changed for its duration since *this* process saw it change,
//! and a leader stops acting when it has not renewed for [`LeaseConfig::renew_deadline`], which is shorter.
//! Every write names the version it replaces, so of two candidates one gets a conflict.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams, WatchEvent, WatchParams};
use kube::{Client, ResourceExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::trouble::{Trouble, bounded};

/// Who wants to lead, and how often it says so.
#[derive(Debug, Clone)]
pub struct LeaseConfig {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// Who this is: another for every process, so that a restarted one is not taken for its predecessor.
    pub identity: String,
    /// A lease that did not change for so long is anyone's.
    pub duration: Duration,
    /// How often the leader renews.
    pub renew_every: Duration,
    /// A leader that did not renew for so long stops acting. Less than `duration` by the time a request may take.
    pub renew_deadline: Duration,
    /// The pause after an attempt that failed.
    pub retry: Duration,
}

/// Until when this process may act, as far as it knows.
#[derive(Debug, Clone)]
pub struct Leadership(watch::Receiver<Option<Instant>>);

impl Leadership {
    /// Until when this process may act; none where it may not.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        self.0.borrow().filter(|until| Instant::now() < *until)
    }

    /// Returns as soon as this process leads; none once the election has ended.
    pub async fn won(&mut self) -> Option<()> {
        loop {
            if self.until().is_some() {
                return Some(());
            }
            self.0.changed().await.ok()?;
        }
    }

    /// Returns as soon as this process does not lead.
    pub async fn lost(&mut self) {
        while let Some(until) = self.until() {
            tokio::select! {
                () = sleep_until(until) => {}
                changed = self.0.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// A candidate.
#[derive(Debug)]
pub struct Election {
    api: Api<Lease>,
    config: LeaseConfig,
    until: watch::Sender<Option<Instant>>,
    metrics: Metrics,
}

impl Election {
    /// A candidate, and what its own process asks whether it leads.
    #[must_use]
    pub fn new(client: Client, config: LeaseConfig, metrics: Metrics) -> (Self, Leadership) {
        let (until, leadership) = watch::channel(None);
        let election = Self {
            api: Api::namespaced(client, &config.namespace),
            config,
            until,
            metrics,
        };
        (election, Leadership(leadership))
    }

    /// Stands, leads, stands again; on `cancel` it hands the lease back, so that another need not wait for it to expire.
    pub async fn run(self, cancel: CancellationToken) {
        while !cancel.is_cancelled() {
            let won = tokio::select! {
                won = self.stand() => won,
                () = cancel.cancelled() => return,
            };
            match won {
                Ok((lease, asked)) => self.lead(lease, asked, &cancel).await,
                Err(Trouble::Moved) => {}
                Err(trouble) => {
                    self.metrics.trouble("lease", &trouble);
                    tokio::select! {
                        () = sleep(self.config.retry) => {}
                        () = cancel.cancelled() => return,
                    }
                }
            }
        }
    }

    /// Waits until the lease is free and takes it. Returns it, and when that was asked for.
    async fn stand(&self) -> Result<(Lease, Instant), Trouble> {
        loop {
            let free = self.until_free().await?;
            let asked = Instant::now();
            let taken = match &free {
                Some(lease) => {
                    let mine = self.taken_from(lease);
                    self.replace(&mine).await
                }
                None => self.create().await,
            };
            match taken {
                Ok(lease) => return Ok((lease, asked)),
                // Another was quicker.
                Err(trouble) if trouble.is_conflict() => {}
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// Returns the lease once it is anyone's; none where it does not exist.
    async fn until_free(&self) -> Result<Option<Lease>, Trouble> {
        let Some(mut lease) = bounded(self.api.get_opt(&self.config.name)).await? else {
            return Ok(None);
        };
        let mut changed = Instant::now();
        // A watch, not a question every few seconds: a standby costs nothing, and hears at once of a lease handed back.
        loop {
            let params = WatchParams::default()
                .fields(&format!("metadata.name={}", self.config.name))
                .timeout(290)
                .disable_bookmarks();
            let version = lease.resource_version().unwrap_or_default();
            let watched = bounded(self.api.watch(&params, &version)).await;
            let mut events = match watched {
                Ok(events) => events.boxed(),
                Err(trouble) => {
                    self.metrics.trouble("lease", &trouble);
                    futures_util::stream::empty().boxed()
                }
            };
            loop {
                if self.is_free(&lease) {
                    return Ok(Some(lease));
                }
                match timeout_at(changed + self.duration_of(&lease), events.try_next()).await {
                    Err(_) => return self.still(lease).await,
                    Ok(Ok(Some(WatchEvent::Added(now) | WatchEvent::Modified(now)))) => {
                        lease = now;
                        changed = Instant::now();
                    }
                    Ok(Ok(Some(WatchEvent::Deleted(_)))) => return Ok(None),
                    Ok(Ok(Some(WatchEvent::Bookmark(_)))) => {}
                    // The watch ended or broke, which says nothing about the lease.
                    Ok(Ok(Some(WatchEvent::Error(_)) | None) | Err(_)) => break,
                }
            }
            sleep(self.config.retry.min(self.duration_of(&lease))).await;
            match bounded(self.api.get_opt(&self.config.name)).await {
                Ok(Some(now)) if now.resource_version() != lease.resource_version() => {
                    lease = now;
                    changed = Instant::now();
                }
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => return Ok(None),
            }
            if Instant::now() >= changed + self.duration_of(&lease) {
                return self.still(lease).await;
            }
        }
    }

    /// The lease, unless it changed while this process did not hear of it: then the next round begins anew.
    async fn still(&self, lease: Lease) -> Result<Option<Lease>, Trouble> {
        let now = bounded(self.api.get_opt(&self.config.name)).await?;
        match now {
            Some(now) if now.resource_version() != lease.resource_version() => Err(Trouble::Moved),
            now => Ok(now),
        }
    }

    /// Renews until it can't, or is told to stop.
    async fn lead(&self, mut lease: Lease, mut asked: Instant, cancel: &CancellationToken) {
        let identity = &self.config.identity;
        tracing::info!(lease = %self.config.name, %identity, "leads");
        self.metrics.leads(true);
        let mut next = asked + self.config.renew_every;
        loop {
            let until = asked + self.config.renew_deadline;
            self.until.send_replace(Some(until));
            tokio::select! {
                () = sleep_until(next.min(until)) => {}
                () = cancel.cancelled() => {
                    self.stop("told to stop");
                    self.hand_back(&lease).await;
                    return;
                }
            }
            let begun = Instant::now();
            if begun >= until {
                return self.stop("could not renew in time");
            }
            match timeout_at(until, self.renew(&lease)).await {
                Ok(Ok(renewed)) => {
                    lease = renewed;
                    asked = begun;
                    next = begun + self.config.renew_every;
                }
                Ok(Err(Trouble::Moved)) => return self.stop("another holds the lease"),
                Ok(Err(trouble)) => {
                    self.metrics.trouble("lease", &trouble);
                    next = Instant::now() + self.config.retry;
                }
                Err(_) => return self.stop("could not renew in time"),
            }
        }
    }

    fn stop(&self, why: &str) {
        self.until.send_replace(None);
        self.metrics.leads(false);
        tracing::info!(lease = %self.config.name, identity = %self.config.identity, why, "leads no more");
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, Trouble> {
        let mut mine = lease.clone();
        if let Some(spec) = &mut mine.spec {
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        match self.replace(&mine).await {
            Err(trouble) if trouble.is_conflict() => {}
            other => return other,
        }
        // Someone wrote: an annotation, or a holder. Or an answer to an earlier renewal was lost.
        let now = bounded(self.api.get(&self.config.name)).await?;
        if holder(&now) != Some(self.config.identity.as_str()) {
            return Err(Trouble::Moved);
        }
        let mut mine = now;
        if let Some(spec) = &mut mine.spec {
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        self.replace(&mine).await
    }

    async fn hand_back(&self, lease: &Lease) {
        let mut free = lease.clone();
        if let Some(spec) = &mut free.spec {
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        let handed = timeout(
            self.config.retry.max(Duration::from_secs(1)),
            self.replace(&free),
        );
        if !matches!(handed.await, Ok(Ok(_))) {
            tracing::warn!("the lease was not handed back: another leads once it has expired");
        }
    }

    fn is_free(&self, lease: &Lease) -> bool {
        holder(lease).is_none_or(|holder| holder == self.config.identity)
    }

    /// What the holder promised, or what this process would.
    fn duration_of(&self, lease: &Lease) -> Duration {
        lease
            .spec
            .as_ref()
            .and_then(|spec| spec.lease_duration_seconds)
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.config.duration, Duration::from_secs)
    }

    fn taken_from(&self, lease: &Lease) -> Lease {
        let mut mine = lease.clone();
        let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
        mine.spec = Some(self.spec(transitions.unwrap_or(0).saturating_add(1)));
        mine
    }

    fn spec(&self, transitions: i32) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let seconds = self.config.duration.as_millis().div_ceil(1000);
        LeaseSpec {
            holder_identity: Some(self.config.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(seconds).unwrap_or(i32::MAX).max(1)),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    async fn create(&self) -> Result<Lease, Trouble> {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.config.name.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(self.spec(0)),
        };
        bounded(self.api.create(&PostParams::default(), &lease)).await
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, Trouble> {
        let params = PostParams::default();
        bounded(self.api.replace(&self.config.name, &params, lease)).await
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    (!holder.is_empty()).then_some(holder)
}
