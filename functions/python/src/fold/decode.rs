//! Encodings taken off constants.

use std::rc::Rc;

use super::{Budget, LENGTH_LIMIT};
use crate::value::{Taint, Value};
use packguard_sdk::decode::Layer;

/// Longest text kept of a decoded layer, in bytes.
const LAYER_LIMIT: usize = 4_000;

/// Takes an encoding off a value; the label says so even where the content is not known.
pub fn decode<'a>(encoding: &'static str, input: &Value<'a>, budget: &mut Budget) -> Value<'a> {
    use packguard_sdk::decode;
    let mut taint = Taint::DECODED;
    if !budget.read(input) {
        return Value::tainted(input.taint | taint | Taint::OVERSIZE);
    }
    if input.taint.has(Taint::DECODED) {
        taint |= Taint::DECODED_TWICE;
    }
    let text = input
        .to_text()
        .filter(|text| !input.taint.has(Taint::PARTIAL) && text.len() <= LENGTH_LIMIT);
    let decoded = match (encoding, text, input.as_bytes()) {
        ("base64", Some(text), _) => {
            // Python skips what is not in the alphabet.
            let alphabet = |c: &char| c.is_ascii_alphanumeric() || "+/-_".contains(*c);
            decode::base64(&text.chars().filter(alphabet).collect::<String>())
        }
        ("hex", Some(text), _) => decode::hex(&text),
        ("url", Some(text), _) => Some(decode::percent(&text)),
        ("rot13", Some(text), _) => Some(rot13(&text).into_bytes()),
        ("zlib", _, Some(bytes)) => decode::inflate(bytes),
        _ => None,
    };
    let Some(decoded) = decoded else {
        return Value::unknown().inheriting(input).with(taint);
    };
    let text: Rc<str> = packguard_sdk::text::decode(&decoded).into();
    let mut layers = input
        .layers()
        .map_or_else(Vec::new, |layers| layers.to_vec());
    if layers.len() < 10 {
        layers.push(Layer {
            encoding,
            text: packguard_sdk::text::cut(&text, LAYER_LIMIT).into(),
        });
    }
    let mut value = if matches!(encoding, "url" | "rot13") {
        budget.text(text.to_string())
    } else {
        budget.bytes(decoded)
    };
    value.set_layers(Some(layers.into()));
    value.with(input.taint | taint)
}

fn rot13(text: &str) -> String {
    let turn = |c: char, first: u8| {
        u8::try_from(c).map_or(c, |byte| char::from((byte - first + 13) % 26 + first))
    };
    text.chars()
        .map(|c| match c {
            'a'..='z' => turn(c, b'a'),
            'A'..='Z' => turn(c, b'A'),
            other => other,
        })
        .collect()
}

/// The encoding that `codecs.decode(…, name)` and `.decode(name)` take off; none for
/// character sets.
pub fn codec(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
        "rot13" => Some("rot13"),
        "hex" | "hexcodec" => Some("hex"),
        "base64" | "base64codec" => Some("base64"),
        "zlib" | "zlibcodec" | "zip" => Some("zlib"),
        "bz2" | "bz2codec" => Some("bz2"),
        _ => None,
    }
}
