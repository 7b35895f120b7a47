//! Calls: what they call, what they are given, what they give back.

use std::rc::Rc;

use oxc_ast::ast::{Argument, Expression};
use packguard_sdk::decode;

use super::{DEFINITIONS, ELEMENTS, Evaluator, INLINE, LIST, Memo, either, methods, packer};
use crate::collect::{Call, CallIx, CallNode, FunctionIx, ScopeIx};
use crate::resolve;
use crate::sources;
use crate::value::{Eval, HOLE, Layer, TEXT_LIMIT, Taint, Value};

/// What a call calls.
#[derive(Debug, Default)]
pub struct Target<'a> {
    /// The interface, where it is one.
    pub path: Option<Rc<str>>,
    /// The method's name, where it is a method.
    pub method: Option<Rc<str>>,
    /// What the method is called on.
    pub base: Option<Eval<'a>>,
    /// The file's own function, where it is one.
    pub function: Option<FunctionIx>,
    form: Form,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Form {
    #[default]
    Plain,
    /// `f.call(this, …)`.
    Call,
    /// `f.apply(this, […])`.
    Apply,
    /// `Reflect.apply(f, this, […])`.
    Reflect,
}

impl Target<'_> {
    /// The path, or the empty text.
    pub fn api(&self) -> &str {
        self.path.as_deref().unwrap_or_default()
    }

    /// The method's name, or the empty text.
    pub fn method(&self) -> &str {
        self.method.as_deref().unwrap_or_default()
    }
}

impl<'a> Evaluator<'a> {
    /// What `call` calls.
    pub fn target(&mut self, call: &Call<'a>) -> Target<'a> {
        let Some(callee) = call.callee() else {
            return Target {
                path: Some("import".into()),
                ..Target::default()
            };
        };
        let (base, method) = match callee {
            Expression::StaticMemberExpression(member) => {
                let base = self.eval(&member.object, call.scope);
                (base, Rc::from(member.property.name.as_str()))
            }
            Expression::ComputedMemberExpression(member) => {
                let key = self.eval(&member.expression, call.scope);
                match key.exact() {
                    Some(name) => (self.eval(&member.object, call.scope), name),
                    None => return self.plain_target(callee, call.scope),
                }
            }
            Expression::ChainExpression(_) => return self.plain_target(callee, call.scope),
            _ => return self.plain_target(callee, call.scope),
        };
        let form = match &*method {
            "call" => Form::Call,
            "apply" if base.api() == "Reflect" => Form::Reflect,
            "apply" => Form::Apply,
            _ => Form::Plain,
        };
        let callable = base.path.is_some() || matches!(base.value, Value::Function(_));
        match form {
            Form::Call | Form::Apply if callable => Target {
                function: function_of(&base),
                path: base.path,
                form,
                ..Target::default()
            },
            Form::Reflect => {
                let called = call
                    .argument(0)
                    .map(|called| self.eval(called, call.scope))
                    .unwrap_or_default();
                Target {
                    function: function_of(&called),
                    path: called.path,
                    form,
                    ..Target::default()
                }
            }
            _ => {
                // The member itself, so that `x.constructor.constructor` is seen.
                let member = if &*method == "constructor" {
                    self.eval(callee, call.scope)
                } else {
                    self.select(base.clone(), &method)
                };
                Target {
                    function: function_of(&member),
                    path: member.path,
                    method: Some(method),
                    base: Some(base),
                    form: Form::Plain,
                }
            }
        }
    }

    fn plain_target(&mut self, callee: &'a Expression<'a>, scope: ScopeIx) -> Target<'a> {
        let value = self.eval(callee, scope);
        Target {
            function: function_of(&value),
            path: value.path,
            ..Target::default()
        }
    }

