//! `packguard scale simulate` by itself, without the rest of the command.

use std::process::ExitCode;

use clap::Parser;
use packguard_scale::simulate::{SimulateArgs, run};

/// What a scaling policy would do to a day
#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: SimulateArgs,
}

fn main() -> ExitCode {
    match run(&Cli::parse().args) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}
