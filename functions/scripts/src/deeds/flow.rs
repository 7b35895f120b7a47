//! Shell text, line by line: which variables and files hold secrets, what the machine
//! says of itself, or what was downloaded; and where they go.

use std::collections::{BTreeMap, BTreeSet};

use packguard_sdk::indicators::{Kind, ShellAct, scan, shell};

use super::{Act, Deed};

/// Most variables and files followed in one text.
const LIMIT: usize = 2_000;

/// What a value or file comes from.
#[derive(Debug, Clone, Copy, Default)]
struct Taint {
    secret: bool,
    machine: bool,
    remote: bool,
    from: usize,
}

impl Taint {
    fn any(self) -> bool {
        self.secret || self.machine || self.remote
    }

    fn join(&mut self, other: Self) {
        let from = if self.any() {
            self.from.min(other.from)
        } else {
            other.from
        };
        *self = Self {
            secret: self.secret || other.secret,
            machine: self.machine || other.machine,
            remote: self.remote || other.remote,
            from,
        };
    }
}

const EVERYTHING: &[&str] = &[
    "$(env",
    "`env",
    "env |",
    "env|",
    "env >",
    "env>",
    "printenv",
    "$(set)",
    "export -p",
    "compgen -e",
];
const MACHINE: &[&str] = &[
    "whoami",
    "$(hostname",
    "`hostname",
    "hostname)",
    "$(id",
    "`id",
    "uname -",
    "ifconfig",
    "/etc/passwd",
    "ip addr",
    "ip a)",
];
const CREDENTIALS: &[&str] = &[
    "find-generic-password",
    "dump-keychain",
    "gh auth token",
    "gcloud auth print",
    "aws configure export",
    "git credential fill",
    "npm token list",
];
pub(super) const SENDERS: &[&str] = &[
    "curl ",
    "wget ",
    " nc ",
    "|nc ",
    "ncat ",
    "http post",
    "ftp ",
    "telegram",
];
const DNS: &[&str] = &["dig ", "nslookup ", " host ", "ping ", "drill "];

/// Paths of the cloud's own service that hold keys; others tell the region and the like.
const ROLES: &[&str] = &["credentials", "user-data", "service-accounts", "oauth2"];

const FOLDERS: &[&str] = &[
    "~/.ssh",
    "$home/.ssh",
    "${home}/.ssh",
    "~/.aws",
    "$home/.aws",
    "~/.kube",
    "$home/.kube",
    "~/.gnupg",
    "$home/.gnupg",
];

pub(super) fn has(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// The acts that come together over several lines.
pub fn acts(text: &str) -> Vec<Act> {
    let mut flow = Flow::default();
    let lower = text.to_ascii_lowercase();
    // Nothing leaves and nothing arrives: no flow.
    if !has(&lower, SENDERS)
        && !has(&lower, DNS)
        && !lower.contains("/dev/tcp/")
        && !lower.contains("<<")
    {
        return Vec::new();
    }
    flow.socket = lower.contains("/dev/tcp/");
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if line.len() <= 64 << 10 && !line.trim_start().starts_with('#') {
            flow.line(line, start);
        }
    }
    super::piped::acts(text, &mut flow.found);
    documents(text, &mut flow.found);
    flow.found
}

#[derive(Debug, Default)]
struct Flow {
    found: Vec<Act>,
    values: BTreeMap<String, Taint>,
    /// Variables that name folders or files made for passing things.
    scratch: BTreeSet<String>,
    socket: bool,
}

