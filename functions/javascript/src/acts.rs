//! What a file does, call by call: runs code, starts processes, sends, writes, deletes.
//!
//! Rules look at acts, not at syntax.

use std::rc::Rc;

use oxc_ast::ast::Expression;
use oxc_span::Span;

use crate::collect::{Call, CallIx};
use crate::eval::Evaluator;
use crate::eval::calls::Target;
use crate::sources;
use crate::value::{Eval, HOLE, Taint, Value};

mod code;
pub mod network;

use code::{data_address, runs_text};

/// What kind of thing a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Runs a text as code.
    Code,
    /// Starts a process.
    Spawn,
    /// Loads a module whose name is not written out.
    Load,
    /// Sends data out, or asks for some.
    Send,
    /// Writes a file.
    Write,
    /// Reads a file.
    Read,
    /// Makes a file executable.
    Chmod,
    /// Deletes files.
    Delete,
    /// Waits for connections.
    Listen,
    /// Reads the clipboard, keys or screen.
    Capture,
    /// Loads compiled code.
    Native,
    /// Takes care that errors go unseen.
    Silence,
    /// Pipes a stream into another.
    Pipe,
}

/// One thing a file does.
#[derive(Debug)]
pub struct Act<'a> {
    /// What kind of thing.
    pub kind: Kind,
    /// The interface that does it.
    pub api: Rc<str>,
    /// What it is given (at most [`ARGUMENTS`]).
    pub arguments: Vec<Eval<'a>>,
    /// What it is called on.
    pub base: Option<Eval<'a>>,
    /// The call.
    pub call: CallIx,
    /// Its place.
    pub span: Span,
    /// Whether that runs as the file is loaded.
    pub loaded: bool,
    /// Marks of the data it handles: code run, data sent or written, command started.
    pub taint: Taint,
    /// The command line, code, path or address, with holes.
    pub text: Option<Rc<str>>,
    /// Whether `text` is known whole.
    pub exact: bool,
}

/// Arguments that acts keep.
const ARGUMENTS: usize = 8;

/// Acts kept per file: a hostile file must not fill the sandbox.
const ACTS: usize = 20_000;

/// Functions that only call what they are given, one inside the other.
const STAND_INS: usize = 4;

/// Finds all acts of a file.
pub fn find<'a>(evaluator: &mut Evaluator<'a>, loaded: &[bool]) -> Vec<Act<'a>> {
    let mut acts = Vec::new();
    let facts = evaluator.facts;
    for (at, call) in (0_u32..).zip(&facts.calls) {
        if acts.len() >= ACTS {
            evaluator.exhausted = true;
            break;
        }
        let mut target = evaluator.target(call);
        let mut given = None;
        if target.base.is_some() && target.function.is_some() {
            for _ in 0..STAND_INS {
                let arguments = given.take();
                let arguments = arguments.unwrap_or_else(|| evaluator.arguments(call, &target));
                let Some((behind, arguments)) = evaluator.behind(&target, &arguments) else {
                    given = Some(arguments);
                    break;
                };
                target = behind;
                given = Some(arguments);
            }
        }
        let Some((mut kind, mut api)) = classify(evaluator, call, &target) else {
            continue;
        };
        let mut arguments = given.unwrap_or_else(|| evaluator.arguments(call, &target));
        arguments.truncate(ARGUMENTS);
        if kind == Kind::Load
            && let Some(code) = arguments.first().and_then(data_address)
        {
            kind = Kind::Code;
            api = "import".into();
            arguments = vec![code];
        }
        if !plausible(kind, &api, &arguments) {
            continue;
        }
        let mut act = Act {
            kind,
            api,
            arguments,
            base: target.base,
            call: at,
            span: call.span(),
            loaded: loaded[call.function as usize],
            taint: Taint::NONE,
            text: None,
            exact: false,
        };
        describe(evaluator, &mut act);
        acts.push(act);
    }
    acts
}

