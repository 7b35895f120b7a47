//! What stands outside: database, queue, storage.

use super::super::setting::{Secrecy, Setting};
use super::{ALL, BOTH, OPERATED, PROCESSES, QUEUED, SERVED};

pub(super) const POSTGRES: &[Setting] = &[
    Setting::open(
        "DATABASE_URL",
        "",
        ALL,
        "The database, as in `postgres://packguard@db.example.com/packguard`. Required.",
    )
    .kept(Secrecy::Url),
    Setting::open(
        "DATABASE_POOL_SIZE",
        "16",
        BOTH,
        "Connections of this process, at most. Postgres takes 97 as it is shipped: six processes.",
    ),
    Setting::open(
        "DATABASE_ACQUIRE_TIMEOUT",
        "5s",
        ALL,
        "How long to wait for a connection, the time to make one included. Below the request's timeout.",
    ),
    Setting::open(
        "DATABASE_STATEMENT_TIMEOUT",
        "15s",
        OPERATED,
        "When Postgres ends a statement. They are made to take milliseconds; one that hangs would keep its connection and its locks. At most `25s`: after 30 s without an answer the connection counts as dead.",
    ),
];

pub(super) const REDIS: &[Setting] = &[
    Setting::open(
        "REDIS_URL",
        "",
        QUEUED,
        "Redis or Valkey, as in `redis://redis.example.com:6379/0`; `rediss` for TLS, `unix` for a socket, `redis+sentinel://host:port,host:port/MASTER` for sentinels. Required.",
    )
    .kept(Secrecy::Url),
    Setting::open(
        "QUEUE_NAME",
        "analysis_tasks",
        QUEUED,
        "Names the keys in Redis. Two deployments may share a Redis under two names.",
    ),
    Setting::open(
        "REDIS_CONNECT_TIMEOUT",
        "2s",
        QUEUED,
        "How long making a connection may take. One inside a datacentre takes milliseconds.",
    ),
    Setting::open(
        "REDIS_RESPONSE_TIMEOUT",
        "5s",
        QUEUED,
        "How long an answer may take. Scripts take microseconds; the rest is for a failover.",
    ),
];

pub(super) const STORAGE: &[Setting] = &[
    Setting::open(
        "STORAGE_URL",
        "",
        PROCESSES,
        "Where reports and uploads are: `s3://bucket/prefix`, or `file:///folder` where all processes see the same folder. Required.",
    ),
    Setting::open(
        "STORAGE_ENDPOINT",
        "",
        PROCESSES,
        "The S3 server, as in `https://s3.example.com`, without the bucket. Required with `s3://`.",
    ),
    Setting::open(
        "STORAGE_PUBLIC_ENDPOINT",
        "",
        SERVED,
        "The same server as clients reach it, where that differs: presigned URLs are made for it.",
    ),
    Setting::open(
        "STORAGE_REGION",
        "us-east-1",
        PROCESSES,
        "The region that requests are signed for. The default is what servers without regions expect.",
    ),
    Setting::open(
        "STORAGE_ACCESS_KEY_ID",
        "",
        PROCESSES,
        "The name of the access key. Required with `s3://`.",
    ),
    Setting::open(
        "STORAGE_SECRET_ACCESS_KEY",
        "",
        PROCESSES,
        "The access key's secret. Required with `s3://`.",
    )
    .kept(Secrecy::Secret),
    Setting::open(
        "STORAGE_PATH_STYLE",
        "true",
        PROCESSES,
        "The bucket stands in the path, which every server understands; `false` puts it before the host (`https://bucket.s3.example.com`), as DigitalOcean Spaces and AWS want it.",
    ),
    Setting::open(
        "STORAGE_CONNECT_TIMEOUT",
        "5s",
        PROCESSES,
        "How long making a connection may take, TLS included.",
    ),
    Setting::open(
        "STORAGE_REQUEST_TIMEOUT",
        "30s",
        PROCESSES,
        "How long the server may take to answer, and to pause while it answers. Requests carry up to 8 MiB, which take that long at 300 KB/s.",
    ),
    Setting::open(
        "STORAGE_RETRIES",
        "3",
        PROCESSES,
        "How often a failed request is repeated, with growing pauses from 100 ms. What lasts longer is the task's next attempt's business.",
    ),
    Setting::open(
        "STORAGE_DOWNLOADS",
        "stream",
        SERVED,
        "How clients get reports: `stream` through the API; `redirect` to a presigned URL, which spares the API the bytes but lets clients see the server.",
    ),
    Setting::open(
        "STORAGE_URL_EXPIRY",
        "5m",
        SERVED,
        "How long a presigned URL works: long enough for clocks that differ, short for what is handed on by mistake.",
    ),
];
