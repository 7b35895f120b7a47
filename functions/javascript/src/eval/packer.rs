//! Unpacks `eval(function(p,a,c,k,e,d){…}('…',62,99,'a|b|c'.split('|'),0,{}))`.

use crate::value::{Eval, TEXT_LIMIT, Value};

/// The packed text with its words put back; `None` where the arguments are not a
/// packer's.
pub fn unpack(arguments: &[Eval<'_>]) -> Option<String> {
    let [payload, radix, count, words, ..] = arguments else {
        return None;
    };
    let payload = payload.exact()?;
    let radix = radix.number()? as u32;
    let Value::List(words) = &words.value else {
        return None;
    };
    if !(2..=62).contains(&radix) || count.number()? as usize > words.len() + 1 {
        return None;
    }
    let mut out = String::with_capacity(payload.len() * 2);
    let mut word = String::new();
    for character in payload.chars().chain(['\0']) {
        if character.is_ascii_alphanumeric() || character == '_' {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            let replaced = number(&word, radix)
                .and_then(|at| words.get(at))
                .and_then(Eval::exact)
                .filter(|replacement| !replacement.is_empty());
            match replaced {
                Some(replacement) => out.push_str(&replacement),
                None => out.push_str(&word),
            }
            word.clear();
        }
        if character != '\0' {
            out.push(character);
        }
        if out.len() > TEXT_LIMIT {
            return None;
        }
    }
    Some(out)
}

/// The packer's digits: 0–9, a–z, A–Z.
fn number(word: &str, radix: u32) -> Option<usize> {
    word.chars().try_fold(0_usize, |number, character| {
        let digit = match character {
            '0'..='9' => u32::from(character) - u32::from('0'),
            'a'..='z' => u32::from(character) - u32::from('a') + 10,
            'A'..='Z' => u32::from(character) - u32::from('A') + 36,
            _ => return None,
        };
        let digit = (digit < radix).then_some(digit as usize)?;
        number.checked_mul(radix as usize)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_back_to_their_places() {
        let words = ["console", "", "log"].map(Eval::text).to_vec();
        let arguments = [
            Eval::text("0.2(\"hi_1\")"),
            Value::Number(10.0).into(),
            Value::Number(3.0).into(),
            Value::List(words.into()).into(),
        ];
        assert_eq!(unpack(&arguments).as_deref(), Some("console.log(\"hi_1\")"));
        assert_eq!(unpack(&arguments[..3]), None);
    }
}
