//! Where values come from: flags > environment > file > default. On each level a secret
//! stands there itself or in a file that is named there; both is a mistake.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::flags::{CONFIG, Flags};
use super::problem::{Origin, Problem, quoted};
use super::setting::{Secrecy, Setting};
use super::table::settings;

/// The variable that names the configuration file.
pub const CONFIG_VARIABLE: &str = "PACKGUARD_CONFIG";

/// Bytes of a configuration file: a hundred times one that sets everything.
const FILE_LIMIT: u64 = 1 << 20;

/// Bytes of a secret's file: a URL or a key has hundreds.
const SECRET_LIMIT: u64 = 64 << 10;

/// The environment of the process, or one made up. An empty variable counts as unset: that
/// is what `NAME=` in a compose file means.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// One made up.
    pub fn new<V: Into<OsString>>(values: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        let own = |(name, value): (&'static str, V)| (name.into(), value.into());
        Self(values.into_iter().map(own).collect())
    }

    fn get(&self, name: &str) -> Option<&OsString> {
        self.0
            .get(OsStr::new(name))
            .filter(|value| !value.is_empty())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A value and where it came from.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) value: String,
    pub(super) origin: Origin,
}

/// What was said about one setting on one level.
struct Said {
    value: Option<(OsString, Origin)>,
    /// The file, and the flag, variable or key that names it.
    file: Option<(OsString, Origin, String)>,
}

impl Said {
    /// The value, or where the problem is, what it is, and what would do.
    fn resolve(self) -> Result<Option<Found>, (Origin, String, &'static str)> {
        match (self.value, self.file) {
            (None, None) => Ok(None),
            (Some((_, origin)), Some((_, _, by))) => {
                let what = format!("it is set, and so is {by}");
                Err((origin, what, "keep one of the two"))
            }
            (Some((value, origin)), None) => match value.into_string() {
                Ok(value) => Ok(Some(Found { value, origin })),
                Err(_) => Err((origin, "it is no UTF-8".into(), "write it in UTF-8")),
            },
            (None, Some((path, origin, by))) => {
                let path = PathBuf::from(path);
                match read(&path, SECRET_LIMIT) {
                    Ok(text) => Ok(Some(Found {
                        value: without_newline(text),
                        origin: Origin::SecretFile { by, path },
                    })),
                    Err(error) => {
                        let shown = quoted(&path.to_string_lossy());
                        let hint = "name a readable file that holds the value alone";
                        Err((origin, format!("{shown} {error}"), hint))
                    }
                }
            }
        }
    }
}

/// Flags, environment and configuration file together.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    flags: &'a Flags,
    environment: &'a Environment,
    file: BTreeMap<String, String>,
    path: PathBuf,
}

