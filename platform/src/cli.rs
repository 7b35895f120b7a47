//! The command line: one subcommand per role.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use packguard_runtime::Cpu;
use packguard_scale::controller::ControllerArgs;
use packguard_scale::simulate::SimulateArgs;

use crate::admin::AdminCommand;
use crate::config::{AdminFlags, MigrateFlags, ScaleFlags, ServeFlags, WorkFlags};
use crate::functions::probe::AdmitArgs;
use crate::limits::ScanLimits;
use crate::output::{FailOn, FailOnNew, Format};
use crate::purl::Ecosystem;
use crate::roles::DoctorArgs;
use crate::rules::RulesFormat;
use crate::thresholds::JudgeThresholds;

/// Tells whether an open-source package is safe to install.
#[derive(Debug, Parser)]
#[command(name = "packguard", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say more on standard error; twice for all there is
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The roles.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Analyse packages here and now, and print a verdict with its evidence
    #[command(after_help = SCAN_HELP)]
    Scan(Box<ScanArgs>),
    /// What is new in a release since another one
    #[command(after_help = DIFF_HELP)]
    Diff(Box<DiffArgs>),
    /// What the analyzers can find, rule by rule
    Rules(RulesArgs),
    /// The whole platform on this machine, with a Postgres and a Redis of its own
    Dev(DevArgs),
    /// Serve the REST API
    Serve(ServeFlags),
    /// Claim tasks and analyse them
    Work(WorkArgs),
    /// Bring the database's schema to what this version wants
    Migrate(MigrateFlags),
    /// Runtime pods: the controller of pools, and what it would do
    #[command(subcommand)]
    Scale(ScaleCommand),
    /// Keys, tasks, retention
    Admin(AdminArgs),
    /// Check a deployment
    Doctor(DoctorArgs),
    /// Look at one component for the API, within limits
    #[command(hide = true)]
    Admit(AdmitArgs),
}

/// `packguard dev`
#[derive(Debug, Args)]
pub struct DevArgs {
    /// Where everything is kept
    #[arg(long, value_name = "FOLDER", default_value = ".packguard")]
    pub folder: PathBuf,
    /// The API's port on loopback [default: 8000, or any that is free]
    #[arg(long)]
    pub port: Option<u16>,
}

/// `packguard work`
#[derive(Debug, Args)]
pub struct WorkArgs {
    /// Settings
    #[command(flatten)]
    pub flags: WorkFlags,
    /// End when nothing is ready any more
    #[arg(long)]
    pub once: bool,
}

/// `packguard scale`
#[derive(Debug, Subcommand)]
pub enum ScaleCommand {
    /// Bring the number of pods of every RuntimePool to what its work needs
    Run(ScaleRunArgs),
    /// What that would come to: waits, pods and cost of a day, before it happens
    Simulate(Box<SimulateArgs>),
    /// The definition of RuntimePool, for `kubectl apply`
    Crd,
}

/// `packguard scale run`
#[derive(Debug, Args)]
pub struct ScaleRunArgs {
    /// Pools and lease
    #[command(flatten)]
    pub controller: ControllerArgs,
    /// Settings
    #[command(flatten)]
    pub flags: ScaleFlags,
}

/// `packguard admin`
#[derive(Debug, Args)]
pub struct AdminArgs {
    /// What to do
    #[command(subcommand)]
    pub command: AdminCommand,
    /// Settings
    #[command(flatten)]
    pub flags: AdminFlags,
}

const DIFF_HELP: &str = "\
Exit codes are those of `scan`; 1 also where a finding of --fail-on-new or above is new.

Examples:
  packguard diff pkg:npm/left-pad@1.2.0 pkg:npm/left-pad@1.3.0
  packguard diff ./mine-1.0.tar.gz ./mine-1.1.tar.gz --format markdown";

const SCAN_HELP: &str = "\
Exit codes:
  0  clean
  1  a verdict at or above --fail-on
  2  the command line makes no sense, or names what can't be
  3  incomplete: something could not be analysed
  4  the environment failed: registry down, disk full, cancelled
The first of 1, 4, 2, 3 that applies.

Examples:
  packguard scan pkg:pypi/requests@2.28.1
  packguard scan pkg:npm/%40babel/core ./dist/mine-1.0.tar.gz
  packguard scan --format sarif --output packguard.sarif package-lock.json";

/// `packguard scan`
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Package URLs, archives, folders, lock files or SBOMs
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Write the result to FILE, whole or not at all
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The mildest verdict that makes the exit code 1
    #[arg(long, value_enum, default_value_t = FailOn::Suspicious)]
    pub fail_on: FailOn,
    /// Packages analysed at once [default: one per core]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Leave out of the JSON report what varies from run to run
    #[arg(long)]
    pub no_timings: bool,
    /// Whether to compare with the release before: `auto` does it for a release that is named
    /// alone
    #[arg(long, value_enum, default_value_t = Compare::Auto)]
    pub compare_previous: Compare,
    /// Where rules are explained, for SARIF's `helpUri`; `{id}` stands for the rule
    #[arg(long, value_name = "URL", env = "PACKGUARD_RULES_URL", value_parser = rules_url)]
    pub rules_url: Option<String>,
    /// How to analyse
    #[command(flatten)]
    pub analysis: AnalysisArgs,
}

