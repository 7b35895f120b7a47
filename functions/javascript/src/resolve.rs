//! Names of interfaces: what a global, a module or a member of one is called here.
//!
//! A path is dotted, starts with a module or global, and has `()` where a call's
//! result is meant: `child_process.exec`, `https.request().write`.

use std::rc::Rc;

/// Longest path, in bytes: a chain of calls must not grow it without bound.
const PATH_LIMIT: usize = 120;

/// Globals that have a path. Names the file declares itself are not meant.
const GLOBALS: &[&str] = &[
    "$",
    "Array",
    "AsyncFunction",
    "Blob",
    "Buffer",
    "Bun",
    "Deno",
    "EventSource",
    "Function",
    "JSON",
    "Object",
    "Promise",
    "Proxy",
    "Reflect",
    "RegExp",
    "SharedWorker",
    "String",
    "TextDecoder",
    "URL",
    "URLSearchParams",
    "Uint8Array",
    "WebAssembly",
    "WebSocket",
    "Worker",
    "XMLHttpRequest",
    "__dirname",
    "__filename",
    "atob",
    "btoa",
    "chrome",
    "console",
    "decodeURI",
    "decodeURIComponent",
    "document",
    "encodeURIComponent",
    "escape",
    "eval",
    "exports",
    "fetch",
    "frames",
    "global",
    "globalThis",
    "importScripts",
    "jQuery",
    "localStorage",
    "location",
    "module",
    "navigator",
    "parseInt",
    "process",
    "require",
    "root",
    "self",
    "sessionStorage",
    "setImmediate",
    "setInterval",
    "setTimeout",
    "top",
    "unescape",
    "window",
];

/// Where the globals that begin with a byte stand in [`GLOBALS`].
const BY_FIRST: [(u8, u8); 128] = {
    let mut table = [(0, 0); 128];
    let mut at = 0;
    while at < GLOBALS.len() {
        let first = GLOBALS[at].as_bytes()[0] as usize;
        if table[first].1 == 0 {
            table[first].0 = at as u8;
        }
        at += 1;
        table[first].1 = at as u8;
    }
    table
};

/// Where `name` stands in [`GLOBALS`].
fn find(name: &str) -> Option<usize> {
    let first = usize::from(*name.as_bytes().first()?);
    let (start, end) = *BY_FIRST.get(first)?;
    (usize::from(start)..usize::from(end)).find(|at| GLOBALS[*at] == name)
}

/// Whether `name` is a global with a path.
pub fn is_global(name: &str) -> bool {
    find(name).is_some()
}

/// The paths of globals, each made once.
#[derive(Debug, Default)]
pub struct Globals(Vec<Option<Rc<str>>>);

impl Globals {
    /// The path of a global.
    pub fn path(&mut self, name: &str) -> Option<Rc<str>> {
        let at = find(name)?;
        self.0.resize(GLOBALS.len(), None);
        let path = self.0.get_mut(at)?;
        if path.is_none() {
            *path = global(name);
        }
        path.clone()
    }
}

/// The path of a global.
pub fn global(name: &str) -> Option<Rc<str>> {
    let name = *GLOBALS.get(find(name)?)?;
    Some(match name {
        "global" | "window" | "self" | "top" | "frames" | "root" => "globalThis".into(),
        "AsyncFunction" => "Function".into(),
        "jQuery" => "$".into(),
        other => other.into(),
    })
}

/// The path of what `require(name)` gives; `None` for files of the package.
pub fn module(name: &str) -> Option<Rc<str>> {
    let name = name.strip_prefix("node:").unwrap_or(name);
    if name.is_empty() || name.starts_with(['.', '/']) || name.len() > PATH_LIMIT {
        return None;
    }
    Some(match name {
        "fs/promises" | "graceful-fs" | "fs-extra" | "original-fs" => {
            let path = if name == "fs/promises" {
                "fs.promises"
            } else {
                "fs"
            };
            path.into()
        }
        "dns/promises" => "dns.promises".into(),
        "timers" | "timers/promises" | "globalthis" => "globalThis".into(),
        "node-fetch" | "cross-fetch" | "isomorphic-fetch" | "make-fetch-happen"
        | "minipass-fetch" => "fetch".into(),
        "follow-redirects" => "http-family".into(),
        "isomorphic-ws" | "websocket" => "ws".into(),
        "cross-spawn" => "child_process.spawn".into(),
        "xmlhttprequest" => "xmlhttprequest".into(),
        other => other.into(),
    })
}

/// The path of member `name` of what `base` denotes.
pub fn member(base: &str, name: &str) -> Option<Rc<str>> {
    match (base, name) {
        ("globalThis", name) => return global(name),
        ("process.mainModule" | "module" | "require.main" | "module.parent", "require")
        | ("process", "getBuiltinModule")
        | ("module.constructor" | "module.Module" | "module", "_load")
        | ("module", "createRequire()") => return Some("require".into()),
        ("http-family", "http" | "https") => return Some(name.into()),
        ("xmlhttprequest", _) => return Some("XMLHttpRequest".into()),
        ("buffer", "Buffer") => return Some("Buffer".into()),
        ("undici" | "fetch", "fetch") => return Some("fetch".into()),
        ("ws", "WebSocket") => return Some("ws".into()),
        ("module.constructor", "prototype") => return Some("module".into()),
        ("Array" | "String" | "Object" | "Function" | "RegExp" | "Promise", "constructor") => {
            return Some("Function".into());
        }
        (_, "default") => return Some(base.into()),
        (base, "constructor") if !is_module_like(base) => {
            let prototype = base.ends_with("getPrototypeOf()");
            return (prototype || !base.ends_with("()")).then(|| "Function".into());
        }
        _ => {}
    }
    if base.len() + name.len() >= PATH_LIMIT {
        return None;
    }
    Some([base, ".", name].concat().into())
}

/// `module.constructor` is the module loader, not `Function`.
fn is_module_like(base: &str) -> bool {
    matches!(
        base,
        "module" | "require.main" | "process.mainModule" | "require.cache"
    )
}

/// The path of what calling `callee` gives.
pub fn result(callee: &str) -> Option<Rc<str>> {
    match callee {
        "module.createRequire" => return Some("require".into()),
        "require" | "eval" => return None,
        _ => {}
    }
    // Methods that give the object back, and promises, which stand for their value.
    let (base, method) = callee.rsplit_once('.').unwrap_or_default();
    let chained = matches!(
        method,
        "on" | "once" | "set" | "then" | "catch" | "finally" | "setEncoding"
    );
    if !base.is_empty() && chained {
        return Some(base.into());
    }
    if callee.len() + 2 >= PATH_LIMIT {
        return None;
    }
    Some([callee, "()"].concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globals_are_sorted_for_the_search() {
        assert!(GLOBALS.is_sorted());
    }

    #[test]
    fn the_loader_is_found_under_all_its_names() {
        for (base, name) in [
            ("process.mainModule", "require"),
            ("module", "require"),
            ("module.constructor", "_load"),
            ("globalThis", "require"),
        ] {
            assert_eq!(member(base, name).as_deref(), Some("require"));
        }
        assert_eq!(member("Array", "constructor").as_deref(), Some("Function"));
        assert_eq!(
            member("module", "constructor").as_deref(),
            Some("module.constructor")
        );
    }
}
