//! Reads typed values, and gathers what is wrong instead of stopping at it.
//!
//! A value that was refused is replaced by its default, so that reading goes on; [`resolve`]
//! then fails as a whole, and checks between settings leave out those refused already.
//!
//! [`resolve`]: super::resolve

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use super::parse::{self, Wrong};
use super::problem::{Origin, Problem, quoted};
use super::secret::{Secret, SecretUrl};
use super::setting::{Role, Secrecy, Setting};
use super::sources::{Found, Sources};
use super::table::find;

pub(super) struct Reader<'a> {
    role: Role,
    sources: Sources<'a>,
    problems: Vec<Problem>,
    refused: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(role: Role, sources: Sources<'a>, problems: Vec<Problem>) -> Self {
        Self {
            role,
            sources,
            problems,
            refused: BTreeSet::new(),
        }
    }

    pub(super) fn finish(self) -> Vec<Problem> {
        self.problems
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    /// What was said, or the default. A setting that is not this role's is at its default.
    fn found(&mut self, name: &'static str) -> Option<(&'static Setting, Found)> {
        // Every name is in the table: a test sets each setting of each role.
        let setting = find(name)?;
        if !setting.used_by(self.role) {
            let value = setting.default.to_owned();
            let origin = Origin::Default;
            return (!value.is_empty()).then_some((setting, Found { value, origin }));
        }
        match self.sources.find(setting, &mut self.problems) {
            Ok(found) => found.map(|found| (setting, found)),
            Err(()) => {
                self.refused.insert(name);
                None
            }
        }
    }

    /// What was said, or the default, as the type that `read` makes of it.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let (setting, found) = self.found(name)?;
        match read(&found.value) {
            Ok(value) => Some(value),
            Err(Wrong { what, hint }) => {
                let what = format!("{} {what}", shown(setting, &found.value));
                self.refuse(name, found.origin, what, hint);
                None
            }
        }
    }

    /// The same where there must be a value: what has a default. After a refusal the default.
    pub(super) fn value<T: Default>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> T {
        let default = find(name).map_or("", |setting| setting.default);
        self.optional(name, &read)
            .or_else(|| read(default).ok())
            .unwrap_or_default()
    }

    /// The same where there is no default.
    pub(super) fn required<T: Default>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> T {
        let before = self.problems.len();
        let value = self.optional(name, read);
        if value.is_none() && self.problems.len() == before {
            self.missing(name, "it is not set");
        }
        value.unwrap_or_default()
    }

    /// Whether a problem with this setting was found already.
    pub(super) fn was_refused(&self, name: &str) -> bool {
        self.refused.contains(name)
    }

    /// Refuses that a setting has no value.
    pub(super) fn missing(&mut self, name: &'static str, what: &str) {
        let Some(setting) = find(name) else { return };
        let mut ways = vec![format!("the environment variable {name}")];
        if setting.has_file() {
            ways.push(setting.file_name());
        }
        ways.extend(setting.flag().map(|flag| format!("--{flag}")));
        ways.push(format!("`{}` in the configuration file", setting.key()));
        let last = ways.pop().unwrap_or_default();
        let hint = format!("set {} or {last}", ways.join(", "));
        self.refuse(name, Origin::Default, what.into(), hint);
    }

    /// Refuses a setting that makes no sense beside others, unless one of them was refused
    /// already, so that its value is not what was said, or is another role's.
    pub(super) fn check(
        &mut self,
        names: &[&'static str],
        sense: bool,
        what: impl Display,
        hint: &str,
    ) {
        let Some(first) = names.first() else { return };
        let heeded = |name: &&str| {
            let used = find(name).is_some_and(|setting| setting.used_by(self.role));
            used && !self.refused.contains(name)
        };
        if sense || !names.iter().all(heeded) {
            return;
        }
        let mut unheard = Vec::new();
        let said = find(first).and_then(|setting| {
            let found = self.sources.find(setting, &mut unheard);
            found.ok().flatten()
        });
        let origin = said.map_or(Origin::Default, |found| found.origin);
        self.refuse(first, origin, what.to_string(), hint.into());
    }

    fn refuse(&mut self, name: &'static str, origin: Origin, what: String, hint: String) {
        self.refused.insert(name);
        self.problems.push(Problem {
            setting: name.into(),
            origin,
            what,
            hint,
        });
    }

    pub(super) fn duration(
        &mut self,
        name: &'static str,
        from: Duration,
        to: Duration,
    ) -> Duration {
        self.value(name, |text| parse::duration(text, from, to))
    }

    pub(super) fn size(&mut self, name: &'static str, from: u64, to: u64) -> u64 {
        self.value(name, |text| parse::size(text, from, to))
    }

    pub(super) fn number(&mut self, name: &'static str, from: u32, to: u32) -> u32 {
        self.value(name, |text| parse::number(text, from, to))
    }

    pub(super) fn truth(&mut self, name: &'static str) -> bool {
        self.value(name, parse::truth)
    }

    pub(super) fn path(&mut self, name: &'static str) -> Option<PathBuf> {
        self.optional(name, |text| Ok(PathBuf::from(text)))
    }

    pub(super) fn secret(&mut self, name: &'static str) -> Option<Secret> {
        self.optional(name, |text| {
            // A newline within would be sent as it is, in a header or a signature.
            if text.chars().any(char::is_control) {
                return Err(Wrong::new(
                    "has a line break or another control character in it",
                    "check the file it comes from",
                ));
            }
            Ok(Secret::new(text))
        })
    }

    /// A URL that may hold a password, but not on the command line.
    pub(super) fn secret_url(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<SecretUrl, Wrong>,
    ) -> SecretUrl {
        let url = self
            .required(name, |text| read(text).map(Some))
            .unwrap_or_else(|| SecretUrl::new(""));
        let on_flag = find(name)
            .and_then(|setting| self.sources.find(setting, &mut Vec::new()).ok().flatten())
            .is_some_and(|found| matches!(found.origin, Origin::Flag(_)));
        self.check(
            &[name],
            !on_flag || !url.has_password(),
            "there is a password in it, and everybody on the machine can read command lines",
            &format!("use the environment variable {name}, or {name}_FILE"),
        );
        url
    }
}

/// A value as a message may show it. A URL with `@` in it may hold a password wherever it
/// was written.
fn shown(setting: &Setting, value: &str) -> String {
    if setting.secrecy != Secrecy::Open || value.contains('@') {
        "its value".into()
    } else {
        quoted(value)
    }
}
