//! Every route, on one screen, and what all requests pass through.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::{
    App, admin, analyze, archives, auth, batches, deadline, docs, download, envelope, events,
    front, functions, negotiate, openapi, packages, queue, reports, service, tasks, timeouts,
    webhooks,
};
use crate::telemetry;

/// Routes that need a key and answer in JSON. All end in a slash, and answer without it too.
fn keyed() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(analyze::submit))
        .routes(routes!(tasks::status, tasks::cancel))
        .routes(routes!(tasks::queue))
        .routes(routes!(reports::list))
        .routes(routes!(queue::status))
        .routes(routes!(timeouts::status))
        .routes(routes!(timeouts::check))
        .routes(routes!(batches::list))
        .routes(routes!(batches::get, batches::cancel))
        .routes(routes!(batches::tasks))
        .merge(packages::routes())
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::get, webhooks::update, webhooks::delete))
        .routes(routes!(webhooks::rotate))
        .routes(routes!(webhooks::deliveries::test))
        .routes(routes!(webhooks::deliveries::log))
        .routes(routes!(webhooks::deliveries::retry))
        .routes(routes!(admin::keys::list, admin::keys::create))
        .routes(routes!(
            admin::keys::get,
            admin::keys::update,
            admin::keys::revoke
        ))
        .routes(routes!(admin::keys::rotate))
        .routes(routes!(admin::keys::delete_data))
        .routes(routes!(admin::tasks::list))
        .routes(routes!(admin::tasks::retry))
        .routes(routes!(admin::audit))
        .routes(routes!(admin::publishers::list, admin::publishers::create))
        .routes(routes!(admin::publishers::add_key))
        .routes(routes!(admin::publishers::revoke_key))
        .routes(routes!(admin::publishers::add_member))
        .routes(routes!(admin::publishers::reserve))
        .routes(routes!(functions::get))
        .routes(routes!(
            functions::versions::get,
            functions::versions::update
        ))
        .routes(routes!(functions::aliases::promote))
        .routes(routes!(functions::aliases::rollback))
        .routes(routes!(functions::shadow::get))
        .routes(routes!(functions::logs::read))
        .merge(configured())
}

/// Routes whose bodies hold the options of functions.
fn configured() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(functions::settings::get, functions::settings::put))
        .layer(DefaultBodyLimit::max(functions::settings::MAX_BODY))
}

/// Routes that need a key, and answer in other formats too: they look at Accept themselves.
fn formats() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(events::stream))
        .routes(routes!(download::download))
        .routes(routes!(download::by_id))
        .routes(routes!(functions::versions::component))
}

/// Routes that need a key and take long: uploads.
fn uploads() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(archives::submit))
        .routes(routes!(batches::submit))
        .routes(routes!(functions::list, functions::deploy::deploy))
}

/// Routes for everybody.
fn open() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(service::health))
        .routes(routes!(service::ready))
        .routes(routes!(service::scrape))
        .routes(routes!(service::openapi))
}

/// Pages for people, which are no part of the API.
fn pages() -> Router<Arc<App>> {
    Router::new()
        .route("/docs/", get(docs::page))
        .route("/docs/{*file}", get(docs::asset))
}

/// The API's description, from the code.
pub fn document() -> OpenApi {
    let routes = OpenApiRouter::<Arc<App>>::with_openapi(openapi::Document::openapi())
        .merge(keyed())
        .merge(uploads())
        .merge(formats())
        .merge(open());
    openapi::complete(routes.into_openapi())
}

/// The whole service. What `serve.rs` puts before it has to stand before it:
/// `NormalizePathLayer::append_trailing_slash`, and [`front::shorten`].
pub fn router(app: &Arc<App>) -> Router {
    let settings = &app.settings;
    let usual = settings.request_timeout;
    let authenticate = from_fn_with_state(Arc::clone(app), auth::authenticate);
    let within = |limit: Duration| from_fn_with_state(limit, deadline::bound);
    let json = in_json(keyed().into()).route_layer(within(usual));
    let long = in_json(uploads().into()).route_layer(within(settings.upload_timeout));
    let formats = Router::from(formats()).route_layer(within(usual));
    let open = Router::from(open())
        .merge(pages())
        .route_layer(within(usual));
    json.merge(long)
        .merge(formats)
        .route_layer(authenticate)
        .merge(open)
        .layer(
            // Outermost first.
            ServiceBuilder::new()
                .layer(from_fn_with_state(Arc::clone(app), front::finish))
                .option_layer(front::cors(&settings.cors_origins))
                .layer(CompressionLayer::new())
                .layer(from_fn(envelope::seal))
                .layer(telemetry::http::trace_layer())
                .layer(from_fn_with_state(
                    app.metrics.clone(),
                    telemetry::http::record,
                ))
                .layer(CatchPanicLayer::new())
                .layer(from_fn(front::method_and_address))
                .layer(DefaultBodyLimit::max(settings.max_body)),
        )
        .with_state(Arc::clone(app))
}

/// Refuses what Accept excludes.
fn in_json(routes: Router<Arc<App>>) -> Router<Arc<App>> {
    routes.route_layer(from_fn(negotiate::json))
}

#[cfg(test)]
mod tests {
    /// `UPDATE_OPENAPI=1` writes it.
    #[test]
    fn the_committed_description_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let current = serde_json::to_string_pretty(&super::document()).unwrap() + "\n";
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(path, &current).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(
            committed == current,
            "platform/openapi.json is outdated: run this test with UPDATE_OPENAPI=1 and commit"
        );
    }
}
