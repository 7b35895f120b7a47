//! Calls that give values: decoded texts, variables, properties.

use std::rc::Rc;

use packguard_sdk::decode;
use packguard_sdk::indicators::{self, Kind};

use super::{NAME_LIMIT, Scene};
use crate::facts::Deed;
use crate::labels::Labels;
use crate::machine::{Id, Value};

impl Scene<'_> {
    pub(super) fn base64(&mut self, args: &[Id], sum: Value) -> Id {
        let text = args.iter().rev().find_map(|id| self.machine.text_of(*id));
        let bytes = text.and_then(|text| decode::base64(&text));
        let decoded = bytes
            .as_deref()
            .and_then(|bytes| decode::payload("base64", bytes));
        let text: Option<Rc<str>> =
            decoded.and_then(|layers| layers.last().map(|layer| layer.text.clone()));
        self.tell(text.as_ref());
        let labels = sum.labels.with(Labels::DECODED);
        self.note(Deed::Decode, labels, text.clone(), None);
        self.result(Value {
            labels,
            text,
            ..sum
        })
    }

    pub(super) fn variable(&mut self, args: &[Id], sum: Value) -> Id {
        let Some(name) = args.first().and_then(|id| self.machine.text_of(*id)) else {
            let whole = args.is_empty();
            let labels = if whole {
                Labels::ENVIRONMENT
            } else {
                Labels::NONE
            };
            return self.result(Value {
                labels: sum.labels.with(labels),
                ..sum
            });
        };
        let labels = if is_secret_variable(&name) {
            Labels::SECRET
        } else if ["USERNAME", "USER", "COMPUTERNAME", "HOSTNAME", "USERDOMAIN"]
            .contains(&name.as_ref())
        {
            Labels::HOST
        } else {
            Labels::NONE
        };
        let text = Some(format!("%{name}%").into());
        self.result(Value {
            labels: sum.labels.with(labels),
            text,
            ..sum
        })
    }

    pub(super) fn property(&mut self, args: &[Id], sum: Value) -> Id {
        let name = args.first().and_then(|id| self.machine.text_of(*id));
        let labels = match name.as_deref() {
            Some("user.name" | "os.name" | "os.version" | "os.arch") => Labels::HOST,
            _ => Labels::NONE,
        };
        let text = match name.as_deref() {
            Some("user.home") => Some("~".into()),
            Some("java.io.tmpdir") => Some("/tmp".into()),
            _ => None,
        };
        self.result(Value {
            labels: sum.labels.with(labels),
            text,
            ..sum
        })
    }
}

/// Whether a variable of the environment holds a secret.
fn is_secret_variable(name: &str) -> bool {
    if name.len() > NAME_LIMIT {
        return false;
    }
    let quoted = format!("\"{name}\"");
    let found = indicators::scan(&quoted);
    found.iter().any(|one| one.kind == Kind::SecretVariable)
}
