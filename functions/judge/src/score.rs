//! The score: a sum over findings, diminishing for repeats, plus bonuses for chains.
//!
//! Everything is an integer and every step is a maximum, a capped sum, or a sum of
//! values sorted in falling order times falling factors. Hence one more finding never
//! lowers the score, and the order of the evidence never matters.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use packguard_sdk::judge::{Evidence, Finding, Reason};
use packguard_sdk::{Category, Confidence, Phase, Severity};

use crate::chain;
use crate::say;
use crate::thresholds::Thresholds;

/// The highest score.
pub const MAXIMUM: u32 = 100;

/// Most that a package's name, metadata and archive can add: they can raise suspicion
/// by themselves, and convict only next to behaviour that is suspicious by itself: it is what
/// lies between the two thresholds, unless they were moved.
const CIRCUMSTANCE_LIMIT: u64 = 40 * POINT;
/// Most that all findings of severity low add together: any number of them, and a lone
/// medium finding on top, stay below the threshold of `suspicious`, unless it was moved.
const MINOR_LIMIT: u64 = 10 * POINT;

/// Share, in percent, of the first, second, … finding of one rule, heaviest first.
const REPEATS: [u64; 6] = [100, 20, 10, 5, 3, 2];
/// Share, in percent, of the first, second, … rule of one category, heaviest first:
/// two analyzers that see the same thing from two sides must not convict by that.
const RULES: [u64; 6] = [100, 50, 25, 12, 6, 3];

/// One point in the unit of the sums: a weight is severity × confidence % × phase %,
/// and two more percentages follow.
const POINT: u64 = 100 * 100 * 100 * 100;
/// What lifts a chain's bonus, which carries three percentages, to the unit of the sums.
const CHAIN_UNIT: u64 = 100;

/// Most reasons in a verdict; a person reads the first few.
const REASONS_LIMIT: usize = 20;

/// A score and what it is made of.
#[derive(Debug)]
pub(crate) struct Scored {
    /// 0 to [`MAXIMUM`].
    pub points: u32,
    /// Heaviest first.
    pub reasons: Vec<Reason>,
}

/// One finding with its weight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weighed<'a> {
    pub index: u32,
    pub finding: &'a Finding,
    pub weight: u64,
}

/// Which sum a finding belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    /// What code does, severity medium and up.
    Behaviour,
    /// What the package looks like from outside, severity medium and up.
    Circumstance,
    /// Anything of severity low.
    Minor,
}

/// Scores the evidence.
pub(crate) fn score(evidence: &[Evidence], thresholds: Thresholds) -> Scored {
    let weighed = weigh(evidence);
    let mut reasons = Vec::new();
    let mut tiers: BTreeMap<Tier, u64> = BTreeMap::new();
    for ((tier, _), rules) in group(&weighed) {
        *tiers.entry(tier).or_default() += category_value(rules, &mut reasons);
    }
    let mut total = 0;
    for (tier, value) in tiers {
        total += match tier {
            Tier::Behaviour => value,
            Tier::Circumstance => value.min(CIRCUMSTANCE_LIMIT),
            Tier::Minor => value.min(MINOR_LIMIT),
        };
    }
    for found in chain::find(&weighed) {
        total += found.bonus * CHAIN_UNIT;
        reasons.push((found.bonus * CHAIN_UNIT / POINT, found.evidence, found.text));
    }
    Scored {
        points: to_points(total).min(ceiling(&weighed, thresholds)),
        reasons: in_order(reasons),
    }
}

/// The points of a finding by itself, severity × confidence % × phase %.
pub(crate) fn weight(finding: &Finding) -> u64 {
    if finding.category == Category::Capability {
        return 0;
    }
    let severity = match finding.severity {
        Severity::Info => 0,
        Severity::Low => 3,
        Severity::Medium => 15,
        Severity::High => 40,
        Severity::Critical => 80,
    };
    let confidence = match finding.confidence {
        Confidence::Low => 40,
        Confidence::Medium => 75,
        Confidence::High => 100,
    };
    let phase = match finding.phase {
        Phase::Install => 125,
        Phase::Import => 110,
        Phase::Execute => 100,
        Phase::Unknown => 90,
    };
    severity * confidence * phase
}

/// The evidence that weighs anything, heaviest first; ties in an order that does not
/// depend on the order of the evidence.
fn weigh(evidence: &[Evidence]) -> Vec<Weighed<'_>> {
    let mut weighed: Vec<_> = (0..)
        .zip(evidence)
        .map(|(index, piece)| Weighed {
            index,
            finding: &piece.finding,
            weight: weight(&piece.finding),
        })
        .filter(|one| one.weight > 0)
        .collect();
    weighed.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    weighed
}

