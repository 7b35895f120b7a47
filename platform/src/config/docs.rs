//! docs/configuration.md, made from the table.

use std::fmt::Write as _;

use super::setting::{Role, Secrecy, Setting};
use super::table::SECTIONS;

const INTRODUCTION: &str = "\
# Configuration

Made from the table in `platform/src/config/table.rs` by `UPDATE_DOCS=1 cargo test --package packguard-platform config`;
a test fails where the two differ.

Each setting can be given in four places. The first that says something holds:

1. a flag: `DATABASE_POOL_SIZE` is `--database-pool-size`;
2. an environment variable; an empty one counts as unset;
3. the file that `--config` or `PACKGUARD_CONFIG` names, in TOML: `database_pool_size = 16`. An unknown key is refused;
4. the default.

Times have a unit (`250ms`, `30s`, `5m`, `24h`, `90d`), sizes too (`64KiB`, `512MiB`). A process reads the settings of
its role alone, and refuses to start while one of them makes no sense; it names them all at once. `packguard doctor`
then checks what they lead to.

**Secrets** (marked *secret*) can also stand in a file: `NAME_FILE` (or `--name-file`, or `name_file`) names it, and a
newline at its end is left out. Setting both is refused. A secret has no flag of its own, for everybody on a machine can
read the command lines of its processes; a URL (marked *URL*) can be a flag as long as no password stands in it. No
message, log line or `Debug` output shows either.
";

/// The page.
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for section in SECTIONS {
        // Writing to a string can't fail.
        let _ = write!(
            page,
            "\n## {}\n\n| setting | default | used by | |\n|---|---|---|---|\n",
            section.title
        );
        for setting in section.settings {
            let _ = writeln!(page, "{}", row(setting));
        }
    }
    page
}

fn row(setting: &Setting) -> String {
    let kept = match setting.secrecy {
        Secrecy::Open => "",
        Secrecy::Url => " *URL*",
        Secrecy::Secret => " *secret*",
    };
    let default = match setting.default {
        "" => String::new(),
        default => format!("`{default}`"),
    };
    let roles = if setting.roles.len() == Role::ALL.len() {
        "all".into()
    } else {
        let roles: Vec<&str> = setting.roles.iter().map(|role| role.as_str()).collect();
        roles.join(", ")
    };
    format!(
        "| `{}`{kept} | {default} | {roles} | {} |",
        setting.name, setting.doc
    )
}
