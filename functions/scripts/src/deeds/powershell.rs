//! PowerShell, statement by statement: which variables hold what was downloaded, decoded
//! or read from the machine, and where they go.

use std::collections::BTreeMap;

use packguard_sdk::indicators::{Kind, ShellAct, scan, shell};

use super::powershell_words::{DECODES, FETCHES, MACHINE, RUNS, SECRET, SENDS};
use super::{Act, Deed, line_around};

/// What a value comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Taint {
    remote: bool,
    decoded: bool,
    secret: bool,
    machine: bool,
    /// Where the first of it was read.
    from: Option<usize>,
}

impl Taint {
    fn join(self, other: Self) -> Self {
        Self {
            remote: self.remote || other.remote,
            decoded: self.decoded || other.decoded,
            secret: self.secret || other.secret,
            machine: self.machine || other.machine,
            from: match (self.from, other.from) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        }
    }

    fn any(self) -> bool {
        self.remote || self.decoded || self.secret || self.machine
    }
}

/// The acts of a PowerShell text.
pub fn acts(text: &str) -> Vec<Act> {
    let mut flow = Flow {
        packed: is_packed(text),
        ..Flow::default()
    };
    let mut at = 0;
    while at < text.len() {
        let end = statement_end(text, at);
        flow.statement(&text[at..end], at);
        at = end.max(at + 1);
        at = text.ceil_char_boundary(at);
    }
    flow.whole(text);
    flow.found
}

/// Lines that go on (backtick, pipe, comma, open string of a here-string) belong together.
fn statement_end(text: &str, start: usize) -> usize {
    let mut at = start;
    for _ in 0..400 {
        let Some(line) = text[at..].find('\n') else {
            return text.len();
        };
        let end = at + line + 1;
        let body = text[at..end].trim_end();
        at = end;
        if !body.ends_with(['`', '|', ',']) {
            break;
        }
    }
    at
}

#[derive(Debug, Default)]
struct Flow {
    found: Vec<Act>,
    variables: BTreeMap<String, Taint>,
    /// Files that downloads and decoded bytes were written to, with where.
    files: Vec<(String, usize, Taint)>,
    /// The text holds a long literal, or unpacks or decrypts.
    packed: bool,
}

