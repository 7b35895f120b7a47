//! What the user's own package managers are configured for.
//!
//! Settings files are read where that is cheap; else the installed client is asked. Cargo and
//! Maven have no command that prints their default: they are run with an unreachable proxy and
//! name the server they failed to reach. Nothing is read from the current directory: a project
//! under examination must not choose the registry that it is compared with.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use super::endpoints::{Endpoint, variable};
use super::environment::{Answer, Environment};
use super::npmrc::Npmrc;
use crate::purl::{Ecosystem, Purl};

/// A port where nothing listens (the discard service): requests through it fail at once.
const DEAD_PROXY: &str = "127.0.0.1:9";

pub(super) struct Clients {
    environment: Environment,
}

impl Clients {
    pub(super) fn new(environment: Environment) -> Self {
        Self { environment }
    }

    /// The registry that the ecosystem's client would use, or why that is unknown.
    pub(super) async fn ask(&self, purl: &Purl) -> Result<Endpoint, String> {
        let ecosystem = purl.ecosystem();
        let found = match ecosystem {
            Ecosystem::Pypi => self.pip().await,
            Ecosystem::Npm => self.npm(purl.namespace()).await,
            Ecosystem::Cargo => self.cargo().await,
            Ecosystem::Gem => self.gem().await,
            Ecosystem::Maven => self.maven().await,
            Ecosystem::Composer => self.composer().await,
            Ecosystem::Golang => self.go().await,
            Ecosystem::Nuget => self.nuget().await,
        }?;
        let endpoint = Endpoint::parse(variable(ecosystem), &found)
            .map_err(|error| format!("the client's setting is not usable: {error}"))?;
        Ok(self.authorize(ecosystem, endpoint))
    }

    /// Adds the credentials that the client's settings hold for exactly this server.
    pub(super) fn authorize(&self, ecosystem: Ecosystem, endpoint: Endpoint) -> Endpoint {
        if ecosystem != Ecosystem::Npm {
            return endpoint;
        }
        match Npmrc::read(&self.environment).authorization(&endpoint.url) {
            Some(header) => endpoint.with_authorization(&header),
            None => endpoint,
        }
    }

    async fn run(
        &self,
        program: &str,
        arguments: &[&str],
        extra: &[(&str, &OsStr)],
    ) -> Result<Answer, String> {
        let path = self.environment.program(program);
        let path = path.ok_or_else(|| format!("{program} is not installed"))?;
        self.environment.ask(&path, arguments, extra).await
    }

    async fn pip(&self) -> Result<String, String> {
        // pip itself lets the variable win; uv's users expect theirs to count.
        let set = self
            .environment
            .first(&["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"]);
        if let Some(url) = set {
            return Ok(url.to_owned());
        }
        const QUESTION: &str = "\
from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI
configuration = Configuration(isolated=False)
configuration.load()
settings = dict(configuration.items())
if settings and isinstance(next(iter(settings.values())), dict):
    settings = {k: v for group in settings.values() for k, v in group.items()}
print(settings.get('install.index-url') or settings.get('global.index-url') or PyPI.simple_url)
";
        let mut reason = String::new();
        for program in ["python3", "python"] {
            match self.run(program, &["-c", QUESTION], &[]).await {
                Ok(answer) if answer.succeeded => return first_url(&answer.stdout, "pip"),
                Ok(_) => "pip is not installed".clone_into(&mut reason),
                Err(error) if reason.is_empty() => reason = error,
                Err(_) => {}
            }
        }
        self.pip_conf().ok_or(reason)
    }

