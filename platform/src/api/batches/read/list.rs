//! A batch as a list of purls in JSON: all of them are good, or none is taken.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use axum::http::StatusCode;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Listed, Wanted, check_name, too_many};
use crate::api::body::{self, whole, whole_or_none};
use crate::api::error::ApiError;
use crate::api::purls;
use crate::model::Priority;
use crate::purl::Purl;

/// Most entries that are looked at, whatever the limit of a batch: what `BATCH_LIMIT` may be
/// raised to. Bounds the memory of a body full of empty strings.
const MOST_ENTRIES: usize = 100_000;

/// Most invalid purls that are named: the rest is counted.
const MOST_NAMED: usize = 100;

/// Packages as JSON.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// Package URLs; either these or `items`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 10000, example = json!(["pkg:pypi/requests@2.28.1", "pkg:npm/left-pad@1.3.0"]))]
    purls: Option<Bounded<String>>,
    /// Package URLs, each with its priority; either these or `purls`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<BatchItem>>, max_items = 10000)]
    items: Option<Bounded<BatchItem>>,
    /// 0 to 100, of those that have none of their own; higher goes first.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 100)]
    priority: i64,
    /// Your own word for the batch.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1F\x7F-\x9F]+$"
    )]
    name: Option<String>,
}

/// A package of a batch.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchItem {
    /// The package URL; without a version, the latest release.
    #[schema(max_length = 2048, pattern = "^pkg:[A-Za-z]+/.")]
    purl: String,
    /// 0 to 100; the batch's where there is none.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 100)]
    priority: Option<i64>,
}

/// A list of purls: all are good, or none is taken.
pub(super) fn list(bytes: &[u8], limit: usize) -> Result<Listed, ApiError> {
    let request: BatchRequest = body::parse(bytes)?;
    if let Some(name) = &request.name {
        check_name(name)?;
    }
    let common = purls::priority(request.priority)?;
    let (field, items) = match (request.purls, request.items) {
        (Some(purls), None) => {
            let items = purls.0.into_iter();
            let items = items.map(|purl| BatchItem {
                purl,
                priority: None,
            });
            ("purls", items.collect::<Vec<_>>())
        }
        (None, Some(items)) => ("items", items.0),
        _ => return Err(ApiError::invalid("purls", "send either `purls` or `items`")),
    };
    if items.len() > limit {
        return Err(too_many(items.len(), limit));
    }
    let mut listed = Listed {
        source: "purls".into(),
        name: request.name,
        ..Listed::default()
    };
    let mut wrong = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (index, item) in items.into_iter().enumerate() {
        let place = if field == "items" {
            format!("items[{index}].purl")
        } else {
            format!("purls[{index}]")
        };
        let priority = item.priority.map_or(Some(common), Priority::new);
        let purl = checked(&item.purl);
        let (purl, priority) = match (purl, priority) {
            (Ok(purl), Some(priority)) => (purl, priority),
            (Err(message), _) => {
                wrong.push((place, message));
                continue;
            }
            (_, None) => {
                let message = format!("not between 0 and {}", Priority::MAX);
                wrong.push((format!("items[{index}].priority"), message));
                continue;
            }
        };
        let canonical = purl.to_string();
        if let Some(&first) = places.get(&canonical) {
            let first = &mut listed.packages[first];
            first.priority = first.priority.max(priority);
            continue;
        }
        places.insert(canonical, listed.packages.len());
        listed.packages.push(Wanted {
            purl,
            requested: item.purl.trim().to_owned(),
            priority,
            pinned: None,
        });
    }
    if wrong.is_empty() {
        Ok(listed)
    } else {
        Err(invalid(wrong))
    }
}

fn checked(text: &str) -> Result<Purl, String> {
    let purl = text.parse::<Purl>();
    let purl = purl.map_err(|error| format!("{error}; {}", error.hint()))?;
    // It is kept as written, too, and Postgres keeps no NUL.
    if text.trim().contains(char::is_control) {
        return Err("it has control characters".into());
    }
    Ok(purl)
}

fn invalid(wrong: Vec<(String, String)>) -> ApiError {
    let error = ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid_request",
        format!(
            "{} of the packages make no sense, so nothing was submitted; the first of them are in `fields`",
            wrong.len()
        ),
    );
    let named = wrong.into_iter().take(MOST_NAMED);
    named.fold(error, |error, (field, message)| {
        // The purl is repeated in the message.
        let message: String = message.chars().take(300).collect();
        error.field(field, message)
    })
}

/// A list that is given up as soon as it is too long.
#[derive(Debug)]
struct Bounded<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MOST_ENTRIES} packages")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut found = Vec::new();
                while let Some(one) = list.next_element()? {
                    if found.len() == MOST_ENTRIES {
                        return Err(serde::de::Error::custom(format_args!(
                            "more than {MOST_ENTRIES} packages: split the list"
                        )));
                    }
                    found.push(one);
                }
                Ok(found)
            }
        }
        deserializer
            .deserialize_seq(Elements(PhantomData))
            .map(Self)
    }
}
