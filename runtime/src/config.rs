//! Settings of the engine and its pool, each number with its reason.

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::sandbox::{MAX_INSTANCES, MAX_MEMORIES, MAX_TABLES};

/// The engine's settings; `on_demand` leaves out the pool.
pub(crate) fn engine(slots: usize, on_demand: bool) -> Config {
    let mut config = Config::new();
    config
        // What analyzers don't need is attack surface. Component-model async, threads and
        // GC are left out of the build (Cargo.toml), so there is nothing to switch off.
        .concurrency_support(false)
        .wasm_memory64(false)
        // Floating point must not tell machines apart: reports are compared byte by byte.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // Fuel, not epochs: a budget counted in instructions ends on the same one on
        // every machine, so a report does not depend on how busy the machine was.
        .consume_fuel(true)
        // Syntax trees are walked recursively: 1 MiB of stack per 5,000 levels or so.
        .max_wasm_stack(2 << 20)
        .async_stack_size(3 << 20)
        // Nobody reads guest backtraces; without them code is smaller and traps cheaper.
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None);
    if !on_demand {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(slots)));
    }
    config
}

fn pool(slots: usize) -> PoolingAllocationConfig {
    let count = |each: usize| u32::try_from(slots.saturating_mul(each)).unwrap_or(u32::MAX);
    let each = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    // One step is one component, and a step that was left behind keeps its place, as it
    // keeps its slot.
    pool.total_component_instances(count(1))
        .total_core_instances(count(MAX_INSTANCES))
        .total_stacks(count(1))
        .max_core_instances_per_component(each(MAX_INSTANCES))
        .max_memories_per_component(each(MAX_MEMORIES))
        .max_tables_per_component(each(MAX_TABLES))
        // Address space only: a guest with two memories is rare.
        .total_memories(count(MAX_MEMORIES))
        .total_tables(count(MAX_TABLES))
        // Above any sensible `Limits::memory`.
        .max_memory_size(2 << 30)
        // Function tables of interpreters have 20,000 entries.
        .table_elements(100_000)
        // Room for interpreters' globals and imports; 1 MiB is the default.
        .max_core_instance_size(2 << 20)
        .max_component_instance_size(2 << 20)
        // Most steps touch a few megabytes. Keeping that much resident saves the page
        // faults and, with several threads, the contention of unmapping.
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(256 << 10)
        .async_stack_keep_resident(64 << 10)
        // Asks the kernel (Linux 6.7) which pages a guest wrote, and cleans only those: a
        // sandbox takes 25 µs in place of 48.
        .pagemap_scan(Enabled::Auto);
    pool
}
