//! What the queue should do, in plain Rust: no indexes, everything by looking at every task.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::queue::{Beat, Cancel, Position};

/// Where tags begin.
const BASE: i64 = 1 << 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ready { tag: i64, since: i64 },
    Delayed { due: i64 },
    Leased { until: i64, serial: usize },
}

#[derive(Debug, Clone)]
struct Task {
    tenant: i64,
    band: i64,
    state: State,
    cancelled: bool,
}

/// The reference. Leases are numbered in the order in which they are given.
#[derive(Debug, Default, Clone)]
pub(super) struct Model {
    pub(super) now: i64,
    tasks: BTreeMap<i64, Task>,
    reached: BTreeMap<i64, i64>,
    leases: usize,
}

impl Model {
    pub(super) fn at(now: i64) -> Self {
        Self {
            now,
            ..Self::default()
        }
    }

    fn tags(&self, band: i64, tenant: Option<i64>) -> Vec<i64> {
        self.tasks
            .values()
            .filter(|t| t.band == band && tenant.is_none_or(|wanted| t.tenant == wanted))
            .filter_map(|t| match t.state {
                State::Ready { tag, .. } => Some(tag),
                _ => None,
            })
            .collect()
    }

    fn make_ready(&mut self, id: i64, since: i64, front: bool) {
        let task = &self.tasks[&id];
        let (band, tenant) = (task.band, task.tenant);
        let own = self.tags(band, Some(tenant));
        let reached = self.reached.get(&band).copied().unwrap_or(BASE);
        let tag = if front {
            own.iter()
                .min()
                .map_or(reached, |first| reached.min(first - 1))
        } else {
            own.iter().max().map_or(reached, |last| reached.max(*last)) + 1
        };
        self.tasks.get_mut(&id).unwrap().state = State::Ready { tag, since };
    }

    /// A band without ready tasks begins anew.
    fn tidy(&mut self) {
        let empty: Vec<_> = self
            .reached
            .keys()
            .copied()
            .filter(|b| self.tags(*b, None).is_empty())
            .collect();
        for band in empty {
            self.reached.remove(&band);
        }
    }

    pub(super) fn enqueue(&mut self, id: i64, tenant: i64, priority: i64) {
        if self.tasks.contains_key(&id) {
            return;
        }
        let state = State::Delayed { due: 0 };
        let task = Task {
            tenant,
            band: 100 - priority,
            state,
            cancelled: false,
        };
        self.tasks.insert(id, task);
        self.make_ready(id, self.now, false);
    }

