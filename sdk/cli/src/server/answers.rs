//! What people are shown of the server's answers. `--json` prints them whole.

use packguard_platform::output::line;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Server, Trouble};
use crate::failure::Failure;
use crate::print;

/// A version.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub version: String,
    pub sha256: String,
    pub size_bytes: u64,
    pub contract: String,
    pub capabilities: Vec<String>,
    pub descriptor: Described,
    pub publisher: String,
    pub signing_key: Option<String>,
    pub measures: Measures,
    pub created_at: String,
    pub yanked_at: Option<String>,
    pub disabled_at: Option<String>,
    pub disabled_reason: Option<String>,
}

/// What a component says of itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Described {
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    pub id: String,
}

/// What admission measured, in microseconds and bytes.
#[derive(Debug, Deserialize)]
pub(crate) struct Measures {
    pub load_us: u64,
    pub smoke_us: u64,
    pub smoke_memory: u64,
}

/// A function.
#[derive(Debug, Deserialize)]
pub(crate) struct Function {
    pub name: String,
    pub publisher: String,
    pub versions: u64,
    pub aliases: Map<String, Value>,
    /// Percent of the tasks; an older server says none.
    #[serde(default)]
    pub percents: Map<String, Value>,
}

/// An alias that was moved.
#[derive(Debug, Deserialize)]
pub(crate) struct Moved {
    pub name: String,
    pub alias: String,
    pub from: Option<String>,
    pub to: String,
    pub sha256: String,
    #[serde(default)]
    pub percent: Option<u8>,
}

impl Server {
    /// Reads what was answered.
    pub(crate) fn read<T: DeserializeOwned>(&self, data: &Value) -> Result<T, Failure> {
        T::deserialize(data).map_err(|error| self.failure(&Trouble::Stranger(error.to_string())))
    }
}

impl Version {
    /// `signed by the key …`
    pub(crate) fn signed(&self) -> String {
        match &self.signing_key {
            Some(key) => format!("signed with {}", line(key)),
            None => "not signed".into(),
        }
    }

    /// What keeps it from being promoted, if anything does.
    pub(crate) fn state(&self) -> Option<String> {
        match (&self.disabled_at, &self.yanked_at) {
            (Some(_), _) => {
                let reason = self.disabled_reason.as_deref().unwrap_or("no reason given");
                Some(format!("disabled: {}", line(reason)))
            }
            (None, Some(_)) => Some("yanked".into()),
            (None, None) => None,
        }
    }
}

impl Measures {
    /// In one line.
    pub(crate) fn text(&self) -> String {
        format!(
            "loads in {}, looks at four small packages in {}, {} of memory",
            print::time(self.load_us),
            print::time(self.smoke_us),
            print::bytes(self.smoke_memory)
        )
    }
}

impl Function {
    /// `stable 0.1.0, canary 0.2.0 (10 % of tasks)`
    pub(crate) fn aliases(&self) -> String {
        let named = self.aliases.iter().map(|(alias, version)| {
            let version = version.as_str().unwrap_or("?");
            let share = self.percents.get(alias).and_then(Value::as_u64);
            let share = share.map(|percent| format!(" ({percent} % of tasks)"));
            let share = share.unwrap_or_default();
            format!("{} {}{share}", line(alias), line(version))
        });
        let named: Vec<_> = named.collect();
        match named.is_empty() {
            true => "no alias names a version".into(),
            false => named.join(", "),
        }
    }
}

impl Moved {
    /// In one line.
    pub(crate) fn text(&self) -> String {
        let (name, alias, to) = (line(&self.name), line(&self.alias), line(&self.to));
        let digest = line(&self.sha256);
        let share = self
            .percent
            .map(|percent| format!(", {percent} % of tasks"));
        let share = share.unwrap_or_default();
        match &self.from {
            Some(from) if *from == self.to => {
                format!("{alias} of {name} names {to} already{share}  sha256 {digest}\n")
            }
            Some(from) => {
                let from = line(from);
                format!(
                    "{alias} of {name} names {to} now{share} (before: {from})  sha256 {digest}\n"
                )
            }
            None => format!("{alias} of {name} names {to} now{share}  sha256 {digest}\n"),
        }
    }
}
