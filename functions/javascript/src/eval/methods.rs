//! What JavaScript's own methods give on constants.

use oxc_ast::ast::BinaryOperator;
use packguard_sdk::decode;

use crate::value::{Eval, TEXT_LIMIT, Taint, Value};

/// Whether calling the method tells yes or no, or a number: its result carries no
/// data of the object it is called on.
pub fn drops_marks(method: &str) -> bool {
    matches!(
        method,
        "includes"
            | "indexOf"
            | "lastIndexOf"
            | "startsWith"
            | "endsWith"
            | "test"
            | "has"
            | "hasOwnProperty"
            | "existsSync"
            | "exists"
            | "accessSync"
            | "access"
            | "statSync"
            | "lstatSync"
            | "stat"
            | "lstat"
            | "isFile"
            | "isDirectory"
            | "isArray"
            | "every"
            | "some"
            | "localeCompare"
            | "search"
            | "findIndex"
            | "equals"
    )
}

/// Whether the method's arguments are positions or counts, not data.
pub fn cuts(method: &str) -> bool {
    matches!(
        method,
        "slice"
            | "substring"
            | "substr"
            | "charAt"
            | "at"
            | "charCodeAt"
            | "codePointAt"
            | "subarray"
            | "repeat"
            | "padStart"
            | "padEnd"
            | "toString"
            | "get"
            | "split"
    )
}

/// Whether what a call gives still holds the key that it is given: it only writes it in
/// another way. Signatures and addresses don't.
pub fn keeps_keys(api: &str, method: &str) -> bool {
    matches!(
        api,
        "JSON.stringify"
            | "encodeURIComponent"
            | "btoa"
            | "String"
            | "Buffer.from"
            | "Object.assign"
            | "Object.values"
            | "Array.from"
            | "URLSearchParams"
    ) || matches!(
        method,
        "toString"
            | "concat"
            | "splice"
            | "map"
            | "match"
            | "flat"
            | "normalize"
            | "subarray"
            | "join"
            | "split"
            | "trim"
            | "replace"
            | "encode"
            | "stringify"
            | "slice"
            | "substring"
            | "substr"
            | "reverse"
            | "toJSON"
            | "from"
    )
}

/// The element at `index` of a text, array or buffer.
pub fn element<'a>(base: &Eval<'a>, index: f64) -> Eval<'a> {
    let Some(at) = to_index(index) else {
        return Eval::default().tainted(base.taint);
    };
    match &base.value {
        Value::List(items) => items.get(at).cloned().unwrap_or_default(),
        Value::Text { text, exact: true } => match nth(text, at) {
            Some(character) => Eval::text(character.to_string()).tainted(base.taint),
            None => Eval::default(),
        },
        Value::Bytes(bytes) => match bytes.get(at) {
            Some(byte) => Value::Number(f64::from(*byte)).into(),
            None => Eval::default(),
        },
        _ => Eval::default().tainted(base.taint),
    }
}

/// The length of a text, array or buffer.
pub fn length<'a>(base: &Eval<'a>) -> Eval<'a> {
    let length = match &base.value {
        Value::Text { text, exact: true } => text.chars().map(char::len_utf16).sum(),
        Value::List(items) => items.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => return Eval::default(),
    };
    Value::Number(length as f64).into()
}

fn nth(text: &str, at: usize) -> Option<char> {
    if text.is_ascii() {
        text.as_bytes().get(at).map(|byte| char::from(*byte))
    } else {
        text.chars().nth(at)
    }
}

fn to_index(number: f64) -> Option<usize> {
    ((0.0..1e9).contains(&number) && number.fract() == 0.0).then_some(number as usize)
}

/// The text or number as a number, as unary `+` does.
pub fn to_number(value: &Eval<'_>) -> Option<f64> {
    match &value.value {
        Value::Number(number) => Some(*number),
        Value::Boolean(value) => Some(f64::from(u8::from(*value))),
        Value::Text { text, exact: true } => text.trim().parse().ok(),
        Value::List(items) if items.is_empty() => Some(0.0),
        _ => None,
    }
}

