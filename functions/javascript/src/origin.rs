//! What belongs to the package: its names, its repository, its hosts.
//!
//! Install scripts of honest packages download their own binaries. A download counts
//! as the package's own when its host or path carries the package's names, or when it
//! comes from the registry.

use sha2::{Digest as _, Sha256};

/// The host of the public npm registry, as a digest: the repository names no registry.
const REGISTRY_DIGEST: &str = "0dc11026ac75c015aaa1deafff4a7a54ef6d0cf6b3c7f9b1d2c8f3502929aa9e";

/// Names shorter than this belong to too many.
const SHORTEST_NAME: usize = 4;

/// The package's own names.
#[derive(Debug, Default)]
pub struct Own {
    /// Lower-case words: package name, scope, repository owner and name.
    words: Vec<String>,
    /// Hosts of its home page.
    hosts: Vec<String>,
    /// Lower-case names that are whole, and their first words.
    names: Vec<String>,
}

impl Own {
    /// Adds a package name or scope.
    pub fn add_name(&mut self, name: &str) {
        let name = name.trim_start_matches('@').to_ascii_lowercase();
        for part in name.split(['/', '@']) {
            for name in [part, part.split(['-', '_', '.']).next().unwrap_or_default()] {
                if name.len() >= SHORTEST_NAME {
                    self.names.push(name.to_owned());
                }
            }
            self.add_word(part);
            for word in part.split(['-', '_', '.']) {
                self.add_word(word);
            }
        }
    }

    fn add_word(&mut self, word: &str) {
        const COMMON: &[&str] = &[
            "node",
            "core",
            "test",
            "http",
            "https",
            "install",
            "client",
            "server",
            "utils",
            "json",
            "types",
            "plugin",
            "react",
            "github",
            "gitlab",
            "download",
            "cdn",
            "files",
            "static",
            "tools",
            "build",
            "main",
            "index",
            "module",
            "package",
            "cache",
            "loader",
            "config",
            "common",
            "helper",
            "helpers",
            "service",
            "services",
            "image",
            "images",
            "data",
            "file",
            "code",
            "fast",
            "lite",
            "simple",
            "color",
            "colors",
            "style",
            "styles",
            "hash",
            "sync",
            "async",
            "stream",
            "parser",
            "logger",
            "event",
            "events",
            "format",
            "tool",
            "update",
            "setup",
            "native",
            "binary",
            "hook",
            "hooks",
            "worker",
            "session",
            "token",
            "auth",
            "proxy",
            "agent",
            "release",
            "releases",
            "assets",
            "storage",
            "cloud",
            "javascript",
            "typescript",
        ];
        if word.len() >= SHORTEST_NAME
            && !COMMON.contains(&word)
            && !self.words.iter().any(|have| have == word)
        {
            self.words.push(word.to_owned());
        }
    }

    /// Adds a home page or repository.
    pub fn add_url(&mut self, url: &str) {
        let url = url.to_ascii_lowercase();
        if !url.contains('.') {
            // `owner/name`, `github:owner/name`.
            let path = url.rsplit(':').next().unwrap_or_default();
            for part in path.split('/').take(2) {
                self.add_name(part);
            }
            return;
        }
        let rest = url.split_once("://").map_or(&*url, |(_, rest)| rest);
        let (host, path) = rest.split_once(['/', ':']).unwrap_or((rest, ""));
        let host = host.rsplit('@').next().unwrap_or_default();
        let shared = ["github.com", "gitlab.com", "bitbucket.org"];
        if shared.iter().any(|name| host.contains(name)) || !host.contains('.') {
            for part in path.split('/').take(2) {
                self.add_name(part.trim_end_matches(".git"));
            }
        } else {
            self.hosts.push(host.trim_start_matches("www.").to_owned());
        }
    }

    /// Whether a host is the package's home by its whole name: words that a name merely
    /// contains do not make a host its own where keys are sent.
    pub fn is_home(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let own = |own: &String| host == *own || host.ends_with(&format!(".{own}"));
        let label = host.rsplit('.').nth(1).unwrap_or_default();
        self.hosts.iter().any(own) || self.names.iter().any(|name| name == label)
    }

