//! The simulation as its user sees it: arguments in, text and files out.

use std::fs;

use clap::Parser;
use proptest::prelude::*;

use super::{Outcome, Prices, SimulateArgs, SimulateError, outcomes, run};
use crate::policy::{Policy, RuleName};

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: SimulateArgs,
}

fn args(line: &str) -> SimulateArgs {
    Cli::try_parse_from(std::iter::once("simulate").chain(line.split_whitespace()))
        .unwrap()
        .args
}

fn only(line: &str) -> Outcome {
    let prices = Prices::load(None).unwrap();
    outcomes(&args(line), &prices).unwrap().remove(0)
}

#[test]
fn the_defaults_are_the_policys() {
    let policy = args("").policy(RuleName::TargetWait).unwrap();
    assert_eq!(policy, Policy::default());
    assert_eq!(args("").service_median, crate::service::MEDIAN);
    assert_eq!(args("").service_p95, crate::service::P95);
    assert_eq!(args("").download, crate::service::DOWNLOAD);
    assert_eq!(args("").service_max, crate::service::LONGEST);
}

#[test]
fn the_constants_follow_from_the_measured_times() {
    let outcome = only("--day 1000000");
    let mean = outcome.offered_hours * 3600.0 / outcome.arrived as f64;
    let default = crate::service::DEFAULT_MEAN.as_secs_f64();
    assert!(
        (mean - default).abs() < 0.05,
        "{mean} s on average, {default} s are said"
    );
}

#[test]
fn a_small_day() {
    let small = "--day 2000 --spike 14:30=500 --rule target-wait,plan,architecture";
    let first = run(&args(small)).unwrap();
    assert_eq!(
        first,
        run(&args(small)).unwrap(),
        "the same seed, the same day"
    );
    insta::assert_snapshot!(first);
    assert_ne!(first, run(&args(&format!("{small} --seed 2"))).unwrap());
}

#[test]
fn the_old_designs_day_runs_as_its_planners_reckoned() {
    // 40 % of 50,000 tasks in eight hours, ten minutes each: 417 at once, and 313 in the other hours.
    let outcome = only(
        "--day 50000 --service-median 10m --service-p95 10m --service-max 1h --download 0s --min 600 --slots 1 \
         --pods-per-node 20 --node-limit 100",
    );
    assert_eq!(outcome.arrived, 50_000);
    let running = |from: u64, to: u64| {
        let inside: Vec<u64> = outcome
            .samples
            .iter()
            .filter(|sample| (from * 3600..to * 3600).contains(&sample.seconds))
            .map(|sample| sample.running)
            .collect();
        inside.iter().sum::<u64>() as f64 / inside.len() as f64
    };
    let (peak, after) = (running(10, 17), running(18, 24));
    assert!((peak - 416.7).abs() < 12.0, "{peak}");
    assert!((after - 312.5).abs() < 12.0, "{after}");
}

#[test]
fn as_many_as_were_asked_for() {
    assert_eq!(only("--day 1000 --days 3").arrived, 3000);
    assert_eq!(only("--month 3000 --interval 60s").arrived, 3000);
    assert_eq!(
        only("--day 1000 --spike 0:00=70 --spike 23:59=30/1m").arrived,
        1100
    );
}

#[test]
fn a_trace_is_served_as_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.csv");
    fs::write(
        &trace,
        "seconds,service\n# quiet at first\n400,2\n400,2\n400.5, 4\n\n500\n",
    )
    .unwrap();
    let outcome = only(&format!(
        "--trace {} --min 1 --slots 2 --node-start 10s --pod-start 10s --service-median 1s --service-p95 1s --download 0s",
        trace.display()
    ));
    assert_eq!((outcome.arrived, outcome.served), (4, 4));
    // The third waits for one of the two slots: from 400.5 s to 402 s.
    assert!((outcome.wait.max - 1.5).abs() < 0.01, "{:?}", outcome.wait);
    assert!((outcome.served_hours * 3600.0 - 9.0).abs() < 1e-6);
    assert!(
        (outcome.hours * 3600.0 - 501.0).abs() < 1e-6,
        "{}",
        outcome.hours
    );
}

