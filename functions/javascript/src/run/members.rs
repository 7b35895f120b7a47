//! Members of values, and the globals of the language.

use std::rc::Rc;

use super::value::{Live, Members};
use super::{Halt, Machine, Ran};
use crate::resolve;

/// Longest array that an assignment to an index may make.
const LENGTH: usize = 1 << 20;

/// Globals of the language that are not interfaces of the static evaluation.
const LANGUAGE: &[&str] = &[
    "Boolean",
    "Date",
    "Error",
    "Math",
    "Number",
    "Symbol",
    "URIError",
    "Uint16Array",
    "Uint32Array",
    "encodeURI",
    "isFinite",
    "isNaN",
    "parseFloat",
];

/// The value of a name that nothing declares.
pub(super) fn global<'a>(name: &str) -> Live<'a> {
    match name {
        "undefined" => Live::Undefined,
        "NaN" => Live::Number(f64::NAN),
        "Infinity" => Live::Number(f64::INFINITY),
        name if LANGUAGE.contains(&name) => Live::native(name),
        name => match resolve::global(name) {
            Some(path) => Live::Native(path),
            None => Live::Unknown,
        },
    }
}

/// A regular expression: an object with its pattern.
pub(super) fn pattern<'a>(pattern: &str, flags: &str) -> Live<'a> {
    let mut members = Members::default();
    members.insert("source".into(), Live::text(pattern));
    members.insert("flags".into(), Live::text(flags));
    members.insert("\u{0}pattern".into(), Live::Boolean(true));
    let text = format!("/{pattern}/{flags}");
    members.insert("\u{0}text".into(), Live::text(&text));
    Live::object(members)
}

