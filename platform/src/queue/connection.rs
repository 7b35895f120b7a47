//! The connection to Redis.
//!
//! One multiplexed connection per process carries all commands; a failure replaces it. The client
//! library's own connection manager is not used, for three reasons: it knows no sentinels, it keeps
//! a connection whose answers no longer come (a cut without a reset), and it keeps one to a server
//! that has become a replica.
//!
//! State: [`Slot`], the connection in use and its number. Whoever meets a broken connection throws
//! away the one with *that* number, so a hundred callers who meet the same cut replace it once.
//! Connecting happens under the slot's lock: one attempt at a time, and after a failure none for
//! [`PAUSE`], in which callers get the last error at once rather than queue up.
//!
//! Failure rule: a command is sent a second time only if the connection broke *and* the command is
//! harmless to repeat. All others report [`QueueError::Unavailable`], and the caller decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, RedisError,
    ScriptInvocation, ServerErrorKind, TlsCertificates,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::QueueError;
use super::address::{Address, Sentinels};

/// After a failed attempt: long enough that a thousand callers make no storm of attempts, short
/// against the seconds that a restart takes.
const PAUSE: Duration = Duration::from_millis(200);

/// Commands waiting to be written. The library's 50 makes callers wait for each other; a thousand
/// small ones are some hundred kilobytes.
const BUFFERED: usize = 1024;

/// Where Redis is, and how long to wait for it.
#[derive(Clone)]
pub struct QueueConfig {
    /// `redis://`, `rediss://`, `unix://` or
    /// `redis+sentinel://[user:password@]host:port,host:port/MASTER_NAME[/database]`. Behind
    /// `rediss://` goes `?root_certificate=FILE` (PEM) where a private authority signed the server's
    /// certificate.
    pub url: String,
    /// The prefix of all keys: letters, digits and `_-.:`.
    pub name: String,
    /// For reaching Redis (and, with sentinels, finding it).
    pub connect_timeout: Duration,
    /// For the answer to a command.
    pub command_timeout: Duration,
}

impl QueueConfig {
    /// The name that the keys had in the old service.
    pub const DEFAULT_NAME: &'static str = "analysis_tasks";
    /// A handshake with TLS in another region takes half a second.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
    /// Scripts take a few ms, but the fork for a snapshot can stop a large Redis for a second.
    pub const DEFAULT_COMMAND_TIMEOUT: Duration = Duration::from_secs(2);

    /// With the defaults.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            name: Self::DEFAULT_NAME.into(),
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            command_timeout: Self::DEFAULT_COMMAND_TIMEOUT,
        }
    }
}

// Written by hand: the URL can hold a password.
impl std::fmt::Debug for QueueConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueueConfig")
            .field("name", &self.name)
            .field("connect_timeout", &self.connect_timeout)
            .field("command_timeout", &self.command_timeout)
            .finish_non_exhaustive()
    }
}

/// Whether a command may be sent again after the connection broke under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It changes nothing, or doing it twice is doing it once.
    Harmless,
    /// Its answer would differ.
    Never,
}

/// A connection that mends itself. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Inner>);

struct Inner {
    source: Source,
    connect_timeout: Duration,
    command_timeout: Duration,
    slot: Mutex<Slot>,
}

enum Source {
    Direct(Box<Client>),
    Sentinels(Box<Mutex<SentinelClient>>),
}

#[derive(Default)]
struct Slot {
    connection: Option<MultiplexedConnection>,
    /// Of the connection: +1 with each new one.
    number: u64,
    failed: Option<(Instant, QueueError)>,
}

