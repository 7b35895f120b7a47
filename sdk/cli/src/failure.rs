//! Why a command ended. The type is the one of `packguard`, so that both speak alike.

use std::fmt::Display;
use std::path::Path;

use packguard_platform::roles::{ENVIRONMENT, USAGE};
use packguard_platform::{output, scan};

pub(crate) use packguard_platform::roles::Failure;

/// Exit code when the project is not well: `lib.rs` has them all.
pub(crate) const PROJECT: u8 = 1;

/// The project is not well.
pub(crate) fn project(message: impl Display, hint: impl Into<String>) -> Failure {
    failure(PROJECT, &message, hint)
}

/// The command line or a file of the project makes no sense.
pub(crate) fn usage(message: impl Display, hint: impl Into<String>) -> Failure {
    failure(USAGE, &message, hint)
}

/// The surroundings failed.
pub(crate) fn environment(message: impl Display, hint: impl Into<String>) -> Failure {
    failure(ENVIRONMENT, &message, hint)
}

/// A file or folder that can't be read or written.
pub(crate) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| {
        environment(
            format!("{path}: {error}"),
            "check the path, its permissions and the free space",
        )
    }
}

/// A package that could not be analysed, as `packguard scan` says it.
pub(crate) fn of_scan(from: output::Failure) -> Failure {
    use output::FailureCategory;
    let code = match from.category {
        FailureCategory::Usage => USAGE,
        FailureCategory::Package => 3,
        FailureCategory::Environment => scan::ENVIRONMENT,
    };
    let message = output::line(&format!("{}: {}", from.input, from.message));
    failure(code, &message, from.hint.unwrap_or_default())
}

/// Says a failure on standard error. Much of it is text of files, tools and servers: what a
/// terminal would obey in it is made visible.
pub fn say(failure: &Failure) {
    eprint!("{}", shown(failure));
}

fn shown(failure: &Failure) -> String {
    let lines = |text: &str| {
        let lines: Vec<_> = text.trim_end().lines().map(output::line).collect();
        lines.join("\n")
    };
    let mut text = format!("error: {}\n", lines(&failure.message));
    if !failure.hint.is_empty() {
        text += &format!("  hint: {}\n", lines(&failure.hint));
    }
    text
}

fn failure(code: u8, message: &dyn Display, hint: impl Into<String>) -> Failure {
    Failure {
        message: message.to_string(),
        hint: hint.into(),
        code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_and_escapes_are_shown() {
        let failure = usage("a\u{1b}[31m\n  |\n b\n", "c\u{7}");
        let expected = "error: a\\u{1b}[31m\n  |\n b\n  hint: c\\u{7}\n";
        assert_eq!(shown(&failure), expected);
        assert_eq!(shown(&usage("a", "")), "error: a\n");
    }
}
