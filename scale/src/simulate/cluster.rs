//! Pods and the nodes that they run on.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use super::measures::Area;

/// What happens at a time of its own. The order decides between things at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A task of so many microseconds has ended.
    Done { pod: u32, service: u64 },
    /// A node can take pods.
    NodeReady { node: u32 },
    /// A pod can claim.
    PodReady { pod: u32 },
}

/// All that is to come, soonest first.
pub(super) type Events = BinaryHeap<Reverse<(u64, Event)>>;

/// How the cluster behaves; times in microseconds.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) slots: u32,
    pub(super) pod_start: u64,
    pub(super) pods_per_node: u32,
    pub(super) node_start: u64,
    pub(super) node_idle: u64,
    pub(super) node_limit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No node has room.
    Waiting,
    Starting,
    Ready,
    /// Finishes what it has.
    Draining,
    Gone,
}

#[derive(Debug)]
struct Pod {
    state: State,
    node: Option<u32>,
    busy: u32,
}

#[derive(Debug)]
struct Node {
    ready: bool,
    pods: u32,
    idle_since: u64,
}

/// The pool and its nodes.
#[derive(Debug)]
pub(super) struct Cluster {
    layout: Layout,
    pods: Vec<Pod>,
    /// Those that count as wanted: neither draining nor gone.
    wanted: BTreeSet<u32>,
    waiting: VecDeque<u32>,
    /// One entry per free slot, longest free first; those of pods that went are skipped.
    free: VecDeque<u32>,
    /// By number; those that are gone are none.
    nodes: Vec<Option<Node>>,
    ready: u32,
    /// Pods on nodes.
    pub(super) pod_area: Area,
    /// Nodes, from asking for them on.
    pub(super) node_area: Area,
}