impl<'a> Sources<'a> {
    /// Reads the configuration file, if one is named.
    pub(super) fn gather(
        flags: &'a Flags,
        environment: &'a Environment,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut sources = Self {
            flags,
            environment,
            file: BTreeMap::new(),
            path: PathBuf::new(),
        };
        let flag = flags
            .get(CONFIG)
            .map(|path| (path, Origin::Flag(format!("--{CONFIG}"))));
        let variable = environment
            .get(CONFIG_VARIABLE)
            .map(|path| (path, Origin::Environment(CONFIG_VARIABLE.into())));
        if let Some((path, origin)) = flag.or(variable) {
            sources.path = path.into();
            match read(&sources.path, FILE_LIMIT) {
                Ok(text) => sources.take_file(&text, problems),
                Err(error) => problems.push(Problem {
                    setting: CONFIG_VARIABLE.into(),
                    origin,
                    what: format!("{} {error}", quoted(&path.to_string_lossy())),
                    hint: "name a readable TOML file, or none".into(),
                }),
            }
        }
        sources
    }

    fn take_file(&mut self, text: &str, problems: &mut Vec<Problem>) {
        let mut wrong = |what: String, hint: String| {
            problems.push(Problem {
                setting: "the configuration file".into(),
                origin: Origin::File(self.path.clone()),
                what,
                hint,
            });
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                // The parser's own words may quote the line, and secrets stand in lines.
                wrong(
                    format!("line {} is no TOML", line(text, &error)),
                    "write `key = \"value\"`, each key once".into(),
                );
                return;
            }
        };
        for (key, value) in table {
            if !known_keys().any(|known| known == key) {
                wrong(format!("there is no setting {}", quoted(&key)), near(&key));
                continue;
            }
            match plain(&value) {
                Some(value) => {
                    self.file.insert(key, value);
                }
                None => wrong(
                    format!("{key} is a {}", value.type_str()),
                    "give a string, a number, true or false, or a list of strings".into(),
                ),
            }
        }
    }

    /// What holds for a setting; `None` where nothing was said and there is no default.
    pub(super) fn find(
        &self,
        setting: &Setting,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<Found>, ()> {
        let levels = [
            self.on_flags(setting),
            self.in_environment(setting),
            self.in_file(setting),
        ];
        for said in levels {
            match said.resolve() {
                Ok(None) => {}
                Ok(Some(found)) => return Ok(Some(found)),
                Err((origin, what, hint)) => {
                    problems.push(Problem {
                        setting: setting.name.into(),
                        origin,
                        what,
                        hint: hint.into(),
                    });
                    return Err(());
                }
            }
        }
        Ok((!setting.default.is_empty()).then(|| Found {
            value: setting.default.into(),
            origin: Origin::Default,
        }))
    }

    fn on_flags(&self, setting: &Setting) -> Said {
        let get = |flag: Option<String>| {
            let flag = flag?;
            let value = self.flags.get(&flag)?.clone();
            Some((value, Origin::Flag(format!("--{flag}"))))
        };
        Said {
            value: get(setting.flag()),
            file: get(setting.file_flag()).map(|(path, origin)| {
                let by = setting.file_flag().unwrap_or_default();
                (path, origin, format!("--{by}"))
            }),
        }
    }

    fn in_environment(&self, setting: &Setting) -> Said {
        let get = |name: String| {
            let value = self.environment.get(&name)?.clone();
            Some((value, Origin::Environment(name.clone()), name))
        };
        Said {
            value: get(setting.name.into()).map(|(value, origin, _)| (value, origin)),
            file: get(setting.file_name()).filter(|_| setting.has_file()),
        }
    }

    fn in_file(&self, setting: &Setting) -> Said {
        let origin = || Origin::File(self.path.clone());
        let get = |key: &String| self.file.get(key).filter(|value| !value.is_empty());
        let (key, file_key) = (setting.key(), setting.file_key());
        Said {
            value: get(&key).map(|value| (value.into(), origin())),
            file: get(&file_key)
                .filter(|_| setting.has_file())
                .map(|path| (path.into(), origin(), file_key)),
        }
    }
}

/// A value of the file as the environment would spell it.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(values) => {
            let texts: Option<Vec<&str>> = values.iter().map(toml::Value::as_str).collect();
            Some(texts?.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn known_keys() -> impl Iterator<Item = String> {
    settings().flat_map(|setting| {
        let file = (setting.secrecy != Secrecy::Open).then(|| setting.file_key());
        std::iter::once(setting.key()).chain(file)
    })
}

/// How alike two names must be to be suggested, of 1: what clap uses for flags.
const ALIKE: f64 = 0.7;

fn near(key: &str) -> String {
    let key: String = key.to_ascii_lowercase().replace('-', "_");
    // Comparing takes the product of both lengths.
    let key: String = key.chars().take(64).collect();
    let best = known_keys()
        .map(|known| (strsim::jaro_winkler(&key, &known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((likeness, known)) if likeness > ALIKE => format!("did you mean `{known}`?"),
        _ => "docs/configuration.md lists them all".into(),
    }
}

fn line(text: &str, error: &toml::de::Error) -> usize {
    let end = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.as_bytes().get(..end).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn read(path: &Path, limit: u64) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("can't be read: {error}");
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    if read.map_err(failed)? as u64 > limit {
        return Err(format!("has more than {limit} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "is no UTF-8".into())
}

/// Editors and `echo` end a file with a newline that is no part of the secret.
fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
