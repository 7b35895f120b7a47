//! Conditions of a pool, as `kubectl describe` and `kubectl wait` show and use them.

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// A condition that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub type_: &'static str,
    pub holds: bool,
    pub reason: String,
    pub message: String,
}

impl Said {
    pub(super) fn new(
        type_: &'static str,
        holds: bool,
        reason: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            type_,
            holds,
            reason: word(reason),
            message: message.into(),
        }
    }

    const fn status(&self) -> &'static str {
        if self.holds { "True" } else { "False" }
    }

    /// Whether it says that something is amiss.
    pub(super) fn is_bad(&self) -> bool {
        match self.type_ {
            "AtMaximum" => self.holds,
            _ => !self.holds,
        }
    }
}

/// The conditions to be written, with the time of the last change kept where nothing changed.
pub(super) fn merge(
    before: &[Condition],
    said: &[Said],
    generation: Option<i64>,
    now: DateTime<Utc>,
) -> Vec<Condition> {
    said.iter()
        .map(|said| {
            let old = before
                .iter()
                .find(|condition| condition.type_ == said.type_);
            let since = old
                .filter(|condition| condition.status == said.status())
                .map_or_else(
                    || time(now),
                    |condition| condition.last_transition_time.clone(),
                );
            Condition {
                type_: said.type_.to_owned(),
                status: said.status().to_owned(),
                reason: said.reason.clone(),
                message: said.message.clone(),
                observed_generation: generation,
                last_transition_time: since,
            }
        })
        .collect()
}

/// Whether a condition turned, or turned for another reason; a mere change of words can wait.
pub(super) fn turned(before: &[Condition], now: &[Condition]) -> bool {
    let essence = |condition: &Condition| {
        (
            condition.type_.clone(),
            condition.status.clone(),
            condition.reason.clone(),
        )
    };
    !before.iter().map(essence).eq(now.iter().map(essence))
}

/// Whether this condition turned; one that is new has turned only if something is amiss.
pub(super) fn has_turned(before: &[Condition], said: &Said) -> bool {
    before
        .iter()
        .find(|condition| condition.type_ == said.type_)
        .map_or_else(
            || said.is_bad(),
            |condition| condition.status != said.status(),
        )
}

/// The API server takes a CamelCase word only, and not none.
fn word(reason: &str) -> String {
    let word: String = reason.chars().filter(char::is_ascii_alphanumeric).collect();
    if word.starts_with(|first: char| first.is_ascii_alphabetic()) {
        word
    } else {
        String::from("Unknown")
    }
}

fn time(at: DateTime<Utc>) -> Time {
    Time(Timestamp::from_second(at.timestamp()).unwrap_or_default())
}
