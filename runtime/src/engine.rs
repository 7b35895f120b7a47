//! The engine and its pool, each number with its reason, and how a step is run on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};

use crate::bindings::judge;
use crate::bindings::types::{Analysis, Descriptor, Package};
use crate::bindings::unpacker::{self, Unpacker};
use crate::cache::CompileCache;
use crate::component::{self, Component, LoadError, Pre};
use crate::host::sink::SharedSink;
use crate::limits::Limits;
use crate::report::StepOutcome;
use crate::sandbox::{self, MAX_INSTANCES, MAX_MEMORIES, MAX_TABLES, State, View};
use crate::step::Step;

/// Exact version of the compiler: part of what compiled code is kept under, since
/// wasmtime itself compares the major version only. Checked against `Cargo.lock` by a
/// test.
pub(crate) const WASMTIME: &str = "48.0.8";

/// Longest compilation of one component. The largest bundled one takes 10 s on one core.
const COMPILE_TIME: Duration = Duration::from_secs(180);

/// What a component may use to say what it is.
const DESCRIBE: Limits = Limits {
    memory: 256 << 20,
    fuel: 2_000_000_000,
    wall: Duration::from_secs(10),
    output: 64 << 10,
    transfer: 1 << 20,
    handles: 64,
};

/// How long a step that was told to end may take to do so before it is left behind: one
/// yield interval, or the longest single host call or `memory.copy`.
const GRACE: Duration = Duration::from_millis(250);

/// What a [`Runtime`] is made of.
#[derive(Debug, Default)]
pub struct RuntimeConfig {
    /// Steps that run at once; 0 = one per core.
    pub slots: usize,
    /// Where compiled components are kept; `None` compiles at every start.
    pub cache: Option<CompileCache>,
    /// Allocates on demand in place of from the pool: slower, for comparison only.
    pub on_demand: bool,
}

/// A wasmtime engine with its pool. Cheap to clone; needs a tokio runtime around its
/// async methods.
#[derive(Clone)]
pub struct Runtime {
    engine: Engine,
    linker: Arc<Linker<State>>,
    cache: Option<Arc<CompileCache>>,
    slots: Arc<Semaphore>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("free_slots", &self.slots.available_permits())
            .finish()
    }
}

impl Runtime {
    /// Makes the engine and reserves the pool (address space, not memory).
    ///
    /// # Errors
    /// When the machine refuses the address space.
    pub fn new(config: RuntimeConfig) -> wasmtime::Result<Self> {
        let slots = match config.slots {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            slots => slots,
        };
        let engine = Engine::new(&engine_config(slots, config.on_demand))?;
        let linker = linker(&engine)?;
        Ok(Self {
            engine,
            linker: Arc::new(linker),
            cache: config.cache.map(Arc::new),
            slots: Arc::new(Semaphore::new(slots)),
        })
    }

