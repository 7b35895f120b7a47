//! Reading request bodies: one place that decides what is JSON, how large, and how an error
//! names the place.

use std::fmt;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::ApiError;

/// A JSON body. Types that are read this way refuse unknown fields
/// (`#[serde(deny_unknown_fields)]`): a misspelt option must not be ignored.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(&request) {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send the body as application/json",
            ));
        }
        if request.headers().contains_key(header::CONTENT_ENCODING) {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send the body as it is, without a Content-Encoding",
            ));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| unread(&rejection))?;
        parse(&bytes).map(Self)
    }
}

/// Parses a JSON object, naming the field that is wrong. Nesting is bounded by serde_json
/// (128).
///
/// # Errors
/// 400 where it is no JSON, 422 where it is not what is wanted.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // serde would take an array's items for an object's fields, in their order.
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|byte| b"[\"0123456789-tfn".contains(byte))
        && serde_json::from_slice::<de::IgnoredAny>(bytes).is_ok()
    {
        return Err(ApiError::invalid("body", "it must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.inner());
        match inner.classify() {
            serde_json::error::Category::Data => {
                let field = if path == "." { "body".into() } else { path };
                ApiError::invalid(field, inner.to_string())
            }
            _ => ApiError::bad_request(format!("the body is no valid JSON: {inner}")),
        }
    })?;
    json.end()
        .map_err(|error| ApiError::bad_request(format!("the body is no valid JSON: {error}")))?;
    Ok(value)
}

/// Reads a whole number, also one that is written with a fraction of zero: to JSON Schema,
/// 7.0 is an integer.
///
/// # Errors
/// Where it is none, or none of this size.
pub fn whole<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    struct Whole;
    impl Visitor<'_> for Whole {
        type Value = i64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number")
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<i64, E> {
            Ok(number)
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<i64, E> {
            let wrong = de::Unexpected::Unsigned(number);
            i64::try_from(number).map_err(|_| E::invalid_value(wrong, &self))
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<i64, E> {
            // Up to 2^53 all whole numbers are told apart.
            if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
                return Ok(number as i64);
            }
            Err(E::invalid_value(de::Unexpected::Float(number), &self))
        }
    }
    let number = deserializer.deserialize_any(Whole)?;
    let wrong = de::Unexpected::Signed(number);
    T::try_from(number).map_err(|_| de::Error::invalid_value(wrong, &"a number of this size"))
}

/// As [`whole`], or null.
///
/// # Errors
/// As [`whole`].
pub fn whole_or_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    struct Number<T>(T);
    impl<'de, T: TryFrom<i64>> Deserialize<'de> for Number<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            whole(deserializer).map(Self)
        }
    }
    let number = Option::<Number<T>>::deserialize(deserializer)?;
    Ok(number.map(|Number(number)| number))
}

fn is_json(request: &Request) -> bool {
    let mut types = request.headers().get_all(header::CONTENT_TYPE).iter();
    let (Some(one), None) = (types.next(), types.next()) else {
        return false;
    };
    let essence = one.to_str().unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 5
            && essence.to_ascii_lowercase().starts_with("application/")
            && essence.to_ascii_lowercase().ends_with("+json"))
}

/// A body that could not be read to its end.
fn unread(rejection: &BytesRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "payload_too_large",
            "the body is larger than this route takes",
        ),
        _ => ApiError::bad_request("the body broke off, or took too long"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Numbers {
        #[serde(default, deserialize_with = "whole")]
        one: u64,
        #[serde(default, deserialize_with = "whole_or_none")]
        two: Option<i64>,
    }

    #[test]
    fn whole_numbers_in_every_spelling() {
        let read = |text: &str| parse::<Numbers>(text.as_bytes());
        let numbers = |one, two| Numbers { one, two };
        assert_eq!(read("{}").unwrap(), numbers(0, None));
        let spelled = r#"{"one": 7.0, "two": -3e0}"#;
        assert_eq!(read(spelled).unwrap(), numbers(7, Some(-3)));
        assert_eq!(
            read(r#"{"one": 7, "two": null}"#).unwrap(),
            numbers(7, None)
        );
        for bad in [
            "7.5",
            "-1",
            "1e300",
            "18446744073709551615",
            "\"7\"",
            "null",
            "true",
        ] {
            let error = read(&format!("{{\"one\": {bad}}}")).unwrap_err();
            assert_eq!(error.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
        }
    }
}
