//! Results as text: a table for people, lines for programs.

use std::fmt::Write as _;
use std::time::Duration;

use super::SimulateError;
use super::args::SimulateArgs;
use super::measures::Outcome;
use super::prices::{Cost, OldDesign, Prices};

/// A label, and one value per outcome.
type Row = (&'static str, Vec<String>);

/// All that is printed.
pub(super) fn print(
    args: &SimulateArgs,
    prices: &Prices,
    outcomes: &[Outcome],
) -> Result<String, SimulateError> {
    let costs = outcomes
        .iter()
        .map(|outcome| prices.cost(outcome, &args.node_size))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rows = measured(outcomes);
    rows.extend(paid(&costs));
    let mut text = header(args, prices, outcomes)?;
    text.push_str(&aligned(&rows));
    if let Some(old) = &prices.old_design {
        text.push_str(&beside(old, args, prices)?);
    }
    let _ = writeln!(text, "\nPrices: {}.", prices.known);
    Ok(text)
}

fn header(
    args: &SimulateArgs,
    prices: &Prices,
    outcomes: &[Outcome],
) -> Result<String, SimulateError> {
    let Some(first) = outcomes.first() else {
        return Ok(String::new());
    };
    let work = match &args.trace {
        Some(file) => format!("trace {}", file.display()),
        None => format!("seed {}", args.seed),
    };
    let pods_per_node = match args.pods_per_node {
        Some(pods) => pods,
        None => prices.pods_per_node(&args.node_size, args.pod_cpus, args.pod_memory)?,
    };
    let mean = first.offered_hours * 3600.0 / first.arrived.max(1) as f64;
    Ok(format!(
        "{} tasks in {:.1} hours, {work}; {} in a slot on average\n{} slots a pod, {pods_per_node} pods a node of {}, \
         at most {} nodes; a pod starts in {}, a node in {}\n\n",
        grouped(first.arrived as f64),
        first.work_hours,
        seconds(mean),
        args.slots,
        args.node_size,
        args.node_limit,
        whole(args.pod_start),
        whole(args.node_start),
    ))
}

fn measured(outcomes: &[Outcome]) -> Vec<Row> {
    let row =
        |label, value: &dyn Fn(&Outcome) -> String| (label, outcomes.iter().map(value).collect());
    vec![
        row("rule", &|out| String::from(out.rule)),
        row("tasks served", &|out| grouped(out.served as f64)),
        row("wait p50", &|out| seconds(out.wait.p50)),
        row("wait p95", &|out| seconds(out.wait.p95)),
        row("wait p99", &|out| seconds(out.wait.p99)),
        row("wait max", &|out| seconds(out.wait.max)),
        row("pods mean", &|out| format!("{:.1}", out.pods_mean)),
        row("pods max", &|out| out.pods_max.to_string()),
        row("slots busy", &|out| format!("{:.1} %", out.busy * 100.0)),
        row("nodes mean", &|out| format!("{:.1}", out.nodes_mean)),
        row("nodes max", &|out| out.nodes_max.to_string()),
        row("node-hours", &|out| grouped_tenths(out.node_hours)),
        row("decisions", &|out| grouped(out.decisions as f64)),
        row("of them up, down", &|out| {
            format!("{}, {}", out.ups, out.downs)
        }),
    ]
}

fn paid(costs: &[Cost]) -> Vec<Row> {
    let row = |label, value: &dyn Fn(&Cost) -> String| (label, costs.iter().map(value).collect());
    vec![
        row("worker nodes a month", &|cost| dollars(cost.nodes)),
        row("all else a month", &|cost| dollars(cost.fixed)),
        row("sum a month", &|cost| dollars(cost.month)),
        row("tasks a month", &|cost| grouped(cost.tasks)),
        row("cost a task", &|cost| format!("${:.6}", cost.task)),
    ]
}

fn aligned(rows: &[Row]) -> String {
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let label = width(&mut rows.iter().map(|(label, _)| label.len()));
    let value = width(
        &mut rows
            .iter()
            .flat_map(|(_, values)| values.iter().map(String::len)),
    );
    rows.iter()
        .map(|(name, values)| {
            let values: String = values
                .iter()
                .map(|text| format!("  {text:>value$}"))
                .collect();
            format!("{name:label$}{values}\n")
        })
        .collect()
}

/// The old design's plan, and what its workers cost at today's prices, packed as tightly as the nodes allow.
fn beside(old: &OldDesign, args: &SimulateArgs, prices: &Prices) -> Result<String, SimulateError> {
    let size = prices.size(&args.node_size)?;
    let fit = (size.cpus / old.cpus)
        .min(size.memory_gb / old.memory_gb)
        .floor()
        .max(1.0);
    let nodes = |workers: u32| (f64::from(workers) / fit).ceil();
    let month = |workers: u32| nodes(workers) * size.hour * prices.hours_per_month;
    let tasks = old.tasks_per_day as f64 * prices.hours_per_month / 24.0;
    let (low, high) = (old.workers_low, old.workers_high);
    Ok(format!(
        "\nThe old design, for {} tasks a day: {low}-{high} workers of {} CPUs and {} GB.\n  planned             {} a \
         month, ${:.6} a task; the limit was ${:.2} a task\n  at these prices     {}-{} nodes of {}, {}-{} a month, \
         ${:.6}-{:.6} a task\n",
        grouped(old.tasks_per_day as f64),
        old.cpus,
        old.memory_gb,
        dollars(old.planned_month),
        old.planned_month / tasks,
        old.limit_per_task,
        nodes(low),
        nodes(high),
        size.name,
        dollars(month(low)),
        dollars(month(high)),
        month(low) / tasks,
        month(high) / tasks,
    ))
}

/// What happened over time, as CSV.
pub(super) fn series(outcome: &Outcome) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "seconds",
        "queued",
        "running",
        "pods_wanted",
        "pods_ready",
        "nodes",
        "wait_p95_seconds",
    ])?;
    for sample in &outcome.samples {
        writer.write_record([
            sample.seconds.to_string(),
            sample.queued.to_string(),
            sample.running.to_string(),
            sample.pods_wanted.to_string(),
            sample.pods_ready.to_string(),
            sample.nodes.to_string(),
            format!("{:.3}", sample.wait_p95),
        ])?;
    }
    let bytes = writer.into_inner().map_err(|why| why.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `2.1 s`, `13 ms`, `0 ms`.
fn seconds(time: f64) -> String {
    if time < 0.9995 {
        format!("{:.0} ms", time * 1000.0)
    } else if time < 600.0 {
        format!("{time:.1} s")
    } else {
        format!("{:.1} min", time / 60.0)
    }
}

fn whole(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

fn dollars(sum: f64) -> String {
    format!("${}", grouped(sum))
}

fn grouped_tenths(number: f64) -> String {
    let tenths = (number * 10.0).round() as u64;
    format!("{}.{}", grouped((tenths / 10) as f64), tenths % 10)
}

/// `1,234,567`
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
