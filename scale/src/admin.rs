//! `packguard admin pools`: pools from a terminal, for those who have no `kubectl` at hand.

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Map, Value, json};

use crate::controller::{Trouble, bounded};
use crate::crd::{RuntimePool, Span};
use crate::policy::RuleName;

/// Which pools, and what about them.
#[derive(Debug, Clone, Args)]
pub struct PoolsArgs {
    /// The namespace of the pools.
    #[arg(
        long,
        env = "SCALE_NAMESPACE",
        default_value = "packguard",
        global = true
    )]
    pub namespace: String,
    /// What to do.
    #[command(subcommand)]
    pub command: PoolsCommand,
}

/// What to do with pools.
#[derive(Debug, Clone, Subcommand)]
pub enum PoolsCommand {
    /// Lists the pools
    List,
    /// Changes how a pool is scaled
    Set(SetArgs),
    /// Keeps a pool's number of pods as it is
    Pause {
        /// The pool.
        name: String,
    },
    /// Lets a paused or drained pool be scaled again, by its policy
    Resume {
        /// The pool.
        name: String,
    },
    /// Takes a pool's pods away as their work ends, and starts none
    Drain {
        /// The pool.
        name: String,
    },
}

/// What to change. What is not named stays.
#[derive(Debug, Clone, Default, Args)]
#[group(required = true, multiple = true)]
pub struct Changes {
    /// Never fewer pods
    #[arg(long)]
    pub min: Option<u32>,
    /// Never more pods
    #[arg(long)]
    pub max: Option<u32>,
    /// So many pods, whatever the work, until the pool's overrideExpiry
    #[arg(long, conflicts_with = "auto")]
    pub replicas: Option<u32>,
    /// Takes such a number away
    #[arg(long)]
    pub auto: bool,
    /// How the number of pods follows from the work
    #[arg(long)]
    pub rule: Option<RuleName>,
    /// For the rule target-wait: 95 of 100 tasks wait no longer
    #[arg(long)]
    pub target_wait: Option<Span>,
}

/// A pool, and what to change.
#[derive(Debug, Clone, Args)]
pub struct SetArgs {
    /// The pool.
    pub name: String,
    /// What to change.
    #[command(flatten)]
    pub changes: Changes,
}

/// Does it, and returns what there is to print.
///
/// # Errors
///
/// The API server refuses, and says why, or can't be reached.
pub async fn run(client: Client, args: &PoolsArgs) -> Result<String, Trouble> {
    let pools: Api<RuntimePool> = Api::namespaced(client, &args.namespace);
    match &args.command {
        PoolsCommand::List => {
            let list = bounded(pools.list(&ListParams::default())).await?;
            Ok(table(&list.items, Utc::now()))
        }
        PoolsCommand::Set(set) => {
            patch(&pools, &set.name, &set.changes.patch()).await?;
            Ok(format!("{} changed", set.name))
        }
        PoolsCommand::Pause { name } => {
            patch(&pools, name, &json!({"paused": true})).await?;
            Ok(format!("{name} paused: its number of pods stays as it is"))
        }
        PoolsCommand::Resume { name } => {
            patch(&pools, name, &json!({"paused": false, "replicas": null})).await?;
            Ok(format!("{name} is scaled by its policy"))
        }
        PoolsCommand::Drain { name } => {
            // Paused as well: when the number by hand has had its time, none is made anew.
            patch(&pools, name, &json!({"paused": true, "replicas": 0})).await?;
            Ok(format!(
                "{name} drains: its pods go as their work ends; `resume` undoes it"
            ))
        }
    }
}

async fn patch(pools: &Api<RuntimePool>, name: &str, spec: &Value) -> Result<(), Trouble> {
    let params = PatchParams {
        field_manager: Some(String::from("packguard-admin")),
        ..PatchParams::default()
    };
    let patch = Patch::Merge(json!({"spec": spec}));
    bounded(pools.patch(name, &params, &patch)).await?;
    Ok(())
}

impl Changes {
    fn patch(&self) -> Value {
        let mut spec = Map::new();
        let mut policy = Map::new();
        let mut put = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                spec.insert(field.to_owned(), value);
            }
        };
        put("min", self.min.map(Value::from));
        put("max", self.max.map(Value::from));
        put("replicas", self.replicas.map(Value::from));
        put("replicas", self.auto.then_some(Value::Null));
        if let Some(rule) = self.rule {
            policy.insert(String::from("rule"), json!(rule));
        }
        if let Some(wait) = self.target_wait {
            policy.insert(String::from("targetWait"), json!(wait));
        }
        if !policy.is_empty() {
            spec.insert(String::from("policy"), Value::Object(policy));
        }
        Value::Object(spec)
    }
}

const HEAD: [&str; 9] = [
    "NAME", "DESIRED", "READY", "QUEUED", "RUNNING", "WAIT P95", "MIN-MAX", "REASON", "AGE",
];

/// As `kubectl get runtimepools` prints them, and the bounds.
fn table(pools: &[RuntimePool], now: DateTime<Utc>) -> String {
    if pools.is_empty() {
        return String::from("there are no pools");
    }
    let mut rows = vec![HEAD.map(String::from)];
    rows.extend(pools.iter().map(|pool| row(pool, now)));
    let mut widths = [0; HEAD.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let lines = rows.iter().map(|row| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn row(pool: &RuntimePool, now: DateTime<Utc>) -> [String; HEAD.len()] {
    let status = pool.status.clone().unwrap_or_default();
    [
        pool.name_any(),
        status.desired.to_string(),
        status.ready.to_string(),
        status.queued.to_string(),
        status.running.to_string(),
        status.wait_p95.unwrap_or_default(),
        format!("{}-{}", pool.spec.min, pool.spec.max),
        status.reason,
        pool.metadata
            .creation_timestamp
            .as_ref()
            .and_then(|created| DateTime::from_timestamp(created.0.as_second(), 0))
            .map_or_else(String::new, |created| {
                age(now.signed_duration_since(created))
            }),
    ]
}

fn age(age: TimeDelta) -> String {
    match age.num_seconds() {
        ..120 => format!("{}s", age.num_seconds().max(0)),
        120..7200 => format!("{}m", age.num_minutes()),
        7200..172_800 => format!("{}h", age.num_hours()),
        _ => format!("{}d", age.num_days()),
    }
}
