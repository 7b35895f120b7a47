//! How results are printed: stdout is data, stderr is talk.

use std::io::Write as _;

use serde::Serialize;

use crate::failure::{Failure, environment};

/// Writes text to standard output. A reader that went away has seen enough.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    more(text).map(|_| ())
}

/// As [`text`], and says whether the reader is still there.
pub(crate) fn more(text: &str) -> Result<bool, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(environment(
            format!("standard output: {error}"),
            "nothing can be shown: check where the output goes",
        )),
    }
}

/// Writes a value as JSON to standard output.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| environment(error, "this is a defect of Packguard: please report it"))?;
    self::text(&(text + "\n"))
}

/// `1 sample`, `2 samples`.
pub(crate) fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// Microseconds as people read them.
pub(crate) fn time(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => {
            let tenths = micros / 100_000;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
    }
}

/// Bytes as people read them.
pub(crate) fn bytes(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).display().iec().to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_have_the_unit_that_fits() {
        assert_eq!(super::time(12), "12 µs");
        assert_eq!(super::time(12_345), "12 ms");
        assert_eq!(super::time(1_250_000), "1.2 s");
    }
}
