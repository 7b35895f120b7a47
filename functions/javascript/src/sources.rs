//! Which interfaces give which data.

use std::rc::Rc;

use packguard_sdk::indicators::{self, Kind, ShellAct};

use crate::resolve;
use crate::value::{Eval, HOLE, Taint};

/// A global's value.
pub fn global<'a>(name: &str, path: Rc<str>) -> Eval<'a> {
    let value = match name {
        "__dirname" | "__filename" => Eval::partial(HOLE.to_string()).tainted(Taint::FOLDER),
        _ => Eval::default(),
    };
    Eval {
        path: Some(path),
        ..value
    }
}

/// Member `name` of the interface `path`.
pub fn member<'a>(path: &str, name: &str, base: &Eval<'a>) -> Eval<'a> {
    if path == "process.env" {
        return variable(name);
    }
    if path == "request-in" {
        let said = matches!(name, "query" | "body" | "params" | "headers" | "cookies");
        let taint = if said { Taint::INPUT } else { Taint::NONE };
        return Eval::default().tainted(taint);
    }
    if matches!(name, "length" | "statusCode" | "status" | "pid" | "headers") {
        return Eval::default();
    }
    if name == "value" && path.starts_with("document.") {
        return Eval::default().tainted(Taint::FORM);
    }
    let taint = if (path, name) == ("process", "env") || (path, name) == ("Bun", "env") {
        Taint::ENVIRONMENT
    } else {
        base.taint
    };
    Eval {
        path: resolve::member(path, name),
        taint,
        ..Eval::default()
    }
}

/// The environment variable `name`.
fn variable<'a>(name: &str) -> Eval<'a> {
    let (text, taint) = match name {
        "HOME" | "USERPROFILE" | "HOMEPATH" => (Some("~"), Taint::HOME),
        "APPDATA" => (Some("~/AppData/Roaming"), Taint::HOME),
        "LOCALAPPDATA" => (Some("~/AppData/Local"), Taint::HOME),
        "TEMP" | "TMP" | "TMPDIR" => (Some("/tmp"), Taint::NONE),
        "USER" | "USERNAME" | "LOGNAME" | "SUDO_USER" => (None, Taint::USER),
        "HOSTNAME" | "COMPUTERNAME" | "USERDOMAIN" => (None, Taint::HOST_NAME),
        "PWD" | "INIT_CWD" => (None, Taint::FOLDER),
        // By far the most frequent: spares the search.
        "NODE_ENV" => (None, Taint::NONE),
        name if is_secret(name) => (None, Taint::SECRET),
        _ => (None, Taint::NONE),
    };
    text.map(Eval::partial).unwrap_or_default().tainted(taint)
}

/// Whether an environment variable's name says that it holds a secret.
pub fn is_secret(name: &str) -> bool {
    indicators::scan(&format!("process.env.{name}"))
        .iter()
        .any(|found| found.kind == Kind::SecretVariable)
}

/// Whether a path, with holes, leads to a file of keys, tokens, cookies or wallets.
pub fn is_credential_path(text: &str) -> bool {
    text.len() < 4_096
        && indicators::scan(&text.replace('\\', "/"))
            .iter()
            .any(|found| found.kind == Kind::CredentialPath)
}