impl Flow {
    fn line(&mut self, line: &str, at: usize) {
        let lower = line.to_ascii_lowercase();
        let mut taint = self.own(line, &lower, at);
        for name in names(line) {
            if let Some(known) = self.values.get(name) {
                taint.join(*known);
            }
        }
        for word in line.split(|c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | ';' | ')' | '(' | '@' | '=' | '<' | '>')
        }) {
            if word.contains(['/', '.'])
                && let Some(known) = self.values.get(word)
            {
                taint.join(*known);
            }
        }
        self.sinks(line, &lower, taint, at);
        if taint.any() && self.values.len() < LIMIT {
            for name in written(line) {
                self.values.insert(name.into(), taint);
            }
            self.gather(line, &lower, taint);
        }
        if lower.contains("mktemp") || lower.contains("=/tmp/") || lower.contains("=\"/tmp/") {
            self.scratch
                .extend(written(line).into_iter().take(8).map(str::to_owned));
        }
    }

    /// What is put into a folder of the script's own is in what is made of the folder, and
    /// of files that bear its name: `cp "$f" "$d/x"; tar czf "$d.tgz" "$d"`.
    fn gather(&mut self, line: &str, lower: &str, taint: Taint) {
        if self.scratch.is_empty() || !has(lower, &["cp ", "mv ", ">", "tar ", "zip ", "-out "]) {
            return;
        }
        let folders: Vec<String> = names(line)
            .filter(|name| self.scratch.contains(*name))
            .filter(|name| {
                [
                    format!("${name}/"),
                    format!("${{{name}}}/"),
                    format!("${name}.t"),
                    format!("${name}.z"),
                ]
                .iter()
                .any(|place| line.contains(place.as_str()))
            })
            .map(str::to_owned)
            .collect();
        for name in folders {
            let mut known = self.values.get(&name).copied().unwrap_or_default();
            known.join(taint);
            self.values.insert(name, known);
        }
    }

    /// What a line reads by itself.
    fn own(&self, line: &str, lower: &str, at: usize) -> Taint {
        let reads = has(
            lower,
            &[
                "cat ", "tar ", "zip ", "cp ", "find ", "grep ", "base64", "$(<", "for ", "read",
                "head ", "ditto ", "curl ", "scp ", "rsync ",
            ],
        );
        let path = reads
            && (has(lower, FOLDERS)
                || scan(line).iter().any(|one| {
                    let service =
                        one.text.starts_with("169.254") || one.text.starts_with("metadata");
                    one.kind == Kind::CredentialPath && (!service || has(lower, ROLES))
                }));
        let fetches = has(lower, &["curl ", "wget "])
            && !has(lower, &[" -d ", "--data", " -f ", "--form", "-t "]);
        Taint {
            secret: path || has(lower, EVERYTHING) || has(lower, CREDENTIALS),
            machine: has(lower, MACHINE),
            remote: fetches || self.socket && lower.contains("<&") && lower.contains("> "),
            from: at,
        }
    }

    fn sinks(&mut self, line: &str, lower: &str, taint: Taint, at: usize) {
        let range = taint.from.min(at)..at + line.trim_end().len().max(1);
        let looked_up = DNS.iter().any(|word| {
            lower.match_indices(word).any(|(found, _)| {
                let query = &line[found..];
                query.contains(").")
                    || query.contains("}.")
                    || query.contains("`.")
                    || names(query).any(|name| query.contains(&format!("${name}.")))
            })
        });
        if looked_up && (taint.secret || taint.machine) {
            self.found.push(Act {
                plain: taint.secret,
                ..Act::new(Deed::Upload, range.clone())
            });
        }
        let runs =
            has(lower, &["bash ", "sh ", "python", "exec ", "source "]) || lower.contains(" ./");
        if self.socket && taint.remote && runs && taint.from <= at && !lower.contains("/dev/tcp/") {
            self.found
                .push(Act::plain(Deed::DownloadRun, range.clone()));
        }
        if !has(lower, SENDERS) || !(taint.secret || taint.machine) {
            return;
        }
        // A token in a header is how services are asked.
        let header_only = has(
            lower,
            &[
                "authorization",
                "private-token",
                "metadata-token",
                "x-vault-token",
                "api-key:",
            ],
        );
        let sends = has(
            line,
            &[
                " -d", "--data", " -F", "--form", " -T", "--upload", "--post", "--json", "--body",
            ],
        ) || has(
            lower,
            &["| nc ", "|nc ", "< ", "scp ", "rsync ", "| curl", "|curl"],
        ) || line.match_indices("://").any(|(found, _)| {
            let url = line[found..]
                .split([' ', '"', '\''])
                .next()
                .unwrap_or_default();
            url.contains('$') && url.contains(['?', '/'])
        }) || line.contains("-H ");
        if sends && !header_only {
            self.found.push(Act {
                plain: taint.secret,
                ..Act::new(Deed::Upload, range)
            });
        }
    }
}

