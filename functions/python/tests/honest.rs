//! What must stay quiet, and what the analyzer says of itself.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use packguard_sdk::Severity;
use support::quiet;

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
        (
            "demo/cli.py",
            "import typer, pathlib\ndef install(value):\n    (pathlib.Path.home() / '.bashrc').write_text('x')\nOPTION = typer.Option(False, callback=install)",
        ),
        (
            "demo/settings.py",
            "import os, requests\nfrom config import Settings\ns = Settings(os.environ)\nrequests.post('https://api.example.com', json={'key': s.key})",
        ),
        (
            "demo/child.py",
            "import base64, marshal, types\ndef call(line):\n    return types.FunctionType(marshal.loads(base64.b64decode(line)), {})",
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
fn deeds_of_honest_tools_are_quiet() {
    quiet(&[
        (
            "demo/mem.py",
            "def read(pid):\n    return open(f'/proc/{pid}/mem', 'rb').read(10)\nMINE = open('/proc/self/mem', 'rb')",
        ),
        (
            "demo/dev.py",
            "import subprocess, sys\ndef bootstrap():\n    subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'https://x.example/a.whl'])",
        ),
        (
            "demo/vault.py",
            "from cryptography.fernet import Fernet\ndef save(path, key, data):\n    with open(path, 'wb') as f:\n        f.write(Fernet(key).encrypt(data))",
        ),
        (
            "demo/icon.py",
            "import base64\nwith open('icon.png', 'wb') as f:\n    f.write(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk'))",
        ),
        (
            "demo/clean.py",
            "import os, shutil\nfor top, folders, files in os.walk('build'):\n    for name in files:\n        os.remove(os.path.join(top, name))",
        ),
        (
            "demo/client.py",
            "import requests\nclass Client:\n    def __init__(self, base, api_key, password):\n        self.base = base\n        self.password = password\n    def login(self):\n        return requests.post(f'{self.base}/login', json={'password': self.password})\n    def check(self, private_key):\n        return requests.post(f'{self.base}/keys', json={'key': private_key})",
        ),
        (
            "demo/bot.py",
            "import discord, subprocess\nclient = discord.Client()\n@client.event\nasync def on_message(message):\n    subprocess.run(['espeak', message.content])",
        ),
        (
            "demo/agent.py",
            "import platform, requests\ndef headers():\n    return {'User-Agent': platform.platform()}\ndef get(url):\n    return requests.get(url, headers=headers())",
        ),
        (
            "demo/paths.py",
            "import os, urllib.request\ndef fetch(url):\n    urllib.request.urlretrieve(url, os.path.join(os.getcwd(), 'a.tar'))",
        ),
        (
            "demo/set.py",
            "def both(a, b):\n    return a ^ b\nFLAGS = both({1}, {2})\nTEXT = ''.join(chr(c) for c in range(97, 123))",
        ),
    ]);
}

#[test]
fn honest_packages_of_several_files_are_quiet() {
    use support::score;
    let packages: &[&[(&str, &[u8])]] = &[
        &[
            ("setup.py", b"from setuptools import setup\nexec(open('demo/version.py').read())\nsetup(version=__version__)"),
            ("demo/version.py", b"__version__ = '1.0'"),
        ],
        &[
            ("demo/__init__.py", b"from .util import run, fetch\nVERSION = run(['git', 'describe'])"),
            ("demo/util.py", b"import subprocess, requests\ndef run(args):\n    return subprocess.check_output(args)\ndef fetch(url):\n    return requests.get(url).content"),
        ],
        &[
            ("demo/__init__.py", b"import base64\nfrom ._data import LOGO\nimage = base64.b64decode(LOGO)"),
            ("demo/_data.py", b"LOGO = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk'"),
        ],
    ];
    for files in packages {
        assert!(score(files) < 20, "{:?}", files[0]);
    }
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
        .findings()
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
    let rules = packguard_python::Python::DESCRIPTOR.rules;
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
