//! A purl is refused or has one canonical spelling.
#![no_main]

use libfuzzer_sys::fuzz_target;
use packguard_platform::purl::Purl;

fuzz_target!(|text: &str| {
    if let Ok(purl) = text.parse::<Purl>() {
        let canonical = purl.to_string();
        let again: Purl = canonical.parse().expect("a canonical purl is a purl");
        assert_eq!(again.to_string(), canonical);
    }
});
