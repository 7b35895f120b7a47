//! The workers.

use super::super::setting::{Secrecy, Setting};
use super::{ANALYSED, BOTH, MEASURED, WORK};

pub(super) const WORKERS: &[Setting] = &[
    Setting::open(
        "WORKER_CONCURRENCY",
        "",
        WORK,
        "Packages analysed at once. Unset: one per core, for analysis is work for the processor.",
    ),
    Setting::open(
        "WORKER_MEMORY",
        "",
        WORK,
        "Bytes that all sandboxes may take together. Unset: 80 % of the container's limit or, where there is none, of the machine; the rest is for downloads and the process itself.",
    ),
    Setting::open(
        "WORKER_LEASE",
        "60s",
        BOTH,
        "How long a worker that fell silent keeps its task. Longer than a Redis failover (30 s with sentinel's defaults), short for those who wait.",
    ),
    Setting::open(
        "WORKER_HEARTBEAT",
        "",
        WORK,
        "How often a worker renews its leases and learns of cancellations. Unset: a quarter of the lease, so that two may be lost.",
    ),
    Setting::open(
        "WORKER_FOLDER",
        "",
        WORK,
        "Where packages are unpacked. Unset: as `scan` does, shared memory if 8 GiB are free there, else TMPDIR.",
    ),
    Setting::open(
        "WORKER_LIMITS",
        "",
        BOTH,
        "What a package may use, as in `memory=256MiB,time=30s`; the names are those of `scan --limits`. Unset: its defaults. The API refuses settings of functions that are above it.",
    ),
    Setting::open(
        "WORKER_RULES",
        "",
        WORK,
        "Further YARA rules: a file, or a folder of .yar and .yara files. Unset: the bundled ones alone.",
    ),
    Setting::open(
        "SUPPRESSIONS",
        "",
        WORK,
        "Findings that are accepted, in TOML: by rule and content, with reason, owner and expiry. They stay in the reports, marked, and are not judged. Unset: none.",
    ),
    Setting::open(
        "OSV_SOURCE",
        "",
        WORK,
        "Known malware and advisories in the OSV format: a folder, a zip archive, a document, or the URL of one. Read when the worker starts; its digest is part of what decides a report. Unset: none.",
    ),
    Setting::open(
        "JUDGE_THRESHOLDS",
        "malicious=70,suspicious=30",
        WORK,
        "From which score on a package is what, each from 1 to 100. The default is what the score is calibrated for.",
    ),
    Setting::open(
        "PACKGUARD_CACHE_DIR",
        "",
        ANALYSED,
        "Where compiled components are kept. Unset: `packguard` in the user's cache folder.",
    ),
    Setting::open(
        "PACKGUARD_CPU",
        "native",
        ANALYSED,
        "What components are compiled for: `native` (this machine), `x86-64-v2` or `x86-64-v3`. The image is built for one that all its machines have, and says so; a machine that is older refuses to start.",
    ),
    Setting::open(
        "COMPONENT_CACHE_KEY",
        "",
        WORK,
        "A secret of this deployment, 32 characters or more, the same for all workers: they share what they compile of deployed functions through the storage, under a MAC with it. Who has it and may write to the storage runs native code in workers. Unset: each worker compiles for itself.",
    )
    .kept(Secrecy::Secret),
    Setting::open(
        "METRICS_LISTEN",
        "127.0.0.1:9464",
        MEASURED,
        "Where a process without an API serves /health/, /ready/ and /metrics. Loopback, for they ask for no key; in a cluster `0.0.0.0:9464`. The port is the one that OpenTelemetry gives Prometheus exporters.",
    ),
];
