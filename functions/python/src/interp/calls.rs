//! Calls: what they give back, and what the rules are told of them.

use std::rc::Rc;

use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::{Ranged as _, TextRange};

use super::labels::variable;
use super::{Interpreter, bytes_of};
use crate::facts::Call;
use crate::fold;
use crate::names::{self, Role};
use crate::value::{Kind, Taint, Value};

/// Arguments of a call, evaluated.
#[derive(Default)]
pub(super) struct Given<'a> {
    pub args: Vec<Value<'a>>,
    pub keywords: Vec<(Rc<str>, Value<'a>)>,
    /// Which file the first argument names.
    key: Option<Rc<str>>,
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

    fn text(&self, at: usize) -> Option<&str> {
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

impl<'a> Interpreter<'a, '_> {
    pub(super) fn call(&mut self, call: &'a ExprCall) -> Value<'a> {
        let callee = self.eval(&call.func);
        let names_file = callee.as_path().is_some_and(|path| {
            ["open", "urlretrieve", "download", "FileIO"]
                .iter()
                .any(|name| path.ends_with(name))
        });
        let mut given = Given::default();
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
            given.keywords.push((name.into(), value));
        }
        // A function handed over is taken to be called: threads, callbacks, hooks.
        for value in given
            .args
            .iter()
            .chain(given.keywords.iter().map(|(_, value)| value))
        {
            if let Kind::Function(index) = value.kind {
                self.note_edge(index);
            }
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
            let container = self.lookup(&name.id);
            if !matches!(container.kind, Kind::Path(_)) {
                self.bind_in(
                    self.scope,
                    name.id.as_str().into(),
                    container.with(labels),
                    true,
                );
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
        match &callee.kind {
            Kind::Path(path) => {
                let path: Rc<str> = names::canonical(path).into();
                self.call_path(&path, callee, given, range)
            }
            Kind::Method(receiver, name) => {
                let receiver = receiver.clone();
                self.call_method(&receiver, name, given, range)
            }
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

    fn note(
        &mut self,
        callee: &str,
        reached: &Value<'a>,
        receiver: Value<'a>,
        given: &Given<'a>,
        range: TextRange,
    ) {
        let role = names::role(callee);
        let worth = role.is_some()
            || (given.taint() | receiver.taint | reached.taint) != Taint::NONE
            || callee.starts_with("socket.")
            || callee.starts_with("subprocess.");
        let runs = matches!(
            role,
            Some(Role::Exec | Role::Compile | Role::Shell | Role::Spawn)
        );
        if runs && given.taint().has(Taint::OVERSIZE) {
            self.oversize = true;
        }
        if worth && self.is_noting() {
            self.facts.calls.push(Call {
                callee: callee.into(),
                role,
                callee_taint: reached.taint,
                receiver,
                args: given.args.clone(),
                keywords: given.keywords.clone(),
                range: bytes_of(range),
                phase: self.phase(),
            });
        }
    }

    fn call_path(
        &mut self,
        path: &Rc<str>,
        callee: &Value<'a>,
        given: &Given<'a>,
        range: TextRange,
    ) -> Value<'a> {
        let mut receiver = Value::tainted(callee.taint);
        receiver.key.clone_from(&callee.key);
        self.note(path, callee, receiver, given, range);
        if path.ends_with(".write") || path.ends_with(".writelines") {
            self.write_label(callee.key.clone(), given);
            return Value::unknown();
        }
        if let Some(value) = self.reflect(path, given) {
            return value;
        }
        if let Some(value) = self.builtin(path, given) {
            return value;
        }
        let handed_on = inherited(callee.taint | given.taint());
        let result = if path.len() < 140 {
            Value::path(format!("{path}()"))
        } else {
            Value::unknown()
        };
        match names::role(path) {
            Some(role) => self.role_result(role, path, result, handed_on, given),
            None if path.starts_with("socket.") => result.with(Taint::SOCKET | handed_on),
            None => {
                // `json.dumps(os.environ)`, `dict(os.environ)`, `os.environ.copy()`.
                let wholesale = matches!(
                    &**path,
                    "os.environ.copy" | "os.environ.items" | "os.environ.values"
                ) || given.args.iter().any(is_environment);
                let environment = if wholesale {
                    Taint::ENVIRONMENT
                } else {
                    Taint::NONE
                };
                result.with(handed_on | environment)
            }
        }
    }

    fn role_result(
        &mut self,
        role: Role,
        path: &str,
        result: Value<'a>,
        handed_on: Taint,
        given: &Given<'a>,
    ) -> Value<'a> {
        match role {
            Role::Decode(encoding) => self.decode_call(encoding, given),
            Role::Decrypt => Value::tainted(handed_on | Taint::DECRYPTED),
            Role::Marshal => unmarshalled(handed_on, given),
            Role::Fetch if path.starts_with("socket.") => {
                result.with(Taint::DOWNLOADED | Taint::SOCKET)
            }
            Role::Fetch | Role::Send => {
                let fact = if given.taint().has(Taint::IP_LOOKUP) {
                    Taint::HOST_FACT
                } else {
                    Taint::NONE
                };
                result.with(Taint::DOWNLOADED | fact)
            }
            Role::FetchToFile => {
                let target = given.args.get(1).and_then(Value::as_str).map(Rc::from);
                let only = given.key.clone().filter(|_| given.args.len() < 2);
                self.write_to(target.or(only), Taint::DOWNLOADED_FILE);
                Value::tainted(Taint::DOWNLOADED_FILE)
            }
            Role::HostFact => result.with(Taint::HOST_FACT),
            Role::ReadClipboard => Value::tainted(Taint::CLIPBOARD),
            Role::Screen => result.with(Taint::SCREEN),
            Role::GetVariable => given.text(0).map(variable).unwrap_or_default(),
            Role::Open => open(result, given),
            Role::Compile => given.args.first().cloned().unwrap_or_default(),
            _ if path.starts_with("socket.") => result.with(Taint::SOCKET | handed_on),
            _ => result.with(handed_on),
        }
    }

    /// Records what is written to a file.
    fn write_to(&mut self, key: Option<Rc<str>>, taint: Taint) {
        if let Some(key) = key
            && taint != Taint::NONE
            && self.written.len() < 10_000
        {
            *self.written.entry(key).or_default() |= taint;
        }
    }

    fn decode_call(&mut self, encoding: &'static str, given: &Given<'a>) -> Value<'a> {
        let input = given.args.first().cloned().unwrap_or_default();
        if encoding != "codecs" {
            return fold::decode(encoding, &input, &mut self.budget);
        }
        match given.text(1).and_then(fold::codec) {
            Some(encoding) => fold::decode(encoding, &input, &mut self.budget),
            None => input,
        }
    }

    fn call_method(
        &mut self,
        receiver: &Rc<Value<'a>>,
        name: &Rc<str>,
        given: &Given<'a>,
        range: TextRange,
    ) -> Value<'a> {
        let callee = format!("?.{name}");
        self.note(
            &callee,
            &Value::unknown(),
            (**receiver).clone(),
            given,
            range,
        );
        if matches!(
            &**name,
            "write" | "write_bytes" | "write_text" | "writelines"
        ) {
            let key = receiver
                .key
                .clone()
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
            "append" | "extend" | "update" | "add" | "insert" => Value::unknown(),
            "expanduser" | "absolute" | "resolve" | "joinpath" if receiver.as_str().is_some() => {
                let mut parts = vec![(**receiver).clone()];
                parts.extend(given.args.iter().cloned());
                self.join_path(&parts)
            }
            "decrypt" => {
                Value::tainted(inherited(receiver.taint | given.taint()) | Taint::DECRYPTED)
            }
            _ => Value::tainted(inherited(receiver.taint | given.taint())),
        }
    }

    fn write_label(&mut self, key: Option<Rc<str>>, given: &Given<'a>) {
        if given.taint().has(Taint::DOWNLOADED) {
            self.write_to(key, Taint::DOWNLOADED_FILE);
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
        let value = fold::concat(&pieces, &mut self.budget).with(Taint::BUILT);
        self.relabel(value)
    }
}

/// `os.environ` itself.
pub(super) fn is_environment(value: &Value<'_>) -> bool {
    value
        .as_path()
        .is_some_and(|path| matches!(&*names::canonical(path), "os.environ" | "os.environb"))
        || value.taint.has(Taint::ENVIRONMENT)
}

/// What `marshal.loads` gives. Loaders unmarshal files they compiled: only code that
/// came hidden, or stands there as a literal, is odd.
fn unmarshalled<'a>(handed_on: Taint, given: &Given<'a>) -> Value<'a> {
    let odd = given.args.first().is_some_and(|arg| {
        arg.as_bytes().is_some() || arg.taint.has(Taint::HIDDEN | Taint::DOWNLOADED)
    });
    let label = if odd { Taint::MARSHALLED } else { Taint::NONE };
    let mut code = Value::tainted(handed_on | label);
    code.layers = given.args.first().and_then(|arg| arg.layers.clone());
    code
}

/// An open file: what it gives when it is read, and which file it is.
fn open<'a>(file: Value<'a>, given: &Given<'a>) -> Value<'a> {
    let path = given.args.first().map_or(Taint::NONE, |path| path.taint);
    let by_name = given.keywords.iter().find(|(name, _)| &**name == "mode");
    let mode = given.args.get(1).or(by_name.map(|(_, value)| value));
    let writes = mode
        .and_then(Value::as_str)
        .is_some_and(|mode| mode.contains(['w', 'a', 'x']));
    let mut taint = Taint::NONE;
    if path.has(Taint::CREDENTIAL_PATH) && !writes {
        taint |= Taint::CREDENTIAL;
    }
    if path.has(Taint::DOWNLOADED_FILE) && !writes {
        taint |= Taint::DOWNLOADED;
    }
    let mut file = file.with(taint);
    file.key.clone_from(&given.key);
    file
}
