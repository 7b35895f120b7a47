//! What the host offers to guests, one capability per file. There is no ambient
//! authority: no network, no environment, a frozen clock, seeded randomness.

mod clock;
mod log;
pub(crate) mod output;
pub(crate) mod sink;

pub(crate) use clock::FrozenClock;
