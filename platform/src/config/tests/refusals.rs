//! Every refusal, as it is printed.

use super::*;

/// All refusals of one role.
fn refused<C: Configuration>(values: Vec<(&'static str, String)>) -> String {
    match read::<C>(values) {
        Ok(_) => panic!("it was taken"),
        Err(problems) => problems.to_string(),
    }
}

/// The settings that a refusal names.
fn named(problems: &str) -> Vec<&str> {
    let lines = problems
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    lines
        .map(|line| line.trim().split(',').next().unwrap())
        .collect()
}

/// The settings that refuse what no setting takes. One that did not would not be read.
fn refuses_nonsense<C: Configuration>() {
    for setting in settings().filter(|setting| setting.used_by(C::ROLE)) {
        // Any text names a folder.
        if setting.name == "PACKGUARD_CACHE_DIR" {
            continue;
        }
        let text = match read::<C>(with(on_s3(), &[(setting.name, "\u{1} nonsense")])) {
            Ok(_) => panic!("{} takes nonsense in {}", setting.name, C::ROLE),
            Err(problems) => problems.to_string(),
        };
        assert!(named(&text).contains(&setting.name), "{text}");
        assert!(!text.contains('\u{1}'), "{text}");
    }
}

#[test]
fn every_setting_of_every_role_is_read() {
    refuses_nonsense::<ServeSettings>();
    refuses_nonsense::<WorkSettings>();
    refuses_nonsense::<MigrateSettings>();
    refuses_nonsense::<AdminSettings>();
    refuses_nonsense::<DoctorSettings>();
}

#[test]
fn a_role_is_not_refused_for_what_others_use() {
    let values = with(whole(), &[("DATABASE_POOL_SIZE", "0")]);
    assert!(read::<MigrateSettings>(values.clone()).is_ok());
    assert!(read::<WorkSettings>(values).is_err());
}

#[test]
fn nothing_set() {
    insta::assert_snapshot!(refused::<ServeSettings>(Vec::new()));
}

#[test]
fn everything_wrong_in_serve() {
    let values = with(
        whole(),
        &[
            ("DATABASE_URL", "mysql://app:hunter2@db.example.com/x"),
            ("DATABASE_POOL_SIZE", "3"),
            ("REDIS_URL", "redis://a.example.com,redis://b.example.com"),
            ("QUEUE_NAME", "{tag}"),
            ("STORAGE_URL", "memory:"),
            ("STORAGE_DOWNLOADS", "redirect"),
            ("LISTEN", "localhost"),
            ("HEADER_LIMIT", "1KiB"),
            ("HEADER_TIMEOUT", "60s"),
            ("REQUEST_TIMEOUT", "5s"),
            ("DATABASE_ACQUIRE_TIMEOUT", "5s"),
            ("BATCH_LIMIT", "ten"),
            ("BATCH_BODY_LIMIT", "32KiB"),
            ("UPLOAD_TIMEOUT", "4s"),
            ("CORS_ORIGINS", "*"),
            ("DOCS_PAGE", "yes"),
            ("TASK_MAX_ATTEMPTS", "0"),
            ("REPORT_MAX_AGE", "30d"),
            ("RETENTION_TASKS", "7d"),
            ("RETENTION_UPLOADS", "1m"),
            ("LOG_FORMAT", "xml"),
            ("LOG_LEVEL", "a=b=c"),
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "grpc://collector.example.com",
            ),
            ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ],
    );
    insta::assert_snapshot!(refused::<ServeSettings>(values));
}

