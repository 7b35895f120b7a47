//! What is known of a value: its content as far as it can be folded, and where it comes
//! from.

use std::ops::{BitAnd, BitOr, BitOrAssign};
use std::rc::Rc;

use packguard_sdk::decode::Layer;

/// Longest text that is folded, in bytes.
pub const TEXT_LIMIT: usize = 4 << 20;

/// Most elements of a list that are kept.
pub const LIST_LIMIT: usize = 1 << 16;

/// Where a value comes from: a set of labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taint(pub u32);

impl Taint {
    /// Nothing known.
    pub const NONE: Self = Self(0);
    /// The whole environment.
    pub const ENVIRONMENT: Self = Self(1);
    /// A variable that holds a secret.
    pub const SECRET: Self = Self(1 << 1);
    /// The content of a file with credentials.
    pub const CREDENTIAL: Self = Self(1 << 2);
    /// The path of such a file.
    pub const CREDENTIAL_PATH: Self = Self(1 << 3);
    /// A fact about host or user.
    pub const HOST_FACT: Self = Self(1 << 4);
    /// Came over the network.
    pub const REMOTE: Self = Self(1 << 5);
    /// Was decoded from data in the program.
    pub const DECODED: Self = Self(1 << 6);
    /// Came with a request to a web server.
    pub const REQUEST: Self = Self(1 << 7);
    /// Names a host that loot goes to and payloads come from.
    pub const SUSPECT_HOST: Self = Self(1 << 8);
    /// A part is not known.
    pub const PARTIAL: Self = Self(1 << 9);
    /// Put together from characters or numbers.
    pub const BUILT: Self = Self(1 << 10);
    /// The clipboard.
    pub const CLIPBOARD: Self = Self(1 << 11);
    /// Keys pressed.
    pub const KEYS: Self = Self(1 << 12);
    /// The screen.
    pub const SCREEN: Self = Self(1 << 13);
    /// The content of some file.
    pub const FILE: Self = Self(1 << 14);
    /// Data that stands in the program.
    pub const CONSTANT: Self = Self(1 << 15);
    /// Output of a command.
    pub const OUTPUT: Self = Self(1 << 16);
    /// A file of the package's own, embedded.
    pub const EMBEDDED: Self = Self(1 << 17);
    /// A folder for temporary or hidden files.
    pub const TEMPORARY: Self = Self(1 << 18);
    /// A key or mnemonic of a wallet that the package's user hands over.
    pub const WALLET_KEY: Self = Self(1 << 19);
    /// A wallet's address, or the shape of one.
    pub const WALLET: Self = Self(1 << 20);
    /// The shape of a private key, for looking for keys.
    pub const KEY_SHAPE: Self = Self(1 << 21);
    /// A token that opens a cloud, a forge or a registry.
    pub const MASTER: Self = Self(1 << 22);

    /// A password or secret that the package's user hands over.
    pub const GIVEN_SECRET: Self = Self(1 << 23);
    /// What the clock or the calendar says.
    pub const CLOCK: Self = Self(1 << 24);
    /// A day that stands in the program.
    pub const FIXED_DAY: Self = Self(1 << 25);
    /// A random number.
    pub const CHANCE: Self = Self(1 << 26);
    /// Encrypted under a key that stands in the program.
    pub const SEALED: Self = Self(1 << 27);

    /// What is no longer itself once a function that is not known had it.
    pub const OWN: Self =
        Self(Self::WALLET_KEY.0 | Self::GIVEN_SECRET.0 | Self::FIXED_DAY.0 | Self::CHANCE.0);

    /// Whether any label of `other` is there.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Without the labels of `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What nobody but the user should have.
    pub const LOOT: Self = Self(
        Self::ENVIRONMENT.0
            | Self::SECRET.0
            | Self::CREDENTIAL.0
            | Self::CLIPBOARD.0
            | Self::KEYS.0
            | Self::SCREEN.0,
    );
    /// What is not what it looks like.
    pub const HIDDEN: Self = Self(Self::DECODED.0 | Self::BUILT.0);
}

impl BitOr for Taint {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Taint {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOrAssign for Taint {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// What a value holds.
#[derive(Debug, Clone, Default)]
pub enum Content {
    /// Not known.
    #[default]
    Unknown,
    /// Bytes of a text; `?` stands for what is not known where the value is partial.
    Text(Rc<Vec<u8>>),
    /// A whole number.
    Number(i64),
    /// A list.
    List(Rc<Vec<Value>>),
    /// A function, class or module by its name.
    Name(Rc<str>),
}

/// A value.
#[derive(Debug, Clone, Default)]
pub struct Value {
    /// What it holds.
    pub content: Content,
    /// Where it comes from.
    pub taint: Taint,
    /// The variable it was read from.
    pub from: Option<Rc<str>>,
    /// The call that gave it, by its index among the facts.
    pub call: Option<u32>,
    /// Layers that were taken off.
    pub layers: Option<Rc<Vec<Layer>>>,
}

impl Value {
    /// Something with these labels.
    pub fn tainted(taint: Taint) -> Self {
        Self {
            taint,
            ..Self::default()
        }
    }

    /// A known text.
    pub fn text(bytes: Vec<u8>) -> Self {
        Self {
            content: Content::Text(Rc::new(bytes)),
            taint: Taint::CONSTANT,
            ..Self::default()
        }
    }

    /// A known number.
    pub fn number(number: i64) -> Self {
        Self {
            content: Content::Number(number),
            ..Self::default()
        }
    }

    /// A name.
    pub fn name(name: &str) -> Self {
        Self {
            content: Content::Name(name.into()),
            ..Self::default()
        }
    }

