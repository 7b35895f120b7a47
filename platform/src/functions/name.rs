//! Names of functions, aliases and publishers, and versions, as they may be.

use packguard_functions::BUNDLED;

/// Longest name of a function or publisher: a label of DNS and Kubernetes has 63.
pub const MAX_NAME: usize = 64;

/// Longest name of an alias.
pub const MAX_ALIAS: usize = 32;

/// Longest version.
pub const MAX_VERSION: usize = 64;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Other characters, or too many.
    #[error(
        "it must be 1 to {0} lower-case letters, digits and single `-`, and begin with a letter, as in `exfil-check`"
    )]
    Form(usize),
    /// One of ours.
    #[error("`{0}` is the name of a bundled component: choose another")]
    Bundled(String),
    /// No semantic version.
    #[error("it must be a semantic version without build metadata, as in 0.1.0 or 1.0.0-rc.1")]
    Version,
}

/// Checks the name of a function.
///
/// # Errors
/// What is wrong with it.
pub fn function(name: &str) -> Result<(), NameError> {
    kebab(name, MAX_NAME)?;
    if BUNDLED.iter().any(|one| one.name == name) {
        return Err(NameError::Bundled(name.to_owned()));
    }
    Ok(())
}

/// Checks the name of an alias.
///
/// # Errors
/// What is wrong with it.
pub fn alias(name: &str) -> Result<(), NameError> {
    kebab(name, MAX_ALIAS)
}

/// Checks the name of an option.
///
/// # Errors
/// What is wrong with it.
pub fn option(name: &str) -> Result<(), NameError> {
    kebab(name, MAX_NAME)
}

/// Checks the name of a publisher, or the prefix of a namespace.
///
/// # Errors
/// What is wrong with it.
pub fn publisher(name: &str) -> Result<(), NameError> {
    kebab(name, MAX_NAME)
}

/// Reads a version. Build metadata is refused: versions that differ in it alone have no order.
///
/// # Errors
/// If it is none.
pub fn version(text: &str) -> Result<semver::Version, NameError> {
    if text.len() > MAX_VERSION {
        return Err(NameError::Version);
    }
    let version = semver::Version::parse(text).map_err(|_| NameError::Version)?;
    if version.build.is_empty() {
        Ok(version)
    } else {
        Err(NameError::Version)
    }
}

fn kebab(name: &str, most: usize) -> Result<(), NameError> {
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if begins && name.len() <= most && is_kebab(name) {
        return Ok(());
    }
    Err(NameError::Form(most))
}

/// Whether a text is lower-case letters and digits with single dashes between.
pub(super) fn is_kebab(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.split('-').all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_and_not_ours() {
        for good in ["a", "exfil-check", "a1-2"] {
            assert_eq!(function(good), Ok(()), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", "-a", "a-", "a--b", "1a", "A", "a_b", "a/b", "é", &long] {
            assert_eq!(function(bad), Err(NameError::Form(MAX_NAME)), "{bad}");
        }
        assert!(matches!(function("python"), Err(NameError::Bundled(_))));
    }

    #[test]
    fn versions_are_semantic_and_have_an_order() {
        assert!(version("0.1.0").is_ok());
        assert!(version("1.0.0-rc.1").is_ok());
        for bad in [
            "",
            "1",
            "1.0",
            "v1.0.0",
            "1.0.0+a",
            "1.0.0 ",
            &"1".repeat(100),
        ] {
            assert_eq!(version(bad), Err(NameError::Version), "{bad}");
        }
    }
}
