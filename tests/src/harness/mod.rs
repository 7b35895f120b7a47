//! Real servers for tests, started by the tests themselves, and ways to harm them.
//!
//! Whatever a test starts ends with it; whatever a test process starts ends with it, also after
//! SIGKILL: see `packguard_platform::dev::process` and [`scratch`].

pub mod cache;
pub mod ceph;
pub mod clock;
pub mod cluster;
pub mod lab;
pub mod process;
pub mod proxy;
mod pump;
pub mod registry;
pub mod s3;
pub mod scratch;
pub mod sentinel;
