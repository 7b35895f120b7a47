//! Which server, and the API key for it: from the environment, or from the file that
//! `sdk login` writes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::{Host, Url};
use zeroize::{Zeroize as _, Zeroizing};

use crate::failure::{Failure, environment, usage};
use crate::private;

/// The server's address.
const URL: &str = "PACKGUARD_URL";

/// The key.
pub(crate) const KEY: &str = "PACKGUARD_API_KEY";

/// Largest file with a login, bytes.
const MAX_FILE: u64 = 16 << 10;

/// Characters of a key, at most: as many as a server reads.
pub(crate) const MAX_KEY: usize = 256;

/// A server and a key for it.
pub(crate) struct Login {
    /// Its path ends with `/`.
    pub url: Url,
    pub key: Zeroizing<String>,
    /// Whether the key comes from the environment.
    pub key_given: bool,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    url: String,
    api_key: String,
}

impl Login {
    /// The login in force. A key is sent to the server that it was given for, and no other: an
    /// address from the environment takes a key from there.
    pub(crate) fn find() -> Result<Self, Failure> {
        let (url, key) = (variable(URL)?, variable(KEY)?.map(Zeroizing::new));
        if let (Some(url), Some(key)) = (&url, &key) {
            let (url, key) = (address(url)?, key.clone());
            return Ok(Self {
                url,
                key,
                key_given: true,
            });
        }
        let Some(stored) = Self::stored()? else {
            return Err(environment(
                match (&url, &key) {
                    (None, Some(_)) => format!("{KEY} is set, but no server is named"),
                    (Some(_), None) => format!("{URL} is set, but there is no key for it"),
                    _ => "you are not logged in".into(),
                },
                format!(
                    "log in: sdk login https://packguard.example.com; or set both {URL} and {KEY}"
                ),
            ));
        };
        if let Some(url) = &url
            && address(url)? != stored.url
        {
            return Err(usage(
                format!(
                    "{URL} names another server than the one that you are logged in to, {}",
                    stored.url
                ),
                format!("set {KEY} too, or log in there: a key is sent to no other server"),
            ));
        }
        Ok(match key {
            Some(key) => Self {
                key,
                key_given: true,
                ..stored
            },
            None => stored,
        })
    }

    /// The one in the file.
    pub(crate) fn stored() -> Result<Option<Self>, Failure> {
        let path = file()?;
        let Some(text) = private::read(&path, MAX_FILE)? else {
            return Ok(None);
        };
        let wrong = |_| {
            usage(
                format!("{} makes no sense", path.display()),
                "log in again: sdk login URL",
            )
        };
        let stored: Stored = toml::from_str(&text).map_err(wrong)?;
        Ok(Some(Self {
            url: address(&stored.url)?,
            key: Zeroizing::new(stored.api_key),
            key_given: false,
        }))
    }

    /// Writes the file, and gives its place.
    pub(crate) fn store(&self) -> Result<PathBuf, Failure> {
        let path = file()?;
        let mut stored = Stored {
            url: self.url.to_string(),
            api_key: self.key.to_string(),
        };
        let text = toml::to_string(&stored).map(Zeroizing::new);
        stored.api_key.zeroize();
        let text = text.map_err(|error| {
            environment(error, "this is a defect of Packguard: please report it")
        })?;
        private::write(&path, &text)?;
        Ok(path)
    }

    /// Whether others on the way could read the key.
    pub(crate) fn is_exposed(&self) -> bool {
        self.url.scheme() == "http" && !self.is_loopback()
    }

    /// Whether the server is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
    }
}

/// Where the login stands.
pub(crate) fn file() -> Result<PathBuf, Failure> {
    private::file("login.toml")
}

/// Reads a server's address.
pub(crate) fn address(text: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| {
        usage(
            format!("the server's address {why}"),
            "write it as in https://packguard.example.com",
        )
    };
    let mut url = Url::parse(text.trim()).map_err(|_| wrong("is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("is neither https nor http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a name or password: the API key is asked for"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or fragment"));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(usage(format!("{name} is no text"), "set it again"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_no_secrets_and_end_with_a_slash() {
        let read = |text: &str| address(text).map(|url| url.to_string()).ok();
        assert_eq!(
            read("https://packguard.example.com").as_deref(),
            Some("https://packguard.example.com/")
        );
        assert_eq!(
            read(" http://127.0.0.1:8080/api-of/it ").as_deref(),
            Some("http://127.0.0.1:8080/api-of/it/")
        );
        for bad in [
            "",
            "packguard.example.com",
            "ftp://example.com",
            "file:///etc",
            "https://me:secret@example.com",
            "https://example.com/?key=1",
            "https://example.com/#a",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_are_exposed_by_http_to_other_machines() {
        let exposed = |text: &str| {
            let url = address(text).unwrap();
            Login {
                url,
                key: Zeroizing::default(),
                key_given: false,
            }
            .is_exposed()
        };
        assert!(exposed("http://packguard.example.com"));
        assert!(exposed("http://192.0.2.1"));
        for safe in [
            "https://packguard.example.com",
            "http://localhost:8080",
            "http://[::1]:8080",
            "http://127.0.0.1",
        ] {
            assert!(!exposed(safe), "{safe}");
        }
    }
}
