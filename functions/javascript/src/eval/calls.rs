//! Calls: what they call, what they are given, what they give back.

use std::rc::Rc;

use oxc_ast::ast::{Argument, Expression, ObjectPropertyKind};

use super::fold::{bytes_method, fold_api, to_radix};
use super::{ELEMENTS, Evaluator, LIST, lists, methods, packer};
use crate::collect::{Call, CallNode, FunctionIx, ScopeIx};
use crate::resolve;
use crate::sources;
use crate::value::{Eval, Taint, Value};

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

/// What a stand-in calls, and with what.
pub type Behind<'a> = (Target<'a>, Vec<Eval<'a>>);

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
                    self.select(&base, &method)
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

    /// What `calls.op(f, x)` comes to, where `op` is `function (f, x) { return f(x) }`: an
    /// obfuscator's stand-in for a call.
    pub fn behind(&mut self, target: &Target<'a>, arguments: &[Eval<'a>]) -> Option<Behind<'a>> {
        let facts = self.facts;
        let function = target.function?;
        let fact = &facts.functions[function as usize];
        let [(Expression::CallExpression(inner), scope)] = fact.returns[..] else {
            return None;
        };
        let Expression::Identifier(name) = &inner.callee else {
            return None;
        };
        let called = facts.reference(name, scope)?;
        if !fact.params.contains(&Some(called)) {
            return None;
        }
        let height = self.frames.len();
        for (at, parameter) in fact.params.iter().enumerate() {
            if let Some(parameter) = parameter {
                let value = arguments.get(at).cloned().unwrap_or_default();
                self.frames.push((*parameter, value));
            }
        }
        self.inlined.push(function);
        let call = Call {
            node: CallNode::Call(inner),
            scope,
            function,
        };
        let target = self.target(&call);
        let arguments = self.arguments(&call, &target);
        self.inlined.pop();
        self.frames.truncate(height);
        Some((target, arguments))
    }

    fn plain_target(&mut self, callee: &'a Expression<'a>, scope: ScopeIx) -> Target<'a> {
        let value = self.eval(callee, scope);
        let function = function_of(&value);
        // One of several: what any of them gives.
        let several =
            matches!(callee, Expression::ComputedMemberExpression(_)) && function.is_none();
        Target {
            function,
            path: value.path.clone(),
            base: several.then_some(value),
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
            if module
                .as_deref()
                .is_some_and(|name| name.ends_with(".json"))
            {
                return Eval::default().tainted(Taint::DATA_FILE);
            }
            let path = module.and_then(|name| resolve::module(&name));
            return path.map(Eval::path).unwrap_or_default();
        }
        if let Some(module) = self.external(call) {
            return resolve::module(module).map(Eval::path).unwrap_or_default();
        }
        if let Some(pieces) = lists::pieces(call, &target) {
            return pieces;
        }
        if let Some(folded) = self.fold_method(&target, &arguments) {
            return folded;
        }
        if target.base.is_some()
            && let Some((target, arguments)) = self.behind(&target, &arguments)
        {
            // One step at a time: what is behind may be a stand-in again.
            return match target.function {
                Some(function) => self.own_call(function, &arguments),
                None => self.foreign_call(call, &target, &arguments),
            };
        }
        if let Some(function) = target.function {
            return self.own_call(function, &arguments);
        }
        if let Some(folded) = fold_api(target.api(), &arguments) {
            return folded;
        }
        if let Some(list) = self.parts_of(target.api(), &arguments) {
            return list;
        }
        if target.api() == "Array.from"
            && let [items, function] = &arguments[..]
            && let Some(items) = lists::elements(items)
            && let Some(mapped) = self.map(&items, std::slice::from_ref(function))
        {
            let taint = arguments[0].taint.with(Taint::UNESCAPED);
            return mapped.tainted(taint);
        }
        self.foreign_call(call, &target, &arguments)
    }

    /// `Object.values`, `Object.keys` of an object literal.
    fn parts_of(&mut self, api: &str, arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
        let keys = match api {
            "Object.values" => false,
            "Object.keys" => true,
            _ => return None,
        };
        let whole = arguments.first()?;
        let Value::Object(object, scope) = whole.value else {
            return None;
        };
        let mut items = Vec::new();
        for property in object.properties.iter().take(ELEMENTS) {
            let ObjectPropertyKind::ObjectProperty(property) = property else {
                return None;
            };
            items.push(if keys {
                Eval::text(&*property.key.static_name()?)
            } else {
                self.eval(&property.value, scope)
            });
        }
        Some(Eval::from(Value::List(items.into())).tainted(whole.taint))
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
            let data = if methods::cuts(target.method()) {
                0
            } else {
                ELEMENTS
            };
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
        if taint.has(Taint::WALLET_KEY) && !methods::keeps_keys(api, target.method()) {
            taint = taint.without(Taint::WALLET_KEY);
        }
        if target.method() == "toString"
            && arguments.first().and_then(Eval::exact).as_deref() == Some("hex")
        {
            taint = taint.with(Taint::LABEL);
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
            Value::List(items) => lists::list(items, method, arguments)?,
            Value::Bytes(bytes) => bytes_method(bytes, method, arguments)?,
            Value::Number(number) if method == "toString" => {
                let radix = arguments.first().map_or(Some(10.0), Eval::number)?;
                Eval::text(to_radix(*number, radix)?)
            }
            _ => return None,
        };
        Some(folded.tainted(base.taint).layered(base.layers.clone()))
    }
}

fn function_of(value: &Eval<'_>) -> Option<FunctionIx> {
    match value.value {
        Value::Function(function) if value.path.is_none() => Some(function),
        _ => None,
    }
}

/// The text that a packer's function gives for a call's arguments.
pub fn unpacked(arguments: &[Eval<'_>]) -> Option<String> {
    packer::unpack(arguments)
}
