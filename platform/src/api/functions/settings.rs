//! What a function is run with: limits, ecosystems, options.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::json;

use super::{FunctionPath, find, owned};
use crate::api::App;
use crate::api::auth::Caller;
use crate::api::body::{JsonBody, whole_or_none};
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, RequestId, ok};
use crate::api::error::ApiError;
use crate::api::webhooks::actor;
use crate::db::audit::{self, Entry};
use crate::db::functions::{self, FunctionSettings};
use crate::functions::settings::{self, MAX_OPTIONS, SettingsError};

/// Bytes of a body: JSON writes a byte of an option in six at most.
pub const MAX_BODY: usize = 6 * MAX_OPTIONS + (16 << 10);

/// What a function is to be run with; what is left out or null is as the platform has it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSettings {
    /// Bytes of all linear memories and tables of a step.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1_048_576)]
    memory_bytes: Option<i64>,
    /// CPU work of a step: about one unit per WebAssembly instruction.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1)]
    fuel: Option<i64>,
    /// Wall clock of a step, milliseconds.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1)]
    time_ms: Option<i64>,
    /// Purl types that it looks at, of those in its descriptor.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 8, example = json!(["pypi"]))]
    ecosystems: Option<Vec<String>>,
    /// Settings that the guest reads, by name: at most 32, names in kebab-case of 64 bytes, values
    /// of 64 KiB, 256 KiB in all.
    #[serde(default)]
    #[schema(example = json!({"threshold": "3"}))]
    options: BTreeMap<String, String>,
}

impl From<NewSettings> for FunctionSettings {
    fn from(new: NewSettings) -> Self {
        Self {
            memory_bytes: new.memory_bytes,
            fuel: new.fuel,
            time_ms: new.time_ms,
            ecosystems: new.ecosystems,
            options: new.options,
        }
    }
}

impl From<SettingsError> for ApiError {
    fn from(error: SettingsError) -> Self {
        Self::invalid(error.field, error.message)
    }
}

/// What a function is run with.
#[utoipa::path(
    get, operation_id = "get_function_settings", path = "/api/v1/functions/{name}/settings/", tag = "functions",
    params(("name" = String, Path, description = "The function")),
    responses(
        (status = 200, description = "Its settings", body = Envelope<FunctionSettings>),
        (status = 403, description = "It is another publisher's (`name_taken`)", body = ErrorEnvelope),
        (status = 404, description = "There is no such function", body = ErrorEnvelope),
    )
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<FunctionPath>,
) -> Result<Answer<FunctionSettings>, ApiError> {
    let function = find(&app, &path.name).await?;
    owned(&app, &caller, &function).await?;
    Ok(ok(functions::settings(&app.db, function.id).await?))
}

/// Replaces what a function is run with. Limits can only be lower than the platform's. Workers
/// use it within seconds; what they have begun ends as it began.
#[utoipa::path(
    put, operation_id = "put_function_settings", path = "/api/v1/functions/{name}/settings/", tag = "functions", request_body = NewSettings,
    params(("name" = String, Path, description = "The function")),
    responses(
        (status = 200, description = "As they are now", body = Envelope<FunctionSettings>),
        (status = 403, description = "It is another publisher's (`name_taken`)", body = ErrorEnvelope),
        (status = 404, description = "There is no such function", body = ErrorEnvelope),
        (status = 422, description = "More than the platform's limit, or what is no setting", body = ErrorEnvelope),
    )
)]
pub async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    Path(path): Path<FunctionPath>,
    JsonBody(request): JsonBody<NewSettings>,
) -> Result<Answer<FunctionSettings>, ApiError> {
    let function = find(&app, &path.name).await?;
    owned(&app, &caller, &function).await?;
    let new = FunctionSettings::from(request);
    settings::check(&new, &app.settings.step_limits)?;
    let mut transaction = app.db.begin().await?;
    functions::lock(&mut transaction, function.id).await?;
    functions::replace_settings(&mut transaction, function.id, &new).await?;
    let names: Vec<&String> = new.options.keys().collect();
    let entry = Entry {
        action: "function.configure",
        subject: format!("function:{}", function.name),
        // Values may be long, and may be nobody's business.
        details: json!({
            "memory_bytes": new.memory_bytes, "fuel": new.fuel, "time_ms": new.time_ms,
            "ecosystems": new.ecosystems, "options": names,
        }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    Ok(ok(new))
}
