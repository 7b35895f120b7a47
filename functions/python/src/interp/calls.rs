//! Calls: what they give back, and what the rules are told of them.

use std::rc::Rc;

use packguard_sdk::Phase;
use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::{Ranged as _, TextRange};

use super::Interpreter;
use super::builders::runs_what_it_is_given;
use super::notes::Callee;
use super::results::gives_socket;
use super::written::walked;
use crate::fold;
use crate::names::Role;
use crate::path::Path;
use crate::value::{Kind, Taint, Value};

/// Arguments of a call, evaluated.
#[derive(Default)]
pub(super) struct Given<'a> {
    pub args: Vec<Value<'a>>,
    pub keywords: Vec<(Rc<str>, Value<'a>)>,
    /// Which file the first argument names.
    pub key: Option<Rc<str>>,
}

impl<'a> Given<'a> {
    /// Positional arguments only.
    pub fn of(args: Vec<Value<'a>>) -> Self {
        Self {
            args,
            ..Self::default()
        }
    }

    pub fn taint(&self) -> Taint {
        let args = self.args.iter().map(|arg| arg.taint);
        let keywords = self.keywords.iter().map(|(_, value)| value.taint);
        args.chain(keywords)
            .fold(Taint::NONE, |all, taint| all | taint)
    }

    /// A positional argument that is a string.
    pub fn text(&self, at: usize) -> Option<&str> {
        self.args.get(at).and_then(Value::as_str)
    }
}

/// Labels that a value hands on to what is computed from it. Names of hosts and files
/// do not make a result a name.
pub(super) fn inherited(taint: Taint) -> Taint {
    taint.without(
        Taint::CREDENTIAL_PATH
            | Taint::SUSPECT_HOST
            | Taint::AUTOSTART_PATH
            | Taint::IP_LOOKUP
            | Taint::PARTIAL
            | Taint::BUILT
            | Taint::REFLECTED
            | Taint::DOWNLOADED_FILE,
    )
}

/// Calls whose result holds all of a mapping that they are given or made on. Others take
/// the environment to pick single variables from it.
const TAKES_ALL: &[&str] = &[
    "builtins.bytes",
    "builtins.dict",
    "builtins.list",
    "builtins.repr",
    "builtins.sorted",
    "builtins.str",
    "builtins.tuple",
    "copy.copy",
    "copy.deepcopy",
    "json.dumps",
    "os.environ.copy",
    "os.environ.items",
    "os.environ.values",
    "pickle.dumps",
    "pprint.pformat",
    "urllib.parse.urlencode",
    "yaml.dump",
];

/// What tells who calls.
const STACK: [&str; 6] = [
    "inspect.stack",
    "inspect.currentframe",
    "inspect.getouterframes",
    "sys._getframe",
    "traceback.extract_stack",
    "traceback.walk_stack",
];

/// What reads a file of the package.
const READERS: [&str; 4] = [
    "builtins.open().read",
    "importlib.resources.read_binary",
    "importlib.resources.read_text",
    "pkgutil.get_data",
];

