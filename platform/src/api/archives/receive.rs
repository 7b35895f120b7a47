//! Bodies too large to be kept in memory, as they come in.
//!
//! What goes wrong while a body is read has to pass through the storage's stream of bytes,
//! which knows only text. So the first fault is kept aside ([`Faults`]), and the answer is
//! made of it.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use tokio::time::Instant;

use crate::api::error::ApiError;

/// Slowest sender that is waited for, bytes per second: a bad telephone line. Slower ones
/// hold a connection and a file for their own sake.
const SLOWEST: u64 = 4 << 10;

/// Bytes of a multipart body that are no file's content: boundaries, the part's header. The
/// chunk that brings the header brings the beginning of the file too, hence so many.
const MULTIPART_OVERHEAD: u64 = 1 << 20;

/// Why a body could not be read: the first reason.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<OnceLock<ApiError>>);

impl Faults {
    /// Notes a fault, unless there was one.
    pub fn note(&self, error: ApiError) -> Fault {
        // Later faults follow from the first.
        let _ = self.0.set(error);
        Fault
    }

    /// The first one.
    pub fn first(&self) -> ApiError {
        let found = self.0.get().cloned();
        found.unwrap_or_else(|| ApiError::bad_request("the body broke off: send it again"))
    }
}

/// Stands in a stream for what [`Faults`] knows.
#[derive(Debug, Clone, Copy)]
pub struct Fault;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body could not be read")
    }
}

impl std::error::Error for Fault {}

/// A body's bytes.
pub type Chunks = BoxStream<'static, Result<Bytes, Fault>>;

/// The body's bytes, as long as they come: a sender has `patience`, and longer the more it
/// has sent.
pub fn paced(body: Body, patience: Duration, faults: &Faults) -> Chunks {
    let faults = faults.clone();
    let begun = Instant::now();
    let state = (body.into_data_stream(), 0_u64);
    let chunks = stream::unfold(state, move |(mut body, mut received)| {
        let faults = faults.clone();
        async move {
            let until = begun + patience + Duration::from_secs(received / SLOWEST);
            let chunk = match tokio::time::timeout_at(until, body.next()).await {
                Ok(None) => return None,
                Ok(Some(Ok(chunk))) => {
                    received = received.saturating_add(u64::try_from(chunk.len()).unwrap_or(0));
                    Ok(chunk)
                }
                Ok(Some(Err(error))) => {
                    tracing::debug!(%error, "a body broke off");
                    Err(faults.note(ApiError::bad_request("the body broke off: send it again")))
                }
                Err(_) => Err(faults.note(too_slow())),
            };
            Some((chunk, (body, received)))
        }
    });
    chunks.boxed()
}

fn too_slow() -> ApiError {
    ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        "timeout",
        format!("the body came too slowly: send {SLOWEST} bytes a second at least"),
    )
}

/// Refuses a body whose announced length is beyond `limit`, before any of it is read.
///
/// # Errors
/// 413.
pub fn announced(headers: &HeaderMap, limit: u64, answered: u64) -> Result<(), ApiError> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(ApiError::too_large(answered));
    }
    Ok(())
}

/// The one file of a multipart body.
pub struct FilePart {
    form: multer::Multipart<'static>,
    field: multer::Field<'static>,
    gate: Gate,
    faults: Faults,
}

impl FilePart {
    /// Reads up to the file's first byte.
    ///
    /// # Errors
    /// 400 and 422 where there is none.
    pub async fn open(
        chunks: Chunks,
        boundary: &str,
        limit: u64,
        faults: &Faults,
    ) -> Result<Self, ApiError> {
        let gate = Gate::default();
        let gated = Gated {
            chunks,
            gate: gate.clone(),
            faults: faults.clone(),
            rest: false,
        };
        let whole = multer::SizeLimit::new().whole_stream(multipart_limit(limit));
        let constraints = multer::Constraints::new().size_limit(whole);
        let mut form = multer::Multipart::with_constraints(gated, boundary, constraints);
        let field = form.next_field().await;
        let field = field.map_err(|error| malformed(faults, &error, limit))?;
        let field = field.ok_or_else(|| ApiError::invalid("body", "the form has no file"))?;
        if field.file_name().is_none() {
            return Err(ApiError::invalid(
                "body",
                "the form's first field is no file: send one file field and nothing else, as `curl -F file=@NAME` does",
            ));
        }
        gate.in_file.store(true, Ordering::Relaxed);
        Ok(Self {
            form,
            field,
            gate,
            faults: faults.clone(),
        })
    }

    /// What the sender calls the file.
    pub fn filename(&self) -> &str {
        self.field.file_name().unwrap_or_default()
    }

    /// The file's bytes. An error follows them if another field does.
    pub fn bytes(self, limit: u64) -> impl Stream<Item = Result<Bytes, Fault>> + Send {
        stream::unfold(Some(self), move |part| async move {
            let mut part = part?;
            match part.field.chunk().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(part))),
                Ok(None) => part.close(limit).await.map(|fault| (Err(fault), None)),
                Err(error) => {
                    part.faults.note(malformed(&part.faults, &error, limit));
                    Some((Err(Fault), None))
                }
            }
        })
    }

    /// Reads to the end of the form; a fault if more comes than its end.
    async fn close(self, limit: u64) -> Option<Fault> {
        let Self {
            mut form,
            field,
            gate,
            faults,
        } = self;
        // The form gives the next field only when this one is gone.
        drop(field);
        gate.outside.store(0, Ordering::Relaxed);
        gate.in_file.store(false, Ordering::Relaxed);
        match form.next_field().await {
            Ok(None) => None,
            Ok(Some(_)) => Some(faults.note(ApiError::invalid(
                "body",
                "the form has more than one field: send one file field and nothing else; the priority goes into the query",
            ))),
            Err(error) => {
                let error = malformed(&faults, &error, limit);
                Some(faults.note(error))
            }
        }
    }
}

/// Largest multipart body around a file of `limit` bytes.
pub fn multipart_limit(limit: u64) -> u64 {
    limit.saturating_add(MULTIPART_OVERHEAD)
}

fn malformed(faults: &Faults, error: &multer::Error, limit: u64) -> ApiError {
    match error {
        // Ours, passed through.
        multer::Error::StreamReadFailed(_) => faults.first(),
        multer::Error::StreamSizeExceeded { .. } => ApiError::too_large(limit),
        error => ApiError::bad_request(format!("the form is no valid multipart: {error}")),
    }
}

/// Whether a file's content is being read, and how much came since otherwise.
#[derive(Debug, Clone, Default)]
struct Gate {
    in_file: Arc<AtomicBool>,
    outside: Arc<AtomicU64>,
}

/// Multer keeps what comes between files in memory, and asks for more as long as there is
/// any. This bounds the former, and pauses after each chunk to end the latter.
struct Gated {
    chunks: Chunks,
    gate: Gate,
    faults: Faults,
    rest: bool,
}

impl Stream for Gated {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rest) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let chunk = std::task::ready!(self.chunks.poll_next_unpin(context));
        self.rest = true;
        if let Some(Ok(chunk)) = &chunk
            && !self.gate.in_file.load(Ordering::Relaxed)
        {
            let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            let before = self.gate.outside.fetch_add(length, Ordering::Relaxed);
            if before.saturating_add(length) > MULTIPART_OVERHEAD {
                let error = ApiError::bad_request("the form's headers are too long");
                return Poll::Ready(Some(Err(self.faults.note(error))));
            }
        }
        Poll::Ready(chunk)
    }
}
