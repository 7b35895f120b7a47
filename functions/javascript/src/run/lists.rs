//! Methods of arrays.

use std::cell::RefCell;
use std::rc::Rc;

use super::value::{Items, Live};
use super::{Halt, Machine, Ran};

const METHODS: &[&str] = &[
    "at",
    "concat",
    "entries",
    "every",
    "fill",
    "filter",
    "find",
    "findIndex",
    "flat",
    "flatMap",
    "forEach",
    "includes",
    "indexOf",
    "join",
    "keys",
    "map",
    "pop",
    "push",
    "reduce",
    "reverse",
    "shift",
    "slice",
    "some",
    "sort",
    "splice",
    "toString",
    "unshift",
    "values",
];

/// Whether arrays have the method.
pub(super) fn is_method(name: &str) -> bool {
    METHODS.binary_search(&name).is_ok()
}

type List<'a> = Rc<RefCell<Items<'a>>>;

impl<'a> Machine<'a> {
    pub(super) fn list_method(
        &mut self,
        list: &List<'a>,
        name: &str,
        arguments: &[Live<'a>],
    ) -> Ran<'a> {
        let length = list.borrow().len();
        let first = arguments.first();
        Ok(match name {
            "push" => {
                self.made(8 * arguments.len())?;
                list.borrow_mut().extend(arguments.iter().cloned());
                Live::Number(list.borrow().len() as f64)
            }
            "pop" => list.borrow_mut().pop().unwrap_or(Live::Undefined),
            "shift" => {
                if let Some(turns) = &mut self.turns {
                    *turns += 1;
                    if *turns > 2 * length + super::TURNS {
                        return Err(Halt::Stop);
                    }
                }
                let mut items = list.borrow_mut();
                if items.is_empty() {
                    Live::Undefined
                } else {
                    items.remove(0)
                }
            }
            "unshift" => {
                self.made(8 * arguments.len())?;
                list.borrow_mut().splice(0..0, arguments.iter().cloned());
                Live::Number(list.borrow().len() as f64)
            }
            "reverse" => {
                list.borrow_mut().reverse();
                Live::List(Rc::clone(list))
            }
            "slice" | "splice" => return self.cut(list, name, arguments),
            "reduce" => return self.reduce(list, arguments),
            "map" | "forEach" | "filter" | "some" | "every" | "find" | "findIndex" | "flatMap" => {
                return self.each(list, name, first);
            }
            name => return self.read_list(list, name, arguments),
        })
    }

