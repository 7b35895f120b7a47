//! What goes out over the network, and where to.

use super::Act;
use crate::collect::{Call, CallNode};
use crate::eval::Evaluator;
use crate::sources;
use crate::value::{Eval, HOLE, Taint, Value};

/// Whether calling `path` sends something out.
pub fn sends(path: &str) -> bool {
    if sources::is_request(path) {
        return true;
    }
    if let Some((base, method)) = path.rsplit_once('.') {
        return match method {
            "write" | "end" | "send" | "emit" => matches!(
                base,
                "http.request()"
                    | "https.request()"
                    | "net.connect()"
                    | "net.createConnection()"
                    | "net.Socket()"
                    | "net.Socket().connect()"
                    | "tls.connect()"
                    | "WebSocket()"
                    | "ws()"
                    | "XMLHttpRequest()"
                    | "dgram.createSocket()"
                    | "socket.io-client()"
                    | "superagent.post()"
                    | "request.post()"
                    | "http2.connect().request()"
            ),
            "open" => base == "XMLHttpRequest()",
            "submit" => base == "form-data()",
            "sendMail" => base == "nodemailer.createTransport()",
            "sendBeacon" => base == "navigator",
            "connect" | "createConnection" => {
                matches!(base, "net" | "tls" | "net.Socket()")
            }
            "lookup" | "resolve" | "resolve4" | "resolve6" | "resolveTxt" | "resolveAny"
            | "resolveMx" | "resolveCname" | "resolveNs" => {
                matches!(base, "dns" | "dns.promises" | "dns.Resolver()")
            }
            _ => false,
        };
    }
    matches!(path, "ws" | "socket.io-client" | "discord.js.WebhookClient")
}

/// Fills in address and marks of what is sent.
pub fn describe<'a>(evaluator: &mut Evaluator<'a>, act: &mut Act<'a>) {
    let mut taint = Taint::NONE;
    for argument in &act.arguments {
        taint = taint.with(argument.taint);
    }
    // What `fetch(…)` answers is not what was sent.
    act.taint = taint.without(Taint::DOWNLOADED);
    let written = act.base.as_ref().is_some_and(|base| {
        let path = base.api();
        path.ends_with("()") && !path.starts_with("dns") && path != "form-data()"
    });
    let address = if act.api.ends_with(".sendMail") {
        let to = act.option(evaluator, "to");
        let to = to.as_ref().and_then(Eval::exact);
        to.filter(|to| to.contains('@'))
            .map(|to| (format!("mailto://{to}"), true))
    } else if act.api.starts_with("dgram.") {
        let mut texts = act.arguments.iter().skip(1).filter_map(Eval::exact);
        texts
            .find(|text| text.contains('.'))
            .map(|text| (text.to_string(), true))
    } else if written {
        origin(evaluator, act)
    } else {
        address(evaluator, &act.arguments)
    };
    if let Some((text, exact)) = address {
        // A name that is looked up is an address without a scheme.
        let socket = ["net.", "tls.", "dgram."];
        let text = if act.api.starts_with("dns") {
            format!("dns://{text}")
        } else if socket.iter().any(|start| act.api.starts_with(start)) && !text.contains("://") {
            format!("tcp://{text}")
        } else {
            text
        };
        act.text = Some(text.into());
        act.exact = exact;
    }
}

/// The address of `request` in `request.write(…)`: it stands where that was made.
fn origin<'a>(evaluator: &mut Evaluator<'a>, act: &Act<'a>) -> Option<(String, bool)> {
    if matches!(act.arguments.first()?.value, Value::Text { .. }) && act.api.ends_with(".open") {
        return address(evaluator, act.arguments.get(1..)?);
    }
    let facts = evaluator.facts;
    let call = facts.calls[act.call as usize];
    let object = match call.callee()? {
        oxc_ast::ast::Expression::StaticMemberExpression(member) => &member.object,
        oxc_ast::ast::Expression::ComputedMemberExpression(member) => &member.object,
        _ => return None,
    };
    if let Some(found) = chained(evaluator, object, call.scope) {
        return Some(found);
    }
    let name = crate::collect::root_name(object)?;
    let symbol = facts.reference(name, call.scope)?;
    facts.symbols[symbol as usize]
        .definitions
        .iter()
        .take(4)
        .find_map(|definition| {
            let crate::collect::Origin::Value(value, scope) = definition.origin else {
                return None;
            };
            let node = match value {
                oxc_ast::ast::Expression::CallExpression(call) => CallNode::Call(call),
                oxc_ast::ast::Expression::NewExpression(call) => CallNode::New(call),
                _ => return None,
            };
            let call = Call {
                node,
                scope,
                function: 0,
            };
            let target = evaluator.target(&call);
            let arguments = evaluator.arguments(&call, &target);
            address(evaluator, &arguments)
        })
}

