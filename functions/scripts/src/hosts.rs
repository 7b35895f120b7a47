//! What is known of the hosts that commands name.

use std::ops::Range;

use packguard_sdk::indicators::{Indicator, Kind};

/// How telling a host is. The greater, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// One that projects publish their installers on, or the machine itself.
    Known,
    /// None is named, or nothing is known of it.
    Plain,
    /// A rare top-level domain, a shortener, a chat service.
    Odd,
    /// A bare address, tunnel, paste site, request bin.
    Hostile,
}

/// Domains that projects publish installers, toolchains and releases on.
const PUBLISHERS: &[&str] = &[
    "github.com",
    "githubusercontent.com",
    "github.io",
    "gitlab.com",
    "bitbucket.org",
    "codeberg.org",
    "sourceforge.net",
    "rustup.rs",
    "rust-lang.org",
    "docker.com",
    "nodesource.com",
    "nodejs.org",
    "chocolatey.org",
    "scoop.sh",
    "brew.sh",
    "nixos.org",
    "python-poetry.org",
    "astral.sh",
    "bun.sh",
    "deno.land",
    "dot.net",
    "sdkman.io",
    "pnpm.io",
    "volta.sh",
    "apache.org",
    "gnu.org",
    "kernel.org",
    "debian.org",
    "ubuntu.com",
    "fedoraproject.org",
    "alpinelinux.org",
    "googleapis.com",
    "dl.google.com",
    "go.dev",
    "golang.org",
    "microsoft.com",
    "aka.ms",
    "visualstudio.com",
    "windows.net",
    "azureedge.net",
    "anaconda.com",
    "conda.io",
    "python.org",
    "bootstrap.pypa.io",
    "pypa.io",
    "ruby-lang.org",
    "rvm.io",
    "php.net",
    "getcomposer.org",
    "oracle.com",
    "gradle.org",
    "llvm.org",
    "cmake.org",
    "mozilla.org",
    "jetbrains.com",
    "hashicorp.com",
    "k3s.io",
    "helm.sh",
    "istio.io",
    "codecov.io",
    "codeclimate.com",
    "coveralls.io",
    "sonarsource.com",
    "snyk.io",
    "starship.rs",
    "ohmyz.sh",
    "tailscale.com",
    "fly.io",
    "vercel.com",
    "supabase.com",
    "stripe.com",
    "sentry.io",
    "datadoghq.com",
    "newrelic.com",
    "huggingface.co",
    "nvidia.com",
    "intel.com",
    "amd.com",
    "apple.com",
    "cloudflare.com",
    "sourceware.org",
    "freedesktop.org",
    "qt.io",
    "zlib.net",
    "openssl.org",
    "sqlite.org",
    "postgresql.org",
    "mysql.com",
    "mongodb.org",
    "redis.io",
    "travis-ci.org",
    "travis-ci.com",
    "appveyor.com",
    "circleci.com",
    "wasmer.io",
    "wasmtime.dev",
    "emscripten.org",
    "haskell.org",
    "opam.ocaml.org",
    "foundry.paradigm.xyz",
    "solana.com",
    "eksctl.io",
    "k8s.io",
    "dl.k8s.io",
    "linuxfoundation.org",
    "w3.org",
    "example.net",
    "localhost",
    "127.0.0.1",
    "0.0.0.0",
    "metacpan.org",
    "cpanmin.us",
    "boost.org",
    "jfrog.io",
    "mise.run",
    "mise.jdx.dev",
    "pixi.sh",
    "get.k3s.io",
    "semgrep.dev",
    "goreleaser.com",
    "taskfile.dev",
    "anthropic.com",
    "claude.ai",
    "cursor.com",
    "openai.com",
    "elastic.co",
    "grafana.com",
    "influxdata.com",
    "ros.org",
    "mit.edu",
    "nih.gov",
    "stanford.edu",
    "amazonaws.com/awscli",
    "aws.amazon.com",
    "awscli.amazonaws.com",
];

/// The host names of the URLs in a text, without user and port.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("://").filter_map(|(at, _)| {
        let rest = &text[at + 3..];
        let end = rest
            .find(|c: char| {
                !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | ':'))
            })
            .unwrap_or(rest.len());
        let host = rest[..end].rsplit('@').next().unwrap_or_default();
        let host = host
            .split(':')
            .next()
            .unwrap_or_default()
            .trim_end_matches('.');
        (!host.is_empty()).then_some(host)
    })
}

fn is_known(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    PUBLISHERS.iter().any(|known| {
        host.strip_suffix(known)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

/// The worst host named in a part of a text.
pub fn worst(text: &str, range: &Range<usize>, indicators: &[Indicator]) -> Host {
    let near = indicators
        .iter()
        .filter(|one| one.range.start < range.end && range.start < one.range.end);
    let told = near
        .filter_map(|one| match one.kind {
            Kind::ChatApi => Some(Host::Hostile),
            kind if kind.is_hostile_host() => Some(Host::Hostile),
            Kind::RareTld if is_known(&one.text) => None,
            Kind::RareTld | Kind::Shortener => Some(Host::Odd),
            _ => None,
        })
        .max();
    if let Some(told) = told {
        return told;
    }
    let part = text.get(range.clone()).unwrap_or_default();
    let mut named = names(part).peekable();
    if named.peek().is_some() && named.all(is_known) {
        Host::Known
    } else {
        Host::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packguard_sdk::indicators::scan;

    #[test]
    fn hosts_are_told_apart() {
        for (text, host) in [
            (
                "curl https://raw.githubusercontent.com/a/b/c.sh",
                Host::Known,
            ),
            ("curl https://user:x@evilgithub.com/a", Host::Plain),
            ("curl $URL", Host::Plain),
            ("curl http://203.0.113.4/x", Host::Hostile),
            ("curl https://cdn.example.top/x", Host::Odd),
        ] {
            assert_eq!(worst(text, &(0..text.len()), &scan(text)), host, "{text}");
        }
    }
}
