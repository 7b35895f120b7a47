//! An abstract interpreter: it walks a file twice and notes what its calls are given.
//!
//! The first walk learns: what functions return, what they are called with, and which
//! run when the module is loaded. The second walk notes [`Facts`]. Values are joined
//! at branches by keeping all labels, so dead code can't wash a label off.

mod attributes;
mod builders;
mod calls;
mod ciphers;
mod commands;
mod expressions;
mod follow;
mod imports;
mod labels;
mod library;
mod modules;
mod notes;
mod numbers;
mod results;
mod scope;
mod statements;
mod unit;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use packguard_sdk::Phase;
use ruff_python_ast::{Stmt, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use crate::facts::{Facts, Text};
use crate::fold::Budget;
use crate::path::{Path, Paths};
use crate::symbols::{Symbol, Symbols};
use crate::value::{Kind, Taint, Value};
use modules::Content;
pub use modules::Module;
use scope::Scope;
pub use unit::{Outcome, Surroundings, Unit};

/// Evaluations beyond one per node and walk: for calls, loops and comprehensions over
/// constants, which are followed element by element. A decoder of a 400 KB payload by
/// character codes needs about ten per character.
const EXTRA_STEPS: usize = 4_000_000;

/// How deep evaluation goes: a file's own nesting plus the nesting of what is followed
/// from it. Each level takes about 2 KB of stack.
const DEPTH_LIMIT: usize = 260;

/// How deep calls of a file's own functions are followed while folding.
const INLINE_DEPTH: usize = 4;

/// Calls noted in one file.
const CALLS_PER_FILE: usize = 50_000;

/// A function of the file.
#[derive(Debug)]
struct Function<'a> {
    definition: &'a StmtFunctionDef,
    /// Scope that it is defined in.
    parent: usize,
    /// Its own scope.
    scope: usize,
    /// Class that it is a method of.
    class: Option<usize>,
    /// Whether its body is to be walked, or was, in this walk.
    queued: bool,
    /// Whether it was put in the place of a function that sees secrets.
    intercepts: bool,
    /// Returned values, joined.
    returned: Option<Value<'a>>,
    /// Its parameters that take one value each, in order.
    parameters: Vec<Parameter<'a>>,
}

/// A parameter of a function.
#[derive(Debug)]
struct Parameter<'a> {
    name: Symbol,
    /// What it is where it is not given.
    default: Option<Value<'a>>,
    /// What it is given at the calls seen, joined.
    given: Option<Value<'a>>,
}

/// A class of the file.
#[derive(Debug, Default)]
struct Class {
    /// Scope of its body, where its methods and `self.…` live.
    scope: usize,
    /// Dotted name of an instance of its first base.
    base: Option<Path>,
}

/// Who makes a call, for finding out which functions run by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Caller {
    /// The module's top level.
    Module,
    /// Below `if __name__ == "__main__"`.
    MainGuard,
    /// A function, by index.
    Function(usize),
}

/// The interpreter's state for one file.
pub struct Interpreter<'a, 's> {
    source: &'s str,
    unit: Unit,
    /// Whether the text names what runs code.
    runs_code: bool,
    /// Whether it uses a library for chat bots.
    is_bot: std::cell::OnceCell<bool>,
    functions: Vec<Function<'a>>,
    function_at: BTreeMap<u32, usize>,
    classes: Vec<Class>,
    class_at: BTreeMap<u32, usize>,
    scopes: Vec<Scope<'a>>,
    symbols: Symbols,
    paths: Paths,
    /// What names that the file doesn't bind stand for, and how many star imports were
    /// known then.
    unbound: FxHashMap<Symbol, (usize, Option<Path>)>,
    /// String constants met, by position.
    literals: FxHashMap<u32, (Rc<str>, Taint)>,
    /// A value of which nothing is known, to share.
    blank: Rc<Value<'a>>,
    /// Functions waiting for their bodies to be walked.
    pending: Vec<usize>,
    edges: BTreeSet<(Caller, usize)>,
    /// Functions that run when the module is loaded; known after the first walk.
    self_running: BTreeSet<usize>,
    /// Labels of what was written to which file.
    written: BTreeMap<Rc<str>, Taint>,
    /// Folders that downloaded archives were unpacked into.
    unpacked: Vec<Rc<str>>,
    stars: Vec<Rc<str>>,
    budget: Budget,
    extra: usize,
    inline_depth: usize,
    /// Above zero while following something once more: each step is charged.
    charged: usize,
    /// How often the loops that are being followed go round, multiplied.
    rounds: usize,
    depth: usize,
    /// Above zero while evaluating something again: nothing is noted.
    quiet: usize,
    noting: bool,
    caller: Caller,
    scope: usize,
    /// Above zero inside a branch: assignments join.
    branch: usize,
    facts: Facts<'a>,
    /// The modules that are walked as one, each with its scope; the last one is the file.
    modules: Vec<(Module, usize)>,
    /// Contents of the package's files.
    content: Option<&'s Content<'s>>,
    /// First parts of names that the package's own modules have.
    tops: &'s BTreeSet<String>,
    /// What the file calls of other modules of the package by itself.
    siblings: BTreeSet<Rc<str>>,
    /// Whether what a file of the package contains is run.
    runs_file: bool,
    /// Whether a value too large to fold reached code that runs it.
    oversize: bool,
    /// Whether something was too deeply nested to follow.
    too_deep: bool,
    /// Whether there were more calls than are noted.
    too_many: bool,
}

