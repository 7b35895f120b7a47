//! What is found in small binaries made here, and in an honest one of the machine.

mod build;
mod texts;

use build::{CODE, DATA, WRITABLE_CODE, elf, fat, macho, noise, pe};
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _, Severity};
use proptest::prelude::*;

use crate::Binaries;

fn analyze(path: &str, content: &[u8]) -> Analysis {
    let package = PackageBuilder::new("pypi", "demo")
        .file(path, content)
        .build();
    Binaries::analyze(&package).unwrap()
}

/// Rules found, without `binary-native`, with their severities.
fn found(path: &str, content: &[u8]) -> Vec<(String, Severity)> {
    let analysis = analyze(path, content);
    assert_eq!(analysis.problems(), []);
    analysis
        .findings()
        .iter()
        .filter(|finding| finding.rule != "binary-native")
        .map(|finding| (finding.rule.clone(), finding.severity))
        .collect()
}

fn honest() -> Vec<u8> {
    std::fs::read("/bin/true").unwrap()
}

/// Rules found in a package of these texts and one program, at the path given.
fn started(program: &str, texts: &[(&str, &str)]) -> bool {
    let mut package = PackageBuilder::new("generic", "demo").file(program, honest());
    for (path, text) in texts {
        package = package.file(path, text);
    }
    let analysis = Binaries::analyze(&package.build()).unwrap();
    analysis
        .findings()
        .iter()
        .any(|finding| finding.rule == "binary-started" && finding.severity == Severity::High)
}

