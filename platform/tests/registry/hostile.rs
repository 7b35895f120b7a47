//! Where a hostile registry tries to send us.

use packguard_platform::purl::Ecosystem;
use packguard_platform::registry::FetchError;
use pretty_assertions::assert_eq;

use crate::network::{resolve, with_tarball};
use crate::site::Site;
use crate::{fetch, purl, registry};

#[tokio::test]
async fn redirects_inside_the_configured_origin_are_followed() {
    let site = with_tarball("/a", None).await;
    site.redirect("/a", "/b".to_owned());
    site.put("/b", "application/octet-stream", "ok");
    let (registry, release) = resolve(&site).await;
    assert_eq!(fetch(&registry, &release).await.contents()[0].1, "ok");
}

#[tokio::test]
async fn redirects_and_links_to_places_that_are_not_configured_are_refused() {
    let secret = Site::start().await;
    secret.put("/secret", "text/plain", "internal");
    let port = secret.url.rsplit_once(':').unwrap().1.to_owned();
    let targets = [
        (format!("{}/secret", secret.url), "it is not https"),
        (
            format!("https://127.0.0.1:{port}/secret"),
            "its address is private",
        ),
        (
            format!("https://localhost:{port}/secret"),
            "its address is private",
        ),
        (
            format!("https://[::1]:{port}/secret"),
            "its address is private",
        ),
        (
            format!("https://[::ffff:127.0.0.1]:{port}/secret"),
            "its address is private",
        ),
        (
            format!("https://2130706433:{port}/secret"),
            "its address is private",
        ),
        (
            "https://169.254.169.254/latest/meta-data".to_owned(),
            "its address is private",
        ),
        ("http://example.com/p.tgz".to_owned(), "it is not https"),
        ("file:///etc/passwd".to_owned(), "it is not https"),
    ];
    for (target, expected) in targets {
        // Once as a redirect, once as the link in the registry's answer.
        let redirecting = with_tarball("/a", None).await;
        redirecting.redirect("/a", target.clone());
        let linking = with_tarball(&target, None).await;
        for site in [redirecting, linking] {
            let (registry, release) = resolve(&site).await;
            let outcome = fetch(&registry, &release).await;
            let FetchError::Refused { reason, .. } = outcome.error() else {
                panic!("{target}: {:?}", outcome.result);
            };
            assert_eq!(reason, expected, "{target}");
        }
    }
    assert_eq!(secret.hits("/secret"), 0);
}

#[tokio::test]
async fn redirect_loops_end() {
    let site = with_tarball("/a", None).await;
    site.redirect("/a", "/a".to_owned());
    let (registry, release) = resolve(&site).await;
    let outcome = fetch(&registry, &release).await;
    assert!(matches!(outcome.error(), FetchError::Refused { .. }));
    assert_eq!(site.hits("/a"), 6);
}

#[tokio::test]
async fn a_second_configured_url_may_serve_files() {
    let files = Site::start().await;
    files.put("/p.tgz", "application/octet-stream", "ok");
    let site = with_tarball(&format!("{}/p.tgz", files.url), None).await;
    let both = format!("{} {}", site.url, files.url);
    let registry = registry(Ecosystem::Npm, &both);
    let release = registry.resolve(&purl("pkg:npm/p")).await.unwrap();
    assert_eq!(fetch(&registry, &release).await.contents()[0].1, "ok");
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let files = Site::start().await;
    files.put("/p.tgz", "application/octet-stream", "ok");
    let site = with_tarball(&format!("{}/p.tgz", files.url), None).await;
    let own = site.url.replace("http://", "http://user:pa%3Ass@");
    let registry = registry(Ecosystem::Npm, &format!("{own} {}", files.url));
    let release = registry.resolve(&purl("pkg:npm/p")).await.unwrap();
    fetch(&registry, &release).await.fetched();
    assert_eq!(
        site.authorizations(),
        [Some("Basic dXNlcjpwYTpzcw==".to_owned())]
    );
    assert_eq!(files.authorizations(), [None]);
    let error = registry.resolve(&purl("pkg:npm/absent")).await.unwrap_err();
    assert!(!format!("{error} {error:?} {release:?}").contains("pa:ss"));
}

#[tokio::test]
async fn names_from_the_registry_stay_inside_the_directory() {
    let site = with_tarball("/..%2f..%2fevil.tgz", None).await;
    site.put("/..%2f..%2fevil.tgz", "application/gzip", "ok");
    let (registry, release) = resolve(&site).await;
    let outcome = fetch(&registry, &release).await;
    let file = &outcome.fetched().artifacts[0];
    assert_eq!(file.filename, ".._.._evil.tgz");
    assert_eq!(file.path.parent(), Some(outcome.directory.path()));
}
