//! Functions of the language and the few of Node that only compute.

use std::rc::Rc;

use packguard_sdk::decode;

use super::literals::constant;
use super::numbers::{math, parse_int, to_radix};
use super::value::{Live, parse_number};
use super::{Halt, Machine, Ran};
use crate::eval::methods;

impl<'a> Machine<'a> {
    /// `base.name(arguments)`.
    pub(super) fn method(
        &mut self,
        base: &Live<'a>,
        name: &str,
        arguments: &[Live<'a>],
    ) -> Ran<'a> {
        let function = matches!(base, Live::Closure(_) | Live::Native(_) | Live::Method(_));
        match name {
            "call" if function => {
                let this = arguments.first().cloned().unwrap_or(Live::Undefined);
                let rest = arguments.get(1..).unwrap_or_default().to_vec();
                return self.call(base, this, rest);
            }
            "apply" if function => {
                let this = arguments.first().cloned().unwrap_or(Live::Undefined);
                let given = match arguments.get(1) {
                    Some(list) => self.items(list).unwrap_or_default(),
                    None => Vec::new(),
                };
                return self.call(base, this, given);
            }
            "bind" if function => return Ok(base.clone()),
            _ => {}
        }
        match base {
            Live::Text(text) => self.text_method(text, name, arguments),
            Live::List(list) => self.list_method(list, name, arguments),
            Live::Bytes(bytes) => {
                let bytes = bytes.borrow().clone();
                Ok(self.bytes_method(&bytes, name, arguments))
            }
            Live::Number(number) if name == "toString" => {
                let radix = arguments.first().and_then(Live::number).unwrap_or(10.0);
                Ok(match to_radix(*number, radix) {
                    Some(text) => Live::text(&text),
                    None => Live::Unknown,
                })
            }
            Live::Object(_) if matches!(name, "test" | "exec") => Ok(if self.tolerant {
                Live::Unknown
            } else {
                // Code that protects itself tests whether it was formatted.
                Live::Boolean(true)
            }),
            Live::Object(members) if name == "hasOwnProperty" => {
                let key = arguments.first().and_then(|key| self.key(key));
                let has = key.map(|key| members.borrow().contains_key(&key));
                Ok(has.map_or(Live::Unknown, Live::Boolean))
            }
            value if matches!(name, "toString" | "valueOf") => Ok(match self.units(value) {
                Some(units) => Live::Text(units),
                None => Live::Unknown,
            }),
            _ => self.unknown(),
        }
    }

