//! What one step may use.

use std::time::Duration;

use serde::Serialize;

/// What one step may use. One value, so that an override says all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Sum of all linear memories and tables, bytes.
    pub memory: usize,
    /// CPU work: about one unit per WebAssembly instruction. Unlike a clock it gives
    /// the same outcome on a laptop and in CI.
    pub fuel: u64,
    /// Wall clock, for what fuel does not see: waiting in a host call. A backstop, set
    /// well above what `fuel` takes on a slow machine.
    pub wall: Duration,
    /// Bytes a step may write to log, stdout and stderr together.
    pub output: usize,
    /// Bytes a step may hand to the host in one call or as its answer.
    pub transfer: usize,
    /// Handles (files, streams, entries being written) open at once.
    pub handles: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // The syntax tree of the largest honest bundle seen (typescript.js, 9 MB)
            // takes about 250 MB.
            memory: 512 << 20,
            // 20 to 40 s of CPU; the slowest honest packages take 2 s.
            fuel: 40_000_000_000,
            wall: Duration::from_secs(120),
            // A guest that panics says a few hundred bytes.
            output: 1 << 20,
            // 100,000 findings of 160 bytes.
            transfer: 16 << 20,
            // An unpacker has few files open, an analyzer one; each listing of a folder may
            // hold megabytes on the host.
            handles: 64,
        }
    }
}
