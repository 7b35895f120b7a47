//! Pickles: what loading one would call, read off its instructions without running any.

use std::collections::BTreeMap;

use packguard_sdk::decode::{self, Layer};
use packguard_sdk::{Analysis, Confidence, File, Package, Phase, Severity, text};

use crate::files;
use crate::link::Seen;
use crate::rules::UNPICKLE_PAYLOAD;

/// What is read of a file that may hold a pickle, in bytes: calls stand before the data that
/// they are given, and weights take gigabytes.
const READ_LIMIT: usize = 1 << 20;

/// Instructions that are read.
const INSTRUCTIONS_LIMIT: usize = 200_000;

/// Longest string that is kept, in bytes.
const STRING_LIMIT: usize = 64 << 10;

/// Endings of files that hold pickles: data sets, caches, and the weights of models.
const ENDINGS: &[&str] = &[
    "bin", "cache", "ckpt", "dat", "data", "dill", "dump", "joblib", "model", "npy", "obj", "p",
    "pck", "pcl", "pickle", "pkl", "pt", "pth", "sav", "weights",
];

/// What loading a pickle does.
#[derive(Debug, Default)]
pub struct Pickled {
    /// The function that runs code or commands, if it calls one.
    pub calls: Option<String>,
    /// The longest string before that call: mostly the code.
    pub given: String,
}

