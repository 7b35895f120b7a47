//! The queue on real Redis servers.

mod failures;
mod harness;
mod leases;
mod logs;
mod model;
mod order;
mod rate_limit;
mod reference;
mod sentinel;
mod waits;
mod wakeups;