    fn bytes_method(&self, bytes: &[u8], name: &str, arguments: &[Live<'a>]) -> Live<'a> {
        let number = |at: usize, missing: usize| {
            arguments
                .get(at)
                .and_then(Live::number)
                .map_or(missing, |n| n.clamp(0.0, bytes.len() as f64) as usize)
        };
        match name {
            "toString" => {
                let encoding = arguments.first().and_then(|name| self.key(name));
                match encoding.as_deref() {
                    None | Some("utf8" | "utf-8") => Live::text(&String::from_utf8_lossy(bytes)),
                    Some("latin1" | "binary" | "ascii") => {
                        Live::units(bytes.iter().map(|byte| u16::from(*byte)).collect())
                    }
                    Some("hex") => {
                        let digits: String =
                            bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                        Live::text(&digits)
                    }
                    _ => Live::Unknown,
                }
            }
            "slice" | "subarray" => {
                let (start, end) = (number(0, 0), number(1, bytes.len()));
                Live::bytes(bytes.get(start..end).unwrap_or_default().to_vec())
            }
            "reverse" => Live::bytes(bytes.iter().rev().copied().collect()),
            "readUInt8" => bytes
                .get(number(0, 0))
                .map_or(Live::Unknown, |byte| Live::Number(f64::from(*byte))),
            _ => Live::Unknown,
        }
    }

    /// A function of the language or of Node.
    pub(super) fn native(&mut self, path: &str, arguments: &[Live<'a>]) -> Ran<'a> {
        let first = arguments.first();
        let text = first.and_then(|first| self.units(first));
        let plain = || text.as_ref().map(|units| String::from_utf16_lossy(units));
        let number = first.and_then(Live::number);
        let value = match path {
            "Function" | "eval" | "vm.runInThisContext" | "vm.runInNewContext" => {
                return self.code(path, arguments);
            }
            "setTimeout" | "setInterval" | "setImmediate" => {
                if let Some(Live::Text(code)) = first {
                    self.capture(code);
                }
                self.callbacks(arguments);
                Some(Live::Unknown)
            }
            "require" | "import" => plain()
                .and_then(|name| crate::resolve::module(&name))
                .map(Live::Native),
            "parseInt" | "Number.parseInt" => {
                let radix = arguments.get(1).and_then(Live::number).unwrap_or(0.0);
                plain().map(|text| Live::Number(parse_int(&text, radix)))
            }
            "parseFloat" => plain().map(|text| {
                let end = text
                    .trim()
                    .find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c));
                let text = text.trim();
                Live::Number(parse_number(
                    text.get(..end.unwrap_or(text.len())).unwrap_or(""),
                ))
            }),
            "Number" => number.map(Live::Number),
            "String" => text.clone().map(Live::Text),
            "Boolean" => first.map_or(Some(false), Live::truth).map(Live::Boolean),
            "isNaN" => number.map(|number| Live::Boolean(number.is_nan())),
            "String.fromCharCode" | "String.fromCodePoint" => Self::codes_to_text(arguments),
            "Array" => match arguments {
                [Live::Number(length)] => {
                    let length = length.clamp(0.0, 1e6) as usize;
                    self.made(length * 8)?;
                    Some(Live::list(vec![Live::Undefined; length]))
                }
                items => Some(Live::list(items.to_vec())),
            },
            "Array.from" => return self.array_from(arguments),
            "Array.isArray" => Some(Live::Boolean(matches!(first, Some(Live::List(_))))),
            "Object" => Some(first.cloned().unwrap_or(Live::Unknown)),
            "Object.keys" => first.and_then(|first| self.keys(first)).map(Live::list),
            "Object.values" => match first {
                Some(Live::Object(members)) => {
                    Some(Live::list(members.borrow().values().cloned().collect()))
                }
                Some(other) => self.items(other).map(Live::list),
                None => None,
            },
            path if is_decoder(path) => {
                return self.decoder(path, arguments).unwrap_or(Ok(Live::Unknown));
            }
            "Reflect.apply" => {
                let given = arguments.get(2).and_then(|list| self.items(list));
                match (first, given) {
                    (Some(function), Some(given)) => {
                        return self.call(&function.clone(), Live::Undefined, given);
                    }
                    _ => None,
                }
            }
            "Date" => Some(Live::text("Thu Jan 01 1970 00:00:00 GMT+0000")),
            path => math(path, arguments),
        };
        if let Some(value) = value {
            return Ok(value);
        }
        self.callbacks(arguments);
        self.unknown()
    }

    /// Functions that decode.
    fn decoder(&mut self, path: &str, arguments: &[Live<'a>]) -> Option<Ran<'a>> {
        let first = arguments.first();
        let text = first.and_then(|first| self.units(first));
        let plain = || text.as_ref().map(|units| String::from_utf16_lossy(units));
        let value = match path {
            "decodeURIComponent" | "decodeURI" => match plain() {
                Some(text) => return Some(from_percent(&text)),
                None => None,
            },
            "encodeURIComponent" | "encodeURI" => None,
            "unescape" => plain().map(|text| Live::text(&methods::unescape(&text))),
            "escape" => text.as_deref().map(|units| escape(units)),
            "atob" => plain()
                .and_then(|text| decode::base64(&text))
                .map(|bytes| Live::units(bytes.iter().map(|byte| u16::from(*byte)).collect())),
            "Buffer.from" | "Buffer" | "Uint8Array.from" => self.buffer(arguments),
            "Buffer.concat" => None,
            "TextDecoder().decode" => match first {
                Some(Live::Bytes(bytes)) => {
                    Some(Live::text(&String::from_utf8_lossy(&bytes.borrow())))
                }
                _ => None,
            },
            "zlib.inflateSync" | "zlib.gunzipSync" | "zlib.inflateRawSync" | "zlib.unzipSync" => {
                match first {
                    Some(Live::Bytes(bytes)) => decode::inflate(&bytes.borrow()).map(Live::bytes),
                    _ => None,
                }
            }
            _ => None,
        };
        value.map(Ok)
    }

    /// Text that becomes code.
    fn code(&mut self, path: &str, arguments: &[Live<'a>]) -> Ran<'a> {
        let code = if path == "Function" {
            arguments.last()
        } else {
            arguments.first()
        };
        let Some(Live::Text(code)) = code else {
            return self.unknown();
        };
        let plain = String::from_utf16_lossy(code);
        let trimmed = plain.trim().trim_end_matches(';');
        let word = trimmed.strip_prefix("return ").unwrap_or(trimmed).trim();
        let word = word.trim_end_matches("()");
        // `Function("return this")()`, `Function("return escape")()`.
        let known = match word {
            "this" => Some(Live::native("globalThis")),
            word if !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Some(super::members::global(word)).filter(|value| !matches!(value, Live::Unknown))
            }
            word => constant(word),
        };
        match known {
            Some(value) if path == "Function" => {
                let giving = Live::Method(Rc::new((value, "\u{0}itself".into())));
                Ok(giving)
            }
            Some(value) => Ok(value),
            None => {
                self.capture(code);
                Ok(Live::Unknown)
            }
        }
    }

    fn codes_to_text(arguments: &[Live<'a>]) -> Option<Live<'a>> {
        let mut units = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let number = argument.number()?;
            let code = methods::to_int32(number).cast_unsigned();
            match char::from_u32(code) {
                Some(character) if code > 0xFFFF => {
                    units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
                }
                _ => units.push(code as u16),
            }
        }
        Some(Live::units(units))
    }

    fn array_from(&mut self, arguments: &[Live<'a>]) -> Ran<'a> {
        let items = match arguments.first() {
            Some(Live::Object(members)) => {
                let length = members.borrow().get("length").and_then(Live::number);
                length.map(|length| vec![Live::Undefined; length.clamp(0.0, 1e5) as usize])
            }
            Some(other) => self.items(other),
            None => None,
        };
        let Some(items) = items else {
            return self.unknown();
        };
        self.made(8 * items.len())?;
        let list = Live::list(items);
        match (arguments.get(1), &list) {
            (Some(function), Live::List(items)) => {
                self.list_method(&Rc::clone(items), "map", std::slice::from_ref(function))
            }
            _ => Ok(list),
        }
    }

    fn buffer(&mut self, arguments: &[Live<'a>]) -> Option<Live<'a>> {
        match arguments.first()? {
            Live::Text(text) => {
                let encoding = arguments.get(1).and_then(|name| self.key(name));
                let plain = String::from_utf16_lossy(text);
                let encoding = encoding.as_deref().unwrap_or_default();
                if matches!(encoding, "latin1" | "binary") {
                    return Some(Live::bytes(text.iter().map(|unit| *unit as u8).collect()));
                }
                methods::decode_text(&plain, encoding).map(|(_, bytes)| Live::bytes(bytes))
            }
            Live::List(items) => {
                let items = items.borrow();
                let bytes: Option<Vec<u8>> = items
                    .iter()
                    .map(|item| item.number().map(|n| methods::to_int32(n) as u8))
                    .collect();
                bytes.map(Live::bytes)
            }
            bytes @ Live::Bytes(_) => Some(bytes.clone()),
            _ => None,
        }
    }
}

/// `decodeURIComponent`, which throws on what is no UTF-8.
fn from_percent<'a>(text: &str) -> Ran<'a> {
    match String::from_utf8(decode::percent(text)) {
        Ok(plain) => Ok(Live::text(&plain)),
        Err(_) => Err(Halt::Throw(Live::text("URIError"))),
    }
}

fn escape<'a>(units: &[u16]) -> Live<'a> {
    let mut out = String::new();
    for unit in units {
        match u8::try_from(*unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() || b"@*_+-./".contains(&byte) => {
                out.push(char::from(byte));
            }
            Ok(byte) => out.push_str(&format!("%{byte:02X}")),
            Err(_) => out.push_str(&format!("%u{unit:04X}")),
        }
    }
    Live::text(&out)
}

fn is_decoder(path: &str) -> bool {
    matches!(
        path,
        "decodeURIComponent"
            | "decodeURI"
            | "encodeURIComponent"
            | "encodeURI"
            | "unescape"
            | "escape"
            | "atob"
            | "Buffer.from"
            | "Buffer"
            | "Uint8Array.from"
            | "Buffer.concat"
            | "TextDecoder().decode"
    ) || path.starts_with("zlib.")
}
