use super::*;

#[test]
fn honest_code_is_shallow() {
    for text in [
        "const a = [1, 2, 3].map((x) => ({ y: x / 2, z: /[(\\/]/.test(x) }));",
        "if (a) { b() } else if (c) { d() } else { e() }",
        "`a ${b ? `c ${d}` : '}'} e`",
        &"if (x === 1) { f(); }\n".repeat(5_000),
        &"var a = b ? c : d;\n".repeat(5_000),
        &"f(a, b, !c, -d);\n".repeat(5_000),
        &"x.a = function () { return '('; };\n".repeat(5_000),
        &"case 1: y = 2; break;\n".repeat(5_000),
        &"case 1:".repeat(5_000),
        // A search tree of conditional operators, as compilers write them.
        &(0..10).fold("1".to_owned(), |tree, _| format!("a < b ? {tree} : {tree}")),
        &"<li key={1}><b/>text</li>\n".repeat(5_000),
    ] {
        assert!(
            depth(text) < 200,
            "{} {}",
            depth(text),
            &text[..text.len().min(60)]
        );
    }
    let sum = format!("x = {};", "'a' + ".repeat(50_000) + "'b'");
    assert!(depth(&sum) < 100);
}

#[test]
fn whatever_nests_is_counted() {
    for (open, times) in [
        ("[", 1_000),
        ("(", 1_000),
        ("{", 1_000),
        ("!", 2_000),
        ("- ", 3_000),
        ("typeof ", 3_000),
        ("a => ", 1_000),
        ("a ? b : ", 3_000),
        ("a = ", 3_000),
        ("2 ** ", 3_000),
        ("`${", 1_000),
        ("if (a) ", 3_000),
        ("if (a) b; else ", 3_000),
        ("if (a) {} else ", 3_000),
        ("a: ", 3_000),
        ("<a>", 3_000),
        ("A<", 3_000),
        ("new ", 3_000),
        ("await ", 3_000),
        ("class extends ", 1_000),
        ("f(", 1_000),
        ("x[", 1_000),
        ("function(){", 1_000),
        ("async () => ", 1_000),
        ("for(;;) ", 3_000),
        ("do ", 3_000),
    ] {
        assert!(depth(&open.repeat(times)) > LIMIT, "{open}");
    }
}
