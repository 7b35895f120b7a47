//! One file per command.

mod build;
mod check;
mod complete;
mod dev;
mod doctor;
mod keys;
mod new;
mod run;
mod test;

use tokio_util::sync::CancellationToken;

use crate::cli::Command;
use crate::failure::{Failure, environment};

/// Runs a command and gives its exit code.
///
/// # Errors
/// Why there is no result; what it means for the exit code stands in it.
pub async fn run(command: Command, cancel: CancellationToken) -> Result<u8, Failure> {
    // Watching ends by Ctrl-C, and that is no failure.
    if let Command::Dev = command {
        return dev::run(&cancel).await;
    }
    tokio::select! {
        done = dispatch(command, &cancel) => done,
        () = cancel.cancelled() => Err(environment("cancelled", "start it again")),
    }
}

async fn dispatch(command: Command, cancel: &CancellationToken) -> Result<u8, Failure> {
    match command {
        Command::New(args) => new::run(&args),
        Command::Build(args) => build::run(&args).await,
        Command::Test(args) => test::run(&args, cancel).await,
        Command::Run(args) => run::run(&args, cancel).await,
        Command::Check(args) => check::run(&args).await,
        Command::Dev => dev::run(cancel).await,
        Command::Doctor(args) => doctor::run(&args).await,
        Command::Keys(args) => keys::run(&args.command),
        Command::Completions { shell } => complete::completions(shell),
        Command::Man { folder } => complete::man(folder.as_deref()),
    }
}