    /// Methods that leave the array as it is.
    fn read_list(&mut self, list: &List<'a>, name: &str, arguments: &[Live<'a>]) -> Ran<'a> {
        let length = list.borrow().len();
        let first = arguments.first();
        Ok(match name {
            "join" | "toString" => {
                let separator = match first {
                    Some(separator) if name == "join" => separator.clone(),
                    _ => Live::text(","),
                };
                let mut out = Live::text("");
                for at in 0..length {
                    if at > 0 {
                        out = self.add(out, &separator)?;
                    }
                    let item = list.borrow().get(at).cloned().unwrap_or_default();
                    if !matches!(item, Live::Undefined | Live::Null) {
                        out = self.add(out, &item)?;
                    }
                }
                out
            }
            "concat" => {
                let mut all = list.borrow().to_vec();
                for argument in arguments {
                    match argument {
                        Live::List(more) => all.extend(more.borrow().iter().cloned()),
                        other => all.push(other.clone()),
                    }
                }
                self.made(8 * all.len())?;
                Live::list(all)
            }
            "indexOf" | "includes" => {
                let items = list.borrow();
                let wanted = first.cloned().unwrap_or(Live::Undefined);
                let at = items
                    .iter()
                    .position(|item| self.strictly_equal(item, &wanted) == Some(true));
                match (name, at) {
                    ("includes", at) => Live::Boolean(at.is_some()),
                    (_, at) => Live::Number(at.map_or(-1.0, |at| at as f64)),
                }
            }
            "at" => {
                let at = first.and_then(Live::number).unwrap_or(0.0);
                let at = if at < 0.0 { length as f64 + at } else { at };
                let found = (at >= 0.0).then(|| list.borrow().get(at as usize).cloned());
                found.flatten().unwrap_or(Live::Undefined)
            }
            "fill" => {
                let value = first.cloned().unwrap_or(Live::Undefined);
                list.borrow_mut().fill(value);
                Live::List(Rc::clone(list))
            }
            "flat" => {
                let mut all = Vec::new();
                for item in list.borrow().iter() {
                    match item {
                        Live::List(inner) => all.extend(inner.borrow().iter().cloned()),
                        other => all.push(other.clone()),
                    }
                }
                Live::list(all)
            }
            "entries" | "keys" | "values" => Live::native("Array.iterator"),
            _ => Live::Unknown,
        })
    }

    fn cut(&mut self, list: &List<'a>, name: &str, arguments: &[Live<'a>]) -> Ran<'a> {
        let length = list.borrow().len() as f64;
        let bound = |at: usize, missing: f64| {
            let number = match arguments.get(at) {
                None | Some(Live::Undefined) => missing,
                Some(value) => value.number().unwrap_or(0.0),
            };
            let number = if number < 0.0 {
                length + number
            } else {
                number
            };
            number.clamp(0.0, length) as usize
        };
        let start = bound(0, 0.0);
        if name == "slice" {
            let end = bound(1, length).max(start);
            let part = list.borrow()[start..end].to_vec();
            self.made(8 * part.len())?;
            return Ok(Live::list(part));
        }
        let count = arguments
            .get(1)
            .map_or(Some(length), Live::number)
            .unwrap_or(0.0)
            .clamp(0.0, length - start as f64) as usize;
        let put = arguments.iter().skip(2).cloned();
        let taken: Vec<_> = list
            .borrow_mut()
            .splice(start..start + count, put)
            .collect();
        Ok(Live::list(taken))
    }

    fn reduce(&mut self, list: &List<'a>, arguments: &[Live<'a>]) -> Ran<'a> {
        let items = list.borrow().to_vec();
        let mut items = items.into_iter().enumerate();
        let Some(function) = arguments.first() else {
            return self.unknown();
        };
        let mut value = match arguments.get(1) {
            Some(start) => start.clone(),
            None => items.next().map_or(Live::Undefined, |(_, item)| item),
        };
        for (at, item) in items {
            let given = vec![value, item, Live::Number(at as f64)];
            value = self.call(function, Live::Undefined, given)?;
        }
        Ok(value)
    }

    /// Methods that call a function for each element.
    fn each(&mut self, list: &List<'a>, name: &str, function: Option<&Live<'a>>) -> Ran<'a> {
        let items = list.borrow().to_vec();
        let Some(function) = function else {
            return self.unknown();
        };
        let mut out = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            let index = Live::Number(at as f64);
            let given = vec![item.clone(), index.clone(), Live::List(Rc::clone(list))];
            let value = self.call(function, Live::Undefined, given)?;
            let truth = value.truth();
            match name {
                "map" => out.push(value),
                "flatMap" => match value {
                    Live::List(inner) => out.extend(inner.borrow().iter().cloned()),
                    other => out.push(other),
                },
                "forEach" => {}
                _ if truth.is_none() => return self.unknown(),
                "filter" if truth == Some(true) => out.push(item),
                "some" if truth == Some(true) => return Ok(Live::Boolean(true)),
                "every" if truth == Some(false) => return Ok(Live::Boolean(false)),
                "find" if truth == Some(true) => return Ok(item),
                "findIndex" if truth == Some(true) => return Ok(index),
                _ => {}
            }
        }
        self.made(8 * out.len())?;
        Ok(match name {
            "map" | "filter" | "flatMap" => Live::list(out),
            "some" => Live::Boolean(false),
            "every" => Live::Boolean(true),
            "findIndex" => Live::Number(-1.0),
            _ => Live::Undefined,
        })
    }
}
