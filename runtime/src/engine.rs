//! The engine, and how a step is run on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, Store};

use crate::bindings::judge;
use crate::bindings::types::{Analysis, Descriptor, Package};
use crate::bindings::unpacker::{self, Unpacker};
use crate::cache::CompileCache;
use crate::component::{self, Component, LoadError, Pre, Source};
use crate::config;
use crate::cpu::Cpu;
use crate::host::sink::SharedSink;
use crate::limits::Limits;
use crate::report::StepOutcome;
use crate::sandbox::{self, State, View};
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
    /// The CPUs that components are compiled for.
    pub cpu: Cpu,
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
    /// When the machine refuses the address space, or is older than the CPU asked for.
    pub fn new(config: RuntimeConfig) -> wasmtime::Result<Self> {
        let slots = match config.slots {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            slots => slots,
        };
        let mut settings = config::engine(slots, config.on_demand);
        config.cpu.apply(&mut settings)?;
        let engine = Engine::new(&settings)?;
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
        Ok(self.admit(bytes, Source::default()).await?.0)
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
        let source = Source {
            digest: Some(digest),
            ..Source::default()
        };
        Ok(self.admit(bytes, source).await?.0)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn cache(&self) -> Option<&CompileCache> {
        self.cache.as_deref()
    }

    /// The component and, where `source` asks for it and it was compiled now, its sealed code.
    pub(crate) async fn admit(
        &self,
        bytes: impl AsRef<[u8]> + Send + 'static,
        source: Source,
    ) -> Result<(Component, Option<Bytes>), LoadError> {
        let this = self.clone();
        let compile = tokio::task::spawn_blocking(move || {
            let (engine, cache) = (&this.engine, this.cache.as_deref());
            let mut compiled =
                component::compile(engine, &this.linker, cache, bytes.as_ref(), &source)?;
            let sealed = match (&source.seal, compiled.made.take()) {
                (Some(key), Some(code)) => Some(this.seal(key, &compiled.digest, code)),
                _ => None,
            };
            Ok((compiled, sealed))
        });
        // Cranelift can't be interrupted: one that is too slow is left behind.
        let (compiled, sealed) = match tokio::time::timeout(COMPILE_TIME, compile).await {
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
        Ok((Component::new(compiled, descriptor), sealed))
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
            listener: None,
        };
        self.step(component.name(), limits, view, cancel, async move |store| {
            let guest = pre.instantiate_async(&mut *store).await?;
            guest
                .call_unpack(store, &inputs, unpacker::UnpackLimits { nesting })
                .await
        })
        .await
    }

    /// Lets an analyzer look at `package`, whose files stand in `folder`; the options that it is
    /// configured with are among the settings.
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
            listener: component.heard(),
        };
        let configuration = Arc::clone(&component.configuration);
        self.step(component.name(), limits, view, cancel, async move |store| {
            // It may be a copy, of which there are no more than slots.
            let package = configuration.package(&package);
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
