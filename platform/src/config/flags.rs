//! The command line of each role, made from the table of settings.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::LazyLock;

use clap::{Arg, ArgMatches, Command};

use super::setting::{Role, Setting};
use super::table::SECTIONS;

/// The flag that names the configuration file.
pub(super) const CONFIG: &str = "config";

/// What the command line said: values by flag, without dashes.
#[derive(Clone, Default)]
pub struct Flags(BTreeMap<String, OsString>);

impl Flags {
    /// Flags with these values; for tests, and for `packguard dev`, which makes up its own.
    pub fn new<V: Into<OsString>>(values: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        let own = |(name, value): (&'static str, V)| (name.to_owned(), value.into());
        Self(values.into_iter().map(own).collect())
    }

    pub(super) fn get(&self, flag: &str) -> Option<&OsString> {
        self.0.get(flag)
    }
}

impl std::fmt::Debug for Flags {
    /// The flags alone: a value may hold a password, even if it will be refused.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// One flag. clap wants names that live for ever.
struct Flag {
    name: String,
    file: bool,
    setting: &'static Setting,
    section: &'static str,
}

static FLAGS: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    let mut flags = Vec::new();
    for section in SECTIONS {
        for setting in section.settings {
            let names = [(setting.flag(), false), (setting.file_flag(), true)];
            for (name, file) in names {
                flags.extend(name.map(|name| Flag {
                    name,
                    file,
                    setting,
                    section: section.title,
                }));
            }
        }
    }
    flags
});

/// The flags that a role takes.
pub fn arguments(role: Role) -> Vec<Arg> {
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(clap::value_parser!(OsString))
        .help("The configuration file (TOML) [env: PACKGUARD_CONFIG]");
    let flags = FLAGS.iter().filter(|flag| flag.setting.used_by(role));
    std::iter::once(config).chain(flags.map(argument)).collect()
}

fn argument(flag: &'static Flag) -> Arg {
    let setting = flag.setting;
    let arg = Arg::new(flag.name.as_str())
        .long(flag.name.as_str())
        .help_heading(flag.section)
        // What is wrong is said with all other problems at once, so anything is taken here.
        .value_parser(clap::value_parser!(OsString))
        .allow_hyphen_values(true);
    if flag.file {
        return arg.value_name("FILE").help(format!(
            "A file that holds {} [env: {}]",
            setting.name,
            setting.file_name()
        ));
    }
    let mut help = format!(
        "{} [env: {}]",
        setting.doc.trim_end_matches('.'),
        setting.name
    );
    if !setting.default.is_empty() {
        help.push_str(&format!(" [default: {}]", setting.default));
    }
    arg.value_name("VALUE").help(help)
}

fn collect(role: Role, matches: &mut ArgMatches) -> Flags {
    let names = FLAGS.iter().filter(|flag| flag.setting.used_by(role));
    let names = names.map(|flag| flag.name.as_str());
    let mut flags = Flags::default();
    for name in std::iter::once(CONFIG).chain(names) {
        if let Ok(Some(value)) = matches.try_remove_one::<OsString>(name) {
            flags.0.insert(name.to_owned(), value);
        }
    }
    flags
}

macro_rules! role_flags {
    ($($(#[$doc:meta])* $name:ident = $role:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub struct $name(pub Flags);

        impl clap::FromArgMatches for $name {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                Self::from_arg_matches_mut(&mut matches.clone())
            }

            fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
                Ok(Self(collect($role, matches)))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                self.0.0.extend(collect($role, &mut matches.clone()).0);
                Ok(())
            }
        }

        impl clap::Args for $name {
            fn augment_args(command: Command) -> Command {
                command.args(arguments($role))
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }
    )+};
}

role_flags! {
    /// The flags of `packguard serve`; flatten it into the command's arguments.
    ServeFlags = Role::Serve;
    /// The flags of `packguard work`; flatten it into the command's arguments.
    WorkFlags = Role::Work;
    /// The flags of `packguard scale run`; flatten it into the command's arguments.
    ScaleFlags = Role::Scale;
    /// The flags of `packguard migrate`; flatten it into the command's arguments.
    MigrateFlags = Role::Migrate;
    /// The flags of `packguard admin`; flatten it into the command's arguments.
    AdminFlags = Role::Admin;
    /// The flags of `packguard doctor`; flatten it into the command's arguments.
    DoctorFlags = Role::Doctor;
}
