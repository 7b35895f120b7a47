//! The thread that forks, signals and reaps all children; why there is one: [`super::process`].

use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::{mpsc, oneshot, watch};

use super::lines::Lines;
use super::process::Program;

/// What is left to a child between its signal and SIGKILL when its handle is dropped; a server's
/// last checkpoint takes well under a second here.
const GRACE: Duration = Duration::from_secs(10);

/// How long output is read on after a child's end: its own children may hold the pipe open.
const DRAIN: Duration = Duration::from_millis(500);

/// What the thread knows of a child and others may use.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) pid: u32,
    /// Once it is dropped, the child is ended.
    pub(super) signals: mpsc::UnboundedSender<Signal>,
    pub(super) exit: watch::Receiver<Option<ExitStatus>>,
    pub(super) lines: Arc<Lines>,
}

type Request = (Program, oneshot::Sender<io::Result<Handle>>);

/// Has a program forked.
pub(super) async fn supervise(program: Program) -> io::Result<Handle> {
    let (reply, started) = oneshot::channel();
    // The thread never ends; if it did, `started` tells.
    let _ = supervisor()?.send((program, reply));
    let gone = |_| Err(io::Error::other("the supervising thread is gone"));
    started.await.unwrap_or_else(gone)
}

/// The thread that forks and reaps, started by its first use.
fn supervisor() -> io::Result<&'static mpsc::UnboundedSender<Request>> {
    static STARTED: OnceLock<Result<mpsc::UnboundedSender<Request>, io::ErrorKind>> =
        OnceLock::new();
    let started = STARTED.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| e.kind())?;
        let (sender, mut requests) = mpsc::unbounded_channel::<Request>();
        let work = async move {
            while let Some((program, reply)) = requests.recv().await {
                // Nobody waits any more: the handle is dropped, and ends the child.
                let _ = reply.send(spawn(&program));
            }
        };
        std::thread::Builder::new()
            .name("supervisor".into())
            .spawn(move || runtime.block_on(work))
            .map_err(|e| e.kind())?;
        Ok(sender)
    });
    started.as_ref().map_err(|kind| io::Error::from(*kind))
}

/// Forks, on the supervisor's thread.
fn spawn(program: &Program) -> io::Result<Handle> {
    let mut child = program.command()?.spawn()?;
    let pid = child.id().unwrap_or_default();
    let lines = Arc::new(Lines::default());
    let readers = [
        child.stdout.take().map(|pipe| lines.read(pipe, false)),
        child.stderr.take().map(|pipe| lines.read(pipe, true)),
    ];
    let (signals, orders) = mpsc::unbounded_channel();
    let (exited, exit) = watch::channel(None);
    let ending = program.ending;
    tokio::spawn(async move {
        let status = watch_over(child, orders, ending).await;
        let drained = async {
            for reader in readers.into_iter().flatten() {
                let _ = reader.await;
            }
        };
        let _ = tokio::time::timeout(DRAIN, drained).await;
        exited.send_replace(Some(status));
    });
    Ok(Handle {
        pid,
        signals,
        exit,
        lines,
    })
}

/// Passes signals on until the child ended, or its handle is gone.
async fn watch_over(
    mut child: tokio::process::Child,
    mut orders: mpsc::UnboundedReceiver<Signal>,
    ending: Signal,
) -> ExitStatus {
    loop {
        tokio::select! {
            status = child.wait() => return status.unwrap_or_default(),
            order = orders.recv() => match order {
                Some(signal) => send(&child, signal),
                None => break,
            },
        }
    }
    send(&child, ending);
    if let Ok(status) = tokio::time::timeout(GRACE, child.wait()).await {
        return status.unwrap_or_default();
    }
    send(&child, Signal::KILL);
    child.wait().await.unwrap_or_default()
}

fn send(child: &tokio::process::Child, signal: Signal) {
    // No id: it was reaped. The kernel's ids fit.
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        let sent = match signal {
            Signal::KILL => kill_process_group(pid, signal),
            _ => kill_process(pid, signal),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "a signal was not sent");
        }
    }
}
