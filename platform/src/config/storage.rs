//! Object storage.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::parse::{self, Wrong};
use super::reader::Reader;
use super::secret::Secret;
use super::{MINUTE, MS, SECOND};

/// Where reports and uploads are, and how to get at them.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// Where.
    pub place: Place,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// How long the server may take to answer, and to pause while it answers.
    pub request_timeout: Duration,
    /// How often a failed request is repeated.
    pub retries: u32,
    /// How clients get reports.
    pub downloads: Downloads,
    /// How long a presigned URL works.
    pub url_expiry: Duration,
}

impl StorageConfig {
    /// At this place, all else at its default: for tests and for `packguard dev`.
    pub fn at(place: Place) -> Self {
        Self {
            place,
            connect_timeout: 5 * SECOND,
            request_timeout: 30 * SECOND,
            retries: 3,
            downloads: Downloads::Stream,
            url_expiry: 5 * MINUTE,
        }
    }
}

/// The three kinds of storage.
#[derive(Debug, Clone)]
pub enum Place {
    /// An S3 server.
    S3(Box<S3Config>),
    /// A folder.
    Folder(PathBuf),
    /// The memory of this process; for tests.
    Memory,
}

/// An S3 server, and where on it.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// The bucket.
    pub bucket: String,
    /// What all keys begin with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// The server, without the bucket.
    pub endpoint: Url,
    /// The server as clients see it, where that differs.
    pub public_endpoint: Option<Url>,
    /// What requests are signed for.
    pub region: String,
    /// The access key's name.
    pub key_id: String,
    /// The access key's secret.
    pub secret: Secret,
    /// Whether the bucket stands in the path, rather than before the host.
    pub path_style: bool,
}

/// How clients get reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Downloads {
    /// Through the API.
    #[default]
    Stream,
    /// From the S3 server, by presigned URL.
    Redirect,
}

/// `STORAGE_URL`, taken apart.
#[derive(Debug, Clone, Default)]
enum Address {
    S3 {
        bucket: String,
        prefix: String,
    },
    Folder(PathBuf),
    #[default]
    Memory,
}

impl StorageConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let address: Address = reader.required("STORAGE_URL", address);
        reader.check(
            &["STORAGE_URL"],
            !matches!(address, Address::Memory),
            "memory is not shared: no other process would see what this one stores, and it is lost at the end",
            "give s3://bucket/prefix, or file:///folder",
        );
        let place = match address {
            Address::S3 { bucket, prefix } => s3(reader, bucket, prefix),
            Address::Folder(folder) => {
                without_server(reader);
                Place::Folder(folder)
            }
            Address::Memory => Place::Memory,
        };
        let downloads = [
            ("stream", Downloads::Stream),
            ("redirect", Downloads::Redirect),
        ];
        let config = Self {
            connect_timeout: reader.duration("STORAGE_CONNECT_TIMEOUT", 100 * MS, MINUTE),
            // Below what the signature of a request is good for: 15 minutes.
            request_timeout: reader.duration("STORAGE_REQUEST_TIMEOUT", SECOND, 10 * MINUTE),
            retries: reader.number("STORAGE_RETRIES", 0, 10),
            downloads: reader.value("STORAGE_DOWNLOADS", |text| parse::word(text, &downloads)),
            // A week is the most that S3's signatures allow.
            url_expiry: reader.duration("STORAGE_URL_EXPIRY", SECOND, 7 * 24 * 60 * MINUTE),
            place,
        };
        reader.check(
            &["STORAGE_DOWNLOADS", "STORAGE_URL"],
            config.downloads == Downloads::Stream || matches!(config.place, Place::S3(_)),
            "only an S3 server takes presigned URLs, and STORAGE_URL names none",
            "use `stream`",
        );
        reader.check(
            &["STORAGE_CONNECT_TIMEOUT", "STORAGE_REQUEST_TIMEOUT"],
            config.connect_timeout <= config.request_timeout,
            "it is longer than STORAGE_REQUEST_TIMEOUT, which ends the request first",
            "make it the shorter of the two",
        );
        config
    }
}

