//! Configuration: flags > environment > file > default, out of one table of settings
//! ([`SECTIONS`]); typed, and refused as a whole, with every problem named, where it makes
//! no sense.
//!
//! ```text
//! table.rs      what settings there are
//! flags.rs      the command line that follows
//! sources.rs    which value holds
//! reader.rs     typed values and their problems, gathered
//! parse.rs      values from text
//! connections.rs storage.rs serve.rs worker.rs telemetry.rs    one struct per concern
//! docs.rs       the documentation that follows
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use age::x25519;

mod connections;
mod docs;
mod flags;
mod machine;
mod parse;
mod problem;
mod reader;
mod secret;
mod serve;
mod setting;
mod sources;
mod storage;
mod table;
mod telemetry;
#[cfg(test)]
mod tests;
mod worker;

pub use connections::{DatabaseConfig, RedisConfig};
pub use docs::markdown;
pub use flags::{
    AdminFlags, DoctorFlags, Flags, MigrateFlags, ScaleFlags, ServeFlags, WorkFlags, arguments,
};
pub use machine::Machine;
pub use problem::{Origin, Problem, Problems};
pub use secret::{Secret, SecretUrl};
pub use serve::{ServeConfig, WebhookConfig};
pub use setting::{Role, Secrecy, Setting};
pub use sources::{CONFIG_VARIABLE, Environment};
pub use storage::{Downloads, Place, S3Config, StorageConfig};
pub use table::{SECTIONS, Section, find, settings};
pub use telemetry::{LogFormat, RetentionConfig, TelemetryConfig};
pub use worker::{TaskConfig, WorkerConfig};

use parse::Wrong;
use reader::Reader;
use sources::Sources;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// What a role needs to know.
pub trait Configuration: Sized {
    /// The role.
    const ROLE: Role;

    #[doc(hidden)]
    #[expect(private_interfaces, reason = "only `resolve` calls it")]
    fn read(reader: &mut Reader) -> Self;
}

/// Reads the configuration of a role.
///
/// # Errors
/// With everything that is wrong with it.
pub fn resolve<C: Configuration>(flags: &Flags, environment: &Environment) -> Result<C, Problems> {
    let mut problems = Vec::new();
    let sources = Sources::gather(flags, environment, &mut problems);
    let mut reader = Reader::new(C::ROLE, sources, problems);
    let configuration = C::read(&mut reader);
    let problems = reader.finish();
    if problems.is_empty() {
        Ok(configuration)
    } else {
        Err(Problems(problems))
    }
}

/// All that `packguard serve` needs to know.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// Postgres.
    pub database: DatabaseConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// Object storage.
    pub storage: StorageConfig,
    /// The API.
    pub serve: ServeConfig,
    /// Tasks.
    pub tasks: TaskConfig,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
    /// What is kept how long.
    pub retention: RetentionConfig,
}

impl Configuration for ServeSettings {
    const ROLE: Role = Role::Serve;

    #[expect(private_interfaces, reason = "only `resolve` calls it")]
    fn read(reader: &mut Reader) -> Self {
        let settings = Self {
            database: DatabaseConfig::read(reader),
            redis: RedisConfig::read(reader),
            storage: StorageConfig::read(reader),
            serve: ServeConfig::read(reader),
            tasks: TaskConfig::read(reader),
            telemetry: TelemetryConfig::read(reader),
            retention: RetentionConfig::read(reader),
        };
        reader.check(
            &["DATABASE_ACQUIRE_TIMEOUT", "REQUEST_TIMEOUT"],
            settings.database.acquire_timeout < settings.serve.request_timeout,
            "a request would time out (REQUEST_TIMEOUT) while it waits for a connection, and nobody would learn why",
            "make it the shorter of the two",
        );
        settings.retention.check(reader, &settings.serve);
        settings
    }
}

/// All that `packguard work` needs to know.
#[derive(Debug, Clone)]
pub struct WorkSettings {
    /// Postgres.
    pub database: DatabaseConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// Object storage.
    pub storage: StorageConfig,
    /// The worker.
    pub worker: WorkerConfig,
    /// Tasks.
    pub tasks: TaskConfig,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
}

impl Configuration for WorkSettings {
    const ROLE: Role = Role::Work;

