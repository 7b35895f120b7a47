//! `sdk settings`: what a function is run with on the server.

use std::collections::BTreeMap;

use bytesize::ByteSize;
use packguard_platform::functions::name;
use packguard_platform::output::line;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::cli::SettingsArgs;
use crate::failure::{Failure, usage};
use crate::print;
use crate::project::nearest;
use crate::server::Server;

/// What can be set, options aside.
const KEYS: [&str; 4] = ["memory", "fuel", "time", "ecosystems"];

/// What stands before the name of an option.
const OPTION: &str = "option.";

/// As the server has them; null is as the platform has it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    memory_bytes: Option<u64>,
    fuel: Option<u64>,
    time_ms: Option<u64>,
    ecosystems: Option<Vec<String>>,
    options: BTreeMap<String, String>,
}

/// One thing to change; `None` goes back to what the platform has, or takes the option away.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Memory(Option<u64>),
    Fuel(Option<u64>),
    Time(Option<u64>),
    Ecosystems(Option<Vec<String>>),
    Option(String, Option<String>),
}

pub(super) async fn run(args: &SettingsArgs) -> Result<u8, Failure> {
    // Nothing is asked of the server where the command line makes no sense.
    let changes = args.changes.iter().map(|text| change(text));
    let changes = changes.collect::<Result<Vec<_>, _>>()?;
    let server = Server::logged_in()?;
    let path = format!("functions/{}/settings/", args.name);
    let mut data = server
        .insist(|server| server.request(Method::GET, &path))
        .await?;
    if !changes.is_empty() {
        let mut settings: Settings = server.read(&data)?;
        for change in changes {
            settings.apply(change);
        }
        data = server
            .insist(|server| server.request(Method::PUT, &path).json(&settings))
            .await?;
    }
    if args.json {
        print::json(&data)?;
    } else {
        print::text(&server.read::<Settings>(&data)?.text())?;
    }
    Ok(0)
}

/// Reads `KEY=VALUE`.
fn change(text: &str) -> Result<Change, Failure> {
    let (key, value) = text.split_once('=').ok_or_else(|| {
        let hint = "as in memory=64MiB, ecosystems=pypi,npm or option.threshold=3";
        usage(format!("`{}` is not KEY=VALUE", line(text)), hint)
    })?;
    let given = Some(value).filter(|value| !value.is_empty());
    let wrong = |what: &str, example: &str| {
        let message = format!("`{}` is no {what} for `{key}`", line(value));
        let hint = format!("such as {key}={example}; {key}= goes back to the platform's");
        usage(message, hint)
    };
    Ok(match key {
        "memory" => Change::Memory(match given.map(str::parse::<ByteSize>) {
            None => None,
            Some(Ok(size)) => Some(size.as_u64()),
            Some(Err(_)) => return Err(wrong("size", "64MiB")),
        }),
        "fuel" => Change::Fuel(match given.map(str::parse) {
            None => None,
            Some(Ok(fuel)) => Some(fuel),
            Some(Err(_)) => return Err(wrong("number", "1000000000")),
        }),
        "time" => Change::Time(match given.map(humantime::parse_duration) {
            None => None,
            Some(Ok(time)) => Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            Some(Err(_)) => return Err(wrong("time", "5s")),
        }),
        "ecosystems" => Change::Ecosystems(
            given.map(|all| all.split(',').map(|one| one.trim().to_owned()).collect()),
        ),
        _ => option(key, given)?,
    })
}

fn option(key: &str, value: Option<&str>) -> Result<Change, Failure> {
    let Some(name) = key.strip_prefix(OPTION) else {
        let known = KEYS.into_iter().chain(["option.NAME"]);
        return Err(usage(
            nearest(key, known),
            format!("there are {} and option.NAME", KEYS.join(", ")),
        ));
    };
    name::option(name).map_err(|error| {
        let message = format!("`{}` is no name of an option", line(name));
        usage(message, error.to_string())
    })?;
    Ok(Change::Option(name.to_owned(), value.map(str::to_owned)))
}

impl Settings {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Memory(value) => self.memory_bytes = value,
            Change::Fuel(value) => self.fuel = value,
            Change::Time(value) => self.time_ms = value,
            Change::Ecosystems(value) => self.ecosystems = value,
            Change::Option(name, Some(value)) => {
                self.options.insert(name, value);
            }
            Change::Option(name, None) => {
                self.options.remove(&name);
            }
        }
    }

    fn text(&self) -> String {
        let own = "as the platform has it";
        let memory = self.memory_bytes.map(print::bytes);
        let fuel = self.fuel.map(|fuel| fuel.to_string());
        let time = self.time_ms.map(|ms| print::time(ms.saturating_mul(1_000)));
        let ecosystems = self.ecosystems.as_ref().map(|all| line(&all.join(", ")));
        let mut text = String::new();
        for (key, value) in KEYS.into_iter().zip([memory, fuel, time, ecosystems]) {
            let value = value.unwrap_or_else(|| own.to_owned());
            text += &format!("{key:<10}  {value}\n");
        }
        for (name, value) in &self.options {
            text += &format!("{OPTION}{}  {}\n", line(name), line(value));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_strictly() {
        for (text, expected) in [
            ("memory=64MiB", Change::Memory(Some(64 << 20))),
            ("memory=", Change::Memory(None)),
            ("fuel=5", Change::Fuel(Some(5))),
            ("time=1500ms", Change::Time(Some(1_500))),
            (
                "ecosystems=pypi, npm",
                Change::Ecosystems(Some(vec!["pypi".into(), "npm".into()])),
            ),
            (
                "option.a-b=x=y",
                Change::Option("a-b".into(), Some("x=y".into())),
            ),
            ("option.a-b=", Change::Option("a-b".into(), None)),
        ] {
            assert_eq!(change(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_say_what_would_do() {
        for (text, says) in [
            ("memory", "KEY=VALUE"),
            ("memory=lots", "is no size for `memory`"),
            ("fuel=-1", "is no number"),
            ("time=5", "is no time"),
            ("memroy=1MiB", "did you mean `memory`?"),
            (
                "colour=red",
                "there are: memory, fuel, time, ecosystems, option.NAME",
            ),
            ("option.A=1", "`A` is no name of an option"),
            ("option.=1", "is no name of an option"),
        ] {
            let failure = change(text).unwrap_err();
            assert!(
                failure.message.contains(says),
                "{text}: {}",
                failure.message
            );
            assert!(!failure.hint.is_empty(), "{text}");
        }
    }
}
