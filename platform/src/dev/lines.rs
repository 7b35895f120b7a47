//! What a child wrote, line by line: the newest few megabytes, numbered, and news of more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A longer line is cut into several: a child must not fill our memory with one.
const LONGEST: usize = 64 << 10;

/// What is kept of each child; a chatty worker writes this in some minutes.
const KEPT: usize = 4 << 20;

/// A line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whether it was written to standard error.
    pub is_error: bool,
    /// Without its end; what is not UTF-8 is replaced.
    pub text: String,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Line>,
    /// The number of the first of `lines`.
    first: u64,
    bytes: usize,
}

/// The lines of one child.
#[derive(Debug, Default)]
pub(super) struct Lines {
    ring: Mutex<Ring>,
    changed: watch::Sender<u64>,
}

impl Lines {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<Line> {
        self.ring().lines.iter().cloned().collect()
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The first wanted line at or after a number, which is moved behind it, or to the end.
    pub(super) fn find(&self, next: &mut u64, wanted: impl Fn(&str) -> bool) -> Option<Line> {
        let ring = self.ring();
        let skip = usize::try_from(next.saturating_sub(ring.first)).unwrap_or(usize::MAX);
        *next = (*next).max(ring.first);
        for line in ring.lines.iter().skip(skip) {
            *next += 1;
            if wanted(&line.text) {
                return Some(line.clone());
            }
        }
        None
    }

    fn push(&self, bytes: &[u8], is_error: bool) {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches('\r').to_owned();
        let mut ring = self.ring();
        ring.bytes += text.len();
        ring.lines.push_back(Line { is_error, text });
        while ring.bytes > KEPT {
            let Some(oldest) = ring.lines.pop_front() else {
                break;
            };
            ring.bytes -= oldest.text.len();
            ring.first += 1;
        }
        drop(ring);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Reads a pipe to its end, in a task of its own.
    pub(super) fn read(
        self: &Arc<Self>,
        mut pipe: impl AsyncRead + Unpin + Send + 'static,
        is_error: bool,
    ) -> JoinHandle<()> {
        let lines = Arc::clone(self);
        tokio::spawn(async move {
            let mut chunk = [0; 8 << 10];
            let mut line = Vec::new();
            while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
                for piece in chunk[..length].split_inclusive(|byte| *byte == b'\n') {
                    line.extend_from_slice(piece);
                    if line.ends_with(b"\n") {
                        line.pop();
                    } else if line.len() < LONGEST {
                        continue;
                    }
                    lines.push(&line, is_error);
                    line.clear();
                }
            }
            if !line.is_empty() {
                lines.push(&line, is_error);
            }
        })
    }
}
