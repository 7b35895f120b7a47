//! Tells names that resemble popular packages' names, of the package and of what it
//! depends on.

mod depends;
mod resemble;

use packguard_sdk::{
    Analysis, Analyzer, Category, Confidence, Descriptor, Package, Rule, Severity, descriptor,
};
use serde::Deserialize;

use resemble::{Resemblance, normal, resemblance};

/// The analyzer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names;

const RESEMBLES: Rule = Rule {
    id: "name-resembles-popular",
    title: "The name resembles a popular package's name",
    help: "Typosquatting: a package under a name that is one slip of the finger, or one look, away from a popular one waits for people who mistype it. Many honest names look alike too, so this convicts only together with other evidence.\n\nCheck that this is the package you mean.",
    category: Category::SupplyChain,
    severity: Severity::Medium,
    attack: &["T1195.002", "T1036.005"],
};

const DEPENDENCY_RESEMBLES: Rule = Rule {
    id: "name-dependency-resembles",
    title: "A dependency's name resembles a popular package's name",
    help: "The package pulls in another one whose name is one slip away from a popular name. Attackers put their payload into such a dependency.\n\nCheck that the dependency is the one that was meant.",
    category: Category::SupplyChain,
    severity: Severity::Low,
    attack: &["T1195.001"],
};

const DEPENDENCY: Rule = Rule {
    id: "name-dependency",
    title: "The package depends on another one",
    help: "Told only where it is asked for, as `packguard diff` does: what a release begins to depend on is worth a look.",
    category: Category::Metadata,
    severity: Severity::Info,
    attack: &[],
};

/// The setting that asks for the dependencies' names.
const INVENTORY: &str = "names.inventory";

/// The seed lists, by ecosystem.
const SEEDS: &[(&str, &str)] = &[
    ("pypi", include_str!("../lists/pypi.txt")),
    ("npm", include_str!("../lists/npm.txt")),
    ("cargo", include_str!("../lists/cargo.txt")),
    ("gem", include_str!("../lists/gem.txt")),
    ("composer", include_str!("../lists/composer.txt")),
    ("nuget", include_str!("../lists/nuget.txt")),
];

/// Most dependencies compared.
const DEPENDENCIES_LIMIT: usize = 2_000;

impl Analyzer for Names {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "names",
        description: "Names that resemble popular packages' names",
        rules: &[&RESEMBLES, &DEPENDENCY_RESEMBLES, &DEPENDENCY],
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        let mut analysis = Analysis::default();
        let ecosystem = package.ecosystem();
        let metadata: Metadata = package
            .metadata()
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        if package.setting(INVENTORY) == Some("on") {
            for name in depends::of(package, &metadata)
                .into_iter()
                .take(DEPENDENCIES_LIMIT)
            {
                analysis
                    .push(DEPENDENCY.about_package(format!("Depends on {name}"), Confidence::High));
            }
        }
        let popular = popular(package);
        if popular.is_empty() {
            return Ok(analysis);
        }
        let name = match package.namespace() {
            Some(namespace) if !namespace.is_empty() => format!("{namespace}/{}", package.name()),
            _ => package.name().to_owned(),
        };
        if !metadata.is_established()
            && let Some((likeness, target)) = closest(&normal(ecosystem, &name), &popular)
        {
            analysis.push(
                RESEMBLES
                    .about_package(
                        format!("{name} resembles the popular {target}: {}", likeness.how),
                        Confidence::Medium,
                    )
                    .severity(if likeness.strong {
                        Severity::Medium
                    } else {
                        Severity::Low
                    })
                    .why(format!("Whoever means {target} may install this instead.")),
            );
        }
        let mut dependencies = depends::of(package, &metadata).into_iter();
        for dependency in dependencies.by_ref().take(DEPENDENCIES_LIMIT) {
            let strong = closest(&normal(ecosystem, &dependency), &popular)
                .filter(|(likeness, _)| likeness.strong);
            if let Some((likeness, target)) = strong {
                analysis.push(DEPENDENCY_RESEMBLES.about_package(
                    format!(
                        "The dependency {dependency} resembles the popular {target}: {}",
                        likeness.how
                    ),
                    Confidence::Low,
                ));
            }
        }
        if dependencies.next().is_some() {
            analysis.general_problem(format!(
                "it has more than {DEPENDENCIES_LIMIT} dependencies: the others' names were not compared with popular ones"
            ));
        }
        Ok(analysis)
    }
}

/// Popular names of the package's ecosystem, normal: the operator's, or the seed list.
fn popular(package: &Package) -> Vec<String> {
    let ecosystem = package.ecosystem();
    let seed = SEEDS
        .iter()
        .find(|(name, _)| *name == ecosystem)
        .map(|(_, list)| *list);
    let list = package
        .setting(&format!("names.{ecosystem}"))
        .or(seed)
        .unwrap_or_default();
    let names = list
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.map(|name| normal(ecosystem, name)).collect()
}

/// The strongest resemblance, the first of equals; `None` for a popular name itself.
fn closest<'a>(name: &str, popular: &'a [String]) -> Option<(Resemblance, &'a str)> {
    if popular.iter().any(|known| known == name) {
        return None;
    }
    let mut best = None;
    for known in popular {
        match resemblance(name, known) {
            Some(found) if found.strong => return Some((found, known)),
            Some(found) if best.is_none() => best = Some((found, known.as_str())),
            _ => {}
        }
    }
    best
}

/// What the registry tells that matters here (`docs/metadata.md`).
#[derive(Debug, Default, Deserialize)]
struct Metadata {
    first_published_at: Option<String>,
    published_at: Option<String>,
    versions: Option<u64>,
    downloads: Option<u64>,
    dependencies: Option<Vec<Dependency>>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// A squat does not live that long or get that many releases: it is reported.
const ESTABLISHED_MONTHS: u32 = 36;
const ESTABLISHED_VERSIONS: u64 = 10;

/// Packages published before this month are established whatever their latest release:
/// the guest's clock says nothing, and a squat this old would have been taken down.
const LONG_AGO: u32 = 2022 * 12;

/// Downloads, over whatever period the registry counts, that only a used package has.
const ESTABLISHED_DOWNLOADS: u64 = 1_000_000;

impl Metadata {
    fn is_established(&self) -> bool {
        let first = self.first_published_at.as_deref().and_then(month);
        let last = self.published_at.as_deref().and_then(month);
        let old = first.is_some_and(|first| {
            first < LONG_AGO
                || last.is_some_and(|last| last.saturating_sub(first) >= ESTABLISHED_MONTHS)
        });
        let used = self
            .downloads
            .is_some_and(|downloads| downloads >= ESTABLISHED_DOWNLOADS);
        used || old
            && self
                .versions
                .is_some_and(|versions| versions > ESTABLISHED_VERSIONS)
    }
}

/// Months since year 0 of an RFC 3339 time.
fn month(time: &str) -> Option<u32> {
    let (year, rest) = time.split_once('-')?;
    let year: u32 = year.parse().ok().filter(|year| *year < 10_000)?;
    let month: u32 = rest.get(..2)?.parse().ok()?;
    Some(year * 12 + month)
}

packguard_sdk::export_analyzer!(Names);
