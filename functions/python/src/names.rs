//! What the functions of Python's library and of popular packages do: the vocabulary
//! that the rules speak.

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
pub fn canonical(path: &str) -> std::borrow::Cow<'_, str> {
    for (from, to) in SAME {
        if let Some(rest) = path.strip_prefix(from)
            && (from.ends_with('.') || rest.is_empty() || rest.starts_with(['(', '.']))
        {
            return canonical_once(format!("{to}{rest}"));
        }
    }
    path.into()
}

/// One more step, for a name such as `six.moves.urllib2.urlopen`.
fn canonical_once(path: String) -> std::borrow::Cow<'static, str> {
    for (from, to) in SAME {
        if let Some(rest) = path.strip_prefix(from)
            && (from.ends_with('.') || rest.is_empty() || rest.starts_with(['(', '.']))
        {
            return format!("{to}{rest}").into();
        }
    }
    path.into()
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

/// What calling `path` does, for a canonical name.
pub fn role(path: &str) -> Option<Role> {
    let role = match path {
        "builtins.exec"
        | "builtins.eval"
        | "builtins.execfile"
        | "code.interact"
        | "code.InteractiveInterpreter().runsource"
        | "code.InteractiveInterpreter().runcode"
        | "code.InteractiveConsole().push" => Role::Exec,
        "types.FunctionType" => Role::Exec,
        "builtins.compile" => Role::Compile,
        "builtins.__import__"
        | "importlib.import_module"
        | "importlib.__import__"
        | "pkgutil.resolve_name" => Role::Import,
        "builtins.open" | "os.open" | "os.fdopen" | "io.FileIO" | "gzip.open" | "bz2.open"
        | "lzma.open" => Role::Open,
        "os.system"
        | "os.popen"
        | "os.popen2"
        | "os.popen3"
        | "os.popen4"
        | "subprocess.getoutput"
        | "subprocess.getstatusoutput"
        | "asyncio.create_subprocess_shell"
        | "pexpect.run"
        | "pexpect.spawn"
        | "win32api.WinExec"
        | "platform.popen" => Role::Shell,
        "subprocess.run"
        | "subprocess.call"
        | "subprocess.Popen"
        | "subprocess.check_call"
        | "subprocess.check_output"
        | "asyncio.create_subprocess_exec"
        | "pty.spawn"
        | "os.posix_spawn"
        | "os.posix_spawnp" => Role::Spawn,
        "os.startfile" | "win32api.ShellExecute" => Role::OpenFile,
        "urllib.request.urlretrieve" | "wget.download" => Role::FetchToFile,
        "urllib.request.urlopen"
        | "urllib.request.build_opener().open"
        | "urllib.request.URLopener().open"
        | "urllib3.request"
        | "urllib3.PoolManager().request"
        | "urllib3.PoolManager().urlopen"
        | "requests.get"
        | "requests.request"
        | "requests.post"
        | "requests.put"
        | "requests.patch"
        | "requests.delete"
        | "requests.head"
        | "httpx.get"
        | "httpx.post"
        | "httpx.put"
        | "httpx.request"
        | "httpx.stream"
        | "aiohttp.get"
        | "aiohttp.post"
        | "aiohttp.put"
        | "aiohttp.request"
        | "http.client.HTTPSConnection().getresponse"
        | "http.client.HTTPConnection().getresponse"
        | "pycurl.Curl().perform_rs"
        | "socket.socket().recv"
        | "socket.create_connection().recv"
        | "ssl.wrap_socket().recv" => Role::Fetch,
        "http.client.HTTPSConnection().request"
        | "http.client.HTTPConnection().request"
        | "socket.socket().send"
        | "socket.socket().sendall"
        | "socket.socket().sendto"
        | "socket.create_connection().send"
        | "socket.create_connection().sendall"
        | "smtplib.SMTP().sendmail"
        | "smtplib.SMTP_SSL().sendmail"
        | "smtplib.SMTP().send_message"
        | "smtplib.SMTP_SSL().send_message"
        | "ftplib.FTP().storbinary"
        | "ftplib.FTP().storlines"
        | "dhooks.Webhook().send"
        | "discord_webhook.DiscordWebhook"
        | "discord.SyncWebhook.from_url().send"
        | "telebot.TeleBot().send_message"
        | "telebot.TeleBot().send_document"
        | "telegram.Bot().send_message"
        | "telegram.Bot().send_document"
        | "websocket.create_connection().send" => Role::Send,
        "socket.gethostbyname"
        | "socket.gethostbyname_ex"
        | "socket.getaddrinfo"
        | "dns.resolver.query"
        | "dns.resolver.resolve"
        | "dns.resolver.Resolver().resolve" => Role::Dns,
        "os.getenv"
        | "os.environ.get"
        | "os.environ.pop"
        | "os.environ.setdefault"
        | "os.environb.get" => Role::GetVariable,
        "os.remove" | "os.unlink" => Role::DeleteFile,
        "shutil.rmtree" | "os.removedirs" => Role::DeleteTree,
        "shutil.copy" | "shutil.copy2" | "shutil.copyfile" | "shutil.move" | "os.rename"
        | "os.replace" | "os.symlink" => Role::CopyFile,
        "os.dup2" => Role::Dup,
        _ => return other_role(path),
    };
    Some(role)
}

