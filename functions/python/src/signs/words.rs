//! The names and the pieces of strings that are signs, and what each is a sign of.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use rustc_hash::FxHashMap;

use super::bits::{
    ADDRESS, BROWSER, BY_NAME, CHMOD, CLIPBOARD_READ, CLIPBOARD_WRITE, CONTAINER, COPIES,
    CREDENTIAL, DELETES, DUMP, ENCRYPTS, ENVIRONMENT, FACT_FOLDER, FACT_HOST, FACT_SYSTEM,
    FACT_USER, HOME, KEYS, LOCATES, LOCKED, MATCHES, MINER, OTHERS_PLACE, OTHERS_PROJECT,
    OVERWRITES, PAY, PUBLISHES, REPEATS, RUNS, SCREEN, SECRET_NAME, SENDS, SILENT, SOCKET, UPLOADS,
    WALKS, WALLET, WIPES, WORKFLOW_SECRETS, WRITES,
};

/// Identifiers, as they stand in the code.
const NAMES: &[(u64, &[&str])] = &[
    (
        SENDS,
        &[
            "urlopen",
            "post",
            "put",
            "httpx",
            "requests",
            "aiohttp",
            "urllib3",
            "urlretrieve",
            "sendmail",
            "send_message",
        ],
    ),
    (
        SENDS | SOCKET,
        &[
            "create_connection",
            "sendto",
            "sendall",
            "connect_ex",
            "SMTP",
            "SMTP_SSL",
            "FTP",
            "FTP_TLS",
            "HTTPSConnection",
            "HTTPConnection",
            "getaddrinfo",
            "gethostbyname",
            "open_connection",
        ],
    ),
    (SENDS | SOCKET | SILENT, &["HTTPHandler"]),
    (
        RUNS,
        &[
            "popen",
            "system",
            "Popen",
            "check_output",
            "check_call",
            "getoutput",
            "subprocess",
            "create_subprocess_shell",
            "execvp",
            "startfile",
        ],
    ),
    (
        WALKS,
        &["walk", "rglob", "scandir", "iterdir", "listdir", "glob"],
    ),
    (HOME, &["expanduser", "home"]),
    (ENVIRONMENT, &["environ", "getenv"]),
    (
        ENCRYPTS,
        &[
            "Fernet",
            "AES",
            "ChaCha20",
            "ChaCha20_Poly1305",
            "ChaCha20Poly1305",
            "SealedBox",
            "SecretBox",
            "Salsa20",
            "ARC4",
            "Blowfish",
            "encrypt",
            "encrypt_and_digest",
            "pyAesCrypt",
        ],
    ),
    (DELETES, &["unlink", "remove", "rmtree", "removedirs"]),
    (DELETES, &["rename"]),
    (
        WRITES,
        &["write", "write_bytes", "write_text", "copyfileobj"],
    ),
    (COPIES, &["copytree", "copy", "copyfile", "copy2"]),
    (
        CLIPBOARD_READ,
        &["paste", "clipboard_get", "GetClipboardData"],
    ),
    (
        CLIPBOARD_READ | REPEATS,
        &["dataChanged", "waitForNewPaste"],
    ),
    (MATCHES, &["fullmatch", "match", "sub", "compile", "search"]),
    (CHMOD, &["chmod"]),
    (
        CLIPBOARD_WRITE,
        &[
            "clipboard_append",
            "setText",
            "SetClipboardData",
            "SetClipboardText",
        ],
    ),
    (
        CLIPBOARD_WRITE | CLIPBOARD_READ,
        &["pyperclip", "win32clipboard"],
    ),
    (
        KEYS,
        &[
            "SetWindowsHookExA",
            "SetWindowsHookExW",
            "GetAsyncKeyState",
            "pynput",
            "on_press",
            "InputDevice",
        ],
    ),
    (
        SCREEN,
        &["screenshot", "ImageGrab", "mss", "pyscreenshot", "BitBlt"],
    ),
    (
        BROWSER,
        &["CryptUnprotectData", "browser_cookie3", "browsercookie"],
    ),
    (DUMP, &["MiniDumpWriteDump"]),
    (
        FACT_HOST,
        &["gethostname", "getfqdn", "node", "uname", "getnode"],
    ),
    (FACT_USER, &["getuser", "getlogin", "getuid", "getpwuid"]),
    (FACT_FOLDER, &["getcwd"]),
    (FACT_SYSTEM, &["platform"]),
    (LOCATES, &["getdefaultlocale", "getlocale", "tzname"]),
    (
        REPEATS,
        &["Thread", "Timer", "after", "fork", "Process", "daemon"],
    ),
    (SILENT, &["DEVNULL"]),
    (CONTAINER, &["docker"]),
];

