//! Host-side types made from `wit/` for the three worlds.
#![expect(missing_docs, reason = "documented in wit/")]

/// The `analyzer` world; the shared types live here.
pub mod analyzer {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "analyzer",
        imports: { default: trappable },
        exports: { default: async },
        additional_derives: [PartialEq, Eq, Clone],
    });
}

/// The `judge` world.
pub mod judge {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "judge",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "packguard:analyzer/types@1.0.0": super::analyzer::packguard::analyzer::types,
            "packguard:analyzer/log@1.0.0": super::analyzer::packguard::analyzer::log,
        },
        additional_derives: [PartialEq, Eq, Clone],
    });
}

/// The `unpacker` world.
pub mod unpacker {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "unpacker",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "packguard:analyzer/types@1.0.0": super::analyzer::packguard::analyzer::types,
            "packguard:analyzer/log@1.0.0": super::analyzer::packguard::analyzer::log,
            "packguard:analyzer/sink.writer": crate::host::sink::Writer,
        },
    });
}

pub use analyzer::packguard::analyzer::{log, types};
pub use unpacker::packguard::analyzer::sink;
