//! PyPI and npm: latest, exact and missing versions; every file of a release.

use packguard_platform::purl::Ecosystem;
use packguard_platform::registry::FetchError;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::site::{Site, sha1, sha256, sha512_base64};
use crate::{fetch, purl, registry};

const JSON_INDEX: &str = "application/vnd.pypi.simple.v1+json";

async fn pypi_json() -> Site {
    let site = Site::start().await;
    let file = |name: &str, yanked: bool| {
        json!({
            "filename": name, "url": format!("../../files/{name}"), "size": name.len(),
            "hashes": { "sha256": sha256(name) }, "yanked": yanked,
            "upload-time": "2024-01-02T03:04:05Z",
        })
    };
    let names = [
        ("My_Pkg-1.9.tar.gz", false),
        ("my_pkg-1.10-py3-none-any.whl", false),
        ("my_pkg-1.10-cp312-cp312-manylinux_2_17_x86_64.whl", false),
        ("my-pkg-1.10.tar.gz", false),
        ("my_pkg-2.0rc1.tar.gz", false),
        ("my_pkg-3.0.tar.gz", true),
        ("unrelated-9.9.tar.gz", false),
    ];
    let files: Vec<_> = names
        .iter()
        .map(|(name, yanked)| file(name, *yanked))
        .collect();
    let index = json!({ "meta": { "api-version": "1.1" }, "name": "my-pkg", "files": files });
    site.put("/simple/my-pkg/", JSON_INDEX, index.to_string());
    for (name, _) in names {
        site.put(&format!("/files/{name}"), "application/octet-stream", name);
    }
    site.json(
        "/pypi/my-pkg/1.10/json",
        &json!({ "info": {
            "name": "My.Pkg", "summary": "A package", "home_page": "",
            "project_urls": { "Homepage": "https://pkg.example", "Source": "https://git.example/p" },
            "license": "MIT", "author_email": "Ann <ann@pkg.example>",
            "requires_dist": ["dep>=1", "extra-dep ; extra == 'x'"],
        } }),
    );
    site
}

#[tokio::test]
async fn pypi_latest_is_the_highest_that_is_stable_and_not_yanked() {
    let site = pypi_json().await;
    let registry = registry(Ecosystem::Pypi, &format!("{}/simple", site.url));
    let release = registry.resolve(&purl("pkg:pypi/My.Pkg")).await.unwrap();
    assert!(release.is_latest);
    assert_eq!(release.purl.to_string(), "pkg:pypi/my-pkg@1.10");
    assert_eq!(
        release.metadata,
        json!({
            "name": "My.Pkg", "version": "1.10", "description": "A package",
            "homepage": "https://pkg.example", "repository": "https://git.example/p",
            "license": "MIT", "authors": [{ "name": "Ann", "email": "ann@pkg.example" }],
            "published_at": "2024-01-02T03:04:05Z", "first_published_at": "2024-01-02T03:04:05Z",
            "versions": 4, "latest_version": "1.10",
            "dependencies": [
                { "name": "dep", "requirement": ">=1", "kind": "runtime" },
                { "name": "extra-dep", "requirement": "", "kind": "optional" },
            ],
        })
    );
    let outcome = fetch(&registry, &release).await;
    let expected = [
        "my-pkg-1.10.tar.gz",
        "my_pkg-1.10-py3-none-any.whl",
        "my_pkg-1.10-cp312-cp312-manylinux_2_17_x86_64.whl",
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|&n| (n.to_owned(), n.to_owned(), Some("sha256")))
        .collect();
    assert_eq!(outcome.contents(), expected);
    assert_eq!(
        outcome.fetched().artifacts[0].sha256,
        sha256("my-pkg-1.10.tar.gz")
    );
}

#[tokio::test]
async fn pypi_versions_are_compared_by_value_and_files_can_be_picked() {
    let site = pypi_json().await;
    let registry = registry(Ecosystem::Pypi, &format!("{}/simple/", site.url));
    let release = registry
        .resolve(&purl("pkg:pypi/my-pkg@1.9.0"))
        .await
        .unwrap();
    assert_eq!(
        (release.version.as_str(), release.artifacts.len()),
        ("1.9", 1)
    );
    let yanked = registry
        .resolve(&purl("pkg:pypi/my-pkg@3.0"))
        .await
        .unwrap();
    assert_eq!(yanked.metadata["yanked"], true);
    let wheel = "pkg:pypi/my-pkg@1.10?file_name=my_pkg-1.10-py3-none-any.whl";
    let release = registry.resolve(&purl(wheel)).await.unwrap();
    assert_eq!(release.artifacts.len(), 1);
    let error = registry
        .resolve(&purl("pkg:pypi/my-pkg@1.10?file_name=x.whl"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, FetchError::ArtifactNotFound { .. }),
        "{error}"
    );
    assert!(error.hint().contains("my-pkg-1.10.tar.gz"));
}

#[tokio::test]
async fn pypi_html_index_is_read_where_there_is_no_json() {
    let site = Site::start().await;
    let page = format!(
        "<!DOCTYPE html><title>x</title><A data-yanked='bad &amp; old' HREF=\"/f/p-2.0.tar.gz\">p</a>\
         <a href='../../f/p-1.0.tar.gz#sha256={}'>p-1.0</a><a>nothing</a><a href='//[bad'>b</a>",
        sha256("one")
    );
    site.put("/root/simple/p/", "text/html; charset=utf-8", page);
    site.put("/root/f/p-1.0.tar.gz", "application/gzip", "one");
    let registry = registry(Ecosystem::Pypi, &format!("{}/root/simple", site.url));
    let release = registry.resolve(&purl("pkg:pypi/p")).await.unwrap();
    assert_eq!(release.version, "1.0");
    let outcome = fetch(&registry, &release).await;
    assert_eq!(
        outcome.contents(),
        [("p-1.0.tar.gz".into(), "one".into(), Some("sha256"))]
    );
    let yanked = registry.resolve(&purl("pkg:pypi/p@2.0")).await.unwrap();
    assert_eq!(yanked.metadata["yanked"], "bad & old");
}

