//! The API.

use std::net::SocketAddr;
use std::time::Duration;

use packguard_runtime::Limits;

use crate::functions::SignaturePolicy;
use crate::functions::admission::Admission;

use super::parse::{self, Wrong};
use super::reader::Reader;
use super::worker;
use super::{DAY, HOUR, KIB, MIB, MINUTE, MS, SECOND};

/// What `packguard serve` is held to.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Connections open at once.
    pub max_connections: usize,
    /// Bytes of a request's line and headers.
    pub header_limit: usize,
    /// How long they may take to arrive.
    pub header_timeout: Duration,
    /// Bytes of a body, batches and uploads aside.
    pub body_limit: usize,
    /// Bytes of a batch's body.
    pub batch_body_limit: usize,
    /// Packages of a batch.
    pub batch_limit: usize,
    /// Bytes of an upload.
    pub upload_limit: u64,
    /// How long a request may take, uploads and event streams aside.
    pub request_timeout: Duration,
    /// How long an upload may take.
    pub upload_timeout: Duration,
    /// Origins whose pages may call the API, as browsers write them; empty = none.
    pub cors_origins: Vec<String>,
    /// Packages per hour of a key without a limit of its own.
    pub rate_limit: u32,
    /// Whether the page that documents the API is served.
    pub docs_page: bool,
    /// How old a report may be to answer another submission.
    pub report_max_age: Duration,
    /// How long idempotency keys are remembered.
    pub idempotency_max_age: Duration,
    /// Pause between two rounds of the reconciler.
    pub reconcile_interval: Duration,
    /// Most tasks of re-analyses at once.
    pub reanalysis_open: u32,
    /// Webhooks.
    pub webhooks: WebhookConfig,
    /// Whether functions have to be signed.
    pub signatures: SignaturePolicy,
    /// How functions are admitted.
    pub admission: Admission,
    /// What a step of an analyzer may use: no function's settings may be above it.
    pub step_limits: Limits,
}

/// What deliveries of webhooks are held to.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Whether they may go to private addresses.
    pub allow_private: bool,
    /// How often one is tried.
    pub attempts: u32,
    /// How long a receiver may take.
    pub timeout: Duration,
}

impl ServeConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let config = Self {
            listen: listen(reader, "LISTEN"),
            max_connections: count(reader.number("MAX_CONNECTIONS", 1, 1_000_000)),
            // Hyper's reader takes no less than 8 KiB.
            header_limit: bytes(reader.size("HEADER_LIMIT", 8 * KIB, MIB)),
            header_timeout: reader.duration("HEADER_TIMEOUT", 100 * MS, 5 * MINUTE),
            // Two purls of full length, and whatever JSON adds.
            body_limit: bytes(reader.size("BODY_LIMIT", 16 * KIB, 64 * MIB)),
            batch_body_limit: bytes(reader.size("BATCH_BODY_LIMIT", 16 * KIB, 256 * MIB)),
            // Postgres takes a batch as arrays; at a million one transaction takes minutes.
            batch_limit: count(reader.number("BATCH_LIMIT", 1, 100_000)),
            // S3's multipart uploads end at 10,000 parts of 8 MiB.
            upload_limit: reader.size("UPLOAD_LIMIT", KIB, 64 * 1_024 * MIB),
            request_timeout: reader.duration("REQUEST_TIMEOUT", SECOND, 10 * MINUTE),
            upload_timeout: reader.duration("UPLOAD_TIMEOUT", SECOND, DAY),
            cors_origins: reader.optional("CORS_ORIGINS", origins).unwrap_or_default(),
            rate_limit: reader.number("RATE_LIMIT", 1, 1_000_000_000),
            docs_page: reader.truth("DOCS_PAGE"),
            report_max_age: reader.duration("REPORT_MAX_AGE", Duration::ZERO, 365 * DAY),
            idempotency_max_age: reader.duration("IDEMPOTENCY_MAX_AGE", MINUTE, 365 * DAY),
            reconcile_interval: reader.duration("RECONCILE_INTERVAL", 100 * MS, HOUR),
            reanalysis_open: reader.number("REANALYSIS_OPEN", 1, 10_000),
            webhooks: WebhookConfig {
                allow_private: reader.truth("WEBHOOK_ALLOW_PRIVATE"),
                attempts: reader.number("WEBHOOK_ATTEMPTS", 1, 30),
                timeout: reader.duration("WEBHOOK_TIMEOUT", 100 * MS, 2 * MINUTE),
            },
            step_limits: reader
                .optional("WORKER_LIMITS", worker::limits)
                .unwrap_or_default()
                .step,
            signatures: signatures(reader),
            admission: Admission {
                // This very program, even where a newer one was put in its place.
                program: "/proc/self/exe".into(),
                time: reader.duration("FUNCTION_ADMISSION_TIME", SECOND, HOUR),
                memory: reader.size("FUNCTION_ADMISSION_MEMORY", 256 * MIB, 64 * 1_024 * MIB),
            },
        };
        config.check(reader);
        config
    }

    fn check(&self, reader: &mut Reader) {
        reader.check(
            &["BATCH_BODY_LIMIT", "BODY_LIMIT"],
            self.batch_body_limit >= self.body_limit,
            "a batch's body may have fewer bytes than one package's (BODY_LIMIT)",
            "make it the larger of the two",
        );
        reader.check(
            &["UPLOAD_TIMEOUT", "REQUEST_TIMEOUT"],
            self.upload_timeout >= self.request_timeout,
            "an upload may take less time than any other request (REQUEST_TIMEOUT)",
            "make it the longer of the two",
        );
        reader.check(
            &["FUNCTION_ADMISSION_TIME", "UPLOAD_TIMEOUT"],
            self.admission.time < self.upload_timeout,
            "an upload would time out (UPLOAD_TIMEOUT) while the component is looked at",
            "make it the shorter of the two",
        );
        reader.check(
            &["HEADER_TIMEOUT", "REQUEST_TIMEOUT"],
            self.header_timeout <= self.request_timeout,
            "the headers may take longer than the whole request (REQUEST_TIMEOUT)",
            "make it the shorter of the two",
        );
    }
}

/// Whether functions have to be signed.
pub(super) fn signatures(reader: &mut Reader) -> SignaturePolicy {
    reader.value("FUNCTION_SIGNATURES", |text| match text {
        "optional" => Ok(SignaturePolicy::Optional),
        "required" => Ok(SignaturePolicy::Required),
        _ => Err(Wrong::new("is no policy", "give `required` or `optional`")),
    })
}

/// An address to listen at.
pub(super) fn listen(reader: &mut Reader, name: &'static str) -> SocketAddr {
    let hint = "give an IP address and a port, as in 0.0.0.0:8000 or [::1]:8000";
    let read = |text: &str| {
        text.parse()
            .map(Some)
            .map_err(|_| Wrong::new("is no address to listen at", hint))
    };
    reader
        .value(name, read)
        .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn bytes(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Origins in the spelling in which browsers send them, for they are compared as text.
fn origins(text: &str) -> Result<Vec<String>, Wrong> {
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| {
            let hint = "give origins such as https://app.example.com, with commas between";
            if part == "*" {
                return Err(Wrong::new("lets the pages of everybody call the API", hint));
            }
            let url = parse::server(part, false)
                .map_err(|wrong| Wrong::new(format!("holds one that {}", wrong.what), hint))?;
            Ok(url.origin().ascii_serialization())
        })
        .collect()
}
