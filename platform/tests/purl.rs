//! The purl specification's parse and roundtrip cases on packguard's types, and what lies beyond.

use std::str::FromStr;

use packguard_platform::purl::{MAX_LENGTH, Purl, PurlError};
use pretty_assertions::assert_eq;
use proptest::prelude::*;

/// input, canonical form, namespace, name, version, subpath (empty: none).
type Parsed = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const PARSED: &[Parsed] = &[
    ("pkg:pypi/django@1.11.1", "pkg:pypi/django@1.11.1", "", "django", "1.11.1", ""),
    ("pkg:PYPI/Django_package@1.11.1.dev1", "pkg:pypi/django-package@1.11.1.dev1", "", "django-package", "1.11.1.dev1", ""),
    ("pkg:pypi/My.PyPI_.--._Package@1.11.1.dev1", "pkg:pypi/my-pypi-package@1.11.1.dev1", "", "my-pypi-package", "1.11.1.dev1", ""),
    ("pkg:pypi/django@1.11.1?file_name=Django-1.11.1.tar.gz", "pkg:pypi/django@1.11.1?file_name=Django-1.11.1.tar.gz", "", "django", "1.11.1", ""),
    ("pkg:pypi/django@1.11.1?filename=Django-1.11.1-py2.py3-none-any.whl", "pkg:pypi/django@1.11.1?filename=Django-1.11.1-py2.py3-none-any.whl", "", "django", "1.11.1", ""),
    ("pkg:pypi/django-allauth@12.23", "pkg:pypi/django-allauth@12.23", "", "django-allauth", "12.23", ""),
    ("pkg:npm/foobar@12.3.1", "pkg:npm/foobar@12.3.1", "", "foobar", "12.3.1", ""),
    ("pkg:npm/%40angular/animation@12.3.1", "pkg:npm/%40angular/animation@12.3.1", "@angular", "animation", "12.3.1", ""),
    ("pkg:npm/@angular/animation@12.3.1", "pkg:npm/%40angular/animation@12.3.1", "@angular", "animation", "12.3.1", ""),
    ("pkg:npm/@babel/core#/googleapis/api/annotations/", "pkg:npm/%40babel/core#googleapis/api/annotations", "@babel", "core", "", "googleapis/api/annotations"),
    ("pkg:npm/core@2.0.1#/googleapis/api/annotations/", "pkg:npm/core@2.0.1#googleapis/api/annotations", "", "core", "2.0.1", "googleapis/api/annotations"),
    ("pkg:npm/mypackage@12.4.5?vcs_url=git://host.com/path/to/repo.git%404345abcd34343", "pkg:npm/mypackage@12.4.5?vcs_url=git:%2F%2Fhost.com%2Fpath%2Fto%2Frepo.git%404345abcd34343", "", "mypackage", "12.4.5", ""),
    ("pkg:npm/LoDash@4.17.21", "pkg:npm/lodash@4.17.21", "", "lodash", "4.17.21", ""),
    ("pkg:npm/%40MyScope/MyPackage@1.0.0", "pkg:npm/%40myscope/mypackage@1.0.0", "@myscope", "mypackage", "1.0.0", ""),
    ("pkg:npm/my-package.js@1.0.0", "pkg:npm/my-package.js@1.0.0", "", "my-package.js", "1.0.0", ""),
    ("pkg:npm/foo@1.0.0#src/%F0%9F%98%83/file.js", "pkg:npm/foo@1.0.0#src/%F0%9F%98%83/file.js", "", "foo", "1.0.0", "src/😃/file.js"),
    ("pkg:npm/foo@1.2.3-%F0%9F%98%83", "pkg:npm/foo@1.2.3-%F0%9F%98%83", "", "foo", "1.2.3-😃", ""),
    ("pkg:cargo/rand@0.7.2", "pkg:cargo/rand@0.7.2", "", "rand", "0.7.2", ""),
    ("pkg:cargo/structopt@0.3.11", "pkg:cargo/structopt@0.3.11", "", "structopt", "0.3.11", ""),
    ("pkg:gem/ruby-advisory-db-check@0.12.4", "pkg:gem/ruby-advisory-db-check@0.12.4", "", "ruby-advisory-db-check", "0.12.4", ""),
    ("pkg:gem/jruby-launcher@1.1.2?Platform=java", "pkg:gem/jruby-launcher@1.1.2?platform=java", "", "jruby-launcher", "1.1.2", ""),
    ("pkg:maven/org.apache.commons/io@1.3.4", "pkg:maven/org.apache.commons/io@1.3.4", "org.apache.commons", "io", "1.3.4", ""),
    ("pkg:/maven/org.apache.commons/io", "pkg:maven/org.apache.commons/io", "org.apache.commons", "io", "", ""),
    ("pkg:///maven/org.apache.commons/io", "pkg:maven/org.apache.commons/io", "org.apache.commons", "io", "", ""),
    ("pkg:maven/HTTPClient/HTTPClient@0.3-3", "pkg:maven/HTTPClient/HTTPClient@0.3-3", "HTTPClient", "HTTPClient", "0.3-3", ""),
    ("pkg:maven/mygroup/myartifact@1.0.0%20Final?mykey=my%20value", "pkg:maven/mygroup/myartifact@1.0.0%20Final?mykey=my%20value", "mygroup", "myartifact", "1.0.0 Final", ""),
    ("pkg:Maven/org.apache.xmlgraphics/batik-anim@1.9.1?type=pom&repositorY_url=repo.example/release", "pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1?repository_url=repo.example%2Frelease&type=pom", "org.apache.xmlgraphics", "batik-anim", "1.9.1", ""),
    ("pkg:Maven/net.sf.jacob-project/jacob@1.14.3?type=dll&classifier=x86", "pkg:maven/net.sf.jacob-project/jacob@1.14.3?classifier=x86&type=dll", "net.sf.jacob-project", "jacob", "1.14.3", ""),
    ("pkg:composer/guzzlehttp/promises@2.0.2", "pkg:composer/guzzlehttp/promises@2.0.2", "guzzlehttp", "promises", "2.0.2", ""),
    ("pkg:composer/Laravel/Laravel@5.5.0", "pkg:composer/laravel/laravel@5.5.0", "laravel", "laravel", "5.5.0", ""),
    ("pkg:GOLANG/google.golang.org/genproto@abcdedf#/googleapis/api/annotations/", "pkg:golang/google.golang.org/genproto@abcdedf#googleapis/api/annotations", "google.golang.org", "genproto", "abcdedf", "googleapis/api/annotations"),
    ("pkg:golang/github.com/gorilla/context@234fd47e07d1004f0aed9c#api", "pkg:golang/github.com/gorilla/context@234fd47e07d1004f0aed9c#api", "github.com/gorilla", "context", "234fd47e07d1004f0aed9c", "api"),
    ("pkg:Nuget/EnterpriseLibrary.Common@6.0.1304", "pkg:nuget/EnterpriseLibrary.Common@6.0.1304", "", "EnterpriseLibrary.Common", "6.0.1304", ""),
    ("pkg:nuget/EntityFramework@7.0.0-preview.2", "pkg:nuget/EntityFramework@7.0.0-preview.2", "", "EntityFramework", "7.0.0-preview.2", ""),
    // Beyond the suite.
    ("PKG:pypi/requests", "pkg:pypi/requests", "", "requests", "", ""),
    ("  pkg:pypi/requests\n", "pkg:pypi/requests", "", "requests", "", ""),
    ("pkg:packagist/Monolog/Monolog@1.0", "pkg:composer/monolog/monolog@1.0", "monolog", "monolog", "1.0", ""),
    ("pkg:npm/%40types%2Fnode@18.0.0", "pkg:npm/%40types/node@18.0.0", "@types", "node", "18.0.0", ""),
    ("pkg:golang/example.com%2Fa%2Fb@v1.0.0", "pkg:golang/example.com/a/b@v1.0.0", "example.com/a", "b", "v1.0.0", ""),
    ("pkg:npm/foo#", "pkg:npm/foo", "", "foo", "", ""),
    ("pkg:npm/foo#./..", "pkg:npm/foo", "", "foo", "", ""),
    ("pkg:npm/foo@1.0.0?a=", "pkg:npm/foo@1.0.0", "", "foo", "1.0.0", ""),
    ("pkg:cargo/semver@1.0.0+20240101", "pkg:cargo/semver@1.0.0%2B20240101", "", "semver", "1.0.0+20240101", ""),
    ("pkg:composer/a/b@dev-feature%2Fx", "pkg:composer/a/b@dev-feature%2Fx", "a", "b", "dev-feature/x", ""),
];