impl<'a> Interpreter<'a, '_> {
    pub(super) fn call(&mut self, call: &'a ExprCall) -> Value<'a> {
        let callee = self.eval(&call.func);
        let names_file = callee.as_path().is_some_and(|path| {
            ["open", "urlretrieve", "download", "FileIO", "ZipFile"]
                .iter()
                .any(|name| path.ends_with(name))
        });
        let mut given = Given {
            args: Vec::with_capacity(call.arguments.args.len()),
            keywords: Vec::with_capacity(call.arguments.keywords.len()),
            key: None,
        };
        for argument in &call.arguments.args {
            let value = self.eval(argument);
            if names_file && given.args.is_empty() {
                given.key = self.file_key(argument, &value);
            }
            match argument {
                // `f(*[…])` gives each element.
                Expr::Starred(_) if value.as_list().is_some_and(|items| items.len() <= 1_000) => {
                    given
                        .args
                        .extend(value.as_list().unwrap_or_default().iter().cloned());
                }
                _ => given.args.push(value),
            }
        }
        for keyword in &call.arguments.keywords {
            let value = self.eval(&keyword.value);
            let name = keyword.arg.as_ref().map_or("", |name| name.as_str());
            let name = self.symbols.get(name);
            given
                .keywords
                .push((self.symbols.name(name).clone(), value));
        }
        self.fill_container(&call.func, &given);
        self.apply(&callee, &given, call.range())
    }

    /// `container.append(value)`: what goes in labels the container.
    fn fill_container(&mut self, function: &'a Expr, given: &Given<'a>) {
        let labels = inherited(given.taint());
        if labels == Taint::NONE {
            return;
        }
        if let Expr::Attribute(attribute) = function
            && let Expr::Name(name) = &*attribute.value
            && matches!(
                attribute.attr.as_str(),
                "append" | "extend" | "update" | "add" | "insert"
            )
        {
            let name = self.symbols.get(&name.id);
            let container = self.lookup_symbol(name);
            if !matches!(container.kind, Kind::Path(_)) {
                self.bind_in(self.scope, name, container.with(labels), true);
            }
        }
    }

    /// A call made by a decorator.
    pub(super) fn call_value(
        &mut self,
        callee: &Value<'a>,
        place: &Expr,
        args: Vec<Value<'a>>,
    ) -> Value<'a> {
        self.apply(callee, &Given::of(args), place.range())
    }

    pub(super) fn apply(
        &mut self,
        callee: &Value<'a>,
        given: &Given<'a>,
        range: TextRange,
    ) -> Value<'a> {
        let keywords = given.keywords.iter().map(|(_, value)| value);
        for value in given.args.iter().chain(keywords) {
            if let Kind::Function(index) = value.kind
                && runs_what_it_is_given(callee)
            {
                self.note_edge(index);
            }
        }
        self.call_later(callee, given, range);
        match &callee.kind {
            Kind::Path(path) => self.call_path(path, callee, given, range),
            Kind::Method(receiver, name) => self.call_method(receiver, name, given, range),
            Kind::Function(index) => self.call_function(*index, given),
            Kind::Class(index) => {
                if let Some(init) = self.method_of(*index, "__init__") {
                    let _none = self.call_function(init, given);
                }
                Value::of(Kind::Instance(*index))
            }
            Kind::Lambda(lambda) => self.call_lambda(lambda, &given.args, &given.keywords),
            _ => Value::tainted(inherited(callee.taint | given.taint())),
        }
    }

    fn call_path(
        &mut self,
        name: &Path,
        callee: &Value<'a>,
        given: &Given<'a>,
        range: TextRange,
    ) -> Value<'a> {
        let mut receiver = Value::tainted(callee.taint);
        receiver.set_key(callee.key().cloned());
        self.note_siblings(name, given);
        self.note(Callee::Path(name), callee.taint, &receiver, given, range);
        let path = name.canonical();
        if path.ends_with(".write") || path.ends_with(".writelines") {
            self.write_label(callee.key().cloned(), given);
            // An archive takes in the file that is named.
            if path.starts_with("zipfile.") && given.taint().has(Taint::CREDENTIAL_PATH) {
                self.write_to(callee.key().cloned(), Taint::CREDENTIAL);
            }
            return Value::unknown();
        }
        self.side_files(path, callee, given);
        if READERS.contains(&&**path)
            && let Some(value) = self.file_content(path, callee, given)
        {
            return value;
        }
        if name.is_library() {
            if let Some(value) = self.reflect(path, given) {
                return value;
            }
            if let Some(value) = self.builtin(path, given) {
                return value;
            }
        }
        let mut handed_on = inherited(callee.taint | given.taint());
        if path.starts_with("socket.") && path.contains(".get") {
            // Addresses and options are no connections.
            handed_on = handed_on.without(Taint::SOCKET | Taint::DOWNLOADED);
        }
        if &**path == "Crypto.Util.Padding.unpad" {
            return given.args.first().cloned().unwrap_or_default();
        }
        if name.role() == Some(Role::Decrypt)
            && let Some(value) = self.decipher(path, callee, given)
        {
            return value;
        }
        let mut result = self
            .paths
            .result(name)
            .map_or_else(Value::unknown, Value::path);
        if let Some(key) = Self::cipher_key(path, given) {
            result.set_key(Some(key.into()));
        }
        match name.role() {
            Some(role) => self.role_result(role, path, result, handed_on, given),
            None if gives_socket(path) => result.with(Taint::SOCKET | handed_on),
            None => {
                let on_environment = path.starts_with("os.environ.");
                let wholesale = (on_environment || given.args.iter().any(is_environment))
                    && TAKES_ALL.contains(&&**path);
                let environment = if wholesale {
                    Taint::ENVIRONMENT
                } else {
                    Taint::NONE
                };
                let walks = matches!(
                    &**path,
                    "os.walk" | "os.listdir" | "os.scandir" | "glob.glob" | "glob.iglob"
                );
                let files = match (walks, given.args.first()) {
                    (true, Some(top)) => walked(top),
                    _ => Taint::NONE,
                };
                let kept = path.starts_with("browser_cookie3.")
                    || path.starts_with("browsercookie.")
                    || &**path == "win32crypt.CryptUnprotectData";
                let files = match kept {
                    true => files | Taint::CREDENTIAL,
                    false => files,
                };
                let cipher = match path.rsplit('.').next() {
                    Some("encrypt") => Taint::ENCRYPTED,
                    Some("decrypt") => Taint::DECRYPTED,
                    _ => Taint::NONE,
                };
                let frames = match STACK.contains(&&**path) {
                    true => Taint::FRAME,
                    false => Taint::NONE,
                };
                result.with(handed_on | environment | files | cipher | frames)
            }
        }
    }

    fn call_method(
        &mut self,
        receiver: &Rc<Value<'a>>,
        name: &Rc<str>,
        given: &Given<'a>,
        range: TextRange,
    ) -> Value<'a> {
        if let Some(value) = self.call_made(receiver, name, given, range) {
            return value;
        }
        self.note(Callee::Method(name), Taint::NONE, receiver, given, range);
        if matches!(
            &**name,
            "write" | "write_bytes" | "write_text" | "writelines"
        ) {
            let key = receiver
                .key()
                .cloned()
                .or_else(|| receiver.as_str().map(Rc::from));
            self.write_label(key, given);
            return Value::unknown();
        }
        if let Some(value) = fold::method(
            receiver,
            name,
            &given.args,
            &given.keywords,
            &mut self.budget,
        ) {
            return self.relabel(value);
        }
        let decoding = &**name == "decode" || &**name == "encode";
        if decoding && let Some(encoding) = given.text(0).and_then(fold::codec) {
            return fold::decode(encoding, receiver, &mut self.budget);
        }
        match &**name {
            "read_text" | "read_bytes" | "open" if receiver.taint.has(Taint::CREDENTIAL_PATH) => {
                Value::tainted(Taint::CREDENTIAL)
            }
            "read_text" | "read_bytes" if receiver.as_str().is_some() => self
                .file_content(&format!("?.{name}"), receiver, given)
                .unwrap_or_default(),
            "append" | "extend" | "update" | "add" | "insert" => Value::unknown(),
            "expanduser" | "absolute" | "resolve" | "joinpath" | "with_name"
                if receiver.as_str().is_some() =>
            {
                let mut parts = vec![(**receiver).clone()];
                parts.extend(given.args.iter().cloned());
                self.join_path(&parts)
            }
            // Servers that run what they are sent are started by somebody.
            "recv" | "recvfrom" | "readline"
                if receiver.taint.has(Taint::SOCKET) && self.phase() != Phase::Execute =>
            {
                Value::tainted(Taint::SOCKET | Taint::DOWNLOADED)
            }
            "encrypt" => {
                Value::tainted(inherited(receiver.taint | given.taint()) | Taint::ENCRYPTED)
            }
            "to_bytes" | "decompress" if given.taint().has(Taint::HIDDEN) => {
                Value::tainted(inherited(receiver.taint | given.taint()) | Taint::DECODED)
            }
            "decrypt" => {
                Value::tainted(inherited(receiver.taint | given.taint()) | Taint::DECRYPTED)
            }
            _ => Value::tainted(inherited(receiver.taint | given.taint())),
        }
    }

    pub(super) fn join_path(&mut self, parts: &[Value<'a>]) -> Value<'a> {
        let slash = Value::text("/");
        let mut pieces: Vec<&Value<'a>> = Vec::new();
        for part in parts {
            if !pieces.is_empty() {
                pieces.push(&slash);
            }
            pieces.push(part);
        }
        let value = fold::concat(pieces, &mut self.budget).with(Taint::BUILT);
        self.relabel(value)
    }
}

/// `os.environ` itself, or all of it.
pub(super) fn is_environment(value: &Value<'_>) -> bool {
    value.taint.has(Taint::ENVIRONMENT) || value.is_environment()
}

/// What iterating over a value gives: over `os.environ`, all of it.
pub(super) fn iterated(value: Value<'_>) -> Value<'_> {
    if value.is_environment() {
        value.with(Taint::ENVIRONMENT)
    } else {
        value
    }
}