/// The address in `request(address).on(…).end(…)`.
fn chained<'a>(
    evaluator: &mut Evaluator<'a>,
    mut object: &'a oxc_ast::ast::Expression<'a>,
    scope: crate::collect::ScopeIx,
) -> Option<(String, bool)> {
    const LINKS: usize = 8;
    for _ in 0..LINKS {
        let node = match object {
            oxc_ast::ast::Expression::CallExpression(call) => CallNode::Call(call),
            oxc_ast::ast::Expression::NewExpression(call) => CallNode::New(call),
            _ => return None,
        };
        let call = Call {
            node,
            scope,
            function: 0,
        };
        let target = evaluator.target(&call);
        if sends(target.api()) {
            let arguments = evaluator.arguments(&call, &target);
            return address(evaluator, &arguments);
        }
        object = match call.callee()? {
            oxc_ast::ast::Expression::StaticMemberExpression(member) => &member.object,
            _ => return None,
        };
    }
    None
}

/// The address among a request's arguments: a text, or options with a host.
pub fn address<'a>(
    evaluator: &mut Evaluator<'a>,
    arguments: &[Eval<'a>],
) -> Option<(String, bool)> {
    for argument in arguments.iter().take(3) {
        match &argument.value {
            Value::Text { text, exact } => return Some((text.to_string(), *exact)),
            Value::Object(object, scope) => {
                let mut part = |name: &str| evaluator.property(object, name, *scope);
                let whole = part("url").or_else(|| part("uri")).or_else(|| part("href"));
                if let Some(whole) = whole
                    && let Some(text) = whole.known()
                {
                    return Some((text.to_owned(), whole.is_exact()));
                }
                let host = part("hostname").or_else(|| part("host"));
                if let Some(host) = host {
                    let path = part("path").or_else(|| part("pathname"));
                    let known = host.known().map_or_else(|| HOLE.to_string(), str::to_owned);
                    let rest = path
                        .as_ref()
                        .and_then(|path| path.known())
                        .unwrap_or_default();
                    return Some((format!("https://{known}{rest}"), host.is_exact()));
                }
            }
            _ => {}
        }
    }
    None
}

/// The host of an address, where it is known whole.
pub fn host(address: &str) -> Option<&str> {
    let rest = match address.split_once("://") {
        Some((_, rest)) => rest,
        None => address.strip_prefix("//")?,
    };
    let end = rest.find(['/', '?', '#', HOLE]).unwrap_or(rest.len());
    // A hole inside or right after the host makes it another one.
    if rest[end..].starts_with(HOLE) {
        return None;
    }
    let host = rest[..end].rsplit('@').next()?;
    let host = host.split(':').next()?;
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|letter| letter.is_alphanumeric() || "-_".contains(letter))
    };
    (host.contains('.') && host.split('.').all(is_label)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_only_when_it_is_known_whole() {
        assert_eq!(host("https://a.example/x"), Some("a.example"));
        assert_eq!(host("https://u:p@a.example:8080?x"), Some("a.example"));
        assert_eq!(
            host(&format!("https://a.example/{HOLE}")),
            Some("a.example")
        );
        assert_eq!(host(&format!("https://{HOLE}.a.example/")), None);
        assert_eq!(host(&format!("https://a.example{HOLE}/")), None);
        assert_eq!(host("//a.example/x"), Some("a.example"));
        for relative in [
            "localhost",
            "../a.js",
            "a.example/x",
            "https://..",
            "https://a b.c/",
        ] {
            assert_eq!(host(relative), None, "{relative}");
        }
    }
}
