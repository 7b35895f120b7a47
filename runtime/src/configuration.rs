//! What one analyzer is run with that differs from the others, and who hears it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::bindings::log;
use crate::bindings::types::{Package, Setting};
use crate::limits::Limits;
use crate::pipeline::ComponentId;

/// What one analyzer is run with. A limit can only be lower than the pipeline's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// Sum of all linear memories and tables, bytes.
    pub memory: Option<usize>,
    /// CPU work: about one unit per WebAssembly instruction.
    pub fuel: Option<u64>,
    /// Wall clock.
    pub wall: Option<Duration>,
    /// Purl types that it looks at, of those in its descriptor; `None` for all of them.
    pub ecosystems: Option<Vec<String>>,
    /// Settings for this analyzer alone, by name: they go before the platform's of that name.
    pub options: Vec<(String, String)>,
}

impl Configuration {
    /// What a step may use: the lower of both, each.
    pub(crate) fn limits(&self, ceiling: &Limits) -> Limits {
        Limits {
            memory: ceiling.memory.min(self.memory.unwrap_or(usize::MAX)),
            fuel: ceiling.fuel.min(self.fuel.unwrap_or(u64::MAX)),
            wall: ceiling.wall.min(self.wall.unwrap_or(Duration::MAX)),
            ..*ceiling
        }
    }

    /// Whether it looks at packages of that ecosystem.
    pub(crate) fn covers(&self, ecosystem: &str) -> bool {
        self.ecosystems
            .as_ref()
            .is_none_or(|wanted| wanted.iter().any(|one| one == ecosystem))
    }

    /// The package with its options among the settings: a copy, where it has some.
    pub(crate) fn package(&self, package: &Arc<Package>) -> Arc<Package> {
        if self.options.is_empty() {
            return Arc::clone(package);
        }
        let mut own = Package::clone(package);
        let names = |setting: &Setting| self.options.iter().any(|(name, _)| *name == setting.name);
        own.settings.retain(|setting| !names(setting));
        own.settings
            .extend(self.options.iter().map(|(name, value)| Setting {
                name: name.clone(),
                value: value.clone(),
            }));
        Arc::new(own)
    }
}

/// How grave a line of an analyzer's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// For who writes the analyzer.
    Debug,
    /// Worth knowing.
    Info,
    /// Odd.
    Warn,
    /// Wrong.
    Error,
}

impl LogLevel {
    /// In lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl From<log::Level> for LogLevel {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}

/// Is told of each line that an analyzer logs: by whom, how grave it is, and the line as it
/// came. It must not block.
pub type Listener = Arc<dyn Fn(&ComponentId, LogLevel, &str) + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_lowered_and_never_raised() {
        let ceiling = Limits::default();
        let configuration = Configuration {
            memory: Some(ceiling.memory + 1),
            fuel: Some(5),
            wall: Some(Duration::from_secs(1)),
            ..Configuration::default()
        };
        let expected = Limits {
            fuel: 5,
            wall: Duration::from_secs(1),
            ..ceiling
        };
        assert_eq!(configuration.limits(&ceiling), expected);
        assert_eq!(Configuration::default().limits(&ceiling), ceiling);
    }

    #[test]
    fn options_go_before_the_platforms_settings() {
        let setting = |name: &str, value: &str| Setting {
            name: name.into(),
            value: value.into(),
        };
        let package = Arc::new(Package {
            purl: None,
            ecosystem: "pypi".into(),
            namespace: None,
            name: "sample".into(),
            version: None,
            artifacts: Vec::new(),
            files: Vec::new(),
            metadata: None,
            settings: vec![setting("a", "platform"), setting("b", "platform")],
        });
        let configuration = Configuration {
            options: vec![("b".into(), "own".into()), ("c".into(), "own".into())],
            ..Configuration::default()
        };
        let settings: Vec<_> = configuration
            .package(&package)
            .settings
            .iter()
            .map(|one| (one.name.clone(), one.value.clone()))
            .collect();
        let expected = [("a", "platform"), ("b", "own"), ("c", "own")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(settings, expected);
    }
}
