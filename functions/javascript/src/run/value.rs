//! Values of code that is run step by step.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use indexmap::IndexMap;

use crate::collect::{FunctionNode, ScopeIx};
use crate::value::{Eval, Value};

/// A text as JavaScript has it: UTF-16, so that positions cost nothing. Shared, and
/// grown in place where it is not.
pub type Units = Rc<Vec<u16>>;

/// Members of an object, in order.
#[derive(Debug, Default)]
pub struct Members<'a>(IndexMap<Rc<str>, Live<'a>>);

/// Elements of an array.
#[derive(Debug, Default)]
pub struct Items<'a>(Vec<Live<'a>>);

/// Elements converted from or to constants.
const ELEMENTS: usize = 100_000;

/// A value while code runs.
#[derive(Debug, Clone, Default)]
pub enum Live<'a> {
    /// Not known: what an interface outside the language gives.
    #[default]
    Unknown,
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// A boolean.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(Units),
    /// An array.
    List(Rc<RefCell<Items<'a>>>),
    /// An object.
    Object(Rc<RefCell<Members<'a>>>),
    /// A buffer or typed array.
    Bytes(Rc<RefCell<Vec<u8>>>),
    /// A function of the code.
    Closure(Rc<Closure<'a>>),
    /// A function or object of the language or of Node, by path.
    Native(Rc<str>),
    /// A method of a value, not yet called.
    Method(Rc<(Live<'a>, Rc<str>)>),
}

/// A function and the variables around it.
pub struct Closure<'a> {
    pub node: FunctionNode<'a>,
    pub frame: Option<Rc<Frame<'a>>>,
    /// `this` of an arrow function.
    pub this: Live<'a>,
    /// What is written to it as to an object.
    pub members: RefCell<Members<'a>>,
}

impl std::fmt::Debug for Closure<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Closure")
    }
}

/// Variables of a function that runs. Closures and frames may hold each other: what is
/// then never freed is bounded by the machine's budget.
pub struct Frame<'a> {
    pub variables: RefCell<Vec<(&'a str, Live<'a>)>>,
    pub parent: Option<Rc<Frame<'a>>>,
    pub this: Live<'a>,
    /// Where names that no frame has are looked up.
    pub scope: ScopeIx,
}

impl<'a> Live<'a> {
    pub fn text(text: &str) -> Self {
        Self::Text(Rc::new(text.encode_utf16().collect()))
    }

    pub fn units(units: Vec<u16>) -> Self {
        Self::Text(Rc::new(units))
    }

    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(RefCell::new(Items(items))))
    }

    pub fn bytes(bytes: Vec<u8>) -> Self {
        Self::Bytes(Rc::new(RefCell::new(bytes)))
    }

    pub fn object(members: Members<'a>) -> Self {
        Self::Object(Rc::new(RefCell::new(members)))
    }

    pub fn native(path: &str) -> Self {
        Self::Native(path.into())
    }

    /// Whether it counts as true; `None` where that is not known.
    pub fn truth(&self) -> Option<bool> {
        Some(match self {
            Self::Unknown => return None,
            Self::Undefined | Self::Null => false,
            Self::Boolean(value) => *value,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(units) => !units.is_empty(),
            _ => true,
        })
    }

    /// As a number; `None` where not known.
    pub fn number(&self) -> Option<f64> {
        Some(match self {
            Self::Unknown => return None,
            Self::Null => 0.0,
            Self::Boolean(value) => f64::from(u8::from(*value)),
            Self::Number(number) => *number,
            Self::Text(units) => parse_number(&String::from_utf16_lossy(units)),
            Self::List(items) => match &items.borrow()[..] {
                [] => 0.0,
                [one] if !matches!(one, Self::List(_)) => one.number()?,
                _ => f64::NAN,
            },
            _ => f64::NAN,
        })
    }

    /// What `typeof` says.
    pub fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unknown => return None,
            Self::Undefined => "undefined",
            Self::Null | Self::List(_) | Self::Object(_) | Self::Bytes(_) => "object",
            Self::Boolean(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Native(path) if is_namespace(path) => "object",
            Self::Closure(_) | Self::Native(_) | Self::Method(_) => "function",
        })
    }

    /// What the static evaluation knows, as a value to run with.
    pub fn from_eval(value: &Eval<'a>) -> Self {
        match &value.value {
            Value::Text { text, exact: true } => Self::text(text),
            Value::Number(number) => Self::Number(*number),
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Bytes(bytes) => Self::bytes(bytes.to_vec()),
            Value::List(items) => {
                Self::list(items.iter().take(ELEMENTS).map(Self::from_eval).collect())
            }
            _ => match &value.path {
                Some(path) => Self::Native(Rc::clone(path)),
                None => Self::Unknown,
            },
        }
    }

    /// Back to what the static evaluation works with; nothing where it is not known.
    pub fn to_eval(&self, depth: u8) -> Eval<'a> {
        match self {
            Self::Text(units) => Eval::text(String::from_utf16_lossy(units)),
            Self::Number(number) => Value::Number(*number).into(),
            Self::Boolean(value) => Value::Boolean(*value).into(),
            Self::Bytes(bytes) => Value::Bytes(bytes.borrow()[..].into()).into(),
            Self::List(items) if depth < 3 => {
                let items = items.borrow();
                let items: Vec<_> = items
                    .iter()
                    .take(ELEMENTS)
                    .map(|item| item.to_eval(depth + 1))
                    .collect();
                Value::List(items.into()).into()
            }
            Self::Native(path) => Eval::path(Rc::clone(path)),
            _ => Eval::default(),
        }
    }
}

