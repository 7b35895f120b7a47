//! From commands to acts.

use std::ops::Range;

use super::super::{ShellAct, ShellFinding};
use super::building::unescape;
use super::command::{Call, base_name, is_interpreter, is_shell};
use super::lex::{Command, Joint, Word, lex};
use super::nested::{Nested, is_decoder};
use super::{inline, network, powershell, system};
use crate::decode;

/// How often text found inside a command (`sh -c '…'`, decoded payloads) is read as
/// commands again.
const RELEX_DEPTH: usize = 4;

/// Bytes read again in all: nesting must not multiply the work.
const RELEX_BUDGET: usize = 1 << 20;

/// Collects the acts of one text.
#[derive(Debug)]
pub(super) struct Acts {
    pub found: Vec<ShellFinding>,
    /// Commands that tell about host or user: name and place.
    recon: Vec<(&'static str, Range<usize>)>,
    /// The place in the original text, while inside text that was taken out of it.
    outer: Option<Range<usize>>,
    depth: usize,
    budget: usize,
}

impl Acts {
    /// All acts of a text.
    pub fn of(text: &str) -> Vec<ShellFinding> {
        let mut acts = Self {
            found: Vec::new(),
            recon: Vec::new(),
            outer: None,
            depth: 0,
            budget: RELEX_BUDGET,
        };
        acts.script(&lex(text));
        powershell::text(&mut acts, text, &(0..text.len()));
        acts.fold_recon();
        acts.found
    }

    /// Notes an act, once per place.
    pub fn push(&mut self, act: ShellAct, range: &Range<usize>, decoded: Option<String>) {
        let range = self.outer.clone().unwrap_or_else(|| range.clone());
        let known = self
            .found
            .iter_mut()
            .rev()
            .take(8)
            .find(|have| have.act == act && have.range == range);
        match known {
            Some(known) => known.decoded = known.decoded.take().or(decoded),
            None => self.found.push(ShellFinding {
                act,
                range,
                decoded,
            }),
        }
    }

    /// Reads text that stands inside a command as commands of its own.
    pub fn inner(&mut self, text: &str, range: &Range<usize>) {
        if self.depth >= RELEX_DEPTH || text.len() > self.budget {
            return;
        }
        self.budget -= text.len();
        self.depth += 1;
        let outer = self.outer.clone();
        self.outer.get_or_insert_with(|| range.clone());
        self.script(&lex(text));
        powershell::text(self, text, range);
        self.outer = outer;
        self.depth -= 1;
    }

    fn script(&mut self, commands: &[Command]) {
        let mut start = 0;
        while start < commands.len() {
            let length = commands[start + 1..]
                .iter()
                .take_while(|next| next.joint == Joint::Pipe)
                .count()
                + 1;
            self.pipeline(&commands[start..start + length]);
            start += length;
        }
        self.download_then_run(commands);
        network::reverse_shell(self, commands);
        for command in commands {
            let targets = command.redirects.iter().map(|to| &to.target);
            for nested in command
                .words
                .iter()
                .chain(targets)
                .flat_map(|word| &word.nested)
            {
                self.script(nested);
            }
        }
    }

    fn pipeline(&mut self, commands: &[Command]) {
        let (Some(first), Some(last)) = (commands.first(), commands.last()) else {
            return;
        };
        let range = first.range.start..last.range.end;
        let calls: Vec<Call<'_>> = commands.iter().filter_map(Command::call).collect();
        let (mut fetched, mut decoded) = (false, false);
        for (at, call) in calls.iter().enumerate() {
            let piped = at > 0 && call.runs_stdin();
            let runs_here = piped
                || is_interpreter(&call.name)
                    && call.command.redirects.iter().any(|to| to.operator == "<<<");
            let nested = Nested::of(runs_nested(call));
            if runs_here && fetched || nested.fetches {
                self.push(ShellAct::DownloadAndRun, &range, None);
            } else if runs_here && (decoded || Nested::of(redirected(call)).decodes)
                || nested.decodes
            {
                let payload = payload(commands);
                if let Some(payload) = &payload {
                    self.inner(payload, &range);
                }
                self.push(ShellAct::DecodeAndRun, &range, payload);
            }
            fetched |= call.fetch().is_some()
                || call
                    .args
                    .iter()
                    .any(|arg| Nested::of(std::slice::from_ref(arg)).fetches);
            decoded |= is_decoder(call)
                || call
                    .args
                    .iter()
                    .any(|arg| Nested::of(std::slice::from_ref(arg)).decodes);
            self.one(call);
        }
        if fetched && !self.has_run(&range) {
            self.push(ShellAct::Download, &range, None);
        }
        network::upload(self, &calls, &range);
        system::persist(self, &calls, &range);
    }

    fn has_run(&self, range: &Range<usize>) -> bool {
        let range = self.outer.as_ref().unwrap_or(range);
        self.found
            .iter()
            .rev()
            .take(8)
            .any(|have| have.act == ShellAct::DownloadAndRun && have.range == *range)
    }

