//! Dotted names, `os.path.join`, each with what is known of it. A file's names are made
//! once: a step from one to the next is a look into a table.

use std::ops::Deref;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::names::{self, Role};
use crate::symbols::{Symbol, Symbols};

/// Longest dotted name that is followed: `a.b().c().d` …
const PATH_LIMIT: usize = 160;

/// Longest name whose call's result has a name.
const CALLED_LIMIT: usize = 140;

/// Names kept for one file. Others are made anew each time.
const KEPT_LIMIT: usize = 20_000;

/// What the names start with of all functions in `interp::library`.
const LIBRARY: [&str; 10] = [
    "builtins.",
    "functools.",
    "importlib.",
    "io.",
    "itertools.",
    "operator.",
    "os.fspath",
    "os.path.",
    "pathlib.",
    "textwrap.",
];

/// A dotted name; `()` stands for a call's result: `socket.socket().connect`.
#[derive(Debug, Clone)]
pub struct Path(Rc<Dotted>);

#[derive(Debug)]
struct Dotted {
    text: Rc<str>,
    /// The name's one spelling, where it is another.
    canonical: Option<Rc<str>>,
    role: Option<Role>,
    is_library: bool,
    /// Number in the file's table, where it is kept.
    number: Option<u32>,
}

impl Path {
    fn new(text: Rc<str>, number: Option<u32>) -> Self {
        let canonical = match names::canonical(&text) {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(other) => Some(Rc::from(other)),
        };
        let spelled = canonical.as_ref().unwrap_or(&text);
        let role = names::role(spelled);
        let is_library = LIBRARY.iter().any(|module| spelled.starts_with(module));
        Self(Rc::new(Dotted {
            text,
            canonical,
            role,
            is_library,
            number,
        }))
    }

    /// The one spelling of the name.
    pub fn canonical(&self) -> &Rc<str> {
        self.0.canonical.as_ref().unwrap_or(&self.0.text)
    }

    /// What calling it does.
    pub fn role(&self) -> Option<Role> {
        self.0.role
    }

    /// Whether it may name a function whose results are known for constants.
    pub fn is_library(&self) -> bool {
        self.0.is_library
    }
}

impl Deref for Path {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0.text
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0) || self.0.text == other.0.text
    }
}

/// How a name is reached from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// It is the whole name.
    Whole(Symbol),
    /// An attribute of the name of that number.
    Attribute(u32, Symbol),
    /// The result of calling the name of that number.
    Result(u32),
}

/// The dotted names of a file.
#[derive(Debug, Default)]
pub struct Paths {
    kept: FxHashMap<Step, Path>,
}

impl Paths {
    /// A name by itself.
    pub fn whole(&mut self, text: &str, symbols: &mut Symbols) -> Path {
        let symbol = symbols.get(text);
        self.kept(Some(Step::Whole(symbol)), || symbols.name(symbol).clone())
    }

    /// `path.name`, if the result is not too long to matter.
    pub fn attribute(&mut self, path: &Path, name: Symbol, symbols: &Symbols) -> Option<Path> {
        let step = path.0.number.map(|number| Step::Attribute(number, name));
        let text = symbols.name(name);
        (path.len() + text.len() <= PATH_LIMIT)
            .then(|| self.kept(step, || format!("{}.{text}", &**path).into()))
    }

    /// What calling a name gives, if the result is not too long to matter.
    pub fn result(&mut self, path: &Path) -> Option<Path> {
        let called = path.canonical();
        let step = path.0.number.map(Step::Result);
        (called.len() < CALLED_LIMIT).then(|| self.kept(step, || format!("{called}()").into()))
    }

    fn kept(&mut self, step: Option<Step>, text: impl FnOnce() -> Rc<str>) -> Path {
        if let Some(path) = step.and_then(|step| self.kept.get(&step)) {
            return path.clone();
        }
        let number = step
            .filter(|_| self.kept.len() < KEPT_LIMIT)
            .and_then(|_| u32::try_from(self.kept.len()).ok());
        let path = Path::new(text(), number);
        if let (Some(step), Some(_)) = (step, number) {
            self.kept.insert(step, path.clone());
        }
        path
    }
}
