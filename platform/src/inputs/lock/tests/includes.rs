use std::fs;
use std::path::Path;

use pretty_assertions::assert_eq;

use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read_in(folder: &Path, name: &str) -> Result<Parsed, LockError> {
    read(&folder.join(name), Kind::Requirements)
}

#[test]
fn includes_below_the_folder_are_followed_once() {
    let folder = folder(&[
        ("project/all.txt", "a==1\n-r sub/dev.txt\n-r base.txt\n"),
        ("project/sub/dev.txt", "-r ../base.txt\nd==4\noops one\n"),
        ("project/base.txt", "b==2\n-r all.txt\n# cycle\n"),
    ]);
    let parsed = read_in(folder.path(), "project/all.txt").unwrap();
    assert_eq!(
        rendered(&parsed),
        "1 pkg:pypi/a@1\n2 pkg:pypi/d@4\n1 pkg:pypi/b@2\n\
         skip sub/dev.txt:3 oops one | not a requirement\n"
    );
    assert!(parsed.includes.is_empty());
}

#[test]
fn includes_elsewhere_are_named_not_followed() {
    let folder = folder(&[
        ("outside.txt", "o==1\n"),
        (
            "project/all.txt",
            "a==1\n-r ../outside.txt\n-r https://x.example/r.txt\n-r missing.txt\n-r .\n-r link.txt\n",
        ),
    ]);
    #[cfg(unix)]
    std::os::unix::fs::symlink("../outside.txt", folder.path().join("project/link.txt")).unwrap();
    let parsed = read_in(folder.path(), "project/all.txt").unwrap();
    assert_eq!(parsed.packages.len(), 1);
    let told: Vec<_> = parsed
        .skipped
        .iter()
        .map(|remark| (remark.line, remark.text.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Some(2), "-r ../outside.txt"),
            (Some(3), "-r https://x.example/r.txt"),
            (Some(4), "-r missing.txt"),
            (Some(5), "-r ."),
            (Some(6), "-r link.txt"),
        ]
    );
}

#[test]
fn a_chain_of_includes_ends() {
    let names: Vec<String> = (0..30).map(|n| format!("r{n}.txt")).collect();
    let texts: Vec<String> = (0..30)
        .map(|n| format!("p{n}==1\n-r r{}.txt\n", n + 1))
        .collect();
    let files: Vec<_> = names
        .iter()
        .map(String::as_str)
        .zip(texts.iter().map(String::as_str))
        .collect();
    let folder = folder(&files);
    let parsed = read_in(folder.path(), "r0.txt").unwrap();
    assert_eq!(parsed.packages.len(), 11);
    assert!(parsed.skipped[0].reason.contains("more than 10 levels"));
}

#[test]
fn nothing_in_all_of_them_is_an_error() {
    let folder = folder(&[("a.txt", "-r b.txt\n"), ("b.txt", "# empty\n")]);
    let error = read_in(folder.path(), "a.txt").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no packages found in the requirements file"
    );
    let error = read_in(folder.path(), "none.txt").unwrap_err();
    assert!(error.to_string().starts_with("cannot read it"));
}
