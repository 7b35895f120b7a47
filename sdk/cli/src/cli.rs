//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::project::Language;
use crate::target::{self, Target};

/// Writes, builds, tests and deploys Packguard analyzers.
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
  1  the project is not: build failed, a sample differs, not admitted, refused
  2  the command line, packguard.toml or a sample.toml makes no sense, or it
     names what the server does not have
  3  run: something of the package could not be analysed
  4  the surroundings failed: toolchain missing, server or registry away,
     login not good, disk full

From nothing to a deployed analyzer:
  sdk new exfil-check --lang rust
  cd exfil-check
  sdk test
  sdk login https://packguard.example.com
  sdk deploy --alias canary
  sdk promote exfil-check@0.1.0";

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
    /// Keep a server's address and an API key for the commands below
    Login(LoginArgs),
    /// Forget them
    Logout(JsonArgs),
    /// Build, check, test, and publish this version on the server
    Deploy(DeployArgs),
    /// Let an alias name a version: workers run what `stable` names, `canary` for a share of the
    /// tasks, and try `shadow` beside
    Promote(PromoteArgs),
    /// Let an alias name the version that it named before
    Rollback(RollbackArgs),
    /// List the functions on the server
    List(JsonArgs),
    /// Show a function with its versions, moves and what its shadow would change, or one version
    Inspect(InspectArgs),
    /// Show or change what a function is run with: less than the platform's limits, options
    Settings(SettingsArgs),
    /// Show what a deployed function says on workers, and how its steps fail
    Logs(LogsArgs),
    /// Stop a version, whatever names it
    Disable(DisableArgs),
    /// Keep a version from being promoted; aliases that name it stay
    Yank(YankArgs),
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
    /// A checkout of Packguard to take the SDK from: it is not published yet
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

/// `sdk login`
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The server: `https://packguard.example.com` [default: the one of the last login]
    #[arg(value_name = "URL", env = "PACKGUARD_URL")]
    pub url: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sdk deploy`
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// Let this alias name the version then: `canary`, `stable`, …
    #[arg(long, value_name = "NAME", value_parser = target::alias)]
    pub alias: Option<String>,
    /// Percent of the tasks that `canary` or `shadow` takes [default: canary 10, shadow 100]
    #[arg(long, value_name = "N", requires = "alias", value_parser = percent())]
    pub percent: Option<u8>,
    /// Sign with this private key; `sdk keys new` makes one
    #[arg(long, value_name = "FILE", env = "PACKGUARD_SDK_KEY")]
    pub key: Option<PathBuf>,
    /// Do not ask; where nobody sits at a terminal, nothing is asked anyway
    #[arg(long)]
    pub yes: bool,
    /// Which component
    #[command(flatten)]
    pub component: ComponentArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sdk promote`
#[derive(Debug, Args)]
pub struct PromoteArgs {
    /// Which version
    #[arg(value_name = "NAME@VERSION", value_parser = Target::exact)]
    pub target: Target,
    /// Which alias
    #[arg(long, value_name = "NAME", default_value = "stable", value_parser = target::alias)]
    pub alias: String,
    /// Percent of the tasks that `canary` or `shadow` takes [default: canary 10, shadow 100]
    #[arg(long, value_name = "N", value_parser = percent())]
    pub percent: Option<u8>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sdk rollback`
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Which function
    #[arg(value_name = "NAME", value_parser = target::function)]
    pub name: String,
    /// Which alias
    #[arg(long, value_name = "NAME", default_value = "stable", value_parser = target::alias)]
    pub alias: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sdk inspect`
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Which function, or which version of it
    #[arg(value_name = "NAME[@VERSION]", value_parser = Target::any)]
    pub target: Target,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sdk settings`
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// Which function
    #[arg(value_name = "NAME", value_parser = target::function)]
    pub name: String,
    /// What to change: memory=64MiB, fuel=N, time=5s, ecosystems=pypi,npm, option.NAME=TEXT;
    /// without a value: as the platform has it
    #[arg(value_name = "KEY=VALUE")]
    pub changes: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sdk logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Which function
    #[arg(value_name = "NAME", value_parser = target::function)]
    pub name: String,
    /// Wait for more, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Print an object of JSON a line
    #[arg(long)]
    pub json: bool,
}

/// `sdk disable`
#[derive(Debug, Args)]
pub struct DisableArgs {
    /// Which version
    #[arg(value_name = "NAME@VERSION", value_parser = Target::exact)]
    pub target: Target,
    /// Why, in one line: whoever inspects it reads it
    #[arg(long, value_name = "TEXT", required_unless_present = "undo")]
    pub reason: Option<String>,
    /// Let it run again
    #[arg(long, conflicts_with = "reason")]
    pub undo: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sdk yank`
#[derive(Debug, Args)]
pub struct YankArgs {
    /// Which version
    #[arg(value_name = "NAME@VERSION", value_parser = Target::exact)]
    pub target: Target,
    /// Let it be promoted again
    #[arg(long)]
    pub undo: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn percent() -> impl clap::builder::TypedValueParser<Value = u8> {
    clap::value_parser!(u8).range(1..=100)
}
