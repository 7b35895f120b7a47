//! Temporary folders that are gone when the test process is, however it ends.
//!
//! Rust does not drop statics, and a killed process drops nothing. So a small `sh`, the *janitor*,
//! holds the reading end of a pipe whose writing end only this process has: when the pipe closes,
//! this process is over, and the janitor removes what it was told of, as soon as the servers in
//! there are gone.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// Reads folders until the pipe closes, then removes each. A server that is still ending may
/// write once more: removal is tried for ten seconds.
const JANITOR: &str = r#"
trap '' INT TERM HUP
cd /
set --
while IFS= read -r folder; do set -- "$@" "$folder"; done
tries=0
while [ $# -gt 0 ] && [ $tries -lt 100 ]; do
    rm -rf -- "$@" 2>/dev/null
    left=0
    for folder in "$@"; do [ -e "$folder" ] && left=1; done
    # Once gone they have to stay gone for a moment: a server may make its folder anew.
    [ $left = 0 ] && tries=$((tries + 34))
    tries=$((tries + 1))
    sleep 0.1
done
"#;

/// A temporary folder. Dropping it removes it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one, which other users may pass through: PostgreSQL runs as one.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("packguard-test-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o711))
            .tempdir()
            .expect("a temporary folder")
            .keep();
        Self::claim(folder)
    }

    /// Takes on the removal of a folder.
    pub fn claim(folder: PathBuf) -> Self {
        let mut line = folder.to_str().expect("a printable path").to_owned();
        assert!(!line.contains('\n'), "{line:?}");
        line.push('\n');
        let mut janitor = janitor().lock().expect("nobody panics with it");
        janitor
            .write_all(line.as_bytes())
            .expect("the janitor reads");
        Self(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A server in it may be ending; what is left the janitor removes.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn janitor() -> &'static Mutex<ChildStdin> {
    static STARTED: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    STARTED.get_or_init(|| {
        #[expect(clippy::zombie_processes, reason = "it ends after us")]
        let mut child = Command::new("sh")
            .args(["-c", JANITOR, "packguard-janitor"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh starts");
        Mutex::new(child.stdin.take().expect("a pipe"))
    })
}
