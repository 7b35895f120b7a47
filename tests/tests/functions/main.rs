//! The function registry on real servers: deploys, admission, signatures, and workers that
//! follow.

mod attacks;
mod breaker;
mod canary;
mod deploy;
mod hostile;
mod lab;
mod logs;
mod operator;
mod reanalysis;
mod rollout;
mod settings;
mod shadow;
mod shared;