#[test]
fn service_times_are_drawn_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let times = folder.path().join("times.csv");
    fs::write(&times, "# seconds\n2\n4\n").unwrap();
    let outcome = only(&format!("--day 5000 --service {}", times.display()));
    let mean = outcome.served_hours * 3600.0 / 5000.0;
    assert!((mean - 3.0).abs() < 0.1, "{mean}");
}

#[test]
fn a_cold_start_takes_a_node_and_a_pod() {
    let outcome = only(
        "--day 24 --service-mean 1s --download 0s --peak-share 0.3333333333333333 --node-idle 1m",
    );
    assert!(outcome.downs > 0, "the pool goes to none between tasks");
    // The next decision is up to five seconds away, then a node takes two minutes and a pod ten seconds.
    assert!(
        (130.0..135.1).contains(&outcome.wait.max),
        "{:?}",
        outcome.wait
    );
}

#[test]
fn the_target_is_met_by_a_steady_stream() {
    // Pods and nodes that start at once, so that what is left is the rule's own.
    for (day, service, target) in [
        (20_000, "500ms", 2.0),
        (100_000, "2s", 1.0),
        (400_000, "1s", 10.0),
        (400_000, "5s", 5.0),
    ] {
        let outcome = only(&format!(
            "--day {day} --service-mean {service} --target {target}s --pod-start 0s --node-start 0s --peak-share 0.33"
        ));
        assert!(
            outcome.wait.p95 <= target,
            "{day}, {service}, {target}: {:?}",
            outcome.wait
        );
    }
}

#[test]
fn a_node_limit_is_kept_and_all_is_served() {
    let outcome = only("--day 200000 --service-mean 20s --node-limit 2 --pods-per-node 3");
    assert_eq!((outcome.nodes_max, outcome.pods_max), (2, 6));
    assert_eq!(outcome.served, 200_000);
    assert!(outcome.busy > 0.99, "{}", outcome.busy);
}

#[test]
fn files_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, svg) = (folder.path().join("day.csv"), folder.path().join("day.svg"));
    run(&args(&format!(
        "--day 2000 --csv {} --svg {}",
        csv.display(),
        svg.display()
    )))
    .unwrap();
    let csv = fs::read_to_string(csv).unwrap();
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("seconds,queued,running,pods_wanted,pods_ready,nodes,wait_p95_seconds")
    );
    assert_eq!(lines.count(), 1440, "one line a minute");
    let svg = fs::read_to_string(svg).unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    assert_eq!(document.root_element().tag_name().name(), "svg");
    let lines = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "polyline")))
        .filter(|node| {
            node.attribute("points")
                .is_some_and(|points| points.len() > 1000)
        });
    assert_eq!(lines.count(), 5, "queue: two, pods: two, wait: one");
}

#[test]
fn a_month_is_kept_in_as_few_points() {
    let outcome = only("--month 30000 --interval 60s");
    assert!(
        (1400..2880).contains(&outcome.samples.len()),
        "{}",
        outcome.samples.len()
    );
    assert!(outcome.samples.is_sorted_by_key(|sample| sample.seconds));
}

fn refusal(line: &str) -> String {
    run(&args(line)).unwrap_err().to_string()
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_do() {
    let lines = [
        "--day 0",
        "--days 0",
        "--day 9999999999",
        "--min 5 --max 4",
        "--max 0",
        "--max 1001",
        "--slots 0",
        "--target 0s",
        "--peak-share 40",
        "--peak-length 24h",
        "--interval 0s",
        "--interval 5m",
        "--node-limit 0",
        "--pods-per-node 0",
        "--pod-cpus 16",
        "--pod-cpus 0",
        "--node-size huge",
        "--service-median 0s",
        "--service-median 2s --service-p95 1s",
        "--service-mean 100ms",
        "--node-start 400days",
    ];
    let refusals: String = lines
        .iter()
        .map(|line| format!("{line}\n    {}\n", refusal(line)))
        .collect();
    insta::assert_snapshot!(refusals);
}

#[test]
fn wrong_files_are_refused_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = |flag: &str, text: &str| {
        let file = folder.path().join("file");
        fs::write(&file, text).unwrap();
        let refusal = refusal(
            &format!("--day 10 {flag} {}", file.display()).replace("--day 10 --trace", "--trace"),
        );
        refusal.replace(&file.display().to_string(), "FILE")
    };
    let refusals = [
        wrong("--trace", "seconds\n10\n9\n"),
        wrong("--trace", "10\nsoon\n"),
        wrong("--trace", "10,-1\n"),
        wrong("--trace", "seconds,service\n"),
        wrong("--service", "# none\n"),
        wrong("--service", "1\n\n1 s\n"),
        wrong("--prices", "known = 1"),
        wrong(
            "--prices",
            "known = ''\nhours_per_month = 0.0\nreserved_cpus = 0.0\nreserved_memory_gb = 0.0\nnode = []\n",
        ),
    ];
    insta::assert_snapshot!(refusals.join("\n"));
    for flag in ["--trace", "--service", "--prices"] {
        let missing = run(&args(&format!("{flag} {}/none", folder.path().display()))).unwrap_err();
        assert!(matches!(missing, SimulateError::Read { .. }), "{missing}");
    }
    let unwritable = run(&args(&format!(
        "--day 10 --csv {}/none/day.csv",
        folder.path().display()
    )));
    assert!(matches!(unwritable, Err(SimulateError::Write { .. })));
}

