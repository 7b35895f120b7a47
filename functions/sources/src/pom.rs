//! Scripts in Maven's project files: plugins run them while the project is built.

use std::ops::Range;

use packguard_sdk::{File, Phase};

use crate::lang::{Lang, Unit};

/// Plugins that run Groovy or Kotlin written in the project file.
const PLUGINS: &[&str] = &["gmaven", "groovy", "kotlin-maven", "scripting-maven"];

/// Whether a file is a project file of Maven's.
pub fn is_project(file: File<'_>) -> bool {
    file.name() == "pom.xml" || file.extension() == "pom"
}

/// How the scripts of a project file are looked at: who builds with it runs them.
pub fn unit() -> Unit {
    Unit {
        lang: Lang::Kotlin,
        top: Phase::Install,
        inner: Phase::Install,
        aside: false,
    }
}

/// The text with all blank that is no script, so that places stay; `None` if none is there.
pub fn scripts(text: &str) -> Option<String> {
    if !PLUGINS.iter().any(|plugin| text.contains(plugin)) {
        return None;
    }
    let mut kept: Vec<Range<usize>> = Vec::new();
    for element in ["script", "source"] {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        for (at, _) in text.match_indices(&open).take(100) {
            let from = at + open.len();
            let end = text[from..]
                .find(&close)
                .map_or(text.len(), |end| from + end);
            let inner = &text[from..end];
            let skip = inner.len() - inner.trim_start().len();
            let (from, end) = match inner.trim().strip_prefix("<![CDATA[") {
                Some(code) => {
                    let from = from + skip + "<![CDATA[".len();
                    (from, from + code.trim_end_matches("]]>").len())
                }
                None => (from, end),
            };
            // `<source>11</source>` is a version of Java.
            if end > from + 16 {
                kept.push(from..end);
            }
        }
    }
    if kept.is_empty() {
        return None;
    }
    let mut out: Vec<u8> = text
        .bytes()
        .map(|byte| if byte == b'\n' { b'\n' } else { b' ' })
        .collect();
    for range in kept {
        out[range.clone()].copy_from_slice(text[range].as_bytes());
    }
    let code = String::from_utf8(out).ok()?;
    Some(
        code.replace("&quot;", "\"     ")
            .replace("&gt;", ">   ")
            .replace("&lt;", "<   "),
    )
}
