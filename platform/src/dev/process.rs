//! Child processes that end when we end, whatever ends us.
//!
//! Data: one thread per process, the *supervisor*, forks every child and reaps every child. A
//! [`Child`] is a handle: a sender of signals, the exit status once there is one, and the last
//! lines that the child wrote. Handles may be used from any thread and any tokio runtime.
//!
//! Failure rule: no child outlives us.
//! - A dropped handle ends its child: a signal, a grace period, then SIGKILL to its group.
//! - When we die by SIGKILL, the kernel sends each child its signal (`PR_SET_PDEATHSIG`, set by
//!   util-linux's `setpriv`, since only the child itself can ask for it). The kernel ties that to
//!   the *thread* that forked, and tokio's threads come and go; hence a thread of our own, which
//!   ends only with the process.
//! - A child that starts after our death finds another parent than the one it was told, and
//!   leaves: that closes the gap between fork and `setpriv`.
//! - Only the supervisor signals, and only while it has not reaped: no signal ever reaches a
//!   stranger who got the same process id.
//!
//! Each child leads a process group of its own, so that Ctrl-C in a terminal reaches us alone and
//! the order of the ending is ours.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

pub use rustix::process::Signal;
use tokio::sync::watch;

use super::lines::Line;
use super::supervisor::{Handle, supervise};

/// Run by `sh`, between `setpriv` and the program: leaves if we died before the kernel was told
/// to watch. `$0` is our process id.
const GATE: &str = r#"test "$PPID" = "$0" || exit 125; exec "$@""#;

/// Why a child could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no `setpriv`, without which children would outlive us.
    #[error(
        "`setpriv` is missing, which ends servers when packguard ends. Run: sudo apt-get install util-linux"
    )]
    NoSetpriv,
    /// The system refused.
    #[error("{name} could not be started: {source}")]
    Start {
        /// Of the child.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Somebody else, whom a child runs as. Only root may ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id; there are no further groups.
    pub gid: u32,
}

/// Where a child's output goes.
#[derive(Debug, Clone)]
enum Output {
    /// Appended to a file, both streams.
    File(PathBuf),
    /// Kept as [`Lines`].
    Lines,
}

/// A program to be started as a child.
#[derive(Debug, Clone)]
pub struct Program {
    name: String,
    program: OsString,
    arguments: Vec<OsString>,
    /// `None` removes.
    environment: Vec<(OsString, Option<OsString>)>,
    is_environment_clear: bool,
    folder: Option<PathBuf>,
    user: Option<User>,
    output: Output,
    pub(super) ending: Signal,
}

impl Program {
    /// A program by its path, or by its name in `PATH`. Both streams of its output are kept.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref().to_owned();
        let name = Path::new(&program).file_name().unwrap_or(&program);
        Self {
            name: name.to_string_lossy().into_owned(),
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            is_environment_clear: false,
            folder: None,
            user: None,
            output: Output::Lines,
            ending: Signal::TERM,
        }
    }

    /// What messages call it; the file's name unless set.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let arguments = arguments.into_iter().map(|a| a.as_ref().to_owned());
        self.arguments.extend(arguments);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let value = Some(value.as_ref().to_owned());
        self.environment.push((name.as_ref().to_owned(), value));
        self
    }

    /// Removes an environment variable that would be inherited.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), None));
        self
    }

    /// Inherits nothing of our environment but `PATH`.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.is_environment_clear = true;
        self
    }

    /// The folder it starts in; ours unless set.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Whom it runs as, if not as us.
    #[must_use]
    pub fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// Appends both streams to a file instead of keeping lines.
    #[must_use]
    pub fn log_to(mut self, file: impl Into<PathBuf>) -> Self {
        self.output = Output::File(file.into());
        self
    }

    /// The signal that ends it when its handle is dropped or we die: SIGINT, SIGQUIT, SIGKILL,
    /// or SIGTERM, which it is unless set and for all others.
    #[must_use]
    pub fn ending(mut self, signal: Signal) -> Self {
        self.ending = signal;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// No `setpriv`, or no process to be had. A program that does not exist is no error here: the
    /// child ends with status 127 and says so.
    pub async fn start(self) -> Result<Child, ProcessError> {
        let name = self.name.clone();
        match supervise(self).await {
            Ok(handle) => Ok(Child { name, handle }),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Err(ProcessError::NoSetpriv),
            Err(source) => Err(ProcessError::Start { name, source }),
        }
    }

    /// Runs it to its end: the status, and what it wrote.
    ///
    /// # Errors
    /// As [`Program::start`].
    pub async fn finish(self) -> Result<(ExitStatus, Vec<Line>), ProcessError> {
        let child = self.start().await?;
        let status = child.wait().await;
        Ok((status, child.lines()))
    }

    /// The command that the supervisor forks.
    pub(super) fn command(&self) -> io::Result<tokio::process::Command> {
        let mut command = tokio::process::Command::new("setpriv");
        command.args(["--pdeathsig", name_of(self.ending)]);
        if let Some(user) = self.user {
            let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
            command.args(["--reuid", &uid, "--regid", &gid, "--clear-groups"]);
        }
        command.args(["--", "sh", "-c", GATE, &std::process::id().to_string()]);
        command.arg(&self.program).args(&self.arguments);
        if self.is_environment_clear {
            command.env_clear();
            command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        }
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.stdin(Stdio::null()).process_group(0);
        match &self.output {
            Output::Lines => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
            Output::File(path) => {
                let file = std::fs::File::options()
                    .create(true)
                    .append(true)
                    .open(path)?;
                command.stdout(file.try_clone()?).stderr(file)
            }
        };
        Ok(command)
    }
}

