//! Maven, Composer, Go and NuGet: layouts, encodings, minified documents, hashes.

use packguard_platform::purl::Ecosystem;
use packguard_platform::registry::{Algorithm, FetchError, Registry};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::site::{Site, sha1, sha256, sha512_base64};
use crate::{config, fetch, purl, registry};

const BINARY: &str = "application/octet-stream";

async fn maven() -> Site {
    let site = Site::start().await;
    let versions =
        ["1.9", "1.10", "2.0-rc1", "2.0-SNAPSHOT"].map(|v| format!("<version>{v}</version>"));
    let metadata = format!(
        "<?xml version='1.0'?><metadata><versioning><release>2.0-rc1</release><versions>{}</versions></versioning></metadata>",
        versions.concat()
    );
    site.put(
        "/m2/org/acme/deep/lib/maven-metadata.xml",
        "text/xml",
        metadata,
    );
    let pom = "<project xmlns='http://maven.apache.org/POM/4.0.0'><packaging>bundle</packaging>\
        <description> A library </description><url>https://acme.example</url>\
        <scm><url>https://git.example/lib</url></scm>\
        <licenses><license><name>Apache-2.0</name></license></licenses>\
        <developers><developer><name>Ann</name><email>ann@acme.example</email></developer></developers>\
        <dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId><version>1</version>\
        <scope>test</scope></dependency></dependencies></project>";
    site.put("/m2/org/acme/deep/lib/1.10/lib-1.10.pom", "text/xml", pom);
    for (file, content) in [
        ("lib-1.10.jar", "main"),
        ("lib-1.10-sources.jar", "sources"),
    ] {
        let path = format!("/m2/org/acme/deep/lib/1.10/{file}");
        site.put(
            &format!("{path}.sha1"),
            "text/plain",
            format!("{}  {file}\n", sha1(content)),
        );
        site.put(&path, BINARY, content);
    }
    site.put(
        "/m2/org/acme/deep/lib/1.10/lib-1.10.jar.sha256",
        "text/plain",
        sha256("main"),
    );
    site
}

#[tokio::test]
async fn maven_layout_without_a_listing() {
    let site = maven().await;
    let registry = registry(Ecosystem::Maven, &format!("{}/m2", site.url));
    let release = registry
        .resolve(&purl("pkg:maven/org.acme.deep/lib"))
        .await
        .unwrap();
    assert_eq!(release.purl.to_string(), "pkg:maven/org.acme.deep/lib@1.10");
    assert_eq!(
        (release.namespace.as_deref(), release.name.as_str()),
        (Some("org.acme.deep"), "lib")
    );
    assert_eq!(
        release.metadata,
        json!({
            "name": "org.acme.deep:lib", "version": "1.10", "description": "A library",
            "homepage": "https://acme.example", "repository": "https://git.example/lib",
            "license": "Apache-2.0", "authors": [{ "name": "Ann", "email": "ann@acme.example" }],
            "versions": 4, "latest_version": "1.10",
            "dependencies": [{ "name": "g:a", "requirement": "1", "kind": "dev" }],
        })
    );
    let outcome = fetch(&registry, &release).await;
    let expected = [
        ("lib-1.10.jar".into(), "main".into(), Some("sha256")),
        (
            "lib-1.10-sources.jar".into(),
            "sources".into(),
            Some("sha1"),
        ),
    ];
    assert_eq!(outcome.contents(), expected);
}

