//! Functions that make functions, and builtins that go through constants element by
//! element.

use ruff_text_size::TextRange;

use super::Interpreter;
use super::calls::Given;
use crate::fold;
use crate::value::{Kind, Taint, Value};

/// Longest constant that is gone through.
const ELEMENTS_LIMIT: usize = 200_000;

/// What is made of what a function was given before it is called: the names under which
/// such values stand as methods.
const MADE: [&str; 4] = [
    "functools.partial",
    "operator.attrgetter",
    "operator.methodcaller",
    "operator.itemgetter",
];

/// What calls a function that it is given, with arguments that it is given.
const LATER: [&str; 12] = [
    "finalize",
    "Thread",
    "Process",
    "Timer",
    "start_new_thread",
    "submit",
    "to_thread",
    "register",
    "call_soon",
    "apply_async",
    "run_in_executor",
    "call_later",
];

impl<'a> Interpreter<'a, '_> {
    /// `partial(f, a)`, `methodcaller("exec", a)`: kept until it is called.
    pub(super) fn made(&mut self, path: &str, given: &Given<'a>) -> Option<Value<'a>> {
        let name = MADE.iter().find(|name| **name == path)?;
        let taint = given.taint();
        let parts = std::rc::Rc::new(Value::list(given.args.clone()));
        Some(Value::method(parts, (*name).into()).with(taint))
    }

    /// A call of what [`Self::made`] kept.
    pub(super) fn call_made(
        &mut self,
        parts: &Value<'a>,
        name: &str,
        given: &Given<'a>,
        range: TextRange,
    ) -> Option<Value<'a>> {
        if !MADE.contains(&name) || self.inline_depth >= super::INLINE_DEPTH {
            return None;
        }
        let (first, rest) = parts.as_list()?.split_first()?;
        let mut bound = Given::of(rest.to_vec());
        self.inline_depth += 1;
        let value = match name {
            "functools.partial" => {
                bound.args.extend(given.args.iter().cloned());
                bound.keywords.extend(given.keywords.iter().cloned());
                Some(self.apply(first, &bound, range))
            }
            "operator.methodcaller" => {
                let callee = self.attribute_of(given.args.first()?, first.as_str()?);
                Some(self.apply(&callee, &bound, range))
            }
            "operator.attrgetter" => {
                let mut value = given.args.first()?.clone();
                for part in first.as_str()?.split('.').take(10) {
                    value = self.attribute_of(&value, part);
                }
                Some(value.with(first.taint.only(Taint::REFLECTED)))
            }
            _ => Some(fold::index(given.args.first()?, first, &mut self.budget)),
        };
        self.inline_depth -= 1;
        value
    }

    /// Builtins and iterators over constants.
    pub(super) fn iterate(&mut self, path: &str, given: &Given<'a>) -> Option<Value<'a>> {
        let first = given.args.first()?;
        let elements = |value: &Value<'a>| fold::elements(value, ELEMENTS_LIMIT);
        let value = match path {
            "builtins.enumerate" => {
                let start = given.args.get(1).and_then(Value::as_int).unwrap_or(0);
                let items = (start..).zip(elements(first)?);
                Value::list(
                    items
                        .map(|(at, item)| Value::list(vec![Value::of(Kind::Int(at)), item]))
                        .collect(),
                )
            }
            "builtins.zip" => self.zip(&given.args)?,
            "itertools.cycle" => {
                let parts = std::rc::Rc::new(first.clone());
                Value::method(parts, "itertools.cycle()".into())
            }
            "itertools.chain" | "itertools.chain.from_iterable" => {
                let lists = match path.ends_with("from_iterable") {
                    true => elements(first)?,
                    false => given.args.clone(),
                };
                let mut all = Vec::new();
                for list in &lists {
                    all.extend(elements(list)?);
                    if all.len() > ELEMENTS_LIMIT {
                        return None;
                    }
                }
                Value::list(all)
            }
            "builtins.filter" => {
                elements(given.args.get(1)?)?;
                given.args.get(1)?.clone()
            }
            "functools.reduce" => return self.reduce(given),
            "operator.xor" | "operator.add" | "operator.concat" | "operator.sub"
            | "operator.mod" | "operator.mul" => {
                use ruff_python_ast::Operator as O;
                let operator = match path {
                    "operator.xor" => O::BitXor,
                    "operator.sub" => O::Sub,
                    "operator.mod" => O::Mod,
                    "operator.mul" => O::Mult,
                    _ => O::Add,
                };
                let right = given.args.get(1)?;
                return Some(fold::binary(operator, first, right, &mut self.budget));
            }
            "operator.getitem" => fold::index(first, given.args.get(1)?, &mut self.budget),
            "builtins.hex" => Value::text(format!("{:#x}", first.as_int()?)),
            "builtins.bin" => Value::text(format!("{:#b}", first.as_int()?)),
            "builtins.oct" => Value::text(format!("{:#o}", first.as_int()?)),
            "builtins.str.maketrans" | "builtins.bytes.maketrans" => table(given)?,
            "builtins.dict" if given.args.len() == 1 => {
                let pairs: Option<Vec<_>> = elements(first)?
                    .iter()
                    .map(|pair| match pair.as_list()? {
                        [key, value] => Some((key.clone(), value.clone())),
                        _ => None,
                    })
                    .collect();
                Value::dict(pairs?)
            }
            _ => return None,
        };
        Some(value.with(first.taint.without(Taint::PARTIAL)))
    }

    pub(super) fn zip(&mut self, lists: &[Value<'a>]) -> Option<Value<'a>> {
        let cycled = |value: &Value<'a>| match &value.kind {
            Kind::Method(parts, name) if &**name == "itertools.cycle()" => Some(parts.clone()),
            _ => None,
        };
        let mut columns = Vec::new();
        let mut length = usize::MAX;
        for list in lists {
            let column = match cycled(list) {
                Some(parts) => (fold::elements(&parts, ELEMENTS_LIMIT)?, true),
                None => {
                    let items = fold::elements(list, ELEMENTS_LIMIT)?;
                    length = length.min(items.len());
                    (items, false)
                }
            };
            columns.push(column);
        }
        if length > ELEMENTS_LIMIT || columns.iter().any(|(items, _)| items.is_empty()) {
            return None;
        }
        let row = |at: usize| {
            let cell = |(items, _): &(Vec<Value<'a>>, bool)| items[at % items.len()].clone();
            Value::list(columns.iter().map(cell).collect())
        };
        self.budget
            .take(length * 64)
            .then(|| Value::list((0..length).map(row).collect()))
    }

    fn reduce(&mut self, given: &Given<'a>) -> Option<Value<'a>> {
        let [function, list, ..] = &given.args[..] else {
            return None;
        };
        let mut items = fold::elements(list, 10_000)?.into_iter();
        let mut value = match given.args.get(2) {
            Some(initial) => initial.clone(),
            None => items.next()?,
        };
        for item in items {
            self.extra = self.extra.checked_sub(8)?;
            let range = TextRange::default();
            value = self.apply(function, &Given::of(vec![value, item]), range);
        }
        Some(value)
    }

    /// What a thread, a pool or an exit handler will call, with what it will be given.
    pub(super) fn call_later(&mut self, callee: &Value<'a>, given: &Given<'a>, range: TextRange) {
        let name = match &callee.kind {
            Kind::Path(path) => path.rsplit('.').next().unwrap_or_default(),
            Kind::Method(_, name) => name,
            _ => return,
        };
        if !LATER.contains(&name) {
            return;
        }
        let keyword = |wanted: &str| {
            let found = given.keywords.iter().find(|(name, _)| &**name == wanted);
            found.map(|(_, value)| value)
        };
        let list = |value: Option<&Value<'a>>| {
            value
                .and_then(Value::as_list)
                .map_or_else(Vec::new, <[_]>::to_vec)
        };
        let (target, args) = match name {
            "Thread" | "Process" => (keyword("target"), list(keyword("args"))),
            "Timer" => (
                given.args.get(1),
                list(given.args.get(2).or(keyword("args"))),
            ),
            "start_new_thread" => (given.args.first(), list(given.args.get(1))),
            "submit" | "to_thread" | "register" | "call_soon" | "apply_async" => (
                given.args.first(),
                given.args.get(1..).unwrap_or_default().to_vec(),
            ),
            "run_in_executor" | "call_later" | "finalize" => (
                given.args.get(1),
                given.args.get(2..).unwrap_or_default().to_vec(),
            ),
            _ => return,
        };
        let Some(target) = target.cloned() else {
            return;
        };
        let is_called = matches!(
            target.kind,
            Kind::Path(_) | Kind::Function(_) | Kind::Lambda(_) | Kind::Method(..)
        );
        if !is_called || self.inline_depth >= super::INLINE_DEPTH {
            return;
        }
        let mut later = Given::of(args);
        if let Some(Kind::Dict(items)) = keyword("kwargs").map(|value| &value.kind) {
            for (name, value) in items.iter().take(50) {
                if let Some(name) = name.as_str() {
                    later.keywords.push((name.into(), value.clone()));
                }
            }
        }
        self.inline_depth += 1;
        let _result = self.apply(&target, &later, range);
        self.inline_depth -= 1;
    }
}

/// What `str.maketrans` gives, as a dictionary of characters or bytes.
fn table<'a>(given: &Given<'a>) -> Option<Value<'a>> {
    let first = given.args.first()?;
    let Some(second) = given.args.get(1) else {
        return matches!(first.kind, Kind::Dict(_)).then(|| first.clone());
    };
    let from = fold::elements(first, 1_000)?;
    let to = fold::elements(second, 1_000)?;
    Some(Value::dict(from.into_iter().zip(to).collect()))
}

/// Whether a callee calls functions that it is handed, now or soon: threads, pools,
/// event loops, exit handlers. Others keep them for later, as option parsers do.
pub(super) fn runs_what_it_is_given(callee: &Value<'_>) -> bool {
    let name = match &callee.kind {
        Kind::Path(path) => path.rsplit('.').next().unwrap_or_default(),
        Kind::Method(_, name) => name,
        _ => return false,
    };
    matches!(
        name,
        "Thread"
            | "Timer"
            | "Process"
            | "start_new_thread"
            | "submit"
            | "apply"
            | "apply_async"
            | "map"
            | "filter"
            | "run"
            | "run_until_complete"
            | "create_task"
            | "ensure_future"
            | "call_soon"
            | "call_later"
            | "finalize"
            | "gather"
            | "register"
            | "setprofile"
            | "settrace"
            | "reduce"
            | "sorted"
            | "timeit"
            | "schedule"
            | "after"
    )
}
