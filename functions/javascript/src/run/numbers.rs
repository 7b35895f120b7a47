//! Numbers: `Math`, `parseInt`, `toString(radix)`.

use super::operators::number_text;
use super::value::Live;

/// Functions of `Math`.
pub(super) fn math<'a>(path: &str, arguments: &[Live<'a>]) -> Option<Live<'a>> {
    let name = path.strip_prefix("Math.")?;
    let numbers: Option<Vec<f64>> = arguments.iter().map(Live::number).collect();
    let numbers = numbers?;
    let first = numbers.first().copied().unwrap_or(f64::NAN);
    Some(Live::Number(match name {
        "floor" => first.floor(),
        "ceil" => first.ceil(),
        "round" => (first + 0.5).floor(),
        "abs" => first.abs(),
        "trunc" => first.trunc(),
        "sqrt" => first.sqrt(),
        "pow" => first.powf(numbers.get(1).copied().unwrap_or(f64::NAN)),
        "min" => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        "max" => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        // Code that asks for chance gets the same each time.
        "random" => 0.5,
        _ => return None,
    }))
}

/// `parseInt(text, radix)`.
pub(super) fn parse_int(text: &str, radix: f64) -> f64 {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let radix = if radix.is_finite() { radix as u32 } else { 0 };
    let lower = digits
        .get(..2)
        .is_some_and(|head| head.eq_ignore_ascii_case("0x"));
    let (digits, radix) = match (lower, radix) {
        (true, 0 | 16) => (&digits[2..], 16),
        (_, 0) => (digits, 10),
        (_, radix) => (digits, radix),
    };
    if !(2..=36).contains(&radix) {
        return f64::NAN;
    }
    let mut value = f64::NAN;
    for character in digits.chars() {
        let Some(digit) = character.to_digit(radix) else {
            break;
        };
        let before = if value.is_nan() { 0.0 } else { value };
        value = before * f64::from(radix) + f64::from(digit);
    }
    sign * value
}

/// `number.toString(radix)`, with a fraction of up to 52 digits.
pub(super) fn to_radix(number: f64, radix: f64) -> Option<String> {
    let radix = radix as u32;
    if radix == 10 || !number.is_finite() {
        return Some(number_text(number));
    }
    if !(2..=36).contains(&radix) || number.abs() > 9e15 {
        return None;
    }
    let mut whole = number.abs().trunc() as u64;
    let mut fraction = number.abs().fract();
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((whole % u64::from(radix)) as u32, radix)?);
        whole /= u64::from(radix);
        if whole == 0 {
            break;
        }
    }
    if number < 0.0 {
        digits.push('-');
    }
    let mut out: String = digits.into_iter().rev().collect();
    if fraction > 0.0 {
        out.push('.');
        for _ in 0..11 {
            fraction *= f64::from(radix);
            out.push(char::from_digit(fraction.trunc() as u32, radix)?);
            fraction = fraction.fract();
            if fraction == 0.0 {
                break;
            }
        }
    }
    Some(out)
}