    #[expect(private_interfaces, reason = "only `resolve` calls it")]
    fn read(reader: &mut Reader) -> Self {
        let settings = Self {
            database: DatabaseConfig::read(reader),
            redis: RedisConfig::read(reader),
            storage: StorageConfig::read(reader),
            worker: WorkerConfig::read(reader, &Machine::look()),
            tasks: TaskConfig::read(reader),
            telemetry: TelemetryConfig::read(reader),
        };
        worker::check_lease(reader, &settings.worker, &settings.tasks);
        settings
    }
}

/// All that `packguard scale run` needs to know.
#[derive(Debug, Clone)]
pub struct ScaleSettings {
    /// Postgres.
    pub database: DatabaseConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// Where health and metrics are served.
    pub metrics_listen: SocketAddr,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
}

impl Configuration for ScaleSettings {
    const ROLE: Role = Role::Scale;

    #[expect(private_interfaces, reason = "only `resolve` calls it")]
    fn read(reader: &mut Reader) -> Self {
        Self {
            database: DatabaseConfig::read(reader),
            redis: RedisConfig::read(reader),
            metrics_listen: serve::listen(reader, "METRICS_LISTEN"),
            telemetry: TelemetryConfig::read(reader),
        }
    }
}

/// All that `packguard migrate` needs to know.
#[derive(Debug, Clone)]
pub struct MigrateSettings {
    /// Postgres.
    pub database: DatabaseConfig,
    /// Logs.
    pub telemetry: TelemetryConfig,
}

impl Configuration for MigrateSettings {
    const ROLE: Role = Role::Migrate;

    #[expect(private_interfaces, reason = "only `resolve` calls it")]
    fn read(reader: &mut Reader) -> Self {
        Self {
            database: DatabaseConfig::read(reader),
            telemetry: TelemetryConfig::read(reader),
        }
    }
}

/// All that `packguard admin` needs to know.
#[derive(Debug, Clone)]
pub struct AdminSettings {
    /// Postgres.
    pub database: DatabaseConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// Object storage.
    pub storage: StorageConfig,
    /// What is kept how long.
    pub retention: RetentionConfig,
    /// For whom backups are encrypted.
    pub backup_recipient: Option<x25519::Recipient>,
    /// What decrypts them.
    pub backup_identity: Option<Secret>,
    /// Logs.
    pub telemetry: TelemetryConfig,
}

impl Configuration for AdminSettings {
    const ROLE: Role = Role::Admin;

    #[expect(private_interfaces, reason = "only `resolve` calls it")]
    fn read(reader: &mut Reader) -> Self {
        Self {
            database: DatabaseConfig::read(reader),
            redis: RedisConfig::read(reader),
            storage: StorageConfig::read(reader),
            retention: RetentionConfig::read(reader),
            backup_recipient: reader.optional("BACKUP_RECIPIENT", |text| {
                text.parse()
                    .map_err(|why| Wrong::new(format!("is no age recipient: {why}"), AGE_KEYGEN))
            }),
            backup_identity: reader.secret("BACKUP_IDENTITY"),
            telemetry: TelemetryConfig::read(reader),
        }
    }
}

/// Where the keys of backups come from.
const AGE_KEYGEN: &str = "`age-keygen` makes a key, and prints its recipient: `age1…`";

/// All that `packguard doctor` needs to know.
#[derive(Debug, Clone)]
pub struct DoctorSettings {
    /// Postgres.
    pub database: DatabaseConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// Object storage.
    pub storage: StorageConfig,
    /// Compiled components; `None`: as `scan` chooses.
    pub cache_dir: Option<std::path::PathBuf>,
    /// What components are compiled for.
    pub cpu: packguard_runtime::Cpu,
    /// Logs.
    pub telemetry: TelemetryConfig,
}

impl Configuration for DoctorSettings {
    const ROLE: Role = Role::Doctor;

    #[expect(private_interfaces, reason = "only `resolve` calls it")]
    fn read(reader: &mut Reader) -> Self {
        Self {
            database: DatabaseConfig::read(reader),
            redis: RedisConfig::read(reader),
            storage: StorageConfig::read(reader),
            cache_dir: reader.path("PACKGUARD_CACHE_DIR"),
            cpu: worker::cpu(reader),
            telemetry: TelemetryConfig::read(reader),
        }
    }
}
