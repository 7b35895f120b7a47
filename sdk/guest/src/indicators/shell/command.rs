//! What a command is, once its prefixes are off: which program, with which arguments.

use super::lex::{Command, Word};

/// A program and its arguments.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    /// Lower-case base name without `.exe`.
    pub name: String,
    /// What stands after the program.
    pub args: &'a [Word],
    /// The word that names the program.
    pub program: &'a Word,
    pub command: &'a Command,
}

/// What a download command fetches and where it puts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fetch {
    /// Base name of the file written; `None` for standard output.
    pub output: Option<String>,
}

/// Words that stand before the program they start.
const PREFIXES: &[&str] = &[
    "sudo",
    "doas",
    "env",
    "nohup",
    "exec",
    "command",
    "builtin",
    "time",
    "nice",
    "ionice",
    "setsid",
    "xargs",
    "busybox",
    "toybox",
    "stdbuf",
    "unbuffer",
    "timeout",
    "start",
    "then",
    "do",
    "else",
    "if",
    "elif",
    "while",
    "until",
    "!",
    "call",
    "cross-env",
    "npx",
    "wsl",
    "proxychains",
    "torsocks",
    "@",
];

/// Flags of curl and wget that take no value and may stand before one that does.
const BARE_FLAGS: &[u8] = b"sSfLkgqv#46ijnN";

impl Command {
    /// The program that runs, below `sudo`, `env A=b`, `nohup` and the like.
    pub fn call(&self) -> Option<Call<'_>> {
        let mut words = self.words.as_slice();
        let mut after_prefix = false;
        while let Some((first, rest)) = words.split_first() {
            let name = base_name(&first.text).to_ascii_lowercase();
            let name = name.strip_suffix(".exe").unwrap_or(&name);
            let assignment = first.nested.is_empty() && is_assignment(&first.text);
            let prefix = PREFIXES.contains(&name);
            let is_option = after_prefix
                && (first.text.starts_with('-')
                    || name.len() <= 4
                        && (first.text.starts_with('/')
                            || name.as_bytes().first().is_some_and(u8::is_ascii_digit)));
            if (prefix || assignment || is_option) && !rest.is_empty() {
                after_prefix |= prefix;
                words = rest;
                continue;
            }
            return Some(Call {
                name: name.into(),
                args: rest,
                program: first,
                command: self,
            });
        }
        None
    }
}

fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// The part after the last `/` or `\`.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

pub(super) fn is_shell(name: &str) -> bool {
    matches!(
        name,
        "sh" | "bash" | "zsh" | "dash" | "ash" | "ksh" | "fish" | "rbash"
    )
}

/// Whether the program runs code that it is given.
pub(super) fn is_interpreter(name: &str) -> bool {
    is_shell(name)
        || name.starts_with("python")
        || name.starts_with("perl")
        || name.starts_with("ruby")
        || name.starts_with("php")
        || matches!(
            name,
            "py" | "pypy"
                | "node"
                | "nodejs"
                | "bun"
                | "deno"
                | "pwsh"
                | "powershell"
                | "iex"
                | "invoke-expression"
                | "lua"
                | "osascript"
                | "tclsh"
                | "cmd"
                | "wscript"
                | "cscript"
        )
}