    /// Admits a component: checks it, compiles it or takes it from the cache, and asks
    /// it what it is.
    ///
    /// # Errors
    /// Why it is not admitted.
    pub async fn load(
        &self,
        bytes: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Component, LoadError> {
        self.admit(bytes, None).await
    }

    /// As [`Runtime::load`], for a component whose lower-case hex SHA-256 the caller
    /// knows, since it computed it when it embedded the bytes. It is not checked.
    ///
    /// # Errors
    /// Why it is not admitted.
    pub async fn load_embedded(
        &self,
        bytes: &'static [u8],
        digest: &'static str,
    ) -> Result<Component, LoadError> {
        self.admit(bytes, Some(digest)).await
    }

    async fn admit(
        &self,
        bytes: impl AsRef<[u8]> + Send + 'static,
        digest: Option<&'static str>,
    ) -> Result<Component, LoadError> {
        let this = self.clone();
        let compile = tokio::task::spawn_blocking(move || {
            component::compile(
                &this.engine,
                &this.linker,
                this.cache.as_deref(),
                bytes.as_ref(),
                digest,
            )
        });
        // Cranelift can't be interrupted: one that is too slow is left behind.
        let compiled = match tokio::time::timeout(COMPILE_TIME, compile).await {
            Ok(Ok(compiled)) => compiled?,
            Ok(Err(panic)) => {
                return Err(LoadError::Invalid(format!("the compiler failed: {panic}")));
            }
            Err(_) => return Err(LoadError::TooSlow(COMPILE_TIME.as_secs())),
        };
        let described = self.describe(&compiled.digest, compiled.pre.clone()).await;
        let descriptor = described
            .result
            .map_err(|(outcome, message)| LoadError::Describe(outcome, message))?;
        Ok(Component {
            digest: compiled.digest,
            descriptor: Arc::new(descriptor),
            pre: compiled.pre,
        })
    }

    async fn describe(&self, digest: &Arc<str>, pre: Pre) -> Step<Descriptor> {
        let cancel = CancellationToken::new();
        self.step(
            digest.clone(),
            &DESCRIBE,
            View::default(),
            &cancel,
            async move |store| {
                Ok(Ok(match pre {
                    Pre::Unpacker(pre) => {
                        pre.instantiate_async(&mut *store)
                            .await?
                            .call_describe(store)
                            .await?
                    }
                    Pre::Analyzer(pre) => {
                        pre.instantiate_async(&mut *store)
                            .await?
                            .call_describe(store)
                            .await?
                    }
                    Pre::Judge(pre) => {
                        pre.instantiate_async(&mut *store)
                            .await?
                            .call_describe(store)
                            .await?
                    }
                }))
            },
        )
        .await
    }

    /// Takes archives apart.
    pub(crate) async fn unpack(
        &self,
        component: &Component,
        work: Unpacking,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> Step<Analysis> {
        let Pre::Unpacker(pre) = component.pre.clone() else {
            return wrong_world("unpacker");
        };
        let Unpacking {
            inputs,
            nesting,
            sink,
            mounts,
        } = work;
        let view = View {
            mounts,
            sink: Some(sink),
        };
        self.step(component.name(), limits, view, cancel, async move |store| {
            let guest = pre.instantiate_async(&mut *store).await?;
            guest
                .call_unpack(store, &inputs, unpacker::UnpackLimits { nesting })
                .await
        })
        .await
    }

    /// Lets an analyzer look at `package`, whose files stand in `folder`.
    pub async fn analyze(
        &self,
        component: &Component,
        package: Arc<Package>,
        folder: &std::path::Path,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> Step<Analysis> {
        let Pre::Analyzer(pre) = component.pre.clone() else {
            return wrong_world("analyzer");
        };
        let view = View {
            mounts: vec![(folder.to_owned(), "/package")],
            sink: None,
        };
        self.step(component.name(), limits, view, cancel, async move |store| {
            let guest = pre.instantiate_async(&mut *store).await?;
            guest.call_analyze(store, &package).await
        })
        .await
    }

    /// Lets a judge fold findings into a verdict.
    pub(crate) async fn judge(
        &self,
        component: &Component,
        dossier: judge::Dossier,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> Step<judge::Verdict> {
        let Pre::Judge(pre) = component.pre.clone() else {
            return wrong_world("judge");
        };
        self.step(
            component.name(),
            limits,
            View::default(),
            cancel,
            async move |store| {
                let guest = pre.instantiate_async(&mut *store).await?;
                guest.call_judge(store, &dossier).await
            },
        )
        .await
    }

    /// Runs one step on a thread of its own, when a slot is free.
    ///
    /// A step that does not end when told to (a host call that hangs) is left behind with
    /// its slot: the caller gets its answer, and the other slots go on.
    async fn step<T, F>(
        &self,
        name: Arc<str>,
        limits: &Limits,
        view: View,
        cancel: &CancellationToken,
        call: F,
    ) -> Step<T>
    where
        T: Send + 'static,
        F: AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<Result<T, String>> + Send + 'static,
    {
        let started = Instant::now();
        let cancelled = || sandbox::failed(StepOutcome::Cancelled, "cancelled".into(), started);
        let permit = tokio::select! {
            permit = Arc::clone(&self.slots).acquire_owned() => permit,
            () = cancel.cancelled() => return cancelled(),
        };
        let Ok(permit) = permit else {
            return cancelled();
        };
        let (engine, limits, token) = (self.engine.clone(), *limits, cancel.clone());
        let handle = tokio::runtime::Handle::current();
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            handle.block_on(sandbox::run(&engine, name, &limits, view, &token, call))
        });
        tokio::select! {
            done = task => done.unwrap_or_else(|panic| {
                tracing::error!(%panic, "the host panicked in a step");
                sandbox::failed(StepOutcome::Trap, "the host failed in this step".into(), started)
            }),
            () = tokio::time::sleep(limits.wall + GRACE) => {
                let (outcome, message) = sandbox::out_of_time(limits.wall);
                sandbox::failed(outcome, message, started)
            }
            () = async { cancel.cancelled().await; tokio::time::sleep(GRACE).await } => cancelled(),
        }
    }
}

/// What an unpacker is to do.
pub(crate) struct Unpacking {
    pub inputs: Vec<unpacker::Input>,
    /// Archives inside archives.
    pub nesting: u32,
    pub sink: SharedSink,
    /// What it may read: host folder, guest path.
    pub mounts: Vec<(std::path::PathBuf, &'static str)>,
}

impl Component {
    fn name(&self) -> Arc<str> {
        self.descriptor.name.as_str().into()
    }
}

fn wrong_world<T>(wanted: &str) -> Step<T> {
    sandbox::failed(
        StepOutcome::HostRefusal,
        format!("the component is no {wanted}"),
        Instant::now(),
    )
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Unpacker::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(linker)
}

fn engine_config(slots: usize, on_demand: bool) -> Config {
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

/// What `make bench` measures, without the thread that [`Runtime`] gives each step.
impl Runtime {
    /// Makes a sandbox, runs `describe` in it on this thread and drops it.
    ///
    /// # Errors
    /// How the step failed.
    pub async fn describe_here(&self, component: &Component) -> Result<(), (StepOutcome, String)> {
        let Pre::Analyzer(pre) = &component.pre else {
            return Err((StepOutcome::HostRefusal, "no analyzer".into()));
        };
        let cancel = CancellationToken::new();
        let step = sandbox::run(
            &self.engine,
            component.name(),
            &DESCRIBE,
            View::default(),
            &cancel,
            async |store| {
                Ok(Ok(pre
                    .instantiate_async(&mut *store)
                    .await?
                    .call_describe(store)
                    .await?))
            },
        );
        step.await.result.map(drop)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn cache_is_keyed_by_the_locked_wasmtime() {
        let lock = include_str!("../../Cargo.lock");
        let entry = format!("name = \"wasmtime\"\nversion = \"{}\"\n", super::WASMTIME);
        assert!(
            lock.contains(&entry),
            "engine::WASMTIME must be the version in Cargo.lock"
        );
    }
}
