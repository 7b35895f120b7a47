//! What library calls give back, by role.

use std::rc::Rc;

use super::Interpreter;
use super::calls::Given;
use super::labels::variable;
use crate::fold;
use crate::names::Role;
use crate::value::{Kind, Taint, Value};

impl<'a> Interpreter<'a, '_> {
    pub(super) fn role_result(
        &mut self,
        role: Role,
        path: &str,
        result: Value<'a>,
        handed_on: Taint,
        given: &Given<'a>,
    ) -> Value<'a> {
        if matches!(role, Role::Shell | Role::Spawn) {
            self.note_download(given);
        }
        match role {
            Role::Decode(encoding) => self.decode_call(encoding, given),
            Role::Decrypt => Value::tainted(handed_on | Taint::DECRYPTED),
            Role::Marshal => unmarshalled(handed_on, given),
            Role::Fetch if path.starts_with("socket.") => {
                result.with(Taint::DOWNLOADED | Taint::SOCKET)
            }
            Role::Fetch | Role::Send => {
                let fact = if given.taint().has(Taint::IP_LOOKUP) {
                    Taint::HOST_FACT
                } else {
                    Taint::NONE
                };
                result.with(Taint::DOWNLOADED | fact)
            }
            Role::FetchToFile => {
                let target = given.args.get(1).and_then(Value::as_str).map(Rc::from);
                let only = given.key.clone().filter(|_| given.args.len() < 2);
                self.write_to(target.or(only), Taint::DOWNLOADED_FILE);
                Value::tainted(Taint::DOWNLOADED_FILE)
            }
            Role::CopyFile => {
                let target = given.args.get(1).and_then(Value::as_str).map(Rc::from);
                let labels = Taint::CREDENTIAL_PATH | Taint::DOWNLOADED_FILE;
                let copied = given
                    .args
                    .first()
                    .map_or(Taint::NONE, |from| from.taint.only(labels));
                self.write_to(target, copied);
                Value::unknown()
            }
            Role::HostFact => result.with(Taint::HOST_FACT),
            Role::ReadClipboard => Value::tainted(Taint::CLIPBOARD),
            Role::Screen => result.with(Taint::SCREEN),
            Role::GetVariable => given.text(0).map(variable).unwrap_or_default(),
            Role::Open => open(result, given),
            Role::Compile => given.args.first().cloned().unwrap_or_default(),
            Role::Stream => result.with(Taint::SOCKET | Taint::DOWNLOADED),
            Role::Shell | Role::Spawn if is_recon(given) => {
                result.with(handed_on | Taint::HOST_FACT)
            }
            _ if gives_socket(path) => result.with(Taint::SOCKET | handed_on),
            _ => result.with(handed_on),
        }
    }

    /// Records what is written to a file.
    pub(super) fn write_to(&mut self, key: Option<Rc<str>>, taint: Taint) {
        if let Some(key) = key
            && taint != Taint::NONE
            && self.written.len() < 10_000
        {
            *self.written.entry(key).or_default() |= taint;
        }
    }

    fn decode_call(&mut self, encoding: &'static str, given: &Given<'a>) -> Value<'a> {
        let input = given.args.first().cloned().unwrap_or_default();
        if encoding != "codecs" {
            return fold::decode(encoding, &input, &mut self.budget);
        }
        match given.text(1).and_then(fold::codec) {
            Some(encoding) => fold::decode(encoding, &input, &mut self.budget),
            None => input,
        }
    }
}

/// Whether what a function of `socket` gives is tied to a connection: addresses, numbers
/// and names are not.
pub(super) fn gives_socket(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or_default();
    path.starts_with("socket.")
        && ![
            "socketpair",
            "htons",
            "ntohs",
            "htonl",
            "ntohl",
            "setdefaulttimeout",
        ]
        .contains(&name)
        && !name.starts_with("get")
        && !name.starts_with("inet_")
}

/// A command that tells about host and user: what it prints does too.
fn is_recon(given: &Given<'_>) -> bool {
    let Some(command) = given.args.first() else {
        return false;
    };
    let list = command.as_list().unwrap_or(std::slice::from_ref(command));
    let words = [
        "whoami",
        "hostname",
        "ifconfig",
        "ipconfig",
        "systeminfo",
        "uname",
        "id",
        "ip",
        "/etc/passwd",
        "tasklist",
        "netstat",
    ];
    list.iter().filter_map(Value::as_str).take(4).any(|text| {
        text.split([' ', ';', '&', '|'])
            .take(50)
            .any(|word| words.contains(&word))
    })
}

/// What `marshal.loads` gives. Loaders unmarshal files they compiled: only code that
/// came hidden, or stands there as a literal, is odd.
fn unmarshalled<'a>(handed_on: Taint, given: &Given<'a>) -> Value<'a> {
    let odd = given.args.first().is_some_and(|arg| {
        arg.as_bytes().is_some()
            || arg
                .taint
                .has(Taint::HIDDEN | Taint::DOWNLOADED | Taint::PACKAGE_FILE)
    });
    let label = if odd { Taint::MARSHALLED } else { Taint::NONE };
    let mut code = Value::tainted(handed_on | label);
    if let Some(Kind::Bytes(bytes)) = given.args.first().map(|arg| &arg.kind) {
        code.kind = Kind::Bytes(bytes.clone());
    }
    code.set_layers(given.args.first().and_then(|arg| arg.layers().cloned()));
    code
}

/// An open file: what it gives when it is read, and which file it is.
fn open<'a>(file: Value<'a>, given: &Given<'a>) -> Value<'a> {
    let path = given.args.first().map_or(Taint::NONE, |path| path.taint);
    let by_name = given.keywords.iter().find(|(name, _)| &**name == "mode");
    let mode = given.args.get(1).or(by_name.map(|(_, value)| value));
    let writes = mode
        .and_then(Value::as_str)
        .is_some_and(|mode| mode.contains(['w', 'a', 'x']));
    let mut taint = Taint::NONE;
    if path.has(Taint::CREDENTIAL_PATH) && !writes {
        taint |= Taint::CREDENTIAL;
    }
    if path.has(Taint::DOWNLOADED_FILE) && !writes {
        taint |= Taint::DOWNLOADED;
    }
    if path.has(Taint::DOWNLOADED)
        && file
            .as_path()
            .is_some_and(|file| file.starts_with("zipfile"))
    {
        taint |= Taint::DOWNLOADED;
    }
    if !writes {
        taint |= path.only(Taint::LOOT | Taint::HOST_FACT);
        let program = given.args.first().and_then(Value::as_path) == Some("__main__.__file__");
        if path.has(Taint::FRAME) || program {
            taint |= Taint::CALLERS_SOURCE;
        }
    }
    let mut file = file.with(taint);
    file.set_key(given.key.clone());
    let text = given.args.first().and_then(Value::as_str);
    if let Some(tail) = text.and_then(super::modules::file_tail).filter(|_| !writes) {
        let binary = mode
            .and_then(Value::as_str)
            .is_some_and(|mode| mode.contains('b'));
        let mark = if binary { "\0" } else { "" };
        file.set_file(Some(format!("{mark}{tail}").into()));
    }
    file
}
