//! The process environment as a value, and how other programs are asked with it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use url::Url;

/// A client that answers a question about its settings takes a second; Maven takes three.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(20);

/// Environment variables: those of the process, or made up by a test.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets.
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables
            .into_iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
        Self { variables }
    }
}

impl Environment {
    /// The variables of this process.
    pub fn from_process() -> Self {
        std::env::vars_os().collect()
    }

    /// A variable's value; none if it is not set or not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(OsStr::new(name))?.to_str()
    }

    /// The first of these variables that is set and not empty.
    pub(super) fn first(&self, names: &[&str]) -> Option<&str> {
        names
            .iter()
            .find_map(|name| self.text(name).filter(|value| !value.is_empty()))
    }

    /// A directory: the variable's value, or else this path below the home directory.
    pub(super) fn directory(&self, name: &str, below_home: &str) -> Option<PathBuf> {
        let set = self
            .variables
            .get(OsStr::new(name))
            .filter(|value| !value.is_empty());
        set.map(PathBuf::from)
            .or_else(|| Some(self.home()?.join(below_home)))
    }

    pub(super) fn home(&self) -> Option<PathBuf> {
        self.variables.get(OsStr::new("HOME")).map(PathBuf::from)
    }

    /// The hosts of the configured proxies, in lower case.
    pub(super) fn proxy_hosts(&self) -> BTreeSet<String> {
        [
            "HTTPS_PROXY",
            "https_proxy",
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "all_proxy",
        ]
        .into_iter()
        .filter_map(|name| {
            let value = self.text(name)?;
            let url = Url::parse(value).ok().filter(Url::has_host);
            let url = url.or_else(|| Url::parse(&format!("http://{value}")).ok())?;
            url.host_str().map(str::to_ascii_lowercase)
        })
        .collect()
    }

    /// Where a program is installed.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.variables.get(OsStr::new("PATH"))?;
        // Relative entries would look into the user's current directory, which may hold the
        // very package that is to be examined.
        std::env::split_paths(path)
            .filter(|directory| directory.is_absolute())
            .map(|directory| directory.join(name))
            .find(|candidate| candidate.is_file())
    }

    /// Runs a program and returns what it printed on both streams, standard output first. No
    /// shell is involved, and the current directory is an empty one: clients read settings,
    /// and even load code, from the directory they are started in.
    pub(super) async fn ask(
        &self,
        program: &Path,
        arguments: &[&str],
        extra: &[(&str, &OsStr)],
    ) -> Result<Answer, String> {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let output = tokio::process::Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .envs(extra.iter().copied())
            .env("PWD", directory.path())
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(CLIENT_TIMEOUT, output)
            .await
            .map_err(|_| format!("{name} did not answer"))?
            .map_err(|error| format!("{name} could not be started: {error}"))?;
        Ok(Answer {
            succeeded: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// What a program printed.
pub(super) struct Answer {
    pub(super) succeeded: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}
