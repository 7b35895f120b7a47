//! Class files that `javac` made of the sources in `testdata/java`.

use packguard_sdk::{Phase, Severity};
use proptest::prelude::*;

use super::{analyze, found};

/// The class file of a sample.
fn class(name: &str) -> Vec<u8> {
    let path = format!(
        "{}/testdata/java/{name}.class.b64",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    packguard_sdk::decode::base64(&text).unwrap()
}

fn rules(name: &str) -> Vec<(String, Severity)> {
    found(&[(&format!("demo.jar!/{name}.class"), class(name))])
}

#[track_caller]
fn expect(name: &str, rule: &str, severity: Severity) {
    let rules = rules(name);
    assert!(
        rules.contains(&(rule.to_owned(), severity)),
        "{name}: {rules:?}"
    );
}

#[test]
fn a_download_that_is_run_is_found() {
    expect(
        "DownloadRun",
        "bytecode-download-execute",
        Severity::Critical,
    );
    expect(
        "DownloadLoop",
        "bytecode-download-execute",
        Severity::Critical,
    );
}

#[test]
fn a_download_that_is_run_is_found_however_it_is_written() {
    for name in [
        "EvasionReversed",
        "EvasionClient",
        "EvasionThread",
        "EvasionScript",
        "EvasionLetters",
    ] {
        expect(name, "bytecode-download-execute", Severity::Critical);
    }
}

#[test]
fn a_carried_program_is_found_by_what_it_is_called() {
    expect("CarriedProgram", "bytecode-carried-program", Severity::High);
    assert_eq!(rules("HonestLauncher"), []);
}

#[test]
fn a_class_that_is_defined_by_reflection_is_found() {
    expect("ReflectiveDefine", "bytecode-decoded-code", Severity::High);
}

#[test]
fn a_key_is_followed_behind_an_interface() {
    let files = ["WalletKey", "WalletSender"].map(|name| {
        let path = format!("a.jar!/{name}.class");
        (path, class(name))
    });
    let files = files
        .each_ref()
        .map(|(path, bytes)| (path.as_str(), bytes.clone()));
    let found = found(&files);
    assert!(
        found.contains(&("bytecode-key-theft".to_owned(), Severity::High)),
        "{found:?}"
    );
    assert_eq!(rules("HonestWallet"), []);
}

#[test]
fn a_static_initialiser_runs_at_import() {
    let analysis = analyze(&[("a.jar!/DownloadRun.class", class("DownloadRun"))]);
    let finding = analysis
        .findings()
        .iter()
        .find(|one| one.rule == "bytecode-download-execute")
        .unwrap();
    assert_eq!(finding.phase, Phase::Import);
    assert!(finding.title.ends_with("DownloadRun.<clinit>"));
}

#[test]
fn shells_over_the_network_are_found() {
    expect("ReverseShell", "bytecode-reverse-shell", Severity::Critical);
    expect("RemoteControl", "bytecode-remote-control", Severity::High);
    expect("WebShell", "bytecode-web-shell", Severity::High);
}

#[test]
fn the_environment_on_its_way_out_is_found() {
    expect(
        "EnvironmentSend",
        "bytecode-exfiltration",
        Severity::Critical,
    );
}

#[test]
fn foreign_and_decoded_code_is_found() {
    expect("RemoteClass", "bytecode-remote-code", Severity::Critical);
    expect("DefineDecoded", "bytecode-decoded-code", Severity::High);
    expect("DecodedCommand", "bytecode-decoded-command", Severity::High);
    expect(
        "EncodedPowerShell",
        "bytecode-decoded-command",
        Severity::High,
    );
    expect(
        "EncodedPowerShell",
        "bytecode-hostile-command",
        Severity::High,
    );
}

#[test]
fn thieves_of_passwords_are_found() {
    expect("BrowserThief", "bytecode-credential-theft", Severity::High);
}

#[test]
fn honest_classes_stay_quiet() {
    for name in ["Honest", "HonestCipher"] {
        assert_eq!(rules(name), [], "{name}");
    }
}

#[test]
fn a_broken_class_is_a_problem() {
    let mut bytes = class("ReverseShell");
    bytes.truncate(200);
    let analysis = analyze(&[("a.class", bytes)]);
    assert_eq!(analysis.problems().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn hostile_bytes_never_break_it(
        changes in prop::collection::vec((8..2_000_usize, any::<u8>()), 0..40),
        length in 0..2_100_usize,
    ) {
        let mut file = class("DownloadLoop");
        for (at, byte) in changes {
            if let Some(old) = file.get_mut(at) {
                *old = byte;
            }
        }
        file.truncate(length);
        let _ = analyze(&[("a.class", file)]);
    }
}
