//! `GET /api/v1/task/{id}/events/`: what happens to a task, as it happens (server-sent events).
//!
//! State: [`Streams`], how many streams are open, for each key and in all. A stream holds the
//! number of the last event that it sent, and nothing else that could not be read anew: an
//! event's id is its number in Postgres, so a client goes on where it was (`Last-Event-ID`)
//! with any process.
//!
//! Failure rule: wake-ups are hints. A stream looks into Postgres when woken and every
//! [`POLL`]; while Postgres is away it stays open and keeps looking.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::App;
use super::auth::Caller;
use super::envelope::ErrorEnvelope;
use super::error::ApiError;
use super::negotiate;
use super::params::{Params, PathTask};
use super::tasks::find;
use crate::db::events::{self, TaskEvent};
use crate::model::{KeyId, Scope, TaskId};
use crate::queue::wakeups::{Subscription, Topic};

/// Streams of a process: each looks into Postgres every [`POLL`], 200 times a second in all.
const MOST: usize = 1_000;

/// Streams of one key: a CI run that follows dozens of packages; not all that there are.
const MOST_OF_KEY: usize = 50;

/// Longest time between two looks: what a lost wake-up costs.
const POLL: Duration = Duration::from_secs(5);

/// How often a silent stream shows that it is alive: proxies cut after 30 s and more.
const ALIVE: Duration = Duration::from_secs(15);

/// When a client whose stream broke should come back.
const RETRY: Duration = Duration::from_secs(3);

/// Longest life of a stream: clients come back and go on. Twice a task's default timeout.
const LIFE: Duration = Duration::from_secs(3600);

/// How many streams are open.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of_key: BTreeMap<KeyId, usize>,
}

/// An open stream; counted until it is dropped.
#[derive(Debug)]
struct Place {
    streams: Streams,
    key: KeyId,
}

impl Streams {
    fn open(&self, key: KeyId) -> Result<Place, ApiError> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= MOST {
            return Err(ApiError::unavailable("another stream of events"));
        }
        let of_key = open.of_key.entry(key).or_default();
        if *of_key >= MOST_OF_KEY {
            return Err(ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_streams",
                format!("this key has {MOST_OF_KEY} streams open: close one, or poll the task"),
            )
            .retry_after(RETRY));
        }
        *of_key += 1;
        open.all += 1;
        Ok(Place {
            streams: self.clone(),
            key,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self
            .streams
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(of_key) = open.of_key.get_mut(&self.key) {
            *of_key -= 1;
            if *of_key == 0 {
                open.of_key.remove(&self.key);
            }
        }
    }
}

/// Where a stream begins.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsParams {
    /// As the header Last-Event-ID, which browsers can't set at first. The header counts.
    #[param(minimum = 0)]
    last_event_id: Option<i32>,
}

/// An event of a stream, for the description.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes what is written line by line")]
struct ServerSentEvent {
    /// Its number: what Last-Event-ID names.
    id: Option<String>,
    /// What happened: a state of the task, or `analyzer`.
    event: Option<String>,
    /// A JSON object: `task_id`, `at`, and what else there is to say.
    data: Option<String>,
    /// After how many milliseconds to come back when the stream breaks.
    retry: Option<u32>,
}