fn parse(input: &str) -> Result<Purl, PurlError> {
    Purl::from_str(input)
}

#[test]
fn parses_and_writes_the_canonical_form() {
    for &(input, canonical, namespace, name, version, subpath) in PARSED {
        let purl = parse(input).unwrap_or_else(|error| panic!("{input}: {error}"));
        let parts = (
            purl.namespace().unwrap_or_default(),
            purl.name(),
            purl.version().unwrap_or_default(),
            purl.subpath().unwrap_or_default(),
        );
        assert_eq!(parts, (namespace, name, version, subpath), "{input}");
        assert_eq!(purl.to_string(), canonical, "{input}");
        assert_eq!(parse(canonical).unwrap().to_string(), canonical, "{input}");
    }
}

#[test]
fn refuses_what_is_no_purl() {
    let refused = [
        "",
        "requests",
        "EnterpriseLibrary.Common@6.0.1304",
        "pkg:EnterpriseLibrary.Common@6.0.1304",
        "pkg:n&g?inx/nginx@0.8.9",
        "pkg:3nginx/nginx@0.8.9",
        "pkg:nginx:a/nginx@0.8.9",
        "pkg%3Amaven/org.apache.commons/io",
        "pkg:maven/@1.3.4",
        "pkg:npm/",
        "pkg:npm/foobar@",
        "pkg:npm/.foobar@1.0.0",
        "pkg:npm/_foobar@1.0.0",
        "pkg:npm/foo%F0%9F%98%83bar@1.0.0",
        "pkg:npm/%40foo%F0%9F%98%83/bar@1.0.0",
        "pkg:npm/myartifact@1.0.0?in%20production=true",
        "pkg:npm/a/b/c@1.0.0",
        "pkg:composer/console@5.0.0",
        "pkg:nuget/microsoft/aspnetcore.mvc@2.2.0",
        "pkg:pypi/name/space@1",
        "pkg:pypi/..%2f..%2fetc@1",
        "pkg:pypi/a%2Fb@1",
        "pkg:gem/a%00b@1",
        "pkg:gem/a@1%2F..%2F..%2Fx",
        "pkg:gem/a@1%0A2",
        "pkg:npm/a@1?x=1&X=2",
        "pkg:pypi/%ff@1",
    ];
    for input in refused {
        let error = parse(input).expect_err(input);
        assert!(
            matches!(error, PurlError::Malformed { .. }),
            "{input}: {error}"
        );
        assert!(!error.to_string().contains('\n'), "{input}");
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn an_unknown_type_is_answered_with_the_known_ones() {
    let error = parse("pkg:deb/debian/curl@7.50.3-1").unwrap_err();
    assert_eq!(error, PurlError::UnknownType("deb".to_owned()));
    assert_eq!(
        error.hint(),
        "known types: pypi, npm, cargo, gem, maven, composer, golang, nuget"
    );
}

#[test]
fn a_purl_that_is_too_long_is_refused_before_it_is_parsed() {
    let long = format!("pkg:npm/a@{}", "1".repeat(MAX_LENGTH));
    assert!(matches!(parse(&long), Err(PurlError::TooLong(_))));
    // What would not be read again once it is encoded is not accepted either.
    let grows = format!("pkg:npm/a@{}", "%".repeat(MAX_LENGTH - 20));
    assert!(matches!(parse(&grows), Err(PurlError::TooLong(_))));
}

#[test]
fn the_spelling_of_the_input_is_kept_for_look_ups() {
    let purl = parse("pkg:golang/github.com/BurntSushi/toml@v1.0.0").unwrap();
    assert_eq!(purl.spelled_name(), "github.com/BurntSushi/toml");
    assert_eq!(purl.full_name(), "github.com/burntsushi/toml");
}

proptest! {
    #[test]
    fn no_input_panics_and_what_parses_is_stable(input in "(pkg:)?(npm|pypi|golang|maven|x)?/?.{0,60}") {
        if let Ok(purl) = parse(&input) {
            let canonical = purl.to_string();
            prop_assert_eq!(parse(&canonical).unwrap().to_string(), canonical);
        }
    }
}