    /// Whether an address is the package's own or the registry's.
    pub fn owns(&self, address: &str, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        if hex(&Sha256::digest(&host)) == REGISTRY_DIGEST {
            return true;
        }
        let own = |own: &String| {
            let site = site(own).unwrap_or(own);
            host == site || host.ends_with(&format!(".{site}"))
        };
        if self.hosts.iter().any(own) {
            return true;
        }
        let code_host = matches!(
            &*host,
            "github.com" | "raw.githubusercontent.com" | "objects.githubusercontent.com"
        );
        let address = address.to_ascii_lowercase();
        let part = if code_host {
            let path = address.split_once(&*host).map_or("", |(_, path)| path);
            path.split('/').nth(1).unwrap_or_default().to_owned()
        } else {
            // The registrable name, not a label in front that anybody can set.
            let mut labels = host.rsplit('.');
            let last = labels.nth(1).unwrap_or_default();
            last.to_owned()
        };
        !part.is_empty() && self.words.iter().any(|word| part.contains(word.as_str()))
    }
}

/// The registered name that a host belongs to: `git.acme.example` and
/// `downloads.acme.example` are one owner's. Nothing where strangers have names of their own.
fn site(host: &str) -> Option<&str> {
    const SHARED: &[&str] = &[
        "github.io",
        "gitlab.io",
        "githubusercontent.com",
        "vercel.app",
        "netlify.app",
        "pages.dev",
        "workers.dev",
        "web.app",
        "firebaseapp.com",
        "herokuapp.com",
        "onrender.com",
        "surge.sh",
        "fly.dev",
        "glitch.me",
        "replit.app",
        "repl.co",
        "deno.dev",
        "amazonaws.com",
        "cloudfront.net",
        "azurewebsites.net",
        "windows.net",
        "googleapis.com",
        "appspot.com",
        "run.app",
        "digitaloceanspaces.com",
        "readthedocs.io",
        "sourceforge.io",
        "wordpress.com",
        "blogspot.com",
        "ngrok.io",
        "ngrok-free.app",
        "trycloudflare.com",
        "duckdns.org",
    ];
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    let (last, second) = (dots.next()?, dots.next()?);
    let middle = &host[second + 1..last];
    // `co.uk`, `com.br`, `org.au`: two labels that are no one's.
    let public = middle.len() <= 3 && host.len() - last <= 3;
    let site = &host[second + 1..];
    (!public && !SHARED.contains(&site)).then_some(site)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _infallible = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_one_site_are_one_owners_unless_it_is_shared() {
        let mut own = Own::default();
        own.add_url("https://git.acme.example/x");
        own.add_url("https://someone.github.io/x");
        own.add_url("https://git.firm.co.uk/x");
        assert!(own.owns("https://downloads.acme.example/x", "downloads.acme.example"));
        assert!(!own.owns("https://other.github.io/x", "other.github.io"));
        assert!(!own.owns("https://other.co.uk/x", "other.co.uk"));
        assert!(!own.is_home("downloads.acme.example"));
    }

    #[test]
    fn own_hosts_carry_own_names() {
        let mut own = Own::default();
        own.add_name("@acme/frobnicator");
        own.add_url("git+https://github.com/acme-corp/frob.git");
        own.add_url("https://www.frob.example/docs");
        assert!(own.owns("https://dl.frob.example/x", "dl.frob.example"));
        assert!(own.owns("https://cdn.acme.test/x", "cdn.acme.test"));
        assert!(own.owns("https://github.com/acme-corp/x/releases", "github.com"));
        assert!(!own.owns("https://github.com/someone/acme/releases", "github.com"));
        assert!(!own.owns("https://acme.evil.example/", "acme.evil.example"));
        assert!(!own.owns("https://evil.example/acme", "evil.example"));
    }
}
