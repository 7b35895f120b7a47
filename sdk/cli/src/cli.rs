//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::project::Language;

/// Writes, builds and tests Packguard analyzers.
#[derive(Debug, Parser)]
#[command(name = "sdk", version, propagate_version = true, after_help = HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const HELP: &str = "\
Exit codes:
  0  all is well
  1  the project is not: build failed, a sample differs, not admitted
  2  the command line, packguard.toml or a sample.toml makes no sense
  3  run: something of the package could not be analysed
  4  the surroundings failed: toolchain missing, registry away, disk full

From nothing to a tested analyzer:
  sdk new exfil-check --lang rust
  cd exfil-check
  sdk test";

/// What `sdk` does; one file each in `commands/`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a project that builds: one rule, samples and their golden outputs
    New(NewArgs),
    /// Build the component
    Build(BuildArgs),
    /// Build, and compare the findings in the samples with their golden outputs
    Test(TestArgs),
    /// Build, and analyse a package with this analyzer only
    Run(RunArgs),
    /// Build, and say what the component imports and whether it would be admitted
    Check(CheckArgs),
    /// Build and test on every save
    Dev,
    /// Say which toolchains are there and what installs the others
    Doctor(JsonArgs),
    /// Make and show the key that functions are signed with
    Keys(KeysArgs),
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// Write the page of each command into FOLDER
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

/// `sdk new`
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Name of the function and of its folder: kebab-case
    pub name: String,
    /// What it is written in
    #[arg(long, value_enum)]
    pub lang: Language,
    /// A checkout of Packguard to take the SDK from [default: the published SDK]
    #[arg(long, value_name = "PATH", env = "PACKGUARD_SDK_PATH")]
    pub sdk: Option<PathBuf>,
}

/// `sdk build`
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Use no network, even where something is missing
    #[arg(long)]
    pub offline: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sdk test`
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Write the golden outputs anew; review them before you commit
    #[arg(long)]
    pub update: bool,
    /// Which component
    #[command(flatten)]
    pub component: ComponentArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sdk run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A package URL, an archive or a folder
    #[arg(value_name = "PURL|ARCHIVE|FOLDER")]
    pub input: String,
    /// Which component
    #[command(flatten)]
    pub component: ComponentArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sdk check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Which component
    #[command(flatten)]
    pub component: ComponentArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// The project's component, built anew, or one that is there.
#[derive(Debug, Args)]
pub struct ComponentArgs {
    /// Take this component and build nothing
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
}

/// A command with no option but this one.
#[derive(Debug, Args)]
pub struct JsonArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sdk keys`
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// What to do
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What `sdk keys` does.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make an ed25519 key pair: FILE for you alone, FILE.pub for an admin to register
    New(KeyFileArgs),
    /// Show the public key and its id
    Show(KeyFileArgs),
}

/// Which key.
#[derive(Debug, Args)]
pub struct KeyFileArgs {
    /// The private key's file [default: packguard/sdk.pem in the user's configuration folder]
    #[arg(value_name = "FILE", env = "PACKGUARD_SDK_KEY")]
    pub file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