#[test]
fn everything_wrong_in_work() {
    let values = with(
        whole(),
        &[
            ("DATABASE_POOL_SIZE", "1"),
            ("DATABASE_ACQUIRE_TIMEOUT", "1ms"),
            ("DATABASE_STATEMENT_TIMEOUT", "soon"),
            ("WORKER_CONCURRENCY", "0"),
            ("WORKER_MEMORY", "100MiB"),
            ("WORKER_LEASE", "40s"),
            ("WORKER_HEARTBEAT", "20s"),
            ("WORKER_FOLDER", "/nowhere/at all"),
            ("WORKER_RULES", "/nowhere"),
            ("METRICS_LISTEN", "9464"),
            ("TASK_TIMEOUT", "10s"),
            ("GRACE_PERIOD", "11s"),
        ],
    );
    insta::assert_snapshot!(refused::<WorkSettings>(values));
    let values = with(whole(), &[("WORKER_LIMITS", "memory=lots")]);
    insta::assert_snapshot!(refused::<WorkSettings>(values));
}

#[test]
fn everything_wrong_on_s3() {
    let values = with(
        on_s3(),
        &[
            ("STORAGE_ENDPOINT", "ftp://s3.example.com"),
            (
                "STORAGE_PUBLIC_ENDPOINT",
                "https://user:hunter2@s3.example.com",
            ),
            ("STORAGE_ACCESS_KEY_ID", "with space"),
            ("STORAGE_SECRET_ACCESS_KEY", "hunter2\nhunter2"),
            ("STORAGE_REGION", "über"),
            ("STORAGE_PATH_STYLE", "1"),
            ("STORAGE_CONNECT_TIMEOUT", "60s"),
            ("STORAGE_REQUEST_TIMEOUT", "30s"),
            ("STORAGE_RETRIES", "-1"),
            ("STORAGE_URL_EXPIRY", "8d"),
        ],
    );
    insta::assert_snapshot!(refused::<ServeSettings>(values));
}