#[tokio::test]
async fn maven_listing_shows_every_classifier() {
    let site = maven().await;
    let directory = "/m2/org/acme/deep/lib/1.10/";
    let names = [
        "lib-1.10-linux.jar",
        "lib-1.10.jar",
        "lib-1.10.pom",
        "lib-1.10.jar.sha1",
        "../",
        "other-1.jar",
    ];
    let links = names.map(|name| format!("<a href=\"{name}\">{name}</a>"));
    site.put(directory, "text/html", links.concat());
    site.put(&format!("{directory}lib-1.10-linux.jar"), BINARY, "native");
    let registry = registry(Ecosystem::Maven, &format!("{}/m2/", site.url));
    let release = registry
        .resolve(&purl("pkg:maven/org.acme.deep/lib@1.10"))
        .await
        .unwrap();
    let outcome = fetch(&registry, &release).await;
    let expected = [
        ("lib-1.10.jar".into(), "main".into(), Some("sha256")),
        ("lib-1.10-linux.jar".into(), "native".into(), None),
    ];
    assert_eq!(outcome.contents(), expected);
    let one = registry
        .resolve(&purl("pkg:maven/org.acme.deep/lib@1.10?classifier=sources"))
        .await
        .unwrap();
    assert_eq!(one.artifacts.len(), 1);
    assert_eq!(one.artifacts[0].filename, "lib-1.10-sources.jar");
    let typed = "pkg:maven/org.acme.deep/lib@1.10?type=zip&classifier=dist";
    let typed = registry.resolve(&purl(typed)).await.unwrap();
    assert_eq!(typed.artifacts[0].filename, "lib-1.10-dist.zip");
    let error = registry
        .resolve(&purl("pkg:maven/org.acme.deep/lib@1.11"))
        .await
        .unwrap_err();
    assert_eq!(
        error.hint(),
        "latest: 1.10; nearest: 1.9, 1.10, 2.0-SNAPSHOT"
    );
}

#[tokio::test]
async fn maven_documents_with_entities_are_refused() {
    let site = Site::start().await;
    let bomb = "<!DOCTYPE m [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><metadata>&b;</metadata>";
    site.put("/g/a/maven-metadata.xml", "text/xml", bomb);
    let registry = registry(Ecosystem::Maven, &site.url);
    let error = registry
        .resolve(&purl("pkg:maven/g/a@1"))
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::Nonsense { .. }), "{error}");
}

#[tokio::test]
async fn composer_minified_documents_are_expanded() {
    let site = Site::start().await;
    site.json(
        "/repo/packages.json",
        &json!({ "packages": [], "metadata-url": "/repo/p2/%package%.json" }),
    );
    let dist = |version: &str, sum: &str| json!({ "type": "zip", "url": format!("{}/d/{version}.zip", site.url), "shasum": sum });
    let document = json!({ "minified": "composer/2.0", "packages": { "acme/lib": [
        {
            "name": "acme/lib", "version": "v2.0.0-beta1", "version_normalized": "2.0.0.0-beta1",
            "description": "new", "license": ["MIT"], "abandoned": "other/lib",
            "authors": [{ "name": "Ann", "email": "ann@acme.example" }],
            "require": { "php": ">=8" }, "dist": dist("2", &sha1("two")),
        },
        { "version": "v1.10.0", "version_normalized": "1.10.0.0", "abandoned": "__unset", "dist": dist("110", &sha1("ten")) },
        { "version": "v1.9.0", "version_normalized": "1.9.0.0", "description": "old", "dist": dist("19", "") },
    ] } });
    site.json("/repo/p2/acme/lib.json", &document);
    for (path, content) in [("/d/110.zip", "ten"), ("/d/19.zip", "nine")] {
        site.put(path, BINARY, content);
    }
    let registry = registry(Ecosystem::Composer, &format!("{}/repo", site.url));
    let release = registry
        .resolve(&purl("pkg:composer/Acme/Lib"))
        .await
        .unwrap();
    assert_eq!(release.version, "v1.10.0");
    assert_eq!(
        release.metadata,
        json!({
            "name": "acme/lib", "version": "v1.10.0", "description": "new", "license": "MIT",
            "authors": [{ "name": "Ann", "email": "ann@acme.example" }],
            "versions": 3, "latest_version": "v1.10.0",
            "dependencies": [{ "name": "php", "requirement": ">=8", "kind": "runtime" }],
        })
    );
    let outcome = fetch(&registry, &release).await;
    assert_eq!(
        outcome.contents(),
        [("lib-v1.10.0.zip".into(), "ten".into(), Some("sha1"))]
    );
    let old = registry
        .resolve(&purl("pkg:packagist/acme/lib@1.9.0"))
        .await
        .unwrap();
    assert_eq!(
        old.notes,
        ["the registry publishes no hash of this release"]
    );
    assert_eq!(
        fetch(&registry, &old).await.fetched().artifacts[0].verified,
        None
    );
    let beta = registry
        .resolve(&purl("pkg:composer/acme/lib@v2.0.0-beta1"))
        .await
        .unwrap();
    assert_eq!(beta.metadata["deprecated"], "other/lib");
}

