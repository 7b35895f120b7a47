//! Calls: what they give back, and what the rules are told of them.

use std::collections::BTreeMap;
use std::rc::Rc;

use ruff_python_ast::{Expr, ExprCall, ExprLambda};
use ruff_text_size::{Ranged as _, TextRange};

use super::expressions::{path_attribute, variable};
use super::{Caller, INLINE_DEPTH, Interpreter, bytes_of};
use crate::facts::Call;
use crate::fold;
use crate::names::{self, Role};
use crate::value::{Kind, Taint, Value};

/// Arguments of a call, evaluated.
struct Given<'a> {
    args: Vec<Value<'a>>,
    keywords: Vec<(Rc<str>, Value<'a>)>,
    /// Which file the first argument names.
    key: Option<Rc<str>>,
}

impl<'a> Given<'a> {
    fn taint(&self) -> Taint {
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
const NOT_INHERITED: fn(Taint) -> Taint = |taint| {
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
};

impl<'a> Interpreter<'a, '_> {
    pub(super) fn call(&mut self, call: &'a ExprCall) -> Value<'a> {
        let callee = self.eval(&call.func);
        let mut given = Given {
            args: Vec::with_capacity(call.arguments.args.len()),
            keywords: Vec::new(),
            key: None,
        };
        for argument in &call.arguments.args {
            let value = self.eval(argument);
            if given.args.is_empty() {
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
        self.apply(&callee, given, call.range())
    }

    /// A call made by a decorator.
    pub(super) fn call_value(
        &mut self,
        callee: &Value<'a>,
        place: &Expr,
        args: Vec<Value<'a>>,
    ) -> Value<'a> {
        let given = Given {
            args,
            keywords: Vec::new(),
            key: None,
        };
        self.apply(callee, given, place.range())
    }

    fn apply(&mut self, callee: &Value<'a>, given: Given<'a>, range: TextRange) -> Value<'a> {
        match &callee.kind {
            Kind::Path(path) => {
                let path: Rc<str> = names::canonical(path).into();
                self.call_path(&path, callee, given, range)
            }
            Kind::Method(receiver, name) => {
                let receiver = receiver.clone();
                self.call_method(&receiver, name, given, range)
            }
            Kind::Function(index) => self.call_function(*index, &given),
            Kind::Class(index) => {
                if let Some(init) = self.method_of(*index, "__init__") {
                    let _none = self.call_function(init, &given);
                }
                Value::of(Kind::Instance(*index))
            }
            Kind::Lambda(lambda) => self.call_lambda(lambda, &given.args, &given.keywords),
            _ => Value::tainted(NOT_INHERITED(callee.taint | given.taint())),
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
        given: Given<'a>,
        range: TextRange,
    ) -> Value<'a> {
        let mut receiver = Value::tainted(callee.taint);
        receiver.key.clone_from(&callee.key);
        self.note(path, callee, receiver, &given, range);
        if path.ends_with(".write") || path.ends_with(".writelines") {
            self.write_label(callee.key.clone(), &given);
            return Value::unknown();
        }
        if let Some(value) = self.reflect(path, &given) {
            return value;
        }
        if let Some(value) = self.builtin(path, &given) {
            return value;
        }
        let inherited = NOT_INHERITED(callee.taint | given.taint());
        let result = if path.len() < 140 {
            Value::path(format!("{path}()"))
        } else {
            Value::unknown()
        };
        match names::role(path) {
            Some(Role::Decode(encoding)) => self.decode_call(encoding, &given),
            Some(Role::Decrypt) => Value::tainted(inherited | Taint::DECRYPTED),
            Some(Role::Marshal) => {
                // Loaders unmarshal files they compiled; only code that came hidden or
                // as a literal is odd.
                let odd = given.args.first().is_some_and(|arg| {
                    arg.as_bytes().is_some() || arg.taint.has(Taint::HIDDEN | Taint::DOWNLOADED)
                });
                let label = if odd { Taint::MARSHALLED } else { Taint::NONE };
                let mut code = Value::tainted(inherited | label);
                code.layers = given.args.first().and_then(|arg| arg.layers.clone());
                code
            }
            Some(Role::Fetch) if path.starts_with("socket.") => {
                result.with(Taint::DOWNLOADED | Taint::SOCKET)
            }
            Some(Role::Fetch | Role::Send) => {
                let fact = if given.taint().has(Taint::IP_LOOKUP) {
                    Taint::HOST_FACT
                } else {
                    Taint::NONE
                };
                result.with(Taint::DOWNLOADED | fact)
            }
            Some(Role::FetchToFile) => {
                let target = given.args.get(1).and_then(Value::as_str).map(Rc::from);
                self.write_to(
                    target.or(given.key.clone().filter(|_| given.args.len() < 2)),
                    Taint::DOWNLOADED_FILE,
                );
                Value::tainted(Taint::DOWNLOADED_FILE)
            }
            Some(Role::HostFact) => result.with(Taint::HOST_FACT),
            Some(Role::ReadClipboard) => Value::tainted(Taint::CLIPBOARD),
            Some(Role::Screen) => result.with(Taint::SCREEN),
            Some(Role::GetVariable) => given.text(0).map(variable).unwrap_or_default(),
            Some(Role::Open) => self.open(result, &given),
            Some(Role::Compile) => given.args.first().cloned().unwrap_or_default(),
            _ if path.starts_with("socket.") => result.with(Taint::SOCKET | inherited),
            _ => self.library_result(path, result, inherited, &given),
        }
    }

    fn library_result(
        &mut self,
        path: &str,
        result: Value<'a>,
        inherited: Taint,
        given: &Given<'a>,
    ) -> Value<'a> {
        // `json.dumps(os.environ)`, `dict(os.environ)`, `os.environ.copy()`.
        let wholesale = path.starts_with("os.environ.")
            && matches!(path.rsplit('.').next(), Some("copy" | "items" | "values"));
        let environment = given.args.iter().any(is_environment) || wholesale;
        let result = result.with(inherited);
        if environment {
            result.with(Taint::ENVIRONMENT)
        } else {
            result
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

    fn open(&mut self, file: Value<'a>, given: &Given<'a>) -> Value<'a> {
        let path = given.args.first().cloned().unwrap_or_default();
        let mut taint = Taint::NONE;
        if path.taint.has(Taint::CREDENTIAL_PATH) {
            taint |= Taint::CREDENTIAL;
        }
        if path.taint.has(Taint::DOWNLOADED_FILE) {
            taint |= Taint::DOWNLOADED;
        }
        let mode = given.args.get(1).or(given
            .keywords
            .iter()
            .find(|(name, _)| &**name == "mode")
            .map(|(_, value)| value));
        if mode
            .and_then(Value::as_str)
            .is_some_and(|mode| mode.contains(['w', 'a', 'x']))
        {
            taint = Taint::NONE;
        }
        let mut file = file.with(taint);
        file.key.clone_from(&given.key);
        file
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
        given: Given<'a>,
        range: TextRange,
    ) -> Value<'a> {
        let callee = format!("?.{name}");
        self.note(
            &callee,
            &Value::unknown(),
            (**receiver).clone(),
            &given,
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
            self.write_label(key, &given);
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
                Value::tainted(NOT_INHERITED(receiver.taint | given.taint()) | Taint::DECRYPTED)
            }
            _ => Value::tainted(NOT_INHERITED(receiver.taint | given.taint())),
        }
    }

