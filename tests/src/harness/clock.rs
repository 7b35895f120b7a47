//! A time of day that a test moves under a running process, as an administrator or a bad NTP
//! server does.
//!
//! `clock.c` is compiled with the machine's `cc` and preloaded. Spans (the monotonic clock) go on
//! as they are.

use std::io::{Seek as _, Write as _};
use std::path::PathBuf;

use super::scratch::Scratch;

const SOURCE: &str = include_str!("clock.c");

/// The clock of the processes that got its [`Clock::environment`].
#[derive(Debug)]
pub struct Clock {
    library: PathBuf,
    moved: PathBuf,
    _scratch: Scratch,
}

impl Clock {
    /// One that is right.
    ///
    /// # Panics
    /// Where there is no C compiler.
    pub fn new() -> Self {
        let scratch = Scratch::new();
        let (source, library) = (scratch.join("clock.c"), scratch.join("clock.so"));
        std::fs::write(&source, SOURCE).expect("a file");
        let compiled = std::process::Command::new("cc")
            .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status();
        let compiled = compiled.expect("`cc` is there: apt-get install gcc libc6-dev");
        assert!(compiled.success(), "clock.c does not compile");
        let clock = Self {
            library,
            moved: scratch.join("moved"),
            _scratch: scratch,
        };
        std::fs::write(&clock.moved, 0_i64.to_ne_bytes()).expect("a file");
        clock
    }

    /// What a process needs to live by it.
    pub fn environment(&self) -> [(String, String); 2] {
        let text = |path: &PathBuf| path.display().to_string();
        [
            ("LD_PRELOAD".into(), text(&self.library)),
            ("MOVED_CLOCK".into(), text(&self.moved)),
        ]
    }

    /// From now on the time is so many seconds from the real one.
    pub fn set(&self, seconds: i64) {
        // In place: the file is mapped.
        let mut file = std::fs::File::options()
            .write(true)
            .open(&self.moved)
            .expect("the file");
        file.rewind().expect("a file");
        file.write_all(&seconds.to_ne_bytes()).expect("a file");
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
