//! `packguard rules`: what the analyzers can find, from what they say of themselves.

use std::fmt::Write as _;

use clap::ValueEnum;
use packguard_runtime::comparison_rules;
use packguard_runtime::report::{Category, DescriptorInfo, RuleInfo, Severity};
use serde::Serialize;

use crate::cli::RulesArgs;
use crate::components::{self, Setup};
use crate::limits::ScanLimits;
use crate::osv;
use crate::output;
use crate::scan::{self, Stop};

/// How to print rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum RulesFormat {
    /// For people: a line each; of a single rule all there is.
    #[default]
    Human,
    /// For programs.
    Json,
    /// The page docs/rules.md.
    Markdown,
}

const INTRODUCTION: &str = "\
# Rules

Made from what the analyzers say of themselves by `UPDATE_DOCS=1 cargo test --workspace --test command_line rules`; a test
fails where the two differ. `packguard rules ID` prints one of them. How findings become a verdict:
[functions/judge](../functions/judge/README.md). The severity is the usual one: a finding can be milder or graver where
its place says so. Findings of the category `capability` say what code is able to do and never convict.
";

/// A rule, and who finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The analyzer's name.
    pub analyzer: String,
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleInfo,
}

/// Runs the command and gives its exit code.
pub async fn run(args: &RulesArgs) -> u8 {
    match print(args).await {
        Ok(()) => 0,
        Err(stop) => stop.say(),
    }
}

async fn print(args: &RulesArgs) -> Result<(), Stop> {
    let limits = ScanLimits::default();
    let pipeline = components::pipeline(Setup {
        slots: 1,
        cache: components::default_cache(args.cache_dir.clone()),
        cpu: args.cpu,
        analyzers: args.analyzer.clone(),
        limits: limits.step,
        archive: limits.archive,
    });
    let pipeline = pipeline.await.map_err(|error| {
        Stop::usage(
            &error,
            "check the files named by --analyzer, and --cache-dir",
        )
    })?;
    let mut rules = all(&pipeline.descriptors());
    if let Some(id) = &args.id {
        let known: Vec<String> = rules.iter().map(|one| one.rule.id.clone()).collect();
        rules.retain(|one| one.rule.id == *id);
        if rules.is_empty() {
            let near = nearest(id, &known);
            let message = format!("there is no rule `{}`", output::line(id));
            return Err(Stop::usage(&message, near));
        }
    }
    let text = match args.format {
        RulesFormat::Human if args.id.is_some() => rules.iter().map(page).collect(),
        RulesFormat::Human => lines(&rules),
        RulesFormat::Json => {
            let text = serde_json::to_string_pretty(&rules);
            text.map_err(|error| scan::defect(&error))? + "\n"
        }
        RulesFormat::Markdown => markdown(&rules, args.id.is_none()),
    };
    scan::write(None, &text)
}

/// All rules: those of the components, and those of what is known without them.
pub fn all(descriptors: &[DescriptorInfo]) -> Vec<Listed> {
    let mut rules = Vec::new();
    let mut add = |analyzer: &str, more: &[RuleInfo]| {
        rules.extend(more.iter().map(|rule| Listed {
            analyzer: analyzer.to_owned(),
            rule: rule.clone(),
        }));
    };
    for one in descriptors {
        add(&one.name, &one.rules);
    }
    add("diff", &comparison_rules());
    add("osv", &osv::rules());
    rules.sort_by(|a, b| (&a.analyzer, &a.rule.id).cmp(&(&b.analyzer, &b.rule.id)));
    rules
}

