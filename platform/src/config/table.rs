//! Every setting there is. Command line, environment, configuration file, refusals and
//! docs/configuration.md all follow from this table.

mod connections;
mod run;
mod serve;
mod work;

use super::setting::{Role, Setting};

/// Settings that belong together, under the heading of the documentation.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// Its settings.
    pub settings: &'static [Setting],
}

/// The table.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "Postgres",
        settings: connections::POSTGRES,
    },
    Section {
        title: "Redis",
        settings: connections::REDIS,
    },
    Section {
        title: "Object storage",
        settings: connections::STORAGE,
    },
    Section {
        title: "The API",
        settings: serve::API,
    },
    Section {
        title: "Tasks",
        settings: run::TASKS,
    },
    Section {
        title: "Webhooks",
        settings: serve::WEBHOOKS,
    },
    Section {
        title: "Workers",
        settings: work::WORKERS,
    },
    Section {
        title: "Logs, traces, metrics",
        settings: run::TELEMETRY,
    },
    Section {
        title: "Retention",
        settings: run::RETENTION,
    },
    Section {
        title: "Backups",
        settings: run::BACKUPS,
    },
];

/// Every setting, in the order of the documentation.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

/// The setting of this environment variable.
pub fn find(name: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.name == name)
}

/// The roles in the combinations that the table needs.
const ALL: &[Role] = &Role::ALL;
const SERVE: &[Role] = &[Role::Serve];
const WORK: &[Role] = &[Role::Work];
const ADMIN: &[Role] = &[Role::Admin];
const BOTH: &[Role] = &[Role::Serve, Role::Work];
const MEASURED: &[Role] = &[Role::Work, Role::Scale];
const PROCESSES: &[Role] = &[Role::Serve, Role::Work, Role::Admin, Role::Doctor];
const QUEUED: &[Role] = &[
    Role::Serve,
    Role::Work,
    Role::Scale,
    Role::Admin,
    Role::Doctor,
];
const OPERATED: &[Role] = &[Role::Serve, Role::Work, Role::Scale, Role::Admin];
const TENDED: &[Role] = &[Role::Serve, Role::Admin];
const SERVED: &[Role] = &[Role::Serve, Role::Doctor];
const ANALYSED: &[Role] = &[Role::Work, Role::Doctor];
