//! A stack machine that knows of each value where it comes from and, where it is
//! constant, its text. Both kinds of bytecode drive it, instruction by instruction.
//!
//! Code is followed once from top to bottom; where branches meet, values are merged.
//! Loops need no more, since labels of what a method stores are known in the second
//! round.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::labels::Labels;

/// Most values of one method; beyond it nothing more is known of new ones.
const VALUES_LIMIT: usize = 50_000;
/// Deepest stack.
const STACK_LIMIT: usize = 256;
/// Most local variables.
const LOCALS_LIMIT: usize = 1_024;
/// Most branches remembered at once.
const PENDING_LIMIT: usize = 128;
/// Longest text that is put together, in bytes.
pub(crate) const TEXT_LIMIT: usize = 16 << 10;
/// Bytes of texts put together in one method.
const TEXTS_BUDGET: usize = 4 << 20;
/// Most elements of a constant array.
const ITEMS_LIMIT: usize = 16 << 10;
/// How far a write is felt by what the written object was made of.
const LINKS_DEPTH: usize = 6;

/// A value, by its number.
pub(crate) type Id = u32;

/// Of this one nothing is known.
pub(crate) const UNKNOWN: Id = 0;

/// What is known of a value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Value {
    pub labels: Labels,
    pub text: Option<Rc<str>>,
    /// Where its content comes from.
    pub origin: Option<Rc<str>>,
    pub number: Option<i64>,
    /// The elements of an array of small numbers, as far as they are stored in order.
    pub items: Option<Vec<u16>>,
    /// What it was made of: a stream's file.
    pub link: Id,
    /// The key of the field that it was taken from.
    pub field: u64,
}

/// The state of one method.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    values: Vec<Value>,
    stack: Vec<Id>,
    locals: Vec<Id>,
    /// Stacks at instructions that branches lead to.
    pending: BTreeMap<usize, Vec<Id>>,
    /// Values that must not be written to: `this`.
    fixed: Id,
    /// The last instruction never goes on to the next.
    pub ended: bool,
    /// Bytes of texts put together so far.
    spent: usize,
}

impl Machine {
    /// Starts over with these local variables, the first of which is `this` if so said.
    pub fn start(&mut self, locals: Vec<Value>, has_this: bool) {
        self.values.clear();
        self.values.push(Value::default());
        self.stack.clear();
        self.pending.clear();
        self.locals.clear();
        self.spent = 0;
        self.ended = false;
        for value in locals.into_iter().take(LOCALS_LIMIT) {
            let id = self.add(value);
            self.locals.push(id);
        }
        self.fixed = if has_this {
            self.locals.first().copied().unwrap_or(UNKNOWN)
        } else {
            UNKNOWN
        };
    }

    /// Called before each instruction: joins what branches brought here.
    pub fn arrive(&mut self, at: usize, handler: bool) {
        let waiting = self.pending.remove(&at);
        if self.ended {
            self.stack.clear();
            self.ended = false;
            match waiting {
                Some(stack) => self.stack = stack,
                None if handler => self.push(Value::default()),
                None => {}
            }
        } else if let Some(stack) = waiting
            && stack.len() == self.stack.len()
        {
            for (index, other) in stack.into_iter().enumerate() {
                let own = self.stack[index];
                if own != other {
                    self.stack[index] = self.merged(own, other);
                }
            }
        }
    }

    /// A branch to a later instruction.
    pub fn branch(&mut self, from: usize, to: usize) {
        if to > from && !self.pending.contains_key(&to) && self.pending.len() < PENDING_LIMIT {
            self.pending.insert(to, self.stack.clone());
        }
    }

    fn merged(&mut self, one: Id, other: Id) -> Id {
        let (one, other) = (self.value(one).clone(), self.value(other).clone());
        self.add(Value {
            labels: one.labels.with(other.labels),
            text: one.text.or(other.text),
            origin: one.origin.or(other.origin),
            ..Value::default()
        })
    }

    /// Makes a value.
    pub fn add(&mut self, value: Value) -> Id {
        if self.values.len() >= VALUES_LIMIT {
            return UNKNOWN;
        }
        self.values.push(value);
        Id::try_from(self.values.len() - 1).unwrap_or(UNKNOWN)
    }

    /// What is known of a value.
    pub fn value(&self, id: Id) -> &Value {
        let index = usize::try_from(id).unwrap_or_default();
        self.values.get(index).unwrap_or(&self.values[0])
    }

    /// To change a value, unless it is one that stands for many.
    pub fn value_mut(&mut self, id: Id) -> Option<&mut Value> {
        if id == UNKNOWN || id == self.fixed {
            return None;
        }
        self.values.get_mut(usize::try_from(id).ok()?)
    }

    /// Adds labels to a value, and to what it was made of; calls `field` with the fields
    /// that it was taken from.
    pub fn write(
        &mut self,
        id: Id,
        labels: Labels,
        origin: Option<&Rc<str>>,
        mut field: impl FnMut(u64),
    ) {
        let mut next = id;
        for _ in 0..LINKS_DEPTH {
            let Some(value) = self.value_mut(next) else {
                return;
            };
            if value.field != 0 {
                field(value.field);
            }
            value.labels = value.labels.with(labels);
            if value.origin.is_none() {
                value.origin = origin.cloned();
            }
            next = value.link;
        }
    }

    pub fn push_id(&mut self, id: Id) {
        if self.stack.len() < STACK_LIMIT {
            self.stack.push(id);
        }
    }

    pub fn push(&mut self, value: Value) {
        let id = self.add(value);
        self.push_id(id);
    }

    pub fn push_unknown(&mut self, count: usize) {
        for _ in 0..count.min(STACK_LIMIT) {
            self.push_id(UNKNOWN);
        }
    }