/// What a call does, by what it calls.
fn classify<'a>(
    evaluator: &mut Evaluator<'a>,
    call: &Call<'a>,
    target: &Target<'a>,
) -> Option<(Kind, Rc<str>)> {
    if let Some(path) = &target.path
        && let Some(kind) = by_path(path)
    {
        if path.starts_with("stream") {
            return Some((kind, "pipeline".into()));
        }
        if &**path == "worker_threads.Worker" && !runs_text(call) {
            return None;
        }
        if path.starts_with("set")
            && matches!(
                call.argument(0)?,
                Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_)
            )
        {
            return None;
        }
        return Some((kind, Rc::clone(path)));
    }
    match target.method() {
        "_compile" => return Some((Kind::Code, "module._compile".into())),
        "pipe" => return Some((Kind::Pipe, "pipe".into())),
        "pipeline" => return Some((Kind::Write, "pipeline".into())),
        // `.then(eval)`, `.map(Function)`: the callback is the interface.
        "then" | "map" | "forEach" | "some" | "every" | "filter" | "find" | "replace" => {
            let index = usize::from(target.method() == "replace");
            let argument = call.argument(index)?;
            if !matches!(
                argument,
                Expression::Identifier(_)
                    | Expression::StaticMemberExpression(_)
                    | Expression::ComputedMemberExpression(_)
            ) {
                return None;
            }
            let callback = evaluator.eval(argument, call.scope);
            let path = callback.path?;
            return (by_path(&path) == Some(Kind::Code)).then_some((Kind::Code, path));
        }
        _ => {}
    }
    None
}

/// The kind of act that calling `path` is.
fn by_path(path: &str) -> Option<Kind> {
    Some(match path {
        "eval"
        | "Function"
        | "vm.runInThisContext"
        | "vm.runInNewContext"
        | "vm.runInContext"
        | "vm.compileFunction"
        | "vm.Script"
        | "vm.SourceTextModule"
        | "module.constructor.prototype._compile"
        | "module.prototype._compile"
        | "module._compile"
        | "require-from-string"
        | "Worker"
        | "SharedWorker"
        | "setTimeout"
        | "setInterval"
        | "setImmediate" => Kind::Code,
        "require" | "import" => Kind::Load,
        "worker_threads.Worker" => Kind::Code,
        "process.dlopen" | "process.binding" | "process._linkedBinding" | "bindings" => {
            Kind::Native
        }
        "process.on" | "process.once" | "process.addListener" => Kind::Silence,
        "clipboardy.read"
        | "clipboardy.readSync"
        | "navigator.clipboard.readText"
        | "vscode.env.clipboard.readText"
        | "electron.clipboard.readText"
        | "iohook.start"
        | "screenshot-desktop"
        | "node-global-key-listener.GlobalKeyboardListener" => Kind::Capture,
        _ if sources::is_process(path) => Kind::Spawn,
        _ if network::sends(path) => Kind::Send,
        _ if sources::is_read(path) => Kind::Read,
        _ if path.ends_with(".pipe") => Kind::Pipe,
        "stream/promises.pipeline" | "stream.pipeline" | "stream.promises.pipeline" => Kind::Write,
        "http.createServer" | "https.createServer" | "net.createServer" | "dgram.createSocket"
        | "Bun.serve" | "Deno.serve" => Kind::Listen,
        "rimraf" | "rimraf.sync" | "rimraf.rimraf" | "rimraf.rimrafSync" | "del" | "del.sync" => {
            Kind::Delete
        }
        _ => return by_file_api(path.strip_prefix("fs.")?),
    })
}

fn by_file_api(name: &str) -> Option<Kind> {
    let name = name.strip_prefix("promises.").unwrap_or(name);
    Some(match name {
        "writeFile" | "writeFileSync" | "appendFile" | "appendFileSync" | "createWriteStream"
        | "outputFile" | "outputFileSync" | "writeJson" | "writeJsonSync" | "copyFile"
        | "copyFileSync" | "rename" | "renameSync" | "symlink" | "symlinkSync" => Kind::Write,
        "chmod" | "chmodSync" | "fchmod" | "fchmodSync" => Kind::Chmod,
        "rm" | "rmSync" | "unlink" | "unlinkSync" | "rmdir" | "rmdirSync" | "remove"
        | "removeSync" | "emptyDir" | "emptyDirSync" => Kind::Delete,
        _ => return None,
    })
}

