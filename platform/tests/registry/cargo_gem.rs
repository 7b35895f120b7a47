//! Cargo and gem: index layouts, download templates, platforms.

use packguard_platform::purl::Ecosystem;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::site::{Site, sha256};
use crate::{fetch, purl, registry};

async fn cargo(dl: &str) -> Site {
    let site = Site::start().await;
    site.json(
        "/index/config.json",
        &json!({ "dl": dl.replace("SITE", &site.url) }),
    );
    let line = |version: &str, yanked: bool| {
        let deps = json!([
            { "name": "x", "package": "real-x", "req": "^1", "kind": "normal", "optional": true },
            { "name": "y", "req": "^2", "kind": "build" },
        ]);
        json!({
            "name": "Serde_X", "vers": version, "cksum": sha256(version), "yanked": yanked,
            "deps": deps, "features": {},
        })
        .to_string()
    };
    let versions = [
        ("1.9.0", false),
        ("1.10.0+meta", false),
        ("2.0.0-rc.1", false),
        ("1.11.0", true),
    ];
    let lines: Vec<_> = versions
        .iter()
        .map(|(version, yanked)| line(version, *yanked))
        .collect();
    site.put("/index/se/rd/serde_x", "text/plain", lines.join("\n"));
    site
}

#[tokio::test]
async fn cargo_sparse_index_and_its_download_templates() {
    let templates = [
        ("SITE/dl", "/dl/Serde_X/1.10.0+meta/download"),
        (
            "SITE/{prefix}/{crate}-{version}.crate",
            "/Se/rd/Serde_X-1.10.0+meta.crate",
        ),
        ("SITE/{lowerprefix}/{sha256-checksum}", "/se/rd/SUM"),
    ];
    for (template, path) in templates {
        let site = cargo(template).await;
        let path = path.replace("SUM", &sha256("1.10.0+meta"));
        site.put(&path, "application/gzip", "1.10.0+meta");
        let registry = registry(Ecosystem::Cargo, &format!("sparse+{}/index/", site.url));
        let release = registry.resolve(&purl("pkg:cargo/serde_x")).await.unwrap();
        assert_eq!(
            (release.version.as_str(), release.name.as_str()),
            ("1.10.0+meta", "Serde_X")
        );
        assert_eq!(
            release.metadata["dependencies"],
            json!([
                { "name": "real-x", "requirement": "^1", "kind": "optional" },
                { "name": "y", "requirement": "^2", "kind": "build" },
            ])
        );
        let outcome = fetch(&registry, &release).await;
        let name = "Serde_X-1.10.0+meta.crate".to_owned();
        assert_eq!(
            outcome.contents(),
            [(name, "1.10.0+meta".into(), Some("sha256"))]
        );
        let same = registry
            .resolve(&purl("pkg:cargo/serde_x@1.10.0"))
            .await
            .unwrap();
        assert_eq!(same.version, "1.10.0+meta");
        let yanked = registry
            .resolve(&purl("pkg:cargo/serde_x@1.11.0"))
            .await
            .unwrap();
        assert_eq!(yanked.metadata["yanked"], true);
        let error = registry
            .resolve(&purl("pkg:cargo/serde_x@3.0.0"))
            .await
            .unwrap_err();
        assert_eq!(
            error.hint(),
            "latest: 1.10.0+meta; nearest: 1.10.0+meta, 1.11.0, 2.0.0-rc.1"
        );
    }
}

#[tokio::test]
async fn gem_platforms_all_count() {
    let site = Site::start().await;
    let entry = |number: &str, platform: &str, content: &str| {
        json!({
            "number": number, "platform": platform, "sha": sha256(content),
            "created_at": "2024-01-01T00:00:00Z", "authors": "Ann, Bob", "summary": "s",
            "licenses": ["MIT"], "metadata": { "source_code_uri": "https://git.example/g" },
        })
    };
    let versions = json!([
        entry("2.0.0.pre", "ruby", "x"),
        entry("1.10", "x86_64-linux", "native"),
        entry("1.10", "ruby", "pure"),
        entry("1.9", "ruby", "old"),
    ]);
    site.json("/api/v1/versions/g.json", &versions);
    site.json(
        "/api/v2/rubygems/g/versions/1.10.json",
        &json!({ "downloads": 7, "dependencies": { "runtime": [{ "name": "d", "requirements": ">= 0" }] } }),
    );
    site.put("/gems/g-1.10.gem", "application/octet-stream", "pure");
    site.put(
        "/gems/g-1.10-x86_64-linux.gem",
        "application/octet-stream",
        "native",
    );
    let registry = registry(Ecosystem::Gem, &format!("{}/", site.url));
    let release = registry.resolve(&purl("pkg:gem/g")).await.unwrap();
    assert_eq!(release.version, "1.10");
    assert_eq!(
        release.metadata["authors"],
        json!([{ "name": "Ann" }, { "name": "Bob" }])
    );
    assert_eq!(release.metadata["downloads"], 7);
    let outcome = fetch(&registry, &release).await;
    let expected = [
        ("g-1.10.gem", "pure"),
        ("g-1.10-x86_64-linux.gem", "native"),
    ];
    let expected = expected.map(|(name, content)| (name.into(), content.into(), Some("sha256")));
    assert_eq!(outcome.contents(), expected);
    let one = registry
        .resolve(&purl("pkg:gem/g@1.10?platform=x86_64-linux"))
        .await
        .unwrap();
    assert_eq!(one.artifacts[0].filename, "g-1.10-x86_64-linux.gem");
    assert_eq!(one.artifacts.len(), 1);
}

#[tokio::test]
async fn gem_compact_index_serves_where_the_api_is_missing() {
    let site = Site::start().await;
    let sum = sha256("gem");
    let lines = format!("---\n1.0.0 a:>= 1|checksum:{sum},ruby:>= 2\n1.1.0-java |checksum:{sum}\n");
    site.put("/info/g", "text/plain", lines);
    site.put("/gems/g-1.1.0-java.gem", "application/octet-stream", "gem");
    let registry = registry(Ecosystem::Gem, &site.url);
    let release = registry.resolve(&purl("pkg:gem/g")).await.unwrap();
    let outcome = fetch(&registry, &release).await;
    assert_eq!(
        outcome.contents(),
        [("g-1.1.0-java.gem".into(), "gem".into(), Some("sha256"))]
    );
}