fn other_role(path: &str) -> Option<Role> {
    let role = match path {
        "base64.b64decode"
        | "base64.urlsafe_b64decode"
        | "base64.standard_b64decode"
        | "base64.decodebytes"
        | "base64.decodestring"
        | "binascii.a2b_base64" => Role::Decode("base64"),
        "base64.b32decode" => Role::Decode("base32"),
        "base64.b16decode"
        | "binascii.unhexlify"
        | "binascii.a2b_hex"
        | "builtins.bytes.fromhex"
        | "builtins.bytearray.fromhex" => Role::Decode("hex"),
        "base64.b85decode" | "base64.a85decode" | "base64.z85decode" => Role::Decode("base85"),
        "zlib.decompress" | "zlib.decompressobj().decompress" | "gzip.decompress" => {
            Role::Decode("zlib")
        }
        "bz2.decompress" => Role::Decode("bz2"),
        "lzma.decompress" => Role::Decode("lzma"),
        "codecs.decode" | "codecs.encode" => Role::Decode("codecs"),
        "urllib.parse.unquote" | "urllib.parse.unquote_plus" | "urllib.unquote" => {
            Role::Decode("url")
        }
        "marshal.loads" | "marshal.load" => Role::Marshal,
        "pickle.loads" | "pickle.load" | "cloudpickle.loads" => Role::Unpickle,
        "cryptography.fernet.Fernet().decrypt" | "rsa.decrypt" => Role::Decrypt,
        "socket.gethostname"
        | "socket.getfqdn"
        | "getpass.getuser"
        | "os.getlogin"
        | "os.uname"
        | "uuid.getnode"
        | "platform.node"
        | "platform.uname"
        | "platform.platform"
        | "platform.system"
        | "platform.release"
        | "platform.version"
        | "platform.machine"
        | "platform.processor"
        | "os.getcwd"
        | "psutil.users"
        | "psutil.net_if_addrs"
        | "psutil.process_iter"
        | "getmac.get_mac_address" => Role::HostFact,
        "pyperclip.paste"
        | "win32clipboard.GetClipboardData"
        | "clipboard.paste"
        | "tkinter.Tk().clipboard_get" => Role::ReadClipboard,
        "pyperclip.copy"
        | "win32clipboard.SetClipboardText"
        | "clipboard.copy"
        | "win32clipboard.SetClipboardData" => Role::WriteClipboard,
        "pynput.keyboard.Listener"
        | "keyboard.on_press"
        | "keyboard.hook"
        | "keyboard.on_release"
        | "pyHook.HookManager"
        | "pyxhook.HookManager"
        | "keyboard.record" => Role::Keys,
        "PIL.ImageGrab.grab"
        | "pyautogui.screenshot"
        | "mss.mss().shot"
        | "mss.mss().grab"
        | "pyscreenshot.grab"
        | "ImageGrab.grab" => Role::Screen,
        "winreg.SetValueEx" | "winreg.SetValue" | "win32api.RegSetValueEx" => Role::Registry,
        _ if path.starts_with("os.exec") || path.starts_with("os.spawn") => Role::Spawn,
        _ if path.starts_with("Crypto.Cipher.") && path.ends_with(".decrypt") => Role::Decrypt,
        _ if path.starts_with("cryptography.hazmat.") && path.ends_with(".decryptor()") => {
            Role::Decrypt
        }
        _ if path.starts_with("ctypes.") => Role::Native,
        _ => return None,
    };
    Some(role)
}
