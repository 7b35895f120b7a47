//! Where a delivery may go: a client chooses the address, so it could be made to reach what
//! only this server can (SSRF).
//!
//! - `https`, and where private addresses are allowed `http` too;
//! - port 80, 443, or 1024 and above: below are services that take a request for something
//!   else (mail, for example);
//! - no user and password in the URL: it is shown in lists and logs;
//! - no private address, unless the configuration allows them. Names are resolved by
//!   [`GuardedResolver`], and what it lets through is what is connected to, so a name
//!   that resolves to something else the next time (DNS rebinding) gains nothing. Addresses
//!   written as such, which no resolver sees, are checked before each attempt;
//! - redirects are not followed and proxies not used: see `send.rs`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::registry::address::is_public;

/// Longest URL that is taken: what servers and proxies take.
const MAX_URL: usize = 2_048;

/// Why a delivery may not go there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    /// It can't be read.
    #[error("it is no URL: give one such as https://example.com/hook")]
    NoUrl,
    /// It is too long.
    #[error("it has more than {MAX_URL} bytes")]
    TooLong,
    /// Wrong scheme.
    #[error("it has to begin with https://")]
    NotHttps,
    /// Wrong scheme, where http would do.
    #[error("it has to begin with https:// or http://")]
    NotHttp,
    /// It has a user or a password.
    #[error("it must hold no user and no password: deliveries are signed instead")]
    Credentials,
    /// Wrong port.
    #[error("port {0} is not delivered to: use 443, 80, or 1024 and above")]
    Port(u16),
    /// A private address.
    #[error("its address is private, and deliveries go to public ones only")]
    Private,
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    allow_private: bool,
}

impl Guard {
    /// With or without private addresses.
    pub fn new(allow_private: bool) -> Self {
        Self { allow_private }
    }

    /// Reads a URL that a client gave.
    ///
    /// # Errors
    /// When deliveries may not go there.
    pub fn parse(self, text: &str) -> Result<Url, UrlProblem> {
        if text.len() > MAX_URL {
            return Err(UrlProblem::TooLong);
        }
        // The parser drops these silently; whoever reads the text would see another URL.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(UrlProblem::NoUrl);
        }
        let url = Url::parse(text).map_err(|_| UrlProblem::NoUrl)?;
        self.check(&url)?;
        Ok(url)
    }

    /// Checks what can be told without resolving a name.
    ///
    /// # Errors
    /// When deliveries may not go there.
    pub fn check(self, url: &Url) -> Result<(), UrlProblem> {
        match (url.scheme(), self.allow_private) {
            ("https", _) | ("http", true) => {}
            (_, true) => return Err(UrlProblem::NotHttp),
            (_, false) => return Err(UrlProblem::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlProblem::Credentials);
        }
        match url.port_or_known_default() {
            Some(80 | 443 | 1024..) => {}
            port => return Err(UrlProblem::Port(port.unwrap_or(0))),
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(UrlProblem::NoUrl),
        };
        if address.is_some_and(|address| !self.allows(address)) {
            return Err(UrlProblem::Private);
        }
        Ok(())
    }

    /// Whether an address may be connected to.
    pub(super) fn allows(self, address: IpAddr) -> bool {
        self.allow_private || is_public(address)
    }
}

/// A name that leads nowhere but inside.
#[derive(Debug, thiserror::Error)]
#[error("its name resolves to private addresses only")]
pub(super) struct PrivateName;

/// Hands on only the addresses that may be connected to.
pub(super) struct GuardedResolver {
    guard: Guard,
    names: Arc<dyn Resolve>,
}

impl GuardedResolver {
    /// Filters what `names` finds.
    pub(super) fn new(guard: Guard, names: Arc<dyn Resolve>) -> Self {
        Self { guard, names }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, found) = (self.guard, self.names.resolve(name));
        Box::pin(async move {
            let allowed: Vec<SocketAddr> = found.await?.filter(|a| guard.allows(a.ip())).collect();
            if allowed.is_empty() {
                return Err(PrivateName.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Resolves as the system does.
pub(super) struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
