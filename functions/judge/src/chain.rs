//! Chains: findings that are worse together than apart.

use std::collections::BTreeMap;

use packguard_sdk::judge::Finding;
use packguard_sdk::{Category, Phase, Severity};

use crate::say;
use crate::score::Weighed;

/// Bonus in percent of the lighter link, where both links stand in one file or one of
/// them concerns the whole package.
const NEAR: u64 = 75;
/// The same where the links stand in different files, which in a large honest package
/// may well be chance.
const FAR: u64 = 25;
/// Bonus in percent of what runs at install.
const AT_INSTALL: u64 = 40;

/// What acts: the far end of most chains.
const ACTS: &[Category] = &[
    Category::Execution,
    Category::CommandAndControl,
    Category::Exfiltration,
    Category::CredentialAccess,
    Category::Persistence,
    Category::Impact,
];

/// A pair of steps that honest code rarely takes together.
#[derive(Debug)]
struct Chain {
    from: &'static [Category],
    to: &'static [Category],
}

/// No category stands on both sides of one chain, so a finding is never its own partner.
const CHAINS: [Chain; 5] = [
    // Unpacks hidden code and runs it.
    Chain {
        from: &[Category::DefenseEvasion],
        to: &[Category::Execution, Category::CommandAndControl],
    },
    // Gathers and sends away.
    Chain {
        from: &[
            Category::CredentialAccess,
            Category::Collection,
            Category::Discovery,
        ],
        to: &[Category::Exfiltration, Category::CommandAndControl],
    },
    // Gets in and stays.
    Chain {
        from: &[Category::Execution, Category::CommandAndControl],
        to: &[Category::Persistence, Category::Impact],
    },
    // Brings a binary and runs it.
    Chain {
        from: &[Category::Binary],
        to: &[Category::Execution, Category::CommandAndControl],
    },
    // Lures by its name and acts.
    Chain {
        from: &[Category::SupplyChain],
        to: ACTS,
    },
];

/// A chain that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Severity × confidence % × phase % × share %.
    pub bonus: u64,
    /// Indices of its links.
    pub evidence: Vec<u32>,
    /// One line.
    pub text: String,
}

/// The chains in the evidence, which comes heaviest first.
pub(crate) fn find(weighed: &[Weighed<'_>]) -> Vec<Found> {
    let links: Vec<Weighed<'_>> = weighed
        .iter()
        .filter(|one| one.finding.severity >= Severity::Medium)
        .copied()
        .collect();
    CHAINS
        .iter()
        .filter_map(|chain| link(chain, &links))
        .chain(at_install(&links))
        .collect()
}

/// What a finding's place is compared by; none where it concerns the whole package.
fn place(finding: &Finding) -> Option<(u32, &str)> {
    finding
        .location
        .as_ref()
        .map(|location| (location.artifact, location.path.as_str()))
}

fn link(chain: &Chain, links: &[Weighed<'_>]) -> Option<Found> {
    let froms = heaviest_by_place(chain.from, links);
    let tos = heaviest_by_place(chain.to, links);
    let (from, to) = (heaviest(&froms)?, heaviest(&tos)?);
    let mut best = (FAR, from, to);
    let in_one_file = froms
        .iter()
        .filter_map(|(place, from)| Some((*from, *tos.get(place)?)));
    let whole_package = [
        froms.get(&None).map(|whole| (*whole, to)),
        tos.get(&None).map(|whole| (from, *whole)),
    ];
    for (from, to) in in_one_file.chain(whole_package.into_iter().flatten()) {
        if bonus(NEAR, from, to) > bonus(best.0, best.1, best.2) {
            best = (NEAR, from, to);
        }
    }
    let (share, from, to) = best;
    Some(Found {
        bonus: bonus(share, from, to),
        evidence: vec![from.index, to.index],
        text: say::chain(&[from.finding, to.finding]),
    })
}

type Places<'a> = BTreeMap<Option<(u32, &'a str)>, Weighed<'a>>;

fn heaviest_by_place<'a>(categories: &[Category], links: &[Weighed<'a>]) -> Places<'a> {
    let mut places = Places::new();
    for one in links {
        if categories.contains(&one.finding.category) {
            // Heaviest comes first, so the first one stays.
            places.entry(place(one.finding)).or_insert(*one);
        }
    }
    places
}

fn heaviest<'a>(places: &Places<'a>) -> Option<Weighed<'a>> {
    places.values().copied().max_by_key(|one| one.weight)
}

fn bonus(share: u64, from: Weighed<'_>, to: Weighed<'_>) -> u64 {
    from.weight.min(to.weight) * share
}

/// The heaviest act that runs when the package is installed.
fn at_install(links: &[Weighed<'_>]) -> Option<Found> {
    let act = links
        .iter()
        .find(|one| one.finding.phase == Phase::Install && ACTS.contains(&one.finding.category))?;
    Some(Found {
        bonus: act.weight * AT_INSTALL,
        evidence: vec![act.index],
        text: say::chain(&[act.finding]),
    })
}
