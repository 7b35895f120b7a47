//! A lock file is refused or read; the first byte chooses its kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use packguard_platform::inputs::lock::{Kind, parse};

const KINDS: [Kind; 9] = [
    Kind::Requirements,
    Kind::PoetryLock,
    Kind::UvLock,
    Kind::PackageLock,
    Kind::PnpmLock,
    Kind::YarnLock,
    Kind::CargoLock,
    Kind::CycloneDx,
    Kind::Spdx,
];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    if let Ok(parsed) = parse(KINDS[usize::from(*first) % KINDS.len()], rest) {
        for entry in parsed.packages {
            assert!(entry.purl.starts_with("pkg:"), "{}", entry.purl);
        }
    }
});
