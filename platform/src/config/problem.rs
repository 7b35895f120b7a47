//! What is wrong with a configuration: all of it, said at once.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line; the flag with its dashes.
    Flag(String),
    /// The environment; the variable.
    Environment(String),
    /// The configuration file.
    File(PathBuf),
    /// A file that was named in the value's place.
    SecretFile {
        /// The flag, variable or key that names it.
        by: String,
        /// The file.
        path: PathBuf,
    },
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "from the flag {flag}"),
            Self::Environment(name) => write!(f, "from the environment variable {name}"),
            Self::File(path) => write!(f, "from {}", quoted(&path.to_string_lossy())),
            Self::SecretFile { by, path } => {
                write!(
                    f,
                    "from {}, which {by} names",
                    quoted(&path.to_string_lossy())
                )
            }
            Self::Default => f.write_str("by default"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as its environment variable; or the configuration file.
    pub setting: String,
    /// Where its value came from.
    pub origin: Origin,
    /// What is wrong, without the value of a secret.
    pub what: String,
    /// What would do.
    pub hint: String,
}

/// Everything that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "the configuration makes no sense:")?,
            count => writeln!(f, "the configuration makes no sense in {count} places:")?,
        }
        for problem in &self.0 {
            let Problem {
                setting,
                origin,
                what,
                hint,
            } = problem;
            write!(f, "\n  {setting}, {origin}: {what}\n    hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Characters of a value that a message quotes: enough to recognise it.
const QUOTED: usize = 120;

/// A value for a message: no control characters, and not too much of it.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", readable(text))
}

/// The same without quotes, for words that are not a value alone.
pub(super) fn readable(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(QUOTED)
        .flat_map(|c| {
            let escape = c.is_control().then(|| c.escape_default());
            let plain = (!c.is_control()).then_some(c);
            escape.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(QUOTED).is_some() {
        shown.push('…');
    }
    shown
}
