//! Functions that are called by names in texts.

use std::ops::Range;

use super::Walk;
use crate::facts::deep;
use crate::lang::Lang;
use crate::names::Role;
use crate::value::{Content, Taint, Value};

impl Walk<'_> {
    /// A call whose callee was named by a text.
    pub(super) fn reflected(
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

    /// `send(:name, …)`, `call_user_func('name', …)`, `Class.forName("name")`.
    pub(super) fn reflect(
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
    pub(super) fn php_callback(
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

    /// Whether what is called was named by a request, or hidden.
    pub(super) fn asked_or_hidden(&self, callee: &Value) -> bool {
        self.lang == Lang::Php
            && callee
                .from
                .as_deref()
                .is_some_and(|from| from.starts_with('$'))
            && (callee.taint.has(Taint::HIDDEN)
                || callee.taint.has(Taint::REQUEST) && is_asked(callee))
    }
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
