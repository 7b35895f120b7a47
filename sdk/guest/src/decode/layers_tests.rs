//! Tests of [`super::layers`].

use std::io::Write as _;

use ::base64::Engine as _;

use super::layers::*;

fn encode(bytes: impl AsRef<[u8]>) -> String {
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn texts(text: &str) -> Vec<String> {
    layers(text).map(|found| found.text().into()).collect()
}

#[test]
fn each_encoding_is_taken_off_and_what_is_inside_too() {
    let code = "require('child_process').exec('id')";
    let hexed: String = code.bytes().map(|byte| format!("{byte:02x}")).collect();
    let escaped: String = code.bytes().map(|byte| format!("\\x{byte:02X}")).collect();
    let percented: String = code.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for run in [&hexed, &escaped, &percented, &encode(code)] {
        assert_eq!(texts(&format!("f(\"{run}\")")), [code], "{run}");
    }
    assert_eq!(texts(&encode(&hexed)), [hexed.as_str(), code]);
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(code.repeat(9).as_bytes()).unwrap();
    let found: Vec<_> = layers(&encode(packed.finish().unwrap())).collect();
    assert_eq!(found[0].text(), code.repeat(9));
    assert_eq!(found[0].layers[1].encoding, "deflate");
}

#[test]
fn wrapped_lines_are_one_run() {
    let code = "a line of harmless text, repeated. ".repeat(12);
    let wrapped: Vec<String> = encode(&code)
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    assert_eq!(
        texts(&format!("'''\n{}\n'''", wrapped.join("\n  "))),
        [code]
    );
}

#[test]
fn what_only_looks_encoded_is_left_alone() {
    for text in [
        "AbstractSingletonProxyFactoryBeanImplementation",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg",
        "/usr/local/lib/python3/dist-packages/requests/adapters",
    ] {
        assert_eq!(texts(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn limits_end_the_search_and_say_so() {
    let mut nested = "the innermost text of all of them".to_owned();
    for _ in 0..12 {
        nested = encode(&nested);
    }
    let mut found = layers(&nested);
    assert_eq!(found.by_ref().count(), 8);
    assert!(found.is_cut());

    let many = format!("{} ", encode("harmless, but encoded text")).repeat(50);
    let limits = LayerLimits {
        runs: 20,
        ..LayerLimits::default()
    };
    let mut found = layers_within(&many, limits);
    assert_eq!(found.by_ref().count(), 20);
    assert!(found.is_cut());
    let limits = LayerLimits {
        total: 100,
        ..LayerLimits::default()
    };
    let mut found = layers_within(&many, limits);
    assert_eq!(found.by_ref().count(), 3);
    assert!(found.is_cut());
    let mut found = layers(&many);
    assert_eq!(found.by_ref().count(), 50);
    assert!(!found.is_cut());
}

#[test]
fn a_bomb_stops_at_the_output_limit() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all("a ".repeat(10 << 20).as_bytes()).unwrap();
    let bomb = encode(packed.finish().unwrap());
    let size: usize = layers(&bomb).map(|found| found.text().len()).sum();
    assert_eq!(size, super::OUTPUT_LIMIT);
}

proptest::proptest! {
    #[test]
    fn no_text_panics_and_ranges_hold(text in "[a-zA-Z0-9+/=%\\\\x é\n]{0,300}") {
        for found in layers(&text) {
            assert!(text.get(found.range).is_some());
        }
    }
}
