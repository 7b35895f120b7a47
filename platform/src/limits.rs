//! `--limits`: one value for all that a package may use.

use std::str::FromStr;
use std::time::Duration;

use packguard_runtime::{ArchiveLimits, Limits};

use crate::registry::FetchLimits;

/// What one package may use, from download to verdict.
#[derive(Debug, Clone, Default)]
pub struct ScanLimits {
    /// Of each step.
    pub step: Limits,
    /// Of unpacking.
    pub archive: ArchiveLimits,
    /// Of downloading.
    pub fetch: FetchLimits,
}

/// Why a `--limits` value was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// Not `name=value`.
    #[error("`{0}` is not of the form name=value")]
    Form(String),
    /// No such limit.
    #[error("there is no limit `{0}`; there are: {NAMES}")]
    Name(String),
    /// A value that is no number, size or time, or zero.
    #[error("`{value}` is no {kind} for `{name}`, such as {example}")]
    Value {
        /// Which limit.
        name: String,
        /// What was given.
        value: String,
        /// What is wanted.
        kind: &'static str,
        /// One that would do.
        example: &'static str,
    },
}

/// Every limit that can be set.
pub const NAMES: &str = "memory, fuel, time, files, unpacked, ratio, path, depth, nesting, artifacts, artifact-size, download-size";

impl FromStr for ScanLimits {
    type Err = LimitError;

    /// Parses `memory=256MiB,time=30s,…` over the defaults.
    fn from_str(text: &str) -> Result<Self, LimitError> {
        let mut limits = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| LimitError::Form(part.into()))?;
            limits.set(name.trim(), value.trim())?;
        }
        Ok(limits)
    }
}

impl ScanLimits {
    fn set(&mut self, name: &str, value: &str) -> Result<(), LimitError> {
        match name {
            "memory" => self.step.memory = fit(name, value, size(name, value)?)?,
            "fuel" => self.step.fuel = number(name, value)?,
            "time" => self.step.wall = time(name, value)?,
            "files" => self.archive.files = number(name, value)?,
            "unpacked" => self.archive.bytes = size(name, value)?,
            "ratio" => self.archive.ratio = number(name, value)?,
            "path" => self.archive.path = fit(name, value, number(name, value)?)?,
            "depth" => self.archive.depth = fit(name, value, number(name, value)?)?,
            "nesting" => self.archive.nesting = fit(name, value, count(name, value)?)?,
            "artifacts" => self.fetch.artifacts = fit(name, value, number(name, value)?)?,
            "artifact-size" => self.fetch.artifact_bytes = size(name, value)?,
            "download-size" => self.fetch.release_bytes = size(name, value)?,
            _ => return Err(LimitError::Name(name.into())),
        }
        Ok(())
    }
}

fn wrong(name: &str, value: &str, kind: &'static str, example: &'static str) -> LimitError {
    LimitError::Value {
        name: name.into(),
        value: value.into(),
        kind,
        example,
    }
}

fn count(name: &str, value: &str) -> Result<u64, LimitError> {
    value.parse().map_err(|_| wrong(name, value, "number", "3"))
}

fn number(name: &str, value: &str) -> Result<u64, LimitError> {
    match count(name, value)? {
        0 => Err(wrong(name, value, "number above 0", "1000")),
        number => Ok(number),
    }
}

fn size(name: &str, value: &str) -> Result<u64, LimitError> {
    match value.parse::<bytesize::ByteSize>() {
        Ok(size) if size.as_u64() > 0 => Ok(size.as_u64()),
        _ => Err(wrong(name, value, "size", "256MiB")),
    }
}

fn time(name: &str, value: &str) -> Result<Duration, LimitError> {
    match humantime::parse_duration(value) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err(wrong(name, value, "time", "30s")),
    }
}

fn fit<T: TryFrom<u64>>(name: &str, value: &str, number: u64) -> Result<T, LimitError> {
    T::try_from(number).map_err(|_| wrong(name, value, "number of this size", "1000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sizes_and_times_are_taken() {
        let limits: ScanLimits = "memory=256MiB, time=30s,nesting=0,files=10"
            .parse()
            .unwrap();
        assert_eq!(limits.step.memory, 256 << 20);
        assert_eq!(limits.step.wall, Duration::from_secs(30));
        assert_eq!(limits.archive.nesting, 0);
        assert_eq!(limits.archive.files, 10);
        assert_eq!(limits.archive.ratio, ArchiveLimits::default().ratio);
    }

    #[test]
    fn every_name_in_the_list_can_be_set() {
        for name in NAMES.split(", ") {
            let value = if name == "time" { "1s" } else { "1" };
            assert!(
                format!("{name}={value}").parse::<ScanLimits>().is_ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_an_example() {
        for (text, says) in [
            ("memory", "name=value"),
            ("colour=1", "there is no limit `colour`"),
            ("memory=lots", "such as 256MiB"),
            ("memory=0", "such as 256MiB"),
            ("time=5", "such as 30s"),
            ("files=0", "above 0"),
            ("files=-1", "no number"),
            ("nesting=5000000000", "of this size"),
        ] {
            let error = text.parse::<ScanLimits>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
