//! Which files hold commands, and of what kind.

use packguard_sdk::File;

/// What a script is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// sh and its kin.
    Shell,
    /// PowerShell.
    PowerShell,
    /// cmd.exe.
    Batch,
    /// VBScript, and JScript as far as its words are the same.
    VbScript,
    /// AppleScript.
    AppleScript,
}

/// How commands stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The file is a script.
    Script(Language),
    /// `RUN`, `CMD`, `ENTRYPOINT` lines.
    Dockerfile,
    /// Recipes of a Makefile.
    Makefile,
    /// `execute_process`, `add_custom_command`.
    Cmake,
    /// A GitHub workflow or composite action, or another CI's YAML.
    Workflow,
    /// Tasks and settings of an editor.
    EditorTasks,
    /// Settings of coding agents: hooks and servers they start.
    AgentConfig,
    /// Texts that coding agents take orders from.
    AgentText,
    /// MSBuild projects and what they import.
    MsBuild,
    /// systemd units, desktop entries, crontabs: what starts by itself.
    Autostart,
    /// Property lists that start programs.
    Plist,
    /// HTA and WSF: scripts inside of markup.
    Markup,
    /// Windows shortcuts.
    Shortcut,
}

/// Extensions of scripts.
const SCRIPTS: &[(&str, Language)] = &[
    ("sh", Language::Shell),
    ("bash", Language::Shell),
    ("zsh", Language::Shell),
    ("ksh", Language::Shell),
    ("fish", Language::Shell),
    ("command", Language::Shell),
    ("ps1", Language::PowerShell),
    ("psm1", Language::PowerShell),
    ("bat", Language::Batch),
    ("cmd", Language::Batch),
    ("vbs", Language::VbScript),
    ("vbe", Language::VbScript),
    ("jse", Language::VbScript),
    ("applescript", Language::AppleScript),
];

/// Names of git hooks and other files that a shell runs.
const SHELL_NAMES: &[&str] = &[
    "pre-commit",
    "post-commit",
    "post-checkout",
    "post-merge",
    "pre-push",
    "prepare-commit-msg",
    "commit-msg",
    "postinst",
    "preinst",
    "postrm",
    "prerm",
    "pkgbuild",
    ".bashrc",
    ".zshrc",
    ".profile",
    ".bash_profile",
    ".zshenv",
    ".envrc",
    "install",
    "setup",
    "configure",
    "bootstrap",
    "autogen",
    "postinstall",
    "preinstall",
];

/// What kind of commands a file holds, told by its path.
pub fn form_of(file: File<'_>) -> Option<Form> {
    let path = file.path().to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or_default();
    let extension = file.extension();
    if let Some((_, language)) = SCRIPTS.iter().find(|(one, _)| *one == extension) {
        return Some(Form::Script(*language));
    }
    if name.starts_with("dockerfile")
        || extension == "dockerfile"
        || name.starts_with("containerfile")
    {
        return Some(Form::Dockerfile);
    }
    if matches!(name, "makefile" | "gnumakefile" | "justfile")
        || matches!(extension.as_str(), "mk" | "mak")
    {
        return Some(Form::Makefile);
    }
    if name == "cmakelists.txt" || extension == "cmake" {
        return Some(Form::Cmake);
    }
    if matches!(extension.as_str(), "yml" | "yaml") {
        let is_ci = path.contains(".github/")
            || matches!(
                name,
                "action.yml"
                    | "action.yaml"
                    | ".gitlab-ci.yml"
                    | "azure-pipelines.yml"
                    | ".travis.yml"
            )
            || path.contains(".circleci/");
        return is_ci.then_some(Form::Workflow);
    }
    let below = |folder: &str| path.starts_with(folder) || path.contains(&format!("/{folder}"));
    if below(".vscode/") && matches!(name, "tasks.json" | "settings.json" | "launch.json")
        || extension == "code-workspace"
        || below(".devcontainer/") && extension == "json"
    {
        return Some(Form::EditorTasks);
    }
    of_agents(&path, name, &extension).or_else(|| by_rarer_extension(&extension, &path, name))
}

