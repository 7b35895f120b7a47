//! What an expression evaluates to, as far as one can tell without running it.

use std::rc::Rc;

use packguard_sdk::decode::Layer;

use oxc_ast::ast::ObjectExpression;

use crate::collect::{FunctionIx, ScopeIx};

/// Stands in a partly known text for each part that is not known.
pub const HOLE: char = '\u{FFFC}';

/// Longest text that constant folding may make, in bytes: payloads are smaller, and
/// a doubling loop must not fill the sandbox.
pub const TEXT_LIMIT: usize = 4 << 20;

/// Where data came from. A set: what is made from several things has all their marks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Taint(u32);

impl Taint {
    /// Nothing known.
    pub const NONE: Self = Self(0);
    /// Went through a decoder, decompressor or decipher.
    pub const DECODED: Self = Self(1);
    /// Came from the network.
    pub const DOWNLOADED: Self = Self(1 << 1);
    /// The whole environment.
    pub const ENVIRONMENT: Self = Self(1 << 2);
    /// An environment variable that holds a secret.
    pub const SECRET: Self = Self(1 << 3);
    /// The host's name.
    pub const HOST_NAME: Self = Self(1 << 4);
    /// The user's name or account.
    pub const USER: Self = Self(1 << 5);
    /// The user's home folder.
    pub const HOME: Self = Self(1 << 6);
    /// Network interfaces or name servers.
    pub const NETWORK: Self = Self(1 << 7);
    /// Working or own folder.
    pub const FOLDER: Self = Self(1 << 8);
    /// Content of a file that holds keys, tokens, cookies or wallets.
    pub const CREDENTIALS: Self = Self(1 << 9);
    /// Content of some file.
    pub const FILE: Self = Self(1 << 10);
    /// Output of a command.
    pub const OUTPUT: Self = Self(1 << 11);
    /// The clipboard.
    pub const CLIPBOARD: Self = Self(1 << 12);
    /// The text of the running file itself.
    pub const OWN_TEXT: Self = Self(1 << 13);
    /// Weakly decoded: percent-decoding or character codes.
    pub const UNESCAPED: Self = Self(1 << 14);

    /// A wallet's private key or recovery phrase, by its name.
    pub const WALLET_KEY: Self = Self(1 << 16);
    /// What a request to the package's own server says.
    pub const INPUT: Self = Self(1 << 17);
    /// An event of the keyboard.
    pub const KEY_EVENT: Self = Self(1 << 18);
    /// Keys that were pressed.
    pub const KEYS: Self = Self(1 << 19);
    /// What a form's field holds.
    pub const FORM: Self = Self(1 << 20);

    /// Content of a file of the package that is no code by its name.
    pub const DATA_FILE: Self = Self(1 << 21);

    /// What a request is authorised with.
    pub const AUTHORIZATION: Self = Self(1 << 22);

    /// A path that leads to secrets, among others.
    pub const SECRET_PATH: Self = Self(1 << 23);

    /// Written as hexadecimal digits.
    pub const LABEL: Self = Self(1 << 24);

    /// Put together with parts that are neither constant nor decoded.
    pub const MIXED: Self = Self(1 << 15);

    /// All marks that tell one machine or user from another.
    pub const IDENTITY: [Self; 5] = [
        Self::HOST_NAME,
        Self::USER,
        Self::HOME,
        Self::NETWORK,
        Self::FOLDER,
    ];

    /// Marks of either.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without the marks of `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether any mark of `other` is set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A constant, as far as known.
#[derive(Clone, Debug, Default)]
pub enum Value<'a> {
    /// Nothing known.
    #[default]
    Unknown,
    /// A text; where not `exact`, unknown parts are [`HOLE`]s.
    Text {
        /// The text.
        text: Rc<str>,
        /// Whether it is known whole.
        exact: bool,
    },
    /// A number.
    Number(f64),
    /// A boolean.
    Boolean(bool),
    /// A `Buffer` or typed array.
    Bytes(Rc<[u8]>),
    /// An array.
    List(Rc<[Eval<'a>]>),
    /// An object literal; its members are evaluated on demand.
    Object(&'a ObjectExpression<'a>, ScopeIx),
    /// A function of this file.
    Function(FunctionIx),
}

/// What is known of an expression.
#[derive(Clone, Debug, Default)]
pub struct Eval<'a> {
    /// The constant, where it is one.
    pub value: Value<'a>,
    /// The interface it denotes: `child_process.exec`, `process.env`, `fetch()`
    /// (what `fetch` returns), …
    pub path: Option<Rc<str>>,
    /// Where it came from.
    pub taint: Taint,
    /// Layers taken off while folding, outermost first.
    pub layers: Option<Rc<Vec<Layer>>>,
}

impl<'a> Eval<'a> {
    /// Layers taken off, outermost first.
    pub fn layers(&self) -> &[Layer] {
        self.layers.as_ref().map_or(&[], |layers| layers)
    }

    /// A known text.
    pub fn text(text: impl Into<Rc<str>>) -> Self {
        Value::Text {
            text: text.into(),
            exact: true,
        }
        .into()
    }

    /// A partly known text.
    pub fn partial(text: impl Into<Rc<str>>) -> Self {
        Value::Text {
            text: text.into(),
            exact: false,
        }
        .into()
    }

    /// An interface.
    pub fn path(path: impl Into<Rc<str>>) -> Self {
        Self {
            path: Some(path.into()),
            ..Self::default()
        }
    }

    /// Adds marks.
    #[must_use]
    pub fn tainted(mut self, taint: Taint) -> Self {
        self.taint = self.taint.with(taint);
        self
    }

    /// Adds decoded layers.
    #[must_use]
    pub fn layered(mut self, layers: Option<Rc<Vec<Layer>>>) -> Self {
        if self.layers.is_none() {
            self.layers = layers;
        }
        self
    }

    /// The text, where it is known whole.
    pub fn exact(&self) -> Option<Rc<str>> {
        match &self.value {
            Value::Text { text, exact: true } => Some(Rc::clone(text)),
            _ => None,
        }
    }

    /// What is known of the text, with [`HOLE`]s.
    pub fn known(&self) -> Option<&str> {
        match &self.value {
            Value::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The interface's path, or the empty text.
    pub fn api(&self) -> &str {
        self.path.as_deref().unwrap_or_default()
    }

    /// How it reads in a concatenation; `None` where nothing is known.
    pub fn as_piece(&self) -> Option<Rc<str>> {
        match &self.value {
            Value::Text { text, .. } => Some(Rc::clone(text)),
            Value::Number(number) => Some(number_text(*number).into()),
            Value::Boolean(value) => Some(value.to_string().into()),
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into()),
            Value::List(items) if items.is_empty() => Some("".into()),
            _ => None,
        }
    }

    /// Whether the value is known whole.
    pub fn is_exact(&self) -> bool {
        !matches!(
            self.value,
            Value::Unknown | Value::Text { exact: false, .. } | Value::Object(..)
        )
    }
}

impl<'a> From<Value<'a>> for Eval<'a> {
    fn from(value: Value<'a>) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }
}

/// A number as JavaScript prints it (integers exactly, others approximately).
pub fn number_text(number: f64) -> String {
    format!("{number}")
}
