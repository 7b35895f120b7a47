//! What a shadow would have changed, for people.

use packguard_platform::output::line;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::print;

/// Packages that are shown; `--json` has all.
const SHOWN: usize = 10;

/// The server's answer.
#[derive(Deserialize)]
pub(super) struct Shadowed {
    comparisons: Vec<Comparison>,
}

/// A version that was tried, and the one whose place it took.
#[derive(Deserialize)]
struct Comparison {
    version: String,
    against: Option<String>,
    runs: u64,
    failures: u64,
    verdicts_changed: u64,
    verdicts: Vec<VerdictCount>,
    findings_added: u64,
    findings_removed: u64,
    compared: u64,
    time_us: u64,
    time_us_against: u64,
    fuel: u64,
    fuel_against: u64,
    memory: u64,
    memory_against: u64,
    differences: Vec<Difference>,
}

#[derive(Deserialize)]
struct VerdictCount {
    before: String,
    after: String,
    runs: u64,
}

#[derive(Deserialize)]
struct Difference {
    purl: String,
    before: String,
    after: String,
    score_before: u32,
    score_after: u32,
    added: Map<String, Value>,
    removed: Map<String, Value>,
}

impl Shadowed {
    /// Empty where no version was tried.
    pub(super) fn text(&self) -> String {
        let all = self.comparisons.iter().map(Comparison::text);
        match self.comparisons.is_empty() {
            true => String::new(),
            false => format!("shadow:\n{}", all.collect::<String>()),
        }
    }
}

impl Comparison {
    fn text(&self) -> String {
        let against = self.against.as_deref().map(line);
        let against = against.unwrap_or_else(|| "nothing".into());
        let mut text = format!("  {} against {against}\n", line(&self.version));
        let mut add = |name: &str, what: &str| text += &format!("    {name:<8}  {what}\n");
        add("runs", &format!("{}, {} failed", self.runs, self.failures));
        add("verdicts", &self.verdicts());
        let (added, removed) = (self.findings_added, self.findings_removed);
        add("findings", &format!("{added} added, {removed} removed"));
        if self.compared > 0 {
            let mean = |sum: u64| sum / self.compared;
            let (fuel, before) = (mean(self.fuel), mean(self.fuel_against));
            let units = |fuel: u64| fuel.to_string();
            add("fuel", &change(fuel, before, "a run", units));
            let (time, before) = (mean(self.time_us), mean(self.time_us_against));
            add("time", &change(time, before, "a run", print::time));
            let (memory, before) = (self.memory, self.memory_against);
            add("memory", &change(memory, before, "at most", print::bytes));
        }
        for one in self.differences.iter().take(SHOWN) {
            add("differs", &one.text());
        }
        let more = self.differences.len().saturating_sub(SHOWN);
        if more > 0 {
            add("", &format!("… {more} more: sdk inspect --json"));
        }
        text
    }

    /// `3 would change: clean -> malicious 3`
    fn verdicts(&self) -> String {
        let changed = self.verdicts.iter().filter(|one| one.before != one.after);
        let changed = changed
            .map(|one| format!("{} -> {} {}", line(&one.before), line(&one.after), one.runs));
        match self.verdicts_changed {
            0 => "none would change".into(),
            count => format!(
                "{count} would change: {}",
                changed.collect::<Vec<_>>().join(", ")
            ),
        }
    }
}

/// `x1.25  (10 ms a run, before: 8 ms)`
fn change(now: u64, before: u64, what: &str, show: impl Fn(u64) -> String) -> String {
    let percent = now.saturating_mul(100).checked_div(before);
    let times = percent.map(|percent| format!("x{}.{:02}  ", percent / 100, percent % 100));
    let times = times.unwrap_or_default();
    format!("{times}({} {what}, before: {})", show(now), show(before))
}

impl Difference {
    fn text(&self) -> String {
        let verdict = format!(
            "{} {} -> {} {}",
            line(&self.before),
            self.score_before,
            line(&self.after),
            self.score_after
        );
        let rules = |sign: &str, rules: &Map<String, Value>| -> String {
            let named = rules.iter().map(|(rule, count)| {
                let count = count.as_u64().unwrap_or_default();
                format!("  {sign} {} ({count})", line(rule))
            });
            named.collect()
        };
        let (added, removed) = (rules("+", &self.added), rules("-", &self.removed));
        format!("{}: {verdict}{added}{removed}", line(&self.purl))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_a_factor_and_both_numbers() {
        let text = change(12_500, 10_000, "a run", print::time);
        assert_eq!(text, "x1.25  (12 ms a run, before: 10 ms)");
        let text = change(1, 0, "a run", |number| number.to_string());
        assert_eq!(text, "(1 a run, before: 0)");
    }
}
