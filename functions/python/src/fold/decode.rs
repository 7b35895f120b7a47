//! Encodings taken off constants.

use std::rc::Rc;

use super::{Budget, LENGTH_LIMIT};
use crate::value::{Taint, Value};
use packguard_sdk::decode::Layer;

/// Longest text kept of a decoded layer, in bytes.
const LAYER_LIMIT: usize = 4_000;

/// Most layers shown of one value.
const LAYERS_LIMIT: usize = 10;

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
        ("rot13", Some(text), _) => Some(decode::rotate(&text, 13).into_bytes()),
        ("base32", Some(text), _) => decode::base32(&text),
        ("base85", Some(text), _) => decode::base85(&text),
        ("ascii85", Some(text), _) => decode::ascii85(&text),
        ("z85", Some(text), _) => decode::z85(&text),
        ("zlib", _, Some(bytes)) => decode::inflate(bytes),
        ("bz2", _, Some(bytes)) => decode::bunzip2(bytes),
        ("lzma", _, Some(bytes)) => decode::unlzma(bytes),
        _ => None,
    };
    let Some(decoded) = decoded else {
        return Value::unknown().inheriting(input).with(taint);
    };
    let is_text = matches!(encoding, "url" | "rot13");
    let value = if is_text {
        budget.text(packguard_sdk::text::decode(&decoded).into_owned())
    } else {
        budget.bytes(decoded)
    };
    layered(encoding, value, input).with(input.taint | taint)
}

/// What a cipher gives for an input, where the key is known.
pub fn decrypted<'a>(
    cipher: &'static str,
    plain: Option<Vec<u8>>,
    input: &Value<'a>,
    budget: &mut Budget,
) -> Value<'a> {
    let taint = input.taint | Taint::DECRYPTED;
    match plain {
        Some(plain) => layered(cipher, budget.bytes(plain), input).with(taint),
        None => Value::unknown().inheriting(input).with(taint),
    }
}

/// Adds a layer to those that were taken off the input.
fn layered<'a>(encoding: &'static str, mut value: Value<'a>, input: &Value<'a>) -> Value<'a> {
    let text: Rc<str> = value.to_text().unwrap_or_else(|| "".into());
    let mut layers = input
        .layers()
        .map_or_else(Vec::new, |layers| layers.to_vec());
    if layers.len() < LAYERS_LIMIT {
        layers.push(Layer {
            encoding,
            text: packguard_sdk::text::cut(&text, LAYER_LIMIT).into(),
        });
    }
    value.set_layers(Some(layers.into()));
    value
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