/// What calling `api` gives, beyond what its arguments carry.
pub fn call<'a>(api: &str, arguments: &[Eval<'a>]) -> Eval<'a> {
    let taint = match api {
        "os.hostname" => Taint::HOST_NAME,
        "os.userInfo" => Taint::USER,
        "os.networkInterfaces" | "dns.getServers" | "dns.promises.getServers" => Taint::NETWORK,
        "os.homedir" => return Eval::partial("~").tainted(Taint::HOME),
        "os.tmpdir" => return Eval::partial("/tmp"),
        "process.cwd" => Taint::FOLDER,
        "path.dirname" | "path.basename" | "fs.mkdtempSync" => {
            return Eval::partial(HOLE.to_string());
        }
        "clipboardy.read"
        | "clipboardy.readSync"
        | "navigator.clipboard.readText"
        | "vscode.env.clipboard.readText"
        | "screenshot-desktop"
        | "electron.clipboard.readText" => Taint::CLIPBOARD,
        "dns.resolveTxt"
        | "dns.promises.resolveTxt"
        | "net.connect"
        | "net.createConnection"
        | "net.Socket"
        | "tls.connect"
        | "ws"
        | "socket.io-client" => Taint::DOWNLOADED,
        _ if is_said_elsewhere(api) => Taint::DOWNLOADED,
        _ if is_read(api) => read(arguments),
        _ if is_process(api) => output(arguments),
        _ if is_request(api) => Taint::DOWNLOADED,
        _ => decoder(api, arguments),
    };
    Eval::default().tainted(taint)
}

/// Whether calling `api` gives what somebody wrote into a chat or a blockchain.
fn is_said_elsewhere(api: &str) -> bool {
    const PLACES: &[&str] = &[
        "ethers.Contract().",
        "ethers.ethers.Contract().",
        "web3().eth.Contract()",
        "web3.Web3().eth.Contract()",
        "@solana/web3.js.Connection().",
        "discord.js.Client().",
        "telegraf.Telegraf().",
        "telegraf().",
        "node-telegram-bot-api().",
    ];
    PLACES.iter().any(|place| api.starts_with(place))
}

/// Whether a path leads to a file of a project's secret variables.
pub fn is_environment_file(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    matches!(
        name,
        ".env" | ".env.local" | ".env.production" | ".env.prod"
    )
}

