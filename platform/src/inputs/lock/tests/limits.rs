use std::time::{Duration, Instant};

use pretty_assertions::assert_eq;

use super::*;

#[test]
fn packages_past_the_limit_are_counted() {
    let text: String = (0..MAX_PACKAGES + 7)
        .map(|n| format!("p{n}==1\n"))
        .collect();
    let parsed = parse(Kind::Requirements, text.as_bytes()).unwrap();
    assert_eq!(parsed.packages.len(), MAX_PACKAGES);
    assert_eq!(parsed.skipped.last().unwrap().text, "7 more packages");
}

#[test]
fn remarks_are_bounded_and_cut() {
    let text = format!(
        "a==1\n{}",
        format!("?{}\n", "x".repeat(500)).repeat(MAX_REMARKS + 9)
    );
    let parsed = parse(Kind::Requirements, text.as_bytes()).unwrap();
    assert_eq!(parsed.skipped.len(), MAX_REMARKS);
    assert_eq!(parsed.skipped[0].text.chars().count(), MAX_REMARK_TEXT + 1);
    assert_eq!(parsed.skipped.last().unwrap().text, "10 more entries");
}

#[test]
fn files_that_are_too_large_are_refused() {
    let bytes = vec![b' '; usize::try_from(MAX_BYTES).unwrap() + 1];
    assert_eq!(
        refused(Kind::Spdx, &bytes),
        "the SPDX document is larger than 64 MiB"
    );
}

/// Nesting and repetition that make naive parsers overflow the stack or take minutes.
#[test]
fn hostile_shapes_end_soon() {
    let deep =
        |open: &str, close: &str| format!("{}{}", open.repeat(200_000), close.repeat(200_000));
    let components = |depth: usize| {
        format!(
            r#"{{"specVersion":"1.4","components":{}[]{}}}"#,
            r#"[{"purl":"pkg:npm/a@1","components":"#.repeat(depth),
            "}]".repeat(depth)
        )
    };
    let cases = [
        (
            Kind::PackageLock,
            format!(r#"{{"dependencies":{}}}"#, deep(r#"{"a":"#, "}")),
        ),
        (Kind::PackageLock, deep("[", "]")),
        (Kind::CycloneDx, components(5_000)),
        (Kind::CargoLock, format!("package = {}", deep("[", "]"))),
        (Kind::CargoLock, format!("package = {}", deep("{a=", "}"))),
        (Kind::CargoLock, "[a.".repeat(100_000)),
        (Kind::CargoLock, format!("{} = 1", "a.".repeat(100_000))),
        (Kind::CargoLock, "a = 1\n".repeat(300_000)),
        (Kind::CargoLock, "[[package]]\n".repeat(300_000)),
        (Kind::PnpmLock, deep("[", "]")),
        (Kind::PnpmLock, deep("{a: ", "}")),
        (Kind::PnpmLock, "- ".repeat(200_000)),
        (Kind::PnpmLock, "? ".repeat(200_000)),
        (Kind::PnpmLock, "a: &a b\n".repeat(200_000)),
        (Kind::PnpmLock, format!("a: {}", "\"\\x41".repeat(200_000))),
        (Kind::YarnLock, "a@1:\n".repeat(300_000)),
        (Kind::Requirements, "a\\\n".repeat(500_000)),
        (Kind::Requirements, " #".repeat(500_000)),
        (Kind::Requirements, "(".repeat(1_000_000)),
        (Kind::Requirements, "a==1,".repeat(500_000)),
    ];
    for (kind, text) in cases {
        let start = Instant::now();
        let _ = parse(kind, text.as_bytes());
        let took = start.elapsed();
        let head: String = text.chars().take(20).collect();
        assert!(
            took < Duration::from_secs(60),
            "{kind:?} {head:?} took {took:?}"
        );
    }
}

#[test]
fn trees_are_bounded() {
    let values = format!("package = [{}]", "1,".repeat(MAX_NODES + 1));
    assert!(refused(Kind::UvLock, values.as_bytes()).contains("more than 2000000 values"));
    let deep = format!("lockfileVersion: 9\npackages: {}", "[".repeat(MAX_DEPTH));
    assert!(refused(Kind::PnpmLock, deep.as_bytes()).contains("nested more than 32 deep"));
}
