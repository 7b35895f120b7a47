//! Tasks and the workers that do them.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use packguard_runtime::{Cpu, ShareKey};

use crate::functions::SignaturePolicy;
use crate::limits::ScanLimits;
use crate::thresholds::{JudgeThresholds, ThresholdError};

use super::machine::Machine;
use super::parse::{self, Wrong};
use super::reader::Reader;
use super::{HOUR, MIB, MS, SECOND, serve};

/// What API and workers agree on about tasks.
#[derive(Debug, Clone)]
pub struct TaskConfig {
    /// When a running task is given up, unless its submitter said otherwise.
    pub timeout: Duration,
    /// How often it is claimed before it is a dead letter.
    pub max_attempts: u32,
    /// How long work may go on after SIGTERM.
    pub grace_period: Duration,
    /// How long a silent worker keeps its task.
    pub lease: Duration,
}

impl TaskConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let config = Self {
            timeout: reader.duration("TASK_TIMEOUT", SECOND, 24 * HOUR),
            max_attempts: reader.number("TASK_MAX_ATTEMPTS", 1, 100),
            grace_period: reader.duration("GRACE_PERIOD", Duration::ZERO, HOUR),
            lease: reader.duration("WORKER_LEASE", SECOND, HOUR),
        };
        reader.check(
            &["GRACE_PERIOD", "TASK_TIMEOUT"],
            config.grace_period <= config.timeout,
            "it is longer than any task may run (TASK_TIMEOUT), so there is nothing to wait for",
            "make it the shorter of the two, and the orchestrator's own a little longer",
        );
        config
    }
}

/// What `packguard work` is held to.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Packages at once.
    pub concurrency: NonZeroUsize,
    /// Bytes that all sandboxes may take together.
    pub memory: u64,
    /// How long a silent worker keeps its task.
    pub lease: Duration,
    /// How often leases are renewed.
    pub heartbeat: Duration,
    /// Where packages are unpacked; `None`: as `scan` chooses.
    pub folder: Option<PathBuf>,
    /// What a package may use.
    pub limits: ScanLimits,
    /// Further YARA rules.
    pub rules: Option<PathBuf>,
    /// Findings that are accepted.
    pub suppressions: Option<PathBuf>,
    /// Known malware and advisories: a path or a URL.
    pub osv: Option<String>,
    /// From which score on a package is what.
    pub thresholds: JudgeThresholds,
    /// Compiled components; `None`: as `scan` chooses.
    pub cache_dir: Option<PathBuf>,
    /// What components are compiled for.
    pub cpu: Cpu,
    /// Where health and metrics are served.
    pub metrics_listen: SocketAddr,
    /// Whether functions have to be signed.
    pub signatures: SignaturePolicy,
    /// What compiled components are sealed with in the storage; `None`: they are not shared.
    pub share_key: Option<ShareKey>,
}

/// Heartbeats that must fit into a lease: two may be lost before a healthy worker loses its task.
const HEARTBEATS: u32 = 3;

/// The default: a lease has room for one more than it must.
const HEARTBEATS_BY_DEFAULT: u32 = 4;

/// What components are compiled for.
pub(super) fn cpu(reader: &mut Reader) -> Cpu {
    reader.value("PACKGUARD_CPU", |text| {
        let hint = "give `native`, `x86-64-v2` or `x86-64-v3`";
        text.parse().map_err(|_| Wrong::new("is no CPU", hint))
    })
}

impl WorkerConfig {
    pub(super) fn read(reader: &mut Reader, machine: &Machine) -> Self {
        let lease = reader.duration("WORKER_LEASE", SECOND, HOUR);
        let heartbeat = reader.optional("WORKER_HEARTBEAT", |text| {
            parse::duration(text, 50 * MS, HOUR)
        });
        let concurrency = reader.optional("WORKER_CONCURRENCY", concurrency);
        let memory = reader.optional("WORKER_MEMORY", |text| parse::size(text, MIB, u64::MAX));
        let config = Self {
            concurrency: concurrency.unwrap_or(machine.cores),
            memory: memory.unwrap_or(machine.memory),
            lease,
            heartbeat: heartbeat.unwrap_or(lease / HEARTBEATS_BY_DEFAULT),
            folder: reader.path("WORKER_FOLDER"),
            limits: reader.optional("WORKER_LIMITS", limits).unwrap_or_default(),
            rules: reader.path("WORKER_RULES"),
            suppressions: reader.path("SUPPRESSIONS"),
            osv: reader.optional("OSV_SOURCE", source),
            thresholds: reader.value("JUDGE_THRESHOLDS", thresholds),
            cache_dir: reader.path("PACKGUARD_CACHE_DIR"),
            cpu: cpu(reader),
            metrics_listen: serve::listen(reader, "METRICS_LISTEN"),
            signatures: serve::signatures(reader),
            share_key: reader.optional("COMPONENT_CACHE_KEY", share_key),
        };
        config.check(reader);
        config
    }

