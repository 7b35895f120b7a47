//! What calls give, and which of them are noted.

use std::ops::Range;
use std::rc::Rc;

use super::Walk;
use super::literals::pointed_at;
use super::special::is_predicate;
use super::times::tells_calendar;
use crate::facts::deep;
use crate::lang::Lang;
use crate::names::Role;
use crate::value::{Content, Taint, Value};

/// Methods that set headers: a token there is a login, not loot.
pub(super) fn is_header(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [
        "header",
        "auth",
        "requestproperty",
        "cookie",
        "timeout",
        "agent",
        "certificate",
        "tls",
        "env",
        "ssl",
        "verify",
        "dir",
    ]
    .iter()
    .any(|word| lower.contains(word))
}

impl Walk<'_> {
    /// A call of something that is only known as a value: `$f(…)`, `m.(…)`.
    pub(super) fn call_value(
        &mut self,
        callee: Value,
        args: Vec<Value>,
        range: Range<usize>,
    ) -> Value {
        if let Some(name) = callee.to_text().filter(|name| {
            !name.is_empty() && name.len() < 200 && !callee.taint.has(Taint::PARTIAL)
        }) {
            let name = name.replace("::", ".").trim_start_matches('\\').to_owned();
            let before = self.facts.calls.len();
            let result = self.call(&name, Value::default(), args, range);
            for call in &mut self.facts.calls[before..] {
                call.callee_taint |= callee.taint;
                if let (Some(layers), Some(first)) = (&callee.layers, call.args.first_mut()) {
                    first.layers.get_or_insert_with(|| layers.clone());
                }
            }
            return result;
        }
        let taint = args.iter().fold(callee.taint, |all, arg| all | arg.taint);
        if self.asked_or_hidden(&callee) {
            let index = self.call_fact("?", Role::Reflect, callee, args, range);
            return Value {
                call: index,
                ..Value::tainted(taint)
            };
        }
        Value::tainted(taint.without(Taint::CONSTANT))
    }

    /// A call by name.
    pub(super) fn call(
        &mut self,
        name: &str,
        receiver: Value,
        args: Vec<Value>,
        range: Range<usize>,
    ) -> Value {
        let last = name.rsplit('.').next().unwrap_or(name).to_owned();
        let parts = name.split('.').count();
        let own = parts <= 2
            || ["self.", "this.", "crate.", "super."]
                .iter()
                .any(|root| name.starts_with(root));
        if own && self.functions.contains_key(last.as_str()) {
            let known = self.table.role(name).filter(|_| parts > 1);
            if known.is_none() {
                return self.own_call(&last, &receiver, args, range);
            }
        }
        // `Foo.new` runs what `initialize` does.
        if last == "new" && self.functions.contains_key("initialize") && parts == 2 {
            self.calls_own("initialize", range.start);
        }
        if let Some(value) = self.special(name, &last, &receiver, &args, &range) {
            return value;
        }
        let role = self.role_of(name, &last);
        if let Some(value) = self.added(&last, role, &receiver, &args) {
            return value;
        }
        match role {
            Some(role) => self.by_role(name, role, receiver, args, range),
            None => {
                let taint = args
                    .iter()
                    .fold(receiver.taint, |all, arg| all | deep(arg, 2));
                let data = args
                    .iter()
                    .any(|arg| arg.bytes().is_some_and(|text| text.len() >= 24));
                let lost = if data { Taint::NONE } else { Taint::CONSTANT };
                let mut value = Value::tainted(
                    taint.without(Taint::PARTIAL | Taint::TEMPORARY | Taint::OWN | lost),
                );
                value.taint |= receiver.taint & Taint::CHANCE;
                if taint.has(Taint::CLOCK) && !tells_calendar(&last) {
                    value.taint = value.taint.without(Taint::CLOCK);
                }
                if is_predicate(&last) {
                    value = Value::default();
                }
                value.call = receiver.call;
                value.from = receiver.from;
                for part in args.iter().take(4) {
                    value.merge_layers(part);
                }
                value
            }
        }
    }

    fn role_of(&self, name: &str, last: &str) -> Option<Role> {
        let role = self.table.role(name);
        if role.is_none() && self.lang == Lang::Go && !name.contains('.') {
            // `import . "os/exec"`
            let package = self
                .aliases
                .iter()
                .find(|(new, _)| new.starts_with('.'))
                .map(|(_, old)| old.clone());
            return self.table.role(&format!("{}.{last}", package?));
        }
        if role.is_none() && self.lang == Lang::Php {
            return self.table.role(&name.to_ascii_lowercase());
        }
        role
    }

    /// A function of this file.
    fn own_call(
        &mut self,
        name: &str,
        receiver: &Value,
        args: Vec<Value>,
        range: Range<usize>,
    ) -> Value {
        self.calls_own(name, range.start);
        let Some(function) = self.functions.get_mut(name) else {
            return Value::default();
        };
        function
            .given
            .resize(args.len().min(16).max(function.given.len()), None);
        for (slot, arg) in function.given.iter_mut().zip(&args) {
            *slot = Some(match slot.take() {
                None => arg.clone(),
                Some(have)
                    if have.is_constant() && arg.is_constant() && have.bytes() == arg.bytes() =>
                {
                    have
                }
                Some(have) => Value::tainted(have.taint | arg.taint),
            });
        }
        let mut value = function.gives.clone();
        let xors = function.xors.then_some(function.key);
        if matches!(value.content, Content::Unknown) {
            let taint = args
                .iter()
                .fold(receiver.taint, |all, arg| all | deep(arg, 2));
            value.taint |= taint.without(Taint::CONSTANT | Taint::PARTIAL | Taint::OWN);
        }
        if let Some(key) = xors {
            let data = args.iter().filter_map(Value::to_bytes).max_by_key(Vec::len);
            if let Some(data) = data.filter(|data| data.len() >= 4) {
                value.taint |= Taint::DECODED;
                if let Some(text) = self.unxor(&data, &args, key) {
                    value.content = Content::Text(Rc::new(text.clone()));
                    value.taint |= pointed_at(&String::from_utf8_lossy(&text));
                    value.add_layer("xor", &text);
                    let shown = String::from_utf8_lossy(&text).into_owned();
                    self.note_text(&shown, range, value.taint);
                }
            }
        }
        value
    }

    /// What is added to an object that a call gave: the words of a command, the body of a
    /// request.
    fn added(
        &mut self,
        last: &str,
        role: Option<Role>,
        receiver: &Value,
        args: &[Value],
    ) -> Option<Value> {
        let index = receiver.call? as usize;
        let given = args.iter().fold(Taint::NONE, |all, arg| all | arg.taint);
        let call = self.facts.calls.get_mut(index)?;
        let grows = matches!(
            call.role,
            Role::Net | Role::Spawn | Role::Socket | Role::Write | Role::Shell | Role::Inject
        );
        let other = matches!(
            role,
            Some(
                Role::Eval
                    | Role::Shell
                    | Role::Load
                    | Role::Reflect
                    | Role::NetToFile
                    | Role::Decode(_)
                    | Role::Chr
            )
        ) && call.role != Role::Spawn;
        if !grows || other {
            return None;
        }
        if !is_header(last) && call.args.len() < 64 {
            call.args.extend(args.iter().take(16).cloned());
        }
        let taint = match call.role {
            Role::Net | Role::Socket => {
                Taint::REMOTE | ((receiver.taint | given) & Taint::SUSPECT_HOST)
            }
            Role::Spawn | Role::Shell => receiver.taint | Taint::OUTPUT,
            _ => receiver.taint,
        };
        Some(Value {
            call: receiver.call,
            from: receiver.from.clone(),
            ..Value::tainted(taint)
        })
    }

    pub(super) fn by_role(
        &mut self,
        name: &str,
        role: Role,
        receiver: Value,
        args: Vec<Value>,
        range: Range<usize>,
    ) -> Value {
        let taint = args
            .iter()
            .fold(receiver.taint, |all, arg| all | deep(arg, 3));
        match role {
            Role::Pass => self.pass(name, receiver, args),
            Role::Decode(coding) => self.decode(coding, name, receiver, &args, range),
            Role::Chr => self.characters(name, receiver, &args),
            Role::Source(label) => {
                let call = self.call_fact(name, role, receiver, args, range);
                Value {
                    call: call.filter(|_| false),
                    ..Value::tainted(label)
                }
            }
            Role::Reflect => self.reflect(name, receiver, args, range),
            Role::Net | Role::Socket => {
                let mut all = args;
                if matches!(receiver.content, Content::Text(_)) {
                    all.insert(0, receiver.clone());
                }
                let call = self.call_fact(name, role, receiver, all, range);
                Value {
                    call,
                    ..Value::tainted(Taint::REMOTE | (taint & Taint::SUSPECT_HOST))
                }
            }
            Role::Read => {
                let path = args
                    .first()
                    .or(Some(&receiver))
                    .and_then(Value::to_text)
                    .unwrap_or_default();
                let secret = taint.has(Taint::CREDENTIAL_PATH)
                    || pointed_at(&path).has(Taint::CREDENTIAL_PATH);
                let mut label = if secret {
                    Taint::CREDENTIAL
                } else {
                    Taint::FILE
                };
                if matches!(path.as_str(), "/proc/self/environ" | "/proc/1/environ") {
                    label |= Taint::ENVIRONMENT;
                }
                label |= taint & Taint(Taint::REMOTE.0 | Taint::REQUEST.0 | Taint::HOST_FACT.0);
                let mut args = args;
                if secret && let Some(first) = args.first_mut() {
                    first.taint |= Taint::CREDENTIAL_PATH;
                }
                self.call_fact(name, role, receiver, args, range);
                Value::tainted(label)
            }
            Role::Shell | Role::Spawn => {
                let text = command_text(&args);
                let call = self.call_fact(name, role, receiver, args, range);
                let mut value = self.output(text.as_deref());
                value.call = call;
                value
            }
            Role::Write | Role::Copy | Role::NetToFile | Role::Inject => {
                let from = args.first().and_then(|arg| arg.from.clone());
                let path = args.first().and_then(Value::to_bytes);
                let call = self.call_fact(name, role, receiver, args, range);
                Value {
                    call,
                    from,
                    content: path.map_or(Content::Unknown, |path| Content::Text(Rc::new(path))),
                    ..Value::default()
                }
            }
            Role::Eval | Role::Load | Role::Deserialize => {
                self.call_fact(name, role, receiver, args, range);
                Value::tainted(taint.without(Taint::CONSTANT))
            }
            Role::Dns
            | Role::Chmod
            | Role::Delete
            | Role::Keys
            | Role::Redirect
            | Role::Paste
            | Role::Exit => {
                self.call_fact(name, role, receiver, args, range);
                if role == Role::Keys {
                    Value::tainted(Taint::KEYS)
                } else {
                    Value::default()
                }
            }
        }
    }

    /// What a command prints, by its text.
    pub(super) fn output(&self, command: Option<&str>) -> Value {
        let Some(command) = command else {
            return Value::tainted(Taint::OUTPUT);
        };
        let mut taint = Taint::OUTPUT;
        let program = command.split_whitespace().next().unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or_default();
        match program {
            "whoami" | "hostname" | "uname" | "id" | "ifconfig" | "ipconfig" | "systeminfo"
            | "ip" | "getmac" | "wmic" => {
                taint |= Taint::HOST_FACT;
            }
            "env" | "printenv" | "set" if !command.contains('=') => taint |= Taint::ENVIRONMENT,
            "cat" | "type" if pointed_at(command).has(Taint::CREDENTIAL_PATH) => {
                taint |= Taint::CREDENTIAL;
            }
            "curl" | "wget" => taint |= Taint::REMOTE,
            "pbpaste" | "xclip" => taint |= Taint::CLIPBOARD,
            "screencapture" | "scrot" => taint |= Taint::SCREEN,
            _ => {}
        }
        Value::tainted(taint)
    }

    /// Members that tell about host or user.
    pub(super) fn host_attribute(&self, name: &str) -> Taint {
        let fact = self.lang == Lang::CSharp
            && matches!(
                name.rsplit_once("Environment.").map(|(_, last)| last),
                Some("MachineName" | "UserName" | "UserDomainName" | "OSVersion_")
            );
        let clock = self.lang == Lang::CSharp
            && ["DateTime.Now", "DateTime.UtcNow", "DateTime.Today"]
                .iter()
                .any(|known| name.ends_with(known))
            || self.lang == Lang::Ruby
                && matches!(name, "Time.now" | "Date.today" | "DateTime.now");
        match (fact, clock) {
            (true, _) => Taint::HOST_FACT,
            (_, true) => Taint::CLOCK,
            _ => Taint::NONE,
        }
    }
}

/// A command as one text, for what it prints.
fn command_text(args: &[Value]) -> Option<String> {
    let words: Vec<String> = args
        .iter()
        .flat_map(|arg| match arg.items() {
            Some(items) => items.iter().take(16).filter_map(Value::to_text).collect(),
            None => arg.to_text().into_iter().collect::<Vec<_>>(),
        })
        .take(16)
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}
