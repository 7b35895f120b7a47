//! What calls give, and which of them are noted.

use std::ops::Range;
use std::rc::Rc;

use packguard_sdk::indicators::{Kind as Indicated, scan};

use super::Walk;
use super::literals::pointed_at;
use super::statements::element;
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

    /// Whether what is called was named by a request, or hidden.
    fn asked_or_hidden(&self, callee: &Value) -> bool {
        self.lang == Lang::Php
            && callee
                .from
                .as_deref()
                .is_some_and(|from| from.starts_with('$'))
            && (callee.taint.has(Taint::HIDDEN)
                || callee.taint.has(Taint::REQUEST) && is_asked(callee))
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
        let own = parts <= 2 || name.starts_with("self.") || name.starts_with("this.");
        if own && self.functions.contains_key(last.as_str()) {
            let known = self.table.role(name).filter(|_| parts > 1);
            if known.is_none() {
                return self.own_call(&last, &receiver, args, range);
            }
        }
        // `Foo.new` runs what `initialize` does.
        if last == "new" && self.functions.contains_key("initialize") && parts == 2 {
            let from = self.function();
            self.edges.insert((from, "initialize".into()));
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
                let mut value =
                    Value::tainted(taint.without(Taint::PARTIAL | Taint::TEMPORARY | lost));
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
        let from = self.function();
        if *from != *name {
            self.edges.insert((from, name.into()));
        }
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
            value.taint |= taint.without(Taint::CONSTANT | Taint::PARTIAL);
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

    /// Functions that need a look at their arguments.
    fn special(
        &mut self,
        name: &str,
        last: &str,
        receiver: &Value,
        args: &[Value],
        range: &Range<usize>,
    ) -> Option<Value> {
        let first = args.first();
        match last {
            "getenv" | "Getenv" | "LookupEnv" | "GetEnvironmentVariable" | "secure_getenv" => {
                return Some(first.and_then(Value::to_text).map_or_else(
                    || {
                        if args.is_empty() {
                            Value::tainted(Taint::ENVIRONMENT)
                        } else {
                            Value::default()
                        }
                    },
                    |name| Value::tainted(variable(&name)),
                ));
            }
            "var" | "var_os" if name.ends_with("env.var") || name.ends_with("env.var_os") => {
                return Some(Value::tainted(
                    first
                        .and_then(Value::to_text)
                        .map_or(Taint::NONE, |name| variable(&name)),
                ));
            }
            "fetch" | "dig" | "[]" if name == "ENV.fetch" || name == "ENV.dig" => {
                return Some(Value::tainted(
                    first
                        .and_then(Value::to_text)
                        .map_or(Taint::NONE, |name| variable(&name)),
                ));
            }
            "getProperty" => {
                let key = first.and_then(Value::to_text).unwrap_or_default();
                let fact = matches!(
                    key.as_str(),
                    "user.name" | "user.home_" | "os.version" | "os.arch_"
                );
                return Some(Value::tainted(if fact {
                    Taint::HOST_FACT
                } else {
                    Taint::NONE
                }));
            }
            "arrayOf" | "listOf" | "asList" | "mutableListOf" | "vec!" | "array" | "setOf" => {
                return Some(Value::list(args.to_vec()));
            }
            "of" if name.ends_with("List.of") || name.ends_with("Set.of") => {
                return Some(Value::list(args.to_vec()));
            }
            "alias_method" | "define_method" if args.len() >= 2 => {
                let (new, old) = (args[0].to_text()?, args[1].to_text()?);
                self.aliases.insert(new.into(), old.into());
                return Some(Value::default());
            }
            "call" | "invoke" | "()" | "__invoke" | "invokeExact"
                if matches!(receiver.content, Content::Name(_)) || name.ends_with("?.call") =>
            {
                if let Content::Name(function) = &receiver.content {
                    let skip = usize::from(self.lang == Lang::Java || self.lang == Lang::Kotlin);
                    let args: Vec<Value> = args.iter().skip(skip).cloned().collect();
                    return Some(self.reflected(
                        &function.clone(),
                        receiver.taint,
                        args,
                        range.clone(),
                    ));
                }
            }
            "open" | "File.open" if self.lang == Lang::Perl && args.len() >= 2 => {
                let mode = args[1].to_text().unwrap_or_default();
                if mode.contains('|') || args.len() == 2 && mode.ends_with('|') {
                    let call = self.call_fact(
                        "open",
                        Role::Shell,
                        Value::default(),
                        args[1..].to_vec(),
                        range.clone(),
                    );
                    return Some(Value {
                        call,
                        ..Value::tainted(Taint::OUTPUT)
                    });
                }
            }
            "include" | "include_once" | "require" | "require_once" if self.lang == Lang::Php => {
                let taint = args.iter().fold(Taint::NONE, |all, arg| all | deep(arg, 2));
                if taint.has(Taint::REQUEST | Taint::REMOTE | Taint::DECODED | Taint::SUSPECT_HOST)
                {
                    self.call_fact(
                        "include",
                        Role::Eval,
                        Value::default(),
                        args.to_vec(),
                        range.clone(),
                    );
                }
                return Some(Value::default());
            }
            "preg_replace" if self.lang == Lang::Php => {
                let pattern = first.and_then(Value::to_text).unwrap_or_default();
                let modifiers = pattern
                    .rsplit(|c: char| !c.is_ascii_alphabetic())
                    .next()
                    .unwrap_or_default();
                if modifiers.contains('e') && modifiers.len() < pattern.len() && args.len() >= 2 {
                    let code = args[1]
                        .clone()
                        .join(args.get(2).unwrap_or(&Value::default()))
                        .with(Taint::NONE);
                    self.call_fact(
                        "preg_replace",
                        Role::Eval,
                        Value::default(),
                        vec![code],
                        range.clone(),
                    );
                }
            }
            "curl_exec" | "curl_setopt" | "curl_setopt_array" => {
                if let Some(call) = first.and_then(|first| first.call) {
                    if let Some(call) = self.facts.calls.get_mut(call as usize)
                        && call.args.len() < 64
                        && !args.get(1).is_some_and(|option| matches!(&option.content, Content::Name(name) if is_header(name)))
                    {
                        call.args.extend(args.iter().skip(2).cloned());
                    }
                    return Some(Value {
                        call: Some(call),
                        ..Value::tainted(Taint::REMOTE)
                    });
                }
            }
            "file_get_contents" | "fopen" | "readfile" | "file" if self.lang == Lang::Php => {
                let text = first.and_then(Value::to_text).unwrap_or_default();
                if text.starts_with("php://input") || text.starts_with("php://stdin") {
                    return Some(Value::tainted(Taint::REQUEST));
                }
                let remote =
                    text.contains("://") && !text.starts_with("file:") && !text.starts_with("php:")
                        || args.len() > 2
                        || first.is_some_and(|first| first.taint.has(Taint::SUSPECT_HOST));
                let role = if remote { Role::Net } else { Role::Read };
                return Some(self.by_role(
                    name,
                    role,
                    receiver.clone(),
                    args.to_vec(),
                    range.clone(),
                ));
            }
            "open" | "URI.open" if self.lang == Lang::Ruby && name == "open" => {
                let text = first.and_then(Value::to_text).unwrap_or_default();
                let role = if text.contains("://") {
                    Role::Net
                } else if text.starts_with('|') {
                    Role::Shell
                } else {
                    Role::Read
                };
                return Some(self.by_role(
                    name,
                    role,
                    receiver.clone(),
                    args.to_vec(),
                    range.clone(),
                ));
            }
            "open" if name == "File.open" || name == "File.new" => {
                let mode = args.get(1).and_then(Value::to_text).unwrap_or_default();
                let role = if mode.contains(['w', 'a']) {
                    Role::Write
                } else {
                    Role::Read
                };
                return Some(self.by_role(
                    name,
                    role,
                    receiver.clone(),
                    args.to_vec(),
                    range.clone(),
                ));
            }
            _ => {}
        }
        None
    }

    /// A call whose callee was named by a text.
    fn reflected(
        &mut self,
        function: &str,
        taint: Taint,
        args: Vec<Value>,
        range: Range<usize>,
    ) -> Value {
        let before = self.facts.calls.len();
        let value = self.call(function, Value::default(), args, range);
        for call in &mut self.facts.calls[before..] {
            call.callee_taint |= taint;
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

    fn by_role(
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
            Role::Dns | Role::Chmod | Role::Delete | Role::Keys | Role::Redirect => {
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
                taint |= Taint::CREDENTIAL
            }
            "curl" | "wget" => taint |= Taint::REMOTE,
            "pbpaste" | "xclip" => taint |= Taint::CLIPBOARD,
            "screencapture" | "scrot" => taint |= Taint::SCREEN,
            _ => {}
        }
        Value::tainted(taint)
    }

    /// `send(:name, …)`, `call_user_func('name', …)`, `Class.forName("name")`.
    fn reflect(
        &mut self,
        name: &str,
        receiver: Value,
        args: Vec<Value>,
        range: Range<usize>,
    ) -> Value {
        let last = name.rsplit('.').next().unwrap_or(name);
        let Some(first) = args.first() else {
            return receiver;
        };
        let named = match &first.content {
            Content::Name(function) => Some(function.to_string()),
            _ => first
                .to_text()
                .filter(|text| !first.taint.has(Taint::PARTIAL) && text.len() < 200),
        };
        let target = |named: &str| {
            let named = named.replace("::", ".");
            match &receiver.content {
                Content::Name(class) => format!("{class}.{named}"),
                _ => named,
            }
        };
        match last {
            "send" | "public_send" | "__send__" if self.lang == Lang::Ruby => {
                if let Some(named) = named {
                    let rest = args[1..].to_vec();
                    let root = name.rsplit_once('.').map_or("", |(root, _)| root);
                    let full = if root.is_empty() || root == "?" || root == "self" {
                        named
                    } else {
                        format!("{root}.{named}")
                    };
                    let full = full.trim_start_matches("Object.").to_owned();
                    return self.reflected(&full, first.taint, rest, range);
                }
                Value::default()
            }
            "method" | "instance_method" | "const_get" | "forName" | "loadClass" | "GetType"
            | "GetMethod" | "getMethod" | "getDeclaredMethod" | "ReflectionFunction"
            | "fromCallable" => {
                let Some(named) = named else {
                    return Value::tainted(first.taint);
                };
                let full = target(&named);
                let mut value = Value::name(
                    full.trim_start_matches("Object.")
                        .trim_start_matches("java.lang."),
                );
                value.taint = (first.taint | receiver.taint).without(Taint::CONSTANT);
                value.layers.clone_from(&first.layers);
                value
            }
            _ if self.lang == Lang::Php => self.php_callback(last, named, args, range),
            _ => {
                let taint = args
                    .iter()
                    .fold(receiver.taint, |all, arg| all | deep(arg, 2));
                if taint.has(Taint::HIDDEN | Taint::REMOTE) {
                    self.call_fact(name, Role::Reflect, receiver.clone(), args, range);
                }
                Value {
                    content: receiver.content,
                    call: receiver.call,
                    ..Value::tainted(taint.without(Taint::CONSTANT))
                }
            }
        }
    }

    /// PHP's functions that call what they are given by name.
    fn php_callback(
        &mut self,
        last: &str,
        named: Option<String>,
        args: Vec<Value>,
        range: Range<usize>,
    ) -> Value {
        let callback_last = matches!(
            last,
            "array_filter"
                | "array_walk"
                | "usort"
                | "uasort"
                | "uksort"
                | "array_reduce"
                | "preg_replace_callback"
                | "array_walk_recursive"
                | "array_udiff"
                | "array_diff_ukey"
                | "iterator_apply"
        );
        let position = usize::from(callback_last && last != "ob_start");
        let function = if position == 0 {
            named
        } else {
            args.get(position).and_then(Value::to_text)
        };
        let taint = args.get(position).map_or(Taint::NONE, |arg| arg.taint);
        let rest: Vec<Value> = args
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != position)
            .map(|(_, arg)| match last {
                "call_user_func_array" | "array_map" | "array_filter" | "array_walk" | "usort" => {
                    match arg.items() {
                        Some([only]) => only.clone(),
                        _ => arg.clone(),
                    }
                }
                _ => arg.clone(),
            })
            .collect();
        if let Some(function) = function.filter(|name| !name.is_empty()) {
            let value = self.reflected(&function, taint, rest, range);
            return value;
        }
        let callee = args.get(position).cloned().unwrap_or_default();
        if self.asked_or_hidden(&callee) {
            self.call_fact("?", Role::Reflect, callee, rest, range);
        }
        let all = args.iter().fold(Taint::NONE, |all, arg| all | deep(arg, 2));
        Value::tainted(all.without(Taint::CONSTANT))
    }

    /// Members that tell about host or user.
    pub(super) fn host_attribute(&self, name: &str) -> Taint {
        let fact = self.lang == Lang::CSharp
            && matches!(
                name.rsplit_once("Environment.").map(|(_, last)| last),
                Some("MachineName" | "UserName" | "UserDomainName" | "OSVersion_")
            );
        if fact { Taint::HOST_FACT } else { Taint::NONE }
    }

    /// An element by its index.
    pub(super) fn index(&mut self, name: &str, value: Value, index: &[Value]) -> Value {
        if let (
            Some(items),
            [
                Value {
                    content: Content::Number(at),
                    ..
                },
            ],
        ) = (value.items(), index)
        {
            let at = if *at < 0 {
                items.len() as i64 + at
            } else {
                *at
            };
            if let Some(item) = usize::try_from(at).ok().and_then(|at| items.get(at)) {
                let short = item.bytes().is_some_and(|text| text.len() <= 3)
                    || matches!(item.content, Content::Number(_));
                let many = items.len() >= 8;
                return if short && many {
                    item.clone().with(Taint::BUILT)
                } else {
                    item.clone()
                };
            }
        }
        if let (
            Content::Text(text),
            [
                Value {
                    content: Content::Number(at),
                    ..
                },
            ],
        ) = (&value.content, index)
        {
            let at = if *at < 0 { text.len() as i64 + at } else { *at };
            if let Some(byte) = usize::try_from(at).ok().and_then(|at| text.get(at)) {
                return Value::text(vec![*byte]).with(value.taint | Taint::BUILT);
            }
        }
        let key = index.first().and_then(Value::to_text);
        let environment = name == "ENV" || matches!(name, "$ENV" | "ENV.[]");
        if environment || name == "$_SERVER" || name == "$_ENV" {
            return Value::tainted(match key.as_deref() {
                Some(key)
                    if name == "$_SERVER"
                        && (key.starts_with("HTTP_")
                            || matches!(key, "QUERY_STRING" | "REQUEST_URI")) =>
                {
                    Taint::REQUEST
                }
                Some(key) => variable(key),
                None => Taint::NONE,
            });
        }
        if name == "$GLOBALS"
            && let Some(key) = key
        {
            let global = self.lookup(&format!("${key}")).cloned();
            return global.unwrap_or_else(|| self.index_global(&key));
        }
        if key.as_deref().is_some_and(|key| key.starts_with("HTTP_")) && self.lang == Lang::Ruby {
            return Value::tainted(Taint::REQUEST);
        }
        let mut out = element(&value);
        out.from = value.from;
        out
    }

    fn index_global(&self, key: &str) -> Value {
        match key {
            "_GET" | "_POST" | "_REQUEST" | "_COOKIE" => Value::tainted(Taint::REQUEST),
            _ => Value::default(),
        }
    }
}

/// Functions that answer yes or no, or how many.
fn is_predicate(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    name.ends_with('?')
        || [
            "is_",
            "has_",
            "escapeshell",
            "preg_match",
            "in_array",
            "intval",
            "sanitize",
        ]
        .iter()
        .any(|start| lower.starts_with(start))
        || matches!(
            lower.as_str(),
            "count"
                | "len"
                | "length"
                | "size"
                | "strlen"
                | "empty"
                | "isset"
                | "basename"
                | "contains"
                | "equals"
                | "startswith"
                | "starts_with"
        )
}

/// Whether a value was read from a request right here.
pub fn is_asked(value: &Value) -> bool {
    value.from.as_deref().is_some_and(|from| {
        from.starts_with("$_")
            || matches!(
                from,
                "$HTTP_RAW_POST_DATA"
                    | "params"
                    | "cookies"
                    | "env"
                    | "request"
                    | "@env"
                    | "@request"
            )
    })
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

/// Labels of an environment variable by its name.
fn variable(name: &str) -> Taint {
    let quoted = format!("\"{name}\"");
    if scan(&quoted)
        .iter()
        .any(|found| found.kind == Indicated::SecretVariable)
    {
        return Taint::SECRET;
    }
    match name {
        "USER" | "USERNAME" | "LOGNAME" | "HOSTNAME" | "COMPUTERNAME" | "USERDOMAIN"
        | "SSH_CLIENT" => Taint::HOST_FACT,
        "TEMP" | "TMP" | "TMPDIR" | "APPDATA" | "LOCALAPPDATA" => Taint::TEMPORARY,
        _ => Taint::NONE,
    }
}

impl std::ops::BitAnd for Taint {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
