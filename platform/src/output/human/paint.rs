//! Lines, indents and colours.

use anstyle::{AnsiColor, Style};
use packguard_runtime::report::{Outcome, Severity};

/// Text in the making.
pub(in crate::output) struct Page {
    width: usize,
    text: String,
}

impl Page {
    pub(in crate::output) fn new(width: usize) -> Self {
        Self {
            width,
            text: String::new(),
        }
    }

    /// One line, however long. `text` may hold styles, and no hostile text unescaped.
    pub(in crate::output) fn line(&mut self, indent: usize, text: &str) {
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Text without styles, wrapped below the end of `label`.
    pub(in crate::output) fn wrapped(&mut self, indent: usize, label: &str, text: &str) {
        let hang = indent + unstyled_width(label);
        let width = self.width.saturating_sub(hang).max(20);
        for (number, line) in textwrap::wrap(text, width).iter().enumerate() {
            if number == 0 {
                self.line(indent, &format!("{label}{line}"));
            } else {
                self.line(hang, line);
            }
        }
    }

    /// Text without styles, cut at the right edge.
    pub(in crate::output) fn cut(&mut self, indent: usize, label: &str, text: &str) {
        let width = self
            .width
            .saturating_sub(indent + unstyled_width(label))
            .max(20);
        self.line(indent, &format!("{label}{}", cut_to_width(text, width)));
    }

    /// An empty line, never two.
    pub(in crate::output) fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    pub(in crate::output) fn finish(self) -> String {
        self.text
    }
}

fn unstyled_width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(anstream::adapter::strip_str(text).to_string().as_str())
}

fn cut_to_width(text: &str, width: usize) -> String {
    let mut used = 0;
    let mut out = String::new();
    for c in text.chars() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > width {
            out.pop();
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

pub(in crate::output) fn strong(text: &str) -> String {
    styled(Style::new().bold(), text)
}

pub(in crate::output) fn faint(text: &str) -> String {
    styled(Style::new().dimmed(), text)
}

pub(in crate::output) fn error(text: &str) -> String {
    styled(AnsiColor::Red.on_default().bold(), text)
}

pub(in crate::output) fn outcome(outcome: Outcome, text: &str) -> String {
    let color = match outcome {
        Outcome::Clean => AnsiColor::Green,
        Outcome::Incomplete => AnsiColor::Cyan,
        Outcome::Suspicious => AnsiColor::Yellow,
        Outcome::Malicious => AnsiColor::Red,
    };
    styled(color.on_default().bold(), text)
}

pub(in crate::output) fn severity(severity: Severity, text: &str) -> String {
    let color = match severity {
        Severity::Info | Severity::Low => AnsiColor::Cyan,
        Severity::Medium => AnsiColor::Yellow,
        Severity::High | Severity::Critical => AnsiColor::Red,
    };
    styled(color.on_default().bold(), text)
}
