//! A bash that stays, as the terminal of whoever follows a page: folders and variables carry over.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// What one line may take: the first build of a project, on a busy machine.
const LIMIT: Duration = Duration::from_secs(600);

/// Stands before the exit code, on a line of its own.
const MARK: &str = "-- packguard-test: exit code ";

/// A running bash; it ends with this.
pub struct Session {
    bash: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Standard error of all that it ran.
    errors: tempfile::NamedTempFile,
}

impl Session {
    /// Starts one in `folder`; `change` sets its variables.
    pub fn start(folder: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let errors = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.reopen().unwrap())
            .kill_on_drop(true);
        crate::shell::surroundings(command.as_std_mut());
        command.env_remove("PACKGUARD_SDK_PATH");
        change(&mut command);
        let mut bash = command.spawn().unwrap();
        Self {
            input: bash.stdin.take().unwrap(),
            output: BufReader::new(bash.stdout.take().unwrap()).lines(),
            bash,
            errors,
        }
    }

    /// Types a line that has to end well; what it wrote to standard output.
    pub async fn good(&mut self, line: &str) -> String {
        let typed = format!("{{ {line}\n}} < /dev/null\nprintf '\\n%s%s\\n' '{MARK}' $?\n");
        self.input.write_all(typed.as_bytes()).await.unwrap();
        let read = tokio::time::timeout(LIMIT, self.answer()).await;
        let (said, code) = read.unwrap_or_else(|_| panic!("{line}: it does not end"));
        let errors = std::fs::read_to_string(self.errors.path()).unwrap();
        assert_eq!(code, "0", "{line}:\n{said}--- standard error\n{errors}");
        assert!(!errors.contains("panicked"), "{line}:\n{errors}");
        eprintln!("$ {line}\n{said}");
        said
    }

    async fn answer(&mut self) -> (String, String) {
        let mut said = String::new();
        while let Some(line) = self.output.next_line().await.unwrap() {
            if let Some(code) = line.strip_prefix(MARK) {
                // The mark begins with a line break of its own.
                said.pop();
                return (said, code.to_owned());
            }
            said += &format!("{line}\n");
        }
        panic!("bash ended:\n{said}");
    }

    /// Ends it as `exit` does.
    pub async fn end(mut self) {
        drop(self.input);
        assert!(self.bash.wait().await.unwrap().success());
    }
}
