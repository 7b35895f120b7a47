//! Packages of which nothing can be read: little but code that PyArmor protects.

use packguard_sdk::{Analysis, Confidence, Phase, Severity};

use crate::link::Seen;
use crate::rules::OBFUSCATED;

/// Readable lines up to which a package says nothing of itself.
const READABLE_LINES: usize = 40;

/// Protected files up to which a package is small: vendors protect whole products.
const PROTECTED_FILES: usize = 3;

/// Largest protected file that is looked at, in bytes.
const SIZE_LIMIT: u64 = 1 << 20;

/// Reports a small package whose code is protected, and little else.
pub fn check(seen: &[Seen<'_>], analysis: &mut Analysis) {
    if seen.len() > 40 {
        return;
    }
    let mut protected = Vec::new();
    let mut readable = 0;
    for one in seen {
        let path = one.file.path();
        if path.contains("pytransform") || path.contains("pyarmor_runtime") {
            continue;
        }
        if one.file.size() > SIZE_LIMIT {
            return;
        }
        let Ok(bytes) = one.file.read() else { return };
        if memchr::memmem::find(&bytes, b"__pyarmor__(").is_some() {
            protected.push(one);
        } else if !one.unit.setup {
            let lines = bytes.split(|byte| *byte == b'\n');
            readable += lines.filter(|line| !line.trim_ascii().is_empty()).count();
        }
    }
    let Some(first) = protected.first() else {
        return;
    };
    if protected.len() > PROTECTED_FILES || readable > READABLE_LINES {
        return;
    }
    analysis.push(
        OBFUSCATED
            .at_file(first.file, Confidence::High)
            .title("Nothing of this package's code can be read")
            .severity(Severity::High)
            .phase(Phase::Import)
            .why("All that the package does is protected by PyArmor."),
    );
}