/// Pieces of string constants, in lower case.
const PIECES: &[(u64, &[&str])] = &[
    (
        CREDENTIAL,
        &[
            "/.ssh",
            ".ssh/",
            "\\.ssh",
            "\".ssh\"",
            "'.ssh'",
            ".netrc",
            ".pypirc",
            ".aws/cred",
            "\".aws\"",
            "'.aws'",
            ".kube/config",
            "\".kube\"",
            ".gnupg",
            "application_default_credentials",
            ".git-credentials",
            ".docker/config",
            ".npmrc",
            "id_rsa",
            "id_ed25519",
            "/etc/shadow",
            "bash_history",
            "zsh_history",
            "serviceaccount/token",
            "security-credentials",
            "dump-keychain",
            "find-generic-password",
            "kubectl config view",
            "hidden answer",
            ".vault-token",
            "service-accounts/default/token",
        ],
    ),
    (
        BROWSER,
        &[
            "login data",
            "os_crypt",
            "encrypted_key",
            "cookies.sqlite",
            "logins.json",
            "key4.db",
            "roblosecurity",
            "local storage/leveldb",
            "local storage\\leveldb",
            "moz_cookies",
            "encrypted_value",
        ],
    ),
    (
        WALLET,
        &[
            "wallet.dat",
            "exodus",
            "electrum",
            "metamask",
            "nkbihfbeogaeaoehlefnkodbefgpgknn",
            "ledger live",
            ".ethereum/keystore",
        ],
    ),
    (
        KEYS,
        &["/dev/input/", "test-xi2", "xinput test", "keylogger"],
    ),
    (
        SCREEN,
        &["screencapture", "x11grab", "import -window root", "\"scrot"],
    ),
    (DUMP, &["gcore", "procdump", "comsvcs"]),
    (FACT_HOST, &["/etc/hostname", "computername"]),
    (
        FACT_SYSTEM,
        &["/proc/version", "/etc/os-release", "/proc/self/cgroup"],
    ),
    (FACT_USER, &["/etc/passwd"]),
    (FACT_FOLDER, &["/etc/resolv.conf"]),
    (
        SECRET_NAME,
        &[
            "_token",
            "secret",
            "password",
            "api_key",
            "\"key\"",
            "\"token\"",
            "access_key",
            "private_key",
        ],
    ),
    (
        MINER,
        &[
            "stratum+",
            "mining.subscribe",
            "mining.authorize",
            "xmrig",
            "--donate-level",
            "cryptonight",
            "randomx",
            "ethash",
            "t-rex ",
        ],
    ),
    (
        LOCKED,
        &["encrypted", "locked", "sealed", "decrypt", "recover"],
    ),
    (
        PAY,
        &[
            "bitcoin", "btc", "monero", "usd", "buy ", "ransom", " pay ", "payment", "wallet",
            "xmr",
        ],
    ),
    (
        ADDRESS,
        &["0x[", "(0x)", "bc1", "[13][", "1|3", "[1-9a-hj-np-za-km-z]"],
    ),
    (
        CLIPBOARD_READ,
        &["pbpaste", "get-clipboard", "xclip", "xsel"],
    ),
    (
        CLIPBOARD_WRITE,
        &["pbcopy", "set-clipboard", "xclip", "xsel"],
    ),
    (PUBLISHES, &["\"push\"", "git push"]),
    (UPLOADS, &["twine", "npm publish"]),
    (OTHERS_PROJECT, &["setup.py", "__init__.py", "package.json"]),
    (
        OTHERS_PLACE,
        &["autorun.inf", "site-packages", "pyvenv.cfg"],
    ),
    (
        BY_NAME,
        &[
            "\"eval\"",
            "'eval'",
            "\"exec\"",
            "'exec'",
            "\"popen\"",
            "'popen'",
            "\"system\"",
            "'system'",
        ],
    ),
    (
        WORKFLOW_SECRETS,
        &["tojson(secrets", "${{ secrets", "${{secrets"],
    ),
    (
        WIPES,
        &[
            "rm -rf / ",
            "rm -rf /*",
            "rm -rf /\"",
            "rm -rf ~",
            "rm -rf $home",
            "no-preserve-root",
            "rd /s",
            "rmdir /s",
            "format c:",
            "dd if=/dev/zero of=/dev/",
            "\"rd\", \"/s\"",
        ],
    ),
    (
        OVERWRITES,
        &[
            "\"rb+\"", "'rb+'", "\"wb\"", "'wb'", "\"w\"", "'w'", "\"r+b\"",
        ],
    ),
];

/// Commands that tell about host and user; three of them are reconnaissance.
const RECON: &[&str] = &[
    "whoami",
    "net user",
    "netstat",
    "ifconfig",
    "ipconfig",
    "systeminfo",
    "tasklist",
    "uname -",
    "arp -a",
    "crontab -l",
    "ps aux",
    "docker ps",
    "lsb_release",
    "ip route",
    "ip addr",
    "cat /etc/",
    "lscpu",
    "wmic ",
    "sw_vers",
    "route -n",
    "sudo -l",
    "nltest",
    "net localgroup",
    "query user",
    "ip a\"",
];

