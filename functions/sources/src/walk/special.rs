//! Calls that need a look at their arguments.

use super::calls::is_header;
use std::ops::Range;

use packguard_sdk::indicators::{Kind as Indicated, scan};

use super::Walk;
use super::statements::element;
use crate::facts::deep;
use crate::lang::Lang;
use crate::names::Role;
use crate::value::{Content, Taint, Value};

impl Walk<'_> {
    /// Functions that need a look at their arguments.
    pub(super) fn special(
        &mut self,
        name: &str,
        last: &str,
        receiver: &Value,
        args: &[Value],
        range: &Range<usize>,
    ) -> Option<Value> {
        if let Some(value) = self.time_or_chance(name, last, receiver, args) {
            return Some(value);
        }
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
            // `"command".execute()`, `["sh", "-c", "…"].execute()` of Groovy.
            "execute"
                if self.lang == Lang::Kotlin
                    && args.is_empty()
                    && matches!(receiver.content, Content::Text(_) | Content::List(_)) =>
            {
                return Some(self.by_role(
                    "execute",
                    Role::Spawn,
                    Value::default(),
                    vec![receiver.clone()],
                    range.clone(),
                ));
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
                        let skip = if last == "curl_setopt_array" { 1 } else { 2 };
                        call.args.extend(args.iter().skip(skip).cloned());
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

    /// An element by its index.
    pub(super) fn index(&mut self, name: &str, value: Value, index: &[Value]) -> Value {
        if name == "vec!" {
            return Value::list(index.to_vec());
        }
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
        if let (Some(items), Some(key)) = (value.items(), &key) {
            let mark = format!("=>{key}");
            let named = items
                .iter()
                .take(256)
                .find(|item| item.from.as_deref() == Some(&mark));
            if let Some(item) = named {
                let mut item = item.clone();
                item.from = value.from;
                return item;
            }
        }
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

    pub(super) fn index_global(&self, key: &str) -> Value {
        match key {
            "_GET" | "_POST" | "_REQUEST" | "_COOKIE" => Value::tainted(Taint::REQUEST),
            _ => Value::default(),
        }
    }
}

/// Functions that answer yes or no, or how many.
pub(super) fn is_predicate(name: &str) -> bool {
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

/// Labels of an environment variable by its name.
pub(super) fn variable(name: &str) -> Taint {
    let quoted = format!("\"{name}\"");
    if scan(&quoted)
        .iter()
        .any(|found| found.kind == Indicated::SecretVariable)
    {
        return Taint::SECRET | master(name);
    }
    match name {
        "USER" | "USERNAME" | "LOGNAME" | "HOSTNAME" | "COMPUTERNAME" | "USERDOMAIN"
        | "SSH_CLIENT" => Taint::HOST_FACT,
        "TEMP" | "TMP" | "TMPDIR" | "APPDATA" | "LOCALAPPDATA" => Taint::TEMPORARY,
        _ => Taint::NONE,
    }
}

/// Tokens that open a cloud, a forge or a registry, and go to no one else.
fn master(name: &str) -> Taint {
    let known = matches!(
        name,
        "AWS_SECRET_ACCESS_KEY"
            | "AWS_ACCESS_KEY_ID"
            | "AWS_SESSION_TOKEN"
            | "GITHUB_TOKEN"
            | "GH_TOKEN"
            | "GITLAB_TOKEN"
            | "CI_JOB_TOKEN"
            | "NPM_TOKEN"
            | "NODE_AUTH_TOKEN"
            | "CARGO_REGISTRY_TOKEN"
            | "GEM_HOST_API_KEY"
            | "TWINE_PASSWORD"
            | "PYPI_TOKEN"
            | "AZURE_CLIENT_SECRET"
            | "DOCKER_PASSWORD"
            | "VAULT_TOKEN"
            | "KUBECONFIG"
            | "ACTIONS_RUNTIME_TOKEN"
            | "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
    );
    if known { Taint::MASTER } else { Taint::NONE }
}
