use std::io::Write as _;

use super::*;

const MALICIOUS: &str = r#"{"id": "MAL-2026-1", "summary": "Steals environment variables",
    "affected": [{"package": {"ecosystem": "PyPI", "name": "Evil_Pkg"}, "versions": ["1.0", "1.1.0"]}]}"#;

const VULNERABLE: &str = r#"{"id": "GHSA-xxxx", "affected": [{
    "package": {"ecosystem": "npm", "name": "@scope/Name"},
    "ranges": [
        {"type": "GIT", "events": [{"introduced": "0"}]},
        {"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2.3"}, {"introduced": "2.0.0-rc.1"}, {"last_affected": "2.4.0"}]}
    ]}]}"#;

fn database(documents: &[&str]) -> Database {
    let mut database = Database::default();
    for one in documents {
        database.add("x.json", one.as_bytes());
    }
    database
}

fn found(database: &Database, purl: &str) -> Vec<String> {
    let (known, _) = database.look_up(&purl.parse().unwrap());
    known.into_iter().map(|one| one.rule.id).collect()
}

#[test]
fn malware_is_told_by_name_and_version() {
    let database = database(&[MALICIOUS]);
    assert_eq!(found(&database, "pkg:pypi/evil.pkg@1.0"), ["osv-malware"]);
    assert_eq!(found(&database, "pkg:pypi/evil-pkg@1.1"), ["osv-malware"]);
    for other in [
        "pkg:pypi/evil-pkg@1.2",
        "pkg:pypi/evil-pkg",
        "pkg:npm/evil-pkg@1.0",
    ] {
        assert!(found(&database, other).is_empty(), "{other}");
    }
    let (known, _) = database.look_up(&"pkg:pypi/evil-pkg@1.0".parse().unwrap());
    assert_eq!(known[0].title, "MAL-2026-1: Steals environment variables");
}

#[test]
fn ranges_are_followed_in_any_order() {
    let database = database(&[VULNERABLE]);
    for (version, expected) in [
        ("0.0.1", true),
        ("1.2.2", true),
        ("1.2.3", false),
        ("1.9.0", false),
        ("2.0.0-beta", false),
        ("2.0.0", true),
        ("2.4.0", true),
        ("2.4.1", false),
    ] {
        let hit = !found(&database, &format!("pkg:npm/%40scope/name@{version}")).is_empty();
        assert_eq!(hit, expected, "{version}");
    }
}

#[test]
fn a_report_of_malware_without_versions_is_about_all_of_them() {
    let package =
        r#""affected": [{"package": {"ecosystem": "Maven", "name": "org.example:evil"}}]"#;
    let database = database(&[
        &format!(r#"{{"id": "MAL-2", {package}}}"#),
        &format!(r#"{{"id": "GHSA-2", {package}}}"#),
        &format!(r#"{{"id": "MAL-3", "withdrawn": "2026-01-01T00:00:00Z", {package}}}"#),
    ]);
    assert_eq!(
        found(&database, "pkg:maven/org.example/evil@1"),
        ["osv-malware"]
    );
}

#[test]
fn malware_comes_first_and_many_are_cut() {
    let many: Vec<String> = (0..150)
        .map(|at| format!(r#"{{"id": "CVE-{at}", "affected": [{{"package": {{"ecosystem": "PyPI", "name": "evil-pkg"}}, "versions": ["1.0"]}}]}}"#))
        .collect();
    let mut all: Vec<&str> = many.iter().map(String::as_str).collect();
    all.push(MALICIOUS);
    let database = database(&all);
    let (known, more) = database.look_up(&"pkg:pypi/evil-pkg@1.0".parse().unwrap());
    assert_eq!(
        (known[0].rule.id.as_str(), known.len(), more),
        ("osv-malware", 100, 51)
    );
}

#[test]
fn the_digest_does_not_depend_on_the_order() {
    let one = database(&[MALICIOUS, VULNERABLE]);
    let other = database(&[VULNERABLE, MALICIOUS, MALICIOUS]);
    assert_eq!(one.digest(), other.digest());
    assert_ne!(one.digest(), database(&[MALICIOUS]).digest());
}

#[tokio::test]
async fn folders_archives_and_documents_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(inner.join("a.json"), MALICIOUS).unwrap();
    std::fs::write(inner.join("b.JSON"), format!("[{VULNERABLE}]")).unwrap();
    std::fs::write(inner.join("c.json"), "{\"id\": 3}").unwrap();
    std::fs::write(inner.join("readme.txt"), "no advisory").unwrap();
    let archive = folder.path().join("all.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&archive).unwrap());
    for (name, text) in [
        ("a.json", MALICIOUS),
        ("b.json", &format!("[{VULNERABLE}]")),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let from_folder = read(&path(&inner), true).await.unwrap();
    let from_archive = read(&path(&archive), true).await.unwrap();
    assert_eq!((from_folder.len(), from_archive.len()), (2, 2));
    assert_eq!(from_folder.digest(), from_archive.digest());
    assert!(from_folder.problem().unwrap().contains("c.json"));
    assert!(from_archive.problem().is_none());
    let one = read(&path(&inner.join("a.json")), true).await.unwrap();
    assert_eq!(one.len(), 1);
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_string_lossy().into_owned()
    };
    let deep = "[".repeat(100_000);
    for (name, bytes) in [
        ("text", &b"hello"[..]),
        ("empty", b""),
        ("broken.zip", b"PK\x03\x04 and nothing more"),
        ("deep.json", deep.as_bytes()),
        ("large.json", &vec![b' '; (8 << 20) + 1]),
    ] {
        let path = write(name, bytes);
        let error = read(&path, true).await.unwrap_err();
        assert!(!error.hint().is_empty(), "{name}: {error}");
    }
    assert!(matches!(
        read("no/such/place", true).await,
        Err(OsvError::Read { .. })
    ));
    let url = "https://example.com/all.zip";
    assert!(matches!(read(url, true).await, Err(OsvError::Offline(_))));
}
