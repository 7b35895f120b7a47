//! Scripts inside of HTML, Vue and Svelte files.

use std::ops::Range;

/// Scripts taken from one file.
const SCRIPTS: usize = 60;

/// Whether files of an extension hold scripts in `<script>` elements.
pub fn is_markup(extension: &str) -> bool {
    matches!(extension, "html" | "htm" | "xhtml" | "vue" | "svelte")
}

/// Where the scripts of a file stand, with the extension to read each as.
pub fn scripts(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while found.len() < SCRIPTS
        && let Some(open) = next_tag(text, from)
    {
        let Some(length) = text[open..].find('>') else {
            break;
        };
        let head = text[open..open + length].to_ascii_lowercase();
        let start = open + length + 1;
        let end = close(text, start);
        let typed = head.contains("type=");
        let script = !typed
            || ["javascript", "module", "ecmascript", "text/babel", "jsx"]
                .iter()
                .any(|kind| head.contains(kind));
        if script && !text[start..end].trim().is_empty() {
            let typescript = head.contains("lang=\"ts") || head.contains("lang='ts");
            found.push((start..end, if typescript { "ts" } else { "js" }));
        }
        from = end;
    }
    found
}

/// Where the next `<script` begins.
fn next_tag(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'<', &bytes[from..])
        .map(|at| from + at)
        .find(|at| {
            bytes
                .get(at + 1..at + 7)
                .is_some_and(|word| word.eq_ignore_ascii_case(b"script"))
        })
}

/// Where the script that starts at `start` ends: before `</script`.
fn close(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'<', &bytes[start..])
        .map(|at| start + at)
        .find(|at| {
            bytes
                .get(at + 1..at + 8)
                .is_some_and(|word| word.eq_ignore_ascii_case(b"/script"))
        })
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_stand_between_their_tags() {
        let text = "<p>a</p><SCRIPT>b()</SCRIPT><script type=\"application/json\">{}</script>\
            <script lang=\"ts\">let c: number";
        let found: Vec<_> = scripts(text)
            .into_iter()
            .map(|(range, extension)| (&text[range], extension))
            .collect();
        assert_eq!(found, [("b()", "js"), ("let c: number", "ts")]);
    }
}
