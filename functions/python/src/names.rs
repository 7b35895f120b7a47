//! What the functions of Python's library and of popular packages do: the vocabulary
//! that the rules speak.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

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
}

/// Prefixes under which packages carry copies of other packages, and names that mean
/// the same module.
const SAME: &[(&str, &str)] = &[
    ("six.moves.", ""),
    ("pip._vendor.", ""),
    ("future.moves.", ""),
    ("posix.", "os."),
    ("nt.", "os."),
    ("_io.", "io."),
    ("io.open", "builtins.open"),
    ("codecs.open", "builtins.open"),
    ("__builtin__.", "builtins."),
    ("__builtins__.", "builtins."),
    ("urllib2.", "urllib.request."),
    ("urllib.urlopen", "urllib.request.urlopen"),
    ("urllib.urlretrieve", "urllib.request.urlretrieve"),
    ("httplib.", "http.client."),
    ("subprocess32.", "subprocess."),
    ("distutils.spawn.spawn", "subprocess.call"),
    ("commands.", "subprocess."),
    ("_winreg.", "winreg."),
    ("Cryptodome.", "Crypto."),
    ("cPickle.", "pickle."),
    ("dill.", "pickle."),
    ("requests.api.", "requests."),
    ("requests.sessions.", "requests."),
    ("requests.session().", "requests."),
    ("requests.Session().", "requests."),
    ("httpx.Client().", "httpx."),
    ("httpx.AsyncClient().", "httpx."),
    ("aiohttp.ClientSession().", "aiohttp."),
    ("cloudscraper.create_scraper().", "requests."),
    ("ntpath.", "os.path."),
    ("posixpath.", "os.path."),
];

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

/// Builtins that matter here.
pub const BUILTINS: &[&str] = &[
    "exec",
    "eval",
    "compile",
    "execfile",
    "open",
    "getattr",
    "setattr",
    "globals",
    "locals",
    "vars",
    "__import__",
    "chr",
    "ord",
    "bytes",
    "bytearray",
    "str",
    "int",
    "list",
    "tuple",
    "set",
    "dict",
    "map",
    "filter",
    "reversed",
    "range",
    "len",
    "hex",
    "join",
    "type",
    "object",
    "print",
    "input",
    "zip",
    "enumerate",
    "sorted",
    "unichr",
    "repr",
    "sum",
    "xrange",
    "format",
    "iter",
    "next",
    "memoryview",
    "super",
    "isinstance",
    "hasattr",
    "any",
    "all",
    "min",
    "max",
];

