//! `POST /api/v1/functions/`: publishes a version of a function.
//!
//! **Failure rule.** The component is received into a file, and everything is checked before
//! anything is stored. Then a note, the object and the rows are written in this order, to the
//! end even if the client goes away; what a crash leaves, the note tells the janitor of.

mod publication;
mod received;
mod signed;

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use packguard_runtime::MAX_COMPONENT;
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

use self::publication::Publication;
use self::received::Received;
use self::signed::Signed;
use super::taken;
use crate::api::App;
use crate::api::archives::receive;
use crate::api::auth::Caller;
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, RequestId};
use crate::api::error::ApiError;
use crate::api::params::Params;
use crate::api::webhooks::actor;
use crate::db::functions::{self, NewVersion, VersionRow};
use crate::db::publishers;
use crate::functions::admission::{AdmissionError, Admitted};
use crate::functions::changes::Changes;
use crate::functions::name;
use crate::functions::refusal::{Code, Refusal};
use crate::functions::signature;
use crate::model::Scope;

/// Bytes of a component, at most.
const LIMIT: u64 = MAX_COMPONENT as u64;

/// Versions of a function, at most: all of them are looked at for what a new one changes.
const MOST_VERSIONS: i64 = 1_000;

/// What is published.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeployQuery {
    /// The function, as `describe` says it.
    #[param(
        max_length = 64,
        pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        example = "exfil-check"
    )]
    name: String,
    /// The version, as `describe` says it.
    #[param(max_length = 64, example = "0.1.0")]
    version: String,
}

/// A version that was published.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Deployed {
    /// The function.
    name: String,
    /// The version.
    version: VersionRow,
    /// What it changes of the version before; null for the first.
    changes: Option<Changes>,
}

/// Publishes a version of a function, whose component is the body. No alias names it yet:
/// promote it. It is admitted in steps, and refused at the first that fails, with the step's
/// own `code`; nothing is stored then.
#[utoipa::path(
    post, operation_id = "deploy_function", path = "/api/v1/functions/", tag = "functions",
    params(
        DeployQuery,
        ("X-Packguard-Signature" = Option<String>, Header, description = "Base64 of the ed25519 signature over name, version, digest and descriptor", max_length = 128),
        ("X-Packguard-Key-Id" = Option<String>, Header, description = "The id of the key that made it: 16 hexadecimal digits", max_length = 16),
    ),
    request_body(
        description = "The component, of at most 64 MiB",
        content((Vec<u8> = "application/wasm"), (Vec<u8> = "application/octet-stream"))
    ),
    responses(
        (status = 201, description = "Published", body = Envelope<Deployed>),
        (status = 400, description = "The body broke off", body = ErrorEnvelope),
        (status = 403, description = "The name is another publisher's (`name_taken`)", body = ErrorEnvelope),
        (status = 408, description = "The body came too slowly", body = ErrorEnvelope),
        (status = 409, description = "There is such a version (`version_exists`), or there are too many (`too_many_versions`)", body = ErrorEnvelope),
        (status = 413, description = "It is larger than what is taken (`component_too_large`)", body = ErrorEnvelope),
        (status = 415, description = "It is said to be no component", body = ErrorEnvelope),
        (status = 422, description = "It is not admitted: `not_wasm`, `core_module`, `precompiled`, `invalid_component`, `compile_too_slow`, `compile_too_large`, `forbidden_import`, `unsupported_wit`, `not_an_analyzer`, `describe_failed`, `descriptor_too_large`, `invalid_rule`, `rule_taken`, `manifest_mismatch`, `smoke_failed`, `signature_required`, `signature_unknown_key`, `signature_invalid`", body = ErrorEnvelope),
        (status = 503, description = "There are enough deploys at the moment; `Retry-After` says when to try again", body = ErrorEnvelope),
    )
)]
pub async fn deploy(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    Params(query): Params<DeployQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer<Deployed>, ApiError> {
    caller.needs(Scope::FunctionsWrite)?;
    let invalid = |field: &'static str| {
        move |error: name::NameError| ApiError::invalid(field, error.to_string())
    };
    name::function(&query.name).map_err(invalid("name"))?;
    name::version(&query.version).map_err(invalid("version"))?;
    check_type(&headers)?;
    receive::announced(&headers, LIMIT, LIMIT).map_err(|_| too_large())?;
    let versions = may_publish(&app, &caller, &query).await?;
    let signed = Signed::of(&app, &caller, &headers).await?;
    let received = received::receive(&app, body).await?;
    let admitted = admit(&app, &query, &received, signed.as_ref()).await?;
    let publication = Publication {
        changes: Changes::of(&query.version, &admitted, &versions),
        new: version(query, &received, admitted, signed)?,
        actor: actor(&caller, request_id),
        received,
        caller,
        app,
    };
    // Not to be given up half-way: see above.
    let published = tokio::spawn(publication.publish().in_current_span()).await;
    published.map_err(|error| ApiError::internal(&error))?
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let essence = match (types.next(), types.next()) {
        // RFC 9110, 8.3: bytes of an unknown kind.
        (None, _) => return Ok(()),
        (Some(one), None) => one.to_str().unwrap_or_default().split(';').next(),
        (Some(_), Some(_)) => None,
    };
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    if ["application/wasm", "application/octet-stream"].contains(&essence.as_str()) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "send the component itself, as application/wasm",
    ))
}