fn read(arguments: &[Eval<'_>]) -> Taint {
    let Some(path) = arguments.first() else {
        return Taint::FILE;
    };
    let mut taint = Taint::FILE;
    if path.api() == "__filename" {
        taint = taint.with(Taint::OWN_TEXT);
    }
    if path.known().is_some_and(is_data) {
        taint = taint.with(Taint::DATA_FILE);
    }
    if path.known().is_some_and(is_environment_file) || path.taint.has(Taint::SECRET_PATH) {
        taint = taint.with(Taint::ENVIRONMENT);
    }
    if path.known().is_some_and(is_credential_path) {
        taint = taint.with(Taint::CREDENTIALS);
    }
    taint
}

/// Whether a path's extension says that the file holds a picture, font, document or other
/// data.
pub fn is_data(path: &str) -> bool {
    const DATA: &[&str] = &[
        ".png", ".jpg", ".jpeg", ".gif", ".ico", ".webp", ".bmp", ".svg", ".woff", ".woff2",
        ".ttf", ".otf", ".eot", ".mp3", ".mp4", ".wav", ".pdf", ".dat", ".bin", ".txt", ".md",
        ".log", ".css", ".lock", ".license",
    ];
    let lower = path.to_ascii_lowercase();
    DATA.iter().any(|end| lower.ends_with(end)) || lower.ends_with("/license")
}

fn output(arguments: &[Eval<'_>]) -> Taint {
    let Some(command) = arguments.first().and_then(Eval::known) else {
        return Taint::OUTPUT;
    };
    let recon = indicators::shell(command)
        .iter()
        .any(|found| found.act == ShellAct::Recon);
    let mut taint = Taint::OUTPUT;
    for part in command.split(['&', ';', '|']).take(16) {
        taint = taint.with(match part.split_whitespace().next().unwrap_or_default() {
            "hostname" => Taint::HOST_NAME,
            "whoami" | "id" => Taint::USER,
            "ifconfig" | "ip" | "ipconfig" => Taint::NETWORK,
            "pwd" => Taint::FOLDER,
            "env" | "printenv" | "set" => Taint::ENVIRONMENT,
            _ => Taint::NONE,
        });
    }
    if recon && taint == Taint::OUTPUT {
        taint = taint.with(Taint::HOST_NAME);
    }
    taint
}

fn decoder(api: &str, arguments: &[Eval<'_>]) -> Taint {
    let encoding = || {
        arguments
            .get(1)
            .and_then(Eval::exact)
            .is_some_and(|name| matches!(&*name, "base64" | "base64url" | "hex"))
    };
    match api {
        "Buffer.from" | "Buffer" if encoding() => Taint::DECODED,
        "atob"
        | "zlib.inflateSync"
        | "zlib.gunzipSync"
        | "zlib.inflateRawSync"
        | "zlib.unzipSync"
        | "zlib.brotliDecompressSync"
        | "zlib.gunzip"
        | "zlib.inflate"
        | "zlib.unzip"
        | "zlib.brotliDecompress"
        | "zlib.zstdDecompressSync"
        | "zlib.zstdDecompress"
        | "pako.inflate"
        | "pako.ungzip"
        | "js-base64.decode"
        | "js-base64.Base64.decode"
        | "base-64.decode"
        | "crypto-js.AES.decrypt"
        | "crypto.createDecipher"
        | "crypto.createDecipheriv"
        | "crypto.privateDecrypt"
        | "lz-string.decompress"
        | "lz-string.decompressFromBase64" => Taint::DECODED,
        "decodeURIComponent" | "decodeURI" | "unescape" => Taint::UNESCAPED,
        "String.fromCharCode" | "String.fromCodePoint" => Taint::UNESCAPED,
        _ => Taint::NONE,
    }
}

/// Whether `api` reads a file.
pub fn is_read(api: &str) -> bool {
    matches!(
        api,
        "fs.readFileSync"
            | "fs.readFile"
            | "fs.promises.readFile"
            | "fs.createReadStream"
            | "fs.readJsonSync"
            | "fs.readJson"
            | "Deno.readTextFile"
            | "Deno.readTextFileSync"
            | "Deno.readFile"
            | "Bun.file"
    )
}

/// Whether `api` starts a process.
pub fn is_process(api: &str) -> bool {
    let Some(name) = api.strip_prefix("child_process.") else {
        return matches!(
            api,
            "execa"
                | "execa.execa"
                | "execa.command"
                | "execa.commandSync"
                | "execa.execaSync"
                | "execa.execaCommand"
                | "execa.sync"
                | "shelljs.exec"
                | "Bun.spawn"
                | "Bun.spawnSync"
                | "Deno.Command"
                | "Deno.run"
                | "node-pty.spawn"
                | "@actions/exec.exec"
                | "@actions/exec.getExecOutput"
                | "vscode.window.createTerminal().sendText"
        );
    };
    matches!(
        name,
        "exec"
            | "execSync"
            | "spawn"
            | "spawnSync"
            | "spawn.sync"
            | "spawn.spawn"
            | "execFile"
            | "execFileSync"
            | "fork"
    )
}

/// Whether `api` sends a request and gives back what was answered.
pub fn is_request(api: &str) -> bool {
    let (base, name) = api.split_once('.').unwrap_or((api, ""));
    match base {
        "http" | "https" => matches!(name, "get" | "request"),
        "http2" => name == "connect",
        "fetch" => name.is_empty(),
        "axios"
        | "got"
        | "request"
        | "needle"
        | "superagent"
        | "ky"
        | "phin"
        | "bent"
        | "request-promise"
        | "request-promise-native"
        | "centra"
        | "node-libcurl" => matches!(
            name,
            "" | "get"
                | "post"
                | "put"
                | "patch"
                | "request"
                | "head"
                | "create"
                | "stream"
                | "create().get"
                | "create().post"
        ),
        "undici" => matches!(name, "request" | "stream"),
        "$" => matches!(name, "get" | "post" | "ajax" | "getJSON" | "getScript"),
        "XMLHttpRequest" | "WebSocket" | "EventSource" => name.is_empty(),
        "download" => name.is_empty(),
        _ => false,
    }
}