    /// A list.
    pub fn list(items: Vec<Self>) -> Self {
        let taint = items.iter().fold(Taint::NONE, |all, item| all | item.taint);
        let constant = items.len() >= 4 && items.iter().all(Self::is_constant);
        Self {
            content: Content::List(Rc::new(items)),
            taint: if constant {
                taint | Taint::CONSTANT
            } else {
                taint
            },
            ..Self::default()
        }
    }

    /// With more labels.
    #[must_use]
    pub fn with(mut self, taint: Taint) -> Self {
        self.taint |= taint;
        self
    }

    /// Its bytes, if it is a text.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its text, with what is no UTF-8 replaced.
    pub fn to_text(&self) -> Option<String> {
        match &self.content {
            Content::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            Content::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Its elements, if it is a list.
    pub fn items(&self) -> Option<&[Self]> {
        match &self.content {
            Content::List(items) => Some(items),
            _ => None,
        }
    }

    /// Whether all of it is written in the program.
    pub fn is_constant(&self) -> bool {
        match &self.content {
            Content::Text(_) | Content::Number(_) => !self.taint.has(Taint::PARTIAL),
            Content::List(items) => items.iter().all(Self::is_constant),
            _ => false,
        }
    }

    /// The bytes of a text, or of a list of byte values or characters.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        match &self.content {
            Content::Text(text) if !self.taint.has(Taint::PARTIAL) => Some(text.to_vec()),
            Content::List(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items.iter() {
                    match &item.content {
                        Content::Number(number) => push_code(&mut out, *number)?,
                        Content::Text(text) => out.extend_from_slice(text),
                        _ => return None,
                    }
                    if out.len() > TEXT_LIMIT {
                        return None;
                    }
                }
                Some(out)
            }
            _ => None,
        }
    }

    /// This value with the labels of another: of what was made from both.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        self.taint |= other.taint;
        self.call = self.call.or(other.call);
        if self.from.is_none() {
            self.from.clone_from(&other.from);
        }
        self.merge_layers(other);
        self
    }

    /// Takes over the layers of another.
    pub fn merge_layers(&mut self, other: &Self) {
        if let Some(layers) = &other.layers {
            match &mut self.layers {
                Some(have) if have.len() < 16 => {
                    if !Rc::ptr_eq(have, layers) {
                        Rc::make_mut(have).extend(layers.iter().take(8).cloned());
                    }
                }
                Some(_) => {}
                None => self.layers = Some(layers.clone()),
            }
        }
    }

    /// Adds a layer.
    pub fn add_layer(&mut self, encoding: &'static str, bytes: &[u8]) {
        let layer = Layer {
            encoding,
            text: String::from_utf8_lossy(&bytes[..bytes.len().min(4_000)])
                .as_ref()
                .into(),
        };
        let layers = self.layers.get_or_insert_with(Rc::default);
        if layers.len() < 16 {
            Rc::make_mut(layers).push(layer);
        }
    }

    /// The layers, outermost first.
    pub fn layers(&self) -> &[Layer] {
        self.layers.as_ref().map_or(&[], |layers| layers)
    }
}

/// Appends what a character code stands for: a byte, or UTF-8 of what is more.
pub fn push_code(out: &mut Vec<u8>, code: i64) -> Option<()> {
    match u32::try_from(code & 0xFFFF_FFFF).ok()? {
        code @ 0..=0x7F => out.push(code as u8),
        code @ 0x80..=0xFF => out.push(code as u8),
        // Negative bytes of Java.
        code if code >= 0xFFFF_FF80 => out.push((code & 0xFF) as u8),
        code => {
            let character = char::from_u32(code)?;
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Some(())
}

/// Two texts one behind the other, or what is known of them. `budget` is what may still be
/// copied.
pub fn concat(left: Value, right: &Value, budget: &mut usize) -> Value {
    let mut out = Value {
        taint: left.taint | right.taint,
        from: left.from.clone().or_else(|| right.from.clone()),
        call: left.call.or(right.call),
        layers: left.layers.clone(),
        content: Content::Unknown,
    };
    out.merge_layers(right);
    if let (Content::List(items), Content::List(more)) = (&left.content, &right.content)
        && items.len() + more.len() <= LIST_LIMIT
        && *budget > items.len() + more.len()
    {
        *budget -= items.len() + more.len();
        out.content = Content::List(Rc::new(items.iter().chain(more.iter()).cloned().collect()));
        return out;
    }
    let part = |value: &Value| match &value.content {
        Content::Text(text) => Some(text.clone()),
        Content::Number(number) => Some(Rc::new(number.to_string().into_bytes())),
        _ => None,
    };
    let known = (part(&left), part(right));
    if known.0.is_none() && known.1.is_none() {
        return out;
    }
    let mut unknown = || {
        out.taint |= Taint::PARTIAL;
        Rc::new(b"?".to_vec())
    };
    let (first, second) = match known {
        (Some(first), Some(second)) => (first, second),
        (Some(first), None) => (first, unknown()),
        (None, Some(second)) => (unknown(), second),
        (None, None) => return out,
    };
    drop(left);
    // A text that nobody else holds grows in place.
    let (mut first, copied) = match Rc::try_unwrap(first) {
        Ok(first) => (first, second.len()),
        Err(shared) => (shared.to_vec(), shared.len() + second.len()),
    };
    if first.len() + second.len() > TEXT_LIMIT || *budget < copied {
        *budget = budget.saturating_sub(copied);
        out.taint |= Taint::PARTIAL;
        return out;
    }
    *budget -= copied;
    first.extend_from_slice(&second);
    out.content = Content::Text(Rc::new(first));
    out
}
