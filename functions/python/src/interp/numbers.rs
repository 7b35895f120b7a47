//! Numbers.

use ruff_python_ast::UnaryOp;

use crate::value::{Kind, Taint, Value};

/// Longest integer that is read, in digits: the work grows with the square.
const BIG_DIGITS: usize = 12_000;

impl<'a> super::Interpreter<'a, '_> {
    /// A large integer; the work is charged.
    pub(super) fn large(&mut self, digits: &str) -> Value<'a> {
        match self.extra.checked_sub(digits.len() * digits.len() / 128) {
            Some(extra) => {
                self.extra = extra;
                big(digits)
            }
            None => Value::tainted(Taint::OVERSIZE),
        }
    }
}

/// A large integer as it is written.
fn big<'a>(digits: &str) -> Value<'a> {
    let digits = digits.replace('_', "");
    if digits.len() > BIG_DIGITS {
        return Value::tainted(Taint::OVERSIZE);
    }
    if let Some(hex) = digits.to_ascii_lowercase().strip_prefix("0x") {
        let padded = format!("{}{hex}", "0".repeat(hex.len() % 2));
        return packguard_sdk::decode::hex(&padded)
            .map_or_else(Value::unknown, |bytes| Value::of(Kind::Big(bytes.into())));
    }
    // Lowest limb first.
    let mut limbs: Vec<u32> = Vec::new();
    for digit in digits.chars() {
        let Some(mut carry) = digit.to_digit(10).map(u64::from) else {
            return Value::unknown();
        };
        for limb in &mut limbs {
            let sum = u64::from(*limb) * 10 + carry;
            *limb = u32::try_from(sum & 0xFFFF_FFFF).unwrap_or(0);
            carry = sum >> 32;
        }
        if carry > 0 {
            limbs.push(u32::try_from(carry).unwrap_or(0));
        }
    }
    let bytes: Vec<u8> = limbs
        .iter()
        .rev()
        .flat_map(|limb| limb.to_be_bytes())
        .collect();
    Value::of(Kind::Big(bytes.into()))
}

/// `-x`, `~x`.
pub(super) fn unary<'a>(operator: UnaryOp, value: &Value<'a>) -> Value<'a> {
    match (operator, value.as_int()) {
        (UnaryOp::USub, Some(number)) => Value::of(Kind::Int(number.saturating_neg())),
        (UnaryOp::Invert, Some(number)) => Value::of(Kind::Int(!number)),
        _ => Value::unknown(),
    }
}
