//! `/api/v1/packages/{type}/{name}/`: what is known of a package. Public reports only: a
//! private archive has no package, and its report is its owner's.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::get;
use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

use super::App;
use super::auth::Caller;
use super::envelope::{Answer, Envelope, ErrorEnvelope, ok};
use super::error::ApiError;
use super::params::Params;
use crate::db::packages::{self, PackageName};
use crate::db::reports::ReportRow;
use crate::model::{ReportId, Scope};
use crate::purl::{Ecosystem, Purl, PurlError};

/// Versions that are shown with their latest verdict: the newest ones.
const VERSIONS: i64 = 100;

/// Reports among which they are looked for: some index pages, whatever a package's history.
const REACH: i64 = 2_000;

/// Reports of a page unless the client says otherwise.
const PAGE_SIZE: i64 = 20;

/// Most reports of a page.
const MAX_PAGE_SIZE: i64 = 100;

/// Routes whose addresses end in a name that may have slashes: in the router it is a
/// wildcard, which OpenAPI does not know.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    #[derive(utoipa::OpenApi)]
    #[openapi(paths(history))]
    struct Documented;
    OpenApiRouter::with_openapi(Documented::openapi())
        .route("/api/v1/packages/{type}/{*name}", get(history))
}

/// Which reports of a package.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryParams {
    /// Only those of this version.
    #[param(max_length = 256, example = "2.28.1")]
    version: Option<String>,
    /// Only those older than this report; `next` has it ready.
    #[param(minimum = 1)]
    before: Option<i64>,
    /// Reports of a page: 1 to 100; 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    page_size: Option<i64>,
}

/// A report about a package.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct PackageReport {
    /// Which.
    pub report_id: ReportId,
    /// What was analysed.
    pub purl: String,
    /// Its version.
    pub version: Option<String>,
    /// `malicious`, `suspicious`, `incomplete` or `clean`.
    pub verdict: String,
    /// 0 to 100.
    pub score: i32,
    /// How many findings.
    pub findings: i32,
    /// Written when.
    pub created_at: DateTime<Utc>,
    /// Last found to hold when.
    pub checked_at: DateTime<Utc>,
    /// Where it is.
    pub report_url: String,
}

impl From<ReportRow> for PackageReport {
    fn from(row: ReportRow) -> Self {
        Self {
            report_id: row.id,
            purl: row.purl,
            version: row.version,
            verdict: row.verdict,
            score: row.score,
            findings: row.findings,
            created_at: row.created_at,
            checked_at: row.checked_at,
            report_url: format!("/api/v1/report/{}/", row.id),
        }
    }
}

/// What is known of a package.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PackageHistory {
    /// The package, without a version.
    pub purl: String,
    /// Purl type.
    pub ecosystem: String,
    /// Namespace and name, as the purl specification writes them.
    pub name: String,
    /// The newest report of all.
    pub latest: PackageReport,
    /// The newest report of each version, newest first: 100 versions at most.
    pub versions: Vec<PackageReport>,
    /// A page of all reports, newest first.
    pub history: Vec<PackageReport>,
    /// Where the next page is; null on the last one.
    pub next: Option<String>,
}

/// The package that a path names.
#[derive(Debug)]
pub struct PathPackage(Purl);

impl<S: Send + Sync> FromRequestParts<S> for PathPackage {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((kind, name)) =
            path.map_err(|_| ApiError::invalid("name", "it is not valid UTF-8"))?;
        package(&kind, name.trim_end_matches('/')).map(Self)
    }
}

/// Reads type and name as `Purl` does, so that they are normalised as those of tasks.
fn package(kind: &str, name: &str) -> Result<Purl, ApiError> {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let segments: Vec<String> = name.split('/').map(encode).collect();
    let plain = kind.bytes().all(|b| b.is_ascii_alphanumeric());
    let known = || Ecosystem::ALL.map(Ecosystem::as_str).join(", ");
    if !plain {
        return Err(ApiError::invalid(
            "type",
            format!("known types: {}", known()),
        ));
    }
    let purl = format!("pkg:{kind}/{}", segments.join("/")).parse::<Purl>();
    purl.map_err(|error| match error {
        PurlError::UnknownType(_) => {
            ApiError::invalid("type", format!("{error}; known types: {}", known()))
        }
        error => ApiError::invalid("name", format!("{error}; {}", error.hint())),
    })
}

