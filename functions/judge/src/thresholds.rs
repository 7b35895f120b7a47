//! From which score on a package is `suspicious` or `malicious`.
//!
//! The contract's dossier has no place for settings. What the operator set comes as evidence of
//! [`SETTINGS`], a name that no analyzer can have, after all other evidence: rule and title of
//! its findings are the setting's name and value.

use packguard_sdk::judge::Evidence;

/// Whose evidence the operator's settings are.
pub const SETTINGS: &str = "host:settings";

/// The highest that a threshold may be, and the highest score.
const HIGHEST: u32 = 100;

/// From which score on a package is what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// From here on: do not install.
    pub malicious: u32,
    /// From here on: look before installing. At least 1, and not above `malicious`.
    pub suspicious: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            malicious: 70,
            suspicious: 30,
        }
    }
}

impl Thresholds {
    /// The thresholds, and the evidence without the settings.
    ///
    /// # Errors
    /// Where a threshold is none. The host checks them too, and says more.
    pub fn split(evidence: &[Evidence]) -> Result<(Self, &[Evidence]), String> {
        let is_setting = |piece: &&Evidence| piece.analyzer == SETTINGS;
        let settings = evidence.iter().rev().take_while(is_setting).count();
        let (evidence, settings) = evidence.split_at(evidence.len() - settings);
        let mut thresholds = Self::default();
        for piece in settings {
            let (name, value) = (piece.finding.rule.as_str(), &piece.finding.title);
            let number = || match value.parse() {
                Ok(number @ 1..=HIGHEST) => Ok(number),
                _ => Err(format!(
                    "the setting {name} is not a number from 1 to {HIGHEST}"
                )),
            };
            match name {
                "judge.malicious" => thresholds.malicious = number()?,
                "judge.suspicious" => thresholds.suspicious = number()?,
                _ => {}
            }
        }
        if thresholds.suspicious > thresholds.malicious {
            return Err("the threshold of suspicious is above that of malicious".into());
        }
        Ok((thresholds, evidence))
    }
}
