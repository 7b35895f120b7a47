//! What the integration tests and benchmarks share.

/// A guest that does nothing.
pub const EMPTY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/empty.wasm"));

/// A guest that attacks its host as its setting `attack` says.
pub const HOSTILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hostile.wasm"));
