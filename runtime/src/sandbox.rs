//! One sandbox: a fresh Store with what a guest may see.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use tokio_util::sync::CancellationToken;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

use crate::configuration::Listener;
use crate::host::FrozenClock;
use crate::host::output::Output;
use crate::host::sink::SharedSink;
use crate::limits::Limits;
use crate::pipeline::ComponentId;
use crate::report::{StepOutcome, Usage};
use crate::step::{Step, classify};

/// Fuel between two looks at the clock and the cancellation: 2 to 5 ms.
const YIELD_INTERVAL: u64 = 5_000_000;

/// Core memories, tables and instances in one component. A Rust guest has one memory,
/// two tables and four instances; JavaScript and Python engines have a few more.
pub(crate) const MAX_MEMORIES: usize = 8;
pub(crate) const MAX_TABLES: usize = 16;
pub(crate) const MAX_INSTANCES: usize = 32;

/// What a guest may see: nothing by default.
#[derive(Clone, Default)]
pub(crate) struct View {
    /// Read-only directories: host path, guest path.
    pub mounts: Vec<(PathBuf, &'static str)>,
    /// Where an unpacker puts entries.
    pub sink: Option<SharedSink>,
    /// Who hears what it logs, and whom they hear.
    pub listener: Option<(Listener, ComponentId)>,
}

/// Host state of one Store.
pub(crate) struct State {
    pub component: Arc<str>,
    pub wasi: WasiCtx,
    pub table: ResourceTable,
    pub output: Output,
    pub sink: Option<SharedSink>,
    pub listener: Option<(Listener, ComponentId)>,
    meter: Meter,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl crate::bindings::types::Host for State {}

/// Sums what all memories and tables of a Store hold, since wasmtime's own limits are
/// for each of them.
#[derive(Debug, Default)]
struct Meter {
    limit: usize,
    used: usize,
    peak: usize,
    denied: bool,
}

impl Meter {
    fn grow(&mut self, by: usize) -> bool {
        let wanted = self.used.saturating_add(by);
        if wanted > self.limit {
            self.denied = true;
            return false;
        }
        self.used = wanted;
        self.peak = self.peak.max(wanted);
        true
    }
}

/// Host bytes per table element.
const TABLE_ELEMENT: usize = 8;

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(
            desired
                .saturating_sub(current)
                .saturating_mul(TABLE_ELEMENT),
        ))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.denied = true;
        Ok(())
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.denied = true;
        Ok(())
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

/// Makes the Store of one step.
fn store(
    engine: &Engine,
    component: Arc<str>,
    limits: &Limits,
    view: View,
) -> wasmtime::Result<Store<State>> {
    let output = Output::new(limits.output);
    let mut wasi = WasiCtx::builder();
    wasi.stdout(output.clone())
        .stderr(output.clone())
        .wall_clock(FrozenClock)
        .monotonic_clock(FrozenClock)
        // The same package must give the same report, so "random" is a constant.
        .secure_random(rand::rngs::StdRng::seed_from_u64(0))
        .insecure_random(rand::rngs::StdRng::seed_from_u64(1))
        .insecure_random_seed(2)
        // Host work that costs a guest no fuel must be short.
        .max_random_size(64 << 10)
        // Each step has a thread of its own that may block: file reads get five times
        // faster than through tokio's pool.
        .allow_blocking_current_thread(true)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    for (host, guest) in &view.mounts {
        wasi.preopened_dir(host, guest, FsPerms::ReadOnly)?;
    }
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.handles);
    let state = State {
        component,
        wasi: wasi.build(),
        table,
        output,
        sink: view.sink,
        listener: view.listener,
        meter: Meter {
            limit: limits.memory,
            ..Meter::default()
        },
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.meter);
    store.set_hostcall_fuel(limits.transfer);
    store.set_max_component_handles(limits.handles);
    store.set_fuel(limits.fuel)?;
    store.fuel_async_yield_interval(Some(YIELD_INTERVAL))?;
    Ok(store)
}

/// Runs `call` in a fresh sandbox, on this thread, until it answers or is stopped.
pub(crate) async fn run<T, F>(
    engine: &Engine,
    component: Arc<str>,
    limits: &Limits,
    view: View,
    cancel: &CancellationToken,
    call: F,
) -> Step<T>
where
    F: AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<Result<T, String>>,
{
    let started = Instant::now();
    let mut store = match store(engine, component, limits, view) {
        Ok(store) => store,
        Err(error) => return failed(StepOutcome::HostRefusal, format!("{error:#}"), started),
    };
    let stopped = stop_or(limits.wall, cancel, call(&mut store)).await;
    let result = match stopped {
        Err(stopped) => Err(stopped),
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(message))) => Err((StepOutcome::AnalyzerError, message)),
        Ok(Err(error)) => {
            let state = store.data();
            Err(classify(
                &error,
                state.meter.denied,
                &state.output.last_words(),
            ))
        }
    };
    let usage = Usage {
        fuel: limits.fuel - store.get_fuel().unwrap_or(limits.fuel).min(limits.fuel),
        peak_memory: store.data().meter.peak as u64,
        duration_us: Some(micros(started.elapsed())),
    };
    Step { result, usage }
}

/// Waits for `call`, the clock or the cancellation, whichever comes first.
async fn stop_or<T>(
    wall: Duration,
    cancel: &CancellationToken,
    call: impl Future<Output = T>,
) -> Result<T, (StepOutcome, String)> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err((StepOutcome::Cancelled, "cancelled".into())),
        done = call => Ok(done),
        () = tokio::time::sleep(wall) => Err(out_of_time(wall)),
    }
}

pub(crate) fn out_of_time(wall: Duration) -> (StepOutcome, String) {
    (
        StepOutcome::OutOfTime,
        format!("ran longer than {} s", wall.as_secs_f64()),
    )
}

pub(crate) fn failed<T>(outcome: StepOutcome, message: String, started: Instant) -> Step<T> {
    let usage = Usage {
        duration_us: Some(micros(started.elapsed())),
        ..Usage::default()
    };
    Step {
        result: Err((outcome, message)),
        usage,
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