impl Cluster {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            pods: Vec::new(),
            wanted: BTreeSet::new(),
            waiting: VecDeque::new(),
            free: VecDeque::new(),
            nodes: Vec::new(),
            ready: 0,
            pod_area: Area::default(),
            node_area: Area::default(),
        }
    }

    pub(super) fn wanted(&self) -> u32 {
        self.wanted.len() as u32
    }

    pub(super) fn ready(&self) -> u32 {
        self.ready
    }

    pub(super) fn unschedulable(&self) -> u32 {
        self.waiting.len() as u32
    }

    pub(super) fn nodes(&self) -> u32 {
        self.node_area.value()
    }

    /// Makes the number of wanted pods this one.
    pub(super) fn scale(&mut self, pods: u32, now: u64, events: &mut Events) {
        let wanted = self.wanted();
        if pods > wanted {
            for _ in wanted..pods {
                let pod = self.pods.len() as u32;
                self.pods.push(Pod {
                    state: State::Waiting,
                    node: None,
                    busy: 0,
                });
                self.wanted.insert(pod);
                self.waiting.push_back(pod);
            }
        } else {
            self.shrink((wanted - pods) as usize, now);
        }
        self.place(now, events);
    }

    /// Takes pods away: those without a node first, then those that start, then idle ones where they leave a node
    /// soonest empty, then those with the least work, which drain.
    fn shrink(&mut self, pods: usize, now: u64) {
        let mut order: Vec<_> = self
            .wanted
            .iter()
            .map(|&id| {
                let pod = &self.pods[id as usize];
                let class = match pod.state {
                    State::Waiting => 0,
                    State::Starting => 1,
                    _ => 2,
                };
                let neighbours = pod.node.map_or(0, |node| self.pods_on(node));
                (class, pod.busy, neighbours, Reverse(id))
            })
            .collect();
        order.sort_unstable();
        for (_, busy, _, Reverse(id)) in order.into_iter().take(pods) {
            self.wanted.remove(&id);
            if self.pods[id as usize].state == State::Ready {
                self.ready -= 1;
            }
            if busy > 0 {
                self.pods[id as usize].state = State::Draining;
            } else {
                self.remove(id, now);
            }
        }
        let pods = &self.pods;
        self.waiting
            .retain(|id| pods[*id as usize].state == State::Waiting);
    }

    fn pods_on(&self, node: u32) -> u32 {
        self.nodes[node as usize]
            .as_ref()
            .map_or(0, |node| node.pods)
    }

    fn remove(&mut self, id: u32, now: u64) {
        let pod = &mut self.pods[id as usize];
        pod.state = State::Gone;
        if let Some(node) = pod.node.take() {
            self.pod_area.add(now, -1);
            if let Some(node) = &mut self.nodes[node as usize] {
                node.pods -= 1;
                node.idle_since = now;
            }
        }
    }

    /// Puts waiting pods on nodes, the first with room, and asks for nodes where there are too few.
    fn place(&mut self, now: u64, events: &mut Events) {
        let room = self.layout.pods_per_node;
        let mut from = 0;
        while let Some(&pod) = self.waiting.front() {
            let found = (from..self.nodes.len()).find(|&node| {
                self.nodes[node]
                    .as_ref()
                    .is_some_and(|node| node.ready && node.pods < room)
            });
            let Some(node) = found else { break };
            from = node;
            self.waiting.pop_front();
            if let Some(node) = &mut self.nodes[node] {
                node.pods += 1;
            }
            self.pods[pod as usize].state = State::Starting;
            self.pods[pod as usize].node = Some(node as u32);
            self.pod_area.add(now, 1);
            events.push(Reverse((
                now + self.layout.pod_start,
                Event::PodReady { pod },
            )));
        }
        let coming = self
            .nodes
            .iter()
            .flatten()
            .filter(|node| !node.ready)
            .count() as u32;
        let missing = self.unschedulable().div_ceil(room).saturating_sub(coming);
        let allowed = self.layout.node_limit.saturating_sub(self.nodes());
        for _ in 0..missing.min(allowed) {
            let node = self.nodes.len() as u32;
            self.nodes.push(Some(Node {
                ready: false,
                pods: 0,
                idle_since: now,
            }));
            self.node_area.add(now, 1);
            events.push(Reverse((
                now + self.layout.node_start,
                Event::NodeReady { node },
            )));
        }
    }

    pub(super) fn node_ready(&mut self, node: u32, now: u64, events: &mut Events) {
        if let Some(node) = &mut self.nodes[node as usize] {
            node.ready = true;
            node.idle_since = now;
        }
        self.place(now, events);
    }

    pub(super) fn pod_ready(&mut self, pod: u32) {
        if self.pods[pod as usize].state == State::Starting {
            self.pods[pod as usize].state = State::Ready;
            self.ready += 1;
            self.free
                .extend(std::iter::repeat_n(pod, self.layout.slots as usize));
        }
    }

    /// A free slot, taken.
    pub(super) fn claim(&mut self) -> Option<u32> {
        while let Some(pod) = self.free.pop_front() {
            let held = &mut self.pods[pod as usize];
            if held.state == State::Ready {
                held.busy += 1;
                return Some(pod);
            }
        }
        None
    }

    /// Its task has ended.
    pub(super) fn release(&mut self, pod: u32, now: u64, events: &mut Events) {
        let held = &mut self.pods[pod as usize];
        held.busy -= 1;
        match held.state {
            State::Draining if held.busy == 0 => {
                self.remove(pod, now);
                self.place(now, events);
            }
            State::Draining => {}
            _ => self.free.push_back(pod),
        }
    }

    /// Gives nodes back that nobody has needed for long.
    pub(super) fn tidy(&mut self, now: u64) {
        for node in &mut self.nodes {
            let idle = node.as_ref().is_some_and(|node| {
                node.ready && node.pods == 0 && now - node.idle_since >= self.layout.node_idle
            });
            if idle {
                *node = None;
                self.node_area.add(now, -1);
            }
        }
    }
}
