//! Programs and code where their names do not say so.

use oxc_ast::ast::Expression;
use packguard_sdk::indicators::{self, ShellAct};
use packguard_sdk::{Confidence, Hit, Phase, Severity};

use super::super::{execution, hidden, shell};
use super::{BUNDLED_PROGRAM, PATCHES, phase, words};
use crate::acts::{Kind, network};
use crate::context::{Context, hit, when};
use crate::value::{HOLE, Taint};

/// Whether a path is of the package and its name that of data.
fn is_disguised(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    path.contains(HOLE)
        && (crate::sources::is_data(&path) || name.ends_with(".jsc") || name.ends_with(".dll"))
}

/// Whether a path is of the package, and no script by its name.
fn is_bundled(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let script = [".js", ".cjs", ".mjs", ".ts"]
        .iter()
        .any(|end| name.ends_with(end));
    path.starts_with(HOLE) && path.len() > HOLE.len_utf8() + 1 && !name.contains(HOLE) && !script
}

/// A program under a name of data, or a library run by the system's loader.
pub(super) fn programs(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let copied = context
        .of(Kind::Write)
        .find(|act| act.api.contains("copyFile") && act.text.as_deref().is_some_and(is_disguised));
    let executable = context.of(Kind::Chmod).next().is_some();
    for act in context.of(Kind::Spawn).chain(context.of(Kind::Native)) {
        let phase = context.phase_of(act);
        if phase == Phase::Execute {
            continue;
        }
        let text = act.text.as_deref().unwrap_or_default().to_ascii_lowercase();
        let program = text.split_whitespace().next().unwrap_or_default();
        let program = program.rsplit(['/', '\\']).next().unwrap_or_default();
        let library = matches!(
            program,
            "rundll32" | "rundll32.exe" | "regsvr32" | "regsvr32.exe"
        ) && text.contains(HOLE)
            && text.contains(".dll");
        let given = words(act).any(|word| {
            word.known().is_some_and(|path| {
                is_disguised(path) || phase == Phase::Install && is_bundled(path)
            })
        });
        let loads = act.kind == Kind::Native
            && act
                .arguments
                .iter()
                .any(|path| path.known().is_some_and(is_disguised));
        let starts = act.kind == Kind::Spawn && copied.is_some() && executable;
        let hidden = act.kind == Kind::Spawn && given && hidden::is_detached(context, act);
        if library || loads || starts || hidden {
            hits.push(
                hit(&BUNDLED_PROGRAM, act.span, phase)
                    .title(format!("{} {}", BUNDLED_PROGRAM.title, when(phase)))
                    .why("The name says that the file is something else."),
            );
            return;
        }
    }
}

/// Scripts written into another package's folder.
pub(super) fn patches(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for act in context.of(Kind::Write) {
        let phase = context.phase_of(act);
        let path = act.text.as_deref().unwrap_or_default();
        let script = [".js", ".cjs", ".mjs"]
            .iter()
            .any(|end| path.ends_with(end));
        if phase == Phase::Execute || !script || act.api.contains("rename") {
            continue;
        }
        // Beside the own folder: `__dirname/../name/…`, or below somebody's node_modules.
        let start = HOLE.to_string();
        let up = path.strip_prefix(&*start).map_or(0, |rest| {
            rest.split('/')
                .skip(1)
                .take_while(|part| *part == "..")
                .count()
        });
        let beside = context.depth.is_some_and(|depth| up > depth);
        let inside = path.split_once("node_modules/").is_some_and(|(_, rest)| {
            !rest.starts_with('.') && !rest.contains(HOLE) && rest.contains('/')
        });
        if beside || inside {
            hits.push(
                hit(&PATCHES, act.span, phase)
                    .title(format!(
                        "Writes a script into another package {}",
                        when(phase)
                    ))
                    .confidence(Confidence::Medium)
                    .why(format!("It writes {}.", path.replace(HOLE, "…"))),
            );
            return;
        }
    }
}

/// Code that reaches a host, put into other packages' or applications' scripts that a list names.
pub(super) fn carried_patches(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let texts = || context.facts.texts.iter().map(|(text, _)| *text);
    let others = texts().any(|text| {
        let path = text.replace('\\', "/");
        let place = path.contains("node_modules/") || path.contains("resources/app/");
        path.len() < 300
            && place
            && [".js", ".cjs", ".mjs"]
                .iter()
                .any(|end| path.ends_with(end))
    });
    let code = texts().any(|text| {
        let reaches = [
            "require(",
            "fetch(",
            "XMLHttpRequest",
            "sendBeacon",
            "import(",
        ];
        let host = text.match_indices("http").take(8).any(|(at, _)| {
            network::host(address(&text[at..])).is_some_and(|host| !context.own.is_home(host))
        });
        host && reaches.iter().any(|call| text.contains(call))
    });
    if !others || !code {
        return;
    }
    for act in context.of(Kind::Write) {
        let phase = context.phase_of(act);
        if phase != Phase::Execute && act.api.contains("writeFile") && act.taint.has(Taint::FILE) {
            hits.push(
                hit(&PATCHES, act.span, phase)
                    .title(format!("Puts code into other packages' scripts {}", when(phase)))
                    .why("It reads a script, writes it back changed, and holds code that reaches a host."),
            );
            return;
        }
    }
}

