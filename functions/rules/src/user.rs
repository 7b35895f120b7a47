//! The operator's own YARA rules.

use boreal::compiler::CompilerBuilder;
use boreal::scanner::EvaluatedRule;
use boreal::{MetadataValue, Scanner};
use packguard_sdk::{Category, Confidence, Package, Rule, Severity};

/// Setting that holds rules; `rules.yara.<file name>` holds those of a file.
const SETTING: &str = "rules.yara";

/// Most bytes of rule text, all settings together: a set of some 10,000 rules.
const TEXT_LIMIT: usize = 16 << 20;

/// What a user's rule found.
pub(crate) const USER: Rule = Rule {
    id: "yara-user",
    title: "A YARA rule of the operator matches",
    help: "**A YARA rule of the operator matches**\n\nThe title names the rule. Severity, \
           confidence and category are those of the rule's metadata; without, medium, medium \
           and execution. What to do stands in the rule, or with whoever wrote it.",
    category: Category::Execution,
    severity: Severity::Medium,
    attack: &[],
};

/// Compiles the operator's rules; none where there are none. Each setting is a
/// namespace of its own, so that a global rule or a name in one file does not reach
/// into another.
///
/// # Errors
/// File, line and column of the first mistake.
pub(crate) fn compile(package: &Package) -> Result<Option<Scanner>, String> {
    let mut settings = package.0.settings.iter();
    if !settings.any(|setting| setting.name.starts_with(SETTING)) {
        return Ok(None);
    }
    let mut compiler = crate::scan::compiler(CompilerBuilder::new());
    // What other scanners define, so that rules written for them compile.
    compiler.define_symbol("filetype", "");
    compiler.define_symbol("owner", "");
    let mut total = 0;
    for setting in &package.0.settings {
        let Some(rest) = setting.name.strip_prefix(SETTING) else {
            continue;
        };
        let file = match rest.strip_prefix('.') {
            Some(file) => file,
            None if rest.is_empty() => SETTING,
            None => continue,
        };
        total += setting.value.len();
        if total > TEXT_LIMIT {
            return Err(format!(
                "{file}: more than {TEXT_LIMIT} bytes of YARA rules"
            ));
        }
        compiler
            .add_rules_str_in_namespace(&setting.value, &setting.name)
            .map_err(|error| {
                let diagnostic = error.to_diagnostic();
                boreal::compiler::generate_description(&diagnostic, file, &setting.value)
            })?;
    }
    Ok((total > 0).then(|| compiler.finalize()))
}

/// What a rule's metadata says. Unknown keys and values are passed over: rule sets in
/// the wild hold all sorts.
#[derive(Debug)]
pub(crate) struct Meta {
    pub title: Option<String>,
    pub why: Option<String>,
    pub severity: Severity,
    pub confidence: Confidence,
    pub category: Category,
}

impl Meta {
    /// Reads the metadata of a rule.
    pub(crate) fn read(scanner: &Scanner, rule: &EvaluatedRule<'_>) -> Self {
        let text = |keys: &[&str]| {
            keys.iter().find_map(|key| {
                let found = rule.metadatas.iter().find(|one| {
                    scanner
                        .get_string_symbol(one.name)
                        .eq_ignore_ascii_case(key)
                })?;
                match found.value {
                    MetadataValue::Bytes(symbol) => {
                        let bytes = scanner.get_bytes_symbol(symbol);
                        Some(String::from_utf8_lossy(bytes).into_owned())
                    }
                    MetadataValue::Integer(number) => Some(number.to_string()),
                    MetadataValue::Boolean(_) => None,
                }
            })
        };
        let why = text(&["why", "help", "description", "desc"]);
        let attack = text(&["attack", "mitre", "mitre_attack", "mitre_att"]);
        let why = match (why, attack) {
            (Some(why), Some(attack)) => Some(format!("{why} (ATT&CK {attack})")),
            (why, attack) => why.or(attack.map(|attack| format!("ATT&CK {attack}"))),
        };
        Self {
            title: text(&["title", "description", "desc"]),
            why,
            severity: text(&["severity", "score"])
                .and_then(|value| severity(&value))
                .unwrap_or(USER.severity),
            confidence: text(&["confidence"])
                .and_then(|value| confidence(&value))
                .unwrap_or(Confidence::Medium),
            category: text(&["category", "mitre_tactics", "tactic"])
                .and_then(|value| category(&value))
                .unwrap_or(USER.category),
        }
    }
}

/// A word, or a score from 0 to 100 as other scanners use.
fn severity(value: &str) -> Option<Severity> {
    if let Ok(score) = value.trim().parse::<u32>() {
        return Some(match score {
            0..20 => Severity::Info,
            20..40 => Severity::Low,
            40..70 => Severity::Medium,
            70..90 => Severity::High,
            _ => Severity::Critical,
        });
    }
    match value.trim().to_ascii_lowercase().as_str() {
        "info" | "informational" => Some(Severity::Info),
        "low" => Some(Severity::Low),
        "medium" | "moderate" => Some(Severity::Medium),
        "high" => Some(Severity::High),
        "critical" => Some(Severity::Critical),
        _ => None,
    }
}

fn confidence(value: &str) -> Option<Confidence> {
    match value.trim().to_ascii_lowercase().as_str() {
        "low" => Some(Confidence::Low),
        "medium" => Some(Confidence::Medium),
        "high" => Some(Confidence::High),
        _ => None,
    }
}

fn category(value: &str) -> Option<Category> {
    let first = value.split(',').next().unwrap_or_default();
    let words = first.trim().to_ascii_lowercase().replace([' ', '_'], "-");
    Some(match words.as_str() {
        "capability" => Category::Capability,
        "install-hook" => Category::InstallHook,
        "execution" => Category::Execution,
        "persistence" => Category::Persistence,
        "defense-evasion" => Category::DefenseEvasion,
        "credential-access" => Category::CredentialAccess,
        "discovery" => Category::Discovery,
        "collection" => Category::Collection,
        "command-and-control" => Category::CommandAndControl,
        "exfiltration" => Category::Exfiltration,
        "impact" => Category::Impact,
        "supply-chain" => Category::SupplyChain,
        "archive" => Category::Archive,
        "metadata" => Category::Metadata,
        "binary" => Category::Binary,
        _ => return None,
    })
}
