//! From which score on a package is `suspicious` or `malicious`: `malicious=80,suspicious=40`.

use std::str::FromStr;

use packguard_runtime::report::Thresholds;

/// The thresholds, checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JudgeThresholds(Thresholds);

/// Why thresholds make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// Not `NAME=NUMBER`.
    #[error("`{0}` is not of the form malicious=70 or suspicious=30")]
    Form(String),
    /// Not a number in the range.
    #[error("`{0}` is not a whole number from 1 to 100")]
    Number(String),
    /// The wrong way round.
    #[error(
        "suspicious ({suspicious}) is above malicious ({malicious}): nothing would be suspicious"
    )]
    Order {
        /// As given.
        suspicious: u32,
        /// As given.
        malicious: u32,
    },
}

impl FromStr for JudgeThresholds {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let mut thresholds = Thresholds::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let form = || ThresholdError::Form(part.to_owned());
            let (name, number) = part.split_once('=').ok_or_else(form)?;
            let place = match name.trim() {
                "malicious" => &mut thresholds.malicious,
                "suspicious" => &mut thresholds.suspicious,
                _ => return Err(form()),
            };
            *place = match number.trim().parse() {
                Ok(number @ 1..=100) => number,
                _ => return Err(ThresholdError::Number(number.trim().to_owned())),
            };
        }
        let Thresholds {
            malicious,
            suspicious,
        } = thresholds;
        if suspicious > malicious {
            return Err(ThresholdError::Order {
                suspicious,
                malicious,
            });
        }
        Ok(Self(thresholds))
    }
}

impl JudgeThresholds {
    /// As the pipeline takes them; nothing where they are the judge's own.
    pub fn settings(self) -> Vec<(String, String)> {
        if self.0 == Thresholds::default() {
            return Vec::new();
        }
        vec![
            ("judge.malicious".into(), self.0.malicious.to_string()),
            ("judge.suspicious".into(), self.0.suspicious.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_the_judges_own() {
        let settings = |text: &str| text.parse::<JudgeThresholds>().unwrap().settings();
        assert!(settings("").is_empty());
        assert!(settings("malicious=70").is_empty());
        let moved = settings("malicious=80, suspicious=40,");
        assert_eq!(moved[0].1, "80");
        assert_eq!(moved[1].1, "40");
        assert_eq!(settings("suspicious=70")[1].1, "70");
    }

    #[test]
    fn nonsense_is_named() {
        for (text, part) in [
            ("malicious", "form"),
            ("evil=3", "form"),
            ("malicious=0", "1 to 100"),
            ("malicious=101", "1 to 100"),
            ("suspicious=x", "1 to 100"),
            ("suspicious=71", "above"),
            ("malicious=20", "above"),
        ] {
            let error = text.parse::<JudgeThresholds>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