    /// The values a call's function is given.
    pub fn arguments(&mut self, call: &Call<'a>, target: &Target<'a>) -> Vec<Eval<'a>> {
        let given = match call.node {
            CallNode::Import(import) => return vec![self.eval(&import.source, call.scope)],
            CallNode::Call(node) => &node.arguments,
            CallNode::New(node) => &node.arguments,
        };
        let mut out = Vec::new();
        for argument in given.iter().take(LIST) {
            match argument {
                Argument::SpreadElement(spread) => {
                    let all = self.eval(&spread.argument, call.scope);
                    match all.value {
                        Value::List(items) => out.extend(items.iter().take(LIST).cloned()),
                        _ => out.push(Eval::default().tainted(all.taint)),
                    }
                }
                other => out.push(
                    other
                        .as_expression()
                        .map(|value| self.eval(value, call.scope))
                        .unwrap_or_default(),
                ),
            }
        }
        let skip = match target.form {
            Form::Plain => return out,
            Form::Call => return out.into_iter().skip(1).collect(),
            Form::Apply => 1,
            Form::Reflect => 2,
        };
        match out.into_iter().nth(skip) {
            Some(Eval {
                value: Value::List(items),
                ..
            }) => items.to_vec(),
            Some(other) => vec![Eval::default().tainted(other.taint)],
            None => Vec::new(),
        }
    }

    /// What a call gives back.
    pub(super) fn call(&mut self, call: &Call<'a>) -> Eval<'a> {
        let target = self.target(call);
        let arguments = self.arguments(call, &target);
        if target.api() == "import" || target.api() == "require" {
            let module = arguments.first().and_then(Eval::exact);
            let path = module.and_then(|name| resolve::module(&name));
            return path.map(Eval::path).unwrap_or_default();
        }
        if let Some(folded) = self.fold_method(&target, &arguments) {
            return folded;
        }
        if let Some(function) = target.function {
            return self.own_call(function, &arguments);
        }
        if let Some(folded) = fold_api(target.api(), &arguments) {
            return folded;
        }
        self.foreign_call(call, &target, &arguments)
    }

    /// A call of something that is not in this file.
    fn foreign_call(
        &mut self,
        call: &Call<'a>,
        target: &Target<'a>,
        arguments: &[Eval<'a>],
    ) -> Eval<'a> {
        let mut taint = Taint::NONE;
        let mut layers = None;
        if !methods::drops_marks(target.method()) && !target.api().starts_with("WebAssembly") {
            // Numbers that cut a text out of another are not data.
            let data = if methods::cuts(target.method()) { 0 } else { ELEMENTS };
            for value in target.base.iter().chain(arguments.iter().take(data)) {
                taint = taint.with(value.taint);
                if layers.is_none() {
                    layers.clone_from(&value.layers);
                }
                if let Value::Function(function) = value.value
                    && matches!(target.method(), "then" | "map" | "flatMap" | "reduce")
                {
                    taint = taint.with(self.returns(function).taint);
                }
            }
        }
        let api = target.api();
        if matches!(api, "util.promisify" | "promisify" | "pify") || target.method() == "bind" {
            let source = if target.method() == "bind" {
                target.base.as_ref()
            } else {
                arguments.first()
            };
            let path = source.and_then(|source| source.path.clone());
            return Eval {
                path,
                ..Eval::default()
            };
        }
        if api == "Promise"
            && let Some(Value::Function(executor)) = arguments.first().map(|first| &first.value)
        {
            taint = taint.with(self.settled(*executor));
        }
        let source = sources::call(api, arguments);
        let path = target.path.as_deref().and_then(resolve::result);
        let is_new = matches!(call.node, CallNode::New(_));
        Eval {
            value: source.value,
            path: path.filter(|_| is_new || !api.is_empty()),
            taint: taint.with(source.taint),
            layers,
        }
    }

    /// Methods of constants.
    fn fold_method(&mut self, target: &Target<'a>, arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
        let base = target.base.as_ref()?;
        let method = target.method.as_deref()?;
        let folded = match &base.value {
            Value::Text { text, exact: true } => methods::text(text, method, arguments)?,
            Value::Text { text, exact: false } if matches!(method, "trim" | "toString") => {
                Eval::partial(Rc::clone(text))
            }
            Value::List(items) if method == "map" => self.map(items, arguments)?,
            Value::List(items) => methods::list(items, method, arguments)?,
            Value::Bytes(bytes) => bytes_method(bytes, method, arguments)?,
            Value::Number(number) if method == "toString" => {
                let radix = arguments.first().map_or(Some(10.0), Eval::number)?;
                Eval::text(to_radix(*number, radix)?)
            }
            _ => return None,
        };
        Some(folded.tainted(base.taint).layered(base.layers.clone()))
    }

    /// `list.map(f)` where `f` folds on every element.
    fn map(&mut self, items: &[Eval<'a>], arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
        let first = arguments.first()?;
        let mut out = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let index = Value::Number(at as f64).into();
            let value = match first.value {
                Value::Function(function) => self.inline(function, &[item.clone(), index])?,
                _ => fold_api(first.api(), std::slice::from_ref(item))?,
            };
            if !value.is_exact() {
                return None;
            }
            out.push(value);
        }
        Some(Value::List(out.into()).into())
    }

    fn own_call(&mut self, function: FunctionIx, arguments: &[Eval<'a>]) -> Eval<'a> {
        let known = arguments.iter().any(Eval::is_exact);
        if known
            && let Some(value) = self.inline(function, arguments)
            && (value.is_exact() || value.path.is_some())
        {
            return value;
        }
        self.returns(function)
    }

    /// What a function of one `return` gives for these arguments.
    fn inline(&mut self, function: FunctionIx, arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
        let facts = self.facts;
        let fact = &facts.functions[function as usize];
        let [(value, scope)] = fact.returns[..] else {
            return None;
        };
        if self.inlined.len() >= INLINE || self.inlined.contains(&function) {
            return None;
        }
        let height = self.frames.len();
        for (at, parameter) in fact.params.iter().enumerate() {
            if let Some(parameter) = parameter {
                let value = arguments.get(at).cloned().unwrap_or_default();
                self.frames.push((*parameter, value));
            }
        }
        if self.inlined.is_empty() {
            self.inline_end = self.steps.saturating_add(super::INLINE_STEPS);
        }
        self.inlined.push(function);
        let result = self.eval(value, scope);
        self.inlined.pop();
        if self.inlined.is_empty() {
            self.inline_end = u32::MAX;
        }
        self.frames.truncate(height);
        Some(result)
    }

    /// Everything a function may give back.
    pub fn returns(&mut self, function: FunctionIx) -> Eval<'a> {
        let left = super::DEPTH.saturating_sub(self.depth);
        match self.returned.get(&function) {
            Some(Memo::Busy) => return Eval::default(),
            Some(Memo::Done(value, had))
                if self.inlined.is_empty() && left < had.saturating_mul(2) =>
            {
                return value.clone();
            }
            _ => {}
        }
        let cuts = self.cuts;
        self.returned.insert(function, Memo::Busy);
        let facts = self.facts;
        let mut result: Option<Eval<'a>> = None;
        for (value, scope) in facts.functions[function as usize]
            .returns
            .iter()
            .take(DEFINITIONS)
        {
            let value = self.eval(value, *scope);
            result = Some(match result {
                None => value,
                Some(have) => either(have, value),
            });
        }
        let result = result.unwrap_or_default();
        let memo = if self.inlined.is_empty() {
            let had = if cuts == self.cuts { super::DEPTH } else { left };
            Memo::Done(result.clone(), had)
        } else {
            Memo::Fresh
        };
        self.returned.insert(function, memo);
        result
    }

    /// What a promise's executor resolves with.
    fn settled(&mut self, executor: FunctionIx) -> Taint {
        let facts = self.facts;
        let resolve = facts.functions[executor as usize].params.first();
        let Some(Some(resolve)) = resolve else {
            return Taint::NONE;
        };
        let mut taint = Taint::NONE;
        for call in facts.symbols[*resolve as usize]
            .calls
            .iter()
            .take(DEFINITIONS)
        {
            let call = &facts.calls[*call as usize];
            if let Some(value) = call.argument(0) {
                taint = taint.with(self.eval(value, call.scope).taint);
            }
        }
        taint
    }

    /// What parameter `index` of `function` may be.
    pub(super) fn parameter(&mut self, function: FunctionIx, index: usize) -> Eval<'a> {
        let facts = self.facts;
        let fact = &facts.functions[function as usize];
        let mut values = Vec::new();
        if let Some(call) = fact.called_by {
            values.extend(self.given(call, index));
        }
        if let Some((call, argument)) = fact.callback_of {
            values.push(self.handed(call, argument, index));
        }
        if let Some(symbol) = fact.symbol {
            let symbol = &facts.symbols[symbol as usize];
            for call in symbol.calls.iter().take(DEFINITIONS) {
                values.extend(self.given(*call, index));
            }
            for (call, argument) in symbol.passed.iter().take(4) {
                values.push(self.handed(*call, *argument, index));
            }
        }
        let mut all = values.into_iter();
        let first = all.next().unwrap_or_default();
        all.fold(first, either)
    }

    /// Argument `index` of a direct call.
    fn given(&mut self, call: CallIx, index: usize) -> Option<Eval<'a>> {
        let call = self.facts.calls[call as usize];
        let shift = match call.callee()? {
            Expression::StaticMemberExpression(member) => match member.property.name.as_str() {
                "call" => 1,
                "apply" => return None,
                _ => 0,
            },
            _ => 0,
        };
        let argument = call.argument(index + shift)?;
        Some(self.eval(argument, call.scope))
    }

    /// What a callback gets as its parameter `index` from the call it is handed to.
    fn handed(&mut self, call: CallIx, argument: usize, index: usize) -> Eval<'a> {
        let call = self.facts.calls[call as usize];
        let facts = self.facts;
        if let Some(Expression::Identifier(name)) = call.callee()
            && let Some(symbol) = facts.resolve(name.name.as_str(), call.scope)
            && let Value::Function(function) = self.symbol(symbol).value
        {
            let parameter = facts.functions[function as usize].params.get(argument);
            let Some(Some(parameter)) = parameter else {
                return Eval::default();
            };
            let mut values = Vec::new();
            for call in facts.symbols[*parameter as usize]
                .calls
                .iter()
                .take(DEFINITIONS)
            {
                values.extend(self.given(*call, index));
            }
            let mut all = values.into_iter();
            let first = all.next().unwrap_or_default();
            return all.fold(first, either);
        }
        let given = self.call_depth(&call);
        let path = given.path.filter(|_| index == 0);
        // Node's callbacks: the first of two or more is the error.
        Eval {
            path,
            taint: given.taint,
            ..Eval::default()
        }
    }

    fn call_depth(&mut self, call: &Call<'a>) -> Eval<'a> {
        if self.depth + 1 >= super::DEPTH {
            self.cuts += 1;
            return Eval::default();
        }
        self.depth += 1;
        let value = self.call(call);
        self.depth -= 1;
        value
    }
}