/// Reads the instructions of one pickle or several in a row.
pub fn read(bytes: &[u8]) -> Pickled {
    let mut reader = Reader {
        bytes,
        at: 0,
        strings: Vec::new(),
        memo: BTreeMap::new(),
        last: None,
        named: None,
        pickled: Pickled::default(),
    };
    for _ in 0..INSTRUCTIONS_LIMIT {
        if reader.step().is_none() || reader.pickled.calls.is_some() {
            break;
        }
    }
    reader.pickled
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Strings put on the stack, of which the last two name what is looked up.
    strings: Vec<String>,
    memo: BTreeMap<usize, String>,
    /// The string on top of the stack.
    last: Option<String>,
    /// A name that was looked up and runs code or commands.
    named: Option<String>,
    pickled: Pickled,
}

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    /// A number of `width` bytes, lowest first.
    fn number(&mut self, width: usize) -> Option<usize> {
        let bytes = self.take(width)?;
        let number = bytes
            .iter()
            .rev()
            .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        usize::try_from(number).ok()
    }

    fn line(&mut self) -> Option<&'b [u8]> {
        let length = memchr::memchr(b'\n', self.bytes.get(self.at..)?)?;
        let line = self.take(length)?;
        self.at += 1;
        Some(line)
    }

    /// What follows a length of `width` bytes.
    fn counted(&mut self, width: usize) -> Option<&'b [u8]> {
        let length = self.number(width)?;
        self.take(length)
    }

    fn push(&mut self, bytes: &[u8]) {
        let kept = &bytes[..bytes.len().min(STRING_LIMIT)];
        let string = String::from_utf8_lossy(kept).into_owned();
        // What is given to a function stands behind its name.
        if self.named.is_some() && string.len() > self.pickled.given.len() {
            self.pickled.given.clone_from(&string);
        }
        if self.strings.len() > 1_000 {
            self.strings.drain(..500);
        }
        self.strings.push(string.clone());
        self.last = Some(string);
    }

    fn store(&mut self, at: usize) {
        if let Some(last) = self.last.clone().filter(|_| self.memo.len() < 50_000) {
            self.memo.insert(at, last);
        }
    }

    fn fetch(&mut self, at: usize) {
        match self.memo.get(&at).cloned() {
            Some(string) if !string.is_empty() => self.push(string.as_bytes()),
            _ => self.last = None,
        }
    }

    fn look_up(&mut self, module: &str, name: &str) -> Option<()> {
        let is_name = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._<>".contains(&byte))
        };
        // Other data than a pickle.
        (is_name(module) && is_name(name)).then_some(())?;
        if runs(module, name) && self.named.is_none() {
            self.named = Some(format!("{module}.{name}"));
        }
        self.last = None;
        Some(())
    }

    /// One instruction; none at the end or where it is no pickle.
    fn step(&mut self) -> Option<()> {
        let code = *self.take(1)?.first()?;
        let before = self.last.take();
        match code {
            b'('
            | b'.'
            | b'0'
            | b'1'
            | b'2'
            | b'N'
            | b'Q'
            | b'b'
            | b'a'
            | b'e'
            | b'd'
            | b'}'
            | b'l'
            | b']'
            | b's'
            | b'u'
            | b')'
            | b't'
            | 0x85..=0x89
            | 0x8F..=0x91
            | 0x97
            | 0x98 => {}
            // Calls of what was looked up.
            b'R' | b'o' | 0x81 | 0x92 => self.pickled.calls = self.named.clone(),
            b'F' | b'I' | b'L' => {
                self.line()?;
            }
            b'S' | b'V' => {
                let line = self.line()?;
                self.push(line);
            }
            b'U' | 0x8C => {
                let bytes = self.counted(1)?;
                self.push(bytes);
            }
            b'T' | b'X' => {
                let bytes = self.counted(4)?;
                self.push(bytes);
            }
            0x8D => {
                let bytes = self.counted(8)?;
                self.push(bytes);
            }
            b'B' | 0x8B => {
                self.counted(4)?;
            }
            b'C' | 0x8A => {
                self.counted(1)?;
            }
            0x8E | 0x96 => {
                self.counted(8)?;
            }
            b'K' | 0x80 | 0x82 => {
                self.number(1)?;
            }
            b'M' | 0x83 => {
                self.number(2)?;
            }
            b'J' | 0x84 => {
                self.number(4)?;
            }
            b'G' | 0x95 => {
                self.take(8)?;
            }
            b'p' | b'q' | b'r' | 0x94 => {
                self.last = before;
                let at = match code {
                    b'p' => std::str::from_utf8(self.line()?).ok()?.parse().ok()?,
                    b'q' => self.number(1)?,
                    b'r' => self.number(4)?,
                    _ => self.memo.len(),
                };
                // Numbered by what was stored: what is no string is stored, too.
                match self.last.is_some() {
                    true => self.store(at),
                    false => {
                        self.memo.entry(at).or_default();
                    }
                }
            }
            b'g' => {
                let at = std::str::from_utf8(self.line()?).ok()?.parse().ok()?;
                self.fetch(at);
            }
            b'h' => {
                let at = self.number(1)?;
                self.fetch(at);
            }
            b'j' => {
                let at = self.number(4)?;
                self.fetch(at);
            }
            b'P' => {
                self.line()?;
            }
            b'c' | b'i' => {
                let module = String::from_utf8_lossy(self.line()?).into_owned();
                let name = String::from_utf8_lossy(self.line()?).into_owned();
                self.look_up(&module, &name)?;
                // `i` calls it at once, with what stands before.
                if code == b'i' && self.named.is_some() {
                    self.pickled.given = self.strings.pop().unwrap_or_default();
                    self.pickled.calls = self.named.clone();
                }
            }
            0x93 => {
                let name = self.strings.pop()?;
                let module = self.strings.pop()?;
                self.look_up(&module, &name)?;
            }
            _ => return None,
        }
        Some(())
    }
}

/// Whether calling a name runs code or commands, or fetches them. Models and data sets name
/// their own classes, and `builtins` for types.
fn runs(module: &str, name: &str) -> bool {
    match module {
        "os" | "posix" | "nt" => {
            ["system", "startfile", "fork", "kill", "remove", "unlink"].contains(&name)
                || ["popen", "exec", "spawn", "posix_spawn"]
                    .iter()
                    .any(|start| name.starts_with(start))
        }
        "builtins" | "__builtin__" => matches!(
            name,
            "exec" | "eval" | "compile" | "execfile" | "__import__" | "breakpoint"
        ),
        "subprocess" | "pty" | "commands" | "runpy" | "webbrowser" | "pdb" | "bdb" | "timeit"
        | "cProfile" | "profile" | "code" => true,
        "shutil" => matches!(name, "rmtree" | "move"),
        "socket" => matches!(name, "create_connection" | "socket"),
        "platform" => name == "popen",
        "importlib" => name == "import_module",
        "pip" | "pip._internal" => name == "main",
        "asyncio" | "asyncio.subprocess" => name.starts_with("create_subprocess"),
        "urllib.request" => matches!(name, "urlopen" | "urlretrieve"),
        "requests" | "requests.api" => true,
        _ => false,
    }
}

