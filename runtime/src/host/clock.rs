//! A clock that stands still, so that the same package gives the same report and a
//! guest can't time the host.

use std::time::Duration;

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// Always the Unix epoch.
pub(crate) struct FrozenClock;

impl HostWallClock for FrozenClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for FrozenClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}
