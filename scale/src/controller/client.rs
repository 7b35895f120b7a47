//! The client, with its requests counted.

use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::util::MapRequestLayer;

use super::metrics::{Metrics, RequestLabel};
use super::trouble::Trouble;

/// A client for the cluster that this process runs in, or that its kubeconfig names.
///
/// # Errors
///
/// There is neither, or it makes no sense.
pub async fn connect(metrics: &Metrics) -> Result<Client, Trouble> {
    let config = Config::infer()
        .await
        .map_err(|error| Trouble::Refused(format!("no cluster to talk to: {error}")))?;
    connect_to(config, metrics)
}

/// A client for a cluster.
///
/// # Errors
///
/// The configuration makes no sense.
pub fn connect_to(config: Config, metrics: &Metrics) -> Result<Client, Trouble> {
    let requests = metrics.api_requests.clone();
    let counted = MapRequestLayer::new(move |request: http::Request<Body>| {
        let is_watch = request.uri().query().is_some_and(|query| {
            query
                .split('&')
                .any(|part| matches!(part, "watch=true" | "watch=1"))
        });
        let verb = if is_watch {
            String::from("watch")
        } else {
            request.method().as_str().to_ascii_lowercase()
        };
        requests.get_or_create(&RequestLabel { verb }).inc();
        request
    });
    let builder = ClientBuilder::try_from(config)?;
    Ok(builder.with_layer(&counted).build())
}
