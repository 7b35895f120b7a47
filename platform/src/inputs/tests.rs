use std::fs;

use pretty_assertions::assert_eq;

use super::*;

fn in_folder(name: &str, content: &[u8]) -> Result<Input, InputError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    classify(path.to_str().unwrap())
}

#[test]
fn inputs_are_told_apart() {
    assert_eq!(
        classify("pkg:npm/a@1").unwrap(),
        Input::Purl("pkg:npm/a@1".into())
    );
    assert_eq!(
        classify("PKG:nonsense").unwrap(),
        Input::Purl("PKG:nonsense".into())
    );
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        classify(folder.path().to_str().unwrap()).unwrap(),
        Input::Folder(folder.path().to_owned())
    );
    for (name, content, expected) in [
        ("uv.lock", "", Some(Kind::UvLock)),
        ("Cargo.lock", "", Some(Kind::CargoLock)),
        ("yarn.lock", "", Some(Kind::YarnLock)),
        ("npm-shrinkwrap.json", "{}", Some(Kind::PackageLock)),
        (
            "bom.json",
            " {\"bomFormat\": \"CycloneDX\"}",
            Some(Kind::CycloneDx),
        ),
        (
            "anything",
            "{\"spdxVersion\": \"SPDX-2.3\"}",
            Some(Kind::Spdx),
        ),
        ("dev-requirements.txt", "a==1", Some(Kind::Requirements)),
        ("reqs.in", "a", Some(Kind::Requirements)),
        ("a.txt", "PK\u{3}\u{4}\0", None),
        ("a-1.0.tar.gz", "\u{1f}", None),
        ("data.json", "{\"x\": 1}", None),
        ("empty", "", None),
    ] {
        let kind = match in_folder(name, content.as_bytes()).unwrap() {
            Input::LockFile { kind, .. } => Some(kind),
            Input::Archive(_) => None,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(kind, expected, "{name}");
    }
}

#[test]
fn long_documents_are_told_too() {
    let text = format!(
        "{{\"comment\": \"{}\", \"bomFormat\": \"CycloneDX\"}}",
        "x".repeat(9_000)
    );
    assert!(matches!(
        in_folder("x.json", text.as_bytes()).unwrap(),
        Input::LockFile {
            kind: Kind::CycloneDx,
            ..
        }
    ));
}

#[test]
fn errors_say_what_to_do() {
    for (argument, hint) in [
        ("requests==2.28.1", "pkg:pypi/requests@2.28.1"),
        ("left-pad@1.3.0", "pkg:npm/left-pad@1.3.0"),
        ("@babel/core@7.24.0", "pkg:npm/%40babel/core@7.24.0"),
        ("@babel/core", "pkg:npm/%40babel/core"),
        ("no/such/file", "name a purl"),
        ("nul\0byte", "name a purl"),
        ("@", "name a purl"),
        ("", "name a purl"),
    ] {
        let error = classify(argument).unwrap_err();
        assert!(
            matches!(error, InputError::NotFound(_)),
            "{argument}: {error}"
        );
        assert!(error.hint().contains(hint), "{argument}: {}", error.hint());
    }
    for (name, content) in [
        ("Gemfile.lock", ""),
        ("x.json", "{\"@graph\": []}"),
        ("package.json", "{}"),
    ] {
        let error = in_folder(name, content.as_bytes()).unwrap_err();
        assert!(matches!(error, InputError::Unsupported { .. }), "{name}");
        assert!(error.hint().contains("Cargo.lock"));
    }
    #[cfg(unix)]
    assert!(matches!(
        classify("/dev/null"),
        Err(InputError::NotAFile(_))
    ));
}
