//! Taking commands out of files that are no scripts themselves.

use crate::kind::{Form, Language};
use crate::markup;
use crate::text::Text;

/// Most commands taken out of one file.
pub const SNIPPETS: usize = 2_000;

/// Commands of one language.
#[derive(Debug, Clone)]
pub struct Snippet {
    /// The commands.
    pub text: Text,
    /// What they are written in.
    pub language: Language,
    /// They start by themselves (an editor opens the folder, a session begins).
    pub by_itself: bool,
}

impl Snippet {
    /// Commands that something starts.
    pub fn new(text: Text, language: Language) -> Self {
        Self {
            text,
            language,
            by_itself: false,
        }
    }
}

/// The commands in a file's text.
pub fn snippets(form: Form, text: &str) -> Vec<Snippet> {
    let mut found = match form {
        Form::Script(language) => vec![Snippet::new(Text::of(text, 0), language)],
        Form::Dockerfile => dockerfile(text),
        Form::Makefile => vec![Snippet::new(makefile(text), Language::Shell)],
        Form::Cmake => vec![Snippet::new(cmake(text), Language::Shell)],
        Form::Workflow => workflow(text),
        Form::EditorTasks => json_commands(
            text,
            text.contains("folderOpen") || text.contains("postCreateCommand"),
        ),
        Form::AgentConfig => json_commands(text, true),
        Form::AgentText => Vec::new(),
        Form::MsBuild => markup::msbuild(text),
        Form::Autostart => vec![Snippet::new(autostart(text), Language::Shell)],
        Form::Plist => vec![Snippet::new(markup::plist(text), Language::Shell)],
        Form::Markup => markup::markup(text),
        Form::Shortcut => Vec::new(),
    };
    found.truncate(SNIPPETS);
    found
}

/// Lines with their offsets.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}

fn dockerfile(text: &str) -> Vec<Snippet> {
    let mut out = Text::default();
    let mut inside = false;
    for (start, line) in lines(text) {
        let trimmed = line.trim_start();
        if trimmed.starts_with('#') {
            continue;
        }
        let skip = line.len() - trimmed.len();
        let word = trimmed
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let begins = matches!(word.as_str(), "RUN" | "CMD" | "ENTRYPOINT");
        if begins {
            let from = skip + word.len();
            let rest = &line[from..];
            // `["sh", "-c", "…"]`
            if rest.trim_start().starts_with('[') {
                out.push(start + from, &rest.replace(['[', ']', ','], " "));
            } else {
                out.push(start + from, rest);
            }
        } else if inside {
            out.push(start, line);
        }
        inside = (begins || inside) && line.trim_end().ends_with('\\');
    }
    vec![Snippet::new(out, Language::Shell)]
}

/// Recipe lines, their signs taken off; `$$` is the shell's `$`.
fn makefile(text: &str) -> Text {
    let mut out = Text::default();
    for (start, line) in lines(text) {
        if let Some(recipe) = line.strip_prefix('\t') {
            let plain = recipe.trim_start_matches(['@', '-', '+', ' ']);
            out.push(start + line.len() - plain.len(), &plain.replace("$$", "$"));
        } else if let Some((_, inner)) = line.split_once("$(shell ") {
            let at = start + line.len() - inner.len();
            out.push(at, inner.trim_end().trim_end_matches(')'));
            out.push(start + line.len() - 1, "\n");
        }
    }
    out
}

fn cmake(text: &str) -> Text {
    let mut out = Text::default();
    for (at, word) in text.match_indices("COMMAND ") {
        let start = at + word.len();
        let end = text[start..]
            .find(['\n', ')'])
            .map_or(text.len(), |end| start + end);
        out.push(start, &text[start..end]);
        out.push(end, "\n");
    }
    out
}