fn function_of(value: &Eval<'_>) -> Option<FunctionIx> {
    match value.value {
        Value::Function(function) if value.path.is_none() => Some(function),
        _ => None,
    }
}

fn to_radix(number: f64, radix: f64) -> Option<String> {
    if number.fract() != 0.0 || number < 0.0 || number > 9e15 {
        return (radix == 10.0).then(|| crate::value::number_text(number));
    }
    let (mut rest, radix) = (number as u64, radix as u32);
    if !(2..=36).contains(&radix) {
        return None;
    }
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(rest % u64::from(radix)).ok()?;
        digits.push(char::from_digit(digit, radix)?);
        rest /= u64::from(radix);
        if rest == 0 {
            break;
        }
    }
    Some(digits.into_iter().rev().collect())
}

fn bytes_method<'a>(bytes: &Rc<[u8]>, method: &str, arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
    Some(match method {
        "toString" | "toLocaleString" => {
            let encoding = arguments.first().and_then(Eval::exact);
            match encoding.as_deref() {
                Some("base64" | "base64url" | "hex") => return Some(Eval::default()),
                _ => Eval::text(String::from_utf8_lossy(bytes)),
            }
        }
        "map" | "slice" | "subarray" if arguments.is_empty() => {
            Value::Bytes(Rc::clone(bytes)).into()
        }
        _ => return None,
    })
}