    fn write_label(&mut self, key: Option<Rc<str>>, given: &Given<'a>) {
        if given.taint().has(Taint::DOWNLOADED) {
            self.write_to(key, Taint::DOWNLOADED_FILE);
        }
    }

    fn join_path(&mut self, parts: &[Value<'a>]) -> Value<'a> {
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

    /// `getattr`, `__import__`, `globals`, …
    fn reflect(&mut self, path: &str, given: &Given<'a>) -> Option<Value<'a>> {
        let hidden = |value: &Value<'a>| {
            if value
                .taint
                .has(Taint::BUILT | Taint::DECODED | Taint::CHARACTER_CODES)
            {
                Taint::REFLECTED
            } else {
                Taint::NONE
            }
        };
        match path {
            "builtins.getattr" => {
                let [base, name, ..] = &given.args[..] else {
                    return None;
                };
                let text = name.as_str().filter(|_| !name.taint.has(Taint::PARTIAL))?;
                let text: Rc<str> = text.into();
                Some(self.attribute_of(base, &text).with(hidden(name)))
            }
            "builtins.__import__" | "importlib.import_module" | "importlib.__import__" => {
                let name = given.args.first()?;
                let module = name.as_str().filter(|_| !name.taint.has(Taint::PARTIAL))?;
                if module.starts_with('.') {
                    return None;
                }
                // `__import__("a.b")` gives `a`; `import_module` gives `a.b`.
                let module = if path.ends_with("import_module") {
                    module
                } else {
                    module.split('.').next()?
                };
                Some(Value::path(module).with(hidden(name)))
            }
            "builtins.vars" => {
                let module = given.args.first()?.as_path()?;
                Some(path_attribute(module, "__dict__"))
            }
            "operator.attrgetter()" | "functools.partial" => given.args.first().cloned(),
            "builtins.globals" | "builtins.locals" => Some(Value::path(format!("{path}()"))),
            "os.path.expanduser"
            | "os.path.abspath"
            | "os.path.normpath"
            | "os.path.realpath"
            | "os.path.expandvars"
            | "pathlib.Path"
            | "pathlib.PurePath"
            | "builtins.str"
            | "os.fspath"
            | "textwrap.dedent"
            | "io.BytesIO"
            | "io.StringIO"
            | "builtins.memoryview" => {
                let value = given.args.first()?;
                match (path, &value.kind) {
                    ("builtins.str", Kind::Bytes(_)) => {
                        Some(Value::text(value.to_text()?).from_value(value))
                    }
                    (_, Kind::Str(_) | Kind::Bytes(_)) => {
                        Some(if given.args.len() > 1 && path.starts_with("pathlib") {
                            self.join_path(&given.args)
                        } else {
                            value.clone()
                        })
                    }
                    ("builtins.str", _) if is_environment(value) => {
                        Some(Value::tainted(Taint::ENVIRONMENT))
                    }
                    _ => None,
                }
            }
            "os.path.join" => Some(self.join_path(&given.args)),
            "pathlib.Path.home" => Some(Value::text("~")),
            _ => None,
        }
    }

    /// Builtins that put strings together.
    fn builtin(&mut self, path: &str, given: &Given<'a>) -> Option<Value<'a>> {
        let first = given.args.first();
        let value = match path {
            "builtins.chr" | "builtins.unichr" => {
                let code = u32::try_from(first?.as_int()?).ok()?;
                Value::text(char::from_u32(code)?.to_string()).with(Taint::CHARACTER_CODES)
            }
            "builtins.ord" => match &first?.kind {
                Kind::Str(text) => Value::of(Kind::Int(i64::from(u32::from(text.chars().next()?)))),
                Kind::Bytes(bytes) => Value::of(Kind::Int(i64::from(*bytes.first()?))),
                _ => return None,
            },
            "builtins.bytes" | "builtins.bytearray" => match &first?.kind {
                Kind::List(items) => {
                    let bytes: Option<Vec<u8>> = items
                        .iter()
                        .map(|item| item.as_int().and_then(|n| u8::try_from(n).ok()))
                        .collect();
                    self.budget.bytes(bytes?).with(Taint::CHARACTER_CODES)
                }
                Kind::Str(text) => self.budget.bytes(text.as_bytes().to_vec()),
                Kind::Bytes(_) => first?.clone(),
                _ => return None,
            },
            "builtins.reversed" => fold::slice(first?, [None, None, Some(-1)], &mut self.budget),
            "builtins.list" | "builtins.tuple" | "builtins.sorted" if path != "builtins.sorted" => {
                let items = fold::elements(first?, 1_000_000)?;
                Value::list(items)
            }
            "builtins.int" => match (&first?.kind, given.args.get(1).and_then(Value::as_int)) {
                (Kind::Str(text), base) => {
                    let digits = text
                        .trim()
                        .trim_start_matches("0x")
                        .trim_start_matches("0b");
                    let base = u32::try_from(base.unwrap_or(10))
                        .ok()
                        .filter(|base| (2..=36).contains(base))?;
                    Value::of(Kind::Int(i64::from_str_radix(digits, base).ok()?))
                }
                (Kind::Int(number), _) => Value::of(Kind::Int(*number)),
                _ => return None,
            },
            "builtins.range" | "builtins.xrange" => self.range(given)?,
            "builtins.map" => return self.map(given),
            "builtins.len" => match &first?.kind {
                Kind::Str(text) => Value::of(Kind::Int(i64::try_from(text.chars().count()).ok()?)),
                Kind::Bytes(bytes) => Value::of(Kind::Int(i64::try_from(bytes.len()).ok()?)),
                Kind::List(items) => Value::of(Kind::Int(i64::try_from(items.len()).ok()?)),
                _ => return None,
            },
            _ => return None,
        };
        Some(match first {
            Some(first) if path != "builtins.len" => value.from_value(first).with(Taint::BUILT),
            _ => value,
        })
    }

    fn range(&mut self, given: &Given<'a>) -> Option<Value<'a>> {
        let numbers: Option<Vec<i64>> = given.args.iter().map(Value::as_int).collect();
        let (from, to, step) = match numbers?[..] {
            [to] => (0, to, 1),
            [from, to] => (from, to, 1),
            [from, to, step] if step != 0 => (from, to, step),
            _ => return None,
        };
        let count = (i128::from(to) - i128::from(from)) / i128::from(step);
        if !(0..=100_000).contains(&count) {
            return None;
        }
        let mut items = Vec::new();
        let mut at = from;
        while (step > 0 && at < to) || (step < 0 && at > to) {
            items.push(Value::of(Kind::Int(at)));
            at = at.checked_add(step)?;
        }
        self.budget
            .take(items.len() * 16)
            .then(|| Value::list(items))
    }

    fn map(&mut self, given: &Given<'a>) -> Option<Value<'a>> {
        let [function, list] = &given.args[..] else {
            return None;
        };
        let items = fold::elements(list, 1_000_000)?;
        let mut values = Vec::with_capacity(items.len().min(4_096));
        let mut taint = list.taint;
        self.quiet += 1;
        for item in items {
            let Some(extra) = self.extra.checked_sub(8) else {
                taint |= Taint::OVERSIZE;
                values.clear();
                break;
            };
            self.extra = extra;
            let one = Given {
                args: vec![item],
                keywords: Vec::new(),
                key: None,
            };
            let value = self.apply(function, one, TextRange::default());
            taint |= value.taint;
            values.push(value);
        }
        self.quiet -= 1;
        Some(Value::list(values).with(taint.without(Taint::PARTIAL)))
    }

    /// A lambda's value; its body is evaluated with what it is given.
    fn call_lambda(
        &mut self,
        lambda: &'a ExprLambda,
        args: &[Value<'a>],
        keywords: &[(Rc<str>, Value<'a>)],
    ) -> Value<'a> {
        if self.inline_depth >= INLINE_DEPTH {
            return Value::unknown();
        }
        self.inline_depth += 1;
        let value = self.lambda_body(lambda, args, keywords);
        self.inline_depth -= 1;
        value
    }

    /// Evaluates a lambda's body with what it is given, or with nothing known where it
    /// is defined.
    pub(super) fn lambda_body(
        &mut self,
        lambda: &'a ExprLambda,
        args: &[Value<'a>],
        keywords: &[(Rc<str>, Value<'a>)],
    ) -> Value<'a> {
        let scope = self.new_scope(self.scope, None);
        if let Some(parameters) = &lambda.parameters {
            for (at, parameter) in parameters.iter_non_variadic_params().enumerate() {
                let name = parameter.name().as_str();
                let by_name = keywords.iter().find(|(keyword, _)| &**keyword == name);
                let value = args.get(at).or(by_name.map(|(_, value)| value));
                self.scopes[scope].set(name.into(), value.cloned().unwrap_or_default());
            }
        }
        let before = self.swap_scope(scope, self.caller);
        self.charged += 1;
        let value = self.eval(&lambda.body);
        self.charged -= 1;
        (self.scope, self.caller) = before;
        self.scopes.truncate(scope);
        value
    }

    /// A call of one of the file's own functions: what it is given is noted, and its
    /// value is computed anew where it is given constants.
    fn call_function(&mut self, index: usize, given: &Given<'a>) -> Value<'a> {
        self.note_edge(index);
        let Some(function) = self.functions.get(index) else {
            return Value::unknown();
        };
        let definition = function.definition;
        let skip = usize::from(
            function.class.is_some()
                && !definition.decorator_list.iter().any(|decorator| {
                    matches!(&decorator.expression, Expr::Name(name) if &*name.id == "staticmethod")
                }),
        );
        let mut bound: BTreeMap<Rc<str>, Value<'a>> = BTreeMap::new();
        for (at, parameter) in definition
            .parameters
            .iter_non_variadic_params()
            .enumerate()
            .skip(skip)
        {
            let name = parameter.name().as_str();
            let by_name = given
                .keywords
                .iter()
                .find(|(keyword, _)| &**keyword == name);
            if let Some(value) = given
                .args
                .get(at - skip)
                .or(by_name.map(|(_, value)| value))
            {
                bound.insert(name.into(), value.clone());
            }
        }
        let constant = bound.values().any(|value| value.as_bytes().is_some());
        let returned = function.returned.clone();
        let known = returned
            .as_ref()
            .is_some_and(|value| value.as_bytes().is_some());
        let small = definition.body.len() <= 12;
        if self.inline_depth == 0 || self.quiet == 0 {
            let parameters = &mut self.functions[index].parameters;
            for (name, value) in &bound {
                let joined = parameters
                    .get(name)
                    .map_or_else(|| value.clone(), |old| old.join(value));
                parameters.insert(name.clone(), joined);
            }
        }
        if constant && small && !known && self.inline_depth < INLINE_DEPTH {
            return self.inline(index, bound);
        }
        let given = NOT_INHERITED(given.taint());
        match returned {
            Some(value) => value,
            None if self.noting => Value::unknown(),
            None => Value::tainted(given),
        }
    }

    fn inline(&mut self, index: usize, bound: BTreeMap<Rc<str>, Value<'a>>) -> Value<'a> {
        let function = &self.functions[index];
        let (definition, parent) = (function.definition, function.parent);
        let Some(extra) = self.extra.checked_sub(10) else {
            return Value::tainted(Taint::OVERSIZE);
        };
        self.extra = extra;
        let known = (self.functions.len(), self.classes.len());
        let scope = self.new_scope(parent, None);
        for (name, value) in bound {
            self.scopes[scope].set(name, value);
        }
        let before = self.swap_scope(scope, Caller::Function(index));
        let branch = std::mem::take(&mut self.branch);
        self.inline_depth += 1;
        self.quiet += 1;
        self.body(&definition.body, true);
        self.quiet -= 1;
        self.inline_depth -= 1;
        self.branch = branch;
        (self.scope, self.caller) = before;
        let value = self.scopes[scope].get("return").cloned();
        // Functions defined inside keep their scopes.
        if known == (self.functions.len(), self.classes.len()) {
            self.scopes.truncate(scope);
        }
        value.unwrap_or_default()
    }
}

/// `os.environ` itself.
fn is_environment(value: &Value<'_>) -> bool {
    value
        .as_path()
        .is_some_and(|path| matches!(&*names::canonical(path), "os.environ" | "os.environb"))
        || value.taint.has(Taint::ENVIRONMENT)
}