/// The address that a text begins with.
fn address(text: &str) -> &str {
    let end = text.find(['\'', '"', '`', ' ', ')', '?', '$']);
    &text[..end.unwrap_or(text.len())]
}

/// `module._compile(['a', 'b'].map(n => require('./' + n)).join(''))`: texts that the package's
/// modules give, run as one.
pub(super) fn joined(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for act in context.of(Kind::Code) {
        let call = context.facts.calls[act.call as usize];
        let phase = context.phase_of(act);
        let Some(Expression::CallExpression(joining)) = call.argument(0) else {
            continue;
        };
        let joins = matches!(&joining.callee, Expression::StaticMemberExpression(member)
            if member.property.name == "join");
        let source = context.source(joining.span);
        let loads = ["require('.", "require(\".", "require(`."]
            .iter()
            .any(|start| source.contains(start));
        if joins && loads && phase != Phase::Execute && act.text.is_none() {
            hits.push(
                hit(&execution::DATA_EVAL, act.span, phase)
                    .title(format!(
                        "Runs code that its modules hold in pieces {}",
                        when(phase)
                    ))
                    .why("Code in pieces that are put together and run is read by nobody."),
            );
            return;
        }
    }
}

/// `require.extensions['.gif'] = require.extensions['.js']`: data is loaded as code.
pub(super) fn disguised(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for write in &context.facts.writes {
        let Expression::StaticMemberExpression(member) = write.object else {
            continue;
        };
        let loader = matches!(&member.object, Expression::Identifier(name) if name.name == "require")
            && member.property.name == "extensions"
            || member.property.name == "_extensions";
        let source = context.source(write.span);
        let key = source.split(']').next().unwrap_or_default();
        let key = key.trim_end_matches(['\'', '"', '`']);
        if loader && crate::sources::is_data(key) && source.contains(".js") {
            hits.push(
                hit(&execution::DATA_EVAL, write.span, phase(context))
                    .title("Has files of data loaded as code")
                    .why("The loader of scripts is set up for files that are pictures or documents by name."),
            );
            return;
        }
    }
}

/// Whether a command line starts the file at `path`, by itself or by an interpreter.
fn starts(command: &str, path: &str) -> bool {
    let rest = command.trim_start().trim_start_matches(['"', '\'']);
    if rest.starts_with(path) {
        return true;
    }
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
    let interpreter = matches!(
        name.trim_end_matches(".exe"),
        "node"
            | "sh"
            | "bash"
            | "cmd"
            | "start"
            | "python"
            | "python3"
            | "powershell"
            | "nohup"
            | "wscript"
    );
    interpreter
        && words
            .take(4)
            .any(|word| word.trim_matches(['"', '\'']) == path)
}

fn is_path(path: &str) -> bool {
    path.len() > 4 && path.chars().filter(char::is_ascii_alphanumeric).count() >= 2
}

/// What is decoded, written to a file, and started or loaded from there.
pub(super) fn written(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for write in context.of(Kind::Write) {
        let path = write.text.as_deref().unwrap_or_default();
        // Installers unpack what they download, or what they bring along.
        let brought = write.taint.has(Taint::DOWNLOADED.with(Taint::FILE));
        if !write.taint.has(Taint::DECODED) || brought || !is_path(path) {
            continue;
        }
        for act in context.acts {
            let run = match act.kind {
                Kind::Spawn => act.text.as_deref().is_some_and(|text| starts(text, path)),
                Kind::Load | Kind::Native => act.text.as_deref() == Some(path),
                _ => false,
            };
            let phase = context.phase_of(act);
            if run && phase != Phase::Execute {
                hits.push(
                    hit(&execution::DECODE_EVAL, act.span, phase)
                        .title(format!("Runs a file that it decodes {}", when(phase)))
                        .confidence(Confidence::Medium)
                        .layers(write.arguments.get(1).map_or(&[][..], |data| data.layers()))
                        .why("The program is not readable in the package: it is decoded first."),
                );
                return;
            }
        }
    }
}

/// A file that one command downloads and another starts.
pub(super) fn fetched(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for first in context.of(Kind::Spawn) {
        let text = first.text.as_deref().unwrap_or_default();
        if text.len() > 4_096 || context.phase_of(first) == Phase::Execute {
            continue;
        }
        let downloads = indicators::shell(&text.replace(HOLE, "_"))
            .iter()
            .any(|found| found.act == ShellAct::Download);
        if !downloads {
            continue;
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let path = words.windows(2).find_map(|pair| {
            let flag = pair[0].to_ascii_lowercase();
            let into = matches!(&*flag, "-o" | "--output" | "-outfile" | "--output-document")
                || flag.starts_with("-s") && flag.ends_with('o');
            into.then(|| pair[1].trim_matches(['"', '\'']))
        });
        let Some(path) = path.filter(|path| is_path(path)) else {
            continue;
        };
        let run = context.of(Kind::Spawn).find(|act| {
            act.call != first.call && act.text.as_deref().is_some_and(|text| starts(text, path))
        });
        if let Some(act) = run {
            let phase = context.phase_of(act);
            hits.push(
                hit(&shell::DOWNLOAD_RUN, act.span, phase)
                    .severity(Severity::High)
                    .confidence(Confidence::Medium)
                    .why(format!("One command downloads {path}, another starts it.")),
            );
            return;
        }
    }
}