/// JavaScript's `ToInt32`.
pub fn to_int32(number: f64) -> i32 {
    if !number.is_finite() {
        return 0;
    }
    let wrapped = number.trunc().rem_euclid(4_294_967_296.0);
    (wrapped as u32).cast_signed()
}

/// `left operator right` on numbers; anything else is unknown. `-`, `*`, `^` and the
/// like keep no marks but that of decoding.
pub fn arithmetic<'a>(operator: BinaryOperator, left: &Eval<'a>, right: &Eval<'a>) -> Eval<'a> {
    let kept = if operator == BinaryOperator::BitwiseXOR
        && (left.taint.has(Taint::UNESCAPED) || right.taint.has(Taint::UNESCAPED))
    {
        Taint::DECODED
    } else {
        Taint::NONE
    };
    let (Some(left), Some(right)) = (to_number(left), to_number(right)) else {
        return Eval::default().tainted(kept);
    };
    let (a, b) = (to_int32(left), to_int32(right));
    let shift = b.cast_unsigned() & 31;
    let value = match operator {
        BinaryOperator::Subtraction => left - right,
        BinaryOperator::Multiplication => left * right,
        BinaryOperator::Division => left / right,
        BinaryOperator::Remainder => left % right,
        BinaryOperator::BitwiseXOR => f64::from(a ^ b),
        BinaryOperator::BitwiseAnd => f64::from(a & b),
        BinaryOperator::BitwiseOR => f64::from(a | b),
        BinaryOperator::ShiftLeft => f64::from(a.wrapping_shl(shift)),
        BinaryOperator::ShiftRight => f64::from(a.wrapping_shr(shift)),
        BinaryOperator::ShiftRightZeroFill => f64::from(a.cast_unsigned().wrapping_shr(shift)),
        _ => return Eval::default(),
    };
    Eval::from(Value::Number(value)).tainted(kept)
}

/// `text.method(arguments)` on a constant; `None` where it is not folded.
pub fn text<'a>(text: &str, method: &str, arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
    let first = arguments.first();
    let argument = || first.and_then(Eval::exact);
    Some(match method {
        "toString" | "trim" | "valueOf" | "normalize" | "toLocaleString" => {
            let kept = if method == "trim" { text.trim() } else { text };
            Eval::text(kept)
        }
        "toLowerCase" => Eval::text(text.to_lowercase()),
        "toUpperCase" => Eval::text(text.to_uppercase()),
        "concat" => {
            let mut out = text.to_owned();
            for argument in arguments {
                out.push_str(&argument.exact()?);
            }
            Eval::text(out)
        }
        "split" => split(text, &argument()?),
        "charAt" | "at" => element(&Eval::text(text), first.and_then(Eval::number)?),
        "charCodeAt" | "codePointAt" => {
            let at = first.map_or(Some(0.0), Eval::number)?;
            let code = nth(text, to_index(at)?)? as u32;
            Value::Number(f64::from(code)).into()
        }
        "slice" | "substring" | "substr" => slice(text, method, arguments)?,
        "replace" | "replaceAll" => {
            let from = argument()?;
            let to = arguments.get(1)?.exact()?;
            if from.is_empty() {
                return None;
            }
            let count = if method == "replace" { 1 } else { usize::MAX };
            let out = text.replacen(&*from, &to, count);
            (out.len() <= TEXT_LIMIT).then(|| Eval::text(out))?
        }
        "repeat" => {
            let times = to_index(first.and_then(Eval::number)?)?;
            (text.len().checked_mul(times)? <= TEXT_LIMIT)
                .then(|| Eval::text(text.repeat(times)))?
        }
        "padStart" | "padEnd" | "match" => return None,
        _ => return None,
    })
}

fn split<'a>(text: &str, separator: &str) -> Eval<'a> {
    let parts: Vec<Eval<'a>> = if separator.is_empty() {
        text.chars()
            .map(|part| Eval::text(part.to_string()))
            .collect()
    } else {
        text.split(separator).map(Eval::text).collect()
    };
    Value::List(parts.into()).into()
}

