//! What the operator tells all analyses: settings of components, what is accepted, what is known
//! from elsewhere.

use std::sync::Arc;

use chrono::NaiveDate;
use packguard_runtime::Input;

use crate::osv::Database;
use crate::purl::Purl;
use crate::suppressions::Suppressions;

/// Shared by all analyses of a process.
#[derive(Debug, Default)]
pub struct Knowledge {
    /// Settings for components, by name.
    pub settings: Vec<(String, String)>,
    /// Findings that are accepted.
    pub suppressions: Suppressions,
    /// Known malware and advisories.
    pub osv: Option<Database>,
}

impl Knowledge {
    /// Adds what is known to what is analysed on that day.
    pub fn tell(&self, input: &mut Input, today: NaiveDate) {
        input.settings.extend(self.settings.iter().cloned());
        input.suppressions = Arc::new(self.suppressions.on(today));
        let Some(osv) = &self.osv else { return };
        input.advisories = Some(osv.digest().to_owned());
        input.notes.extend(osv.problem());
        let purl = input.package.purl.as_deref().map(str::parse::<Purl>);
        if let Some(Ok(purl)) = purl {
            let (known, more) = osv.look_up(&purl);
            input.known.extend(known);
            if more > 0 {
                input.notes.push(format!(
                    "{more} more advisories on this version are left out"
                ));
            }
        }
    }
}
