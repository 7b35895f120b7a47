//! The inside of [`super::proxy`]: how it listens, and what happens to bytes on their way.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::proxy::{Direction, Gate, LONGEST_PATTERN, Shared, Then};

/// Between two attempts to get the port back after a cut.
const REBIND: Duration = Duration::from_millis(5);

/// Listens while the gate is open.
pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let mut gate = shared.gate.subscribe();
    let mut connections = JoinSet::new();
    let mut listener = Some(listener);
    loop {
        if listener.is_none() {
            let _ = gate.wait_for(|gate| gate.is_open).await;
            match TcpListener::bind(shared.address).await {
                Ok(bound) => listener = Some(bound),
                Err(_) => {
                    tokio::time::sleep(REBIND).await;
                    continue;
                }
            }
            shared.is_listening.send_replace(true);
        }
        let Some(open) = &listener else { continue };
        tokio::select! {
            _ = gate.wait_for(|gate| !gate.is_open) => {
                listener = None;
                shared.is_listening.send_replace(false);
            }
            accepted = open.accept() => if let Ok((client, _)) = accepted {
                shared.accepted.fetch_add(1, Ordering::Relaxed);
                shared.connections.send_modify(|count| *count += 1);
                let now = *shared.gate.borrow();
                connections.spawn(connection(Arc::clone(&shared), client, now));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Counts a connection down however its task ends.
struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.send_modify(|count| *count -= 1);
    }
}

async fn connection(shared: Arc<Shared>, client: TcpStream, accepted: Gate) {
    let counted = Counted(shared);
    let shared = &counted.0;
    let mut gate = shared.gate.subscribe();
    // One that was accepted while the gate was being closed has the new generation.
    let cut = gate.wait_for(|gate| gate.generation != accepted.generation || !gate.is_open);
    // Until the end is an orderly one, closing means a reset.
    let _ = client.set_zero_linger();
    let forwarding = async {
        let server = TcpStream::connect(shared.target).await?;
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let _ = server.set_zero_linger();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::try_join!(
            pump(
                shared,
                accepted.lost,
                Direction::Request,
                &mut from_client,
                &mut to_server
            ),
            pump(
                shared,
                accepted.lost,
                Direction::Answer,
                &mut from_server,
                &mut to_client
            ),
        )?;
        io::Result::Ok(())
    };
    tokio::select! {
        _ = cut => {}
        // An error on one side is a reset on the other.
        _ = forwarding => {}
    }
}

async fn pump(
    shared: &Shared,
    lost: u64,
    direction: Direction,
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
) -> io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    let mut recent = VecDeque::new();
    loop {
        let length = match from.read(&mut chunk).await {
            Ok(length) => length,
            Err(error) => {
                // Bad news is held as all else is.
                pass(shared, lost, direction).await;
                return Err(error);
            }
        };
        if length == 0 {
            pass(shared, lost, direction).await;
            return to.shutdown().await;
        }
        let mut rest = &chunk[..length];
        while !rest.is_empty() {
            let mut hit = next_hit(shared, direction, &recent, rest);
            let length = hit.as_ref().map_or(rest.len(), |hit| hit.length);
            let then = hit.as_ref().and_then(|hit| hit.fired.as_ref()).map(|f| f.0);
            if then == Some(Then::HoldReply) {
                let other = direction.other();
                shared.gate.send_modify(|gate| gate.hold(other));
            }
            if then == Some(Then::Lose) {
                shared.gate.send_modify(|gate| gate.lost += 1);
                if let Some((_, seen)) = hit.as_mut().and_then(|hit| hit.fired.take()) {
                    let _ = seen.send(());
                }
                // For ever: nothing of this connection passes any more.
                pass(shared, lost, direction).await;
            }
            let (now, later) = rest.split_at(length);
            if !now.is_empty() {
                pass(shared, lost, direction).await;
                to.write_all(now).await?;
            }
            recent.extend(now);
            recent.drain(..recent.len().saturating_sub(LONGEST_PATTERN));
            match then {
                Some(Then::HoldHere) => shared.gate.send_modify(|gate| gate.hold(direction)),
                Some(Then::Cut) => shared.gate.send_modify(Gate::close),
                _ => {}
            }
            if let Some((_, seen)) = hit.and_then(|hit| hit.fired) {
                let _ = seen.send(());
            }
            rest = later;
        }
    }
}

/// Waits until the gate lets this direction of a connection pass.
async fn pass(shared: &Shared, lost: u64, direction: Direction) {
    let delay = shared.gate.borrow().delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut gate = shared.gate.subscribe();
    let _ = gate
        .wait_for(|gate| !gate.holds(direction) && gate.lost == lost)
        .await;
}

struct Hit {
    /// How many bytes pass before anything happens.
    length: usize,
    /// Nothing, if the watch lets this occurrence pass.
    fired: Option<(Then, oneshot::Sender<()>)>,
}

/// The first occurrence, in a new piece of a stream, of any pattern that is watched for.
fn next_hit(
    shared: &Shared,
    direction: Direction,
    recent: &VecDeque<u8>,
    rest: &[u8],
) -> Option<Hit> {
    let mut watches = shared.watches.lock().expect("nobody panics with it");
    // Whoever does not wait any more wants nothing held.
    watches.retain(|(_, seen)| !seen.is_closed());
    if watches
        .iter()
        .all(|(watch, _)| watch.direction != direction)
    {
        return None;
    }
    let old = recent.len();
    let window: Vec<u8> = recent.iter().chain(rest).copied().collect();
    let found = watches
        .iter()
        .enumerate()
        .filter_map(|(index, (watch, _))| {
            let length = watch.pattern.len();
            // An occurrence that ended before this piece was seen before.
            let from = (old + 1).saturating_sub(length);
            let mut places = window[from..].windows(length);
            let place = places.position(|bytes| bytes == watch.pattern)?;
            (watch.direction == direction).then_some((from + place, index))
        });
    let (start, index) = found.min()?;
    let end = start + watches[index].0.pattern.len() - old;
    if watches[index].0.skip > 0 {
        watches[index].0.skip -= 1;
        return Some(Hit {
            length: end,
            fired: None,
        });
    }
    let (watch, seen) = watches.remove(index);
    let length = match watch.then {
        Then::HoldHere | Then::Lose => start.saturating_sub(old),
        Then::Pass | Then::HoldReply | Then::Cut => end,
    };
    Some(Hit {
        length,
        fired: Some((watch.then, seen)),
    })
}