#[tokio::test]
async fn composer_small_repositories_hold_everything_in_one_document() {
    let site = Site::start().await;
    let dist = json!({ "type": "tar", "url": "dist/lib.tar" });
    let versions = json!({ "1.0.0": { "name": "acme/lib", "version": "1.0.0", "dist": dist } });
    site.json(
        "/packages.json",
        &json!({ "packages": { "acme/lib": versions } }),
    );
    let registry = registry(Ecosystem::Composer, &site.url);
    let release = registry
        .resolve(&purl("pkg:composer/acme/lib"))
        .await
        .unwrap();
    assert_eq!(
        release.artifacts[0].url.as_str(),
        format!("{}/dist/lib.tar", site.url)
    );
}

async fn golang() -> Site {
    let site = Site::start().await;
    let module = "/proxy/example.com/!burnt!sushi/toml";
    let list = "v1.9.0\nv1.10.0\nv2.0.0+incompatible\nv1.11.0-rc.1\n";
    site.put(&format!("{module}/@v/list"), "text/plain", list);
    for version in ["v1.10.0", "v1.11.0-rc.1"] {
        let info = json!({ "Version": version, "Time": "2024-01-01T00:00:00Z" });
        site.json(&format!("{module}/@v/{version}.info"), &info);
        site.put(
            &format!("{module}/@v/{version}.zip"),
            "application/zip",
            "zip",
        );
    }
    let go_mod = "module example.com/BurntSushi/toml\n\nrequire example.com/a v1.0.0 // indirect\n\
                  require (\n\texample.com/b v2.0.0\n)\n";
    site.put(&format!("{module}/@v/v1.10.0.mod"), "text/plain", go_mod);
    site
}

#[tokio::test]
async fn golang_paths_keep_their_capitals() {
    let site = golang().await;
    let registry = registry(Ecosystem::Golang, &format!("{}/proxy", site.url));
    let release = registry
        .resolve(&purl("pkg:golang/example.com/BurntSushi/toml"))
        .await
        .unwrap();
    assert_eq!(release.version, "v1.10.0");
    assert_eq!(
        release.metadata,
        json!({
            "name": "example.com/BurntSushi/toml", "version": "v1.10.0",
            "published_at": "2024-01-01T00:00:00Z", "versions": 4, "latest_version": "v1.10.0",
            "dependencies": [
                { "name": "example.com/a", "requirement": "v1.0.0", "kind": "runtime" },
                { "name": "example.com/b", "requirement": "v2.0.0", "kind": "runtime" },
            ],
        })
    );
    assert_eq!(release.notes.len(), 1);
    let outcome = fetch(&registry, &release).await;
    assert_eq!(
        outcome.contents(),
        [("toml@v1.10.0.zip".into(), "zip".into(), None)]
    );
    let plain = registry
        .resolve(&purl("pkg:golang/example.com/BurntSushi/toml@1.11.0-rc.1"))
        .await
        .unwrap();
    assert_eq!(plain.version, "v1.11.0-rc.1");
    let error = registry
        .resolve(&purl("pkg:golang/example.com/burntsushi/toml"))
        .await
        .unwrap_err();
    assert!(error.hint().contains("capital"), "{}", error.hint());
}

