//! Members: of interfaces, of object literals, of constants.

use oxc_ast::ast::{Expression, ObjectExpression, ObjectPropertyKind, PropertyKey};

use super::{Evaluator, methods};
use crate::collect::{FunctionIx, ScopeIx};
use crate::sources;
use crate::value::{Eval, Taint, Value};

impl<'a> Evaluator<'a> {
    /// The value of a property of an object literal.
    pub fn property(
        &mut self,
        object: &'a ObjectExpression<'a>,
        name: &str,
        scope: ScopeIx,
    ) -> Option<Eval<'a>> {
        for property in &object.properties {
            if let ObjectPropertyKind::ObjectProperty(property) = property {
                let key = match &property.key {
                    PropertyKey::StaticIdentifier(key) => key.name.as_str() == name,
                    PropertyKey::StringLiteral(key) => key.value.as_str() == name,
                    PropertyKey::NumericLiteral(key) => {
                        name.parse::<f64>().is_ok_and(|number| number == key.value)
                    }
                    _ => false,
                };
                if key {
                    return Some(self.eval(&property.value, scope));
                }
            }
        }
        None
    }

    pub(super) fn member(
        &mut self,
        object: &'a Expression<'a>,
        name: &str,
        scope: ScopeIx,
    ) -> Eval<'a> {
        if matches!(object, Expression::ThisExpression(_)) {
            return self.own_member(name, scope);
        }
        let base = self.eval(object, scope);
        if is_wallet_key(name) || name == "secretKey" && (self.knows_wallets || is_wallet(object)) {
            return self.select(&base, name).tainted(Taint::WALLET_KEY);
        }
        if matches!(name, "authorization" | "Authorization") {
            return self.select(&base, name).tainted(Taint::AUTHORIZATION);
        }
        if name == "constructor"
            && base.path.is_none()
            && (matches!(base.value, Value::Function(_)) || is_constructor_member(object))
        {
            return Eval::path("Function");
        }
        self.select(&base, name)
    }

    pub(super) fn computed(
        &mut self,
        object: &'a Expression<'a>,
        key: &'a Expression<'a>,
        scope: ScopeIx,
    ) -> Eval<'a> {
        let key = self.eval(key, scope);
        if let Some(number) = key.number() {
            let base = self.eval(object, scope);
            return methods::element(&base, number);
        }
        match key.exact() {
            Some(name) => self.member(object, &name, scope),
            None => {
                let base = self.eval(object, scope);
                if let Value::Object(object, inside) = base.value {
                    return self.any_property(object, inside, base.taint);
                }
                let taint = if base.api() == "process.env" {
                    key.taint
                } else {
                    // What is looked up in an alphabet says what it was looked up for.
                    let table = matches!(base.value, Value::Text { exact: true, .. });
                    let looked = if table { key.taint } else { Taint::NONE };
                    base.taint.without(Taint::ENVIRONMENT).with(looked)
                };
                Eval::default().tainted(taint)
            }
        }
    }

    /// A property of a short object literal, whichever it is.
    fn any_property(
        &mut self,
        object: &'a ObjectExpression<'a>,
        scope: ScopeIx,
        taint: Taint,
    ) -> Eval<'a> {
        const PROPERTIES: usize = 8;
        let taint = taint.without(Taint::ENVIRONMENT);
        if object.properties.len() > PROPERTIES {
            return Eval::default().tainted(taint);
        }
        let mut result: Option<Eval<'a>> = None;
        for property in &object.properties {
            if let ObjectPropertyKind::ObjectProperty(property) = property {
                let mut value = self.eval(&property.value, scope);
                // Whichever it is may be called.
                let called = match value.value {
                    Value::Function(function) => self.returns(function).taint,
                    _ => sources::call(value.api(), &[]).taint,
                };
                value.taint = value.taint.with(called);
                result = Some(match result {
                    None => value,
                    Some(have) => super::either(have, value),
                });
            }
        }
        result.unwrap_or_default().tainted(taint)
    }

    /// `this.name`: what the file gives the member of that name, in whichever class.
    fn own_member(&mut self, name: &str, scope: ScopeIx) -> Eval<'a> {
        const WRITES: usize = 4;
        let facts = self.facts;
        let Some((name, written)) = facts.own_members.get_key_value(name) else {
            return match facts.methods.get(name) {
                Some(Some(function)) => Value::Function(*function).into(),
                _ => Eval::default(),
            };
        };
        // What many places write says nothing.
        if written.len() > WRITES
            || self.members_busy.contains(name)
            || self.members_busy.len() >= WRITES
        {
            return Eval::default();
        }
        self.members_busy.push(name);
        let mut result: Option<Eval<'a>> = None;
        let home = self.file_of(scope);
        for (value, scope) in written {
            if self.linked && self.file_of(*scope) != home {
                continue;
            }
            let value = self.eval(value, *scope);
            result = Some(match result {
                None => value,
                Some(have) => super::either(have, value),
            });
        }
        self.members_busy.pop();
        let mut result = result.unwrap_or_default();
        if is_wallet_key(name) {
            result = result.tainted(Taint::WALLET_KEY);
        }
        result
    }

    /// The outermost function around a scope: of files put together, the file.
    fn file_of(&self, scope: ScopeIx) -> FunctionIx {
        let functions = &self.facts.functions;
        let mut at = self.facts.scopes[scope as usize].function;
        while at != 0 && functions[at as usize].parent != 0 {
            at = functions[at as usize].parent;
        }
        at
    }

    /// Member `name` of a value.
    pub fn select(&mut self, base: &Eval<'a>, name: &str) -> Eval<'a> {
        if let Some(path) = &base.path {
            return sources::member(path, name, base);
        }
        match &base.value {
            Value::Object(object, scope) => {
                if let Some(value) = self.property(object, name, *scope) {
                    return value;
                }
                return Eval::default().tainted(base.taint.without(Taint::ENVIRONMENT));
            }
            Value::Text { .. } | Value::List(_) | Value::Number(_) | Value::Boolean(_) => {
                if name == "length" {
                    return methods::length(base);
                }
                let kind = if matches!(base.value, Value::List(_)) {
                    "Array"
                } else {
                    "String"
                };
                if let Some(part) = base.known().and_then(|text| part_of_address(text, name)) {
                    return part.tainted(base.taint);
                }
                if name == "constructor" {
                    return Eval::path(kind);
                }
                return Eval::path(format!("{kind}.prototype.{name}")).tainted(base.taint);
            }
            Value::Function(_) if name == "constructor" => return Eval::path("Function"),
            _ => {}
        }
        if matches!(
            name,
            "length" | "size" | "byteLength" | "statusCode" | "status"
        ) {
            return Eval::default();
        }
        if base.taint.has(Taint::KEY_EVENT) {
            let pressed = matches!(name, "key" | "keyCode" | "which" | "code" | "charCode");
            let taint = if pressed { Taint::KEYS } else { Taint::NONE };
            return Eval::default().tainted(taint);
        }
        // One member of what holds the environment is not the environment.
        Eval::default().tainted(base.taint.without(Taint::ENVIRONMENT))
    }
}

