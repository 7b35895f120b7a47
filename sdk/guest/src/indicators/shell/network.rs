//! Acts towards a peer: data sent out, shells handed over.

use std::ops::Range;

use super::super::{Kind, ShellAct, scan};
use super::acts::Acts;
use super::command::{Call, is_shell};
use super::lex::{Command, Joint, Word};
use super::nested::Nested;
use super::system::recon;

/// Whether the text of a word carries something of the machine: a substitution, a file,
/// a secret variable.
fn carries(word: &Word) -> bool {
    Nested::of(std::slice::from_ref(word)).any
        || word.text.contains('@')
            && word
                .text
                .rsplit('@')
                .next()
                .is_some_and(|file| file.starts_with(['/', '~', '$', '.']) || file == "-")
        || scan(&word.text)
            .iter()
            .any(|found| matches!(found.kind, Kind::SecretVariable | Kind::CredentialPath))
}

/// Flags of curl and wget whose value is sent.
const SENDING: &[&str] = &[
    "-d",
    "--data",
    "--data-binary",
    "--data-raw",
    "--data-urlencode",
    "--data-ascii",
    "-F",
    "--form",
    "-T",
    "--upload-file",
    "--json",
    "--post-data",
    "--post-file",
    "--body-data",
    "--body-file",
    "-body",
    "-infile",
];