    /// `index-url` from pip's settings files, for machines without pip.
    fn pip_conf(&self) -> Option<String> {
        let home = self.environment.home();
        let explicit = self.environment.text("PIP_CONFIG_FILE").map(PathBuf::from);
        let files = [
            explicit,
            home.as_ref().map(|home| home.join(".config/pip/pip.conf")),
            home.map(|home| home.join(".pip/pip.conf")),
            Some(PathBuf::from("/etc/pip.conf")),
        ];
        files.into_iter().flatten().find_map(|file| {
            let text = std::fs::read_to_string(file).ok()?;
            text.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                let key = key.trim().replace('_', "-");
                (key == "index-url").then(|| value.trim().to_owned())
            })
        })
    }

    async fn npm(&self, scope: Option<&str>) -> Result<String, String> {
        let settings = Npmrc::read(&self.environment);
        if let Some(url) = settings.registry(scope) {
            return Ok(url);
        }
        // The scope may be in npm's global settings, which only npm finds.
        let reason = match self.npm_settings(scope).await {
            Ok(url) => return Ok(url),
            Err(reason) => reason,
        };
        settings.registry(None).ok_or(reason)
    }

    async fn npm_settings(&self, scope: Option<&str>) -> Result<String, String> {
        let answer = self.run("npm", &["config", "list", "--json"], &[]).await?;
        let all: serde_json::Value = serde_json::from_str(&answer.stdout)
            .map_err(|_| "npm did not print its settings".to_owned())?;
        let scoped = scope.and_then(|scope| all.get(format!("{scope}:registry")));
        let url = scoped
            .or_else(|| all.get("registry"))
            .and_then(serde_json::Value::as_str);
        url.map(str::to_owned)
            .ok_or_else(|| "npm has no registry".to_owned())
    }

    async fn cargo(&self) -> Result<String, String> {
        let home = self.environment.directory("CARGO_HOME", ".cargo");
        if let Some(url) = home.as_deref().and_then(replaced_source) {
            return Ok(url);
        }
        let reason = match self.cargo_default().await {
            Ok(url) => return Ok(url),
            Err(reason) => reason,
        };
        home.as_deref().and_then(used_sparse_index).ok_or(reason)
    }

    /// Lets cargo try to fetch its index through a dead proxy, with a home of its own.
    async fn cargo_default(&self) -> Result<String, String> {
        let empty = tempfile::tempdir().map_err(|error| error.to_string())?;
        let extra = [
            ("CARGO_HOME", empty.path().as_os_str()),
            ("CARGO_HTTP_PROXY", OsStr::new(DEAD_PROXY)),
            ("CARGO_NET_RETRY", OsStr::new("0")),
            ("CARGO_TERM_COLOR", OsStr::new("never")),
        ];
        let mut reason = "cargo is not installed".to_owned();
        let on_path = self.environment.program("cargo");
        for program in on_path.into_iter().chain(self.toolchain_cargos()) {
            match self
                .environment
                .ask(&program, &["info", "packguard"], &extra)
                .await
            {
                Ok(answer) => match quoted_url(&answer.stderr, "config.json") {
                    Some(url) => return Ok(url),
                    None => "cargo did not name its index".clone_into(&mut reason),
                },
                Err(error) => reason = error,
            }
        }
        Err(reason)
    }

    /// The cargos of rustup's toolchains, for users who have set no default toolchain.
    fn toolchain_cargos(&self) -> Vec<PathBuf> {
        let toolchains = self.environment.directory("RUSTUP_HOME", ".rustup");
        let entries = toolchains.and_then(|home| std::fs::read_dir(home.join("toolchains")).ok());
        let mut cargos: Vec<_> = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("bin/cargo"))
            .filter(|cargo| cargo.is_file())
            .collect();
        cargos.sort();
        cargos.into_iter().rev().take(2).collect()
    }

    async fn gem(&self) -> Result<String, String> {
        let answer = self.run("gem", &["sources", "--list"], &[]).await?;
        first_url(&answer.stdout, "gem")
    }

    async fn go(&self) -> Result<String, String> {
        let list = match self.environment.first(&["GOPROXY"]) {
            Some(list) => list.to_owned(),
            None => self.run("go", &["env", "GOPROXY"], &[]).await?.stdout,
        };
        let proxy = list
            .split([',', '|'])
            .map(str::trim)
            .find(|item| item.starts_with("http"));
        proxy
            .map(str::to_owned)
            .ok_or_else(|| "GOPROXY names no proxy".to_owned())
    }

    async fn composer(&self) -> Result<String, String> {
        let answer = self
            .run(
                "composer",
                &["config", "--global", "--list", "--no-ansi"],
                &[],
            )
            .await?;
        let repositories: String = answer
            .stdout
            .lines()
            .filter(|line| line.starts_with("[repositories.") && line.contains(".url]"))
            .map(|line| format!("{line}\n"))
            .collect();
        first_url(&repositories, "composer")
    }

    async fn nuget(&self) -> Result<String, String> {
        let home = self.environment.home();
        let mut files = [".nuget/NuGet/NuGet.Config", ".config/NuGet/NuGet.Config"].into_iter();
        if let Some(url) = files.find_map(|file| nuget_source(&home.as_ref()?.join(file))) {
            return Ok(url);
        }
        let list = ["nuget", "list", "source", "--format", "Short"];
        let answer = self.run("dotnet", &list, &[]).await?;
        let enabled: String = answer
            .stdout
            .lines()
            .filter(|line| line.starts_with('E'))
            .map(|l| format!("{l}\n"))
            .collect();
        first_url(&enabled, "dotnet")
    }

    async fn maven(&self) -> Result<String, String> {
        let settings = self
            .environment
            .home()
            .map(|home| home.join(".m2/settings.xml"));
        if let Some(url) = settings.and_then(|file| maven_mirror(&file)) {
            return Ok(url);
        }
        let empty = tempfile::tempdir().map_err(|error| error.to_string())?;
        let local = format!("-Dmaven.repo.local={}", empty.path().display());
        let mut arguments = vec!["-B", "-ntp", "-U", &local];
        arguments.extend(["-Dhttps.proxyHost=127.0.0.1", "-Dhttps.proxyPort=9"]);
        arguments.extend([
            "-Dhttp.proxyHost=127.0.0.1",
            "-Dhttp.proxyPort=9",
            "help:help",
        ]);
        let answer = self.run("mvn", &arguments, &[]).await?;
        let central = answer.stdout.split(" central (").nth(1);
        let url = central.and_then(|rest| rest.split([')', ',']).next());
        url.filter(|url| url.starts_with("http"))
            .map(str::to_owned)
            .ok_or_else(|| "mvn did not name its repository".to_owned())
    }
}

