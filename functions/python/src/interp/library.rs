//! Library functions whose results are known for constants: reflection, paths, and the
//! builtins that put strings together.

use std::rc::Rc;

use ruff_text_size::TextRange;

use super::Interpreter;
use super::calls::Given;
use crate::fold;
use crate::value::{Kind, Taint, Value};

/// Functions that give a string back as it is, for what matters here.
const UNCHANGED: &[&str] = &[
    "os.path.expanduser",
    "os.path.abspath",
    "os.path.normpath",
    "os.path.realpath",
    "os.path.expandvars",
    "os.fspath",
    "pathlib.Path",
    "pathlib.PurePath",
    "builtins.str",
    "builtins.memoryview",
    "textwrap.dedent",
    "io.BytesIO",
    "io.StringIO",
];

impl<'a> Interpreter<'a, '_> {
    /// `getattr`, `__import__`, `globals`, …
    pub(super) fn reflect(&mut self, path: &str, given: &Given<'a>) -> Option<Value<'a>> {
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
                Some(self.attribute_of(base, text).with(hidden(name)))
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
                Some(self.path(module).with(hidden(name)))
            }
            "builtins.eval" => {
                // `eval("exec")` is `exec`.
                let name = given.args.first()?;
                let text = name.as_str().filter(|text| {
                    text.len() < 100 && text.chars().all(|c| c.is_alphanumeric() || c == '_')
                })?;
                Some(self.lookup(text).with(Taint::REFLECTED))
            }
            "builtins.vars" => {
                let Kind::Path(module) = &given.args.first()?.kind else {
                    return None;
                };
                let name = self.symbols.get("__dict__");
                Some(self.path_attribute(module, name))
            }
            "functools.partial"
            | "operator.attrgetter"
            | "operator.methodcaller"
            | "operator.itemgetter" => self.made(path, given),
            "builtins.globals" | "builtins.locals" => Some(self.path(&format!("{path}()"))),
            _ if UNCHANGED.contains(&path) => self.unchanged(path, given),
            "os.path.join" => Some(self.join_path(&given.args)),
            "pathlib.Path.home" => Some(Value::text("~")),
            _ => None,
        }
    }

    /// A function that gives a string back as it is, for what matters here.
    fn unchanged(&mut self, path: &str, given: &Given<'a>) -> Option<Value<'a>> {
        let value = given.args.first()?;
        match &value.kind {
            Kind::Bytes(_) if path == "builtins.str" => {
                Some(Value::text(value.to_text()?).inheriting(value))
            }
            Kind::Str(_) if given.args.len() > 1 && path.starts_with("pathlib") => {
                Some(self.join_path(&given.args))
            }
            Kind::Str(_) | Kind::Bytes(_) => Some(value.clone()),
            // What follows on it is known.
            Kind::Unknown if path == "pathlib.Path" => {
                Some(Value::text("?").with(value.taint | Taint::PARTIAL))
            }
            _ => None,
        }
    }

    /// Builtins that put strings together.
    pub(super) fn builtin(&mut self, path: &str, given: &Given<'a>) -> Option<Value<'a>> {
        let first = given.args.first();
        let value = match path {
            "builtins.chr" | "builtins.unichr" => {
                let Some(code) = first?.as_int() else {
                    return Some(
                        Value::unknown()
                            .inheriting(first?)
                            .with(Taint::CHARACTER_CODES),
                    );
                };
                let code = u32::try_from(code).ok()?;
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
                    match bytes {
                        Some(bytes) => self.budget.bytes(bytes),
                        None => Value::unknown().inheriting(first?),
                    }
                    .with(Taint::CHARACTER_CODES)
                }
                Kind::Str(text) => self.budget.bytes(text.as_bytes().to_vec()),
                Kind::Bytes(_) => first?.clone(),
                // Bytes out of numbers that are not known: put together all the same.
                Kind::Unknown | Kind::Path(_) if given.args.len() == 1 => Value::unknown()
                    .inheriting(first?)
                    .with(Taint::CHARACTER_CODES),
                _ => return None,
            },
            "builtins.int.to_bytes" => {
                let (number, order) = (Rc::new(first?.clone()), given.args.get(2..)?);
                let given = Given::of([&[Value::unknown()], order].concat());
                return Some(self.apply(
                    &Value::method(number, "to_bytes".into()),
                    &given,
                    TextRange::default(),
                ));
            }
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
            "builtins.int.from_bytes" => Value::of(Kind::Big(first?.as_bytes()?.into())),
            "builtins.len" => match &first?.kind {
                Kind::Str(text) => Value::of(Kind::Int(i64::try_from(text.chars().count()).ok()?)),
                Kind::Bytes(bytes) => Value::of(Kind::Int(i64::try_from(bytes.len()).ok()?)),
                Kind::List(items) => Value::of(Kind::Int(i64::try_from(items.len()).ok()?)),
                _ => return None,
            },
            _ => return self.iterate(path, given),
        };
        Some(match first {
            Some(first) if path != "builtins.len" => value.inheriting(first).with(Taint::BUILT),
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
            let [function, lists @ ..] = &given.args[..] else {
                return None;
            };
            let rows = self.zip(lists)?;
            return self.map_rows(function, &rows);
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
            let value = self.apply(function, &Given::of(vec![item]), TextRange::default());
            taint |= value.taint;
            values.push(value);
        }
        self.quiet -= 1;
        Some(Value::list(values).with(taint.without(Taint::PARTIAL)))
    }

    /// `map(f, a, b)`.
    fn map_rows(&mut self, function: &Value<'a>, rows: &Value<'a>) -> Option<Value<'a>> {
        let mut values = Vec::new();
        let mut taint = rows.taint;
        self.quiet += 1;
        for row in rows.as_list()?.to_vec() {
            let Some(extra) = self.extra.checked_sub(8) else {
                taint |= Taint::OVERSIZE;
                values.clear();
                break;
            };
            self.extra = extra;
            let given = Given::of(row.as_list().unwrap_or_default().to_vec());
            let value = self.apply(function, &given, TextRange::default());
            taint |= value.taint;
            values.push(value);
        }
        self.quiet -= 1;
        Some(Value::list(values).with(taint.without(Taint::PARTIAL)))
    }
}