    /// Acts that one command shows by itself.
    fn one(&mut self, call: &Call<'_>) {
        let range = &call.command.range;
        if let Some(name) = system::recon(call) {
            let place = self.outer.clone().unwrap_or_else(|| range.clone());
            self.recon.push((name, place));
        }
        if system::is_hidden(call) {
            self.push(ShellAct::Hidden, range, None);
        }
        if system::destroys(call) {
            self.push(ShellAct::Destroy, range, None);
        }
        if system::runs_remote(call) {
            self.push(ShellAct::DownloadAndRun, range, None);
        }
        if matches!(call.name.as_str(), "powershell" | "pwsh")
            && let Some(payload) = powershell::encoded_command(call)
        {
            self.inner(&payload, range);
            self.push(ShellAct::DecodeAndRun, range, Some(payload));
        }
        if call.name == "eval" {
            let text: Vec<&str> = call.args.iter().map(|arg| arg.text.as_str()).collect();
            self.inner(&text.join(" "), range);
        }
        let Some(code) = call.inline_code() else {
            return;
        };
        if is_shell(&call.name) {
            self.inner(&code.text, range);
        } else if matches!(call.name.as_str(), "cmd" | "powershell" | "pwsh") {
            let from = call
                .args
                .iter()
                .position(|arg| arg.range == code.range)
                .unwrap_or(0);
            let rest: Vec<&str> = call.args[from..]
                .iter()
                .map(|arg| arg.text.as_str())
                .collect();
            self.inner(&rest.join(" "), range);
        } else {
            inline::code(self, &code.text, range);
        }
    }

    /// `curl -o f … && chmod +x f && ./f`, over the commands of one script.
    fn download_then_run(&mut self, commands: &[Command]) {
        let mut files: Vec<(String, usize)> = Vec::new();
        for command in commands {
            let Some(call) = command.call() else {
                continue;
            };
            let runs = files.iter().find(|(file, _)| runs_file(&call, file));
            if let Some((_, start)) = runs {
                let range = *start..command.range.end;
                self.push(ShellAct::DownloadAndRun, &range, None);
            }
            let output = call.fetch().and_then(|fetch| fetch.output).or_else(|| {
                let decodes = is_decoder(&call);
                let to = command.redirects.iter().find(|to| to.operator == ">")?;
                decodes.then(|| base_name(&to.target.text).to_owned())
            });
            if let Some(file) =
                output.filter(|file| !file.is_empty() && file != "-" && file != "null")
                && files.len() < 64
            {
                files.push((file, command.range.start));
            }
        }
    }

    /// One such command is ordinary; two are a survey.
    fn fold_recon(&mut self) {
        let mut names: Vec<&str> = self.recon.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        let telling = names
            .iter()
            .any(|name| matches!(*name, "whoami" | "systeminfo" | "/etc/passwd" | "net user"));
        let (Some(first), Some(last)) = (self.recon.first(), self.recon.last()) else {
            return;
        };
        if telling || names.len() > 1 {
            let range = first.1.start.min(last.1.start)..first.1.end.max(last.1.end);
            self.push(ShellAct::Recon, &range, None);
        }
    }
}

/// The words of a call whose substitutions are run: the program itself, what `eval` and
/// `sh -c` get, and files to interpret.
fn runs_nested<'a>(call: &Call<'a>) -> &'a [Word] {
    let runs_args =
        matches!(call.name.as_str(), "eval" | "source" | ".") || is_interpreter(&call.name);
    if runs_args {
        call.args
    } else {
        std::slice::from_ref(call.program)
    }
}

fn redirected<'a>(call: &Call<'a>) -> &'a [Word] {
    let into = call
        .command
        .redirects
        .iter()
        .find(|to| to.operator.starts_with('<'));
    into.map_or(&[], |to| std::slice::from_ref(&to.target))
}

/// Whether a command runs the file of this name.
fn runs_file(call: &Call<'_>, file: &str) -> bool {
    let program = &call.program.text;
    let by_path = base_name(program) == file;
    let by_interpreter = (is_interpreter(&call.name)
        || matches!(
            call.name.as_str(),
            "source"
                | "."
                | "start-process"
                | "saps"
                | "open"
                | "rundll32"
                | "regsvr32"
                | "msiexec"
                | "mshta"
                | "java"
                | "dpkg"
                | "installer"
        ))
        && call
            .args
            .iter()
            .any(|arg| base_name(arg.text.split(',').next().unwrap_or(&arg.text)) == file);
    by_path || by_interpreter
}

/// The decoded form of the literal that a pipeline decodes.
fn payload(commands: &[Command]) -> Option<String> {
    let direct = commands.iter().flat_map(|command| {
        let targets = command.redirects.iter().map(|to| &to.target);
        command.words.iter().chain(targets)
    });
    direct.clone().find_map(literal).or_else(|| {
        let nested = direct.flat_map(|word| &word.nested);
        nested.map(Vec::as_slice).find_map(payload)
    })
}

/// Shortest literal taken for a payload, in bytes.
const PAYLOAD_MIN: usize = 12;

fn literal(word: &Word) -> Option<String> {
    let text = word.text.trim();
    if text.len() < PAYLOAD_MIN || !word.nested.is_empty() {
        return None;
    }
    if text.contains("\\x") {
        return Some(unescape(text));
    }
    let bytes = if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        decode::hex(text)
    } else {
        decode::base64(text)
    };
    let decoded = String::from_utf8(bytes?).ok()?;
    crate::text::is_probably_text(decoded.as_bytes()).then_some(decoded)
}
