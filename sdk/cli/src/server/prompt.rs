//! What a person at the terminal is asked.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::login::MAX_KEY;
use crate::failure::{Failure, environment, usage};

/// Reads an API key: typed without being shown where somebody sits at the terminal, else the
/// first line of standard input.
pub(crate) async fn key() -> Result<Zeroizing<String>, Failure> {
    let terminal = std::io::stdin().is_terminal();
    let quiet = terminal.then(Quiet::new).transpose()?;
    if terminal {
        eprint!("API key: ");
    }
    let typed = Zeroizing::new(read_line().await?);
    if quiet.is_some() {
        eprintln!();
    }
    let key = typed.trim();
    if key.is_empty() {
        return Err(usage(
            "there is no API key",
            "type it when asked, or pipe it in: sdk login URL < FILE",
        ));
    }
    if key.len() > MAX_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(usage(
            "that is no API key",
            "copy it again, whole: it begins with pg_",
        ));
    }
    Ok(Zeroizing::new(key.to_owned()))
}

/// Asks for a yes. Where nobody sits at the terminal, it is one.
pub(crate) async fn agreed(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(true);
    }
    eprint!("{question} [y/N] ");
    let answer = read_line().await?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}

/// The first line of standard input; what is longer than a line may be is cut.
async fn read_line() -> Result<String, Failure> {
    const MOST: u64 = 4 << 10;
    let read = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        let mut input = std::io::stdin().lock().take(MOST);
        input.read_line(&mut text).map(|_| text)
    });
    let failed = |error: &dyn std::fmt::Display| {
        environment(
            format!("standard input: {error}"),
            "nothing can be read: check where the input comes from",
        )
    };
    let read = read.await.map_err(|error| failed(&error))?;
    read.map_err(|error| failed(&error))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn new() -> Result<Self, Failure> {
        let failed = |error| {
            environment(
                format!("the terminal would show the key: {error}"),
                "pipe it in instead: sdk login URL < FILE",
            )
        };
        let before = tcgetattr(std::io::stdin()).map_err(failed)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing is left to be done where the terminal is gone.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}
