//! What is known of a Python value: a constant, a dotted name, and where it came from.

use std::ops::{BitOr, BitOrAssign};
use std::rc::Rc;

use packguard_sdk::decode::Layer;

use ruff_python_ast::ExprLambda;

use crate::path::Path;

/// Where a value came from and what happened to it on the way: a set of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taint(u32);

impl Taint {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// Came out of base64, zlib, hex, XOR, …
    pub const DECODED: Self = Self(1);
    /// Came out of two or more such layers.
    pub const DECODED_TWICE: Self = Self(1 << 1);
    /// Came out of a cipher.
    pub const DECRYPTED: Self = Self(1 << 2);
    /// Came from the network.
    pub const DOWNLOADED: Self = Self(1 << 3);
    /// All environment variables at once.
    pub const ENVIRONMENT: Self = Self(1 << 4);
    /// An environment variable whose name says that it is a secret.
    pub const SECRET: Self = Self(1 << 5);
    /// A fact about host or user.
    pub const HOST_FACT: Self = Self(1 << 6);
    /// Names a file that holds credentials.
    pub const CREDENTIAL_PATH: Self = Self(1 << 7);
    /// What a file that holds credentials contains.
    pub const CREDENTIAL: Self = Self(1 << 8);
    /// Names a host that data is sent to or payloads come from.
    pub const SUSPECT_HOST: Self = Self(1 << 9);
    /// A name reached through a string put together at run time.
    pub const REFLECTED: Self = Self(1 << 10);
    /// A constant with parts that are not known, written `?`.
    pub const PARTIAL: Self = Self(1 << 11);
    /// Clipboard content.
    pub const CLIPBOARD: Self = Self(1 << 12);
    /// A screenshot.
    pub const SCREEN: Self = Self(1 << 13);
    /// Put together by operations, not written as one literal.
    pub const BUILT: Self = Self(1 << 14);
    /// Too large to fold.
    pub const OVERSIZE: Self = Self(1 << 15);
    /// A code object out of `marshal`.
    pub const MARSHALLED: Self = Self(1 << 16);
    /// Names a place that makes a program start by itself.
    pub const AUTOSTART_PATH: Self = Self(1 << 17);
    /// Put together from single character codes.
    pub const CHARACTER_CODES: Self = Self(1 << 18);
    /// Names a service that tells the caller's public address.
    pub const IP_LOOKUP: Self = Self(1 << 19);
    /// A connected socket, or its file descriptor.
    pub const SOCKET: Self = Self(1 << 20);
    /// Names a file that downloaded data was written to.
    pub const DOWNLOADED_FILE: Self = Self(1 << 21);
    /// Files below a home folder or a drive, all of them.
    pub const WIDE: Self = Self(1 << 22);
    /// Came out of a cipher that encrypts.
    pub const ENCRYPTED: Self = Self(1 << 23);
    /// What a chat message that a bot received says.
    pub const COMMANDED: Self = Self(1 << 24);
    /// A parameter whose name says that it is a wallet's key or seed.
    pub const WALLET_KEY: Self = Self(1 << 25);
    /// A parameter whose name says that it is a password.
    pub const PASSWORD: Self = Self(1 << 26);
    /// What a file of the package contains.
    pub const PACKAGE_FILE: Self = Self(1 << 27);

    /// What the call stack says: who calls.
    pub const FRAME: Self = Self(1 << 28);
    /// The source code of who calls.
    pub const CALLERS_SOURCE: Self = Self(1 << 29);

    /// Labels that say data worth stealing.
    pub const LOOT: Self = Self(
        Self::ENVIRONMENT.0
            | Self::SECRET.0
            | Self::CREDENTIAL.0
            | Self::CLIPBOARD.0
            | Self::SCREEN.0,
    );
    /// Labels that say the value was hidden.
    pub const HIDDEN: Self = Self(Self::DECODED.0 | Self::DECRYPTED.0 | Self::MARSHALLED.0);