#[test]
fn a_program_that_is_started_unseen_is_found() {
    let manifest = |script: &str| format!(r#"{{"scripts": {{"install": "{script}"}}}}"#);
    let hidden = "cp.spawn(dst('table.dat'), [], { detached: true, stdio: 'ignore' }).unref();";
    let shown = "cp.spawnSync(bin('table.dat'), [], { stdio: 'inherit' });";
    let npm = |script: &str, code: &str| {
        started(
            "package/data/table.dat",
            &[
                ("package/package.json", &manifest(script)),
                ("package/run.js", code),
            ],
        )
    };
    assert!(npm("node run.js", hidden));
    assert!(npm("node other.js", hidden), "its name is that of data");
    assert!(!npm("node run.js", shown));
    let import =
        "import subprocess\nsubprocess.Popen([join(HERE, 'tool')], stdout=subprocess.DEVNULL)\n";
    let called = "import subprocess\ndef run():\n    subprocess.Popen([join(HERE, 'tool')], stdout=subprocess.DEVNULL)\n";
    let python = |code: &str| started("demo/tool", &[("setup.py", ""), ("demo/__init__.py", code)]);
    assert!(python(import));
    assert!(!python(called));
}

#[test]
fn an_honest_binary_is_a_capability_and_no_more() {
    assert_eq!(found("demo/bin/true", &honest()), []);
    let analysis = analyze("demo/bin/true", &honest());
    assert_eq!(analysis.findings()[0].rule, "binary-native");
    assert_eq!(
        analysis.findings()[0].title,
        "1 file of compiled code (ELF)"
    );
}

#[test]
fn native_code_is_counted_once_per_package() {
    let package = PackageBuilder::new("npm", "demo")
        .file("a/a.node", honest())
        .file("a/b.wasm", b"\0asm\x01\0\0\0")
        .file("a/c.js", "'MZ'")
        .build();
    let analysis = Binaries::analyze(&package).unwrap();
    let native: Vec<_> = analysis
        .findings()
        .iter()
        .filter(|finding| finding.rule == "binary-native")
        .collect();
    assert_eq!(native.len(), 1);
    assert_eq!(
        native[0].title,
        "2 files of compiled code (ELF, WebAssembly)"
    );
}

#[test]
fn what_only_begins_like_a_binary_is_none() {
    for content in [
        &b"MZ is how a text may begin, and go on for more than sixty-four bytes, as here."[..],
        b"MZ",
        // A Java class.
        b"\xCA\xFE\xBA\xBE\0\0\0\x34\0\x10",
        b"\x7FEL",
        b"\0asmbly",
        b"",
    ] {
        let analysis = analyze("demo/a.png", content);
        assert_eq!(analysis, Analysis::default(), "{}", content.escape_ascii());
    }
}

#[test]
fn names_that_fit_are_honest_and_others_a_disguise() {
    let wasm = b"\0asm\x01\0\0\0";
    for name in [
        "a.so",
        "liba.so.1.2",
        "a.pyd",
        "a.dll",
        "a.dylib",
        "a.node",
        "a.exe",
        "a.wasm",
        "a.o",
        "a.bin",
        "bin/a",
        "a.abi3.so",
        "a.dat",
    ] {
        assert_eq!(found(&format!("demo/{name}"), wasm), [], "{name}");
    }
    for name in ["logo.png", "a.txt", "b.py", "index.JS", "font.woff2"] {
        let rules = found(&format!("demo/{name}"), wasm);
        assert_eq!(
            rules,
            [("binary-disguised".to_owned(), Severity::High)],
            "{name}"
        );
    }
}

#[test]
fn programs_are_noted_where_none_are_expected() {
    let program = pe(&[(".text", CODE, b"code")], b"");
    let rule = [("binary-program".to_owned(), Severity::Low)];
    for (path, rules) in [
        ("demo/helper.exe", &rule[..]),
        ("demo/bin/helper.exe", &[]),
        ("demo-1.data/scripts/helper.exe", &[]),
        ("pip/_vendor/distlib/t64.exe", &[]),
        ("setuptools/cli-32.exe", &[]),
    ] {
        assert_eq!(found(path, &program), rules, "{path}");
    }
    assert_eq!(found("demo/helper", &elf(5, b"")), rule);
    assert_eq!(found("demo/helper", &macho()), rule);
    assert_eq!(found("demo/helper", &fat(&[&macho()])), rule);
}

#[test]
fn packed_code_is_found_by_name_entropy_and_mark() {
    let packed = [("binary-packed".to_owned(), Severity::Medium)];
    let noise = noise(16 << 10);
    let low = vec![0x90; 16 << 10];
    for (content, rules) in [
        (pe(&[("UPX0", CODE, &low)], b""), &packed[..]),
        (pe(&[(".vmp0", DATA, &low)], b""), &packed),
        (pe(&[(".text", CODE, &noise)], b""), &packed),
        (
            pe(&[(".text", CODE, &low), (".data", DATA, &noise)], b""),
            &[],
        ),
        (elf(5, b"\0\0UPX!\0"), &packed),
        (elf(5, b"\0\0UPX\0"), &[]),
    ] {
        assert_eq!(found("demo/bin/a", &content), rules);
    }
}

#[test]
fn writable_code_is_low() {
    let low = [("binary-writable-code".to_owned(), Severity::Low)];
    assert_eq!(found("demo/bin/a", &elf(7, b"")), low);
    assert_eq!(found("demo/bin/a", &elf(5, b"")), []);
    let code = pe(&[(".text", WRITABLE_CODE, b"code")], b"");
    assert_eq!(found("demo/bin/a.exe", &code), low);
}

#[test]
fn data_after_the_end_is_medium_unless_its_form_is_known() {
    let noise = noise(16 << 10);
    let zip = [b"PK\x03\x04", noise.as_slice()].concat();
    let launcher = [b"#!python.exe\r\n", zip.as_slice(), b"PK\x05\x06"].concat();
    let finding = |severity| vec![("binary-overlay".to_owned(), severity)];
    for (rest, rules) in [
        (noise.as_slice(), finding(Severity::Medium)),
        (&zip, finding(Severity::Low)),
        (&launcher, finding(Severity::Low)),
        (&noise[..100], Vec::new()),
        (&[0; 16 << 10], Vec::new()),
    ] {
        let content = pe(&[(".text", CODE, b"code")], rest);
        assert_eq!(found("demo/bin/a.exe", &content), rules);
    }
}

#[test]
fn combinations_of_functions_are_found_and_parts_are_not() {
    for (names, rule) in [
        (
            "VirtualAllocEx WriteProcessMemory CreateRemoteThread",
            "binary-injection",
        ),
        ("VirtualAllocEx WriteProcessMemory", ""),
        ("XVirtualAllocEx WriteProcessMemory CreateRemoteThread", ""),
        (
            "SetWindowsHookExW GetKeyboardState WinHttpSendRequest",
            "binary-keylogger",
        ),
        ("SetWindowsHookExW GetKeyboardState", ""),
        ("URLDownloadToFileW ShellExecuteW", "binary-download-run"),
        ("URLDownloadToFileWide ShellExecuteW", ""),
        ("memfd_create fexecve", "binary-memory-program"),
        (
            "memfd_create@GLIBC_2.27 fexecve@GLIBC_2.2.5",
            "binary-memory-program",
        ),
        ("memfd_create fexecve gnu_get_libc_version", ""),
    ] {
        let table = names.replace(' ', "\0");
        let content = pe(&[(".rdata", DATA, format!("\0{table}\0").as_bytes())], b"");
        let rules: Vec<String> = found("demo/bin/a", &content)
            .into_iter()
            .map(|(rule, _)| rule)
            .collect();
        let expected: Vec<&str> = rule.split_whitespace().collect();
        assert_eq!(rules, expected, "{names}");
    }
}

#[test]
fn indicators_are_found_in_narrow_and_wide_texts_across_pieces() {
    let text = "stratum+tcp://pool.example:3333";
    let wide: Vec<u8> = text.bytes().flat_map(|byte| [byte, 0]).collect();
    for padding in [0, 1, (1 << 20) - 0x400 - 9] {
        for text in [text.as_bytes(), &wide] {
            let content = [vec![0; padding], text.to_vec(), vec![0; 64]].concat();
            let content = pe(&[(".rdata", DATA, &content)], b"");
            let rules = found("demo/bin/a", &content);
            assert_eq!(
                rules,
                [("binary-indicator".to_owned(), Severity::Medium)],
                "{padding}"
            );
        }
    }
    let short = pe(&[(".rdata", DATA, b"\0stratu\0m+tcp://\0")], b"");
    assert_eq!(found("demo/bin/a", &short), []);
}

#[test]
fn a_broken_binary_is_malformed_and_no_problem() {
    let malformed = [("binary-malformed".to_owned(), Severity::Low)];
    let whole = pe(&[(".text", CODE, b"code")], b"");
    assert_eq!(found("demo/bin/a", &whole[..0xA0]), malformed);
    assert_eq!(found("demo/bin/a", b"\x7FELF\x02\x01\x01"), malformed);
    assert_eq!(found("demo/bin/a", b"\xCE\xFA\xED\xFE"), malformed);
    assert_eq!(found("demo/bin/a", &fat(&[b"nonsense"])), malformed);
}

#[test]
fn a_file_that_is_gone_is_a_problem() {
    let package = PackageBuilder::new("pypi", "demo")
        .file("a.so", "x")
        .build();
    let mut gone = package.0.clone();
    gone.files[0].location = "/nowhere".into();
    let analysis = Binaries::analyze(&packguard_sdk::Package(gone)).unwrap();
    assert_eq!(analysis.problems().len(), 1);
}

#[test]
fn every_rule_is_listed_under_an_id_of_its_own() {
    let ids: std::collections::BTreeSet<_> =
        crate::rules::RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), crate::rules::RULES.len());
    assert!(ids.iter().all(|id| id.starts_with("binary-")));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn hostile_bytes_never_break_it(
        kind in 0..5_usize,
        changes in prop::collection::vec((0..700_usize, any::<u8>()), 0..40),
        length in 0..1_200_usize,
    ) {
        let mut content = match kind {
            0 => pe(&[(".text", CODE, b"code"), ("UPX0", WRITABLE_CODE, b"more")], b"rest"),
            1 => elf(7, b"content"),
            2 => macho(),
            3 => fat(&[&macho(), &macho()]),
            _ => honest(),
        };
        for (at, byte) in changes {
            if let Some(old) = content.get_mut(at) {
                *old = byte;
            }
        }
        content.truncate(length);
        let _ = analyze("demo/a.png", &content);
    }
}
