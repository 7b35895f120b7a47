//! Which Redis will do.

use std::time::Duration;

use super::connection::Repeat;
use super::{Queue, QueueError};

/// Oldest version: `ZRANGE`'s relatives used here are older, but 6.2 is the oldest one that still got
/// security fixes when this was written.
const OLDEST: (u32, u32) = (6, 2);

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `redis_version`: of a Valkey the Redis version that it is compatible with.
    pub version: String,
    /// What it does when memory is full.
    pub maxmemory_policy: String,
    /// Bytes; 0 = no limit.
    pub maxmemory: u64,
    /// Bytes in use.
    pub used_memory: u64,
}

impl Queue {
    /// Asks the server what it is, and refuses one that could evict keys or is too old. `INFO` is
    /// used because managed services forbid `CONFIG`.
    ///
    /// # Errors
    /// `Refused` says what to set.
    pub async fn check_server(&self) -> Result<Server, QueueError> {
        let info = redis::cmd("INFO").take();
        let info: String = self.0.connection.query(&info, Repeat::Harmless).await?;
        let server = Server::parse(&info)?;
        server.check()?;
        Ok(server)
    }

    /// The server's clock, since the Unix epoch.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn server_time(&self) -> Result<Duration, QueueError> {
        let time = redis::cmd("TIME").take();
        let (seconds, micros): (u64, u64) =
            self.0.connection.query(&time, Repeat::Harmless).await?;
        Ok(Duration::from_secs(seconds) + Duration::from_micros(micros))
    }

    /// Whether Redis answers: for readiness.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), QueueError> {
        let ping = redis::cmd("PING").take();
        let _: String = self.0.connection.query(&ping, Repeat::Harmless).await?;
        Ok(())
    }
}

impl Server {
    fn parse(info: &str) -> Result<Self, QueueError> {
        let field = |name: &str| {
            info.lines()
                .filter_map(|line| line.trim_end().split_once(':'))
                .find_map(|(key, value)| (key == name).then_some(value))
                .ok_or_else(|| QueueError::Protocol(format!("INFO does not tell {name}")))
        };
        let number = |name: &str| {
            field(name)?
                .parse()
                .map_err(|_| QueueError::Protocol(format!("{name} in INFO is no number")))
        };
        Ok(Self {
            version: field("redis_version")?.to_owned(),
            maxmemory_policy: field("maxmemory_policy")?.to_owned(),
            maxmemory: number("maxmemory")?,
            used_memory: number("used_memory")?,
        })
    }

    fn check(&self) -> Result<(), QueueError> {
        let mut parts = self.version.split('.').map(str::parse);
        let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else {
            return Err(QueueError::Protocol(format!(
                "`{}` is no version",
                self.version
            )));
        };
        if (major, minor) < OLDEST {
            return Err(QueueError::Refused(format!(
                "its version is {}; use Redis 6.2 or later, or Valkey",
                self.version
            )));
        }
        if self.maxmemory_policy != "noeviction" {
            return Err(QueueError::Refused(format!(
                "its maxmemory-policy is {}, which could throw queued tasks away; set \
                 `maxmemory-policy noeviction` (redis.conf, CONFIG SET, or the console of the \
                 managed service)",
                self.maxmemory_policy
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(version: &str, policy: &str) -> String {
        format!(
            "# Server\r\nredis_version:{version}\r\n# Memory\r\nused_memory:7\r\nmaxmemory:0\r\n\
             maxmemory_policy:{policy}\r\n"
        )
    }

    #[test]
    fn versions() {
        for (version, fine) in [
            ("6.2.0", true),
            ("7.0.15", true),
            ("7.2", true),
            ("10.0.0", true),
            ("6.0.16", false),
            ("5.0.14", false),
        ] {
            let server = Server::parse(&info(version, "noeviction")).unwrap();
            assert_eq!(server.check().is_ok(), fine, "{version}");
        }
        let odd = Server::parse(&info("x", "noeviction")).unwrap();
        assert!(matches!(odd.check(), Err(QueueError::Protocol(_))));
    }

    #[test]
    fn policies() {
        for policy in [
            "allkeys-lru",
            "volatile-lru",
            "volatile-ttl",
            "allkeys-random",
        ] {
            let server = Server::parse(&info("7.0.15", policy)).unwrap();
            let Err(QueueError::Refused(text)) = server.check() else {
                panic!("{policy} is taken")
            };
            assert!(
                text.contains(policy) && text.contains("noeviction"),
                "{text}"
            );
        }
    }

    #[test]
    fn what_info_lacks_is_named() {
        let error = Server::parse("redis_version:7.0.0\r\n").unwrap_err();
        assert!(error.to_string().contains("maxmemory_policy"), "{error}");
    }
}
