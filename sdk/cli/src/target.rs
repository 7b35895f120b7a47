//! `NAME@VERSION`, as the command line names what is on the server. The rules are the
//! server's own, so what passes can stand in a path.

use std::fmt;

use packguard_platform::functions::name;

/// A function, or a version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The function.
    pub name: String,
    /// The version, where one is named.
    pub version: Option<String>,
}

impl Target {
    /// Reads `NAME` or `NAME@VERSION`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn any(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        if let Some(version) = version {
            name::version(version).map_err(|error| format!("the version: {error}"))?;
        }
        Ok(Self {
            name: function(name)?,
            version: version.map(str::to_owned),
        })
    }

    /// Reads `NAME@VERSION`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn exact(text: &str) -> Result<Self, String> {
        let target = Self::any(text)?;
        match target.version {
            Some(_) => Ok(target),
            None => Err(format!("name the version too, as in {text}@0.1.0")),
        }
    }

    /// The path below `api/v1/`.
    pub(crate) fn path(&self) -> String {
        match &self.version {
            Some(version) => format!("functions/{}/versions/{version}/", self.name),
            None => format!("functions/{}/", self.name),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Reads the name of a function.
///
/// # Errors
/// What is wrong with it.
pub fn function(text: &str) -> Result<String, String> {
    name::function(text).map_err(|error| format!("the name: {error}"))?;
    Ok(text.to_owned())
}

/// Reads the name of an alias.
///
/// # Errors
/// What is wrong with it.
pub fn alias(text: &str) -> Result<String, String> {
    name::alias(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_can_stand_in_a_path() {
        let target = Target::exact("exfil-check@1.0.0-rc.1").unwrap();
        assert_eq!(target.path(), "functions/exfil-check/versions/1.0.0-rc.1/");
        assert_eq!(target.to_string(), "exfil-check@1.0.0-rc.1");
        assert_eq!(Target::any("a").unwrap().path(), "functions/a/");
        for bad in ["a@../b", "a/b@1.0.0", "a@1.0.0/x", "a@", "@1.0.0", "a@1"] {
            assert!(Target::any(bad).is_err(), "{bad}");
        }
        assert!(Target::exact("a").unwrap_err().contains("a@0.1.0"));
        assert!(alias("../x").is_err());
    }
}