fn slice<'a>(text: &str, method: &str, arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
    let length = text.chars().count();
    let bound = |number: f64| {
        let at = if number < 0.0 && method != "substring" {
            length as f64 + number
        } else {
            number
        };
        at.clamp(0.0, length as f64) as usize
    };
    let start = bound(arguments.first().map_or(Some(0.0), Eval::number)?);
    let end = match arguments.get(1) {
        None => length,
        Some(end) if method == "substr" => {
            (start + end.number()?.clamp(0.0, length as f64) as usize).min(length)
        }
        Some(end) => bound(end.number()?),
    };
    let (start, end) = if method == "substring" {
        (start.min(end), start.max(end))
    } else {
        (start, end.max(start))
    };
    let kept: String = text.chars().skip(start).take(end - start).collect();
    Some(Eval::text(kept))
}

/// `parseInt(text, radix)`.
pub fn parse_int(arguments: &[Eval<'_>]) -> Option<f64> {
    let text = match &arguments.first()?.value {
        Value::Number(number) => return Some(number.trunc()),
        Value::Text { text, exact: true } => text.trim().to_ascii_lowercase(),
        _ => return None,
    };
    let radix = arguments.get(1).and_then(Eval::number).unwrap_or(0.0) as u32;
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) if radix == 0 || radix == 16 => (digits, 16),
        _ => (&*text, if radix == 0 { 10 } else { radix }),
    };
    if !(2..=36).contains(&radix) {
        return None;
    }
    let end = digits
        .find(|character: char| !character.is_digit(radix))
        .unwrap_or(digits.len());
    i64::from_str_radix(digits.get(..end)?, radix)
        .ok()
        .map(|number| number as f64)
}

/// A constant decoded by a named encoding, as bytes.
pub fn decode_text(text: &str, encoding: &str) -> Option<(&'static str, Vec<u8>)> {
    match encoding.to_ascii_lowercase().as_str() {
        "base64" | "base64url" => Some(("base64", decode::base64(text)?)),
        "hex" => Some(("hex", decode::hex(text)?)),
        "utf8" | "utf-8" | "ascii" | "latin1" | "binary" | "" => {
            Some(("", text.as_bytes().to_vec()))
        }
        _ => None,
    }
}

/// `unescape`: `%uXXXX` and `%XX`.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (digits, skip) = match after.strip_prefix('u') {
            Some(wide) => (wide.get(..4), 5),
            None => (after.get(..2), 2),
        };
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code.and_then(char::from_u32) {
            Some(character) => {
                out.push(character);
                rest = after.get(skip..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(value: Option<Eval<'_>>) -> Option<String> {
        value
            .and_then(|value| value.exact())
            .map(|text| text.to_string())
    }

    #[test]
    fn methods_fold_as_javascript_does() {
        let number = |number: f64| Eval::from(Value::Number(number));
        assert_eq!(
            folded(text("abcdef", "slice", &[number(-3.0)])).as_deref(),
            Some("def")
        );
        assert_eq!(
            folded(text("abcdef", "substring", &[number(4.0), number(1.0)])).as_deref(),
            Some("bcd")
        );
        assert_eq!(
            folded(text("abcdef", "substr", &[number(1.0), number(2.0)])).as_deref(),
            Some("bc")
        );
        assert_eq!(
            folded(text("a-b-c", "replace", &[Eval::text("-"), Eval::text("")])).as_deref(),
            Some("ab-c")
        );
        assert_eq!(folded(text("ab", "repeat", &[number(1e9)])), None);
        assert_eq!(unescape("%65v%u0061l%"), "eval%");
        assert_eq!(parse_int(&[Eval::text("0x1F")]), Some(31.0));
        assert_eq!(parse_int(&[Eval::text("12px")]), Some(12.0));
        assert_eq!(to_int32(4_294_967_295.0), -1);
    }
}