/// Canonical names by what calling them does.
const ROLES: &[(Role, &[&str])] = &[
    (
        Role::Exec,
        &[
            "builtins.exec",
            "builtins.eval",
            "builtins.execfile",
            "code.interact",
            "code.InteractiveInterpreter().runsource",
            "code.InteractiveInterpreter().runcode",
            "code.InteractiveConsole().push",
            "types.FunctionType",
        ],
    ),
    (Role::Compile, &["builtins.compile"]),
    (
        Role::Import,
        &[
            "builtins.__import__",
            "importlib.import_module",
            "importlib.__import__",
            "pkgutil.resolve_name",
        ],
    ),
    (
        Role::Open,
        &[
            "builtins.open",
            "os.open",
            "os.fdopen",
            "io.FileIO",
            "gzip.open",
            "bz2.open",
            "lzma.open",
        ],
    ),
    (
        Role::Shell,
        &[
            "os.system",
            "os.popen",
            "os.popen2",
            "os.popen3",
            "os.popen4",
            "subprocess.getoutput",
            "subprocess.getstatusoutput",
            "asyncio.create_subprocess_shell",
            "pexpect.run",
            "pexpect.spawn",
            "win32api.WinExec",
            "platform.popen",
        ],
    ),
    (
        Role::Spawn,
        &[
            "subprocess.run",
            "subprocess.call",
            "subprocess.Popen",
            "subprocess.check_call",
            "subprocess.check_output",
            "asyncio.create_subprocess_exec",
            "pty.spawn",
            "os.posix_spawn",
            "os.posix_spawnp",
        ],
    ),
    (Role::OpenFile, &["os.startfile", "win32api.ShellExecute"]),
    (
        Role::FetchToFile,
        &["urllib.request.urlretrieve", "wget.download"],
    ),
    (
        Role::Fetch,
        &[
            "urllib.request.urlopen",
            "urllib.request.build_opener().open",
            "urllib.request.URLopener().open",
            "urllib3.request",
            "urllib3.PoolManager().request",
            "urllib3.PoolManager().urlopen",
            "requests.get",
            "requests.request",
            "requests.post",
            "requests.put",
            "requests.patch",
            "requests.delete",
            "requests.head",
            "httpx.get",
            "httpx.post",
            "httpx.put",
            "httpx.request",
            "httpx.stream",
            "aiohttp.get",
            "aiohttp.post",
            "aiohttp.put",
            "aiohttp.request",
            "http.client.HTTPSConnection().getresponse",
            "http.client.HTTPConnection().getresponse",
            "socket.socket().recv",
            "socket.create_connection().recv",
            "ssl.wrap_socket().recv",
        ],
    ),
    (
        Role::Send,
        &[
            "http.client.HTTPSConnection().request",
            "http.client.HTTPConnection().request",
            "socket.socket().send",
            "socket.socket().sendall",
            "socket.socket().sendto",
            "socket.create_connection().send",
            "socket.create_connection().sendall",
            "smtplib.SMTP().sendmail",
            "smtplib.SMTP_SSL().sendmail",
            "smtplib.SMTP().send_message",
            "smtplib.SMTP_SSL().send_message",
            "ftplib.FTP().storbinary",
            "ftplib.FTP().storlines",
            "dhooks.Webhook().send",
            "discord_webhook.DiscordWebhook",
            "discord.SyncWebhook.from_url().send",
            "telebot.TeleBot().send_message",
            "telebot.TeleBot().send_document",
            "telegram.Bot().send_message",
            "telegram.Bot().send_document",
            "websocket.create_connection().send",
        ],
    ),
    (
        Role::Dns,
        &[
            "socket.gethostbyname",
            "socket.gethostbyname_ex",
            "socket.getaddrinfo",
            "dns.resolver.query",
            "dns.resolver.resolve",
            "dns.resolver.Resolver().resolve",
        ],
    ),
    (
        Role::GetVariable,
        &[
            "os.getenv",
            "os.environ.get",
            "os.environ.pop",
            "os.environ.setdefault",
            "os.environb.get",
        ],
    ),
    (Role::DeleteFile, &["os.remove", "os.unlink"]),
    (Role::DeleteTree, &["shutil.rmtree", "os.removedirs"]),
    (
        Role::CopyFile,
        &[
            "shutil.copy",
            "shutil.copy2",
            "shutil.copyfile",
            "shutil.move",
            "os.rename",
            "os.replace",
            "os.symlink",
        ],
    ),
    (Role::Dup, &["os.dup2"]),
    (
        Role::Decode("base64"),
        &[
            "base64.b64decode",
            "base64.urlsafe_b64decode",
            "base64.standard_b64decode",
            "base64.decodebytes",
            "base64.decodestring",
            "binascii.a2b_base64",
        ],
    ),
    (Role::Decode("base32"), &["base64.b32decode"]),
    (
        Role::Decode("hex"),
        &[
            "base64.b16decode",
            "binascii.unhexlify",
            "binascii.a2b_hex",
            "builtins.bytes.fromhex",
            "builtins.bytearray.fromhex",
        ],
    ),
    (
        Role::Decode("base85"),
        &["base64.b85decode", "base64.a85decode", "base64.z85decode"],
    ),
    (
        Role::Decode("zlib"),
        &[
            "zlib.decompress",
            "zlib.decompressobj().decompress",
            "gzip.decompress",
        ],
    ),
    (Role::Decode("bz2"), &["bz2.decompress"]),
    (Role::Decode("lzma"), &["lzma.decompress"]),
    (Role::Decode("codecs"), &["codecs.decode", "codecs.encode"]),
    (
        Role::Decode("url"),
        &[
            "urllib.parse.unquote",
            "urllib.parse.unquote_plus",
            "urllib.unquote",
        ],
    ),
    (Role::Marshal, &["marshal.loads", "marshal.load"]),
    (
        Role::Unpickle,
        &["pickle.loads", "pickle.load", "cloudpickle.loads"],
    ),
    (
        Role::Decrypt,
        &["cryptography.fernet.Fernet().decrypt", "rsa.decrypt"],
    ),
    (
        Role::HostFact,
        &[
            "socket.gethostname",
            "socket.getfqdn",
            "getpass.getuser",
            "os.getlogin",
            "os.uname",
            "uuid.getnode",
            "platform.node",
            "platform.uname",
            "psutil.users",
            "psutil.net_if_addrs",
            "psutil.process_iter",
            "getmac.get_mac_address",
        ],
    ),
    (
        Role::ReadClipboard,
        &[
            "pyperclip.paste",
            "win32clipboard.GetClipboardData",
            "clipboard.paste",
            "tkinter.Tk().clipboard_get",
        ],
    ),
    (
        Role::WriteClipboard,
        &[
            "pyperclip.copy",
            "win32clipboard.SetClipboardText",
            "clipboard.copy",
            "win32clipboard.SetClipboardData",
        ],
    ),
    (
        Role::Keys,
        &[
            "pynput.keyboard.Listener",
            "keyboard.on_press",
            "keyboard.hook",
            "keyboard.on_release",
            "pyHook.HookManager",
            "pyxhook.HookManager",
            "keyboard.record",
        ],
    ),
    (
        Role::Screen,
        &[
            "PIL.ImageGrab.grab",
            "pyautogui.screenshot",
            "mss.mss().shot",
            "mss.mss().grab",
            "pyscreenshot.grab",
            "ImageGrab.grab",
        ],
    ),
    (
        Role::Registry,
        &[
            "winreg.SetValueEx",
            "winreg.SetValue",
            "win32api.RegSetValueEx",
        ],
    ),
];

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
    for (role, names) in ROLES {
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

/// Names that lead to others: reflection, and modules that rules look for by prefix.
const REACHING: [&str; 14] = [
    "__builtins__",
    "__import__",
    "builtins",
    "getattr",
    "globals",
    "locals",
    "vars",
    "importlib",
    "ctypes",
    "Crypto",
    "operator",
    "sys",
    "__dict__",
    "__pyarmor__",
];

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
        _ => None,
    }
}