impl<'a> Machine<'a> {
    /// `base[key]`.
    pub(super) fn element(&mut self, base: &Live<'a>, key: &Live<'a>) -> Ran<'a> {
        if let Live::Number(number) = key
            && *number >= 0.0
            && number.fract() == 0.0
        {
            let at = *number as usize;
            let found = match base {
                Live::List(items) => Some(items.borrow().get(at).cloned()),
                Live::Text(units) => Some(units.get(at).map(|unit| Live::units(vec![*unit]))),
                Live::Bytes(bytes) => {
                    let byte = bytes.borrow().get(at).copied();
                    Some(byte.map(|byte| Live::Number(f64::from(byte))))
                }
                _ => None,
            };
            if let Some(found) = found {
                return Ok(found.unwrap_or(Live::Undefined));
            }
        }
        match self.key(key) {
            Some(key) => self.member(base, &key),
            None => self.unknown(),
        }
    }

    /// `base.name`.
    pub(super) fn member(&mut self, base: &Live<'a>, name: &str) -> Ran<'a> {
        let index = || name.parse::<usize>().ok();
        let method = || Live::Method(Rc::new((base.clone(), name.into())));
        Ok(match base {
            Live::Unknown => Live::Unknown,
            Live::Undefined | Live::Null => {
                return Err(Halt::Throw(Live::text("TypeError")));
            }
            Live::Text(units) => match (name, index()) {
                ("length", _) => Live::Number(units.len() as f64),
                ("constructor", _) => Live::native("String"),
                (_, Some(at)) => units
                    .get(at)
                    .map_or(Live::Undefined, |unit| Live::units(vec![*unit])),
                _ => method(),
            },
            Live::List(items) => match (name, index()) {
                ("length", _) => Live::Number(items.borrow().len() as f64),
                ("constructor", _) => Live::native("Array"),
                (_, Some(at)) => items.borrow().get(at).cloned().unwrap_or(Live::Undefined),
                (name, _) if super::lists::is_method(name) => method(),
                _ => Live::Undefined,
            },
            Live::Bytes(bytes) => match (name, index()) {
                ("length" | "byteLength", _) => Live::Number(bytes.borrow().len() as f64),
                (_, Some(at)) => bytes
                    .borrow()
                    .get(at)
                    .map_or(Live::Undefined, |byte| Live::Number(f64::from(*byte))),
                _ => method(),
            },
            Live::Number(_) => match name {
                "constructor" => Live::native("Number"),
                "toString" | "toFixed" | "valueOf" => method(),
                _ => Live::Undefined,
            },
            Live::Boolean(_) => match name {
                "constructor" => Live::native("Boolean"),
                "toString" | "valueOf" => method(),
                _ => Live::Undefined,
            },
            Live::Object(members) => self.object_member(base, &members.borrow(), name),
            Live::Closure(closure) => match name {
                "constructor" => Live::native("Function"),
                "call" | "apply" | "bind" | "toString" => method(),
                "prototype" => {
                    let mut members = closure.members.borrow_mut();
                    let made = members
                        .entry(name.into())
                        .or_insert_with(|| Live::object(Members::default()));
                    made.clone()
                }
                name => match closure.members.borrow().get(name) {
                    Some(value) => value.clone(),
                    None => Live::Undefined,
                },
            },
            Live::Native(path) => native_member(path, name, base),
            // A method of a method of a method is nobody's.
            Live::Method(inner) => match name {
                "constructor" => Live::native("Function"),
                _ if matches!(inner.0, Live::Method(_)) => Live::Unknown,
                "call" | "apply" | "bind" | "toString" => method(),
                _ => Live::Undefined,
            },
        })
    }

    fn object_member(&self, base: &Live<'a>, members: &Members<'a>, name: &str) -> Live<'a> {
        if let Some(value) = members.get(name) {
            return value.clone();
        }
        if let Some(Live::Object(prototype)) = members.get("\u{0}prototype")
            && let Some(value) = prototype.borrow().get(name)
        {
            return value.clone();
        }
        let pattern = members.contains_key("\u{0}pattern");
        match name {
            "constructor" if pattern => Live::native("RegExp"),
            "constructor" => Live::native("Object"),
            "test" | "exec" if pattern => Live::Method(Rc::new((base.clone(), name.into()))),
            "toString" | "hasOwnProperty" | "valueOf" => {
                Live::Method(Rc::new((base.clone(), name.into())))
            }
            _ => Live::Undefined,
        }
    }

    /// `base.name = value`.
    pub(super) fn set(
        &mut self,
        base: &Live<'a>,
        name: &str,
        value: Live<'a>,
    ) -> Result<(), Halt<'a>> {
        match base {
            Live::Object(members) => {
                self.made(16)?;
                members.borrow_mut().insert(name.into(), value);
            }
            Live::Closure(closure) => {
                self.made(16)?;
                closure.members.borrow_mut().insert(name.into(), value);
            }
            Live::List(items) => {
                let mut items = items.borrow_mut();
                if name == "length" {
                    let length = value.number().unwrap_or(0.0).max(0.0) as usize;
                    items.truncate(length);
                    return Ok(());
                }
                let Ok(at) = name.parse::<usize>() else {
                    return Ok(());
                };
                if at >= LENGTH {
                    return Err(Halt::Stop);
                }
                if at >= items.len() {
                    self.text = self
                        .text
                        .checked_sub((at + 1 - items.len()) * 8)
                        .ok_or(Halt::Stop)?;
                    items.resize(at + 1, Live::Undefined);
                }
                items[at] = value;
            }
            Live::Bytes(bytes) => {
                let mut bytes = bytes.borrow_mut();
                if let Ok(at) = name.parse::<usize>()
                    && let Some(place) = bytes.get_mut(at)
                {
                    match value.number() {
                        Some(number) => *place = crate::eval::methods::to_int32(number) as u8,
                        None => return Err(Halt::Stop),
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Names of members, as `for (… in …)` gives them.
    pub(super) fn keys(&self, value: &Live<'a>) -> Option<Vec<Live<'a>>> {
        let numbers = |length: usize| (0..length).map(|at| Live::text(&at.to_string())).collect();
        Some(match value {
            Live::List(items) => numbers(items.borrow().len()),
            Live::Text(units) => numbers(units.len()),
            Live::Bytes(bytes) => numbers(bytes.borrow().len()),
            Live::Object(members) => members
                .borrow()
                .keys()
                .filter(|name| !name.starts_with('\u{0}'))
                .map(|name| Live::text(name))
                .collect(),
            _ => return None,
        })
    }

    /// Elements, as `for (… of …)` gives them.
    pub(super) fn items(&mut self, value: &Live<'a>) -> Option<Vec<Live<'a>>> {
        Some(match value {
            Live::List(items) => items.borrow().to_vec(),
            Live::Text(units) => char::decode_utf16(units.iter().copied())
                .map(|one| {
                    let character = one.unwrap_or(char::REPLACEMENT_CHARACTER);
                    Live::text(character.encode_utf8(&mut [0; 4]))
                })
                .collect(),
            Live::Bytes(bytes) => bytes
                .borrow()
                .iter()
                .map(|byte| Live::Number(f64::from(*byte)))
                .collect(),
            _ => return None,
        })
    }
}

fn native_member<'a>(path: &str, name: &str, base: &Live<'a>) -> Live<'a> {
    let is_method = matches!(name, "call" | "apply" | "bind" | "toString");
    match (path, name) {
        ("globalThis", name) => return global(name),
        (
            "String" | "Array" | "Object" | "Number" | "Boolean" | "RegExp" | "Function" | "Date",
            "constructor",
        ) => return Live::native("Function"),
        ("String" | "Array" | "Function" | "Number", "name") => return Live::text(path),
        ("Math", "PI") => return Live::Number(std::f64::consts::PI),
        _ if is_method => return Live::Method(Rc::new((base.clone(), name.into()))),
        ("process.env" | "process.argv", _) => return Live::Unknown,
        _ => {}
    }
    match resolve::member(path, name) {
        Some(path) => Live::Native(path),
        None => Live::Unknown,
    }
}