/// `url.host` of an address: `new URL(text)` stands for its text.
fn part_of_address<'a>(text: &str, name: &str) -> Option<Eval<'a>> {
    let (_, rest) = text.split_once("://")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let part = match name {
        "host" => host,
        "hostname" => host.split(':').next().unwrap_or_default(),
        "pathname" => path.split(['?', '#']).next().unwrap_or_default(),
        "href" => text,
        _ => return None,
    };
    let hole = text.contains(crate::value::HOLE);
    Some(if hole {
        Eval::partial(part)
    } else {
        Eval::text(part)
    })
}

/// `x.constructor`, whose own `constructor` is `Function` whatever `x` is.
fn is_constructor_member(expression: &Expression<'_>) -> bool {
    match expression {
        Expression::StaticMemberExpression(member) => member.property.name == "constructor",
        Expression::ComputedMemberExpression(member) => {
            matches!(&member.expression, Expression::StringLiteral(text) if text.value == "constructor")
        }
        _ => false,
    }
}

/// Whether a name is that of a wallet's private key or recovery phrase.
pub fn is_wallet_key(name: &str) -> bool {
    matches!(
        name,
        "privateKey"
            | "_privateKey"
            | "private_key"
            | "privKey"
            | "privatekey"
            | "PrivateKey"
            | "mnemonic"
            | "mnemonics"
            | "mnemonicPhrase"
            | "seedPhrase"
            | "seed_phrase"
            | "seedphrase"
            | "recoveryPhrase"
            | "secretPhrase"
            | "walletPrivateKey"
            | "pvtKey"
    )
}

/// Whether a name is that of a key, in code that is about wallets.
pub fn may_be_key(name: &str) -> bool {
    matches!(
        name,
        "secretKey" | "_secretKey" | "secret_key" | "seed" | "phrase" | "seedWords" | "words"
    )
}

/// Whether modules that a file loads are of wallets.
pub fn is_of_wallets(module: &str) -> bool {
    matches!(
        module,
        "bs58"
            | "tweetnacl"
            | "ethers"
            | "web3"
            | "bip39"
            | "bip32"
            | "xrpl"
            | "tronweb"
            | "ripple-keypairs"
            | "@solana/web3.js"
            | "ethereumjs-wallet"
            | "bitcoinjs-lib"
            | "ed25519-hd-key"
            | "hdkey"
            | "stellar-sdk"
    )
}

/// Whether an expression's name is that of a wallet or pair of keys.
fn is_wallet(expression: &Expression<'_>) -> bool {
    let Expression::Identifier(name) = expression else {
        return false;
    };
    let name = name.name.to_ascii_lowercase();
    ["keypair", "wallet", "account", "signer", "payer"]
        .iter()
        .any(|word| name.contains(word))
}