impl<'a> Deref for Members<'a> {
    type Target = IndexMap<Rc<str>, Live<'a>>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Members<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<'a> Deref for Items<'a> {
    type Target = Vec<Live<'a>>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Items<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

// What holds values gives them up without recursion: hostile code can nest them deeper
// than the machine's stack.

impl Drop for Members<'_> {
    fn drop(&mut self) {
        let members = std::mem::take(&mut self.0);
        release(members.into_values().collect());
    }
}

impl Drop for Items<'_> {
    fn drop(&mut self) {
        release(std::mem::take(&mut self.0));
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        let mut values = Vec::new();
        self.give_up(&mut values);
        release(values);
    }
}

impl Drop for Closure<'_> {
    fn drop(&mut self) {
        let mut values = Vec::new();
        self.give_up(&mut values);
        release(values);
    }
}

impl<'a> Frame<'a> {
    /// Moves everything out, of the frames around it too where nobody else has them.
    fn give_up(&mut self, values: &mut Vec<Live<'a>>) {
        let variables = self.variables.get_mut();
        values.extend(
            std::mem::take(variables)
                .into_iter()
                .map(|(_, value)| value),
        );
        values.push(std::mem::take(&mut self.this));
        let mut around = self.parent.take();
        while let Some(mut frame) = around.and_then(|frame| Rc::try_unwrap(frame).ok()) {
            let variables = frame.variables.get_mut();
            values.extend(
                std::mem::take(variables)
                    .into_iter()
                    .map(|(_, value)| value),
            );
            values.push(std::mem::take(&mut frame.this));
            around = frame.parent.take();
        }
    }
}

impl<'a> Closure<'a> {
    fn give_up(&mut self, values: &mut Vec<Live<'a>>) {
        let members = std::mem::take(&mut self.members.get_mut().0);
        values.extend(members.into_values());
        values.push(std::mem::take(&mut self.this));
        if let Some(mut frame) = self
            .frame
            .take()
            .and_then(|frame| Rc::try_unwrap(frame).ok())
        {
            frame.give_up(values);
        }
    }
}

fn release(mut values: Vec<Live<'_>>) {
    while let Some(value) = values.pop() {
        match value {
            Live::List(list) => {
                if let Ok(list) = Rc::try_unwrap(list) {
                    values.append(&mut list.into_inner().0);
                }
            }
            Live::Object(members) => {
                if let Ok(members) = Rc::try_unwrap(members) {
                    let members = std::mem::take(&mut members.into_inner().0);
                    values.extend(members.into_values());
                }
            }
            Live::Closure(closure) => {
                if let Ok(mut closure) = Rc::try_unwrap(closure) {
                    closure.give_up(&mut values);
                }
            }
            _ => {}
        }
    }
}

/// Globals that are objects, not functions.
fn is_namespace(path: &str) -> bool {
    matches!(
        path,
        "globalThis" | "process" | "module" | "exports" | "console" | "JSON" | "Math" | "document"
    )
}

/// `Number(text)`.
pub fn parse_number(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() {
        return 0.0;
    }
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0b", 2), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix).map_or(f64::NAN, |number| number as f64);
        }
    }
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    match text {
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ if plain => text.parse().unwrap_or(f64::NAN),
        _ => f64::NAN,
    }
}
