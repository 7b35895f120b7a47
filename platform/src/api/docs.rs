//! `/docs/`: a page that renders the API's description. Everything it needs is served from
//! here: nothing is loaded from elsewhere, and the page may not do so.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use utoipa_swagger_ui::{Config, serve};

use super::App;
use super::error::ApiError;

/// Swagger UI sets styles on elements and draws its icons from `data:` URLs; it needs no
/// inline script.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page.
///
/// # Errors
/// 404 where it is switched off.
pub async fn page(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    file(&app, "index.html")
}

/// What the page loads.
///
/// # Errors
/// 404 where there is none, or the page is switched off.
pub async fn asset(
    State(app): State<Arc<App>>,
    Path(path): Path<String>,
) -> Result<Response, ApiError> {
    // The slash at the end was appended on the way in.
    file(&app, path.trim_end_matches('/'))
}

fn file(app: &App, path: &str) -> Result<Response, ApiError> {
    if !app.settings.docs_page {
        return Err(ApiError::not_found("page: it is switched off (DOCS_PAGE)"));
    }
    let config = Config::from("/api/v1/openapi.json")
        .try_it_out_enabled(true)
        .persist_authorization(false)
        .validator_url("none");
    let file = serve(path, Arc::new(config)).map_err(|error| ApiError::internal(&error))?;
    let file = file.ok_or_else(|| ApiError::not_found("page"))?;
    let body = if path == "index.html" {
        // `/docs` is answered without a redirect, and relative links would then miss.
        let text = String::from_utf8_lossy(&file.bytes);
        Body::from(
            text.replace("\"./", "\"/docs/")
                .replace("\"index.css\"", "\"/docs/index.css\""),
        )
    } else {
        Body::from(file.bytes.into_owned())
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let content = HeaderValue::from_str(&file.content_type);
    let content = content.map_err(|error| ApiError::internal(&error))?;
    headers.insert(header::CONTENT_TYPE, content);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    if file.gzpipped {
        let gzip = HeaderValue::from_static("gzip");
        headers.insert(HeaderName::from_static("content-encoding"), gzip);
    }
    Ok(response)
}