/// The variables and files that a line fills.
fn written(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut words = line
        .split(|c: char| c.is_whitespace() || matches!(c, ';' | '('))
        .filter(|word| !word.is_empty())
        .peekable();
    while let Some(word) = words.next() {
        let next = words.peek().copied().unwrap_or_default();
        if let Some((name, _)) = word.split_once('=') {
            let name = name.trim_end_matches('+');
            if !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            {
                found.push(name);
            }
        }
        let target = match word {
            "for" | "read" | "-r" | ">" | ">>" | "-o" | "-O" | "tee" | "-f" | "czf" | "cf"
            | "-czf" | "-cf" | "cvzf" | "-zcf" | "-r9" => next,
            _ => word.trim_start_matches(['1', '2']).trim_start_matches('>'),
        };
        let named = matches!(word, "for" | "read" | "-r") && !target.is_empty();
        let is_target = word != target && target.len() > 1;
        if (named || is_target)
            && !target.starts_with(['-', '&', '$', '|'])
            && target != "/dev/null"
        {
            found.push(target.trim_matches(['"', '\'']));
        }
    }
    if line.contains("zip ")
        && let Some(archive) = line.split_whitespace().find(|word| word.ends_with(".zip"))
    {
        found.push(archive.trim_matches(['"', '\'']));
    }
    found
}

/// The names of the variables in a line.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices('$').filter_map(|(at, _)| {
        let rest = line[at + 1..].trim_start_matches('{');
        let length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            .count();
        (length > 0).then(|| &rest[..length])
    })
}

/// Here-documents in other languages: `python3 - <<EOF`, `cat > a.py <<EOF`.
fn documents(text: &str, found: &mut Vec<Act>) {
    for (at, _) in text.match_indices("<<").take(200) {
        let line_start = text[..at].rfind('\n').map_or(0, |line| line + 1);
        let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let word = text[at + 2..line_end].trim_start_matches('-').trim();
        let word = word
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .trim_matches(['"', '\'']);
        let head = text[line_start..line_end].to_ascii_lowercase();
        let program = if has(&head, &["python", ".py"]) {
            "python3 -c"
        } else if has(&head, &["node", ".js"]) {
            "node -e"
        } else if has(&head, &["perl", ".pl"]) {
            "perl -e"
        } else if has(&head, &["ruby", ".rb"]) {
            "ruby -e"
        } else {
            continue;
        };
        if head.trim_start().starts_with('#') || word.len() < 2 || line_end >= text.len() {
            continue;
        }
        let body = packguard_sdk::text::cut(&text[line_end + 1..], 64 << 10);
        let Some(end) = body.find(&format!("\n{word}")) else {
            continue;
        };
        let connects = has(
            &body[..end],
            &[
                ".connect(",
                "fsockopen",
                "TCPSocket",
                "createConnection",
                "net.connect",
            ],
        );
        let escaped = body[..end]
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('$', "\\$")
            .replace('`', "\\`");
        for act in shell(&format!("{program} \"{escaped}\"")) {
            if act.act == ShellAct::ReverseShell && !connects {
                continue;
            }
            let range = line_start..line_end + 1 + end;
            found.push(Act {
                decoded: act.decoded,
                plain: true,
                ..Act::new(super::shell::deed(act.act), range)
            });
        }
    }
}
