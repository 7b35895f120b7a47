//! Standard output and error of a guest, with the log: counted together, bounded, and
//! dropped but for the last words, which explain a panic.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::step::Stop;

/// Bytes of standard error kept: a panic message with its place.
const LAST_WORDS: usize = 2_048;

/// The output budget of one step, shared by its streams.
#[derive(Debug, Clone)]
pub(crate) struct Output(Arc<Mutex<Spent>>);

#[derive(Debug)]
struct Spent {
    left: usize,
    last_words: Vec<u8>,
}

impl Output {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Spent {
            left: limit,
            last_words: Vec::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `bytes` off the budget.
    pub(crate) fn spend(&self, bytes: usize) -> wasmtime::Result<()> {
        let mut spent = self.lock();
        spent.left = spent.left.checked_sub(bytes).ok_or(Stop::OutputLimit)?;
        Ok(())
    }

    /// The end of what the guest wrote.
    pub(crate) fn last_words(&self) -> String {
        String::from_utf8_lossy(&self.lock().last_words).into_owned()
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for it, and that is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.spend(bytes.len()).map_err(StreamError::Trap)?;
        let mut spent = self.lock();
        spent.last_words.extend_from_slice(&bytes);
        let excess = spent.last_words.len().saturating_sub(LAST_WORDS);
        spent.last_words.drain(..excess);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        // Constant, so that one that writes too much is ended and not left waiting.
        Ok(64 << 10)
    }
}
