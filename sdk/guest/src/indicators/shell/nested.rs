//! What the substitutions of a word (`$(…)`, backticks, `<(…)`) do. Told once, when the
//! word is made: the rules ask often, and substitutions nest.

use super::command::Call;
use super::lex::{Command, Word};

/// What the commands inside a word do, at any depth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Nested {
    /// One downloads.
    pub fetches: bool,
    /// One decodes.
    pub decodes: bool,
    /// There is one.
    pub any: bool,
}

impl Nested {
    /// What the substitutions of some words do.
    pub fn of(words: &[Word]) -> Self {
        let mut sum = Self::default();
        for word in words {
            sum.add(word.does);
        }
        sum
    }

    /// What some commands do, those inside their words included.
    pub fn commands(commands: &[Command]) -> Self {
        let mut sum = Self {
            any: !commands.is_empty(),
            ..Self::default()
        };
        for command in commands {
            if let Some(call) = command.call() {
                sum.fetches |= call.fetch().is_some();
                sum.decodes |= is_decoder(&call);
            }
            sum.add(Self::of(&command.words));
        }
        sum
    }

    /// Joins what two words do.
    pub fn add(&mut self, other: Self) {
        self.fetches |= other.fetches;
        self.decodes |= other.decodes;
        self.any |= other.any;
    }
}

/// Whether a command turns encoded text into plain.
pub(super) fn is_decoder(call: &Call<'_>) -> bool {
    match call.name.as_str() {
        "base64" | "base32" | "gbase64" => call.has(&["-d", "--decode", "-di", "-id"]),
        "openssl" => {
            call.has(&["-d"]) && call.has(&["base64", "enc"])
                || call.has(&["-d"]) && call.has(&["-base64", "-a"])
        }
        "xxd" => call.args.iter().any(|arg| arg.text.starts_with("-r")),
        "uudecode" => true,
        "certutil" => call.has(&["-decode", "/decode", "-decodehex"]),
        "rev" => true,
        "tr" => call
            .args
            .iter()
            .any(|arg| arg.text.to_ascii_lowercase().contains("n-za-m")),
        "printf" | "echo" => call.args.iter().any(|arg| {
            arg.text.matches("\\x").count() >= 4
                || arg.text.matches("\\0").count() >= 4
                || arg.text.matches("\\1").count() >= 4
        }),
        _ => false,
    }
}