/// Files of coding agents.
fn of_agents(path: &str, name: &str, extension: &str) -> Option<Form> {
    let below = |folder: &str| path.starts_with(folder) || path.contains(&format!("/{folder}"));
    let is_agent = below(".claude/")
        || below(".cursor/")
        || below(".gemini/")
        || below(".codex/")
        || below(".kiro/");
    if extension == "json"
        && (is_agent
            || matches!(
                name,
                "mcp.json" | ".mcp.json" | "claude_desktop_config.json"
            ))
    {
        return Some(Form::AgentConfig);
    }
    let is_rules = matches!(
        name,
        "claude.md"
            | "agents.md"
            | "gemini.md"
            | ".cursorrules"
            | ".windsurfrules"
            | "copilot-instructions.md"
            | ".clinerules"
            | "skill.md"
    );
    if is_rules || is_agent && matches!(extension, "md" | "mdc") {
        return Some(Form::AgentText);
    }
    None
}

fn by_rarer_extension(extension: &str, path: &str, name: &str) -> Option<Form> {
    Some(match extension {
        "targets" | "props" | "csproj" | "vbproj" | "fsproj" | "vcxproj" => Form::MsBuild,
        "service" | "desktop" | "timer" | "crontab" | "cron" => Form::Autostart,
        "plist" => Form::Plist,
        "hta" | "wsf" | "wsc" | "sct" => Form::Markup,
        "lnk" => Form::Shortcut,
        _ if name == "crontab" || path.contains("cron.d/") => Form::Autostart,
        _ if SHELL_NAMES.contains(&name) => Form::Script(Language::Shell),
        _ => return None,
    })
}

/// The language that a first line names (`#!/bin/sh`).
pub fn of_shebang(head: &[u8]) -> Option<Language> {
    let line = head.strip_prefix(b"#!")?;
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    let line = String::from_utf8_lossy(line);
    let program = line
        .split_whitespace()
        .find(|word| !word.ends_with("/env") && !word.starts_with('-'))?;
    match program.rsplit('/').next()? {
        "sh" | "bash" | "zsh" | "dash" | "ash" | "ksh" | "fish" => Some(Language::Shell),
        "pwsh" | "powershell" => Some(Language::PowerShell),
        "osascript" => Some(Language::AppleScript),
        "make" => None,
        _ => None,
    }
}

/// The language that a text seems to be in: for decoded layers and files of no telling name.
pub fn sniff(text: &str) -> Language {
    let head = packguard_sdk::text::cut(text, 4_096).to_ascii_lowercase();
    let powershell = [
        "$env:",
        "new-object",
        "invoke-",
        "-replace",
        "[char]",
        "iex",
        "param(",
        "write-host",
        "downloadstring",
        "start-process",
        "[system.",
    ];
    let batch = [
        "@echo off",
        "%~dp0",
        "%temp%",
        "%appdata%",
        "setlocal",
        "goto ",
        "%comspec%",
    ];
    let vbscript = [
        "createobject",
        "wscript.",
        "on error resume next",
        "executeglobal",
        "strreverse",
    ];
    let any = |words: &[&str]| words.iter().any(|word| head.contains(word));
    if head.starts_with("#!") && !head.starts_with("#!/usr/bin/env pwsh") {
        Language::Shell
    } else if any(&vbscript) {
        Language::VbScript
    } else if any(&powershell) {
        Language::PowerShell
    } else if any(&batch) {
        Language::Batch
    } else {
        Language::Shell
    }
}

/// Whether a file stands where nothing of it runs for who installs the package.
pub fn is_aside(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let mut folders = path.split('/').rev();
    folders.next();
    folders.any(|folder| {
        matches!(
            folder,
            "test"
                | "tests"
                | "testing"
                | "testdata"
                | "__tests__"
                | "spec"
                | "specs"
                | "fixtures"
                | "fixture"
                | "example"
                | "examples"
                | "doc"
                | "docs"
                | "samples"
                | "sample"
                | "demo"
                | "demos"
                | "benchmarks"
                | "bench"
                | "ci"
                | "contrib"
                | ".circleci"
                | "docker"
                | "benches"
                | "e2e"
                | "third_party"
                | "vendor"
        )
    })
}