/// The first http(s) URL in a client's answer.
fn first_url(text: &str, client: &str) -> Result<String, String> {
    let url = text
        .split_ascii_whitespace()
        .find(|word| word.starts_with("http"));
    url.map(str::to_owned)
        .ok_or_else(|| format!("{client} named no registry"))
}

/// The URL before `file` in an error message like "failed to download from `URL/file`".
fn quoted_url(text: &str, file: &str) -> Option<String> {
    text.split('`').find_map(|part| {
        let url = part
            .strip_suffix(file)
            .filter(|url| url.starts_with("http"))?;
        Some(url.to_owned())
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CargoConfig {
    source: std::collections::BTreeMap<String, CargoSource>,
    registries: std::collections::BTreeMap<String, CargoRegistry>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct CargoSource {
    replace_with: Option<String>,
    registry: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CargoRegistry {
    index: Option<String>,
}

/// The sparse index that replaces cargo's default one in the user's settings.
fn replaced_source(cargo_home: &Path) -> Option<String> {
    let read = |name| std::fs::read_to_string(cargo_home.join(name)).ok();
    let config: CargoConfig =
        toml::from_str(&read("config.toml").or_else(|| read("config"))?).ok()?;
    let mut name = config.source.get("crates-io")?.replace_with.as_ref()?;
    // Replacements can be chained; a cycle ends the walk.
    for _ in 0..8 {
        let source = config.source.get(name);
        match source.and_then(|source| source.replace_with.as_ref()) {
            Some(next) => name = next,
            None => {
                let index = source.and_then(|source| source.registry.as_ref());
                let index = index.or_else(|| config.registries.get(name)?.index.as_ref())?;
                return index.strip_prefix("sparse+").map(str::to_owned);
            }
        }
    }
    None
}

/// The sparse index that this user's cargo has used, if it is a single one. Cargo keeps each in
/// a folder named HOST-HASH.
fn used_sparse_index(cargo_home: &Path) -> Option<String> {
    let entries = std::fs::read_dir(cargo_home.join("registry/index")).ok()?;
    let mut hosts = entries.flatten().filter_map(|entry| {
        entry.path().join("config.json").is_file().then_some(())?;
        let name = entry.file_name().into_string().ok()?;
        name.rsplit_once('-').map(|(host, _)| host.to_owned())
    });
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(format!("https://{host}/")),
        _ => None,
    }
}

/// The first v3 source of a NuGet settings file.
fn nuget_source(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let document = roxmltree::Document::parse(text.trim_start_matches('\u{feff}')).ok()?;
    let sources = document
        .descendants()
        .find(|node| node.has_tag_name("packageSources"))?;
    let values = sources
        .children()
        .filter(|n| n.has_tag_name("add"))
        .filter_map(|n| n.attribute("value"));
    values
        .filter(|url| url.starts_with("http") && url.ends_with(".json"))
        .map(str::to_owned)
        .next()
}

/// The mirror of the central repository in a Maven settings file.
fn maven_mirror(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let document = roxmltree::Document::parse(&text).ok()?;
    let child = |mirror: roxmltree::Node<'_, '_>, name: &str| {
        let node = mirror
            .children()
            .find(|node| node.tag_name().name() == name)?;
        node.text().map(|text| text.trim().to_owned())
    };
    let mirrors = document
        .descendants()
        .filter(|node| node.tag_name().name() == "mirror");
    mirrors
        .filter_map(|mirror| Some((child(mirror, "mirrorOf")?, child(mirror, "url")?)))
        .find(|(of, _)| {
            let excluded = of.split(',').any(|item| item.trim() == "!central");
            let included = of
                .split(',')
                .any(|item| matches!(item.trim(), "*" | "central" | "external:*"));
            included && !excluded
        })
        .map(|(_, url)| url)
        .filter(|url| Url::parse(url).is_ok())
}
