use pretty_assertions::assert_eq;

use super::*;

#[test]
fn cyclonedx() {
    for version in ["1.2", "1.6"] {
        let text = r#"{"bomFormat": "CycloneDX", "specVersion": "V",
"metadata": {"component": {"type": "application", "name": "app", "purl": "pkg:npm/app@1"}},
"components": [
{"type": "library", "name": "a", "version": "1", "purl": "pkg:npm/%40s/a@1.0.0?x=y#z", "components": [
  {"type": "library", "name": "b", "purl": "pkg:PyPI/B_b@2"}]},
{"type": "library", "name": "JS", "purl": "pkg:npm/JSONStream@1.3.5"},
{"type": "library", "name": "c", "version": "3"},
{"type": "file", "name": "/etc/passwd"},
{"type": "library", "name": "d", "purl": "not a purl"},
"text",
{"name": "again", "purl": "pkg:pypi/b-b@2"}
]}"#;
        check(
            Kind::CycloneDx,
            &text.replace("\"V\"", &format!("{version:?}")),
            "4 pkg:npm/%40s/a@1.0.0?x=y#z
             5 pkg:pypi/b-b@2
             6 pkg:npm/JSONStream@1.3.5
             skip 7 c 3 | has no package URL
             skip 9 not a purl | not a valid package URL: missing scheme
             skip 10 \"text\" | cannot be read
             note 8 /etc/passwd | not a package",
        );
    }
}

#[test]
fn spdx() {
    let text = r#"{"spdxVersion": "SPDX-2.3", "documentDescribes": ["SPDXRef-root"], "packages": [
{"SPDXID": "SPDXRef-root", "name": "app", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:npm/app@1.0.0"}]},
{"SPDXID": "SPDXRef-a", "name": "a", "externalRefs": [
  {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:a"},
  {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:pypi/a@1.0"}]},
{"SPDXID": "SPDXRef-b", "name": "b", "versionInfo": "2"}
]}"#;
    let expected = "3 pkg:pypi/a@1.0
                    skip 6 b 2 | has no package URL
                    local 1";
    check(Kind::Spdx, text, expected);
    check(Kind::Spdx, &format!("{{\"sbom\": {text}}}"), expected);
}

#[test]
fn an_spdx_document_about_one_package_names_that_package() {
    check(
        Kind::Spdx,
        r#"{"spdxVersion": "SPDX-2.2", "packages": [{"SPDXID": "SPDXRef-a", "externalRefs":
           [{"referenceType": "purl", "referenceLocator": "pkg:cargo/a@1.0.0"}]}],
           "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-a"}]}"#,
        "1 pkg:cargo/a@1.0.0
         local 1",
    );
}

#[test]
fn unknown_versions_and_shapes_are_refused() {
    for (kind, text, expected) in [
        (
            Kind::CycloneDx,
            r#"{"specVersion": "2.0", "components": []}"#,
            "specVersion is not 1.x",
        ),
        (
            Kind::CycloneDx,
            r#"{"specVersion": "1.4", "components": {}}"#,
            "not an array",
        ),
        (
            Kind::CycloneDx,
            r#"{"specVersion": "1.4"}"#,
            "no packages found",
        ),
        (
            Kind::Spdx,
            r#"{"spdxVersion": "SPDX-3.0"}"#,
            "spdxVersion is not 2.x",
        ),
        (Kind::Spdx, "{", "(line 1): EOF while parsing"),
        (Kind::PackageLock, r#"{"packages": []}"#, "not an object"),
        (Kind::PackageLock, "\n\n]", "(line 3)"),
        (Kind::PackageLock, "\u{1}\u{ff}", "expected value"),
    ] {
        let message = refused(kind, text.as_bytes());
        assert!(message.contains(expected), "{message}");
    }
    assert!(refused(Kind::Spdx, b"{}\n\xff").contains("(line 2): not UTF-8 text"));
}

#[test]
fn documents_are_told_by_content() {
    for (text, expected) in [
        (
            r#"{"bomFormat": "CycloneDX"}"#,
            Sniffed::Kind(Kind::CycloneDx),
        ),
        (
            "\u{feff}{\"spdxVersion\": \"SPDX-2.3\"}",
            Sniffed::Kind(Kind::Spdx),
        ),
        (
            r#"{"sbom": {"spdxVersion": "SPDX-2.3"}}"#,
            Sniffed::Kind(Kind::Spdx),
        ),
        (r#"{"spdxVersion": "SPDX-4.0"}"#, Sniffed::UnsupportedSbom),
        (
            r#"{"@context": "x", "@graph": []}"#,
            Sniffed::UnsupportedSbom,
        ),
        (
            r#"{"lockfileVersion": 3, "packages": {}}"#,
            Sniffed::Kind(Kind::PackageLock),
        ),
        (r#"{"name": "x"}"#, Sniffed::Other),
        ("{", Sniffed::Other),
        (r#"{"bomFormat": 7}"#, Sniffed::Other),
    ] {
        assert_eq!(sniff_json(text.as_bytes()), expected, "{text}");
    }
}