/// The values of `run:` and the like, block scalars included.
fn workflow(text: &str) -> Vec<Snippet> {
    let mut found = Vec::new();
    let mut block: Option<(usize, Text)> = None;
    let windows = text.contains("shell: pwsh") || text.contains("shell: powershell");
    let language = |text: &Text| {
        if windows && crate::kind::sniff(&text.text) == Language::PowerShell {
            Language::PowerShell
        } else {
            Language::Shell
        }
    };
    for (start, line) in lines(text) {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if let Some((outer, inner)) = &mut block {
            if trimmed.trim().is_empty() || indent > *outer {
                inner.push(start + indent, trimmed);
                if trimmed.trim().is_empty() {
                    inner.push(start + line.len() - 1, "\n");
                }
                continue;
            }
            let inner = std::mem::take(inner);
            found.push(Snippet::new(inner.clone(), language(&inner)));
            block = None;
        }
        let item = trimmed.trim_start_matches("- ").trim_start();
        let indent = indent + trimmed.len() - item.len();
        let Some(value) = [
            "run:",
            "script:",
            "before_script:",
            "after_script:",
            "bash:",
            "powershell:",
            "command:",
        ]
        .iter()
        .find_map(|key| item.strip_prefix(key)) else {
            continue;
        };
        let at = start + line.len() - value.len();
        let plain = value.trim();
        if plain.is_empty() || plain.starts_with(['|', '>']) {
            block = Some((indent, Text::default()));
        } else {
            let text = Text::of(plain.trim_matches(['"', '\'']), at);
            found.push(Snippet::new(text.clone(), language(&text)));
        }
    }
    if let Some((_, text)) = block {
        found.push(Snippet::new(text.clone(), language(&text)));
    }
    found
}

/// The strings behind `"command"`, `"args"` and the like, put together per object.
fn json_commands(text: &str, by_itself: bool) -> Vec<Snippet> {
    let mut found: Vec<Snippet> = Vec::new();
    for key in [
        "\"command\"",
        "\"postCreateCommand\"",
        "\"postStartCommand\"",
        "\"initializeCommand\"",
        "\"onCreateCommand\"",
    ] {
        for (at, word) in text.match_indices(key).take(SNIPPETS) {
            let after = at + word.len();
            let object_end = text[after..]
                .find('}')
                .map_or(text.len(), |end| after + end);
            let strings = strings(&text[after..object_end]);
            let keys = ["args", "windows", "osx", "linux", "command"];
            let others = [
                "label",
                "type",
                "problemMatcher",
                "group",
                "presentation",
                "env",
                "cwd",
                "options",
                "timeout",
                "runOptions",
            ];
            let mut out = Text::default();
            let mut wanted = true;
            for (start, value) in strings {
                if others.contains(&value.as_str()) {
                    wanted = false;
                } else if keys.contains(&value.as_str()) {
                    wanted = true;
                } else if wanted {
                    out.push(after + start, &value);
                    out.push(after + start, " ");
                }
            }
            let language = crate::kind::sniff(&out.text);
            let language = if language == Language::PowerShell {
                language
            } else {
                Language::Shell
            };
            found.push(Snippet {
                text: out,
                language,
                by_itself,
            });
        }
    }
    found
}

/// JSON strings with their offsets, escapes undone.
fn strings(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('"').map(|open| at + open) {
        let mut escaped = false;
        let end = text[open + 1..].bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let Some(end) = end.map(|end| open + 1 + end) else {
            break;
        };
        let raw = &text[open..=end];
        let value = serde_json::from_str(raw).unwrap_or_else(|_| raw.trim_matches('"').to_owned());
        found.push((open + 1, value));
        at = end + 1;
        if found.len() >= SNIPPETS {
            break;
        }
    }
    found
}

/// `ExecStart=`, `Exec=`, and the commands of crontab lines.
fn autostart(text: &str) -> Text {
    let mut out = Text::default();
    for (start, line) in lines(text) {
        let value = match line.split_once('=') {
            Some((key, value)) if key.trim().starts_with("Exec") => {
                value.trim_start_matches(['-', '@', '+', '!'])
            }
            Some(_)
                if !line
                    .starts_with(['*', '@', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) =>
            {
                continue;
            }
            _ if line.starts_with('@') => line.split_once(' ').map_or("", |(_, command)| command),
            _ if line.starts_with(['*', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) => {
                let command = line.splitn(6, ' ').nth(5).unwrap_or_default();
                command.strip_prefix("root ").unwrap_or(command)
            }
            _ => continue,
        };
        out.push(start + line.len() - value.len(), value);
        if !value.ends_with('\n') {
            out.push(start + line.len(), "\n");
        }
    }
    out
}