/// Whether the arguments make it such an act at all.
fn plausible(kind: Kind, api: &str, arguments: &[Eval<'_>]) -> bool {
    let first = arguments.first();
    match kind {
        // Most timers get a function whose value is not known.
        Kind::Code if api.starts_with("set") => first.is_some_and(|first| match first.value {
            Value::Text { exact, .. } => exact || first.taint.has(Taint::DECODED),
            _ => false,
        }),
        // The address of a script is not its text.
        Kind::Code if api.ends_with("Worker") => first
            .and_then(Eval::known)
            .is_some_and(|text| text.contains('(') && text.contains([';', ')'])),
        Kind::Code => !arguments.is_empty(),
        Kind::Silence => first
            .and_then(Eval::exact)
            .is_some_and(|event| matches!(&*event, "uncaughtException" | "unhandledRejection")),
        Kind::Load => first.is_none_or(|first| first.exact().is_none()),
        _ => true,
    }
}

/// Fills in text and marks.
fn describe<'a>(evaluator: &mut Evaluator<'a>, act: &mut Act<'a>) {
    match act.kind {
        Kind::Code => {
            // `Function(a, b, body)`: the last text is the code.
            let code = if &*act.api == "Function" {
                act.arguments.last()
            } else {
                act.arguments.first()
            };
            if let Some(code) = code {
                act.taint = code.taint;
                act.text = code.known().map(Into::into);
                act.exact = code.exact().is_some();
            }
            if let Some(base) = &act.base
                && !matches!(base.value, Value::Function(_))
                && matches!(&*act.api, "eval" | "Function")
            {
                act.taint = act.taint.with(base.taint);
            }
        }
        Kind::Spawn => {
            if &*act.api == "Deno.Command"
                && let Some(words) = act.option(evaluator, "args")
            {
                act.arguments.truncate(1);
                act.arguments.push(words);
            }
            command(act);
            let call = evaluator.facts.calls[act.call as usize];
            if !act.exact
                && let Some(argument) = call.argument(0)
            {
                let texts = evaluator.alternatives(argument, call.scope);
                if texts.len() > 1 {
                    act.text = Some(texts.join("\n").into());
                }
            }
        }
        Kind::Send => network::describe(evaluator, act),
        Kind::Pipe => {
            if let Some(base) = &act.base {
                act.taint = base.taint;
            }
            let into = act.arguments.first().map(Eval::api).unwrap_or_default();
            if into == "fs.createWriteStream()" {
                act.kind = Kind::Write;
            } else if network::sends(&format!("{into}.write")) {
                act.kind = Kind::Send;
            }
        }
        _ => {
            if let Some(first) = act.arguments.first() {
                act.text = first.known().map(Into::into);
                act.exact = first.exact().is_some();
            }
            if &*act.api == "pipeline" {
                let into = act.arguments.last().map(Eval::api).unwrap_or_default();
                let first = act.arguments.first();
                let first = first.filter(|_| into == "fs.createWriteStream()");
                act.taint = first.map_or(Taint::NONE, |first| first.taint);
                act.text = None;
            } else if act.kind == Kind::Write
                && let Some(data) = act.arguments.get(1)
            {
                act.taint = data.taint;
            }
            if act.kind == Kind::Load
                && let Some(first) = act.arguments.first()
            {
                act.taint = first.taint;
            }
        }
    }
}

/// The command line of a process that is started.
fn command(act: &mut Act<'_>) {
    let mut text = String::new();
    let mut known = false;
    let mut exact = true;
    let mut push = |value: &Eval<'_>, act_taint: &mut Taint| {
        if !text.is_empty() {
            text.push(' ');
        }
        match value.known() {
            Some(piece) if text.len() + piece.len() < 1 << 20 => {
                // An argument with blanks is one word for the shell it stands for.
                let quoted = !text.is_empty() && piece.contains(' ') && !piece.contains('\'');
                if quoted {
                    text.push('\'');
                }
                text.push_str(piece);
                if quoted {
                    text.push('\'');
                }
                known = true;
                exact &= value.is_exact();
            }
            _ if value.api() == "process.execPath" => text.push_str("node"),
            _ => {
                text.push(HOLE);
                exact = false;
            }
        }
        *act_taint = act_taint.with(value.taint);
    };
    let mut taint = Taint::NONE;
    let shell = act.api.ends_with("exec") || act.api.ends_with("execSync");
    for (at, argument) in act.arguments.iter().enumerate() {
        match &argument.value {
            Value::List(items) if at <= 1 && !shell => {
                // Marks of arguments do not make the program another one.
                let mut ignored = Taint::NONE;
                for item in items.iter().take(64) {
                    push(item, &mut ignored);
                }
            }
            _ if at == 0 => push(argument, &mut taint),
            _ => {}
        }
    }
    act.taint = taint;
    if &*act.api == "child_process.fork" {
        text.insert_str(0, "node ");
    }
    act.text = known.then(|| text.into());
    act.exact = known && exact;
}

impl<'a> Act<'a> {
    /// The value of an option in any argument that is an object literal.
    pub fn option(&self, evaluator: &mut Evaluator<'a>, name: &str) -> Option<Eval<'a>> {
        self.arguments
            .iter()
            .find_map(|argument| match argument.value {
                Value::Object(object, scope) => evaluator.property(object, name, scope),
                _ => None,
            })
    }
}