/// What is publicly known of a package: its latest verdict, that of each version, and all
/// reports. The name is written as in a purl, slashes included:
/// `/api/v1/packages/npm/%40babel/core/`.
#[utoipa::path(
    get, operation_id = "get_package_history", path = "/api/v1/packages/{type}/{name}/", tag = "reports",
    params(
        ("type" = String, Path, description = "The purl type; packagist is composer", example = "pypi", pattern = "^(pypi|npm|cargo|gem|maven|composer|packagist|golang|nuget)$"),
        ("name" = String, Path, description = "Namespace and name; slashes may be written as %2F", example = "requests"),
        HistoryParams,
    ),
    responses(
        (status = 200, description = "What is known", body = Envelope<PackageHistory>),
        (status = 404, description = "It has never been analysed: submit it", body = ErrorEnvelope),
        (status = 422, description = "There is no such type, or no package has such a name", body = ErrorEnvelope),
    )
)]
pub async fn history(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathPackage(purl): PathPackage,
    Params(params): Params<HistoryParams>,
) -> Result<Answer<PackageHistory>, ApiError> {
    caller.needs(Scope::Read)?;
    let size = params.page_size.unwrap_or(PAGE_SIZE);
    if !(1..=MAX_PAGE_SIZE).contains(&size) {
        let message = format!("{size} is not between 1 and {MAX_PAGE_SIZE}");
        return Err(ApiError::invalid("page_size", message));
    }
    if params.before.is_some_and(|before| before < 1) {
        return Err(ApiError::invalid("before", "it must be the id of a report"));
    }
    let version = params.version.as_deref();
    if version.is_some_and(|text| text.is_empty() || text.chars().any(char::is_control)) {
        return Err(ApiError::invalid("version", "no version looks so"));
    }
    let full_name = purl.full_name();
    let name = PackageName {
        ecosystem: purl.ecosystem().as_str(),
        full_name: &full_name,
    };
    let versions = packages::latest(&app.db, &name, version, REACH, VERSIONS).await?;
    let versions: Vec<PackageReport> = versions.into_iter().map(PackageReport::from).collect();
    let Some(latest) = versions.first().cloned() else {
        return Err(unknown(&purl, version));
    };
    let before = params.before.map(ReportId);
    // One more, to see whether there is a next page.
    let mut rows = packages::history(&app.db, &name, version, before, size + 1).await?;
    let wanted = usize::try_from(size).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let next = rows.last().filter(|_| more);
    let next = next.map(|last| next_link(&purl, version, size, last.id));
    Ok(ok(PackageHistory {
        purl: purl.to_string(),
        ecosystem: purl.ecosystem().to_string(),
        name: full_name.clone(),
        latest,
        versions,
        history: rows.into_iter().map(PackageReport::from).collect(),
        next,
    }))
}

fn next_link(purl: &Purl, version: Option<&str>, size: i64, last: ReportId) -> String {
    let canonical = purl.to_string();
    // Type and name stand there encoded, as a path wants them.
    let path = canonical.strip_prefix("pkg:").unwrap_or(&canonical);
    let version = version.map_or(String::new(), |version| {
        format!(
            "&version={}",
            utf8_percent_encode(version, NON_ALPHANUMERIC)
        )
    });
    format!("/api/v1/packages/{path}/?page_size={size}{version}&before={last}")
}

fn unknown(purl: &Purl, version: Option<&str>) -> ApiError {
    let purl = match version {
        Some(version) => purl.with_version(version),
        None => purl.clone(),
    };
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        format!(
            "{purl} has never been analysed: POST /api/v1/analyze/ with {{\"purl\": \"{purl}\"}}"
        ),
    )
}