impl Call<'_> {
    /// Whether any argument is one of these words, in any case.
    pub fn has(&self, words: &[&str]) -> bool {
        self.args
            .iter()
            .any(|arg| words.iter().any(|word| arg.text.eq_ignore_ascii_case(word)))
    }

    /// The argument after one of these flags, or joined to it by `=` or `:`.
    pub fn value(&self, flags: &[&str]) -> Option<&Word> {
        let at = self.args.iter().position(|arg| {
            flags.iter().any(|flag| {
                arg.text.eq_ignore_ascii_case(flag)
                    || arg
                        .text
                        .strip_prefix(flag)
                        .is_some_and(|rest| rest.starts_with(['=', ':']))
            })
        })?;
        let arg = &self.args[at];
        let joined = arg.text.contains(['=', ':']) && !flags.contains(&arg.text.as_str());
        if joined {
            Some(arg)
        } else {
            self.args.get(at + 1)
        }
    }

    /// Whether it runs what comes in by its standard input.
    pub fn runs_stdin(&self) -> bool {
        let sourced = matches!(self.name.as_str(), "source" | ".");
        if sourced {
            return self
                .args
                .first()
                .is_some_and(|arg| arg.text == "/dev/stdin");
        }
        if !is_interpreter(&self.name) {
            return false;
        }
        let shell = is_shell(&self.name);
        if self.has(&["-", "/dev/stdin"]) || shell && self.has(&["-s"]) {
            return true;
        }
        let names_code = |flag: &str| {
            let bundle = flag.strip_prefix('-').unwrap_or_default();
            let letters: &[char] = if shell {
                &['c']
            } else {
                &['c', 'e', 'm', 'r', 'p', 'v', 'V']
            };
            bundle.is_empty()
                || bundle.starts_with('-') && !shell
                || !bundle.starts_with('-') && bundle.contains(letters)
        };
        !self.args.iter().any(|arg| names_code(&arg.text))
    }

    /// The code given by `-c`, `-e`, `-r`, `/c` and the like.
    pub fn inline_code(&self) -> Option<&Word> {
        let flags: &[&str] = match self.name.as_str() {
            "cmd" => &["/c", "/k", "/r", "//c"],
            "pwsh" | "powershell" => &["-c", "-command", "-com", "/c", "/command"],
            "node" | "nodejs" | "bun" => &["-e", "--eval", "-p", "--print", "-pe", "-ep"],
            "deno" => &["eval"],
            "osascript" | "lua" => &["-e"],
            name if name.starts_with("php") => &["-r"],
            name if name.starts_with("perl") || name.starts_with("ruby") => {
                return self
                    .args
                    .iter()
                    .position(|arg| is_bundle(&arg.text, b'e'))
                    .and_then(|at| self.args.get(at + 1));
            }
            name if is_shell(name) || name.starts_with("py") => {
                return self
                    .args
                    .iter()
                    .position(|arg| is_bundle(&arg.text, b'c'))
                    .and_then(|at| self.args.get(at + 1));
            }
            _ => return None,
        };
        self.value(flags)
    }

    /// What it downloads, if it is a download of a remote thing.
    pub fn fetch(&self) -> Option<Fetch> {
        let targets = self.args.iter().filter(|arg| is_remote(&arg.text));
        let target = targets.max_by_key(|arg| arg.text.contains("://"))?;
        let redirected = self
            .command
            .redirects
            .iter()
            .find(|to| matches!(to.operator.as_str(), ">" | ">>" | "1>"));
        let redirected = redirected.map(|to| base_name(&to.target.text).to_owned());
        let from_url = || Some(base_name(target.text.split(['?', '#']).next()?).to_owned());
        let output = match self.name.as_str() {
            "curl" => self
                .bundled_value(b'o')
                .or_else(|| self.named(&["--output"]))
                .or_else(|| {
                    let remote_name = self
                        .args
                        .iter()
                        .any(|arg| is_bundle(&arg.text, b'O') || arg.text == "--remote-name");
                    if remote_name { from_url() } else { redirected }
                }),
            "wget" | "wget2" => match self
                .bundled_value(b'O')
                .or_else(|| self.named(&["--output-document"]))
            {
                Some(file) if file == "-" => redirected,
                Some(file) => Some(file),
                None => from_url(),
            },
            "aria2c" | "axel" | "http" | "https" | "xh" => {
                self.named(&["-o", "--out", "--output"]).or_else(from_url)
            }
            "fetch" | "lwp-request" | "get" | "lynx" | "w3m" | "links" => redirected,
            "lwp-download" | "ftp" => from_url(),
            "certutil" if self.has(&["-urlcache", "/urlcache", "-verifyctl"]) => self.last(),
            "bitsadmin" if self.has(&["/transfer", "/addfile"]) => self.last(),
            "invoke-webrequest" | "iwr" | "invoke-restmethod" | "irm" => {
                self.named(&["-outfile", "-o"])
            }
            "start-bitstransfer" => self.named(&["-destination"]).or_else(from_url),
            _ => return None,
        };
        Some(Fetch { output })
    }

    fn last(&self) -> Option<String> {
        self.args.last().map(|arg| base_name(&arg.text).to_owned())
    }

    fn named(&self, flags: &[&str]) -> Option<String> {
        let value = &self.value(flags)?.text;
        let value = value
            .split_once('=')
            .map_or(value.as_str(), |(_, value)| value);
        Some(base_name(value).to_owned())
    }

    /// The value of a one-letter flag, alone or at the end of a bundle (`-sSLo file`).
    fn bundled_value(&self, letter: u8) -> Option<String> {
        let at = self
            .args
            .iter()
            .position(|arg| is_bundle(&arg.text, letter))?;
        let arg = &self.args[at].text;
        let joined = arg
            .split_once(char::from(letter))
            .map_or("", |(_, rest)| rest);
        let value = if joined.is_empty() {
            &self.args.get(at + 1)?.text
        } else {
            joined
        };
        Some(base_name(value).to_owned())
    }
}

/// `-o`, `-sSLo`, `-qO-`: a flag after others that take no value.
fn is_bundle(arg: &str, letter: u8) -> bool {
    let Some(flags) = arg
        .strip_prefix('-')
        .filter(|flags| !flags.starts_with('-'))
    else {
        return false;
    };
    let before = flags
        .bytes()
        .take_while(|byte| *byte != letter)
        .collect::<Vec<_>>();
    before.len() < flags.len()
        && before.iter().all(|byte| {
            BARE_FLAGS.contains(byte)
                || matches!(letter, b'c' | b'e') && b"lxuWIwnpaM0".contains(byte)
        })
}

/// Whether an argument names something on another machine.
fn is_remote(arg: &str) -> bool {
    let Some(first) = arg.chars().next() else {
        return false;
    };
    let host = arg.split_once("://").map_or(arg, |(_, host)| host);
    let is_local = ["localhost", "127.", "0.0.0.0", "[::1]"]
        .iter()
        .any(|local| host.starts_with(local));
    let named = first.is_ascii_alphanumeric()
        && host.contains('.')
        && !host.starts_with('.')
        && host.contains('/');
    !is_local
        && (arg.contains("://") && !arg.starts_with("file:")
            || named && first != '-'
            || first == '$'
            || is_host(host))
}

/// A bare dotted name with a plausible end: `x.example`, not `index.js`.
fn is_host(text: &str) -> bool {
    let bare = text.split(':').next().unwrap_or(text);
    let dotted = bare.split('.').count() >= 2
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let end = bare.rsplit('.').next().unwrap_or_default();
    let is_file = matches!(
        end,
        "sh" | "js"
            | "py"
            | "json"
            | "txt"
            | "html"
            | "exe"
            | "zip"
            | "gz"
            | "tgz"
            | "md"
            | "ps1"
            | "bat"
            | "log"
            | "bin"
    );
    dotted && end.len() >= 2 && !is_file && !bare.starts_with(['.', '-'])
}
