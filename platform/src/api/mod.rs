//! The REST API: one file per resource, short handlers. `router.rs` has every route.

pub mod admin;
pub mod analyze;
pub mod archives;
pub mod auth;
pub mod batches;
pub mod body;
mod counted;
pub mod deadline;
pub mod docs;
pub mod download;
pub mod envelope;
pub mod error;
pub mod events;
pub mod front;
pub mod functions;
pub mod keys;
pub mod links;
pub mod negotiate;
pub mod openapi;
pub mod packages;
pub mod params;
pub mod purls;
pub mod queue;
pub mod reports;
pub mod service;
pub mod submitter;
pub mod tasks;
pub mod timeouts;
pub mod webhooks;

use std::time::Duration;

use bytes::Bytes;
use sqlx::PgPool;

use crate::db::submit::Reuse;
use crate::functions::SignaturePolicy;
use crate::functions::admission::Admission;
use crate::queue::Queue;
use crate::queue::rate_limit::RateLimiter;
use crate::queue::wakeups::Hub;
use crate::storage::Storage;
use crate::telemetry::Metrics;

/// What handlers work with: one for each process.
pub struct App {
    /// The truth.
    pub db: PgPool,
    /// The index of what is to be done.
    pub queue: Queue,
    /// What each key has left of this hour.
    pub limiter: RateLimiter,
    /// Wakes those who wait for a task's events.
    pub hub: Hub,
    /// Reports and uploads.
    pub storage: Storage,
    /// What is counted.
    pub metrics: Metrics,
    /// The API keys in use.
    pub keys: keys::Keys,
    /// Writes submissions, many at a time.
    pub submitter: submitter::Submitter,
    /// Bounds and switches.
    pub settings: ApiSettings,
    /// What only the HTTP side needs.
    pub service: service::Service,
    /// The API's description, as JSON.
    pub document: Bytes,
}

/// Bounds and switches of the API.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Which finished reports answer a submission at once.
    pub reuse: Reuse,
    /// How long an attempt may run.
    pub task_timeout: Duration,
    /// How often a worker may try.
    pub max_attempts: i32,
    /// How long a request may take, uploads and event streams aside.
    pub request_timeout: Duration,
    /// How long an upload may take.
    pub upload_timeout: Duration,
    /// Largest JSON body, batches aside, bytes.
    pub max_body: usize,
    /// Largest body of a batch, bytes.
    pub max_batch_body: usize,
    /// Packages an hour of a key that is made without a limit of its own.
    pub rate_limit: i32,
    /// Webhooks may go to private addresses.
    pub private_webhooks: bool,
    /// Most purls of a batch.
    pub max_batch: usize,
    /// Largest upload, bytes.
    pub max_upload: u64,
    /// Origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Whether the page that documents the API is served.
    pub docs_page: bool,
    /// Whether reports are to be had from the object storage itself.
    pub redirect_downloads: bool,
    /// Whether functions have to be signed.
    pub signatures: SignaturePolicy,
    /// How functions are admitted.
    pub admission: Admission,
    /// What a step of an analyzer may use.
    pub step_limits: packguard_runtime::Limits,
}