/// Data sent out by a pipeline.
pub(super) fn upload(acts: &mut Acts, calls: &[Call<'_>], range: &Range<usize>) {
    for (at, call) in calls.iter().enumerate() {
        let piped = at > 0;
        let sends = match call.name.as_str() {
            "curl" | "wget" | "wget2" | "http" | "https" | "invoke-webrequest" | "iwr"
            | "invoke-restmethod" | "irm" => {
                call.fetch().is_some()
                    && (sends_by_flag(call, piped) || call.args.iter().any(url_carries))
            }
            "nc" | "ncat" | "netcat" => {
                let from_file = call.command.redirects.iter().any(|to| to.operator == "<");
                call.args.len() >= 2
                    && (from_file || piped)
                    && !call.has(&["-l", "-z", "-zv", "-vz", "-lvp", "-lp"])
            }
            "nslookup" | "dig" | "host" | "ping" | "drill" | "resolve-dnsname" => {
                call.args.iter().any(is_query_with_data)
            }
            "scp" | "sftp" | "rsync" | "ftp" | "tftp" => sends_keys(call),
            _ => false,
        };
        if sends {
            acts.push(ShellAct::Upload, range, None);
        }
    }
}

/// Whether keys are among what is copied: the one to log in with is not.
fn sends_keys(call: &Call<'_>) -> bool {
    call.args.iter().enumerate().any(|(at, arg)| {
        let text = arg.text.as_str();
        let before = at.checked_sub(1).and_then(|at| call.args.get(at));
        let logs_in = before.is_some_and(|flag| matches!(flag.text.as_str(), "-i" | "-F" | "-o"))
            || text.contains("ssh -")
            || text.contains("IdentityFile")
            || text.contains("KnownHostsFile");
        !logs_in
            && scan(text)
                .iter()
                .any(|found| found.kind == Kind::CredentialPath)
    })
}

/// A header that tells a service who asks.
fn is_login(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    [
        "authorization:",
        "private-token:",
        "job-token:",
        "x-vault-token:",
        "x-aws-ec2-metadata-token",
    ]
    .iter()
    .any(|name| lower.starts_with(name))
}

/// `https://x.example/?d=$(env | base64)`.
fn url_carries(arg: &Word) -> bool {
    let secret = || {
        scan(&arg.text)
            .iter()
            .any(|found| found.kind == Kind::SecretVariable)
    };
    let has_machine = arg
        .nested
        .iter()
        .flatten()
        .filter_map(Command::call)
        .any(|call| {
            recon(&call).is_some()
                || matches!(
                    call.name.as_str(),
                    "base64"
                        | "cat"
                        | "env"
                        | "printenv"
                        | "xxd"
                        | "tar"
                        | "ls"
                        | "pwd"
                        | "history"
                )
        });
    arg.text.contains('.')
        && !is_login(&arg.text)
        && !arg.text.starts_with('-')
        && (has_machine || secret() && arg.text.contains("://"))
}

/// Data in the name that is looked up: `$(whoami).x.example`.
fn is_query_with_data(arg: &Word) -> bool {
    Nested::of(std::slice::from_ref(arg)).any
        && (arg.text.contains(").")
            || arg.text.contains("`.")
            || arg.text.contains(".$(")
            || arg.text.contains(".`"))
}

fn sends_by_flag(call: &Call<'_>, piped: bool) -> bool {
    let to_known = || {
        call.args.iter().any(|arg| {
            scan(&arg.text).iter().any(|found| {
                matches!(
                    found.kind,
                    Kind::Webhook
                        | Kind::ChatApi
                        | Kind::OutOfBand
                        | Kind::Tunnel
                        | Kind::PasteOrFileShare
                        | Kind::PublicIp
                )
            })
        })
    };
    call.args.iter().enumerate().any(|(at, arg)| {
        let joined = SENDING.iter().any(|flag| {
            flag.starts_with("--")
                && arg
                    .text
                    .strip_prefix(flag)
                    .is_some_and(|rest| rest.starts_with('='))
        });
        let exact = SENDING
            .iter()
            .any(|flag| arg.text == *flag || flag.len() > 2 && arg.text.eq_ignore_ascii_case(flag));
        // `-d@file`, `-Ffile=@x`
        let glued = ["-d", "-F", "-T"]
            .iter()
            .any(|flag| arg.text.len() > 2 && arg.text.starts_with(flag));
        let value = if exact {
            call.args.get(at + 1)
        } else if joined || glued {
            Some(arg)
        } else {
            None
        };
        value.is_some_and(|value| {
            let is_file = matches!(
                arg.text.as_str(),
                "-T" | "--upload-file" | "--post-file" | "--body-file" | "-infile"
            );
            let from_pipe = piped && (value.text.ends_with("@-") || value.text == "-");
            is_file
                || from_pipe
                || carries(value)
                || value.text.starts_with('@')
                || value.text.contains("=@")
                || to_known()
        })
    })
}

/// Whether a command is a shell, or whatever the peer says, joined to a descriptor.
/// A script that opens `/dev/tcp` to see whether a port answers has none.
fn takes_shell(call: &Call<'_>) -> bool {
    let redirects = &call.command.redirects;
    let reads = redirects
        .iter()
        .any(|to| to.operator.ends_with("<&") || to.operator == "0>&" || to.operator == "<>");
    let writes = redirects.iter().any(|to| to.operator.ends_with(">&"));
    let is_named = call.program.text.starts_with('$') && call.program.nested.is_empty();
    let interactive = call.args.iter().any(|arg| arg.text.starts_with("-i"));
    is_shell(&call.name) && (reads || interactive) || is_named && writes
}

/// `socat exec:… tcp:…`.
fn joins_shell(call: &Call<'_>) -> bool {
    let args: Vec<String> = call
        .args
        .iter()
        .map(|arg| arg.text.to_ascii_lowercase())
        .collect();
    let any = |words: &[&str]| {
        args.iter()
            .any(|arg| words.iter().any(|word| arg.starts_with(word)))
    };
    let executes = args
        .iter()
        .any(|arg| arg.contains("exec:") || arg.contains("system:"));
    executes && any(&["tcp", "openssl", "udp"])
}

/// A shell whose input and output go to a peer.
pub(super) fn reverse_shell(acts: &mut Acts, commands: &[Command]) {
    let mut socket: Option<Range<usize>> = None;
    let (mut shell, mut fifo, mut peer) = (false, false, None);
    for command in commands {
        let words = command
            .words
            .iter()
            .chain(command.redirects.iter().map(|to| &to.target));
        let has_socket = words.clone().any(|word| {
            word.text.contains("/dev/tcp/")
                || word.text.contains("/dev/udp/")
                || word.text.contains("/inet/tcp/")
        });
        if has_socket {
            socket.get_or_insert_with(|| command.range.clone());
        }
        let Some(call) = command.call() else {
            continue;
        };
        shell |= takes_shell(&call);
        shell |= matches!(call.name.as_str(), "awk" | "gawk") && has_socket;
        fifo |= call.name == "mkfifo" || call.name == "mknod" && call.has(&["p"]);
        let range = &command.range;
        match call.name.as_str() {
            "nc" | "ncat" | "netcat" | "telnet" => {
                peer.get_or_insert_with(|| range.clone());
                let executes = call.args.iter().any(|arg| {
                    matches!(arg.text.as_str(), "--exec" | "--sh-exec" | "-c")
                        || arg.text.starts_with('-')
                            && !arg.text.starts_with("--")
                            && arg.text.ends_with('e')
                });
                if executes {
                    acts.push(ShellAct::ReverseShell, range, None);
                }
            }
            "openssl" if call.has(&["s_client"]) => {
                peer.get_or_insert_with(|| range.clone());
            }
            "socat" if joins_shell(&call) => acts.push(ShellAct::ReverseShell, range, None),
            _ => {}
        }
    }
    let runs_shell = commands
        .iter()
        .filter_map(Command::call)
        .any(|call| is_shell(&call.name));
    if let Some(range) = socket.filter(|_| shell) {
        acts.push(ShellAct::ReverseShell, &range, None);
    }
    let piped_shell = commands.iter().any(|command| {
        command.joint == Joint::Pipe && command.call().is_some_and(|call| is_shell(&call.name))
    });
    if let Some(range) = peer.filter(|_| runs_shell && (fifo || piped_shell)) {
        acts.push(ShellAct::ReverseShell, &range, None);
    }
}
