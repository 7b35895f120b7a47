//! What deployed functions say, handed on to whoever published them.
//!
//! Lines go through a bounded channel to one writer: a task never waits for it. What does not
//! fit, or is more than one step may say, is counted, and the count stands in the log. Nothing
//! of a task over an uploaded archive is handed on: its contents are its uploader's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use packguard_runtime::report::{StepInfo, StepOutcome};
use packguard_runtime::{ComponentId, Listener, LogLevel};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::sets::Set;
use crate::db::claims::ClaimedTask;
use crate::model::TaskId;
use crate::queue::Queue;
use crate::queue::logs::LogLine;

/// Lines that wait to be written.
const WAITING: usize = 2_000;

/// Lines written together.
const TOGETHER: usize = 500;

/// Pause after which it is told what was dropped.
const TELL: Duration = Duration::from_secs(1);

/// Lines that one function may say of one package.
const OF_A_STEP: u32 = 100;

/// Characters of a line.
const LINE: usize = 500;

/// Takes lines. Cheap to clone.
#[derive(Clone)]
pub(super) struct Logs {
    sender: mpsc::Sender<(String, LogLine)>,
    dropped: Dropped,
}

/// What was not written, by function and version.
type Dropped = Arc<Mutex<BTreeMap<(String, String), u64>>>;

/// Writes them.
pub(super) struct LogWriter {
    queue: Queue,
    receiver: mpsc::Receiver<(String, LogLine)>,
    dropped: Dropped,
}

/// Takes the lines of one task.
#[derive(Clone)]
pub(super) struct TaskLogs {
    logs: Logs,
    set: Arc<Set>,
    task: TaskId,
    purl: Arc<str>,
    /// Lines so far, by digest.
    said: Arc<Mutex<BTreeMap<String, u32>>>,
}

/// The two ends.
pub(super) fn channel(queue: &Queue) -> (Logs, LogWriter) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let dropped = Dropped::default();
    let logs = Logs {
        sender,
        dropped: Arc::clone(&dropped),
    };
    let writer = LogWriter {
        queue: queue.clone(),
        receiver,
        dropped,
    };
    (logs, writer)
}

impl Logs {
    /// For the lines of a task; `None` where they are nobody's business.
    pub(super) fn of(&self, task: &ClaimedTask, set: &Arc<Set>) -> Option<TaskLogs> {
        let hear = task.upload.is_none() && !set.versions.is_empty();
        hear.then(|| TaskLogs {
            logs: self.clone(),
            set: Arc::clone(set),
            task: task.id,
            purl: task.purl.as_str().into(),
            said: Arc::default(),
        })
    }

    fn drop_one(&self, function: &str, version: &str) {
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        *dropped
            .entry((function.to_owned(), version.to_owned()))
            .or_default() += 1;
    }
}

impl TaskLogs {
    /// Hears what analyzers log.
    pub(super) fn listener(&self) -> Listener {
        let logs = self.clone();
        Arc::new(
            move |component: &ComponentId, level: LogLevel, text: &str| {
                let ComponentId {
                    name,
                    version,
                    digest,
                } = component;
                logs.add((name, version, digest), level.as_str(), text);
            },
        )
    }

    /// Notes how a step failed.
    pub(super) fn finished(&self, step: &StepInfo) {
        if matches!(step.outcome, StepOutcome::Ok | StepOutcome::Cancelled) {
            return;
        }
        let outcome = serde_json::to_value(step.outcome).unwrap_or_default();
        let outcome = outcome.as_str().unwrap_or("failed");
        let message = step.message.as_deref().unwrap_or_default();
        let text = format!("the step failed ({outcome}): {message}");
        // However much it said before: this is what one looks for.
        self.write((&step.name, &step.version, &step.digest), "error", &text);
    }

    fn add(&self, of: (&str, &str, &str), level: &str, text: &str) {
        let (name, version, digest) = of;
        if !self.set.versions.contains_key(digest) {
            return;
        }
        let count = {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            let count = said.entry(digest.to_owned()).or_default();
            *count = count.saturating_add(1);
            *count
        };
        if count > OF_A_STEP {
            return self.logs.drop_one(name, version);
        }
        self.write(of, level, text);
    }

    fn write(&self, (name, version, digest): (&str, &str, &str), level: &str, text: &str) {
        if !self.set.versions.contains_key(digest) {
            return;
        }
        let line = LogLine {
            task: Some(self.task),
            purl: self.purl.to_string(),
            version: version.to_owned(),
            level: level.to_owned(),
            text: plain(text),
        };
        if self.logs.sender.try_send((name.to_owned(), line)).is_err() {
            self.logs.drop_one(name, version);
        }
    }
}

/// One line, of bounded length, without what would move a terminal's cursor.
fn plain(text: &str) -> String {
    let text = text.trim_end();
    let shown = text.chars().take(LINE);
    let mut shown: String = shown
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(LINE).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

impl LogWriter {
    /// Writes until `stop`, and then what is left.
    pub(super) async fn write(mut self, stop: CancellationToken) {
        let mut lines = Vec::with_capacity(TOGETHER);
        loop {
            let count = tokio::select! {
                count = self.receiver.recv_many(&mut lines, TOGETHER) => count,
                // What was dropped since is told even where nothing more is said.
                () = tokio::time::sleep(TELL) => {
                    self.pass_on(&mut lines).await;
                    continue;
                }
                () = stop.cancelled() => {
                    while let Ok(line) = self.receiver.try_recv() {
                        lines.push(line);
                    }
                    self.pass_on(&mut lines).await;
                    return;
                }
            };
            if count == 0 {
                return;
            }
            self.pass_on(&mut lines).await;
        }
    }

    async fn pass_on(&self, lines: &mut Vec<(String, LogLine)>) {
        let mut by_function: BTreeMap<String, Vec<LogLine>> = BTreeMap::new();
        for (function, line) in lines.drain(..) {
            by_function.entry(function).or_default().push(line);
        }
        let dropped = {
            let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *dropped)
        };
        for ((function, version), count) in dropped {
            by_function.entry(function).or_default().push(LogLine {
                task: None,
                purl: String::new(),
                version,
                level: "warn".into(),
                text: format!("{count} lines are missing here: more came than are kept"),
            });
        }
        for (function, lines) in by_function {
            if let Err(error) = self.queue.log(&function, &lines).await {
                let lost = lines.len();
                tracing::warn!(%error, function, lost, "what a function said was not kept");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_plain_and_bounded() {
        assert_eq!(plain("a\nb\u{1b}[31m\r\n"), "a b [31m");
        assert_eq!(plain(&"x".repeat(500)).len(), 500);
        let cut = plain(&"é".repeat(501));
        assert_eq!((cut.chars().count(), cut.ends_with('…')), (500, true));
    }
}