/// Every state change of a task, and every analyzer as it finishes: as server-sent events,
/// each with its number as `id`, its kind as `event` and a JSON object as `data`. The stream
/// ends after the event that ends the task.
#[utoipa::path(
    get, operation_id = "follow_task", path = "/api/v1/task/{id}/events/", tag = "tasks",
    params(
        ("id" = i64, Path, description = "The task", minimum = 1),
        ("Last-Event-ID" = Option<i32>, Header, description = "Go on after this event", minimum = 0),
        EventsParams,
    ),
    responses(
        (status = 200, description = "The events", body = ServerSentEvent, content_type = "text/event-stream"),
        (status = 204, description = "That was the last event: do not come back"),
        (status = 404, description = "There is no such task, or it is somebody else's", body = ErrorEnvelope),
        (status = 429, description = "The key has too many streams open", body = ErrorEnvelope),
    )
)]
pub async fn stream(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathTask(id): PathTask,
    Params(params): Params<EventsParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    const OFFERS: &[&str] = &["text/event-stream"];
    caller.needs(Scope::Read)?;
    if negotiate::choose(&headers, OFFERS).is_none() {
        return Err(negotiate::not_acceptable(OFFERS));
    }
    let after = last_event(&headers, &params)?;
    let row = find(&app, &caller, id).await?;
    if after > row.event_seq {
        return Err(ApiError::invalid(
            "Last-Event-ID",
            format!("the task has no event {after} yet"),
        ));
    }
    if row.status.is_final() && after == row.event_seq {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let following = Following {
        _place: app.service.streams.open(caller.id())?,
        subscription: app.hub.subscribe(Topic::Events, id),
        caller,
        app,
        id,
        after,
        ahead: VecDeque::new(),
        next: Next::Greet,
        until: Instant::now() + LIFE,
    };
    let stream = Sse::new(following.stream()).keep_alive(KeepAlive::new().interval(ALIVE));
    let mut response = stream.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would gather events otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The number of the last event that the client has: 0 for none.
fn last_event(headers: &HeaderMap, params: &EventsParams) -> Result<i32, ApiError> {
    let wrong = |name: &str| ApiError::invalid(name, "it must be the id of an event, once");
    let given = params.last_event_id.unwrap_or(0);
    if given < 0 {
        return Err(wrong("last_event_id"));
    }
    let mut values = headers.get_all("last-event-id").iter();
    let Some(value) = values.next() else {
        return Ok(given);
    };
    let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let text = value.to_str().ok().filter(digits);
    match (text.and_then(|text| text.parse().ok()), values.next()) {
        (Some(id), None) => Ok(id),
        _ => Err(wrong("Last-Event-ID")),
    }
}

enum Next {
    /// Says when to come back.
    Greet,
    /// Looks for events.
    Look,
    /// Waits for some.
    Wait,
    /// There will be none.
    End,
}

struct Following {
    app: Arc<App>,
    caller: Caller,
    id: TaskId,
    after: i32,
    ahead: VecDeque<TaskEvent>,
    subscription: Subscription,
    next: Next,
    until: Instant,
    _place: Place,
}

impl Following {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, async |mut following| {
            let event = following.event().await?;
            Some((Ok(event), following))
        })
    }

    async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ahead.pop_front() {
                self.after = event.seq;
                return Some(written(self.id, event));
            }
            match self.next {
                Next::Greet => {
                    self.next = Next::Look;
                    return Some(Event::default().retry(RETRY));
                }
                Next::Look => self.next = self.look().await,
                Next::Wait => self.next = self.wait().await,
                Next::End => return None,
            }
        }
    }

    async fn look(&mut self) -> Next {
        match events::after(&self.app.db, self.id, self.after).await {
            Ok(Some(found)) => {
                let more = !found.over && !found.events.is_empty();
                self.ahead.extend(found.events);
                match found.over {
                    true => Next::End,
                    // There may be more than one answer holds.
                    false if more => Next::Look,
                    false => Next::Wait,
                }
            }
            // Pruned meanwhile.
            Ok(None) => Next::End,
            Err(error) => {
                tracing::debug!(%error, "a stream of events waits for the database");
                Next::Wait
            }
        }
    }

    async fn wait(&mut self) -> Next {
        tokio::select! {
            () = self.subscription.woken() => {}
            () = tokio::time::sleep(POLL) => {}
            () = tokio::time::sleep_until(self.until) => return Next::End,
            () = self.app.service.closing.cancelled() => return Next::End,
        }
        if self.caller.is_still_good(&self.app).await {
            Next::Look
        } else {
            Next::End
        }
    }
}

fn written(task: TaskId, event: TaskEvent) -> Event {
    let mut data = serde_json::Map::new();
    data.insert("task_id".into(), task.0.into());
    data.insert("at".into(), event.at.to_rfc3339().into());
    if let Value::Object(more) = event.data {
        data.extend(more);
    }
    Event::default()
        .id(event.seq.to_string())
        .event(event.kind)
        // JSON without line breaks.
        .data(Value::Object(data).to_string())
}