#[tokio::test]
async fn a_missing_package_and_a_missing_version_are_told_apart() {
    let site = pypi_json().await;
    let registry = registry(Ecosystem::Pypi, &format!("{}/simple", site.url));
    let error = registry
        .resolve(&purl("pkg:pypi/absent"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the pypi registry has no package `absent`"
    );
    assert_eq!(error.category(), "package_not_found");
    let error = registry
        .resolve(&purl("pkg:pypi/my-pkg@1.11"))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "`my-pkg` has no version `1.11`");
    assert_eq!(error.hint(), "latest: 1.10; nearest: 1.9, 1.10, 2.0rc1");
}

async fn npm() -> Site {
    let site = Site::start().await;
    let version = |version: &str, content: &str| {
        json!({
            "name": "@scope/pkg", "version": version, "description": "d",
            "repository": { "type": "git", "url": "git+https://git.example/p.git" },
            "license": "MIT", "author": "Ann <ann@pkg.example> (https://ann.example)",
            "maintainers": [{ "name": "bob", "email": "bob@pkg.example" }],
            "scripts": { "postinstall": "node x.js" }, "hasInstallScript": true, "bin": "./cli.js",
            "dependencies": { "a": "^1" }, "devDependencies": { "b": "2" },
            "dist": {
                "tarball": format!("{}/@scope/pkg/-/pkg-{version}.tgz", site.url),
                "integrity": format!("sha512-{}", sha512_base64(content)),
                "shasum": sha1(content),
            },
        })
    };
    let packument = json!({
        "name": "@scope/pkg",
        "dist-tags": { "latest": "1.0.0", "next": "2.0.0-beta.1" },
        "versions": {
            "1.0.0": version("1.0.0", "one"), "2.0.0-beta.1": version("2.0.0-beta.1", "two"),
        },
        "time": { "created": "2020-01-01T00:00:00Z", "1.0.0": "2020-01-02T00:00:00Z" },
    });
    site.json("/@scope%2Fpkg", &packument);
    site.put(
        "/@scope/pkg/-/pkg-1.0.0.tgz",
        "application/octet-stream",
        "one",
    );
    site.put(
        "/@scope/pkg/-/pkg-2.0.0-beta.1.tgz",
        "application/octet-stream",
        "two",
    );
    site
}

#[tokio::test]
async fn npm_scopes_tags_and_integrity() {
    let site = npm().await;
    let registry = registry(Ecosystem::Npm, &site.url);
    let release = registry
        .resolve(&purl("pkg:npm/%40scope/pkg"))
        .await
        .unwrap();
    assert_eq!(release.purl.to_string(), "pkg:npm/%40scope/pkg@1.0.0");
    assert_eq!(
        (release.namespace.as_deref(), release.name.as_str()),
        (Some("@scope"), "pkg")
    );
    assert_eq!(
        release.metadata,
        json!({
            "name": "@scope/pkg", "version": "1.0.0", "description": "d",
            "repository": "git+https://git.example/p.git", "license": "MIT",
            "authors": [{ "name": "Ann", "email": "ann@pkg.example" }],
            "maintainers": [{ "name": "bob", "email": "bob@pkg.example" }],
            "published_at": "2020-01-02T00:00:00Z", "first_published_at": "2020-01-01T00:00:00Z",
            "versions": 2, "latest_version": "1.0.0",
            "dependencies": [
                { "name": "a", "requirement": "^1", "kind": "runtime" },
                { "name": "b", "requirement": "2", "kind": "dev" },
            ],
            "scripts": { "postinstall": "node x.js" }, "bin": { "pkg": "./cli.js" },
            "requires_install_script": true,
        })
    );
    let outcome = fetch(&registry, &release).await;
    assert_eq!(
        outcome.contents(),
        [("pkg-1.0.0.tgz".into(), "one".into(), Some("sha512"))]
    );
    let next = registry
        .resolve(&purl("pkg:npm/@scope/pkg?dist_tag=next"))
        .await
        .unwrap();
    assert_eq!(next.version, "2.0.0-beta.1");
    let error = registry
        .resolve(&purl("pkg:npm/@scope/pkg@9.9.9"))
        .await
        .unwrap_err();
    assert_eq!(error.hint(), "latest: 1.0.0; nearest: 1.0.0, 2.0.0-beta.1");
}

#[tokio::test]
async fn npm_names_with_capitals_are_other_packages() {
    let site = Site::start().await;
    let packument = |name: &str| {
        let dist = json!({ "tarball": format!("{}/t.tgz", site.url) });
        json!({ "versions": { "1.0.0": { "name": name, "dist": dist } } })
    };
    site.json("/JSONStream", &packument("JSONStream"));
    site.json("/jsonstream", &packument("jsonstream"));
    site.json("/lodash", &packument("lodash"));
    let registry = registry(Ecosystem::Npm, &site.url);
    for (asked, found) in [
        ("JSONStream", "JSONStream"),
        ("jsonstream", "jsonstream"),
        ("LoDash", "lodash"),
    ] {
        let release = registry
            .resolve(&purl(&format!("pkg:npm/{asked}@1.0.0")))
            .await
            .unwrap();
        assert_eq!(release.name, found);
    }
}