fn address(text: &str) -> Result<Address, Wrong> {
    const HINT: &str = "give s3://bucket/prefix, or file:///folder";
    if text == "memory:" {
        return Ok(Address::Memory);
    }
    if let Some(rest) = text.strip_prefix("s3://") {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(fits) {
            return Err(Wrong::new("names no bucket", HINT));
        }
        let prefix = prefix.trim_matches('/');
        let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let good = |part: &str| !part.is_empty() && part != "." && part != "..";
        let whole = prefix
            .split('/')
            .all(|part| good(part) && part.bytes().all(safe));
        // Servers allow 1,024 bytes of a key, and ours take up to 800.
        if !(prefix.is_empty() || whole) || prefix.len() > 200 {
            return Err(Wrong::new(
                "has a prefix that is no plain path",
                "make it of letters, digits, `-`, `_` and `.`, with slashes between, 200 at most",
            ));
        }
        return Ok(Address::S3 {
            bucket: bucket.into(),
            prefix: prefix.into(),
        });
    }
    if text.starts_with("file://") {
        let path = Url::parse(text)
            .ok()
            .and_then(|url| url.to_file_path().ok());
        return path
            .filter(|path| path.is_absolute())
            .map(Address::Folder)
            .ok_or_else(|| {
                Wrong::new(
                    "names no folder of this machine",
                    "give three slashes, as in file:///srv/packguard",
                )
            });
    }
    Err(Wrong::new("is no place for objects", HINT))
}

fn s3(reader: &mut Reader, bucket: String, prefix: String) -> Place {
    let server = |text: &str| parse::server(text, false);
    let endpoint = reader.optional("STORAGE_ENDPOINT", server);
    let public_endpoint = reader.optional("STORAGE_PUBLIC_ENDPOINT", server);
    let key_id = reader.optional("STORAGE_ACCESS_KEY_ID", graphic);
    let secret = reader.secret("STORAGE_SECRET_ACCESS_KEY");
    let path_style = reader.truth("STORAGE_PATH_STYLE");
    let needed = [
        ("STORAGE_ENDPOINT", endpoint.is_some()),
        ("STORAGE_ACCESS_KEY_ID", key_id.is_some()),
        ("STORAGE_SECRET_ACCESS_KEY", secret.is_some()),
    ];
    for (name, there) in needed {
        if !there && !reader.was_refused(name) {
            reader.missing(name, "it is not set, and `s3://` needs it");
        }
    }
    let endpoint = endpoint.unwrap_or_else(nowhere);
    let named = endpoint
        .host_str()
        .is_some_and(|host| host.starts_with(&format!("{bucket}.")));
    reader.check(
        &["STORAGE_ENDPOINT"],
        !named,
        "the bucket stands in it already",
        "give the server alone: STORAGE_PATH_STYLE says where the bucket goes",
    );
    reader.check(
        &["STORAGE_PATH_STYLE", "STORAGE_ENDPOINT"],
        path_style || matches!(endpoint.host(), Some(url::Host::Domain(_))),
        "a bucket can't be put before the IP address in STORAGE_ENDPOINT",
        "set it to true, or give STORAGE_ENDPOINT a name",
    );
    reader.check(
        &["STORAGE_PATH_STYLE", "STORAGE_ENDPOINT"],
        path_style || endpoint.scheme() != "https" || !bucket.contains('.'),
        "no certificate covers a bucket with a dot in its name before the host",
        "set it to true, or rename the bucket",
    );
    Place::S3(Box::new(S3Config {
        bucket,
        prefix,
        endpoint,
        public_endpoint,
        region: reader.value("STORAGE_REGION", graphic),
        key_id: key_id.unwrap_or_default(),
        secret: secret.unwrap_or_else(|| Secret::new("")),
        path_style,
    }))
}

/// Stands in for an endpoint that was refused; never used, for then nothing is resolved.
#[expect(clippy::expect_used, reason = "a constant that parses")]
fn nowhere() -> Url {
    Url::parse("http://nowhere.invalid").expect("a constant that parses")
}

/// An endpoint beside a folder shows that somebody believes to be on S3.
fn without_server(reader: &mut Reader) {
    for name in ["STORAGE_ENDPOINT", "STORAGE_PUBLIC_ENDPOINT"] {
        let said = reader.optional(name, |text| Ok(text.to_owned())).is_some();
        reader.check(
            &[name],
            !said,
            "it is set, but STORAGE_URL names a folder",
            "unset it, or give STORAGE_URL as s3://bucket/prefix",
        );
    }
}

/// A region or a key's name: it goes into a header as it is.
fn graphic(text: &str) -> Result<String, Wrong> {
    if text.len() <= 256 && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.into());
    }
    Err(Wrong::new(
        "has spaces or characters beyond ASCII",
        "copy it again",
    ))
}
