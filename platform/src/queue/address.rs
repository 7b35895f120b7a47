//! `REDIS_URL`: one server, or sentinels that know where it is.

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use url::Url;

use super::QueueError;

const SENTINEL: &str = "redis+sentinel://";

/// The port sentinels listen on unless told otherwise.
const SENTINEL_PORT: u16 = 26379;

/// More than anybody runs; bounds what a URL can make us do.
const MOST_SENTINELS: usize = 16;

/// Where Redis is.
#[derive(Debug)]
pub(crate) enum Address {
    /// There.
    Direct(Box<ConnectionInfo>),
    /// There, with TLS; its certificate is signed by this authority (PEM).
    Private(Box<ConnectionInfo>, Vec<u8>),
    /// These know.
    Sentinels(Sentinels),
}

/// Sentinels, and what they watch. User and password are for the Redis servers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sentinels {
    pub(crate) nodes: Vec<(String, u16)>,
    pub(crate) master: String,
    pub(crate) database: i64,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

impl Address {
    /// Errors never repeat the URL: it can hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, QueueError> {
        if let Some(rest) = url.strip_prefix(SENTINEL) {
            return sentinels(rest).map(Self::Sentinels).map_err(|problem| {
                QueueError::Refused(format!(
                    "REDIS_URL: {problem}; it should be \
                     redis+sentinel://[user:password@]host:port,host:port/MASTER_NAME[/database]"
                ))
            });
        }
        let info = url.into_connection_info().map_err(|error| {
            QueueError::Refused(format!(
                "REDIS_URL: {error}; it should start with redis://, rediss://, unix:// or {SENTINEL}"
            ))
        })?;
        match root_certificate(url) {
            None => Ok(Self::Direct(Box::new(info))),
            Some(_) if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) => {
                Err(QueueError::Refused(
                    "REDIS_URL: a root certificate is given, but it should then start with rediss://"
                        .into(),
                ))
            }
            Some(file) => match std::fs::read(&file) {
                Ok(pem) => Ok(Self::Private(Box::new(info), pem)),
                Err(error) => Err(QueueError::Refused(format!(
                    "REDIS_URL: root_certificate={file}: {error}; it should be a readable PEM file"
                ))),
            },
        }
    }
}

/// What the library does not know of.
fn root_certificate(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let mut pairs = url.query_pairs();
    pairs.find_map(|(name, value)| (name == "root_certificate").then(|| value.into_owned()))
}

fn sentinels(rest: &str) -> Result<Sentinels, String> {
    let (authority, path) = rest.split_once('/').ok_or("the master's name is missing")?;
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (Some(login), hosts),
        None => (None, authority),
    };
    let (master, database) = path.split_once('/').unwrap_or((path, ""));
    if master.is_empty() {
        return Err("the master's name is missing".into());
    }
    let database = match database {
        "" => 0,
        text => text
            .parse::<u16>()
            .map_err(|_| "the database is no number")?
            .into(),
    };
    let nodes = hosts.split(',').map(node).collect::<Result<Vec<_>, _>>()?;
    if nodes.len() > MOST_SENTINELS {
        return Err(format!("more than {MOST_SENTINELS} sentinels"));
    }
    let (user, password) = match login {
        None => (None, None),
        Some(login) => {
            let (user, password) = login
                .split_once(':')
                .ok_or("the login has no `:`; without a user it is `:password@`")?;
            (
                Some(decode(user)?).filter(|u| !u.is_empty()),
                Some(decode(password)?),
            )
        }
    };
    Ok(Sentinels {
        nodes,
        master: decode(master)?,
        database,
        user,
        password,
    })
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn node(text: &str) -> Result<(String, u16), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("a `]` is missing")?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().map_err(|_| "a port is no number")?,
        None if port.is_empty() => SENTINEL_PORT,
        None => return Err("there is something between `]` and the port".into()),
    };
    if host.is_empty() || port == 0 {
        return Err("a sentinel has no host, or port 0".into());
    }
    Ok((host.to_owned(), port))
}

fn decode(text: &str) -> Result<String, String> {
    Ok(percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| "what is percent-encoded is no UTF-8")?
        .into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(url: &str) -> Result<Sentinels, QueueError> {
        match Address::parse(url)? {
            Address::Sentinels(sentinels) => Ok(sentinels),
            _ => panic!("{url} is no list of sentinels"),
        }
    }

    #[test]
    fn sentinels_with_everything() {
        let url =
            "redis+sentinel://me:p%40ss%2F@a.example.com:1,b.example.com,[2001:db8::1]:3/main/2";
        let expected = Sentinels {
            nodes: vec![
                ("a.example.com".into(), 1),
                ("b.example.com".into(), SENTINEL_PORT),
                ("2001:db8::1".into(), 3),
            ],
            master: "main".into(),
            database: 2,
            user: Some("me".into()),
            password: Some("p@ss/".into()),
        };
        assert_eq!(parsed(url).unwrap(), expected);
        let plain = parsed("redis+sentinel://:secret@h/m").unwrap();
        assert_eq!((plain.user, plain.password), (None, Some("secret".into())));
    }

    #[test]
    fn refusals_say_what_to_write_and_keep_the_password() {
        for url in [
            "redis+sentinel://me:secret@h:1",
            "redis+sentinel://me:secret@h:1/",
            "redis+sentinel://me:secret@h:x/m",
            "redis+sentinel://me:secret@h:1,/m",
            "redis+sentinel://me:secret@[::1/m",
            "redis+sentinel://me:secret@h:1/m/x",
            "redis+sentinel://secret@h:1/m",
            "redis+sentinel://me:secret@h:1/m?root_certificate=/x",
            "redis://me:secret@h:1/?root_certificate=/x",
            "rediss://me:secret@h:1/?root_certificate=/no/such/file",
            "http://me:secret@h:1/",
            "redis://me:secret@h:1/x",
            "secret",
            "",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(matches!(error, QueueError::Refused(_)), "{url}: {error}");
            let text = error.to_string();
            assert!(
                text.contains("REDIS_URL") && text.contains("should"),
                "{text}"
            );
            assert!(!text.contains("secret"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(rest in "[a-z0-9:@/,\\[\\]%]{0,40}") {
            let _ = Address::parse(&format!("{SENTINEL}{rest}"));
        }
    }
}
