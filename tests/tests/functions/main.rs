//! The function registry on real servers: deploys, admission, signatures, and workers that
//! follow.

mod attacks;
mod breaker;
mod deploy;
mod hostile;
mod lab;
mod rollout;
mod shared;
