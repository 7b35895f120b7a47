//! The function registry on real servers: deploys, admission, signatures, and workers that
//! follow.

mod breaker;
mod deploy;
mod hostile;
mod lab;
mod logs;
mod reanalysis;
mod rollout;
mod settings;
mod shared;