#[tokio::test]
async fn golang_hashes_come_from_the_checksum_database() {
    let site = golang().await;
    let lookup = "/sum/lookup/example.com/!burnt!sushi/toml@v1.10.0";
    let record = "123\nexample.com/BurntSushi/toml v1.10.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nexample.com/BurntSushi/toml v1.10.0/go.mod h1:XyZ=\n\nsignature\n";
    site.put(lookup, "text/plain", record);
    let mut config = config(&[(Ecosystem::Golang, &format!("{}/proxy", site.url))]);
    config.endpoints.golang_sumdb = Some(format!("{}/sum", site.url));
    let registry = Registry::new(config, Default::default());
    let release = registry
        .resolve(&purl("pkg:golang/example.com/BurntSushi/toml@v1.10.0"))
        .await
        .unwrap();
    let sum = &release.artifacts[0].checksums[0];
    assert_eq!(
        (sum.algorithm, sum.digest.as_str()),
        (
            Algorithm::GoH1,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
    );
    let outcome = fetch(&registry, &release).await;
    let fetched = &outcome.fetched().artifacts[0];
    assert_eq!(fetched.verified, None);
    assert_eq!(fetched.listing.as_ref(), Some(&sum.digest));
}

#[tokio::test]
async fn nuget_follows_the_service_index() {
    let site = Site::start().await;
    let at = |path: &str| format!("{}{path}", site.url);
    let resources = json!({ "version": "3.0.0", "resources": [
        { "@id": at("/flat/"), "@type": "PackageBaseAddress/3.0.0" },
        { "@id": at("/reg"), "@type": "RegistrationsBaseUrl/3.6.0" },
    ] });
    site.json("/v3/index.json", &resources);
    let versions = json!({ "versions": ["1.0.0", "1.10.0", "1.9.0", "2.0.0-beta"] });
    site.json("/flat/acme.lib/index.json", &versions);
    site.put(
        "/flat/acme.lib/1.10.0/acme.lib.1.10.0.nupkg",
        BINARY,
        "nupkg",
    );
    let leaf = json!({ "listed": false, "published": "2024-01-01T00:00:00Z", "catalogEntry": at("/cat/1.json") });
    site.json("/reg/acme.lib/1.10.0.json", &leaf);
    let entry = json!({
        "id": "Acme.Lib", "authors": "Ann", "description": "d", "licenseExpression": "MIT",
        "packageHash": sha512_base64("nupkg"), "packageHashAlgorithm": "SHA512", "packageSize": 5,
        "dependencyGroups": [
            { "dependencies": [{ "id": "Dep", "range": "[1.0, )" }] },
            { "dependencies": [{ "id": "Dep", "range": "[1.0, )" }] },
        ],
    });
    site.json("/cat/1.json", &entry);
    let registry = registry(Ecosystem::Nuget, &at("/v3/index.json"));
    let release = registry.resolve(&purl("pkg:nuget/ACME.Lib")).await.unwrap();
    assert_eq!(
        release.metadata,
        json!({
            "name": "Acme.Lib", "version": "1.10.0", "description": "d", "license": "MIT",
            "authors": [{ "name": "Ann" }], "published_at": "2024-01-01T00:00:00Z",
            "versions": 4, "latest_version": "1.10.0", "yanked": "unlisted",
            "dependencies": [{ "name": "Dep", "requirement": "[1.0, )", "kind": "runtime" }],
        })
    );
    let outcome = fetch(&registry, &release).await;
    assert_eq!(
        outcome.contents(),
        [(
            "acme.lib.1.10.0.nupkg".into(),
            "nupkg".into(),
            Some("sha512")
        )]
    );
    let padded = registry
        .resolve(&purl("pkg:nuget/acme.lib@1.9.0.0"))
        .await
        .unwrap();
    assert_eq!(padded.version, "1.9.0");
    assert_eq!(
        padded.notes,
        ["the registry publishes no hash of this release"]
    );
}
