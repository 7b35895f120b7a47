//! What `packguard dev` says when all runs: everything a newcomer needs next, ready to paste.

use std::fmt;
use std::path::Path;

/// The text.
pub(super) struct Greeting<'a> {
    pub(super) address: &'a str,
    pub(super) key: &'a str,
    pub(super) home: &'a Path,
    /// PostgreSQL's data, where they are not below `home`.
    pub(super) postgres: Option<&'a Path>,
}

impl fmt::Display for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, key, .. } = self;
        let home = self.home.display();
        writeln!(f, "\nPackguard runs at {address}\n")?;
        writeln!(f, "  API      {address}/docs")?;
        writeln!(f, "  key      {key}")?;
        writeln!(
            f,
            "  data     {home} (logs in logs/; remove it to begin anew)"
        )?;
        if let Some(folder) = self.postgres {
            let folder = folder.display();
            writeln!(
                f,
                "           {folder} (PostgreSQL's: the user postgres, as whom root has to run it, does not reach {home})"
            )?;
        }
        writeln!(f, "\nSubmit a package:\n")?;
        writeln!(
            f,
            "  curl -sS {address}/api/v1/analyze/ -H 'Authorization: Bearer {key}' \
             -H 'Content-Type: application/json' -d '{{\"purl\":\"pkg:pypi/requests@2.28.1\"}}'"
        )?;
        writeln!(f, "\nFollow it (put the answer's task_id for the 1):\n")?;
        writeln!(
            f,
            "  curl -sSN {address}/api/v1/task/1/events -H 'Authorization: Bearer {key}'"
        )?;
        writeln!(f, "\nCtrl-C ends everything; the data stay.")
    }
}