/// A running child, or one that ended. Dropping it ends it.
#[derive(Debug)]
pub struct Child {
    name: String,
    handle: Handle,
}

impl Child {
    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, which is also that of its group.
    pub fn id(&self) -> u32 {
        self.handle.pid
    }

    /// Sends a signal, if it still runs; SIGKILL goes to the whole group.
    pub fn signal(&self, signal: Signal) {
        // No receiver: it ended.
        let _ = self.handle.signals.send(signal);
    }

    /// The exit status, if it ended.
    pub fn exited(&self) -> Option<ExitStatus> {
        *self.handle.exit.borrow()
    }

    /// A watch of the exit status, which lives on without the handle.
    pub fn exit(&self) -> Exit {
        Exit(self.handle.exit.clone())
    }

    /// Waits for its end. May be called by many, and again.
    pub async fn wait(&self) -> ExitStatus {
        self.exit().wait().await
    }

    /// Sends a signal and waits; after `grace` SIGKILL.
    pub async fn stop(&self, signal: Signal, grace: Duration) -> ExitStatus {
        self.signal(signal);
        if let Ok(status) = tokio::time::timeout(grace, self.wait()).await {
            return status;
        }
        self.signal(Signal::KILL);
        self.wait().await
    }

    /// The lines it wrote, oldest first; the very oldest are dropped past a bound.
    pub fn lines(&self) -> Vec<Line> {
        self.handle.lines.all()
    }

    /// Waits for a line, among those already written too. `None`: it ended without.
    pub async fn line(&self, wanted: impl Fn(&str) -> bool) -> Option<Line> {
        self.line_from(&mut 0, wanted).await
    }

    /// The next line at or after a position, which is moved behind it. `None`: it ended.
    pub async fn next_line(&self, position: &mut u64) -> Option<Line> {
        self.line_from(position, |_| true).await
    }

    async fn line_from(&self, position: &mut u64, wanted: impl Fn(&str) -> bool) -> Option<Line> {
        let mut changed = self.handle.lines.changes();
        let exit = self.exit();
        loop {
            // Looked at before the lines: after the end there are no more.
            let is_over = self.exited().is_some();
            changed.borrow_and_update();
            if let Some(line) = self.handle.lines.find(position, &wanted) {
                return Some(line);
            }
            if is_over {
                return None;
            }
            tokio::select! {
                _ = changed.changed() => {}
                _ = exit.wait() => {}
            }
        }
    }
}

/// Tells when a child ended.
#[derive(Debug, Clone)]
pub struct Exit(watch::Receiver<Option<ExitStatus>>);

impl Exit {
    /// Waits for the end.
    pub async fn wait(&self) -> ExitStatus {
        let mut exit = self.0.clone();
        let ended = exit.wait_for(Option::is_some).await;
        if let Some(status) = ended.ok().and_then(|status| *status) {
            return status;
        }
        // The supervisor writes a status before it forgets a child, and never ends.
        std::future::pending().await
    }
}

/// As `setpriv` spells it.
fn name_of(signal: Signal) -> &'static str {
    match signal {
        Signal::INT => "INT",
        Signal::QUIT => "QUIT",
        Signal::KILL => "KILL",
        _ => "TERM",
    }
}
