//! Admission and compilation of components.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{InstancePre, Linker};
use wasmtime::{Engine, Precompiled};

use crate::bindings::analyzer::AnalyzerPre;
use crate::bindings::judge::JudgePre;
use crate::bindings::types::Descriptor;
use crate::bindings::unpacker::UnpackerPre;
use crate::cache::{CompileCache, GenuineCode};
use crate::configuration::{Configuration, Listener};
use crate::examine::{self, CONTRACT_VERSION};
use crate::pipeline::ComponentId;
use crate::report::StepOutcome;
use crate::sandbox::State;
use crate::shared::{ShareKey, SharedCode};

/// Largest component admitted, bytes. Python components, the largest, hold a whole
/// interpreter and take about 40 MB.
pub const MAX_COMPONENT: usize = 64 << 20;

/// The WIT package and version that components speak.
pub const CONTRACT: &str = "packguard:analyzer@1.0.0";

/// Interfaces that a component may import. Sockets are linked since interpreters import
/// them, but every use is denied; HTTP is not linked at all.
const ALLOWED_IMPORTS: [&str; 8] = [
    "packguard:analyzer/types@1.0",
    "packguard:analyzer/log@1.0",
    "packguard:analyzer/sink@1.0",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
];

/// As [`ALLOWED_IMPORTS`], but useless to the guest.
pub(crate) const DENIED_BUT_LINKED: &str = "wasi:sockets/";

/// What a component is for, told by what it exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// Takes archives apart.
    Unpacker,
    /// Looks at packages.
    Analyzer,
    /// Folds findings into a verdict.
    Judge,
}

/// A compiled component, ready to run. Cheap to clone.
#[derive(Clone)]
pub struct Component {
    pub(crate) digest: Arc<str>,
    pub(crate) descriptor: Arc<Descriptor>,
    pub(crate) imports: Arc<[String]>,
    pub(crate) signer: Option<Arc<str>>,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) listener: Option<Listener>,
    pub(crate) pre: Pre,
}

/// A component that is compiled and was not yet asked what it is.
pub(crate) struct Compiled {
    pub digest: Arc<str>,
    pub imports: Arc<[String]>,
    pub pre: Pre,
    /// Its code, where it was compiled just now.
    pub made: Option<Vec<u8>>,
}

/// What may save compiling a component.
#[derive(Default)]
pub(crate) struct Source {
    /// Its digest, where it is known.
    pub digest: Option<&'static str>,
    /// Its code, where another process compiled it.
    pub code: Option<SharedCode>,
    /// What its code is sealed with for other processes, if it is compiled now.
    pub seal: Option<ShareKey>,
}

#[derive(Clone)]
pub(crate) enum Pre {
    Unpacker(UnpackerPre<State>),
    Analyzer(AnalyzerPre<State>),
    Judge(JudgePre<State>),
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component")
            .field("digest", &self.digest)
            .field("world", &self.world())
            .finish()
    }
}

/// Why a component was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Over the size limit.
    #[error(
        "the component has {0} bytes, more than the {MAX_COMPONENT} allowed: leave out debug information, or split it"
    )]
    TooLarge(usize),
    /// Native code can't be checked.
    #[error(
        "this is a precompiled component, which can't be checked: give the WebAssembly that it was made from"
    )]
    Precompiled,
    /// A core module.
    #[error(
        "this is a core WebAssembly module, not a component: build it for wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// Not WebAssembly.
    #[error("this is not a WebAssembly component")]
    NotWasm,
    /// Damaged, or in need of a proposal that is switched off.
    #[error("the component is not valid: {0}")]
    Invalid(String),
    /// An import that no analyzer may have.
    #[error(
        "the component imports `{0}`, which analyzers may not have: only wasi:cli, clocks, filesystem, io, random 0.2 and packguard:analyzer 1.0 are allowed"
    )]
    ForbiddenImport(String),
    /// Another version of the contract.
    #[error(
        "the component speaks packguard:analyzer@{0}, and this host {CONTRACT_VERSION}: build it with the SDK, or the wit/ folder, of a version that speaks {CONTRACT_VERSION}"
    )]
    Contract(String),
    /// Exports of no known world.
    #[error(
        "the component exports no world of packguard:analyzer@1.0.0 (`describe` and one of `unpack`, `analyze`, `judge`)"
    )]
    NoWorld,
    /// Compiling took too long.
    #[error("compiling the component took more than {0} s: make its largest functions smaller")]
    TooSlow(u64),
    /// `describe` did not answer.
    #[error("`describe` failed ({0:?}): {1}")]
    Describe(StepOutcome, String),
}

impl Component {
    /// Of code that said what it is.
    pub(crate) fn new(compiled: Compiled, descriptor: Descriptor) -> Self {
        Self {
            digest: compiled.digest,
            descriptor: Arc::new(descriptor),
            imports: compiled.imports,
            signer: None,
            configuration: Arc::default(),
            listener: None,
            pre: compiled.pre,
        }
    }

    /// Lower-case hex SHA-256 of the component's bytes.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What the component says of itself.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Its name, version and digest.
    pub(crate) fn id(&self) -> ComponentId {
        ComponentId {
            name: self.descriptor.name.clone(),
            version: self.descriptor.version.clone(),
            digest: self.digest().into(),
        }
    }

    /// Who hears what it logs, and whom they hear.
    pub(crate) fn heard(&self) -> Option<(Listener, ComponentId)> {
        let listener = self.listener.clone()?;
        Some((listener, self.id()))
    }

    /// The interfaces that it imports, sorted: all that it could ever use.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The same component, of which reports say that `signer` signed it. Whoever says so has
    /// verified it.
    #[must_use]
    pub fn signed_by(mut self, signer: &str) -> Self {
        self.signer = Some(signer.into());
        self
    }