fn too_large() -> ApiError {
    let message = format!(
        "the component has more than the {LIMIT} bytes allowed: leave out debug information, or split it"
    );
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        Code::ComponentTooLarge.as_str(),
        message,
    )
}

fn version_exists(name: &str, version: &str) -> ApiError {
    let message = format!("{name} {version} is published, and never changes: raise the version");
    ApiError::conflict("version_exists", message)
}

fn rule_taken(name: &str, rule: &str) -> ApiError {
    let message =
        format!("`{rule}` is a rule of another function: choose another id, as in `{name}-{rule}`");
    not_admitted(&Refusal::new(Code::RuleTaken, message))
}

/// Refuses what could not be published before it is received. Gives the versions that there
/// are.
async fn may_publish(
    app: &App,
    caller: &Caller,
    query: &DeployQuery,
) -> Result<Vec<VersionRow>, ApiError> {
    let owner = publishers::of_name(&app.db, &query.name).await?;
    let publisher = publishers::of_key(&app.db, caller.id()).await?;
    if let Some(owner) = owner
        && Some(&owner) != publisher.as_ref()
    {
        return Err(taken(&query.name, &owner.name));
    }
    let Some(function) = functions::get(&app.db, &query.name).await? else {
        return Ok(Vec::new());
    };
    let versions = functions::versions(&app.db, function.id, None, MOST_VERSIONS).await?;
    if versions.iter().any(|row| row.version == query.version) {
        return Err(version_exists(&query.name, &query.version));
    }
    if function.versions >= MOST_VERSIONS {
        let message = format!("a function has at most {MOST_VERSIONS} versions: begin another");
        return Err(ApiError::conflict("too_many_versions", message));
    }
    Ok(versions)
}

fn refused(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
}

fn not_admitted(refusal: &Refusal) -> ApiError {
    refused(refusal.code.as_str(), refusal.message.clone())
}

/// Lets the component pass the steps, and verifies the signature.
async fn admit(
    app: &App,
    query: &DeployQuery,
    received: &Received,
    signed: Option<&Signed>,
) -> Result<Admitted, ApiError> {
    let permit = Arc::clone(&app.service.admissions).acquire_owned().await;
    let _permit = permit.map_err(|error| ApiError::internal(&error))?;
    let admitted = match app.settings.admission.admit(&received.path).await {
        Ok(admitted) => admitted,
        Err(AdmissionError::Refused(refusal)) => return Err(not_admitted(&refusal)),
        Err(error @ AdmissionError::Process(_)) => return Err(ApiError::internal(&error)),
    };
    let descriptor = &admitted.descriptor;
    for (field, said, given) in [
        ("name", &descriptor.name, &query.name),
        ("version", &descriptor.version, &query.version),
    ] {
        if said != given {
            let said: String = said.chars().take(100).collect();
            let message = format!(
                "`describe` says the {field} `{said}`, but `{given}` was sent: make them the same in packguard.toml and the code"
            );
            return Err(not_admitted(&Refusal::new(Code::ManifestMismatch, message)));
        }
    }
    if let Some(signed) = signed {
        let payload = signature::payload(
            &query.name,
            &query.version,
            &received.sha256,
            &admitted.descriptor,
        );
        let payload = payload.map_err(|error| ApiError::internal(&error))?;
        if !signed.key.verifies(&payload, &signed.signature) {
            app.metrics.signature_refused();
            return Err(refused(
                "signature_invalid",
                "the signature is not this key's over this name, version, component and descriptor: sign anew",
            ));
        }
    }
    Ok(admitted)
}

fn version(
    query: DeployQuery,
    received: &Received,
    admitted: Admitted,
    signed: Option<Signed>,
) -> Result<NewVersion, ApiError> {
    let json = |value: Result<serde_json::Value, serde_json::Error>| {
        value.map_err(|error| ApiError::internal(&error))
    };
    let rules = admitted.descriptor.rules.iter();
    Ok(NewVersion {
        rules: rules.map(|rule| rule.id.clone()).collect(),
        name: query.name,
        version: query.version,
        sha256: received.sha256,
        size_bytes: i64::try_from(received.size).unwrap_or(i64::MAX),
        contract: admitted.contract,
        descriptor: json(serde_json::to_value(&admitted.descriptor))?,
        capabilities: admitted.capabilities,
        signature: signed.map(|signed| (signed.signature, signed.key.id().to_owned())),
        measures: json(serde_json::to_value(admitted.measures))?,
    })
}
