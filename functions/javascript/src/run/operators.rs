//! Operators, and values as texts and keys.

use std::rc::Rc;

use oxc_ast::ast::{BinaryOperator, UnaryOperator};

use super::Machine;
use super::value::{Live, Units};
use crate::eval::methods::to_int32;

/// Nesting of arrays that become texts.
const NESTED: u8 = 4;

impl<'a> Machine<'a> {
    /// The text that a value becomes; `None` where not known.
    pub(super) fn units(&self, value: &Live<'a>) -> Option<Units> {
        self.units_within(value, NESTED)
    }

    fn units_within(&self, value: &Live<'a>, depth: u8) -> Option<Units> {
        let text = |text: &str| Some(Rc::new(text.encode_utf16().collect()));
        match value {
            Live::Unknown => None,
            Live::Undefined => text("undefined"),
            Live::Null => text("null"),
            Live::Boolean(value) => text(if *value { "true" } else { "false" }),
            Live::Number(number) => text(&number_text(*number)),
            Live::Text(units) => Some(Rc::clone(units)),
            Live::List(items) => {
                let mut out = Vec::new();
                for (at, item) in items.borrow().iter().enumerate() {
                    if at > 0 {
                        out.push(u16::from(b','));
                    }
                    if !matches!(item, Live::Undefined | Live::Null) {
                        let inner = self.units_within(item, depth.checked_sub(1)?)?;
                        out.extend_from_slice(&inner);
                    }
                }
                Some(Rc::new(out))
            }
            Live::Bytes(bytes) => text(&String::from_utf8_lossy(&bytes.borrow())),
            Live::Object(members) => match members.borrow().get("\u{0}text") {
                Some(kept) if depth > 0 => self.units_within(kept, depth - 1),
                _ => text("[object Object]"),
            },
            Live::Closure(closure) => {
                let span = closure.node.span();
                text(
                    self.facts
                        .source
                        .get(span.start as usize..span.end as usize)?,
                )
            }
            Live::Native(path) => match &**path {
                "globalThis" => text("[object Window]"),
                "Array.iterator" => text("[object Array Iterator]"),
                path => {
                    let name = path.rsplit('.').next().unwrap_or_default();
                    text(&format!("function {name}() {{ [native code] }}"))
                }
            },
            Live::Method(method) => text(&format!("function {}() {{ [native code] }}", method.1)),
        }
    }

    /// The member name that a value is.
    pub(super) fn key(&self, value: &Live<'a>) -> Option<Rc<str>> {
        if let Live::Number(number) = value {
            return Some(number_text(*number).into());
        }
        let units = self.units(value)?;
        Some(String::from_utf16_lossy(&units).into())
    }

    pub(super) fn strictly_equal(&self, left: &Live<'a>, right: &Live<'a>) -> Option<bool> {
        Some(match (left, right) {
            (Live::Unknown, _) | (_, Live::Unknown) => return None,
            (Live::Undefined, Live::Undefined) | (Live::Null, Live::Null) => true,
            (Live::Boolean(a), Live::Boolean(b)) => a == b,
            (Live::Number(a), Live::Number(b)) => a == b,
            (Live::Text(a), Live::Text(b)) => a == b,
            (Live::List(a), Live::List(b)) => Rc::ptr_eq(a, b),
            (Live::Object(a), Live::Object(b)) => Rc::ptr_eq(a, b),
            (Live::Closure(a), Live::Closure(b)) => Rc::ptr_eq(a, b),
            (Live::Native(a), Live::Native(b)) => a == b,
            _ => false,
        })
    }
}

/// A number as JavaScript prints it.
pub(super) fn number_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .into();
    }
    if number.abs() >= 1e21 {
        let text = format!("{number:e}");
        return match text.split_once('e') {
            Some((digits, power)) => format!("{digits}e+{power}"),
            None => text,
        };
    }
    format!("{}", if number == 0.0 { 0.0 } else { number })
}

pub(super) fn loosely_equal<'a>(left: &Live<'a>, right: &Live<'a>) -> Option<bool> {
    let nothing = |value: &Live<'a>| matches!(value, Live::Undefined | Live::Null);
    Some(match (left, right) {
        (Live::Unknown, _) | (_, Live::Unknown) => return None,
        (Live::Text(a), Live::Text(b)) => a == b,
        (a, b) if nothing(a) || nothing(b) => nothing(a) && nothing(b),
        (Live::Native(a), Live::Native(b)) => a == b,
        (Live::Closure(a), Live::Closure(b)) => Rc::ptr_eq(a, b),
        (Live::Object(a), Live::Object(b)) => Rc::ptr_eq(a, b),
        (a, b) => a.number()? == b.number()?,
    })
}

pub(super) fn unary<'a>(operator: UnaryOperator, value: &Live<'a>) -> Live<'a> {
    match operator {
        UnaryOperator::LogicalNot => value
            .truth()
            .map_or(Live::Unknown, |truth| Live::Boolean(!truth)),
        UnaryOperator::Typeof => value.kind().map_or(Live::Unknown, Live::text),
        UnaryOperator::Void => Live::Undefined,
        UnaryOperator::UnaryNegation => value.number().map_or(Live::Unknown, |n| Live::Number(-n)),
        UnaryOperator::UnaryPlus => value.number().map_or(Live::Unknown, Live::Number),
        UnaryOperator::BitwiseNot => value
            .number()
            .map_or(Live::Unknown, |n| Live::Number(f64::from(!to_int32(n)))),
        UnaryOperator::Delete => Live::Boolean(true),
    }
}

/// Comparisons and arithmetic.
pub(super) fn arithmetic<'a>(
    operator: BinaryOperator,
    left: &Live<'a>,
    right: &Live<'a>,
) -> Live<'a> {
    if let (Live::Text(a), Live::Text(b)) = (left, right) {
        match operator {
            BinaryOperator::LessThan => return Live::Boolean(a < b),
            BinaryOperator::LessEqualThan => return Live::Boolean(a <= b),
            BinaryOperator::GreaterThan => return Live::Boolean(a > b),
            BinaryOperator::GreaterEqualThan => return Live::Boolean(a >= b),
            _ => {}
        }
    }
    let Some((a, b)) = left.number().zip(right.number()) else {
        return Live::Unknown;
    };
    let (x, y) = (to_int32(a), to_int32(b));
    let shift = y.cast_unsigned() & 31;
    Live::Number(match operator {
        BinaryOperator::LessThan => return Live::Boolean(a < b),
        BinaryOperator::LessEqualThan => return Live::Boolean(a <= b),
        BinaryOperator::GreaterThan => return Live::Boolean(a > b),
        BinaryOperator::GreaterEqualThan => return Live::Boolean(a >= b),
        BinaryOperator::Subtraction => a - b,
        BinaryOperator::Multiplication => a * b,
        BinaryOperator::Division => a / b,
        BinaryOperator::Remainder => a % b,
        BinaryOperator::Exponential => a.powf(b),
        BinaryOperator::BitwiseXOR => f64::from(x ^ y),
        BinaryOperator::BitwiseAnd => f64::from(x & y),
        BinaryOperator::BitwiseOR => f64::from(x | y),
        BinaryOperator::ShiftLeft => f64::from(x.wrapping_shl(shift)),
        BinaryOperator::ShiftRight => f64::from(x.wrapping_shr(shift)),
        BinaryOperator::ShiftRightZeroFill => f64::from(x.cast_unsigned().wrapping_shr(shift)),
        _ => return Live::Unknown,
    })
}