/// When a release is compared with the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Compare {
    /// Where a single release is named by its purl, and the registry may be asked.
    #[default]
    Auto,
    /// For every release.
    Always,
    /// Never.
    Never,
}

/// `packguard diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The release before: a package URL, an archive or a folder
    pub before: String,
    /// The release after
    pub after: String,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Write the result to FILE, whole or not at all
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The mildest verdict of the release after that makes the exit code 1
    #[arg(long, value_enum, default_value_t = FailOn::Suspicious)]
    pub fail_on: FailOn,
    /// The mildest new finding that makes the exit code 1
    #[arg(long, value_enum, default_value_t = FailOnNew::High)]
    pub fail_on_new: FailOnNew,
    /// Leave out of the JSON what varies from run to run
    #[arg(long)]
    pub no_timings: bool,
    /// How to analyse
    #[command(flatten)]
    pub analysis: AnalysisArgs,
}

/// `packguard rules`
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// Only this rule
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = RulesFormat::Human)]
    pub format: RulesFormat,
    /// A further analyzer: a component file
    #[arg(long, value_name = "FILE")]
    pub analyzer: Vec<PathBuf>,
    /// Where compiled components are kept [default: packguard in the user's cache folder]
    #[arg(long, value_name = "FOLDER", env = "PACKGUARD_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// What components are compiled for: native, x86-64-v2 or x86-64-v3
    #[arg(
        long,
        value_name = "CPU",
        env = "PACKGUARD_CPU",
        default_value = "native",
        hide_default_value = true
    )]
    pub cpu: Cpu,
}

/// How packages are analysed.
#[derive(Debug, Args)]
pub struct AnalysisArgs {
    /// Ask no registry: analyse local archives and folders only
    #[arg(long)]
    pub offline: bool,
    /// What a package may use, as in memory=256MiB,time=30s; see README.md
    #[arg(
        long,
        value_name = "NAME=VALUE,…",
        default_value = "",
        hide_default_value = true
    )]
    pub limits: ScanLimits,
    /// From which score on a package is what, as in malicious=80,suspicious=40
    #[arg(
        long,
        value_name = "NAME=SCORE,…",
        default_value = "",
        hide_default_value = true
    )]
    pub threshold: JudgeThresholds,
    /// Findings that are accepted, in TOML; see README.md
    #[arg(long, value_name = "FILE")]
    pub suppressions: Option<PathBuf>,
    /// The day that suppressions are compared with [default: today, UTC]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub today: Option<chrono::NaiveDate>,
    /// Known malware and advisories in the OSV format: a folder, a zip archive, a document, or
    /// the URL of one
    #[arg(long, value_name = "PATH|URL")]
    pub osv: Option<String>,
    /// Further YARA rules: a file, or a folder of .yar and .yara files
    #[arg(long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Popular names to compare with, one a line, in place of the bundled list
    #[arg(long, value_name = "TYPE=FILE", value_parser = names_setting)]
    pub names: Vec<(Ecosystem, PathBuf)>,
    /// A further analyzer: a component file
    #[arg(long, value_name = "FILE")]
    pub analyzer: Vec<PathBuf>,
    /// Where compiled components are kept [default: packguard in the user's cache folder]
    #[arg(long, value_name = "FOLDER", env = "PACKGUARD_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// What components are compiled for: native, x86-64-v2 or x86-64-v3
    #[arg(
        long,
        value_name = "CPU",
        env = "PACKGUARD_CPU",
        default_value = "native",
        hide_default_value = true
    )]
    pub cpu: Cpu,
}

/// A URL, with or without `{id}` in it.
fn rules_url(text: &str) -> Result<String, String> {
    match url::Url::parse(&text.replace("{id}", "id")) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "it is no URL ({error}), as https://docs.example.com/rules/{{id}} is"
        )),
    }
}

fn names_setting(text: &str) -> Result<(Ecosystem, PathBuf), String> {
    let (ecosystem, path) = text
        .split_once('=')
        .ok_or("it is not of the form TYPE=FILE, as in pypi=names.txt")?;
    let known = Ecosystem::ALL
        .into_iter()
        .find(|one| one.as_str() == ecosystem);
    let all = || Ecosystem::ALL.map(Ecosystem::as_str).join(", ");
    Ok((
        known.ok_or_else(|| format!("`{ecosystem}` is none of {}", all()))?,
        path.into(),
    ))
}