impl<'a, 's> Interpreter<'a, 's> {
    /// Walks a module.
    pub fn run(
        source: &'s str,
        unit: Unit,
        body: &'a [Stmt],
        surroundings: &Surroundings<'s>,
    ) -> Outcome<'a> {
        let mut this = Self {
            source,
            unit,
            runs_code: ["exec", "eval(", "__builtins__", "builtins"]
                .iter()
                .any(|word| memchr::memmem::find(source.as_bytes(), word.as_bytes()).is_some()),
            is_bot: std::cell::OnceCell::new(),
            functions: Vec::new(),
            function_at: BTreeMap::new(),
            classes: Vec::new(),
            class_at: BTreeMap::new(),
            scopes: vec![Scope::default()],
            symbols: Symbols::default(),
            paths: Paths::default(),
            unbound: FxHashMap::default(),
            literals: FxHashMap::default(),
            blank: Rc::default(),
            pending: Vec::new(),
            edges: BTreeSet::new(),
            self_running: BTreeSet::new(),
            written: BTreeMap::new(),
            unpacked: Vec::new(),
            stars: Vec::new(),
            budget: Budget::default(),
            extra: EXTRA_STEPS,
            inline_depth: 0,
            charged: 0,
            rounds: 1,
            depth: 0,
            quiet: 0,
            noting: false,
            caller: Caller::Module,
            scope: 0,
            branch: 0,
            facts: Facts::default(),
            modules: Vec::new(),
            content: surroundings.content,
            tops: surroundings.tops,
            siblings: BTreeSet::new(),
            runs_file: false,
            oversize: false,
            too_deep: false,
            too_many: false,
        };
        this.add_modules(surroundings.modules);
        this.walk(body);
        this.find_self_running();
        this.noting = true;
        this.walk(body);
        let problem = if this.too_deep {
            Some("nested too deeply to follow its calls")
        } else if this.too_many {
            Some("more calls worth a look than are noted for one file")
        } else {
            this.oversize
                .then_some("runs a text that is too large to put together here")
        };
        Outcome {
            facts: this.facts,
            problem,
            siblings: this.siblings,
            runs_file: this.runs_file,
        }
    }

    fn walk(&mut self, body: &'a [Stmt]) {
        self.caller = Caller::Module;
        self.scope = 0;
        self.pending.clear();
        for function in &mut self.functions {
            function.queued = false;
        }
        if self.modules.is_empty() {
            self.body(body, true);
        } else {
            self.module_bodies(body);
        }
        let mut next = 0;
        while let Some(index) = self.pending.get(next).copied() {
            next += 1;
            self.function_body(index);
        }
    }

    fn function_body(&mut self, index: usize) {
        let Some(function) = self.functions.get(index) else {
            return;
        };
        let definition = function.definition;
        let scope = function.scope;
        let parameters = &definition.parameters;
        for variadic in [&parameters.vararg, &parameters.kwarg]
            .into_iter()
            .flatten()
        {
            let name = self.symbols.get(variadic.name.as_str());
            self.scopes[scope].set(name, Value::unknown());
        }
        let is_handler = labels::is_handler(definition);
        for parameter in &function.parameters {
            let value = parameter.given.clone().unwrap_or_default();
            let label = labels::parameter(self.symbols.name(parameter.name), || {
                *self.is_bot.get_or_init(|| labels::is_bot(self.source))
            });
            let label = match is_handler && labels::is_bot(self.source) {
                true => label | Taint::COMMANDED,
                false => label,
            };
            let label = match function.intercepts {
                true => label | Taint::SECRET,
                false => label,
            };
            self.scopes[scope].set(parameter.name, value.with(label));
        }
        if let (Some(class), Some(first)) = (function.class, function.parameters.first()) {
            let instance = Value::of(Kind::Instance(class));
            self.scopes[scope].set(first.name, instance);
        }
        self.caller = Caller::Function(index);
        self.scope = scope;
        self.body(&definition.body, true);
        self.caller = Caller::Module;
        self.scope = 0;
    }

    /// Follows calls from the top level, and from the methods that installers call.
    fn find_self_running(&mut self) {
        let hooks = [
            "run",
            "finalize_options",
            "initialize_options",
            "build_extension",
            "build_extensions",
            "install_for_development",
            "do_egg_install",
            "get_outputs",
            "__init__",
            "__new__",
            "__call__",
            "__getattr__",
        ];
        let mut found: BTreeSet<usize> = self
            .functions
            .iter()
            .enumerate()
            .filter(|(_, function)| {
                let name = function.definition.name.as_str();
                let command = self.unit.setup && function.class.is_some() && hooks.contains(&name);
                command || labels::is_build_hook(self.source, name, function.class.is_some())
            })
            .map(|(index, _)| index)
            .collect();
        let roots = self.edges.iter().filter(|(caller, _)| match caller {
            Caller::Module => true,
            Caller::MainGuard => self.unit.setup,
            Caller::Function(_) => false,
        });
        found.extend(roots.map(|(_, callee)| *callee));
        let mut queue: Vec<usize> = found.iter().copied().collect();
        while let Some(index) = queue.pop() {
            let from = Caller::Function(index);
            for (_, callee) in self.edges.range((from, 0)..=(from, usize::MAX)) {
                if found.insert(*callee) {
                    queue.push(*callee);
                }
            }
        }
        self.self_running = found;
    }

    /// When the code being walked runs.
    fn phase(&self) -> Phase {
        match self.caller {
            Caller::Module => self.unit.phase,
            Caller::MainGuard if self.unit.setup => self.unit.phase,
            Caller::Function(index) if self.self_running.contains(&index) => self.unit.phase,
            Caller::MainGuard | Caller::Function(_) => Phase::Execute,
        }
    }

    fn is_noting(&self) -> bool {
        self.noting && self.quiet == 0
    }

    fn note_text(&mut self, text: &str, range: TextRange) {
        if self.is_noting() {
            self.facts.texts.push(Text {
                text: text.into(),
                range: bytes_of(range),
                phase: self.phase(),
            });
        }
    }

    /// How many elements of a constant a loop or comprehension is followed over: all where
    /// it works on characters, few elsewhere, so that tables and tests cost little.
    fn follow_limit(&self, repeated: &impl Ranged) -> usize {
        let text = self
            .source
            .get(bytes_of(repeated.range()))
            .unwrap_or_default();
        if text.len() < 2_000 && works_on_characters(text) {
            usize::MAX
        } else {
            let limit = if self.runs_code { 512 } else { 64 };
            limit / self.rounds
        }
    }
}

/// Whether code names what turns numbers into text or back.
fn works_on_characters(code: &str) -> bool {
    let inside = ["^", "decode", "hex", "_bytes"];
    let words = ["chr", "ord", "int(", "bytes(", "bytearray("];
    let starts_word =
        |at: usize| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    inside.iter().any(|sign| code.contains(sign))
        || words.iter().any(|word| {
            memchr::memmem::find_iter(code.as_bytes(), word.as_bytes()).any(starts_word)
        })
}

/// A range as byte offsets.
pub fn bytes_of(range: TextRange) -> Range<usize> {
    range.start().to_usize()..range.end().to_usize()
}