/// Looks into the pickles that lie in a package as data.
pub fn check(package: &Package, seen: &[Seen<'_>], analysis: &mut Analysis) {
    let loads = seen
        .iter()
        .filter(|one| !files::is_test_data(one.file.path()))
        .filter_map(|one| one.ties.unpickles)
        .min_by_key(|phase| matches!(phase, Phase::Execute | Phase::Unknown));
    for file in package.all_files() {
        if !ENDINGS.contains(&&*file.extension()) || file.size() < 10 {
            continue;
        }
        let Some(pickled) = of_file(file) else {
            continue;
        };
        let Some(called) = &pickled.calls else {
            continue;
        };
        let severity = match (loads, files::is_test_data(file.path())) {
            // Scanners of models bring such files for their tests.
            (_, true) => Severity::Low,
            (Some(_), false) => Severity::Critical,
            (None, false) => Severity::High,
        };
        let layer = Layer {
            encoding: "pickle",
            text: text::cut(&pickled.given, 2_000).into(),
        };
        analysis.push(
            UNPICKLE_PAYLOAD
                .at_file(file, Confidence::High)
                .title(format!("Loading {} calls `{called}`", file.name()))
                .severity(severity)
                .phase(loads.unwrap_or(Phase::Unknown))
                .layers(&[layer])
                .why("Data holds no commands; whatever loads this file runs them."),
        );
    }
}

/// The pickle that a file is, or has in it.
fn of_file(file: File<'_>) -> Option<Pickled> {
    let head = file.read_head(8).ok()?;
    let plain = match head[..] {
        [0x80, 0..=5, ..] | [b'c', b'a'..=b'z' | b'_', ..] | [b'(', ..] => {
            file.read_head(READ_LIMIT).ok()?
        }
        // `numpy.save` of objects: a header, then a pickle.
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _] => {
            let bytes = file.read_head(READ_LIMIT).ok()?;
            let length = usize::from(*bytes.get(8)?) | usize::from(*bytes.get(9)?) << 8;
            bytes.get(10 + length..)?.to_vec()
        }
        // `torch.save`: an archive of a pickle and of numbers.
        [b'P', b'K', 3, 4, ..] => return of_archive(&file.read_head(READ_LIMIT).ok()?),
        // `joblib.dump(…, compress=…)`.
        [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..] => {
            decode::inflate(&file.read_head(READ_LIMIT).ok()?)?
        }
        _ => return None,
    };
    Some(read(&plain))
}

/// The pickles of an archive, which stand before the numbers.
fn of_archive(bytes: &[u8]) -> Option<Pickled> {
    let word = |at: usize, width: usize| {
        let bytes = bytes.get(at..at + width)?;
        let number = bytes
            .iter()
            .rev()
            .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        usize::try_from(number).ok()
    };
    let mut at = 0;
    for _ in 0..200 {
        if bytes.get(at..at + 4)? != b"PK\x03\x04" {
            return None;
        }
        let (method, size) = (word(at + 8, 2)?, word(at + 18, 4)?);
        let name_at = at + 30;
        let start = name_at + word(at + 26, 2)? + word(at + 28, 2)?;
        let name = bytes.get(name_at..name_at + word(at + 26, 2)?)?;
        if name.ends_with(b".pkl") {
            let rest = bytes.get(start..)?;
            // Sizes may stand behind the data.
            let data = rest.get(..size).filter(|_| size > 0).unwrap_or(rest);
            let pickled = match method {
                0 => read(data),
                _ => read(&decode::inflate(data)?),
            };
            if pickled.calls.is_some() {
                return Some(pickled);
            }
        }
        at = start
            .checked_add(size)
            .filter(|at| size > 0 && *at < bytes.len())?;
    }
    None
}