    /// Whether any label of `other` is set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Those labels that are of `other`.
    #[must_use]
    pub fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The labels without those of `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Taint {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Taint {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// What is known of the content.
#[derive(Debug, Clone, Default)]
pub enum Kind<'a> {
    /// Nothing.
    #[default]
    Unknown,
    /// `None`.
    None,
    /// A string; parts that are not known read `?`.
    Str(Rc<str>),
    /// Bytes.
    Bytes(Rc<[u8]>),
    /// An integer or boolean.
    Int(i64),
    /// A larger integer, its bytes from the highest on.
    Big(Rc<[u8]>),
    /// A list, tuple or set.
    List(Rc<[Value<'a>]>),
    /// A dictionary's keys and values.
    Dict(Rc<[(Value<'a>, Value<'a>)]>),
    /// An importable name, `os.system`; `()` stands for a call's result:
    /// `socket.socket().connect`.
    Path(Path),
    /// A function of this file, by index.
    Function(usize),
    /// A class of this file, by index.
    Class(usize),
    /// An instance of a class of this file.
    Instance(usize),
    /// A lambda.
    Lambda(&'a ExprLambda),
    /// A method of a value: `"abc".decode`.
    Method(Rc<Value<'a>>, Rc<str>),
}

/// A value as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct Value<'a> {
    /// Content.
    pub kind: Kind<'a>,
    /// Origin.
    pub taint: Taint,
    /// What few values have.
    more: Option<Rc<More>>,
    /// How deep lists, dictionaries and methods are nested in it.
    depth: u16,
}

/// What is known of few values, kept apart so that the others are small.
#[derive(Debug, Clone, Default)]
struct More {
    layers: Option<Rc<[Layer]>>,
    key: Option<Rc<str>>,
    file: Option<Rc<str>>,
}

/// Deepest nesting of values in values: they are compared and dropped recursively.
const VALUE_DEPTH: u16 = 24;

impl<'a> Value<'a> {
    /// Nothing is known.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Nothing is known but the origin.
    pub fn tainted(taint: Taint) -> Self {
        Self {
            taint: taint.without(Taint::PARTIAL),
            ..Self::default()
        }
    }

    /// A value of this content.
    pub fn of(kind: Kind<'a>) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// A list, tuple or set; unknown where it is nested too deeply.
    pub fn list(items: Vec<Value<'a>>) -> Self {
        let depth = items.iter().map(|item| item.depth).max().unwrap_or(0);
        Self::nested(Kind::List(items.into()), depth)
    }

    /// A dictionary; unknown where it is nested too deeply.
    pub fn dict(items: Vec<(Value<'a>, Value<'a>)>) -> Self {
        let depth = items
            .iter()
            .map(|(key, item)| key.depth.max(item.depth))
            .max();
        Self::nested(Kind::Dict(items.into()), depth.unwrap_or(0))
    }

    /// A method of a value.
    pub fn method(receiver: Rc<Value<'a>>, name: Rc<str>) -> Self {
        let depth = receiver.depth;
        Self::nested(Kind::Method(receiver, name), depth)
    }

    fn nested(kind: Kind<'a>, depth: u16) -> Self {
        if depth >= VALUE_DEPTH {
            return Self::unknown();
        }
        Self {
            kind,
            depth: depth + 1,
            ..Self::default()
        }
    }

    /// A string constant.
    pub fn text(text: impl Into<Rc<str>>) -> Self {
        Self::of(Kind::Str(text.into()))
    }

    /// A bytes constant.
    pub fn bytes(bytes: impl Into<Rc<[u8]>>) -> Self {
        Self::of(Kind::Bytes(bytes.into()))
    }

    /// An importable name.
    pub fn path(path: Path) -> Self {
        Self::of(Kind::Path(path))
    }

    /// Adds labels.
    #[must_use]
    pub fn with(mut self, taint: Taint) -> Self {
        self.taint |= taint;
        self
    }

    /// Takes over origin and layers of another value.
    #[must_use]
    pub fn inheriting(mut self, other: &Value<'a>) -> Self {
        self.taint |= other.taint;
        self.take_layers(other);
        self
    }

    /// The string, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Str(text) => Some(text),
            _ => None,
        }
    }

    /// String or bytes as bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Str(text) => Some(text.as_bytes()),
            Kind::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The integer, where it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self.kind {
            Kind::Int(number) => Some(number),
            _ => None,
        }
    }

    /// The dotted name, where it is one.
    pub fn as_path(&self) -> Option<&str> {
        match &self.kind {
            Kind::Path(path) => Some(path),
            _ => None,
        }
    }

    /// Layers taken off to get here, outermost first.
    pub fn layers(&self) -> Option<&Rc<[Layer]>> {
        self.more.as_ref().and_then(|more| more.layers.as_ref())
    }

    /// Sets the layers.
    pub fn set_layers(&mut self, layers: Option<Rc<[Layer]>>) {
        if layers.is_some() || self.layers().is_some() {
            Rc::make_mut(self.more.get_or_insert_default()).layers = layers;
        }
    }

    fn take_layers(&mut self, other: &Self) {
        if other.more.is_some() && self.layers().is_none() {
            self.set_layers(other.layers().cloned());
        }
    }

    /// For an open file or path object: which path, as a key for what is written there.
    pub fn key(&self) -> Option<&Rc<str>> {
        self.more.as_ref().and_then(|more| more.key.as_ref())
    }

    /// Sets the key.
    pub fn set_key(&mut self, key: Option<Rc<str>>) {
        if key.is_some() || self.key().is_some() {
            Rc::make_mut(self.more.get_or_insert_default()).key = key;
        }
    }

    /// For an open file: how its path ends; a null byte in front where it gives bytes.
    pub fn file(&self) -> Option<&Rc<str>> {
        self.more.as_ref().and_then(|more| more.file.as_ref())
    }

    /// Sets how the path of an open file ends.
    pub fn set_file(&mut self, file: Option<Rc<str>>) {
        if file.is_some() || self.file().is_some() {
            Rc::make_mut(self.more.get_or_insert_default()).file = file;
        }
    }

    /// Whether nothing at all is known: neither content nor origin.
    pub fn is_blank(&self) -> bool {
        matches!(self.kind, Kind::Unknown) && self.taint == Taint::NONE && self.more.is_none()
    }

    /// Whether it is `os.environ` itself.
    pub fn is_environment(&self) -> bool {
        self.as_path()
            .is_some_and(|path| matches!(path, "os.environ" | "os.environb" | "posix.environ"))
    }

    /// Elements, where it is a list.
    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// Text for a person or a recogniser: strings as they are, bytes as far as they
    /// are text.
    pub fn to_text(&self) -> Option<Rc<str>> {
        match &self.kind {
            Kind::Str(text) => Some(text.clone()),
            Kind::Bytes(bytes) => Some(packguard_sdk::text::decode(bytes).into()),
            _ => None,
        }
    }

    /// What both values may be: the content where they agree, all labels.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let same = self.is_same(other, 3);
        let mut joined = if same {
            self.clone()
        } else {
            Value::unknown().inheriting(self)
        };
        joined.taint |= other.taint;
        joined.take_layers(other);
        joined
    }

    /// Whether both have the same content. Lists are compared as long as they are short and
    /// not deeply nested: a function's arguments are met in each walk.
    fn is_same(&self, other: &Self, depth: usize) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Str(a), Kind::Str(b)) => a == b,
            (Kind::Bytes(a), Kind::Bytes(b)) | (Kind::Big(a), Kind::Big(b)) => a == b,
            (Kind::Int(a), Kind::Int(b)) => a == b,
            (Kind::Path(a), Kind::Path(b)) => a == b,
            (Kind::Function(a), Kind::Function(b))
            | (Kind::Class(a), Kind::Class(b))
            | (Kind::Instance(a), Kind::Instance(b)) => a == b,
            (Kind::Lambda(a), Kind::Lambda(b)) => std::ptr::eq(*a, *b),
            (Kind::List(a), Kind::List(b)) => {
                let short = a.len() == b.len() && a.len() <= 4_096 && depth > 0;
                Rc::ptr_eq(a, b)
                    || (short && a.iter().zip(&**b).all(|(a, b)| a.is_same(b, depth - 1)))
            }
            _ => false,
        }
    }
}
