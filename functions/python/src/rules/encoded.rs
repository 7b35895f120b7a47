//! Names of modules and functions that stand encoded.

use std::collections::BTreeSet;

use packguard_sdk::decode::{self, Layer};
use packguard_sdk::{Confidence, Hit, Phase, Severity};

use super::constants::Constant;
use super::latent::LATENT_PAYLOAD;

/// Encoded strings that are names of what does harm: tables that obfuscators look up.
pub(super) fn encoded_names(source: &str, strings: &[Constant<'_>], phase: Phase) -> Option<Hit> {
    let strong = [
        "exec",
        "eval",
        "system",
        "popen",
        "Popen",
        "subprocess",
        "urlopen",
        "requests",
        "socket",
        "environ",
        "__import__",
        "urllib.request",
        "ctypes",
        "builtins",
        "b64decode",
        "marshal",
    ];
    let weak = [
        "os", "post", "get", "read", "decode", "loads", "base64", "zlib", "compile", "write",
        "open", "platform", "getpass", "json", "data", "sys", "lzma", "bz2",
    ];
    let (mut harmful, mut all, mut at) = (BTreeSet::new(), BTreeSet::new(), None);
    let mut spelled = 0;
    let rotates = ["rot13", "rot_13", "rot-13", "'rot", "\"rot", "maketrans"]
        .iter()
        .any(|word| memchr::memmem::find(source.as_bytes(), word.as_bytes()).is_some());
    for constant in strings
        .iter()
        .filter(|one| (4..80).contains(&one.text.len()) && !one.text.contains(' '))
        .take(2_000)
    {
        let decoded = [decode::base64(&constant.text), decode::hex(&constant.text)];
        let reversed = Some(constant.text.bytes().rev().collect::<Vec<u8>>());
        let rotated = rotates.then(|| decode::rotate(&constant.text, 13).into_bytes());
        let escaped = escaped(&constant.text);
        let by_escapes = escaped.is_some();
        let turned = [reversed, rotated, escaped];
        for bytes in decoded.into_iter().chain(turned).flatten() {
            let Ok(name) = std::str::from_utf8(&bytes) else {
                continue;
            };
            let is_url = name.starts_with("http://") || name.starts_with("https://");
            if strong.contains(&name) || is_url {
                harmful.insert(name.to_owned());
                spelled += usize::from(by_escapes);
                at.get_or_insert_with(|| constant.range.clone());
            }
            if strong.contains(&name) || weak.contains(&name) || is_url {
                all.insert(name.to_owned());
            }
        }
    }
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    // Nobody has to write a word of plain letters by their codes.
    let table = harmful.len() >= 2 && all.len() >= 3;
    (table || (spelled >= 1 && all.len() >= 2)).then(|| {
        Hit::new(&LATENT_PAYLOAD, at.unwrap_or_default(), phase)
            .title("Names of modules and functions stand there encoded")
            .severity(Severity::High)
            .confidence(Confidence::High)
            .layers(&[Layer {
                encoding: "names",
                text: names.join(", ").into(),
            }])
            .why("Names are encoded so that nobody finds what the code calls.")
    })
}

/// A word of which every letter is written by its code: `\x65\x78\x65\x63`, `\145\170…`.
fn escaped(literal: &str) -> Option<Vec<u8>> {
    let mut letters = Vec::new();
    for code in literal.strip_prefix('\\')?.split('\\') {
        let letter = match code.as_bytes() {
            [b'x', _, _] => u8::from_str_radix(code.get(1..)?, 16).ok()?,
            [b'u', b'0', b'0', _, _] => u8::from_str_radix(code.get(1..)?, 16).ok()?,
            [b'0'..=b'1', b'0'..=b'7', b'0'..=b'7'] => u8::from_str_radix(code, 8).ok()?,
            _ => return None,
        };
        (letter.is_ascii_graphic()).then(|| letters.push(letter))?;
    }
    (letters.len() >= 2).then_some(letters)
}