type SortKey<'a> = (
    Reverse<u64>,
    &'a str,
    Option<(u32, &'a str, Option<u32>)>,
    &'a str,
    (u8, u8),
);

fn sort_key<'a>(one: &Weighed<'a>) -> SortKey<'a> {
    let place = one.finding.location.as_ref();
    (
        Reverse(one.weight),
        &one.finding.rule,
        place.map(|place| (place.artifact, place.path.as_str(), place.line)),
        &one.finding.title,
        (one.finding.phase as u8, one.finding.category as u8),
    )
}

fn tier(finding: &Finding) -> Tier {
    match finding.category {
        _ if finding.severity <= Severity::Low => Tier::Minor,
        Category::SupplyChain | Category::Archive | Category::Metadata => Tier::Circumstance,
        _ => Tier::Behaviour,
    }
}

type Rules<'a> = BTreeMap<&'a str, Vec<Weighed<'a>>>;

fn group<'a>(weighed: &[Weighed<'a>]) -> BTreeMap<(Tier, u8), Rules<'a>> {
    let mut groups: BTreeMap<_, Rules<'a>> = BTreeMap::new();
    for one in weighed {
        groups
            .entry((tier(one.finding), one.finding.category as u8))
            .or_default()
            .entry(&one.finding.rule)
            .or_default()
            .push(*one);
    }
    groups
}

type Draft = (u64, Vec<u32>, String);

/// What one category adds; pushes one reason for each of its rules.
fn category_value(rules: Rules<'_>, reasons: &mut Vec<Draft>) -> u64 {
    let mut values: Vec<_> = rules
        .into_iter()
        .map(|(rule, findings)| {
            let weights = findings.iter().map(|one| one.weight);
            (falling_sum(weights, &REPEATS), rule, findings)
        })
        .collect();
    values.sort_by_key(|(value, rule, _)| (Reverse(*value), *rule));
    let mut total = 0;
    for (rank, (value, _, findings)) in values.into_iter().enumerate() {
        let added = value * RULES.get(rank).copied().unwrap_or(0);
        total += added;
        reasons.push((
            added / POINT,
            findings.iter().map(|one| one.index).collect(),
            say::rule(&findings),
        ));
    }
    total
}

/// Values, which fall, times factors in percent, which fall too; what has no factor
/// counts nothing.
fn falling_sum(values: impl Iterator<Item = u64>, factors: &[u64]) -> u64 {
    values
        .zip(factors)
        .map(|(value, factor)| value * factor)
        .sum()
}

/// The score that the kind of evidence allows, whatever its amount.
fn ceiling(weighed: &[Weighed<'_>], thresholds: Thresholds) -> u32 {
    let behaviours: BTreeSet<&str> = weighed
        .iter()
        .filter(|one| tier(one.finding) == Tier::Behaviour)
        .map(|one| one.finding.rule.as_str())
        .collect();
    let certain = weighed.iter().any(|one| {
        tier(one.finding) == Tier::Behaviour
            && one.finding.severity == Severity::Critical
            && one.finding.confidence == Confidence::High
    });
    if certain || behaviours.len() >= 2 {
        return MAXIMUM;
    }
    let corroborated = weighed
        .iter()
        .filter(|one| {
            one.finding.severity >= Severity::Medium
                && !matches!(one.finding.category, Category::Archive | Category::Metadata)
        })
        .map(|one| one.finding.rule.as_str())
        .collect::<BTreeSet<_>>()
        .len()
        >= 2;
    let grave = weighed
        .iter()
        .any(|one| one.finding.severity >= Severity::High);
    if grave || corroborated {
        thresholds.malicious - 1
    } else {
        thresholds.suspicious - 1
    }
}

fn to_points(value: u64) -> u32 {
    u32::try_from(value / POINT).unwrap_or(MAXIMUM).min(MAXIMUM)
}

fn in_order(mut drafts: Vec<Draft>) -> Vec<Reason> {
    drafts.retain(|(weight, ..)| *weight > 0);
    drafts.sort_by(|a, b| (Reverse(a.0), &a.2).cmp(&(Reverse(b.0), &b.2)));
    drafts
        .into_iter()
        .take(REASONS_LIMIT)
        .map(|(weight, evidence, text)| Reason {
            evidence,
            weight: u32::try_from(weight).unwrap_or(MAXIMUM),
            text,
        })
        .collect()
}
