//! Commands handed to calls that are not known: whoever gets a command runs it.

use packguard_sdk::indicators::{self, ShellAct};
use packguard_sdk::{Confidence, Hit, Phase, Severity, text};
use ruff_python_ast::token::{Token, TokenKind};
use ruff_text_size::Ranged as _;

use super::by_phase;
use super::constants::unquoted;
use super::remote_control::REVERSE_SHELL;
use super::shell::{DECODE_RUN, DOWNLOAD_RUN};
use crate::interp::bytes_of;

/// Deepest nesting of parentheses that is kept.
const DEPTH: usize = 50;

/// Callees that show, log, compare or document what they are given.
const SHOWS: &[&str] = &[
    "print",
    "echo",
    "secho",
    "info",
    "debug",
    "warn",
    "warning",
    "error",
    "critical",
    "exception",
    "log",
    "fail",
    "skip",
    "exit",
    "_exit",
    "abort",
    "help",
    "add_argument",
    "add_parser",
    "option",
    "compile",
    "match",
    "search",
    "fullmatch",
    "findall",
    "sub",
    "parametrize",
    "param",
    "dedent",
    "format",
    "Panel",
    "Text",
    "Markdown",
    "markdown",
    "gettext",
    "_",
    "setup",
    "namedtuple",
    "Rule",
    "Pattern",
    "Example",
    "scan",
    "detect",
    "check",
    "test",
    "isinstance",
    "raises",
    "Field",
    "Query",
    "Header",
    "Option",
    "Argument",
    "ArgumentParser",
    "deprecated",
    "Case",
];

/// Looks at commands among the arguments of calls at a file's top level.
pub(super) fn check(source: &str, tokens: &[Token], phase: Phase) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut open: Vec<Option<&str>> = Vec::new();
    let mut before: Option<&Token> = None;
    // Indentation, and from which depth on it is a function's body.
    let (mut indent, mut function) = (0_usize, None::<usize>);
    for token in tokens {
        let of = |token: &Token| source.get(bytes_of(token.range()));
        match token.kind() {
            TokenKind::Indent => indent += 1,
            TokenKind::Dedent => {
                indent = indent.saturating_sub(1);
                function = function.filter(|depth| indent > *depth);
            }
            TokenKind::Def if function.is_none() => function = Some(indent),
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace if open.len() < DEPTH => {
                let name = before
                    .filter(|_| token.kind() == TokenKind::Lpar)
                    .filter(|token| token.kind() == TokenKind::Name)
                    .and_then(of);
                open.push(name.or(open.last().copied().flatten()));
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                open.pop();
            }
            TokenKind::String if function.is_none() => {
                if let (Some(callee), Some(literal)) = (open.last().copied().flatten(), of(token)) {
                    hits.extend(command(callee, literal, token, phase));
                }
            }
            _ => {}
        }
        if token.kind() == TokenKind::Newline && indent == 0 {
            function = None;
        }
        before = Some(token);
    }
    hits
}

fn command(callee: &str, literal: &str, token: &Token, phase: Phase) -> Option<Hit> {
    let known = [
        "system",
        "popen",
        "Popen",
        "run",
        "call",
        "check_call",
        "check_output",
    ];
    let shows = SHOWS.contains(&callee)
        || callee.ends_with("Error")
        || callee.ends_with("Exception")
        || callee.ends_with("Warning");
    if shows || known.contains(&callee) || literal.len() > 2_000 {
        return None;
    }
    let bare = unquoted(literal.trim_start_matches(['r', 'R', 'b', 'B', 'u', 'f']));
    let commands = [
        "curl",
        "wget",
        "sh ",
        "bash",
        "/bin/",
        "powershell",
        "python",
        "cmd",
        "nc ",
        "echo",
        "(",
    ];
    if !commands
        .iter()
        .any(|start| bare.trim_start().starts_with(start))
    {
        return None;
    }
    let found = indicators::shell(bare).into_iter().find(|found| {
        matches!(
            found.act,
            ShellAct::DownloadAndRun | ShellAct::DecodeAndRun | ShellAct::ReverseShell
        )
    })?;
    let rule = match found.act {
        ShellAct::DownloadAndRun => &DOWNLOAD_RUN,
        ShellAct::DecodeAndRun => &DECODE_RUN,
        _ => &REVERSE_SHELL,
    };
    Some(
        Hit::new(rule, bytes_of(token.range()), phase)
            .title(format!("{}: `{}`", rule.title, text::cut(bare, 120)))
            .severity(by_phase(phase, Severity::High, Severity::Medium))
            .confidence(Confidence::High)
            .why(format!("`{callee}` is given the command.")),
    )
}
