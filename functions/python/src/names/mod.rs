//! What the functions of Python's library and of popular packages do: the vocabulary
//! that the rules speak.

mod more_roles;
mod roles;
mod table;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use more_roles::OTHERS;
use roles::RUNNING;
pub use table::{BUILTINS, SEES_SECRETS};
use table::{REACHING, SAME};

/// What calling a name does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs Python source or code objects.
    Exec,
    /// Compiles Python source.
    Compile,
    /// Runs a command line through a shell.
    Shell,
    /// Starts a program.
    Spawn,
    /// Opens a file with the program registered for it.
    OpenFile,
    /// Fetches something: its result comes from the network.
    Fetch,
    /// Fetches something into a file named by the second argument.
    FetchToFile,
    /// Sends its arguments out.
    Send,
    /// Looks a host name up.
    Dns,
    /// Takes an encoding off.
    Decode(&'static str),
    /// Takes a cipher off.
    Decrypt,
    /// Makes code objects out of bytes.
    Marshal,
    /// Makes objects out of bytes, which can run code.
    Unpickle,
    /// Tells something about host or user.
    HostFact,
    /// Reads one environment variable.
    GetVariable,
    /// Deletes a file.
    DeleteFile,
    /// Deletes a folder and all below it.
    DeleteTree,
    /// Loads or calls native code.
    Native,
    /// Opens a file.
    Open,
    /// Reads the clipboard.
    ReadClipboard,
    /// Writes the clipboard.
    WriteClipboard,
    /// Listens to the keyboard.
    Keys,
    /// Takes a picture of the screen.
    Screen,
    /// Writes the Windows registry.
    Registry,
    /// Copies or moves a file to the second argument.
    CopyFile,
    /// Duplicates a file descriptor onto another.
    Dup,
    /// Imports the module named by the first argument.
    Import,
    /// Loads the file named by an argument as a module.
    LoadFile,
    /// Opens a connection that is read and written as streams.
    Stream,
}

/// The one spelling of a dotted name.
pub fn canonical(path: &str) -> Cow<'_, str> {
    let Some(once) = respelled(path) else {
        return path.into();
    };
    // Once more, for a name such as `six.moves.urllib2.urlopen`.
    respelled(&once).unwrap_or(once).into()
}

fn respelled(path: &str) -> Option<String> {
    let first = path.as_bytes().first()?;
    SAME.iter().find_map(|(from, to)| {
        let rest = path
            .strip_prefix(from)
            .filter(|_| from.as_bytes().first() == Some(first))?;
        let whole = from.ends_with('.') || rest.is_empty() || rest.starts_with(['(', '.']);
        whole.then(|| format!("{to}{rest}"))
    })
}

/// The table, indexed once.
struct Index {
    roles: BTreeMap<&'static str, Role>,
    /// For each last byte the lengths of the names that end with it, as bits: most
    /// names of honest code are turned away here.
    lengths: [u64; 256],
    /// First and last parts of all names above, and what reaches them otherwise.
    words: BTreeSet<&'static str>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index {
        roles: BTreeMap::new(),
        lengths: [0; 256],
        words: BTreeSet::from(REACHING),
    };
    for (role, names) in RUNNING.iter().chain(OTHERS) {
        for name in *names {
            index.roles.insert(name, *role);
            if let Some(last) = name.bytes().last() {
                index.lengths[usize::from(last)] |= length_bit(name);
            }
            index.words.extend(name.split('.').next());
            index.words.extend(name.strip_prefix("builtins."));
        }
    }
    for (from, _) in SAME {
        index.words.extend(from.split('.').next());
    }
    index
});

fn length_bit(name: &str) -> u64 {
    1 << name.len().min(63)
}

/// Whether an identifier can lead to anything that the rules know. Files without any
/// such need no walk.
pub fn is_known_word(word: &str) -> bool {
    !word.is_ascii() || INDEX.words.contains(word)
}

/// What calling `path` does, for a canonical name.
pub fn role(path: &str) -> Option<Role> {
    let index = &*INDEX;
    let last = path.bytes().last()?;
    if index.lengths[usize::from(last)] & length_bit(path) != 0
        && let Some(role) = index.roles.get(path)
    {
        return Some(*role);
    }
    match path.split_once('.')? {
        ("os", name) if name.starts_with("exec") || name.starts_with("spawn") => Some(Role::Spawn),
        ("Crypto", _) if path.ends_with(".decrypt") => Some(Role::Decrypt),
        ("cryptography", _) if path.ends_with(".decryptor") => Some(Role::Decrypt),
        ("ctypes", _) => Some(Role::Native),
        ("paramiko", _) if path.ends_with(".recv") => Some(Role::Fetch),
        _ => None,
    }
}
