//! The `packguard` binary as a process: started with an environment, awaited, signalled, killed.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use packguard_platform::dev::process::{Child, Program, Signal};

use crate::packguard;

/// What a start may take on a busy machine: the first one compiles all components.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// What an orderly end may take.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Between two looks at `/ready/`.
const KNOCK: Duration = Duration::from_millis(10);

async fn binary() -> PathBuf {
    // It may have to be built first.
    let built = tokio::task::spawn_blocking(packguard).await;
    built.expect("cargo builds it")
}

/// A running role. When a test fails, what it wrote is printed; when it is dropped, it ends.
#[derive(Debug)]
pub struct Role(Child);

impl Role {
    /// Starts `packguard` with arguments and environment variables, beside those inherited.
    pub async fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let program = Program::new(binary().await).args(arguments);
        Self::run(program.name(arguments.join(" ")), environment).await
    }

    /// Starts any program.
    pub async fn run(mut program: Program, environment: &[(&str, &str)]) -> Self {
        for (name, value) in environment {
            program = program.env(name, value);
        }
        // A test that is over has nothing to wait for.
        let started = program.ending(Signal::KILL).start().await;
        Self(started.unwrap_or_else(|error| panic!("{error}")))
    }

    /// Waits for a line that contains the text.
    pub async fn line(&self, text: &str) -> String {
        let found = tokio::time::timeout(READY_LIMIT, self.0.line(|line| line.contains(text)));
        match found.await {
            Ok(Some(line)) => line.text,
            Ok(None) => panic!("{} ended before it wrote {text:?}", self.0.name()),
            Err(_) => panic!("{} did not write {text:?}", self.0.name()),
        }
    }

    /// Waits until `GET {address}/ready/` answers 200.
    pub async fn ready(&self, address: &str) {
        let client = reqwest::Client::builder().no_proxy().build().expect("TLS");
        let url = format!("{address}/ready/");
        let knocking = async {
            loop {
                let answer = client
                    .get(&url)
                    .timeout(Duration::from_secs(5))
                    .send()
                    .await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                tokio::time::sleep(KNOCK).await;
            }
        };
        tokio::select! {
            () = knocking => {}
            status = self.0.wait() => panic!("{} ended ({status})", self.0.name()),
            () = tokio::time::sleep(READY_LIMIT) => panic!("{} is not ready", self.0.name()),
        }
    }

    /// SIGKILL, and waits for the end.
    pub async fn kill(&self) -> ExitStatus {
        self.0.stop(Signal::KILL, STOP_LIMIT).await
    }

    /// SIGTERM, and waits for the end.
    pub async fn terminate(&self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait().await
    }

    /// Stops it from running, as a machine that swaps would; [`Role::thaw`] lets it go on.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.0.signal(signal);
    }

    /// Waits for its end.
    pub async fn wait(&self) -> ExitStatus {
        match tokio::time::timeout(STOP_LIMIT, self.0.wait()).await {
            Ok(status) => status,
            Err(_) => panic!("{} does not end", self.0.name()),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, if it did.
    pub fn exited(&self) -> Option<ExitStatus> {
        self.0.exited()
    }

    /// What it wrote so far, both streams.
    pub fn log(&self) -> String {
        let lines = self.0.lines().into_iter().map(|line| line.text + "\n");
        lines.collect()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {} wrote:\n{}---", self.0.name(), self.log());
        }
    }
}
