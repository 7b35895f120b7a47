//! The client for each kind of storage.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use crate::config::{Place, S3Config, StorageConfig};

use super::error::StorageError;

/// A client, and what goes with it.
pub(super) struct Client {
    pub(super) store: Arc<dyn ObjectStore>,
    /// Signs URLs for the address under which clients reach the server.
    pub(super) signer: Option<Arc<AmazonS3>>,
    /// What all keys begin with.
    pub(super) prefix: String,
    /// For messages.
    pub(super) place: String,
}

pub(super) fn connect(config: &StorageConfig) -> Result<Client, StorageError> {
    match &config.place {
        Place::S3(s3) => {
            let place = format!("the S3 server {}", s3.endpoint);
            let build = |endpoint| {
                let client = builder(config, s3, endpoint)?.build();
                client.map_err(|error| StorageError::of(&place, &s3.bucket, &error))
            };
            let store = Arc::new(build(&s3.endpoint)?);
            let signer = match &s3.public_endpoint {
                Some(endpoint) => Arc::new(build(endpoint)?),
                None => Arc::clone(&store),
            };
            Ok(Client {
                store,
                signer: Some(signer),
                prefix: s3.prefix.clone(),
                place,
            })
        }
        Place::Folder(folder) => Ok(Client {
            store: Arc::new(local(folder)?),
            signer: None,
            prefix: String::new(),
            place: format!("the folder {}", folder.display()),
        }),
        Place::Memory => Ok(Client {
            store: Arc::new(InMemory::new()),
            signer: None,
            prefix: String::new(),
            place: "memory".into(),
        }),
    }
}

/// Objects are staged under another name, synced, renamed, and their folder is synced:
/// `object_store` does all of it when told to, and nothing is durable when not.
fn local(folder: &FilePath) -> Result<LocalFileSystem, StorageError> {
    let place = format!("the folder {}", folder.display());
    std::fs::create_dir_all(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => StorageError::Denied {
            place: place.clone(),
            code: "permission denied".into(),
            hint: "create it, and give it to this user",
        },
        _ => StorageError::Io {
            place: place.clone(),
            what: error.to_string(),
        },
    })?;
    let store = LocalFileSystem::new_with_prefix(folder)
        .map_err(|error| StorageError::of(&place, "", &error))?;
    Ok(store.with_fsync(true))
}

/// The pause before the first repetition, which doubles or so: what an S3 server asks for
/// when it says `SlowDown`.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause: whoever waits for the object waits for this too.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

fn builder(
    config: &StorageConfig,
    s3: &S3Config,
    endpoint: &Url,
) -> Result<AmazonS3Builder, StorageError> {
    let client = ClientOptions::new()
        .with_allow_http(endpoint.scheme() == "http")
        .with_connect_timeout(config.connect_timeout)
        // A limit on the whole would cut a large object off that is read by a slow client.
        .with_timeout_disabled()
        .with_read_timeout(config.request_timeout);
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: FIRST_PAUSE,
            max_backoff: LONGEST_PAUSE,
            base: 2.0,
        },
        max_retries: usize::try_from(config.retries).unwrap_or(usize::MAX),
        // One that was silent for its whole time is not asked again: its caller waited long enough.
        retry_timeout: config.request_timeout,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&s3.bucket)
        .with_region(&s3.region)
        .with_access_key_id(&s3.key_id)
        .with_secret_access_key(s3.secret.expose())
        .with_client_options(client)
        .with_retry(retry)
        // Not every server has tags, or deletes many at once.
        .with_disable_tagging(true)
        .with_disable_bulk_delete(true)
        .with_virtual_hosted_style_request(!s3.path_style);
    let address = if s3.path_style {
        endpoint.clone()
    } else {
        // The builder wants the bucket in the host already.
        with_bucket(endpoint, &s3.bucket)?
    };
    builder = builder.with_endpoint(address.as_str().trim_end_matches('/'));
    Ok(builder)
}

fn with_bucket(endpoint: &Url, bucket: &str) -> Result<Url, StorageError> {
    let mut address = endpoint.clone();
    let host = format!("{bucket}.{}", endpoint.host_str().unwrap_or_default());
    match address.set_host(Some(&host)) {
        Ok(()) => Ok(address),
        Err(_) => Err(StorageError::Io {
            place: format!("the S3 server {endpoint}"),
            what: format!("`{host}` is no host; set STORAGE_PATH_STYLE to true"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_goes_before_the_host() {
        let endpoint = Url::parse("https://region.example.com:8443").unwrap();
        let address = with_bucket(&endpoint, "reports").unwrap();
        assert_eq!(address.as_str(), "https://reports.region.example.com:8443/");
        let address = Url::parse("http://[::1]:9000").unwrap();
        assert!(with_bucket(&address, "reports").is_err());
    }
}
