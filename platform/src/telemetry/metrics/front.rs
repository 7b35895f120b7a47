//! What clients see: HTTP, submissions, webhooks.

use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::catalogue::{Catalogue, Histograms, plain, seconds};
use super::labels::{Delivered, Delivery, HttpRequest, HttpRoute, Submission};
use super::labels::{SubmissionOutcome, Submitted};
use super::{Metrics, buckets};

pub(super) struct Front {
    requests: Family<HttpRequest, Counter>,
    durations: Histograms<HttpRoute>,
    in_flight: Gauge,
    submissions: Family<Submitted, Counter>,
    deliveries: Family<Delivered, Counter>,
}

impl Front {
    pub(super) fn new(catalogue: &mut Catalogue) -> Self {
        Self {
            requests: catalogue.counters(plain(
                "http_requests",
                "HTTP requests answered; status 499: the client went away first",
            )),
            durations: catalogue.histograms(
                seconds(
                    "http_request_duration",
                    "From an HTTP request's headers to its answer's",
                ),
                &buckets::HTTP,
            ),
            in_flight: catalogue.gauge(plain(
                "http_requests_in_flight",
                "HTTP requests being answered",
            )),
            submissions: catalogue.counters(plain(
                "submissions",
                "Packages submitted, by what became of them; a batch counts each of its packages",
            )),
            deliveries: catalogue
                .counters(plain("webhook_deliveries", "Attempts to deliver a webhook")),
        }
    }
}

/// A request being answered. Dropped unanswered, it counts as status 499.
#[derive(Debug)]
pub struct RunningRequest {
    metrics: Metrics,
    began: Instant,
    labels: HttpRoute,
    status: u16,
}

impl RunningRequest {
    /// Its answer's status.
    pub fn answered(mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        let front = &self.metrics.0.front;
        front.in_flight.dec();
        let took = self.began.elapsed().as_secs_f64();
        front.durations.get_or_create(&self.labels).observe(took);
        let HttpRoute { method, route } = self.labels.clone();
        let status = self.status;
        let labels = HttpRequest {
            method,
            route,
            status,
        };
        front.requests.get_or_create(&labels).inc();
    }
}

impl Metrics {
    /// An HTTP request began. `route` is its template, never its path.
    pub fn http_started(&self, method: &'static str, route: &str) -> RunningRequest {
        self.0.front.in_flight.inc();
        RunningRequest {
            metrics: self.clone(),
            began: Instant::now(),
            labels: HttpRoute {
                method,
                route: route.to_owned(),
            },
            // What proxies log for a client that closed its connection.
            status: 499,
        }
    }

    /// `packages` were submitted.
    pub fn submitted(&self, kind: Submission, outcome: SubmissionOutcome, packages: u64) {
        let labels = Submitted { kind, outcome };
        let counter = self.0.front.submissions.get_or_create(&labels);
        counter.inc_by(packages);
    }

    /// A webhook was tried once.
    pub fn webhook(&self, outcome: Delivery) {
        let labels = Delivered { outcome };
        self.0.front.deliveries.get_or_create(&labels).inc();
    }
}
