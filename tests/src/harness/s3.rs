//! S3 servers: [`local`], s3s-fs within this process, up at once; and [`super::ceph`], Ceph's RGW,
//! which is what runs in production at many places, for the tests of what S3 servers differ in.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleError;
use axum::http::{Method, StatusCode};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::signer::Signer as _;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::task::JoinHandle;

use super::scratch::Scratch;

/// What a client needs to use a bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// `http://127.0.0.1:PORT`; buckets are the first part of the path.
    pub endpoint: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
    /// The bucket, which exists.
    pub bucket: String,
    /// Any will do.
    pub region: String,
}

impl Bucket {
    /// A client.
    pub fn client(&self) -> AmazonS3 {
        AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(&self.secret_key)
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_allow_http(true)
            .build()
            .expect("all that a client needs")
    }

    /// The same through another address: a proxy's.
    #[must_use]
    pub fn through(&self, address: SocketAddr) -> Self {
        Self {
            endpoint: format!("http://{address}"),
            ..self.clone()
        }
    }

    /// Makes the bucket, by a presigned PUT of its empty path.
    pub async fn create(&self) {
        let minute = Duration::from_secs(60);
        let signed = self.client();
        let url = signed.signed_url(Method::PUT, &"".into(), minute).await;
        let client = reqwest::Client::builder().no_proxy().build().expect("TLS");
        let answer = client.put(url.expect("a URL")).send().await;
        let answer = answer.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "{status}: {text}");
    }
}

/// s3s-fs in this process. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct LocalS3 {
    /// How to use it.
    pub bucket: Bucket,
    task: JoinHandle<()>,
    _scratch: Scratch,
}

impl Drop for LocalS3 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts s3s-fs with new credentials and a bucket.
pub async fn local() -> LocalS3 {
    let scratch = Scratch::new();
    let files = s3s_fs::FileSystem::new(scratch.path()).expect("a folder");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let bucket = Bucket {
        endpoint: format!("http://{address}"),
        access_key: "packguard".into(),
        secret_key: uuid::Uuid::new_v4().simple().to_string(),
        bucket: "packguard".into(),
        region: "us-east-1".into(),
    };
    let mut service = S3ServiceBuilder::new(files);
    let auth = SimpleAuth::from_single(bucket.access_key.clone(), bucket.secret_key.clone());
    service.set_auth(auth);
    let service = HandleError::new(service.build(), async |error: s3s::HttpError| {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}"))
    });
    let router = Router::new().fallback_service(service);
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    bucket.create().await;
    LocalS3 {
        bucket,
        task,
        _scratch: scratch,
    }
}