    pub fn push_number(&mut self, number: i64) {
        self.push(Value {
            number: Some(number),
            ..Value::default()
        });
    }

    pub fn push_text(&mut self, text: &Rc<str>) {
        self.push(Value {
            text: Some(text.clone()),
            ..Value::default()
        });
    }

    pub fn pop(&mut self) -> Id {
        self.stack.pop().unwrap_or(UNKNOWN)
    }

    pub fn drop(&mut self, count: usize) {
        let left = self.stack.len().saturating_sub(count);
        self.stack.truncate(left);
    }

    /// The value so far below the top.
    pub fn peek(&self, depth: usize) -> Id {
        let index = self.stack.len().checked_sub(depth + 1);
        index.map_or(UNKNOWN, |index| self.stack[index])
    }

    /// Copies the top `count` values below the `under` values that stand under them.
    pub fn dup(&mut self, count: usize, under: usize) {
        let top: Vec<Id> = (0..count).rev().map(|depth| self.peek(depth)).collect();
        if self.stack.len() < count + under || self.stack.len() + count > STACK_LIMIT {
            for id in top {
                self.push_id(id);
            }
            return;
        }
        let at = self.stack.len() - count - under;
        self.stack.splice(at..at, top);
    }

    pub fn swap(&mut self) {
        let (one, other) = (self.pop(), self.pop());
        self.push_id(one);
        self.push_id(other);
    }

    pub fn load(&mut self, index: usize) {
        let id = self.locals.get(index).copied().unwrap_or(UNKNOWN);
        self.push_id(id);
    }

    pub fn store(&mut self, index: usize) {
        let id = self.pop();
        if index >= LOCALS_LIMIT {
            return;
        }
        if self.locals.len() <= index {
            self.locals.resize(index + 1, UNKNOWN);
        }
        self.locals[index] = id;
    }

    /// Two operands become one; numbers are computed.
    pub fn arithmetic(&mut self, compute: fn(i64, i64) -> Option<i64>) {
        let (right, left) = (self.pop(), self.pop());
        let (left, right) = (self.value(left), self.value(right));
        let number = left.number.zip(right.number);
        let value = Value {
            labels: left.labels.with(right.labels),
            number: number.and_then(|(left, right)| compute(left, right)),
            ..Value::default()
        };
        if value.number.is_none() && value.labels == Labels::NONE {
            self.push_id(UNKNOWN);
        } else {
            self.push(value);
        }
    }

    /// An array of small numbers.
    pub fn new_items(&mut self) {
        self.pop();
        self.push(Value {
            items: Some(Vec::new()),
            ..Value::default()
        });
    }

    /// Stores an element: array, index and value are taken.
    pub fn store_item(&mut self) {
        let (value, index, array) = (self.pop(), self.pop(), self.pop());
        let index = self.value(index).number;
        let item = self.value(value).clone();
        if array == UNKNOWN {
            return;
        }
        let mut joined = None;
        if let Some(text) = &item.text {
            let before = self.value(array).text.as_deref();
            let before = before.filter(|_| self.spent < TEXTS_BUDGET);
            joined = Some(join(before, text, " "));
            self.spent += joined.as_ref().map_or(0, |text| text.len());
        }
        if let Some(array) = self.value_mut(array) {
            array.labels = array.labels.with(item.labels);
            array.origin = array.origin.take().or(item.origin);
            array.text = joined.or(array.text.take());
            let Some(items) = &mut array.items else {
                return;
            };
            match (
                index.and_then(|index| usize::try_from(index).ok()),
                item.number,
            ) {
                (Some(at), Some(number)) if at < ITEMS_LIMIT && at <= items.len() + 64 => {
                    if items.len() <= at {
                        items.resize(at + 1, 0);
                    }
                    items[at] = (number & 0xFFFF) as u16;
                }
                _ => array.items = None,
            }
        }
    }

    /// Takes an element: array and index are taken.
    pub fn load_item(&mut self) {
        self.pop();
        let array = self.pop();
        let array = self.value(array);
        let value = Value {
            labels: array.labels,
            origin: array.origin.clone(),
            ..Value::default()
        };
        if value.labels == Labels::NONE {
            self.push_id(UNKNOWN);
        } else {
            self.push(value);
        }
    }

    /// The text of a value: its own, or that of its elements.
    pub fn text_of(&mut self, id: Id) -> Option<Rc<str>> {
        let value = self.value(id);
        if let Some(text) = &value.text {
            return Some(text.clone());
        }
        let items = value.items.as_ref().filter(|items| !items.is_empty())?;
        if self.spent + items.len() > TEXTS_BUDGET {
            return None;
        }
        let text: String = items
            .iter()
            .map(|item| char::from_u32(u32::from(*item)).unwrap_or('\u{FFFD}'))
            .collect();
        self.spent += text.len();
        Some(text.into())
    }

    /// The texts of values, one behind the other.
    pub fn joined(&mut self, ids: &[Id], separator: &str) -> Option<Rc<str>> {
        let mut all: Option<Rc<str>> = None;
        for id in ids {
            if let Some(text) = self.text_of(*id) {
                let whole = self.spent + text.len() < TEXTS_BUDGET;
                let before = all.as_deref().filter(|_| whole);
                let next = join(before, &text, separator);
                self.spent += if before.is_some() { next.len() } else { 0 };
                all = Some(next);
            }
        }
        all
    }
}

/// A text behind another, unless that gets too long.
pub(crate) fn join(before: Option<&str>, text: &str, separator: &str) -> Rc<str> {
    match before {
        Some(before) if !before.is_empty() && before.len() + text.len() < TEXT_LIMIT => {
            format!("{before}{separator}{text}").into()
        }
        _ => text.into(),
    }
}