static NAME_BITS: LazyLock<FxHashMap<&'static str, u64>> = LazyLock::new(|| {
    let mut map = FxHashMap::default();
    for (bits, names) in NAMES {
        for name in *names {
            *map.entry(*name).or_default() |= *bits;
        }
    }
    map
});

struct Pieces {
    automaton: AhoCorasick,
    meanings: Vec<Result<u64, usize>>,
}

static PIECE_BITS: LazyLock<Option<Pieces>> = LazyLock::new(|| {
    let mut patterns = Vec::new();
    let mut meanings = Vec::new();
    for (bits, pieces) in PIECES {
        for piece in *pieces {
            patterns.push(*piece);
            meanings.push(Ok(*bits));
        }
    }
    for (number, command) in RECON.iter().enumerate() {
        patterns.push(*command);
        meanings.push(Err(number));
    }
    let automaton = AhoCorasick::new(patterns).ok()?;
    Some(Pieces {
        automaton,
        meanings,
    })
});

/// What an identifier is a sign of.
pub fn of_name(name: &str) -> u64 {
    NAME_BITS.get(name).copied().unwrap_or(0)
}

/// What a string, in lower case, is a sign of, and the commands of reconnaissance in it.
pub fn of_string(text: &str) -> (u64, u64) {
    let Some(pieces) = PIECE_BITS.as_ref() else {
        return (0, 0);
    };
    let (mut bits, mut recon) = (0, 0);
    for found in pieces.automaton.find_overlapping_iter(text) {
        match pieces.meanings.get(found.pattern().as_usize()) {
            Some(Ok(meaning)) => bits |= meaning,
            Some(Err(number)) => recon |= 1 << number,
            None => {}
        }
    }
    (bits, recon)
}

/// Services and documentation that programs of all kinds name.
const KNOWN_HOSTS: &[&str] = &[
    "github.com",
    "githubusercontent.com",
    "gitlab.com",
    "bitbucket.org",
    "python.org",
    "pypa.io",
    "w3.org",
    "googleapis.com",
    "google.com",
    "microsoft.com",
    "apache.org",
    "mozilla.org",
    "readthedocs.io",
    "readthedocs.org",
    "wikipedia.org",
    "openai.com",
    "anthropic.com",
    "amazonaws.com",
    "windows.net",
    "azure.com",
    "stackoverflow.com",
    "json-schema.org",
    "schema.org",
    "xmlsoap.org",
    "openxmlformats.org",
    "adobe.com",
    "apple.com",
    "gnu.org",
    "opensource.org",
    "creativecommons.org",
    "huggingface.co",
    "infura.io",
    "sentry.io",
    "npmjs.org",
    "npmjs.com",
    "nodejs.org",
    "debian.org",
    "ubuntu.com",
    "docker.io",
    "docker.com",
    "cloudflare.com",
    "jsdelivr.net",
    "unpkg.com",
    "solana.com",
    "etherscan.io",
    "ietf.org",
    "iana.org",
    "purl.org",
];

/// Whether a host is neither this machine nor one that programs of all kinds name.
pub fn is_foreign(host: &str) -> bool {
    let host = host.rsplit('@').next().unwrap_or(host);
    let host = host.split(':').next().unwrap_or(host).trim_end_matches('.');
    if !host.contains('.') || host.len() > 253 {
        return false;
    }
    let local = [
        "127.", "10.", "192.168.", "0.", "169.254.", "255.", "224.", "239.",
    ];
    if local.iter().any(|start| host.starts_with(start)) && is_address(host) {
        return false;
    }
    let ends = |known: &&str| {
        host.strip_suffix(*known)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !KNOWN_HOSTS.iter().any(|known| ends(&known))
        && (is_address(host) || host.rsplit('.').next().is_some_and(is_top_level))
}

fn is_top_level(label: &str) -> bool {
    label.len() >= 2 && label.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Four numbers.
pub fn is_address(host: &str) -> bool {
    host.split('.').count() == 4 && host.split('.').all(|part| part.parse::<u8>().is_ok())
}

/// Whether a string is nothing but the name of a host or an address.
pub fn is_bare_host(text: &str) -> bool {
    const FILES: &[&str] = &[
        "py", "txt", "json", "toml", "cfg", "ini", "md", "rst", "html", "js", "css", "xml", "yaml",
        "yml", "sh", "exe", "dll", "so", "log", "csv", "db", "zip", "gz", "png", "jpg", "pem",
        "key", "crt", "dat", "bin", "tar", "tgz", "whl", "lock", "conf", "env", "sql", "pyc",
        "svg", "ico", "tmp", "bat", "ps1", "path", "request", "version", "name", "error", "local",
        "rc", "inf", "sqlite", "client", "server", "core", "utils",
    ];
    let host = text.split(':').next().unwrap_or(text);
    let plain = host
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
    let ending = host.rsplit('.').next().unwrap_or_default();
    let file = FILES.contains(&ending);
    plain && host.len() > 4 && !host.starts_with('.') && !file && is_foreign(host)
}
