//! The steps that a component passes before it is stored.
//!
//! They run in a process of its own ([`super::probe`]), since a compiler can't be stopped
//! within one: it has bounded memory and CPU, no environment, and is killed when its time is
//! over. What it leaves behind is in a folder that is removed.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytesize::ByteSize;
use packguard_runtime::report::DescriptorInfo;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::refusal::{Code, Refusal};

/// Bytes of an answer that are read: a descriptor of the largest size, and what JSON adds.
const MAX_ANSWER: u64 = 2 << 20;

/// Bytes that are read of what the process says on its way down.
const MAX_WORDS: u64 = 4 << 10;

/// How components are admitted.
#[derive(Debug, Clone)]
pub struct Admission {
    /// This program.
    pub program: PathBuf,
    /// How long all steps may take together.
    pub time: Duration,
    /// Bytes that they may take.
    pub memory: u64,
}

/// What is known of a component that was admitted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Admitted {
    /// What it says of itself.
    pub descriptor: DescriptorInfo,
    /// The WIT package and version that it speaks.
    pub contract: String,
    /// The interfaces that it imports, sorted.
    pub capabilities: Vec<String>,
    /// What was measured.
    pub measures: Measures,
}

/// What admission measured. Of this machine, at that time: good for comparing versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Measures {
    /// Compiling it and asking what it is, microseconds.
    pub load_us: u64,
    /// Looking at the sample packages, microseconds.
    pub smoke_us: u64,
    /// CPU work of that: about one unit per WebAssembly instruction.
    pub smoke_fuel: u64,
    /// Most memory that it took for one of them, bytes.
    pub smoke_memory: u64,
}

/// Why there is no admission.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// The component is not admitted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The process could not be run.
    #[error("the process that admits components failed: {0}")]
    Process(String),
}

/// What the process answers.
pub(super) type Answer = Result<Admitted, Refusal>;

impl Admission {
    /// Admits the component in `file`. Beside it, files may be written meanwhile.
    ///
    /// # Errors
    /// [`AdmissionError::Refused`], and whatever keeps the process from running.
    pub async fn admit(&self, file: &Path) -> Result<Admitted, AdmissionError> {
        let failed = |error: std::io::Error| AdmissionError::Process(error.to_string());
        let mut child = Command::new(&self.program)
            .arg("admit")
            .args(["--memory", &self.memory.to_string()])
            .args(["--cpu", &self.cpu().to_string()])
            .arg(file)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (answer, words) = (child.stdout.take(), child.stderr.take());
        let work = async {
            let (answer, words) = tokio::join!(read(answer, MAX_ANSWER), read(words, MAX_WORDS));
            let status = child.wait().await?;
            Ok::<_, std::io::Error>((answer?, words?, status))
        };
        let done = tokio::time::timeout(self.time, work).await;
        let Ok(done) = done else {
            // Dropping would only ask for its end.
            child.kill().await.map_err(failed)?;
            return Err(self.too_slow().into());
        };
        let (answer, words, status) = done.map_err(failed)?;
        match serde_json::from_slice::<Answer>(&answer) {
            Ok(answer) if status.success() => Ok(answer?),
            _ => Err(self.died(status, &String::from_utf8_lossy(&words))),
        }
    }

    /// CPU seconds of all threads together, beyond what the clock allows on two cores.
    fn cpu(&self) -> u64 {
        self.time.as_secs().max(1).saturating_mul(2)
    }

    fn too_slow(&self) -> Refusal {
        let message = format!(
            "compiling and trying the component took more than {} s: make its largest functions smaller",
            self.time.as_secs_f64()
        );
        Refusal::new(Code::CompileTooSlow, message)
    }

    /// Why the process ended without an answer.
    fn died(&self, status: ExitStatus, words: &str) -> AdmissionError {
        use std::os::unix::process::ExitStatusExt as _;
        let signal = status.signal();
        let is = |wanted: Signal| signal == Some(wanted.as_raw());
        if is(Signal::XCPU) || is(Signal::KILL) {
            return self.too_slow().into();
        }
        // Rust aborts when there is no memory; so does a thread without a stack.
        if is(Signal::ABORT) || is(Signal::SEGV) || is(Signal::BUS) || out_of_memory(words) {
            let limit = ByteSize::b(self.memory).display().iec();
            let message = format!(
                "compiling the component took more than {limit}: make its largest functions smaller"
            );
            return Refusal::new(Code::CompileTooLarge, message).into();
        }
        tracing::error!(%status, words, "the process that admits components ended without an answer");
        AdmissionError::Process(status.to_string())
    }
}

/// Whether words speak of memory that was refused.
pub(super) fn out_of_memory(words: &str) -> bool {
    [
        "memory allocation of",
        "Cannot allocate memory",
        "os error 12",
    ]
    .iter()
    .any(|one| words.contains(one))
}

async fn read(
    stream: Option<impl AsyncRead + Unpin>,
    most: u64,
) -> Result<Vec<u8>, std::io::Error> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(most).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}
