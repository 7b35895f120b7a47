//! One file per command, or per pair of them.

mod aliases;
mod build;
mod check;
mod complete;
mod deploy;
mod dev;
mod doctor;
mod inspect;
mod keys;
mod list;
mod login;
mod logs;
mod new;
mod run;
mod settings;
mod test;
mod versions;

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
    let watches = matches!(&command, Command::Logs(args) if args.follow);
    tokio::select! {
        done = dispatch(command, &cancel) => done,
        () = cancel.cancelled() => match watches {
            true => Ok(0),
            false => Err(environment("cancelled", "start it again")),
        },
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
        Command::Login(args) => login::login(&args).await,
        Command::Logout(args) => login::logout(&args),
        Command::Deploy(args) => deploy::run(&args, cancel).await,
        Command::Promote(args) => aliases::promote(&args).await,
        Command::Rollback(args) => aliases::rollback(&args).await,
        Command::List(args) => list::run(&args).await,
        Command::Inspect(args) => inspect::run(&args).await,
        Command::Settings(args) => settings::run(&args).await,
        Command::Logs(args) => logs::run(&args).await,
        Command::Disable(args) => versions::disable(&args).await,
        Command::Yank(args) => versions::yank(&args).await,
        Command::Completions { shell } => complete::completions(shell),
        Command::Man { folder } => complete::man(folder.as_deref()),
    }
}
