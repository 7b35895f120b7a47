//! Hostile input: bounded, reported, never a panic.

mod common;

use base64::Engine as _;
use common::{found, run};

fn b64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn deep_nesting_is_reported() {
    for (path, open, close) in [
        ("a.rb", "eval(", ")"),
        ("a.php", "<?php eval(", ")"),
        ("a.go", "exec.Command(", ")"),
        ("a.rs", "Command::new([{(", ")}]"),
        ("a.java", "Runtime.exec({", "})"),
    ] {
        let text = open.repeat(50_000) + &close.repeat(50_000);
        let analysis = run(path, &text);
        assert!(!analysis.problems().is_empty(), "{path}");
    }
}

#[test]
fn strings_without_end_do_not_stop_it() {
    for text in [
        "\"".repeat(20_000),
        "<<~A\n".repeat(10_000),
        "\"#{".repeat(10_000),
        "%w(".repeat(10_000),
        "/*".repeat(10_000),
        "r#\"".repeat(10_000),
        "eval(\"".repeat(5_000),
        "def a\n".repeat(10_000),
        "a.b".repeat(10_000),
        "x = x + x\n".repeat(10_000),
    ] {
        for path in [
            "a.rb", "a.php", "a.go", "a.rs", "a.java", "a.cs", "a.c", "a.lua", "a.pl", "a.kt",
        ] {
            let code = format!("<?php system(1); eval(2);\n{text}");
            let _ = run(path, &code);
        }
    }
}

#[test]
fn many_concatenations_are_linear() {
    let sum = "\"a\" + ".repeat(1_000_000);
    let analysis = run("a.rb", format!("system({sum}\"b\")\n"));
    assert!(
        found(&analysis)
            .iter()
            .all(|(rule, _)| rule.starts_with("source-"))
    );
    let lines = "x = x + \"abcdefgh\"\n".repeat(200_000);
    let analysis = run("a.rb", format!("x = ''\n{lines}system(x)\neval(y)\n"));
    assert!(
        !analysis.problems().is_empty(),
        "the budget is exceeded and said"
    );
    let doubled = "x = x + x\n".repeat(100);
    let _ = run("a.rb", format!("x = 'ab'\n{doubled}eval(x)\n"));
}

#[test]
fn payloads_in_payloads_end() {
    let mut code = "system('id')".to_owned();
    for _ in 0..12 {
        code = format!("eval(Base64.decode64('{}'))", b64(&code));
    }
    let analysis = run("a.rb", &code);
    assert!(!analysis.problems().is_empty());
}

#[test]
fn functions_that_call_each_other_end() {
    let code = "package a\nfunc a() string { return b() }\nfunc b() string { return a() }\nfunc init() { exec.Command(a()).Run() }\n";
    let _ = run("a.go", code);
    let code = "a = b\nb = a\nalias c d\nalias d c\nc('x')\nsystem(a)\n";
    let _ = run("a.rb", code);
}

#[test]
fn large_files_are_read_and_larger_ones_are_a_problem() {
    let line = "system(\"make all\") if x == 1\n";
    let analysis = run("a.rb", line.repeat((2 << 20) / line.len()));
    assert!(analysis.problems().is_empty(), "{:?}", analysis.problems());
    let analysis = run("a.rb", vec![b'a'; (64 << 20) + 1]);
    assert_eq!(analysis.problems().len(), 1);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        for path in ["a.rb", "a.php", "a.go", "a.rs", "a.java", "a.kt", "a.cs", "a.c", "a.lua", "a.pl"] {
            let mut text = b"<?php eval(system($x)); ".to_vec();
            text.extend_from_slice(&bytes);
            let _ = run(path, &text);
        }
    }

    #[test]
    fn no_code_panics(code in "(eval|system|exec|Command|new|def|end|do|fn|func|for|in|range|as|if|\\{|\\}|\\(|\\)|\\[|\\]|\"|'|`|#\\{|\\$|%w|<<~A|\n|;|,|=|:=|\\+=|\\.|::|->|=>|\\||\\^|[a-z$@]|[0-9]|é|\\\\x41|\\\\u\\{41\\}| ){0,120}") {
        for ext in ["rb", "php", "go", "rs", "java", "kt", "cs", "c", "lua", "pl"] {
            let _ = packguard_sources::count(&format!("<?php system(1); {code}"), ext);
        }
    }
}