    /// The same component, run with less than others, and with options of its own.
    #[must_use]
    pub fn configured(mut self, configuration: Configuration) -> Self {
        self.configuration = Arc::new(configuration);
        self
    }

    /// What it is for.
    pub fn world(&self) -> World {
        match self.pre {
            Pre::Unpacker(_) => World::Unpacker,
            Pre::Analyzer(_) => World::Analyzer,
            Pre::Judge(_) => World::Judge,
        }
    }
}

/// Checks what can be checked without compiling: size, and that it is a component.
///
/// # Errors
/// Why it would not be admitted.
pub fn inspect(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() > MAX_COMPONENT {
        return Err(LoadError::TooLarge(bytes.len()));
    }
    if let Some(Precompiled::Component | Precompiled::Module) = Engine::detect_precompiled(bytes) {
        return Err(LoadError::Precompiled);
    }
    // Preamble: magic, version, layer. https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
    match bytes {
        [0, b'a', b's', b'm', 0x0D, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadError::CoreModule),
        _ => Err(LoadError::NotWasm),
    }
}

/// Compiles a component, or takes it from the cache or from another process.
pub(crate) fn compile(
    engine: &Engine,
    linker: &Linker<State>,
    cache: Option<&CompileCache>,
    bytes: &[u8],
    source: &Source,
) -> Result<Compiled, LoadError> {
    inspect(bytes)?;
    let known = source.digest.map(str::to_owned);
    let digest = known.unwrap_or_else(|| hex::encode(Sha256::digest(bytes)));
    let invalid = |error: wasmtime::Error| LoadError::Invalid(format!("{error:#}"));
    let mut made = None;
    let component = match compiled_before(engine, cache, source, &digest) {
        Some(component) => component,
        None => {
            let code = engine.precompile_component(bytes).map_err(invalid)?;
            if let Some(cache) = cache {
                cache.write(engine, &digest, &code);
            }
            let component = deserialize(engine, &code).map_err(invalid)?;
            made = Some(code);
            component
        }
    };
    let imports = imports(engine, &component)?;
    let pre = linker.instantiate_pre(&component).map_err(invalid)?;
    Ok(Compiled {
        digest: digest.into(),
        imports,
        pre: world(engine, &component, pre)?,
        made,
    })
}

/// The component from the cache or, failing that, from another process; what came from there
/// is kept in the cache.
fn compiled_before(
    engine: &Engine,
    cache: Option<&CompileCache>,
    source: &Source,
    digest: &str,
) -> Option<wasmtime::component::Component> {
    let kept = cache.and_then(|cache| cache.read(engine, digest));
    if let Some(component) = kept.and_then(|code| map(engine, &code).ok()) {
        return Some(component);
    }
    let code = source.code.as_ref()?.of(digest)?;
    let component = deserialize(engine, code).ok()?;
    if let Some(cache) = cache {
        cache.write(engine, digest, code);
    }
    Some(component)
}

/// Maps code that the cache proved genuine.
#[expect(unsafe_code, reason = "loads native code; the cache vouches for it")]
fn map(engine: &Engine, code: &GenuineCode) -> wasmtime::Result<wasmtime::component::Component> {
    // SAFETY: by its MAC, this came out of `precompile_component` earlier, and nobody but
    // this user can change it.
    unsafe { wasmtime::component::Component::deserialize_file(engine, code.path()) }
}

/// Loads code that was just compiled, or that a MAC proved genuine.
#[expect(unsafe_code, reason = "loads native code; the caller vouches for it")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<wasmtime::component::Component> {
    // SAFETY: `code` came out of `precompile_component`, here or in a process that has the
    // deployment's key.
    unsafe { wasmtime::component::Component::deserialize(engine, code) }
}

/// What it imports, all of it allowed.
fn imports(
    engine: &Engine,
    component: &wasmtime::component::Component,
) -> Result<Arc<[String]>, LoadError> {
    let ty = component.component_type();
    let mut imports: Vec<String> = ty.imports(engine).map(|(name, _)| name.into()).collect();
    imports.sort_unstable();
    match imports.iter().find(|name| !may_import(name)) {
        Some(name) => Err(forbidden(name)),
        None => Ok(imports.into()),
    }
}

/// Whether a component may import the interface `name`.
pub(crate) fn may_import(name: &str) -> bool {
    ALLOWED_IMPORTS
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || name.starts_with(DENIED_BUT_LINKED)
}

/// Why a component that imports the interface `name` is not admitted.
pub(crate) fn forbidden(name: &str) -> LoadError {
    match examine::other_contract(name) {
        Some(version) => LoadError::Contract(version.into()),
        None => LoadError::ForbiddenImport(name.into()),
    }
}

fn world(
    engine: &Engine,
    component: &wasmtime::component::Component,
    pre: InstancePre<State>,
) -> Result<Pre, LoadError> {
    let ty = component.component_type();
    let exports = |name: &str| {
        ty.exports(engine).any(|(export, item)| {
            export == name && matches!(item.ty, ComponentItem::ComponentFunc(_))
        })
    };
    let mismatch = |error: wasmtime::Error| LoadError::Invalid(format!("{error:#}"));
    if exports("unpack") {
        UnpackerPre::new(pre).map(Pre::Unpacker).map_err(mismatch)
    } else if exports("analyze") {
        AnalyzerPre::new(pre).map(Pre::Analyzer).map_err(mismatch)
    } else if exports("judge") {
        JudgePre::new(pre).map(Pre::Judge).map_err(mismatch)
    } else {
        Err(LoadError::NoWorld)
    }
}
