//! What tasks, logs and old rows are held to.

use super::super::setting::{Secrecy, Setting};
use super::{ADMIN, ALL, BOTH, SERVE, TENDED};

pub(super) const TASKS: &[Setting] = &[
    Setting::open(
        "TASK_TIMEOUT",
        "30m",
        BOTH,
        "When a running task is given up, unless its submitter said otherwise. What clients of the old service rely on; nearly all packages take seconds.",
    ),
    Setting::open(
        "TASK_MAX_ATTEMPTS",
        "3",
        BOTH,
        "How often a task is claimed before it is a dead letter. A second attempt survives a lost worker, a third a rollout at the wrong time; what kills three workers will kill a fourth.",
    ),
    Setting::open(
        "REPORT_MAX_AGE",
        "24h",
        SERVE,
        "How old a report may be to answer another submission: registries add files to releases, and rules change.",
    ),
    Setting::open(
        "IDEMPOTENCY_MAX_AGE",
        "24h",
        SERVE,
        "How long an idempotency key is remembered. Clients repeat a request within minutes.",
    ),
    Setting::open(
        "RECONCILE_INTERVAL",
        "10s",
        SERVE,
        "Pause between two looks at what Postgres and Redis disagree on. It bounds how long a task waits that was written but not queued.",
    ),
    Setting::open(
        "REANALYSIS_OPEN",
        "100",
        SERVE,
        "Most tasks that `packguard admin reanalyze` has in the queue at once, behind all tasks of clients. With a look every RECONCILE_INTERVAL, 100 keep ten packages a second going.",
    ),
    Setting::open(
        "GRACE_PERIOD",
        "25s",
        BOTH,
        "How long running work may go on after SIGTERM. Kubernetes kills after 30 s; 5 s are for handing back.",
    ),
];

pub(super) const TELEMETRY: &[Setting] = &[
    Setting::open(
        "LOG_FORMAT",
        "pretty",
        ALL,
        "`pretty` for people, `json` for collectors: one object a line.",
    ),
    Setting::open(
        "LOG_LEVEL",
        "info",
        ALL,
        "`error`, `warn`, `info`, `debug`, `trace`, also per module: `info,packguard_platform=debug`.",
    ),
    Setting::open(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        BOTH,
        "Where traces go (OTLP over HTTP), as in `http://collector.example.com:4318`. Unset: nowhere.",
    ),
    Setting::open(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "",
        BOTH,
        "Headers for that server, as in `name=value,name=value`; often a token.",
    )
    .kept(Secrecy::Secret),
    Setting::open(
        "OTEL_SERVICE_NAME",
        "packguard",
        BOTH,
        "The name that traces carry; the role follows it.",
    ),
    Setting::open(
        "OTEL_TRACES_SAMPLER_ARG",
        "1",
        BOTH,
        "The share of requests that are traced, from 0 to 1. All: a task takes far longer than its trace.",
    ),
];

pub(super) const RETENTION: &[Setting] = &[
    Setting::open(
        "RETENTION_TASKS",
        "90d",
        TENDED,
        "When finished tasks and their reports may go. `0s` keeps them, here and below.",
    ),
    Setting::open(
        "RETENTION_EVENTS",
        "7d",
        TENDED,
        "When the events of finished tasks may go. They are for those who watch.",
    ),
    Setting::open(
        "RETENTION_UPLOADS",
        "24h",
        TENDED,
        "When uploaded archives may go whose task ended or was never written. Private bytes should not lie about.",
    ),
    Setting::open(
        "RETENTION_DELIVERIES",
        "30d",
        TENDED,
        "When the log of webhook deliveries may go.",
    ),
    Setting::open(
        "RETENTION_AUDIT",
        "400d",
        TENDED,
        "When the audit log may go: a year, and time to look at it.",
    ),
];

pub(super) const BACKUPS: &[Setting] = &[
    Setting::open(
        "BACKUP_RECIPIENT",
        "",
        ADMIN,
        "For whom `packguard admin backup` encrypts: an age recipient (`age1…`), which is no secret. Whoever can only make backups can't read them. Unset: no backups.",
    ),
    Setting::open(
        "BACKUP_IDENTITY",
        "",
        ADMIN,
        "The age identity (`AGE-SECRET-KEY-1…`) that `restore` and `verify` decrypt with. Keep a copy outside of the cluster: without it backups are lost. Unset: backups are made, and not verified.",
    )
    .kept(Secrecy::Secret),
];
