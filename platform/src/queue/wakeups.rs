//! Tells processes that something about a task has changed, so that they need not ask.
//!
//! State: [`Listeners`], one watch channel per task that somebody in this process listens for; it holds
//! no messages, only "something happened since you looked", so a slow listener costs nothing. An entry
//! goes with its last listener. One pub/sub connection per process subscribes to one channel for all
//! tasks: listening is then purely local, there is no moment between asking Redis and being
//! subscribed in which a message could slip through, and messages for tasks that nobody here listens
//! for cost one look into a map.
//!
//! Failure rule: messages may be lost, so a wake-up is a hint and never the news itself. Whenever the
//! connection is made anew, everybody is woken. Listeners look into Postgres when woken, and every few
//! seconds anyway.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::PubSub;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::connection::Repeat;
use super::{Queue, QueueError};
use crate::model::TaskId;

/// How often to ask whether the connection is alive: one that was cut without a word is noticed
/// after this and a time-out. Listeners look for themselves about as often.
const PING: Duration = Duration::from_secs(5);

/// Ceiling of the pause between attempts to connect, which is random so that a hundred processes
/// do not come back at once.
const PAUSE_MS: u64 = 500;

/// What happened to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// It has new events.
    Events,
    /// Its cancellation was requested: its worker need not wait for the next heartbeat.
    Cancelled,
}

impl Topic {
    fn letter(self) -> char {
        match self {
            Self::Events => 'e',
            Self::Cancelled => 'c',
        }
    }
}

type Listeners = Arc<Mutex<BTreeMap<(TaskId, Topic), watch::Sender<()>>>>;

/// Tells all processes. Those that are not connected miss it.
///
/// # Errors
/// May be repeated.
pub async fn publish(queue: &Queue, topic: Topic, task: TaskId) -> Result<(), QueueError> {
    let mut command = redis::cmd("PUBLISH");
    command
        .arg(queue.key("wakeups"))
        .arg(format!("{}{task}", topic.letter()));
    let _: u64 = queue.0.connection.query(&command, Repeat::Harmless).await?;
    Ok(())
}

/// Listens for this process. Cheap to clone; ends with its last clone.
#[derive(Clone)]
pub struct Hub {
    listeners: Listeners,
    connected: watch::Receiver<bool>,
    _ending: Arc<Ending>,
}

struct Ending(AbortHandle);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Hub {
    /// Starts to listen, on the current tokio runtime. Redis may be away.
    pub fn start(queue: &Queue) -> Self {
        let listeners = Listeners::default();
        let (connected, watching) = watch::channel(false);
        let listening = listen(queue.clone(), Arc::clone(&listeners), connected);
        let task = tokio::spawn(listening);
        Self {
            listeners,
            connected: watching,
            _ending: Arc::new(Ending(task.abort_handle())),
        }
    }

    /// Whether wake-ups arrive at the moment.
    pub fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// Waits until wake-ups arrive.
    pub async fn connected(&self) {
        // The sender goes only when the hub does.
        let _ = self.connected.clone().wait_for(|c| *c).await;
    }

    /// Listens for a task. Subscribe first, then look, then wait: nothing is missed in between.
    pub fn subscribe(&self, topic: Topic, task: TaskId) -> Subscription {
        let mut listeners = lock(&self.listeners);
        let sender = listeners.entry((task, topic)).or_default();
        Subscription {
            receiver: sender.subscribe(),
            of: (task, topic),
            listeners: Arc::clone(&self.listeners),
        }
    }
}

/// Someone who listens for a task.
pub struct Subscription {
    receiver: watch::Receiver<()>,
    of: (TaskId, Topic),
    listeners: Listeners,
}

impl Subscription {
    /// Waits for a wake-up since the last call, or since the subscription. May be dropped at any time.
    /// Never returns once the hub is gone: have a time-out beside it.
    pub async fn woken(&mut self) {
        if self.receiver.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut listeners = lock(&self.listeners);
        // This one is still counted.
        if let Some(sender) = listeners.get(&self.of)
            && sender.receiver_count() <= 1
        {
            listeners.remove(&self.of);
        }
    }
}

fn lock(
    listeners: &Listeners,
) -> std::sync::MutexGuard<'_, BTreeMap<(TaskId, Topic), watch::Sender<()>>> {
    // Nothing that happens under the lock can leave the map half-changed.
    listeners.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(queue: Queue, listeners: Listeners, connected: watch::Sender<bool>) {
    let mut rng = fastrand::Rng::new();
    let mut failing = false;
    loop {
        match subscribed(&queue).await {
            Ok(pubsub) => {
                failing = false;
                connected.send_replace(true);
                // What was published meanwhile is lost: let everybody look.
                for sender in lock(&listeners).values() {
                    sender.send_replace(());
                }
                receive(pubsub, &listeners, queue.0.connection.command_timeout()).await;
                connected.send_replace(false);
                tracing::info!("the connection for wake-ups broke");
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "no wake-ups until Redis is back");
                }
                failing = true;
            }
        }
        sleep(Duration::from_millis(rng.u64(0..=PAUSE_MS))).await;
    }
}

async fn subscribed(queue: &Queue) -> Result<PubSub, QueueError> {
    let connection = &queue.0.connection;
    let client = connection.client().await?;
    let connecting = async {
        let mut pubsub = client.get_async_pubsub().await?;
        pubsub.subscribe(queue.key("wakeups")).await?;
        Ok::<_, QueueError>(pubsub)
    };
    match timeout(connection.connect_timeout(), connecting).await {
        Ok(pubsub) => pubsub,
        Err(_) => Err(QueueError::Unavailable("no answer to SUBSCRIBE".into())),
    }
}

/// Until the connection breaks.
async fn receive(pubsub: PubSub, listeners: &Listeners, patience: Duration) {
    let (mut sink, mut stream) = pubsub.split();
    let pinging = async {
        let mut ticks = interval(PING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match timeout(patience, sink.ping::<redis::Value>()).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    };
    let mut pinging = pin!(pinging);
    loop {
        tokio::select! {
            message = stream.next() => match message {
                Some(message) => wake(message.get_payload_bytes(), listeners),
                None => return,
            },
            () = &mut pinging => return,
        }
    }
}

/// Whatever else stands in a message is somebody else's.
fn wake(payload: &[u8], listeners: &Listeners) {
    let Ok(text) = std::str::from_utf8(payload) else {
        return;
    };
    let Some(topic) = [Topic::Events, Topic::Cancelled]
        .into_iter()
        .find(|topic| text.starts_with(topic.letter()))
    else {
        return;
    };
    if let Ok(task) = text[1..].parse()
        && let Some(sender) = lock(listeners).get(&(TaskId(task), topic))
    {
        sender.send_replace(());
    }
}
