//! What whole files show: workflows, settings of editors and agents, encoded scripts.

use std::ops::Range;

use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Confidence, File, Phase, Rule, Severity};

use crate::deeds::line_around;
use crate::kind::Form;
use crate::rules;
use crate::unit::Unit;

/// Looks at the file as a whole.
pub fn look(file: File<'_>, form: Form, source: &Source<'_>, analysis: &mut Analysis) {
    let text = source.text();
    match form {
        Form::Workflow => workflow(file, source, analysis),
        Form::EditorTasks => editor(file, source, analysis),
        Form::AgentConfig => {
            if let Some(at) = text.find("\"command\"") {
                push(
                    &rules::AGENT_HOOK,
                    Severity::Info,
                    file,
                    source,
                    line_around(text, at),
                    Phase::Execute,
                    analysis,
                );
            }
        }
        Form::AgentText => hidden_text(file, source, analysis),
        _ => {}
    }
    if let Some(at) = text
        .find("#@~^")
        .filter(|at| text[*at..].len() > 40 && text[*at..].contains("=="))
    {
        push(
            &rules::ENCODED_SCRIPT,
            Severity::High,
            file,
            source,
            at..at + 4,
            Phase::Execute,
            analysis,
        );
    }
}

fn push(
    rule: &Rule,
    severity: Severity,
    file: File<'_>,
    source: &Source<'_>,
    range: Range<usize>,
    phase: Phase,
    analysis: &mut Analysis,
) {
    analysis.push(
        rule.at(file, source, range, Confidence::High)
            .severity(severity)
            .phase(phase),
    );
}

fn workflow(file: File<'_>, source: &Source<'_>, analysis: &mut Analysis) {
    let text = source.text();
    let lower = text.to_ascii_lowercase();
    let squeezed: String = lower.chars().filter(|c| !c.is_whitespace()).collect();
    if squeezed.contains("tojson(secrets)") {
        let at = lower.find("tojson").unwrap_or(0);
        let leaves = [
            "upload-artifact",
            "curl ",
            "base64",
            "wget ",
            "invoke-webrequest",
            "webhook",
            "nc ",
            "git push",
            "tee ",
        ];
        let by_action = lower
            .lines()
            .filter(|line| line.contains("tojson"))
            .all(|line| {
                let key = line.trim_start().split(':').next().unwrap_or_default();
                key.ends_with("secrets") || key.ends_with("vars") || key.contains("json")
            })
            && !lower.contains("upload-artifact");
        let severity = match (leaves.iter().any(|word| lower.contains(word)), by_action) {
            (true, false) => Severity::Critical,
            (true, true) => Severity::Medium,
            (false, _) => Severity::Low,
        };
        push(
            &rules::WORKFLOW_SECRETS,
            severity,
            file,
            source,
            line_around(text, at),
            Phase::Execute,
            analysis,
        );
    }
    strangers(file, source, &lower, analysis);
}

/// What people who are not of the project write, run on a machine of the project.
fn strangers(file: File<'_>, source: &Source<'_>, lower: &str, analysis: &mut Analysis) {
    let text = source.text();
    let places = [
        "github.event.discussion.body",
        "github.event.issue.body",
        "github.event.comment.body",
        "github.event.discussion.title",
    ];
    if let Some(at) = places.iter().find_map(|word| lower.find(word)) {
        let line = lower[line_around(lower, at)]
            .trim_start_matches([' ', '-'])
            .to_owned();
        let commanded = line.starts_with("run:")
            || line.starts_with("echo")
            || line.starts_with("eval")
            || line.starts_with("${{");
        let own_runner = lower.contains("self-hosted");
        if commanded {
            let severity = if own_runner {
                Severity::High
            } else {
                Severity::Info
            };
            push(
                &rules::WORKFLOW_BACKDOOR,
                severity,
                file,
                source,
                line_around(text, at),
                Phase::Execute,
                analysis,
            );
        }
    }
    if lower.contains("pull_request_target")
        && lower.contains("actions/checkout")
        && lower.contains("pull_request.head")
        && lower.contains("run:")
    {
        let at = lower.find("pull_request_target").unwrap_or(0);
        push(
            &rules::WORKFLOW_TARGET,
            Severity::Info,
            file,
            source,
            line_around(text, at),
            Phase::Execute,
            analysis,
        );
    }
}

/// Files that are no code, whatever an interpreter is told.
const NO_CODE: &[&str] = &[
    ".woff2", ".woff", ".ttf", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".pdf", ".mp3",
    ".otf",
];

