//! Which server is asked: settings, then the user's clients, then deps.dev.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use packguard_platform::purl::Ecosystem;
use packguard_platform::registry::{Endpoints, Environment, FetchError, Registry};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::site::Site;
use crate::{config, purl};

/// A program that prints this text on both streams and fails with this code.
fn install(directory: &Path, name: &str, prints: &str, code: u8) {
    let script = format!(
        "#!/bin/sh\ncat <<'END'\n{prints}\nEND\ncat >&2 <<'END'\n{prints}\nEND\nexit {code}\n"
    );
    let path = directory.join(name);
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn with_environment(variables: &[(&str, &str)]) -> Registry {
    let mut config = config(&[]);
    config.environment = variables.iter().copied().collect();
    Registry::new(config, Default::default())
}

/// Where a look-up went: the package is missing everywhere, so the error tells.
async fn hit(site: &Site, path: &str, registry: &Registry, asked: &str) {
    let result = registry.resolve(&purl(asked)).await;
    assert!(
        site.hits(path) > 0,
        "{asked}: {path} was not asked: {result:?}"
    );
}

#[tokio::test]
async fn installed_clients_are_asked() {
    let cases = [
        ("python3", "SITE/simple", 0, "pkg:pypi/p", "/simple/p/"),
        (
            "npm",
            "{\"registry\": \"SITE/npm/\", \"@s:registry\": \"SITE/scoped/\"}",
            0,
            "pkg:npm/p",
            "/npm/p",
        ),
        (
            "npm",
            "{\"registry\": \"SITE/npm/\", \"@s:registry\": \"SITE/scoped/\"}",
            0,
            "pkg:npm/@s/p",
            "/scoped/@s%2Fp",
        ),
        (
            "cargo",
            "error: x\n  failed to download from `SITE/index/config.json`",
            101,
            "pkg:cargo/p",
            "/index/config.json",
        ),
        (
            "gem",
            "*** CURRENT SOURCES ***\n\nSITE/gems/",
            0,
            "pkg:gem/p",
            "/gems/api/v1/versions/p.json",
        ),
        (
            "go",
            "direct,SITE/go|direct",
            0,
            "pkg:golang/e.example/p",
            "/go/e.example/p/@v/list",
        ),
        (
            "mvn",
            "Could not transfer x from/to central (SITE/m2): transfer failed",
            1,
            "pkg:maven/g/p",
            "/m2/g/p/maven-metadata.xml",
        ),
        (
            "composer",
            "[repositories.x.type] composer\n[repositories.x.url] SITE/c\n[home] SITE/no",
            0,
            "pkg:composer/v/p",
            "/c/packages.json",
        ),
        (
            "dotnet",
            "D SITE/off/index.json\nE SITE/n/index.json",
            0,
            "pkg:nuget/p",
            "/n/index.json",
        ),
    ];
    for (client, prints, code, asked, path) in cases {
        let site = Site::start().await;
        let programs = tempfile::tempdir().unwrap();
        install(
            programs.path(),
            client,
            &prints.replace("SITE", &site.url),
            code,
        );
        let search = format!("{}:/usr/bin:/bin", programs.path().display());
        let home = programs.path().to_str().unwrap();
        let registry = with_environment(&[("PATH", search.as_str()), ("HOME", home)]);
        hit(&site, path, &registry, asked).await;
    }
}

#[tokio::test]
async fn variables_and_settings_files_come_before_the_clients() {
    let site = Site::start().await;
    let home = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.replace("SITE", &site.url)).unwrap();
    };
    write(".npmrc", "registry=SITE/npmrc\n@s:registry=SITE/scope\n");
    write(".pip/pip.conf", "[global]\nindex_url = SITE/conf/simple\n");
    write(
        ".m2/settings.xml",
        "<settings><mirrors><mirror><mirrorOf>*,!central</mirrorOf><url>SITE/wrong</url></mirror><mirror><mirrorOf>external:*</mirrorOf><url>SITE/mirror</url></mirror></mirrors></settings>",
    );
    write(
        ".nuget/NuGet/NuGet.Config",
        "<configuration><packageSources><add key='a' value='SITE/nuget/index.json' /></packageSources></configuration>",
    );
    write(
        ".cargo/config.toml",
        "[source.crates-io]\nreplace-with = 'a'\n[source.a]\nreplace-with = 'b'\n[registries.b]\nindex = 'sparse+SITE/b/'\n",
    );
    let home = home.path().to_str().unwrap();
    let registry = with_environment(&[("HOME", home)]);
    hit(&site, "/npmrc/p", &registry, "pkg:npm/p").await;
    hit(&site, "/scope/@s%2Fp", &registry, "pkg:npm/@s/p").await;
    hit(&site, "/conf/simple/p/", &registry, "pkg:pypi/p").await;
    hit(
        &site,
        "/mirror/g/p/maven-metadata.xml",
        &registry,
        "pkg:maven/g/p",
    )
    .await;
    hit(&site, "/nuget/index.json", &registry, "pkg:nuget/p").await;
    hit(&site, "/b/config.json", &registry, "pkg:cargo/p").await;
    let pip = format!("{}/env/simple", site.url);
    let npm = format!("{}/env-npm", site.url);
    let go = format!("{}/env-go,direct", site.url);
    let variables = [
        ("HOME", home),
        ("PIP_INDEX_URL", &pip),
        ("npm_config_registry", &npm),
        ("GOPROXY", &go),
    ];
    let registry = with_environment(&variables);
    hit(&site, "/env/simple/p/", &registry, "pkg:pypi/p").await;
    hit(&site, "/env-npm/p", &registry, "pkg:npm/p").await;
    hit(
        &site,
        "/env-go/e.example/p/@v/list",
        &registry,
        "pkg:golang/e.example/p",
    )
    .await;
}