#[test]
fn addresses_of_databases_that_make_no_sense() {
    for (name, value, says) in [
        (
            "DATABASE_URL",
            "db.example.com",
            "does not begin with postgres://",
        ),
        (
            "DATABASE_URL",
            "postgres://db.example.com:port/x",
            "no address of a database",
        ),
        (
            "DATABASE_URL",
            "postgres://db.example.com/x?sslmode=perhaps",
            "no address of a database",
        ),
        (
            "DATABASE_URL",
            "postgres://db.example.com/x?passwd=hunter2",
            "parameter that is not known",
        ),
        ("REDIS_URL", "redis.example.com", "no address of a Redis"),
        ("REDIS_URL", ",", "no address of a Redis"),
        (
            "REDIS_URL",
            "http://redis.example.com",
            "no address of a Redis",
        ),
    ] {
        let text = refused::<AdminSettings>(with(whole(), &[(name, value)]));
        assert!(text.contains(says), "{value}: {text}");
        assert_eq!(named(&text), [name], "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn addresses_of_storage_that_make_no_sense() {
    for (others, says) in [
        (vec![("STORAGE_URL", "s3://")], "names no bucket"),
        (vec![("STORAGE_URL", "s3://Upper")], "names no bucket"),
        (
            vec![("STORAGE_URL", "s3://reports/a/../b")],
            "no plain path",
        ),
        (vec![("STORAGE_URL", "s3://reports/a//b")], "no plain path"),
        (
            vec![("STORAGE_URL", "gs://reports")],
            "no place for objects",
        ),
        (
            vec![("STORAGE_URL", "file://relative/path")],
            "names no folder",
        ),
        (
            vec![("STORAGE_URL", "file:///srv")],
            "STORAGE_URL names a folder",
        ),
        (
            vec![("STORAGE_ENDPOINT", "https://s3.example.com/reports")],
            "has a path",
        ),
        (
            vec![("STORAGE_ENDPOINT", "https://reports.s3.example.com")],
            "the bucket stands in it",
        ),
        (vec![("STORAGE_ENDPOINT", "")], "`s3://` needs it"),
        (vec![("STORAGE_SECRET_ACCESS_KEY", "")], "`s3://` needs it"),
        (
            vec![
                ("STORAGE_PATH_STYLE", "false"),
                ("STORAGE_ENDPOINT", "http://192.0.2.1:9000"),
            ],
            "before the IP address",
        ),
        (
            vec![
                ("STORAGE_PATH_STYLE", "false"),
                ("STORAGE_URL", "s3://a.bucket"),
            ],
            "no certificate",
        ),
    ] {
        let text = refused::<ServeSettings>(with(on_s3(), &others));
        assert!(text.contains(says), "{others:?}: {text}");
        assert_eq!(named(&text).len(), 1, "{text}");
    }
}

#[test]
fn passwords_are_not_taken_from_the_command_line() {
    for (flag, value) in [
        ("database-url", "postgres://app:hunter2@db.example.com/x"),
        (
            "database-url",
            "postgres://app@db.example.com/x?password=hunter2",
        ),
        ("redis-url", "redis://:hunter2@redis.example.com"),
    ] {
        let flags = Flags::new([(flag, value)]);
        let environment = Environment::new(whole());
        let text = resolve::<AdminSettings>(&flags, &environment)
            .unwrap_err()
            .to_string();
        assert!(text.contains("can read command lines"), "{text}");
        assert!(text.contains("_FILE"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let flags = Flags::new([("database-url", "postgres://app@db.example.com/x")]);
    assert!(resolve::<AdminSettings>(&flags, &Environment::new(whole())).is_ok());
}

#[test]
fn the_file_is_read_whole_or_refused() {
    let config = file(
        "databse_url = \"postgres://app:hunter2@db.example.com/x\"\nzzz = 1\n\
         log-level = \"info\"\nlog_format = 1979-05-27\n[redis]\nurl = \"x\"\n",
    );
    let flags = Flags::new([("config", config.path())]);
    let problems = resolve::<AdminSettings>(&flags, &Environment::new(whole())).unwrap_err();
    let text = problems.to_string();
    let text = text.replace(config.path().to_str().unwrap(), "FILE");
    insta::assert_snapshot!(text);

    let broken = file("log_level = \"info\"\ndatabase_url = hunter2\n");
    let flags = Flags::new([("config", broken.path())]);
    let problems = resolve::<AdminSettings>(&flags, &Environment::new(whole())).unwrap_err();
    let text = problems.to_string();
    assert!(text.contains("line 2 is no TOML"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn files_that_are_not_there_too_large_or_no_text() {
    let large = file(&"x".repeat((64 << 10) + 1));
    let bytes = file("");
    std::fs::write(bytes.path(), [0xff, 0xfe]).unwrap();
    for (path, says) in [
        (std::path::Path::new("/nowhere/secret"), "can't be read"),
        (std::path::Path::new("/"), "can't be read"),
        (large.path(), "has more than 65536 bytes"),
        (bytes.path(), "is no UTF-8"),
    ] {
        let path = path.to_str().unwrap();
        let values = with(
            whole(),
            &[("DATABASE_URL", ""), ("DATABASE_URL_FILE", path)],
        );
        let text = refused::<MigrateSettings>(values);
        assert!(text.contains(says), "{text}");
        assert_eq!(named(&text), ["DATABASE_URL"], "{text}");
    }
    let values = with(whole(), &[("PACKGUARD_CONFIG", "/nowhere/config.toml")]);
    let text = refused::<MigrateSettings>(values);
    assert_eq!(named(&text), ["PACKGUARD_CONFIG"], "{text}");
}

#[test]
fn a_secret_and_its_file_exclude_each_other() {
    let values = with(whole(), &[("REDIS_URL_FILE", "/nowhere")]);
    let text = refused::<AdminSettings>(values);
    assert!(
        text.contains("it is set, and so is REDIS_URL_FILE"),
        "{text}"
    );
}

#[test]
fn values_that_are_no_text() {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = std::ffi::OsString::from_vec(vec![0xff]);
    let flags = Flags::new([("log-level", bytes)]);
    let problems = resolve::<MigrateSettings>(&flags, &Environment::new(whole())).unwrap_err();
    assert!(
        problems.to_string().contains("it is no UTF-8"),
        "{problems}"
    );
}
