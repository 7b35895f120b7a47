//! Hidden code: what must be found.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use packguard_sdk::Severity::{High, Medium};
use support::{analyze, base64, case, found, rules};

#[test]
fn hiding() {
    let init = "demo/__init__.py";
    let host = base64("https://webhook.site/abc");
    let mangled: String = (0..20)
        .map(|n| format!("_0x{:04x} = {n}\n", 0x1a2b + n))
        .collect();
    let alike: String = (0..20)
        .map(|n| format!("OO0O0O00{n:06b} = 1\n").replace('1', "O"))
        .collect();
    let few: String = (0..5)
        .map(|n| format!("_0x{:04x} = {n}\n", 0x1a2b + n))
        .collect();
    found(&[
        case(
            "python-reflection",
            init,
            "import os\ngetattr(os, 'sys' + 'tem')('x')",
            High,
        ),
        case(
            "python-reflection",
            init,
            "__import__('so'[::-1]).system('x')",
            High,
        ),
        case(
            "python-reflection",
            init,
            "__import__('subpr' + 'ocess').call(['x'])",
            High,
        ),
        case(
            "python-obfuscated",
            init,
            format!("import base64, requests\nrequests.get(base64.b64decode('{host}').decode())"),
            High,
        ),
        case(
            "python-obfuscated",
            init,
            "from pyarmor_runtime_000000 import __pyarmor__\n__pyarmor__(__name__, __file__, b'PY')",
            Medium,
        ),
        case("python-obfuscated", init, mangled, Medium),
        case("python-obfuscated", init, alike, Medium),
        case(
            "python-hidden-code",
            init,
            format!("x = 1;{}import os", " ".repeat(200)),
            High,
        ),
        case(
            "python-invisible-text",
            init,
            "x = 1  # \u{202e}x\n",
            Medium,
        ),
        case(
            "python-invisible-text",
            init,
            "p\u{0430}ssword = 1\n",
            Medium,
        ),
        case(
            "python-invisible-text",
            init,
            "\u{1d4ee}\u{1d501}\u{1d4ee}\u{1d4ec}('1')\n",
            Medium,
        ),
        case(
            "python-unpickle-payload",
            init,
            "import pickle\npickle.loads(b\"cos\\nsystem\\n(S'x'\\ntR.\")",
            High,
        ),
    ]);
    assert_eq!(rules(&analyze(init, few)), []);
}

#[test]
fn bytecode_needs_its_source() {
    use packguard_sdk::Analyzer as _;
    use packguard_sdk::testing::PackageBuilder;
    let package = PackageBuilder::new("pypi", "demo")
        .file("demo/a.py", "")
        .file("demo/__pycache__/a.cpython-311.pyc", b"\x00")
        .file("demo/hidden.pyc", b"\x00")
        .build();
    let analysis = packguard_python::Python::analyze(&package).unwrap();
    let paths: Vec<_> = analysis
        .findings()
        .iter()
        .map(|finding| {
            (
                finding.rule.as_str(),
                finding.location.as_ref().unwrap().path.as_str(),
            )
        })
        .collect();
    assert_eq!(paths, [("python-bytecode-only", "demo/hidden.pyc")]);
}
