//! The `sdk` command.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use packguard_platform::roles;
use packguard_sdk_cli::cli::Cli;
use packguard_sdk_cli::commands;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;

/// How long work that was cancelled may take to end before the process does.
const SHUTDOWN: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::ERROR)
        .with_writer(std::io::stderr)
        .without_time()
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: could not start: {error}");
            return ExitCode::from(roles::ENVIRONMENT);
        }
    };
    let cancel = CancellationToken::new();
    runtime.spawn(cancel_on_signal(cancel.clone()));
    let done = runtime.block_on(commands::run(cli.command, cancel));
    runtime.shutdown_timeout(SHUTDOWN);
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            packguard_sdk_cli::say(&failure);
            ExitCode::from(failure.code)
        }
    }
}

/// Ctrl-C and SIGTERM end the work in an orderly way; a second one ends the process.
#[expect(clippy::disallowed_methods, reason = "the user asked twice")]
async fn cancel_on_signal(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    for repeated in [false, true] {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        if repeated {
            std::process::exit(i32::from(roles::ENVIRONMENT));
        }
        cancel.cancel();
    }
}
