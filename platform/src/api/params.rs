//! Reading what stands in a request's path and query, with errors that name the place.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::model::TaskId;

/// The task that a path names as `{id}`.
#[derive(Debug, Clone, Copy)]
pub struct PathTask(pub TaskId);

impl<S: Send + Sync> FromRequestParts<S> for PathTask {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        path_id(parts, state, "id").await.map(TaskId).map(Self)
    }
}

/// The positive integer that a path names `name`.
///
/// # Errors
/// 422 where it is none.
pub async fn path_id<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Result<i64, ApiError> {
    let all = Path::<BTreeMap<String, String>>::from_request_parts(parts, state).await;
    let text = all.ok().and_then(|Path(mut all)| all.remove(name));
    let id = text.and_then(|text| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|id| digits && *id > 0)
    });
    id.ok_or_else(|| {
        ApiError::invalid(name, "it must be a positive integer, as in /api/v1/task/1/")
    })
}

/// A query string. Types that are read this way refuse unknown parameters
/// (`#[serde(deny_unknown_fields)]`).
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text = rejection.body_text();
                let text = text
                    .strip_prefix("Failed to deserialize query string: ")
                    .unwrap_or(&text);
                // serde_path_to_error's form, where the parameter is known.
                let plain = |name: &&str| {
                    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                };
                match text.split_once(": ").filter(|(name, _)| plain(name)) {
                    Some((name, message)) => Err(ApiError::invalid(name, message)),
                    None => Err(ApiError::invalid("query", text)),
                }
            }
        }
    }
}
