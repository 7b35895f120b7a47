//! What nodes and services cost.

use std::path::Path;

use serde::Deserialize;

use super::SimulateError;
use super::measures::Outcome;

/// A price table, in dollars.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Where the prices are from and of when.
    pub known: String,
    /// What a month is reckoned with.
    pub hours_per_month: f64,
    /// CPUs of a node that its system keeps.
    pub reserved_cpus: f64,
    /// Memory of a node that its system keeps, in GB.
    pub reserved_memory_gb: f64,
    /// Sizes of nodes.
    pub node: Vec<NodePrice>,
    /// What is paid each month, whatever the load.
    #[serde(default)]
    pub fixed: Vec<Fixed>,
    /// What to compare with.
    pub old_design: Option<OldDesign>,
}

/// A size of nodes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodePrice {
    /// As the provider calls it.
    pub name: String,
    /// CPUs.
    pub cpus: f64,
    /// Memory in GB.
    pub memory_gb: f64,
    /// Dollars an hour.
    pub hour: f64,
}

/// Something that costs the same each month.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    /// What.
    pub name: String,
    /// Dollars a month.
    pub month: f64,
}

/// The design that Packguard replaces, by its own figures.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldDesign {
    /// What it was planned for.
    pub tasks_per_day: u64,
    /// Workers, at least.
    pub workers_low: u32,
    /// Workers, at most.
    pub workers_high: u32,
    /// CPUs of a worker.
    pub cpus: f64,
    /// Memory of a worker in GB.
    pub memory_gb: f64,
    /// Dollars a month that were planned.
    pub planned_month: f64,
    /// Dollars that a task may cost.
    pub limit_per_task: f64,
}

/// What an outcome costs if it goes on like that for a month, in dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Nodes for workers.
    pub nodes: f64,
    /// All else.
    pub fixed: f64,
    /// Both.
    pub month: f64,
    /// Tasks in a month.
    pub tasks: f64,
    /// Per task.
    pub task: f64,
}

impl Prices {
    /// The table in the file, or the one that is built in.
    ///
    /// # Errors
    /// If the file cannot be read, or makes no sense.
    pub fn load(file: Option<&Path>) -> Result<Self, SimulateError> {
        let (from, text) = match file {
            None => (
                String::from("built in"),
                String::from(include_str!("../../prices.toml")),
            ),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|why| SimulateError::Read {
                    file: path.to_path_buf(),
                    why: why.to_string(),
                })?;
                (path.display().to_string(), text)
            }
        };
        let wrong = |problem: String| SimulateError::Prices {
            from: from.clone(),
            problem,
        };
        let prices: Self = toml::from_str(&text).map_err(|why| wrong(why.to_string()))?;
        prices.check().map_err(wrong)?;
        Ok(prices)
    }

    fn check(&self) -> Result<(), String> {
        let above_zero = |name: &str, number: f64| {
            if number.is_finite() && number > 0.0 {
                Ok(())
            } else {
                Err(format!("{name} is {number}; it has to be above zero"))
            }
        };
        above_zero("hours_per_month", self.hours_per_month)?;
        for (name, number) in [
            ("reserved_cpus", self.reserved_cpus),
            ("reserved_memory_gb", self.reserved_memory_gb),
        ]
        .into_iter()
        .chain(
            self.fixed
                .iter()
                .map(|item| (item.name.as_str(), item.month)),
        ) {
            if !number.is_finite() || number < 0.0 {
                return Err(format!("{name} is {number}; it cannot be below zero"));
            }
        }
        for node in &self.node {
            above_zero(&format!("cpus of {}", node.name), node.cpus)?;
            above_zero(&format!("memory_gb of {}", node.name), node.memory_gb)?;
            above_zero(&format!("hour of {}", node.name), node.hour)?;
        }
        if let Some(old) = &self.old_design {
            above_zero("old_design.tasks_per_day", old.tasks_per_day as f64)?;
            above_zero("old_design.cpus", old.cpus)?;
            above_zero("old_design.memory_gb", old.memory_gb)?;
        }
        Ok(())
    }

    /// The size of that name.
    ///
    /// # Errors
    /// If there is none.
    pub fn size(&self, name: &str) -> Result<&NodePrice, SimulateError> {
        self.node
            .iter()
            .find(|node| node.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = self.node.iter().map(|node| node.name.as_str()).collect();
                SimulateError::Argument {
                    flag: "--node-size",
                    problem: format!("the price table has no {name}; it has {}", names.join(", ")),
                }
            })
    }

    /// How many pods of so many CPUs and GB find room on a node.
    ///
    /// # Errors
    /// If not even one does.
    pub fn pods_per_node(&self, size: &str, cpus: f64, memory: f64) -> Result<u32, SimulateError> {
        let node = self.size(size)?;
        let positive = |number: f64| number.is_finite() && number > 0.0;
        if !positive(cpus) || !positive(memory) {
            return Err(SimulateError::Argument {
                flag: "--pod-cpus and --pod-memory",
                problem: String::from("have to be above zero"),
            });
        }
        let by_cpus = (node.cpus - self.reserved_cpus) / cpus;
        let by_memory = (node.memory_gb - self.reserved_memory_gb) / memory;
        let pods = by_cpus.min(by_memory) as u32;
        if pods == 0 {
            return Err(SimulateError::Argument {
                flag: "--pod-cpus and --pod-memory",
                problem: format!(
                    "a pod of {cpus} CPUs and {memory} GB finds no room on a {size}, which keeps {} CPUs and {} GB \
                     for itself: a larger --node-size, or a smaller pod",
                    self.reserved_cpus, self.reserved_memory_gb
                ),
            });
        }
        Ok(pods)
    }

    /// What an outcome costs.
    ///
    /// # Errors
    /// If the table has no such size.
    pub fn cost(&self, outcome: &Outcome, size: &str) -> Result<Cost, SimulateError> {
        // What is left over when the last day ends would overlap with the next day's first tasks.
        let months = outcome.work_hours / self.hours_per_month;
        let nodes = outcome.node_hours * self.size(size)?.hour / months;
        let fixed = self.fixed.iter().map(|item| item.month).sum();
        let tasks = outcome.served as f64 / months;
        let month = nodes + fixed;
        Ok(Cost {
            nodes,
            fixed,
            month,
            tasks,
            task: month / tasks,
        })
    }
}