/// Functions of the language and of Node that fold on constants.
fn fold_api<'a>(api: &str, arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
    let first = arguments.first();
    Some(match api {
        "String.fromCharCode" | "String.fromCodePoint" => {
            methods::from_char_codes(arguments)?.tainted(Taint::UNESCAPED)
        }
        "parseInt" | "Number.parseInt" => Value::Number(methods::parse_int(arguments)?).into(),
        "String" => Eval::text(first?.as_piece().filter(|_| first.is_some_and(Eval::is_exact))?),
        "atob" => {
            let bytes = decoded(first?, "base64")?;
            let text = bytes.as_piece()?;
            Eval::text(text)
                .tainted(bytes.taint)
                .layered(bytes.layers.clone())
        }
        "URL" => first?.clone(),
        "decodeURIComponent" | "decodeURI" => {
            let text = first?.exact()?;
            let plain = String::from_utf8_lossy(&decode::percent(&text)).into_owned();
            with_layer(Eval::text(plain), first?, "url", Taint::UNESCAPED)
        }
        "unescape" => {
            let plain = methods::unescape(&first?.exact()?);
            with_layer(Eval::text(plain), first?, "url", Taint::UNESCAPED)
        }
        "Buffer.from" | "Buffer" => {
            let encoding = arguments.get(1).and_then(Eval::exact);
            match &first?.value {
                Value::List(items) => {
                    let bytes: Option<Vec<u8>> = items
                        .iter()
                        .map(|item| item.number().map(|number| number as u8))
                        .collect();
                    Eval::from(Value::Bytes(bytes?.into())).tainted(Taint::UNESCAPED)
                }
                _ => decoded(first?, encoding.as_deref().unwrap_or_default())?,
            }
        }
        "zlib.inflateSync" | "zlib.gunzipSync" | "zlib.inflateRawSync" | "zlib.unzipSync" => {
            let Value::Bytes(bytes) = &first?.value else {
                return None;
            };
            let out = decode::inflate(bytes)?;
            let value = Eval::from(Value::Bytes(out.into()));
            with_layer(value, first?, "zlib", Taint::DECODED)
        }
        "path.join" | "path.resolve" | "path.posix.join" | "path.win32.join" => {
            join_path(arguments)
        }
        _ => return None,
    })
}