    /// All ready tasks, the next one first.
    pub(super) fn order(&self) -> Vec<i64> {
        let mut ready: Vec<_> = self
            .tasks
            .iter()
            .filter_map(|(id, t)| match t.state {
                State::Ready { tag, .. } => Some((t.band, tag, *id)),
                _ => None,
            })
            .collect();
        ready.sort_unstable();
        ready.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Those of one kind that are due, the earliest first.
    fn due(&self, leased: bool) -> Vec<(i64, i64)> {
        let mut due: Vec<_> = self
            .tasks
            .iter()
            .filter_map(|(id, t)| match t.state {
                State::Delayed { due } if !leased => Some((due, *id)),
                State::Leased { until, .. } if leased => Some((until, *id)),
                _ => None,
            })
            .filter(|(when, _)| *when <= self.now)
            .collect();
        due.sort_unstable();
        due
    }

    /// Answers (id, waited, cancelled) of each, and when there are none, ms until something is due.
    pub(super) fn claim(&mut self, max: usize, lease: i64) -> (Vec<(i64, i64, bool)>, Option<i64>) {
        for (due, id) in self.due(false) {
            self.make_ready(id, due, false);
        }
        for (until, id) in self.due(true).into_iter().rev() {
            self.make_ready(id, until, true);
        }
        let mut claimed = Vec::new();
        let mut reached: BTreeMap<i64, i64> = BTreeMap::new();
        for id in self.order().into_iter().take(max) {
            let task = self.tasks.get_mut(&id).unwrap();
            let State::Ready { tag, since } = task.state else {
                panic!("not ready")
            };
            task.state = State::Leased {
                until: self.now + lease,
                serial: self.leases,
            };
            self.leases += 1;
            claimed.push((id, self.now - since, task.cancelled));
            let last = reached.entry(task.band).or_insert(tag);
            *last = tag.max(*last);
        }
        for (band, tag) in reached {
            let now = self.reached.entry(band).or_insert(BASE);
            *now = tag.max(*now);
        }
        self.tidy();
        let next = self.tasks.values().filter_map(|t| match t.state {
            State::Delayed { due } => Some(due - self.now),
            State::Leased { until, .. } => Some(until - self.now),
            State::Ready { .. } => None,
        });
        let next = next.min().filter(|_| claimed.is_empty());
        (claimed, next)
    }

    fn holds(&self, id: i64, lease: usize) -> bool {
        self.tasks
            .get(&id)
            .is_some_and(|t| matches!(t.state, State::Leased { serial, .. } if serial == lease))
    }

    pub(super) fn heartbeat(&mut self, id: i64, serial: usize, lease: i64) -> Beat {
        if !self.holds(id, serial) {
            return Beat::Lost;
        }
        let until = self.now + lease;
        let task = self.tasks.get_mut(&id).unwrap();
        task.state = State::Leased { until, serial };
        if task.cancelled {
            Beat::Cancelled
        } else {
            Beat::Held
        }
    }

    pub(super) fn acknowledge(&mut self, id: i64, lease: usize) -> bool {
        let held = self.holds(id, lease);
        if held {
            self.tasks.remove(&id);
        }
        held
    }

    pub(super) fn retry(&mut self, id: i64, lease: usize, delay: i64) -> bool {
        if !self.holds(id, lease) {
            return false;
        }
        let task = self.tasks.get_mut(&id).unwrap();
        if task.cancelled {
            return self.release(id, lease);
        }
        task.state = State::Delayed {
            due: self.now + delay,
        };
        true
    }

    pub(super) fn release(&mut self, id: i64, lease: usize) -> bool {
        let held = self.holds(id, lease);
        if held {
            self.make_ready(id, self.now, true);
        }
        held
    }

    pub(super) fn cancel(&mut self, id: i64) -> Cancel {
        match self.tasks.get_mut(&id) {
            None => Cancel::Unknown,
            Some(task) if matches!(task.state, State::Leased { .. }) => {
                task.cancelled = true;
                Cancel::Requested
            }
            Some(_) => {
                self.remove(id);
                Cancel::Removed
            }
        }
    }

    pub(super) fn remove(&mut self, id: i64) -> bool {
        let known = self.tasks.remove(&id).is_some();
        self.tidy();
        known
    }

    pub(super) fn position(&self, id: i64) -> Position {
        match self.tasks.get(&id).map(|t| t.state) {
            None => Position::Unknown,
            Some(State::Leased { .. }) => Position::Leased,
            Some(State::Delayed { due }) => Position::Delayed(Duration::from_millis(
                (due - self.now).max(0).unsigned_abs(),
            )),
            Some(State::Ready { .. }) => {
                let place = self.order().iter().position(|other| *other == id);
                Position::Ready(place.unwrap() as u64)
            }
        }
    }

    pub(super) fn ids(&self) -> Vec<i64> {
        self.tasks.keys().copied().collect()
    }

    /// (ready, delayed, leased, since when the oldest ready one waits)
    pub(super) fn counts(&self) -> (u64, u64, u64, Option<i64>) {
        let mut counts = (0, 0, 0, None::<i64>);
        for task in self.tasks.values() {
            match task.state {
                State::Ready { since, .. } => {
                    counts.0 += 1;
                    counts.3 = Some(counts.3.map_or(since, |oldest| oldest.min(since)));
                }
                State::Delayed { .. } => counts.1 += 1,
                State::Leased { .. } => counts.2 += 1,
            }
        }
        counts
    }
}

/// Claims all, one by one; (tenant, task) in that order.
fn drain(model: &mut Model) -> Vec<(i64, i64)> {
    let mut order = Vec::new();
    loop {
        let (claimed, _) = model.claim(1, i64::MAX / 4);
        let Some((id, _, _)) = claimed.first() else {
            return order;
        };
        order.push((model.tasks[id].tenant, *id));
    }
}

// The tags' logic by itself; that the scripts do the same is what model.rs shows.
proptest! {
    /// While several tenants have tasks, none gets more than one ahead of another.
    #[test]
    fn equal_shares(backlogs in prop::collection::vec(1usize..40, 2..6)) {
        let mut model = Model::default();
        let mut id = 0;
        for (tenant, backlog) in backlogs.iter().enumerate() {
            for _ in 0..*backlog {
                id += 1;
                model.enqueue(id, tenant as i64, 0);
            }
        }
        let mut served = vec![0usize; backlogs.len()];
        for (tenant, _) in drain(&mut model) {
            served[tenant as usize] += 1;
            let busy: Vec<_> = served.iter().zip(&backlogs).filter(|(s, b)| s < b).map(|(s, _)| *s).collect();
            if let (Some(least), Some(most)) = (busy.iter().min(), busy.iter().max()) {
                prop_assert!(most - least <= 1, "{served:?} of {backlogs:?}");
            }
        }
        prop_assert_eq!(served, backlogs);
    }

    /// Who comes late, with one task, waits for the round that is under way and the next one.
    #[test]
    fn a_newcomer_is_served_within_a_round(tenants in 1i64..6, backlog in 5i64..60, claimed in 0usize..100) {
        let mut model = Model::default();
        for n in 0..backlog * tenants {
            model.enqueue(n, n % tenants, 0);
        }
        let claimed = claimed.min(model.tasks.len() - 1);
        for _ in 0..claimed {
            model.claim(1, 1_000_000);
        }
        model.enqueue(1_000_000, 99, 0);
        let place = model.order().iter().position(|id| *id == 1_000_000).unwrap();
        prop_assert!(place <= 2 * tenants as usize, "place {place}, {tenants} tenants");
    }

    /// Priority first, whoever; inside a tenant and a priority, first come, first served.
    #[test]
    fn priority_then_arrival(tasks in prop::collection::vec((0i64..4, 0i64..3), 1..80)) {
        let mut model = Model::default();
        for (id, (tenant, priority)) in tasks.iter().enumerate() {
            model.enqueue(id as i64, *tenant, *priority);
        }
        let order: Vec<_> = drain(&mut model).into_iter().map(|(tenant, id)| (tasks[id as usize].1, tenant, id)).collect();
        prop_assert!(order.is_sorted_by_key(|(priority, _, _)| -priority));
        for (n, (priority, tenant, id)) in order.iter().enumerate() {
            for (later_priority, later_tenant, later) in &order[n + 1..] {
                prop_assert!((priority, tenant) != (later_priority, later_tenant) || id < later);
            }
        }
    }

    /// To submit and cancel again and again gains nothing and costs nothing.
    #[test]
    fn cancelled_tasks_do_not_count(cancelled in 1i64..50) {
        let mut model = Model::default();
        for n in 0..100 {
            model.enqueue(n, 1, 0);
        }
        for n in 0..cancelled {
            model.enqueue(1_000 + n, 2, 0);
        }
        for n in 0..cancelled {
            model.cancel(1_000 + n);
        }
        model.enqueue(5_000, 2, 0);
        let place = model.order().iter().position(|id| *id == 5_000).unwrap();
        prop_assert_eq!(place, 1);
    }
}
