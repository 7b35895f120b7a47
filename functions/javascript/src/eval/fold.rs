//! Functions of the language and of Node that fold on constants.

use std::rc::Rc;

use packguard_sdk::decode;

use super::{lists, methods};
use crate::value::{Eval, HOLE, TEXT_LIMIT, Taint, Value};
use packguard_sdk::decode::Layer;

pub(super) fn to_radix(number: f64, radix: f64) -> Option<String> {
    if number.fract() != 0.0 || !(0.0..=9e15).contains(&number) {
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

pub(super) fn bytes_method<'a>(
    bytes: &Rc<[u8]>,
    method: &str,
    arguments: &[Eval<'a>],
) -> Option<Eval<'a>> {
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
pub(super) fn fold_api<'a>(api: &str, arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
    let first = arguments.first();
    Some(match api {
        "String.fromCharCode" | "String.fromCodePoint" => {
            lists::from_char_codes(arguments)?.tainted(Taint::UNESCAPED)
        }
        "parseInt" | "Number.parseInt" => Value::Number(methods::parse_int(arguments)?).into(),
        "String" => Eval::text(
            first?
                .as_piece()
                .filter(|_| first.is_some_and(Eval::is_exact))?,
        ),
        "atob" => {
            let bytes = decoded(first?, "base64")?;
            let text = bytes.as_piece()?;
            Eval::text(text)
                .tainted(bytes.taint)
                .layered(bytes.layers.clone())
        }
        "URL" | "URL.createObjectURL" => first?.clone(),
        "Blob" => {
            let Value::List(items) = &first?.value else {
                return None;
            };
            let [code] = &items[..] else { return None };
            code.clone()
        }
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
    let mut layers = encoded.layers.as_deref().cloned().unwrap_or_default();
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