#[test]
fn the_command_line_refuses_what_it_cannot_read() {
    for (line, said) in [
        ("--spike 25:00=5", "lies within one day"),
        ("--spike 18446744073709551616:59=5", "14:30=5000"),
        ("--spike 23:59=5/10m", "lies within one day"),
        ("--spike noon=5", "14:30=5000"),
        ("--spike 18446744073709551615:59=5", "lies within one day"),
        ("--spike 12:60=5", "lies within one day"),
        ("--day 5 --month 5", "cannot be used with"),
        (
            "--rule best",
            "possible values: target-wait, plan, architecture",
        ),
        ("--target soon", "invalid value"),
    ] {
        let words = std::iter::once("simulate").chain(line.split_whitespace());
        let refusal = Cli::try_parse_from(words).unwrap_err().to_string();
        assert!(refusal.contains(said), "{line}: {refusal}");
    }
}

#[test]
fn prices_can_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.toml");
    let text = "known = 'made up'\nhours_per_month = 720.0\nreserved_cpus = 0.0\nreserved_memory_gb = 0.0\n\
        [[node]]\nname = 'one'\ncpus = 2.0\nmemory_gb = 4.0\nhour = 1.0\n[[fixed]]\nname = 'rent'\nmonth = 100.0\n";
    fs::write(&file, text).unwrap();
    let prices = Prices::load(Some(&file)).unwrap();
    let args = args("--day 7200 --min 1 --max 1 --node-size one --pod-cpus 2");
    let outcome = outcomes(&args, &prices).unwrap().remove(0);
    let cost = prices.cost(&outcome, "one").unwrap();
    assert!((cost.month - 820.0).abs() < 1.0, "{cost:?}");
    assert!((cost.task - 820.0 / 216_000.0).abs() < 1e-5, "{cost:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_task_is_served_once(
        seed: u64, day in 1u64..20_000, mean in 300u64..30_000, slots in 1u32..9, max in 1u32..40, min in 0u32..3,
        spike in 1u64..5000, rule in prop::sample::select(vec!["target-wait", "plan", "architecture"]),
        down in 1u32..9, quiet in 0u64..900, nodes in 1u32..9,
    ) {
        let line = format!(
            "--seed {seed} --day {day} --service-mean {mean}ms --slots {slots} --max {max} --min {} --spike 12:00={spike} \
             --rule {rule} --down-pods {down} --down-every 30s --quiet-window {quiet}s --node-limit {nodes} --interval 15s",
            min.min(max)
        );
        let outcome = only(&line);
        prop_assert_eq!(outcome.arrived, day + spike);
        prop_assert_eq!(outcome.served, outcome.arrived);
        prop_assert_eq!(outcome.served_hours, outcome.offered_hours);
        prop_assert!(outcome.nodes_max <= nodes);
        prop_assert!(outcome.busy <= 1.0 + 1e-9, "{}", outcome.busy);
        let wait = outcome.wait;
        prop_assert!(wait.p50 <= wait.p95 && wait.p95 <= wait.p99 && wait.p99 <= wait.max);
    }
}
