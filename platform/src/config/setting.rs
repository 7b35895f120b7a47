//! One setting: its names, its default, who uses it, and why it is as it is.

use std::fmt;

/// What a process of the platform does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `packguard serve`: the API.
    Serve,
    /// `packguard work`: the analyses.
    Work,
    /// `packguard scale run`: the controller of runtime pools.
    Scale,
    /// `packguard migrate`: the database's schema.
    Migrate,
    /// `packguard admin`: keys, tasks, retention.
    Admin,
    /// `packguard doctor`: checks of a deployment.
    Doctor,
}

impl Role {
    /// All of them, in the order in which the documentation lists them.
    pub const ALL: [Self; 6] = [
        Self::Serve,
        Self::Work,
        Self::Scale,
        Self::Migrate,
        Self::Admin,
        Self::Doctor,
    ];

    /// The subcommand.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Work => "work",
            Self::Scale => "scale",
            Self::Migrate => "migrate",
            Self::Admin => "admin",
            Self::Doctor => "doctor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How careful one has to be with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// Anybody may see it: messages quote it.
    Open,
    /// A URL that may hold a password. As a flag it is taken without one only, for the
    /// command line of a process can be read by everybody on the machine (`ps`).
    Url,
    /// Secret as a whole: there is no flag for it, only one that names a file.
    Secret,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What holds where nobody says anything; empty = unset.
    pub default: &'static str,
    /// Who uses it.
    pub roles: &'static [Role],
    /// One or two sentences: what it is, and the reason for its default.
    pub doc: &'static str,
    /// How careful one has to be with its value.
    pub secrecy: Secrecy,
}

/// Variables that belong to this program alone carry its name; flags and keys of its own
/// configuration file need not.
const PREFIX: &str = "PACKGUARD_";

impl Setting {
    /// A setting that anybody may see.
    pub(super) const fn open(
        name: &'static str,
        default: &'static str,
        roles: &'static [Role],
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            default,
            roles,
            doc,
            secrecy: Secrecy::Open,
        }
    }

    /// The same, with another secrecy.
    pub(super) const fn kept(mut self, secrecy: Secrecy) -> Self {
        self.secrecy = secrecy;
        self
    }

    /// The key in the configuration file, as in `database_url`.
    pub fn key(&self) -> String {
        self.name
            .strip_prefix(PREFIX)
            .unwrap_or(self.name)
            .to_ascii_lowercase()
    }

    /// The flag without its dashes, as in `database-url`; `None` for secrets.
    pub fn flag(&self) -> Option<String> {
        (self.secrecy != Secrecy::Secret).then(|| self.key().replace('_', "-"))
    }

    /// Whether its value may be in a file that is named in its place: `NAME_FILE`.
    pub fn has_file(&self) -> bool {
        self.secrecy != Secrecy::Open
    }

    /// The flag that names such a file, without its dashes.
    pub fn file_flag(&self) -> Option<String> {
        self.has_file()
            .then(|| format!("{}-file", self.key().replace('_', "-")))
    }

    /// The variable that names such a file.
    pub fn file_name(&self) -> String {
        format!("{}_FILE", self.name)
    }

    /// The key in the configuration file that names such a file.
    pub fn file_key(&self) -> String {
        format!("{}_file", self.key())
    }

    /// Whether a process of this role uses it.
    pub fn used_by(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}
