//! Commands in XML and HTML, and in shortcuts.

use crate::extract::{SNIPPETS, Snippet};
use crate::kind::Language;
use crate::text::Text;

fn unescape_xml(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#xA;", "\n")
        .replace("&#xD;", "")
        .replace("&#10;", "\n")
        .replace("&amp;", "&")
}

/// `Exec` commands and build events.
pub fn msbuild(text: &str) -> Vec<Snippet> {
    let mut found = Vec::new();
    for (at, word) in text.match_indices("Command=").take(SNIPPETS) {
        let rest = &text[at + word.len()..];
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            continue;
        };
        if let Some(end) = rest[1..].find(quote) {
            push_windows(&mut found, &rest[1..=end], at + word.len() + 1);
        }
    }
    for element in ["PreBuildEvent", "PostBuildEvent", "PreLinkEvent", "Command"] {
        let open = format!("<{element}>");
        for (at, word) in text.match_indices(open.as_str()).take(SNIPPETS) {
            let start = at + word.len();
            let end = text[start..]
                .find("</")
                .map_or(text.len(), |end| start + end);
            push_windows(&mut found, &text[start..end], start);
        }
    }
    found
}

fn push_windows(found: &mut Vec<Snippet>, raw: &str, at: usize) {
    let text = Text::of(&unescape_xml(raw), at);
    found.push(Snippet::new(text.clone(), Language::Shell));
    if text.text.contains(['%', '^']) {
        found.push(Snippet::new(text, Language::Batch));
    }
}

/// The strings of `ProgramArguments`, as one command.
pub fn plist(text: &str) -> Text {
    let mut out = Text::default();
    let Some(start) = text
        .find("<key>ProgramArguments</key>")
        .or_else(|| text.find("<key>Program</key>"))
    else {
        return out;
    };
    let end = text[start..]
        .find("</array>")
        .or_else(|| text[start..].find("</dict>"))
        .map_or(text.len(), |end| start + end);
    for (at, word) in text[start..end].match_indices("<string>") {
        let from = start + at + word.len();
        let to = text[from..end]
            .find("</string>")
            .map_or(end, |to| from + to);
        let value = unescape_xml(&text[from..to]);
        if value.contains([' ', '|', ';']) {
            out.push(from, &format!("'{}' ", value.replace('\'', "\"")));
        } else {
            out.push(from, &format!("{value} "));
        }
    }
    out
}

/// The bodies of `<script>` elements.
pub fn markup(text: &str) -> Vec<Snippet> {
    let mut found = Vec::new();
    let lower = text.to_ascii_lowercase();
    let mut at = 0;
    while let Some(open) = lower[at..].find("<script").map(|open| at + open) {
        let Some(start) = lower[open..].find('>').map(|end| open + end + 1) else {
            break;
        };
        let end = lower[start..]
            .find("</script")
            .map_or(text.len(), |end| start + end);
        found.push(Snippet {
            text: Text::of(&text[start..end], start),
            language: Language::VbScript,
            by_itself: true,
        });
        at = end;
        if found.len() >= SNIPPETS {
            break;
        }
    }
    found
}

/// The printable runs of a shortcut, UTF-16 ones too: its command line is among them.
pub fn shortcut(bytes: &[u8]) -> String {
    let wide: String = packguard_sdk::text::decode_utf16le(bytes);
    let odd: String = packguard_sdk::text::decode_utf16le(bytes.get(1..).unwrap_or_default());
    let narrow: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let mut out = String::new();
    for text in [wide, odd, narrow] {
        for run in text
            .split(|c: char| !(c.is_ascii_graphic() || c == ' '))
            .filter(|run| run.len() >= 6)
        {
            out.push_str(run);
            out.push('\n');
        }
    }
    out
}