    fn check(&self, reader: &mut Reader) {
        reader.check(
            &["WORKER_HEARTBEAT", "WORKER_LEASE"],
            self.heartbeat * HEARTBEATS <= self.lease,
            format!(
                "one every {} is too seldom for a lease of {}: a worker would lose its task to a single late answer",
                humantime::format_duration(self.heartbeat),
                humantime::format_duration(self.lease)
            ),
            "leave it unset for a quarter of WORKER_LEASE, or make it a third of it at most",
        );
        let step = u64::try_from(self.limits.step.memory).unwrap_or(u64::MAX);
        reader.check(
            &["WORKER_MEMORY", "WORKER_LIMITS"],
            self.memory >= step,
            format!(
                "{} do not hold one step of an analysis, which may take {} (`memory` in WORKER_LIMITS)",
                ByteSize::b(self.memory).display().iec(),
                ByteSize::b(step).display().iec()
            ),
            "give the worker more memory, or set WORKER_LIMITS to memory=256MiB or so",
        );
        for (name, path, kind) in [
            ("WORKER_FOLDER", &self.folder, Kind::Folder),
            ("WORKER_RULES", &self.rules, Kind::Either),
            ("SUPPRESSIONS", &self.suppressions, Kind::Either),
        ] {
            if let Some(path) = path {
                reader.check(&[name], kind.fits(path), kind.missing(), kind.hint());
            }
        }
    }
}

/// What a path must name.
#[derive(Clone, Copy)]
enum Kind {
    Folder,
    Either,
}

impl Kind {
    fn fits(self, path: &Path) -> bool {
        match self {
            Self::Folder => path.is_dir(),
            Self::Either => path.exists(),
        }
    }

    fn missing(self) -> &'static str {
        match self {
            Self::Folder => "there is no such folder",
            Self::Either => "there is no such file or folder",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Folder => "create it, or unset this",
            Self::Either => "mount it, or unset this",
        }
    }
}

/// Slots at most: a slot is a thread and, in use, megabytes.
const SLOTS: u32 = 1_024;

fn concurrency(text: &str) -> Result<NonZeroUsize, Wrong> {
    let number = parse::number(text, 1, SLOTS).map_err(|wrong| Wrong {
        hint: format!("{}, or leave it unset for one per core", wrong.hint),
        ..wrong
    })?;
    Ok(usize::try_from(number)
        .ok()
        .and_then(NonZeroUsize::new)
        .unwrap_or(NonZeroUsize::MIN))
}

pub(super) fn limits(text: &str) -> Result<ScanLimits, Wrong> {
    text.parse().map_err(|error: crate::limits::LimitError| {
        Wrong::new(
            "holds what is no limit",
            super::problem::readable(&error.to_string()),
        )
    })
}

/// Characters of a secret: as many as 16 random bytes have in hexadecimal.
const SECRET: usize = 32;

/// A path that is there, or a URL.
fn source(text: &str) -> Result<String, Wrong> {
    let is_url = text.starts_with("https://") || text.starts_with("http://");
    if is_url && url::Url::parse(text).is_ok() || !is_url && Path::new(text).exists() {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        "is neither a file or folder that is there, nor a URL",
        "mount it, give an address such as https://osv.example.com/all.zip, or unset this",
    ))
}

fn thresholds(text: &str) -> Result<JudgeThresholds, Wrong> {
    text.parse().map_err(|error: ThresholdError| {
        Wrong::new(
            "holds what is no threshold",
            super::problem::readable(&error.to_string()),
        )
    })
}

fn share_key(text: &str) -> Result<ShareKey, Wrong> {
    if text.len() < SECRET {
        return Err(Wrong::new(
            format!("has fewer than {SECRET} characters, and who guesses it runs code in workers"),
            "make one with `openssl rand -hex 32`, the same for all workers",
        ));
    }
    Ok(ShareKey::derive(text))
}

/// A task must outlive a lost lease.
pub(super) fn check_lease(reader: &mut Reader, worker: &WorkerConfig, tasks: &TaskConfig) {
    reader.check(
        &["TASK_TIMEOUT", "WORKER_LEASE"],
        tasks.timeout >= worker.lease,
        "it is shorter than WORKER_LEASE: a task whose worker was lost would time out before another gets it",
        "make it the longer of the two",
    );
}
