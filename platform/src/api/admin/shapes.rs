//! What requests about keys hold, and their answers.

use serde::{Deserialize, Serialize};

use crate::api::body::{whole, whole_or_none};
use crate::db::keys::KeyRow;
use crate::model::Scope;

/// A key to be made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// For people: 1 to 100 characters.
    #[schema(
        example = "CI of the shop",
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$"
    )]
    pub(super) name: String,
    /// What it may do.
    #[schema(min_items = 1)]
    pub(super) scopes: Vec<Scope>,
    /// Packages that may be submitted in an hour; 100 by default.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 2_147_483_647i64)]
    pub(super) rate_limit: Option<i64>,
}

/// What to change of a key; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateKey {
    /// For people: 1 to 100 characters.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$"
    )]
    pub(super) name: Option<String>,
    /// What it may do.
    #[serde(default)]
    #[schema(min_items = 1)]
    pub(super) scopes: Option<Vec<Scope>>,
    /// Packages that may be submitted in an hour.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 2_147_483_647i64)]
    pub(super) rate_limit: Option<i64>,
}

/// How to rotate a key.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// For how many seconds the present secret stays good: a day by default, a month at most.
    #[serde(default = "day", deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 2_592_000, default = 86_400)]
    pub(super) overlap_seconds: u64,
}

fn day() -> u64 {
    86_400
}

/// A key with the secret that is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct KeyWithSecret {
    /// What clients send. It is not shown again.
    #[schema(example = "pg_0123abcd_…")]
    pub key: String,
    /// The key.
    #[serde(flatten)]
    pub details: KeyRow,
}

/// A page of keys.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct KeyPage {
    /// Newest first.
    pub(super) items: Vec<KeyRow>,
    /// The next page's `before`; null on the last one.
    pub(super) next_before: Option<i64>,
}

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KeyParams {
    /// Only what is older than this id: the page before's `next_before`.
    #[serde(default)]
    #[param(minimum = 1)]
    pub(super) before: Option<i64>,
    /// How many, 1 to 100; 50 by default.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub(super) limit: Option<i64>,
}