/// What was meant, perhaps.
fn nearest(id: &str, known: &[String]) -> String {
    let near = known
        .iter()
        .map(|one| (strsim::jaro_winkler(id, one), one))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match near {
        Some((likeness, one)) if likeness > 0.8 => format!("did you mean `{one}`?"),
        _ => "`packguard rules` lists them all".into(),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

fn category(category: Category) -> String {
    let word = serde_json::to_value(category).ok();
    let word = word.and_then(|word| word.as_str().map(|word| word.replace('_', "-")));
    word.unwrap_or_default()
}

fn lines(rules: &[Listed]) -> String {
    let width = rules.iter().map(|one| one.rule.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for one in rules {
        let (id, title) = (output::line(&one.rule.id), output::line(&one.rule.title));
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{id:<width$}  {:<8}  {title}",
            severity(one.rule.severity)
        );
    }
    text
}

fn page(one: &Listed) -> String {
    let rule = &one.rule;
    let mut text = format!(
        "{}\n{}\n\n  analyzer  {}\n  severity  {}\n  category  {}\n",
        output::line(&rule.id),
        output::line(&rule.title),
        output::line(&one.analyzer),
        severity(rule.severity),
        category(rule.category),
    );
    if !rule.attack.is_empty() {
        let _ = writeln!(
            text,
            "  ATT&CK    {}",
            output::line(&rule.attack.join(", "))
        );
    }
    text.push('\n');
    for line in rule.help.lines() {
        let _ = writeln!(text, "{}", output::line(line));
    }
    text
}

fn markdown(rules: &[Listed], whole: bool) -> String {
    let mut text = String::new();
    let mut analyzer = "";
    if whole {
        text.push_str(INTRODUCTION);
    }
    for one in rules {
        if whole && one.analyzer != analyzer {
            analyzer = &one.analyzer;
            let _ = write!(text, "\n## {}\n", output::line(analyzer));
        }
        let rule = &one.rule;
        let attack: Vec<String> = rule.attack.iter().map(|id| technique(id)).collect();
        let attack = match attack.is_empty() {
            true => String::new(),
            false => format!(", {}", attack.join(", ")),
        };
        let _ = write!(
            text,
            "\n### {}\n\n{}: {}, {}{attack}\n\n{}\n",
            rule.id,
            rule.title,
            severity(rule.severity),
            category(rule.category),
            below(&rule.help, &rule.title),
        );
    }
    text
}

/// The help without a first line that says the title again.
fn below<'a>(help: &'a str, title: &str) -> &'a str {
    let help = help.trim();
    match help.split_once("\n\n") {
        Some((first, rest)) if first.trim_matches(['*', '#', ' ', '.']) == title => rest.trim(),
        _ => help,
    }
}

/// A technique with a link to its description, where it looks like one.
fn technique(id: &str) -> String {
    let is_id = id.starts_with('T') && id[1..].bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match is_id {
        true => format!(
            "[{id}](https://attack.mitre.org/techniques/{}/)",
            id.replace('.', "/")
        ),
        false => output::line(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Listed {
        let [rule, _] = osv::rules();
        Listed {
            analyzer: "osv".into(),
            rule,
        }
    }

    #[test]
    fn a_rule_is_printed_in_each_format() {
        let rules = [rule()];
        assert!(lines(&rules).starts_with("osv-malware  critical  This version"));
        let page = page(&rules[0]);
        assert!(page.contains("ATT&CK    T1195.002") && page.contains("Do not install it"));
        let text = markdown(&rules, true);
        assert!(text.contains("\n## osv\n\n### osv-malware\n"), "{text}");
        assert!(text.contains("/techniques/T1195/002/"), "{text}");
        assert!(!markdown(&rules, false).contains("# Rules"));
    }

    #[test]
    fn a_title_is_not_said_twice() {
        assert_eq!(below("**Spawns**\n\nLook.", "Spawns"), "Look.");
        assert_eq!(below("Other\n\nLook.", "Spawns"), "Other\n\nLook.");
    }

    #[test]
    fn a_slip_is_mended() {
        let known = ["python-decode-exec".to_owned(), "npm-url".to_owned()];
        assert_eq!(
            nearest("python-decod-exec", &known),
            "did you mean `python-decode-exec`?"
        );
        assert!(nearest("zzz", &known).contains("lists them all"));
    }
}
