//! `sdk inspect`: a function with its versions, its moves and what its shadow would change, or
//! one version.

mod shadow;

use packguard_platform::output::line;
use reqwest::Method;
use serde::Deserialize;

use self::shadow::Shadowed;
use crate::cli::InspectArgs;
use crate::failure::Failure;
use crate::print;
use crate::server::Server;
use crate::server::answers::{Function, Version};
use crate::target::Target;

/// A function, its newest versions and moves.
#[derive(Deserialize)]
struct Details {
    #[serde(flatten)]
    function: Function,
    newest: Vec<Version>,
    moves: Vec<Move>,
}

/// Who moved an alias.
#[derive(Deserialize)]
struct Move {
    alias: String,
    from: Option<String>,
    to: String,
    #[serde(default)]
    percent: Option<u8>,
    kind: String,
    actor: String,
    at: String,
}

pub(super) async fn run(args: &InspectArgs) -> Result<u8, Failure> {
    let server = Server::logged_in()?;
    let path = args.target.path();
    let mut data = server
        .insist(|server| server.request(Method::GET, &path))
        .await?;
    if args.target.version.is_some() {
        match args.json {
            true => print::json(&data)?,
            false => print::text(&version(&args.target, &server.read(&data)?))?,
        }
        return Ok(0);
    }
    let path = format!("{path}shadow/");
    let mut shadow = server
        .insist(|server| server.request(Method::GET, &path))
        .await?;
    if args.json {
        data["shadow"] = shadow["comparisons"].take();
        print::json(&data)?;
    } else {
        let shadow: Shadowed = server.read(&shadow)?;
        print::text(&(function(&server.read(&data)?) + &shadow.text()))?;
    }
    Ok(0)
}

fn version(target: &Target, version: &Version) -> String {
    let rules = version.descriptor.rules.iter().map(|rule| line(&rule.id));
    let rules: Vec<_> = rules.collect();
    let mut text = format!("{target}  sha256 {}\n", line(&version.sha256));
    let mut add = |name: &str, what: &str| text += &format!("  {name:<9}  {what}\n");
    let (publisher, at) = (line(&version.publisher), line(&version.created_at));
    add("published", &format!("by {publisher}, {at}"));
    add("signature", &version.signed());
    add("size", &print::bytes(version.size_bytes));
    add("contract", &line(&version.contract));
    add("rules", &rules.join(", "));
    add("measured", &version.measures.text());
    if let Some(state) = version.state() {
        add("state", &state);
    }
    if !version.capabilities.is_empty() {
        text += "imports:\n";
        for name in &version.capabilities {
            text += &format!("  {}\n", line(name));
        }
    }
    text
}

fn function(details: &Details) -> String {
    let function = &details.function;
    let (name, publisher) = (line(&function.name), line(&function.publisher));
    let mut text = format!(
        "{name}  of {publisher}; {}\nversions:\n",
        function.aliases()
    );
    for version in &details.newest {
        let digest: String = line(&version.sha256).chars().take(12).collect();
        text += &format!(
            "  {}  {}  {}  sha256 {digest}…  {}{}\n",
            line(&version.version),
            line(&version.created_at),
            print::bytes(version.size_bytes),
            version.signed(),
            version
                .state()
                .map(|state| format!("; {state}"))
                .unwrap_or_default()
        );
    }
    let hidden = usize::try_from(function.versions).unwrap_or(usize::MAX);
    let hidden = hidden.saturating_sub(details.newest.len());
    if hidden > 0 {
        text += &format!("  … {} older\n", print::count(hidden, "version"));
    }
    if !details.moves.is_empty() {
        text += "moves:\n";
    }
    for one in &details.moves {
        let (at, alias, to) = (line(&one.at), line(&one.alias), line(&one.to));
        let from = one.from.as_deref().map_or("nothing".into(), line);
        let (kind, actor) = (line(&one.kind), line(&one.actor));
        let share = one.percent.map(|percent| format!(", {percent} % of tasks"));
        let share = share.unwrap_or_default();
        text += &format!("  {at}  {alias}: {from} -> {to}{share}  ({kind} by {actor})\n");
    }
    text
}
