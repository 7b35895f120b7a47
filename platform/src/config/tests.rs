//! Precedence, refusals, and that no secret shows.

use super::*;

mod leaks;
mod refusals;

/// A configuration that makes sense.
fn whole() -> Vec<(&'static str, String)> {
    [
        ("DATABASE_URL", "postgres://app@db.example.com/packguard"),
        ("REDIS_URL", "redis://redis.example.com/0"),
        ("STORAGE_URL", "file:///srv/packguard"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// The same on S3.
fn on_s3() -> Vec<(&'static str, String)> {
    let mut values = whole();
    values.retain(|(name, _)| *name != "STORAGE_URL");
    values.extend(
        [
            ("STORAGE_URL", "s3://reports/main/one"),
            ("STORAGE_ENDPOINT", "https://s3.example.com"),
            ("STORAGE_ACCESS_KEY_ID", "key"),
            ("STORAGE_SECRET_ACCESS_KEY", "hunter2"),
        ]
        .map(|(name, value)| (name, value.to_owned())),
    );
    values
}

/// `base` with other values for some settings; empty unsets one.
fn with(
    mut base: Vec<(&'static str, String)>,
    others: &[(&'static str, &str)],
) -> Vec<(&'static str, String)> {
    for (name, value) in others {
        base.retain(|(known, _)| known != name);
        base.push((name, (*value).to_owned()));
    }
    base
}

fn read<C: Configuration>(values: Vec<(&'static str, String)>) -> Result<C, Problems> {
    resolve(&Flags::default(), &Environment::new(values))
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn every_role_starts_with_three_addresses() {
    let serve: ServeSettings = read(whole()).unwrap();
    assert_eq!(serve.serve.listen.to_string(), "0.0.0.0:8000");
    assert_eq!(serve.serve.batch_limit, 10_000);
    assert_eq!(serve.retention.tasks, Some(90 * DAY));
    assert!(matches!(serve.storage.place, Place::Folder(folder) if folder.ends_with("packguard")));
    let work: WorkSettings = read(whole()).unwrap();
    assert_eq!(work.worker.heartbeat, Duration::from_secs(15));
    assert_eq!(work.worker.concurrency, Machine::look().cores);
    let admin: AdminSettings = read(whole()).unwrap();
    assert_eq!(admin.redis.queue, "analysis_tasks");
    let doctor: DoctorSettings = read(whole()).unwrap();
    assert_eq!(doctor.cache_dir, None);
    let migrate: MigrateSettings = read(whole()).unwrap();
    assert_eq!(migrate.database.statement_timeout, None);
}

#[test]
fn flags_come_before_environment_before_file_before_default() {
    let config = file("log_level = \"warn\"\ndatabase_pool_size = 7\nworker_lease = \"90s\"\n");
    let config = config.path().to_str().unwrap();
    let environment = Environment::new(with(
        whole(),
        &[
            ("PACKGUARD_CONFIG", config),
            ("DATABASE_POOL_SIZE", "8"),
            ("LOG_LEVEL", "error"),
        ],
    ));
    let flags = Flags::new([("log-level", "debug")]);
    let work: WorkSettings = resolve(&flags, &environment).unwrap();
    assert_eq!(work.telemetry.log_level, "debug");
    assert_eq!(work.database.pool_size, 8);
    assert_eq!(work.worker.lease, Duration::from_secs(90));
    assert_eq!(work.tasks.max_attempts, 3);
}

#[test]
fn the_file_takes_numbers_truths_and_lists() {
    let config = file(
        "docs_page = false\notel_traces_sampler_arg = 0.25\n\
         cors_origins = [\"https://a.example.com\", \"HTTPS://B.example.com:443\"]\n",
    );
    let flags = Flags::new([("config", config.path())]);
    let serve: ServeSettings = resolve(&flags, &Environment::new(whole())).unwrap();
    assert!(!serve.serve.docs_page);
    assert_eq!(serve.telemetry.sampling_ratio, 0.25);
    assert_eq!(
        serve.serve.cors_origins,
        ["https://a.example.com", "https://b.example.com"]
    );
}

#[test]
fn an_empty_variable_is_unset() {
    let values = with(whole(), &[("LOG_LEVEL", ""), ("WORKER_CONCURRENCY", "")]);
    let work: WorkSettings = read(values).unwrap();
    assert_eq!(work.telemetry.log_level, "info");
}

#[test]
fn a_secret_may_be_in_a_file() {
    let secret = file("hunter3\n");
    let path = secret.path().to_str().unwrap();
    let values = with(
        on_s3(),
        &[
            ("STORAGE_SECRET_ACCESS_KEY", ""),
            ("STORAGE_SECRET_ACCESS_KEY_FILE", path),
        ],
    );
    let serve: ServeSettings = read(values).unwrap();
    let Place::S3(s3) = serve.storage.place else {
        panic!("not S3");
    };
    assert_eq!(s3.secret.expose(), "hunter3");
    assert_eq!(
        (s3.bucket.as_str(), s3.prefix.as_str()),
        ("reports", "main/one")
    );
    // A flag that names a file comes before the environment.
    let url = file("postgres://flag@db.example.com/packguard");
    let flags = Flags::new([("database-url-file", url.path())]);
    let admin: AdminSettings = resolve(&flags, &Environment::new(whole())).unwrap();
    assert!(admin.database.url.expose().contains("flag@"));
}

#[test]
fn a_role_minds_its_own_settings_only() {
    let values = with(whole(), &[("WORKER_CONCURRENCY", "0")]);
    assert!(read::<ServeSettings>(values.clone()).is_ok());
    assert!(read::<WorkSettings>(values).is_err());
}

#[test]
fn debug_shows_no_secret() {
    let values = with(
        on_s3(),
        &[
            (
                "DATABASE_URL",
                "postgres://app:hunter2@db.example.com/x?password=hunter2",
            ),
            ("REDIS_URL", "redis://:hunter2@redis.example.com/0"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "token=hunter2"),
        ],
    );
    let environment = Environment::new(values);
    let serve: ServeSettings = resolve(&Flags::default(), &environment).unwrap();
    let flags = Flags::new([("database-url", "hunter2")]);
    let shown = format!("{serve:?} {serve:#?} {environment:?} {flags:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("postgres://app@db.example.com/x"), "{shown}");
}

#[test]
fn every_flag_is_taken_and_told_apart() {
    use clap::{Args as _, FromArgMatches as _};
    let command = WorkFlags::augment_args(clap::Command::new("work"));
    command.clone().debug_assert();
    let line = [
        "work",
        "--worker-lease",
        "-5s",
        "--cache-dir=/var/cache/p",
        "--config",
        "c.toml",
    ];
    let matches = command.try_get_matches_from(line).unwrap();
    let WorkFlags(flags) = WorkFlags::from_arg_matches(&matches).unwrap();
    assert_eq!(flags.get("worker-lease").unwrap(), "-5s");
    assert_eq!(flags.get("cache-dir").unwrap(), "/var/cache/p");
    assert_eq!(flags.get("config").unwrap(), "c.toml");
    for role in Role::ALL {
        let command = clap::Command::new("any").args(arguments(role));
        command.clone().debug_assert();
        let secret = ["any", "--storage-secret-access-key", "hunter2"];
        assert!(command.try_get_matches_from(secret).is_err(), "{role}");
    }
}

#[test]
fn the_table_is_sound() {
    let mut names: Vec<_> = settings().map(|setting| setting.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "a name twice");
    for setting in settings() {
        assert!(setting.doc.ends_with('.'), "{}", setting.name);
        assert!(
            !setting.doc.contains('|'),
            "{}: breaks the page's table",
            setting.name
        );
        assert!(!setting.roles.is_empty(), "{}", setting.name);
        if setting.default.is_empty() {
            let said = ["Required", "Unset", "where that differs", "Headers for"];
            assert!(
                said.iter().any(|words| setting.doc.contains(words)),
                "{}: what if it is unset?",
                setting.name
            );
        }
    }
}

#[test]
fn the_documentation_is_that_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let page = markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "docs/configuration.md is out of date: run this test with UPDATE_DOCS=1"
    );
}