impl Connection {
    /// Does not connect yet.
    pub(crate) fn new(config: &QueueConfig) -> Result<Self, QueueError> {
        let source = match Address::parse(&config.url)? {
            Address::Direct(info) => Source::Direct(Box::new(Client::open(*info)?)),
            Address::Private(info, pem) => {
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert: Some(pem),
                };
                Source::Direct(Box::new(Client::build_with_tls(*info, certificates)?))
            }
            Address::Sentinels(sentinels) => {
                Source::Sentinels(Box::new(Mutex::new(sentinel_client(sentinels)?)))
            }
        };
        Ok(Self(Arc::new(Inner {
            source,
            connect_timeout: config.connect_timeout,
            command_timeout: config.command_timeout,
            slot: Mutex::default(),
        })))
    }

    /// How long to wait for a command's answer.
    pub(crate) fn command_timeout(&self) -> Duration {
        self.0.command_timeout
    }

    /// How long to wait for a connection.
    pub(crate) fn connect_timeout(&self) -> Duration {
        self.0.connect_timeout
    }

    /// Runs a script, loading it first if the server does not know it.
    pub(crate) async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        repeat: Repeat,
    ) -> Result<T, QueueError> {
        let mut first = true;
        loop {
            let (mut connection, number) = self.current().await?;
            match script.invoke_async(&mut connection).await {
                Ok(answer) => return Ok(answer),
                Err(error) if self.replaced(&error, repeat, number).await && first => first = false,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends a command.
    pub(crate) async fn query<T: FromRedisValue>(
        &self,
        command: &Cmd,
        repeat: Repeat,
    ) -> Result<T, QueueError> {
        let mut first = true;
        loop {
            let (mut connection, number) = self.current().await?;
            match command.query_async(&mut connection).await {
                Ok(answer) => return Ok(answer),
                Err(error) if self.replaced(&error, repeat, number).await && first => first = false,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Throws the connection away if that error says so; whether to send the command again.
    async fn replaced(&self, error: &RedisError, repeat: Repeat, number: u64) -> bool {
        let read_only = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
        if !(error.is_io_error() || error.is_unrecoverable_error() || read_only) {
            return false;
        }
        let mut slot = self.0.slot.lock().await;
        if slot.number == number {
            slot.connection = None;
        }
        // A replica does nothing of what it refuses. After a time-out the server may be at it still.
        read_only || (repeat == Repeat::Harmless && error.is_connection_dropped())
    }

    async fn current(&self) -> Result<(MultiplexedConnection, u64), QueueError> {
        let mut slot = self.0.slot.lock().await;
        if let Some(connection) = &slot.connection {
            return Ok((connection.clone(), slot.number));
        }
        if let Some((when, error)) = &slot.failed
            && when.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        match self.open(Some(self.0.command_timeout)).await {
            Ok(connection) => {
                slot.number += 1;
                slot.connection = Some(connection.clone());
                slot.failed = None;
                Ok((connection, slot.number))
            }
            Err(error) => {
                slot.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// A new connection of its own. Without `answers_within` the caller watches the time.
    pub(crate) async fn open(
        &self,
        answers_within: Option<Duration>,
    ) -> Result<MultiplexedConnection, QueueError> {
        let client = self.client().await?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.0.connect_timeout))
            .set_response_timeout(answers_within)
            .set_pipeline_buffer_size(BUFFERED);
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        // The library's time-out does not cover everything: TLS, for one, and the greeting.
        Ok(timeout(self.0.connect_timeout, connecting)
            .await
            .map_err(|_| too_slow(self.0.connect_timeout))??)
    }

    /// A client for the server that is the master now.
    pub(crate) async fn client(&self) -> Result<Client, QueueError> {
        match &self.0.source {
            Source::Direct(client) => Ok(Client::clone(client)),
            Source::Sentinels(sentinels) => {
                let finding = async { sentinels.lock().await.async_get_client().await };
                Ok(timeout(self.0.connect_timeout, finding)
                    .await
                    .map_err(|_| too_slow(self.0.connect_timeout))??)
            }
        }
    }
}

fn too_slow(limit: Duration) -> QueueError {
    QueueError::Unavailable(format!("no connection within {} ms", limit.as_millis()))
}

fn sentinel_client(sentinels: Sentinels) -> Result<SentinelClient, QueueError> {
    let nodes = sentinels
        .nodes
        .into_iter()
        .map(|(host, port)| ConnectionAddr::Tcp(host, port));
    let mut builder =
        SentinelClientBuilder::new(nodes, sentinels.master, SentinelServerType::Master)?
            .set_client_to_redis_db(sentinels.database);
    if let Some(user) = sentinels.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = sentinels.password {
        builder = builder.set_client_to_redis_password(password);
    }
    Ok(builder.build()?)
}
