//! The `packguard` command.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use packguard_platform::cli::{Cli, Command};
use packguard_platform::functions::probe;
use packguard_platform::worker::Mode;
use packguard_platform::{diff, roles, rules, scan};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;

/// How long work that was cancelled may take to end before the process does.
const SHUTDOWN: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The roles of a deployment log as they are configured.
    if matches!(
        cli.command,
        Command::Scan(_)
            | Command::Diff(_)
            | Command::Rules(_)
            | Command::Dev(_)
            | Command::Admin(_)
    ) {
        log_to_stderr(cli.verbose);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: could not start: {error}");
            return ExitCode::from(scan::ENVIRONMENT);
        }
    };
    let cancel = CancellationToken::new();
    {
        // Signals are taken from here on, not from when a task first runs: an early one would kill.
        let _inside = runtime.enter();
        if let Ok(signals) = Signals::new() {
            runtime.spawn(signals.cancel(cancel.clone()));
        }
    }
    let code = runtime.block_on(run(cli.command, cancel));
    runtime.shutdown_timeout(SHUTDOWN);
    ExitCode::from(code)
}

async fn run(command: Command, cancel: CancellationToken) -> u8 {
    let done = match command {
        Command::Scan(args) => return scan::run(*args, cancel).await,
        Command::Diff(args) => return diff::run(*args, cancel).await,
        Command::Rules(args) => return rules::run(&args).await,
        Command::Dev(args) => roles::dev(args, cancel).await,
        Command::Serve(flags) => roles::serve(&flags.0, cancel).await,
        Command::Work(args) => {
            let mode = if args.once { Mode::Once } else { Mode::Forever };
            roles::work(&args.flags.0, mode, cancel).await
        }
        Command::Migrate(flags) => roles::migrate(&flags.0).await,
        Command::Scale(command) => roles::scale(command, cancel).await,
        Command::Admin(args) => roles::admin(args, cancel).await,
        Command::Admit(args) => return admit(&args).await,
        Command::Doctor(args) => match roles::doctor(&args).await {
            Ok(code) => return code,
            Err(failure) => Err(failure),
        },
    };
    let Err(failure) = done else { return 0 };
    eprintln!("error: {}", failure.message.trim_end());
    if !failure.hint.is_empty() {
        eprintln!("  hint: {}", failure.hint);
    }
    failure.code
}

async fn admit(args: &probe::AdmitArgs) -> u8 {
    match probe::run(args).await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("error: {error}");
            roles::ENVIRONMENT
        }
    }
}

/// What asks a process to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The first cancels, so that all ends in order; the second ends at once.
    #[expect(clippy::disallowed_methods, reason = "the user asked twice")]
    async fn cancel(mut self, cancel: CancellationToken) {
        for repeated in [false, true] {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
                _ = self.hang_up.recv() => {}
            }
            if repeated {
                std::process::exit(i32::from(scan::ENVIRONMENT));
            }
            cancel.cancel();
        }
    }
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::ERROR,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .without_time()
        .init();
}