#[tokio::test]
async fn npm_tokens_go_to_their_registry() {
    let site = Site::start().await;
    let home = tempfile::tempdir().unwrap();
    let key = site.url.replace("http:", "");
    let text = format!(
        "registry={0}/r/\n{key}/r/:_authToken=${{NPM_TOKEN}}\n",
        site.url
    );
    std::fs::write(home.path().join(".npmrc"), text).unwrap();
    let home = home.path().to_str().unwrap();
    let registry = with_environment(&[("HOME", home), ("NPM_TOKEN", "s3cret")]);
    hit(&site, "/r/p", &registry, "pkg:npm/p").await;
    assert_eq!(site.authorizations(), [Some("Bearer s3cret".to_owned())]);
}

#[tokio::test]
async fn settings_come_first_and_are_checked() {
    let environment = Environment::from_iter([
        ("PACKGUARD_NPM_URL", "ftp://x.example"),
        ("PACKGUARD_GEM_URL", " "),
        ("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9"),
    ]);
    let mut config = config(&[]);
    config.endpoints = Endpoints::from_environment(&environment);
    config.environment = environment;
    assert_eq!(config.endpoints.urls.len(), 1);
    let registry = Registry::new(config, Default::default());
    let error = registry.resolve(&purl("pkg:npm/p")).await.unwrap_err();
    assert!(matches!(error, FetchError::BadSetting { .. }), "{error}");
    assert!(error.to_string().contains("PACKGUARD_NPM_URL"));
}

#[tokio::test]
async fn deps_dev_is_asked_last_and_trusted_no_more_than_any_server() {
    let api = Site::start().await;
    let hidden = Site::start().await;
    let package = json!({ "versions": [
        { "versionKey": { "version": "1.0.0" } },
        { "versionKey": { "version": "2.0.0" }, "isDefault": true },
    ] });
    api.json("/v3/systems/npm/packages/@s%2Fp", &package);
    let version = |registry: &str| json!({ "registries": [registry] });
    let path = "/v3/systems/npm/packages/@s%2Fp/versions/2.0.0";
    api.json(path, &version(&hidden.url.replace("http:", "https:")));
    let mut config = config(&[]);
    config.endpoints.deps_dev = Some(format!("{}/v3", api.url));
    let registry = Registry::new(config, Default::default());
    let error = registry.resolve(&purl("pkg:npm/@s/p")).await.unwrap_err();
    assert_eq!(api.hits(path), 1);
    assert!(matches!(error, FetchError::Refused { .. }), "{error}");
    let error = registry.resolve(&purl("pkg:npm/absent")).await.unwrap_err();
    assert!(matches!(error, FetchError::NoEndpoint { .. }), "{error}");
    assert!(error.hint().contains("PACKGUARD_NPM_URL"));
}

#[tokio::test]
async fn a_purl_does_not_choose_servers() {
    let site = Site::start().await;
    let other = Site::start().await;
    let urls = format!("{}/main {}/second", site.url, other.url);
    let config = config(&[(Ecosystem::Maven, &urls)]);
    let registry = Registry::new(config, Default::default());
    let with = |url: &str| format!("pkg:maven/g/p@1?repository_url={url}");
    hit(
        &other,
        "/second/g/p/maven-metadata.xml",
        &registry,
        &with(&format!("{}/second", other.url)),
    )
    .await;
    hit(
        &site,
        "/else/g/p/maven-metadata.xml",
        &registry,
        &with(&format!("{}/else", site.url)),
    )
    .await;
    for url in [
        "https://evil.example/m2",
        "evil.example",
        "http://127.0.0.1:9",
        "http://u:p@127.0.0.1:9",
    ] {
        let error = registry.resolve(&purl(&with(url))).await.unwrap_err();
        assert!(
            matches!(error, FetchError::RepositoryNotConfigured { .. }),
            "{url}: {error}"
        );
        assert!(error.hint().contains("PACKGUARD_MAVEN_URL"));
    }
}
