//! Functions that give their text on, changed or not.

use std::rc::Rc;

use super::Walk;
use super::literals::pointed_at;
use crate::facts::deep;
use crate::lang::Lang;
use crate::names::Coding;
use crate::value::{Content, Taint, Value, concat};

impl Walk<'_> {
    /// Functions that give their text on, changed or not.
    pub(super) fn pass(&mut self, name: &str, receiver: Value, args: Vec<Value>) -> Value {
        let last = name.rsplit('.').next().unwrap_or(name);
        let taint = args
            .iter()
            .fold(receiver.taint, |all, arg| all | deep(arg, 3));
        match last {
            "join" | "Join" | "implode" | "concat" | "concat!" | "Concat" | "String.Concat"
            | "append" | "Append" | "sb" | "combine" | "Combine" | "resolve" | "get" | "of" => {
                return self.joined(name, last, receiver, &args, taint);
            }
            "format" | "format!" | "Format" | "sprintf" | "Sprintf" | "vsprintf" | "snprintf" => {
                let receiver_first = !args
                    .first()
                    .is_some_and(|first| matches!(first.content, Content::Text(_)));
                let mut all = args.clone();
                if receiver_first && matches!(receiver.content, Content::Text(_)) {
                    all.insert(0, receiver.clone());
                }
                return self.format(&all);
            }
            "gsub" | "replace" | "Replace" | "ReplaceAll" | "str_replace" | "tr" | "strtr"
            | "sub" | "delete" | "replaceAll" | "Remove" | "str_ireplace" => {
                return self.replaced(last, receiver, &args, taint);
            }
            "unpack" | "unpack1"
                if args
                    .first()
                    .and_then(Value::to_text)
                    .is_some_and(|format| format.starts_with('m')) =>
            {
                return self.decode(Coding::Base64, name, receiver.clone(), &[receiver], 0..0);
            }
            "unpack" | "unpack1"
                if args
                    .first()
                    .and_then(Value::to_text)
                    .is_some_and(|format| format.starts_with(['u', 'H', 'h'])) =>
            {
                return Value::tainted(taint | Taint::DECODED);
            }
            "call" => return Value::tainted(taint.without(Taint::CONSTANT)),
            "strip" | "chomp" | "trim" | "Trim" | "TrimSpace" => {
                let subject = if matches!(receiver.content, Content::Text(_)) {
                    &receiver
                } else {
                    args.first().unwrap_or(&receiver)
                };
                if let Some(bytes) = subject.bytes() {
                    let trimmed = bytes.trim_ascii().to_vec();
                    return Value {
                        content: Content::Text(Rc::new(trimmed)),
                        ..subject.clone()
                    };
                }
            }
            "map" | "collect" | "scan" | "split" | "Split" | "explode" | "Select" | "flat_map"
            | "filter_map" | "chars" | "bytes" | "each_char" | "substr" | "substring"
            | "Substring" | "array_map" => {
                // What comes out is not what went in.
                let result = args.iter().fold(Taint::NONE, |all, arg| all | arg.taint);
                let constant = receiver.is_constant() || receiver.taint.has(Taint::CONSTANT);
                if let (Content::List(_), Some(bytes)) = (&receiver.content, receiver.to_bytes())
                    && matches!(last, "map" | "collect" | "chars" | "Select")
                    && !result.has(Taint::DECODED)
                {
                    return Value {
                        content: receiver.content.clone(),
                        ..Value::tainted(taint)
                    }
                    .with(if bytes.is_empty() {
                        Taint::NONE
                    } else {
                        Taint::CONSTANT
                    });
                }
                let decoded = result & Taint::HIDDEN;
                return Value {
                    call: receiver.call,
                    layers: receiver.layers,
                    ..Value::tainted(taint | decoded)
                }
                .with(if constant {
                    Taint::CONSTANT
                } else {
                    Taint::NONE
                });
            }
            _ => {}
        }
        // As it is: the first of receiver and arguments with known content.
        let mut best = if matches!(receiver.content, Content::Unknown | Content::Name(_)) {
            args.iter()
                .find(|arg| !matches!(arg.content, Content::Unknown))
                .cloned()
                .unwrap_or_else(|| receiver.clone())
        } else {
            receiver.clone()
        };
        if matches!(best.content, Content::Name(_)) {
            best.content = Content::Unknown;
        }
        // Bytes become a text.
        let to_text = matches!(
            last,
            "from_utf8"
                | "from_utf8_lossy"
                | "String"
                | "GetString"
                | "string"
                | "from"
                | "toString"
        );
        if to_text
            && matches!(best.content, Content::List(_))
            && let Some(bytes) = best
                .to_bytes()
                .filter(|bytes| !bytes.is_empty() && self.afford(bytes.len()))
        {
            best.content = Content::Text(Rc::new(bytes));
            best.taint |= Taint::BUILT;
        }
        best.taint |= taint;
        best.call = best
            .call
            .or(receiver.call)
            .or_else(|| args.iter().find_map(|arg| arg.call));
        best.from = best
            .from
            .or_else(|| args.iter().find_map(|arg| arg.from.clone()));
        if best.layers.is_none() {
            best.layers = args.iter().find_map(|arg| arg.layers.clone());
        }
        best
    }

    /// `join`, `implode`, `append`, `concat`.
    pub(super) fn joined(
        &mut self,
        name: &str,
        last: &str,
        receiver: Value,
        args: &[Value],
        taint: Taint,
    ) -> Value {
        let path = name.contains("File.")
            || name.contains("Path")
            || name.contains("filepath")
            || name.contains("path.")
            || last == "resolve";
        let (list, separator): (Vec<Value>, Vec<u8>) = match last {
            _ if path => {
                let mut parts: Vec<Value> = Vec::new();
                if last == "resolve"
                    || last == "join"
                        && !matches!(receiver.content, Content::Unknown | Content::Name(_))
                {
                    parts.push(receiver.clone());
                }
                parts.extend(args.iter().cloned());
                (parts, b"/".to_vec())
            }
            "join" | "Join" | "implode" | "concat" if receiver.items().is_some() => (
                receiver.items().unwrap_or_default().to_vec(),
                args.first().and_then(Value::to_bytes).unwrap_or_default(),
            ),
            "join" | "Join" | "implode" | "concat"
                if args.iter().any(|arg| arg.items().is_some()) =>
            {
                let list = args
                    .iter()
                    .find_map(Value::items)
                    .unwrap_or_default()
                    .to_vec();
                (
                    list,
                    args.iter()
                        .find_map(|arg| arg.bytes().map(<[u8]>::to_vec))
                        .unwrap_or_default(),
                )
            }
            "append" if self.lang == Lang::Go => {
                let mut all = args
                    .first()
                    .and_then(Value::items)
                    .unwrap_or_default()
                    .to_vec();
                all.extend(args.iter().skip(1).cloned());
                if all.len() > 1 << 12 {
                    return Value::tainted(taint);
                }
                return Value::list(all);
            }
            "get" | "of" if !path => return Value::tainted(taint),
            _ => {
                let mut parts = vec![receiver.clone()];
                if matches!(receiver.content, Content::Unknown | Content::Name(_)) {
                    parts.clear();
                }
                parts.extend(args.iter().cloned());
                (parts, Vec::new())
            }
        };
        let short = list.len() >= 4
            && list.iter().all(|item| {
                item.bytes().is_some_and(|text| text.len() <= 2)
                    || matches!(item.content, Content::Number(_))
            });
        let mut out = Value::text(Vec::new());
        for (at, item) in list.iter().enumerate() {
            if at > 0 && !separator.is_empty() {
                out = concat(out, &Value::text(separator.clone()), &mut self.budget);
            }
            out = concat(out, item, &mut self.budget);
        }
        out.taint |= taint;
        if short {
            out.taint |= Taint::BUILT;
        }
        out.call = receiver.call.or(out.call);
        if out
            .bytes()
            .is_some_and(|text| text.len() > 6 && text.len() < 4_096)
        {
            let text = out.to_text().unwrap_or_default();
            out.taint |=
                pointed_at(&text) & Taint(Taint::SUSPECT_HOST.0 | Taint::CREDENTIAL_PATH.0);
        }
        out
    }

    /// Replacing of one text by another.
    pub(super) fn replaced(
        &mut self,
        last: &str,
        receiver: Value,
        args: &[Value],
        taint: Taint,
    ) -> Value {
        let php = matches!(last, "str_replace" | "str_ireplace");
        let (old, new, subject) = match (self.lang, args) {
            (_, [old, new, subject]) if php => (Some(old), Some(new), subject.clone()),
            (Lang::Go, [subject, old, new, ..]) => (Some(old), Some(new), subject.clone()),
            (Lang::Lua, [subject, old, new]) if receiver.bytes().is_none() => {
                (Some(old), Some(new), subject.clone())
            }
            (Lang::Php, [subject, old, new]) => (Some(old), Some(new), subject.clone()),
            (_, [old, new]) => (Some(old), Some(new), receiver.clone()),
            (_, [old]) => (Some(old), None, receiver.clone()),
            _ => (None, None, receiver.clone()),
        };
        let empty = Vec::new();
        let new = new.and_then(Value::to_bytes).unwrap_or(empty);
        if let (Some(text), Some(old)) = (subject.bytes(), old.and_then(Value::to_bytes))
            && !old.is_empty()
            && self.afford(text.len())
        {
            let text = text.to_vec();
            let mut out = Vec::with_capacity(text.len());
            let mut from = 0;
            for at in memchr::memmem::find_iter(&text, &old) {
                out.extend_from_slice(&text[from..at]);
                out.extend_from_slice(&new);
                from = at + old.len();
                if out.len() > 1 << 22 {
                    break;
                }
            }
            out.extend_from_slice(text.get(from..).unwrap_or_default());
            let shown = String::from_utf8_lossy(&out[..out.len().min(1 << 12)]).into_owned();
            let pointed = pointed_at(&shown);
            let hidden = pointed.without(subject.taint) != Taint::NONE;
            return Value {
                content: Content::Text(Rc::new(out)),
                layers: subject.layers,
                ..Value::tainted(taint | pointed | if hidden { Taint::BUILT } else { Taint::NONE })
            };
        }
        Value {
            call: receiver.call,
            layers: subject.layers,
            ..Value::tainted(taint)
        }
    }
}
