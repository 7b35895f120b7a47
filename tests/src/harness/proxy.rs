//! A TCP proxy between the product and a server, which a test cuts, freezes, delays and reads.
//!
//! Data: a *gate* (is it open, which directions are held, how slow) that every connection looks at
//! before it forwards, and *watches*: patterns awaited in what passes. A watch can hold the traffic
//! at the exact byte it waits for, which is how a crash test kills a process at an exact step.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use packguard_platform::dev::servers::free_port;

use super::pump::serve;

/// The longest pattern of a watch: this many bytes of each connection are remembered, for a
/// pattern may arrive in two pieces.
pub(super) const LONGEST_PATTERN: usize = 256;

/// How long a watch waits before the test fails.
const WATCH_LIMIT: Duration = Duration::from_secs(60);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Answer,
}

impl Direction {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Request => Self::Answer,
            Self::Answer => Self::Request,
        }
    }
}

/// What happens when a watch sees its pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing: the traffic goes on.
    Pass,
    /// The pattern and all after it, of every connection in that direction, is held: a request
    /// that the server never gets.
    HoldHere,
    /// The pattern passes and the other direction is held: the server acts on the request and
    /// nobody learns of it.
    HoldReply,
    /// The pattern passes and then all connections are reset, as [`Proxy::cut`] does.
    Cut,
    /// All connections are lost, as [`Proxy::lose`] does, this one before the pattern passes.
    Lose,
}

/// A pattern to be awaited.
#[derive(Debug, Clone)]
pub struct Watch {
    pub(super) direction: Direction,
    pub(super) pattern: Vec<u8>,
    pub(super) skip: usize,
    pub(super) then: Then,
}

impl Watch {
    /// A pattern in what clients send: `EVALSHA`, `PUT /bucket/reports`.
    pub fn new(direction: Direction, pattern: impl AsRef<[u8]>, then: Then) -> Self {
        let pattern = pattern.as_ref().to_owned();
        assert!(
            (1..=LONGEST_PATTERN).contains(&pattern.len()),
            "{pattern:?}"
        );
        Self {
            direction,
            pattern,
            skip: 0,
            then,
        }
    }

    /// Lets so many occurrences pass before.
    #[must_use]
    pub fn skip(mut self, occurrences: usize) -> Self {
        self.skip = occurrences;
        self
    }
}

/// A watch that waits.
#[derive(Debug)]
pub struct Sighting {
    seen: oneshot::Receiver<()>,
    pattern: String,
}

impl Sighting {
    /// Waits until the pattern was seen, and what was to happen did.
    pub async fn wait(self) {
        let Self { seen, pattern } = self;
        match tokio::time::timeout(WATCH_LIMIT, seen).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => panic!("the proxy ended before {pattern:?} passed"),
            Err(_) => panic!("{pattern:?} did not pass within {WATCH_LIMIT:?}"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Gate {
    pub(super) is_open: bool,
    /// Connections of an older one are reset.
    pub(super) generation: u64,
    pub(super) holds_requests: bool,
    pub(super) holds_answers: bool,
    pub(super) delay: Duration,
    /// Connections of an older one forward nothing any more, and are not reset either.
    pub(super) lost: u64,
}

impl Gate {
    pub(super) fn holds(self, direction: Direction) -> bool {
        match direction {
            Direction::Request => self.holds_requests,
            Direction::Answer => self.holds_answers,
        }
    }

    pub(super) fn hold(&mut self, direction: Direction) {
        match direction {
            Direction::Request => self.holds_requests = true,
            Direction::Answer => self.holds_answers = true,
        }
    }

    pub(super) fn close(&mut self) {
        self.is_open = false;
        self.generation += 1;
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) address: SocketAddr,
    pub(super) target: SocketAddr,
    pub(super) gate: watch::Sender<Gate>,
    pub(super) is_listening: watch::Sender<bool>,
    pub(super) connections: watch::Sender<usize>,
    pub(super) accepted: AtomicUsize,
    pub(super) watches: Mutex<Vec<(Watch, oneshot::Sender<()>)>>,
}

/// A running proxy. Dropping it closes its connections.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Starts one before a server; the server need not run yet.
    pub async fn start(target: SocketAddr) -> Self {
        let gate = Gate {
            is_open: true,
            generation: 0,
            holds_requests: false,
            holds_answers: false,
            delay: Duration::ZERO,
            lost: 0,
        };
        let (listener, address) = loop {
            let port = free_port().expect("a free port");
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            // Another test may have been faster.
            if let Ok(listener) = TcpListener::bind(address).await {
                break (listener, address);
            }
        };
        let shared = Arc::new(Shared {
            address,
            target,
            gate: watch::Sender::new(gate),
            is_listening: watch::Sender::new(true),
            connections: watch::Sender::new(0),
            accepted: AtomicUsize::new(0),
            watches: Mutex::default(),
        });
        let task = tokio::spawn(serve(Arc::clone(&shared), listener));
        Self { shared, task }
    }

    /// Starts one before a server of this machine.
    pub async fn local(port: u16) -> Self {
        Self::start(SocketAddr::from(([127, 0, 0, 1], port))).await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// A server's URL, with the proxy's host and port in place of the server's.
    pub fn url(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).expect("a URL");
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.shared.address.port()))
            .expect("a port");
        url.to_string()
    }

    /// Resets all connections and refuses new ones. Done when it returns.
    pub async fn cut(&self) {
        self.shared.gate.send_modify(Gate::close);
        let mut listening = self.shared.is_listening.subscribe();
        let mut connections = self.shared.connections.subscribe();
        let _ = listening.wait_for(|is| !is).await;
        let _ = connections.wait_for(|count| *count == 0).await;
    }

    /// Ends cut, freeze and delay. Done when it returns.
    pub async fn restore(&self) {
        self.shared.gate.send_modify(|gate| {
            *gate = Gate {
                is_open: true,
                generation: gate.generation,
                holds_requests: false,
                holds_answers: false,
                delay: Duration::ZERO,
                lost: gate.lost,
            }
        });
        let mut listening = self.shared.is_listening.subscribe();
        let _ = listening.wait_for(|is| *is).await;
    }

    /// Forwards nothing in either direction, and goes on accepting: a network that swallows.
    pub fn freeze(&self) {
        self.hold(Direction::Request);
        self.hold(Direction::Answer);
    }

    /// Forwards nothing of the connections that there are, for good, and resets none: what a
    /// router that forgot them does. New ones work.
    pub fn lose(&self) {
        self.shared.gate.send_modify(|gate| gate.lost += 1);
    }

    /// Forwards nothing in one direction.
    pub fn hold(&self, direction: Direction) {
        self.shared.gate.send_modify(|gate| gate.hold(direction));
    }

    /// Forwards again, first of all what was held.
    pub fn thaw(&self) {
        self.shared.gate.send_modify(|gate| {
            gate.holds_requests = false;
            gate.holds_answers = false;
        });
    }

    /// Waits so long before each piece that is forwarded, in both directions.
    pub fn delay(&self, delay: Duration) {
        self.shared.gate.send_modify(|gate| gate.delay = delay);
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    /// How many connections were ever accepted.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Watches for a pattern from now on; it is seen once.
    pub fn watch(&self, watch: Watch) -> Sighting {
        let (sender, seen) = oneshot::channel();
        let pattern = String::from_utf8_lossy(&watch.pattern).into_owned();
        let mut watches = self.shared.watches.lock().expect("nobody panics with it");
        watches.push((watch, sender));
        Sighting { seen, pattern }
    }
}