fn has(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

impl Flow {
    fn taint(&self, lower: &str, raw: &str, at: usize) -> Taint {
        let credentials = scan(raw).iter().any(|one| one.kind == Kind::CredentialPath);
        let mut taint = Taint {
            remote: has(lower, FETCHES) && has(lower, &["http", "$", "("]),
            decoded: has(lower, DECODES),
            secret: has(lower, SECRET) || credentials,
            machine: has(lower, MACHINE),
            from: None,
        };
        taint.from = taint.any().then_some(at);
        for name in names(lower) {
            if let Some(known) = self.variables.get(name) {
                taint = taint.join(*known);
            }
        }
        let holds = |(file, ..): &&(String, usize, Taint)| lower.contains(file.as_str());
        for (_, _, known) in self.files.iter().filter(holds) {
            taint.secret |= known.secret;
            taint.machine |= known.machine;
            taint.remote |= known.remote && has(lower, &["expand-archive", "extracttodirectory"]);
            taint = taint.join(Taint {
                from: known.from,
                ..Taint::default()
            });
        }
        taint
    }

    fn statement(&mut self, raw: &str, at: usize) {
        let trimmed = raw.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            return;
        }
        let lower = raw.to_ascii_lowercase();
        let range = at..at + raw.trim_end().len().max(1);
        let taint = self.taint(&lower, raw, at);
        let flow = taint.from.unwrap_or(at).min(at)..range.end;
        self.sinks(&lower, taint, &flow);
        self.outputs(&lower, taint, at);
        if let Some((left, _)) = lower.split_once('=')
            && let Some(name) = left.trim().trim_end_matches('+').trim().strip_prefix('$')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
            && self.variables.len() < 4_000
        {
            let before = if left.trim_end().ends_with('+') {
                self.variables.get(name).copied().unwrap_or_default()
            } else {
                Taint::default()
            };
            self.variables.insert(name.into(), taint.join(before));
        }
        for act in shell(raw) {
            let same_flow = matches!(act.act, ShellAct::Recon | ShellAct::Download);
            if !same_flow {
                let place = at + act.range.start..at + act.range.end;
                self.found.push(Act {
                    decoded: act.decoded,
                    ..Act::new(super::shell::deed(act.act), place)
                });
            }
        }
    }

    fn sinks(&mut self, lower: &str, taint: Taint, range: &std::ops::Range<usize>) {
        let runs = has(lower, RUNS)
            || lower.trim_end().ends_with("iex")
            || has(
                lower,
                &["|iex", "| iex", "& ([scriptblock]", "&([scriptblock]"],
            )
            || called_variable(lower).is_some_and(|name| {
                self.variables
                    .get(name)
                    .is_some_and(|one| one.remote || one.decoded)
            });
        if runs && taint.remote {
            self.found.push(Act::new(Deed::DownloadRun, range.clone()));
        }
        if runs && taint.decoded {
            self.found.push(Act {
                plain: self.packed,
                ..Act::new(Deed::DecodeRun, range.clone())
            });
        }
        let sends =
            has(lower, SENDS) || has(lower, FETCHES) && lower.contains('?') && lower.contains('=');
        if sends && (taint.secret || taint.machine) && has(lower, &["http", "$", "smtp"]) {
            self.found.push(Act {
                plain: taint.secret,
                ..Act::new(Deed::Upload, range.clone())
            });
        }
        let started = [
            "start-process",
            "saps ",
            "invoke-item",
            "ii ",
            "cmd /c",
            "cmd.exe /c",
            "& ",
            "&(",
            "rundll32",
            "regsvr32",
            "msiexec",
            "start ",
            "schtasks",
            "powershell",
            "wscript",
            "python",
            "]::start(",
        ];
        if !has(lower, FETCHES) && (has(lower, &started) || lower.trim_start().starts_with('.')) {
            let ran = self.files.iter().find(|(file, _, taint)| {
                (taint.remote || taint.decoded) && lower.contains(file.as_str())
            });
            if let Some((_, start, taint)) = ran {
                let deed = if taint.remote {
                    Deed::DownloadRun
                } else {
                    Deed::DecodeRun
                };
                self.found.push(Act::new(deed, *start..range.end));
            }
        }
    }

    /// Notes the files that a statement writes.
    fn outputs(&mut self, lower: &str, taint: Taint, at: usize) {
        if !taint.any() || self.files.len() >= 200 {
            return;
        }
        let mut note = |file: &str, taint: Taint| {
            let file = file
                .trim()
                .trim_matches(['"', '\'', '(', ')', ';', ' ', '\r', '\n']);
            if file.len() >= 3 && !file.starts_with('-') {
                self.files.push((file.into(), at, taint));
            }
        };
        for flag in [
            "-outfile ",
            "-destination ",
            "-filepath ",
            " -o ",
            "out-file ",
            "set-content ",
        ] {
            if let Some((_, rest)) = lower.split_once(flag) {
                let file = if rest.starts_with(['"', '\'']) {
                    rest[1..].split(['"', '\'']).next()
                } else {
                    rest.split_whitespace().next()
                };
                note(file.unwrap_or_default(), taint);
            }
        }
        if let Some((_, rest)) = lower.split_once("downloadfile(") {
            note(
                rest.split_once(',')
                    .map_or("", |(_, file)| file.split(')').next().unwrap_or_default()),
                Taint {
                    remote: true,
                    ..taint
                },
            );
        }
        let archive = has(lower, &["expand-archive", "extracttodirectory"]);
        if let Some(word) = lower
            .split([' ', ',', ')'])
            .rev()
            .find(|word| archive && word.contains(['$', '\\', '/', ':']) && !word.starts_with('-'))
        {
            // What is unpacked is started from below the folder.
            let folder = word.trim_matches(['"', '\'', ';', '\r', '\n']);
            note(&format!("{folder}\\"), taint);
            note(&format!("{folder}/"), taint);
        }
        if let Some((_, rest)) = lower.split_once("writeallbytes(") {
            note(rest.split(',').next().unwrap_or_default(), taint);
        }
    }

    /// Acts of the text as a whole.
    fn whole(&mut self, text: &str) {
        let lower = text.to_ascii_lowercase();
        if let Some(at) = lower
            .find("sockets.tcpclient")
            .or_else(|| lower.find("net.sockets.udpclient"))
            && lower.contains("getstream")
            && has(
                &lower,
                &[
                    "iex",
                    "invoke-expression",
                    "cmd.exe",
                    "redirectstandardinput",
                    "powershell.exe",
                    "[scriptblock]",
                ],
            )
        {
            self.found
                .push(Act::plain(Deed::ReverseShell, line_around(text, at)));
        }
        if let Some(at) = lower.find("get-clipboard")
            && lower.contains("set-clipboard")
            && has(&lower, &["while", "for(;;)", "do {", "do{", "start-sleep"])
            && has(
                &lower,
                &["bc1", "0x[a-f", "{40}", "[13]", "-match", "wallet"],
            )
        {
            self.found
                .push(Act::plain(Deed::Watch, line_around(text, at)));
        }
        if let Some(at) = lower.find("copyfromscreen")
            && has(&lower, SENDS)
        {
            self.found
                .push(Act::plain(Deed::Watch, line_around(text, at)));
        }
    }
}

/// The names of the variables in a statement.
fn names(lower: &str) -> impl Iterator<Item = &str> {
    lower.match_indices('$').filter_map(|(at, _)| {
        let rest = lower[at + 1..].trim_start_matches('{');
        let length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
            .count();
        (length > 0).then(|| &rest[..length])
    })
}

/// The variable behind a call operator.
fn called_variable(lower: &str) -> Option<&str> {
    let rest = lower.trim_start();
    let rest = rest
        .strip_prefix('&')
        .or_else(|| rest.strip_prefix(". "))?
        .trim_start()
        .strip_prefix('$')?;
    rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .next()
}

/// Whether a text holds a long base64 literal, or unpacks or decrypts what it holds.
fn is_packed(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let unpacks = ["gzipstream", "deflatestream", "-bxor", "createdecryptor"];
    has(&lower, &unpacks)
        || text.split(['"', '\'']).any(|part| {
            part.len() >= 60
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        })
}
