//! Why a purl is refused.

use super::{Ecosystem, MAX_LENGTH};

/// Why a purl was refused. The message is one line; [`hint`](Self::hint) says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PurlError {
    #[error("the purl is {0} bytes long; at most {MAX_LENGTH} are read")]
    TooLong(usize),
    #[error("`{purl}` is not a purl: {reason}")]
    Malformed { purl: String, reason: String },
    #[error("packguard does not know the package type `{0}`")]
    UnknownType(String),
}

impl PurlError {
    /// What the user can do about it, in one line.
    pub fn hint(&self) -> String {
        match self {
            Self::TooLong(_) => "check that the argument is a single purl".to_owned(),
            Self::Malformed { .. } => "write it as pkg:TYPE/NAMESPACE/NAME@VERSION, for example \
                 pkg:pypi/requests@2.28.1 or pkg:npm/%40babel/core@7.24.0"
                .to_owned(),
            Self::UnknownType(_) => {
                let known = Ecosystem::ALL.map(Ecosystem::as_str).join(", ");
                format!("known types: {known}")
            }
        }
    }
}
