//! Values from text. What a refusal says never holds the text itself: the reader adds it
//! where it is no secret.

use std::time::Duration;

use bytesize::ByteSize;
use url::Url;

/// Why a value was refused.
#[derive(Debug)]
pub(super) struct Wrong {
    /// Continues a sentence that begins with the value.
    pub(super) what: String,
    /// What would do.
    pub(super) hint: String,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
        }
    }
}

/// A time with its unit, or `0s`.
pub(super) fn duration(text: &str, from: Duration, to: Duration) -> Result<Duration, Wrong> {
    let time = humantime::parse_duration(text)
        .map_err(|_| Wrong::new("is no time", "give a number and its unit, as in 30s"))?;
    if time < from || time > to {
        return Err(Wrong::new(
            "is out of range",
            format!(
                "give a time from {} to {}",
                humantime::format_duration(from),
                humantime::format_duration(to)
            ),
        ));
    }
    Ok(time)
}

/// Bytes, as in `512MiB`.
pub(super) fn size(text: &str, from: u64, to: u64) -> Result<u64, Wrong> {
    let size = text
        .parse::<ByteSize>()
        .map_err(|_| Wrong::new("is no size", "give a number and its unit, as in 16MiB"))?
        .as_u64();
    if size < from || size > to {
        return Err(Wrong::new(
            "is out of range",
            format!(
                "give a size from {} to {}",
                ByteSize::b(from).display().iec(),
                ByteSize::b(to).display().iec()
            ),
        ));
    }
    Ok(size)
}

/// A whole number.
pub(super) fn number(text: &str, from: u32, to: u32) -> Result<u32, Wrong> {
    let hint = || format!("give a number from {from} to {to}");
    let number: u64 = text
        .parse()
        .map_err(|_| Wrong::new("is no whole number", hint()))?;
    u32::try_from(number)
        .ok()
        .filter(|number| (from..=to).contains(number))
        .ok_or_else(|| Wrong::new("is out of range", hint()))
}

/// `true` or `false`.
pub(super) fn truth(text: &str) -> Result<bool, Wrong> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Wrong::new(
            "is neither true nor false",
            "give `true` or `false`",
        )),
    }
}

/// One of a few words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Wrong> {
    words
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            Wrong::new("is not known", format!("give {}", known.join(" or ")))
        })
}

/// The address of an HTTP server: scheme, host and port, a path where `path` says so.
pub(super) fn server(text: &str, path: bool) -> Result<Url, Wrong> {
    let hint = "give an address such as https://host.example.com";
    let url = Url::parse(text).map_err(|_| Wrong::new("is no URL", hint))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Wrong::new("is neither http nor https", hint));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Wrong::new(
            "has a user or a password in it",
            "leave them out: there are settings of their own for them",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Wrong::new("has a query or a fragment", hint));
    }
    if !path && url.path() != "/" {
        return Err(Wrong::new("has a path", hint));
    }
    Ok(url)
}
