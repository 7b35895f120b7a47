//! What a function may be run with: less than the platform's limits, never more.

use std::collections::BTreeSet;
use std::time::Duration;

use packguard_runtime::{Configuration, Limits};

use super::name;
use crate::db::functions::FunctionSettings;
use crate::purl::Ecosystem;

/// Least memory of a step, bytes: an empty Rust guest takes a little more than this.
pub const LEAST_MEMORY: i64 = 1 << 20;

/// Most options.
pub const MOST_OPTIONS: usize = 32;

/// Longest value of an option, bytes.
pub const MAX_OPTION: usize = 64 << 10;

/// Names and values of all options together, bytes.
pub const MAX_OPTIONS: usize = 256 << 10;

/// Why settings are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SettingsError {
    /// Which field.
    pub field: String,
    /// What is wrong with it, and what would do.
    pub message: String,
}

fn wrong(field: impl Into<String>, message: impl Into<String>) -> SettingsError {
    SettingsError {
        field: field.into(),
        message: message.into(),
    }
}

/// Checks settings against the platform's own limits.
///
/// # Errors
/// What is wrong with them.
pub fn check(settings: &FunctionSettings, ceiling: &Limits) -> Result<(), SettingsError> {
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let memory = whole(ceiling.memory.try_into().unwrap_or(u64::MAX));
    let time = whole(ceiling.wall.as_millis().try_into().unwrap_or(u64::MAX));
    for (field, value, least, most) in [
        ("memory_bytes", settings.memory_bytes, LEAST_MEMORY, memory),
        ("fuel", settings.fuel, 1, whole(ceiling.fuel)),
        ("time_ms", settings.time_ms, 1, time),
    ] {
        match value {
            Some(value) if value < least => {
                return Err(wrong(field, format!("it must be at least {least}")));
            }
            Some(value) if value > most => {
                let message = format!("it can only be lowered: the platform's limit is {most}");
                return Err(wrong(field, message));
            }
            _ => {}
        }
    }
    if let Some(ecosystems) = &settings.ecosystems {
        check_ecosystems(ecosystems)?;
    }
    check_options(settings)
}

fn check_ecosystems(ecosystems: &[String]) -> Result<(), SettingsError> {
    let known = Ecosystem::ALL.map(Ecosystem::as_str);
    let all = known.join(", ");
    let distinct: BTreeSet<&String> = ecosystems.iter().collect();
    if ecosystems.is_empty() || distinct.len() < ecosystems.len() {
        let message = format!("name each once, one at least, of {all}; null is for all of them");
        return Err(wrong("ecosystems", message));
    }
    match ecosystems.iter().find(|one| !known.contains(&one.as_str())) {
        Some(_) => Err(wrong("ecosystems", format!("there are {all}"))),
        None => Ok(()),
    }
}

fn check_options(settings: &FunctionSettings) -> Result<(), SettingsError> {
    let options = &settings.options;
    if options.len() > MOST_OPTIONS {
        let message = format!("there may be {MOST_OPTIONS} at most");
        return Err(wrong("options", message));
    }
    for (key, value) in options {
        name::option(key).map_err(|error| wrong("options", format!("a name: {error}")))?;
        let field = || format!("options.{key}");
        if value.len() > MAX_OPTION {
            let message = format!("it may have {MAX_OPTION} bytes at most");
            return Err(wrong(field(), message));
        }
        if value.contains('\0') {
            return Err(wrong(field(), "it may not have a NUL"));
        }
    }
    let bytes: usize = options
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if bytes > MAX_OPTIONS {
        let message = format!("all together may have {MAX_OPTIONS} bytes at most");
        return Err(wrong("options", message));
    }
    Ok(())
}

/// The same for the runtime, which holds it to the worker's own limits.
pub(crate) fn configuration(settings: &FunctionSettings) -> Configuration {
    let positive = |number: i64| u64::try_from(number).unwrap_or(0);
    Configuration {
        memory: settings
            .memory_bytes
            .map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
        fuel: settings.fuel.map(positive),
        wall: settings.time_ms.map(positive).map(Duration::from_millis),
        ecosystems: settings.ecosystems.clone(),
        options: settings.options.clone().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: &FunctionSettings) -> SettingsError {
        check(settings, &Limits::default()).unwrap_err()
    }

    #[test]
    fn limits_are_lowered_only() {
        let ceiling = Limits::default();
        let most = i64::try_from(ceiling.memory).unwrap();
        let with = |memory_bytes| FunctionSettings {
            memory_bytes: Some(memory_bytes),
            ..FunctionSettings::default()
        };
        assert_eq!(check(&with(most), &ceiling), Ok(()));
        assert_eq!(check(&FunctionSettings::default(), &ceiling), Ok(()));
        let error = refused(&with(most + 1));
        assert!(error.message.contains(&most.to_string()), "{error}");
        for value in [0, -1, LEAST_MEMORY - 1, i64::MIN] {
            assert_eq!(refused(&with(value)).field, "memory_bytes");
        }
        let fuel = FunctionSettings {
            fuel: Some(i64::MAX),
            ..FunctionSettings::default()
        };
        assert_eq!(refused(&fuel).field, "fuel");
        let time = FunctionSettings {
            time_ms: Some(120_001),
            ..FunctionSettings::default()
        };
        assert!(refused(&time).message.contains("120000"));
    }

    #[test]
    fn ecosystems_and_options_are_bounded() {
        let ecosystems = |names: &[&str]| FunctionSettings {
            ecosystems: Some(names.iter().map(|&name| name.into()).collect()),
            ..FunctionSettings::default()
        };
        for names in [&[][..], &["pypi", "pypi"], &["PyPI"], &["apt"]] {
            assert_eq!(refused(&ecosystems(names)).field, "ecosystems");
        }
        assert_eq!(
            check(&ecosystems(&["npm", "pypi"]), &Limits::default()),
            Ok(())
        );
        let options = |pairs: Vec<(String, String)>| FunctionSettings {
            options: pairs.into_iter().collect(),
            ..FunctionSettings::default()
        };
        let many = |count: usize, size: usize| {
            options(
                (0..count)
                    .map(|n| (format!("o{n}"), "x".repeat(size)))
                    .collect(),
            )
        };
        assert_eq!(check(&many(32, 10), &Limits::default()), Ok(()));
        assert_eq!(refused(&many(33, 0)).field, "options");
        assert_eq!(refused(&many(1, MAX_OPTION + 1)).field, "options.o0");
        assert_eq!(refused(&many(5, MAX_OPTION)).field, "options");
        for name in ["", "A", "a_b", "a--b", "-a", &"a".repeat(65)] {
            let one = options(vec![(name.to_owned(), String::new())]);
            assert_eq!(refused(&one).field, "options", "{name}");
        }
        let nul = options(vec![("a".into(), "\0".into())]);
        assert_eq!(refused(&nul).field, "options.a");
    }
}