/// Whether a command lets an interpreter run a file that pretends to be a font or picture.
pub fn disguised(command: &str) -> bool {
    let lower = command.to_ascii_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '&' | '|'))
        .filter(|word| !word.is_empty())
        .collect();
    words.windows(2).any(|pair| {
        let program = pair[0]
            .rsplit(['/', '\\'])
            .next()
            .unwrap_or_default()
            .trim_end_matches(".exe");
        let runs = matches!(
            program,
            "node"
                | "python"
                | "python3"
                | "bash"
                | "sh"
                | "bun"
                | "perl"
                | "ruby"
                | "php"
                | "pythonw"
        );
        runs && NO_CODE.iter().any(|end| pair[1].ends_with(end))
    })
}

fn editor(file: File<'_>, source: &Source<'_>, analysis: &mut Analysis) {
    let text = source.text();
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if let Some(at) = text
        .find("folderOpen")
        .filter(|_| squeezed.contains("\"runOn\":\"folderOpen\""))
    {
        let silent = squeezed.contains("\"reveal\":\"never\"")
            || squeezed.contains("\"reveal\":\"silent\"")
            || squeezed.contains("\"hide\":true");
        let severity = if disguised(text) {
            Severity::Critical
        } else if silent {
            Severity::Medium
        } else {
            Severity::Low
        };
        push(
            &rules::EDITOR_TASK,
            severity,
            file,
            source,
            line_around(text, at),
            Phase::Execute,
            analysis,
        );
    }
}

/// Shortest run of characters of no width that is a message and not an emoji.
const RUN: usize = 12;

fn hidden_text(file: File<'_>, source: &Source<'_>, analysis: &mut Analysis) {
    let (mut run, mut start) = (0, 0);
    let mut flag = false;
    for (at, c) in source.text().char_indices() {
        let invisible = matches!(u32::from(c), 0xE0000..=0xE007F | 0x200B..=0x200F | 0x2060..=0x2064 | 0xFE00..=0xFE0F | 0xE0100..=0xE01EF | 0xFEFF);
        if !invisible {
            flag = c == '\u{1F3F4}';
            run = 0;
            continue;
        }
        if run == 0 {
            start = at;
        }
        run += 1;
        if run >= RUN && !flag {
            push(
                &rules::HIDDEN_TEXT,
                Severity::High,
                file,
                source,
                start..at,
                Phase::Execute,
                analysis,
            );
            return;
        }
    }
}

/// Words that honest scripts spell out.
const SPELT: &[&str] = &[
    "curl",
    "wget",
    "base64",
    "/dev/tcp",
    "downloadstring",
    "downloadfile",
    "invoke-expression",
    "frombase64string",
    "net.webclient",
    "amsiutils",
    "powershell",
    "virtualalloc",
    "reflection.assembly",
    "wscript.shell",
    "msxml2",
    "adodb.stream",
    "bitsadmin",
    "certutil",
    "mshta",
    "/bin/sh",
    "/bin/bash",
    "http://",
    "https://",
    "schtasks",
    "regsvr32",
    "rundll32",
    "createobject",
    "iex",
];

/// Adds that a script hides words which it puts together.
pub fn obfuscated(
    file: File<'_>,
    source: &Source<'_>,
    unit: &Unit,
    original: &str,
    phase: Phase,
    analysis: &mut Analysis,
) {
    if unit.rewritten == 0 || !unit.layers.is_empty() {
        return;
    }
    let (folded, plain) = (
        unit.text.text.to_ascii_lowercase(),
        original.to_ascii_lowercase(),
    );
    let hidden: Vec<(&str, usize)> = SPELT
        .iter()
        .filter(|word| !plain.contains(**word))
        .filter_map(|word| folded.find(word).map(|at| (*word, at)))
        .collect();
    let Some((word, at)) = hidden.first() else {
        return;
    };
    let url = hidden.iter().all(|(word, _)| word.starts_with("http"));
    let severity = match (url || *word == "iex", unit.rewritten > 30) {
        (true, false) => Severity::Low,
        (true, true) => Severity::Medium,
        (false, _) => Severity::High,
    };
    let line = line_around(&unit.text.text, *at);
    let shown = unit.text.text.get(line.clone()).unwrap_or_default();
    analysis.push(
        rules::OBFUSCATED
            .at(file, source, unit.text.place(&line), Confidence::High)
            .severity(severity)
            .title(format!("The script hides the word {word}"))
            .phase(phase)
            .decoded("put together", shown),
    );
}