fn decoded<'a>(value: &Eval<'a>, encoding: &str) -> Option<Eval<'a>> {
    let text = value.exact()?;
    if text.len() > 2 * TEXT_LIMIT {
        return None;
    }
    let (name, bytes) = methods::decode_text(&text, encoding)?;
    let plain = Eval::from(Value::Bytes(bytes.into()));
    Some(if name.is_empty() {
        plain.tainted(value.taint).layered(value.layers.clone())
    } else {
        with_layer(plain, value, name, Taint::DECODED)
    })
}

/// Notes that `plain` came out of `encoded`.
fn with_layer<'a>(
    plain: Eval<'a>,
    encoded: &Eval<'a>,
    encoding: &'static str,
    taint: Taint,
) -> Eval<'a> {
    let mut layers = encoded
        .layers
        .as_deref()
        .cloned()
        .unwrap_or_default();
    if let Some(text) = plain.as_piece()
        && layers.len() < 16
    {
        let text = packguard_sdk::text::cut(&text, 4_000).into();
        layers.push(Layer { encoding, text });
    }
    Eval {
        layers: Some(Rc::new(layers)),
        ..plain.tainted(encoded.taint).tainted(taint)
    }
}

fn join_path<'a>(arguments: &[Eval<'a>]) -> Eval<'a> {
    let mut out = String::new();
    let mut exact = true;
    let mut taint = Taint::NONE;
    for (at, argument) in arguments.iter().enumerate() {
        if at > 0 && !out.ends_with('/') {
            out.push('/');
        }
        taint = taint.with(argument.taint);
        match argument.known() {
            Some(text) if text.len() < 4_096 => out.push_str(text.trim_start_matches("./")),
            _ => out.push(HOLE),
        }
        exact &= argument.is_exact();
    }
    let text = if exact {
        Eval::text(out)
    } else {
        Eval::partial(out)
    };
    text.tainted(taint)
}

/// The text that a packer's function gives for a call's arguments.
pub fn unpacked(arguments: &[Eval<'_>]) -> Option<String> {
    packer::unpack(arguments)
}
