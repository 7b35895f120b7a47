//! How fast functions are deployed, and how fast a worker takes what was deployed.

use std::time::{Duration, Instant};

use packguard_tests::harness::registry::{Registry, harmless};
use packguard_tests::harness::scratch::Scratch;
use packguard_tests::{example, guest};
use serde_json::json;

use super::lab::{Machine, Site};
use super::{millis, percentile};

/// Versions that are deployed, one after the other.
const DEPLOYS: usize = 40;

/// Times that a worker takes the new set, in each way.
const SWITCHES: usize = 5;

/// Between two looks for the new set.
const LOOK: Duration = Duration::from_millis(5);

/// What a worker may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What workers of one deployment seal compiled components with.
const SECRET: &str = "a secret of a deployment, for benchmarks only";

/// A component to deploy.
struct Function {
    language: &'static str,
    name: &'static str,
    version: &'static str,
    component: Vec<u8>,
}

pub async fn run(machine: &Machine) {
    println!("\n== Deployed functions ==");
    let registry = Registry::start(harmless).await;
    let site = machine.site(Some(&registry)).await;
    // It compiles the bundled components, for the workers below to copy.
    let worker = site.worker().await;
    site.submit(&Registry::purl("first", 1)).await;
    site.settled().await;
    assert!(
        worker.terminate().await.success(),
        "the worker did not end well"
    );
    deploys(&site).await;
    println!("\nfrom `promote` to a worker's new set, in a cache without the component:");
    println!("aim: 5 s");
    let functions = [
        Function {
            language: "Rust",
            name: "shape",
            version: "0.1.0",
            component: guest("shape", "0.1.0"),
        },
        Function {
            language: "Python",
            name: "hidden-address",
            version: "0.1.0",
            component: example("sdk/python", "hidden-address"),
        },
        Function {
            language: "JavaScript",
            name: "install-address",
            version: "0.1.0",
            component: example("sdk/js", "install-address"),
        },
    ];
    for function in functions {
        switches(machine, &site, function).await;
    }
    site.stop().await;
}

/// Each deploy is admitted whole: compiled in a process of its own, described, run on samples.
async fn deploys(site: &Site<'_>) {
    let mut times = Vec::new();
    let all = Instant::now();
    for number in 0..DEPLOYS {
        let version = format!("0.{}.{}", 1 + number / 10, number % 10);
        let started = Instant::now();
        site.deploy("empty", &version, guest("empty", &version))
            .await;
        times.push(started.elapsed());
    }
    let minute = DEPLOYS as f64 * 60.0 / all.elapsed().as_secs_f64();
    times.sort_unstable();
    println!(
        "{DEPLOYS} deploys of a small Rust analyzer, one after the other: {minute:.0} a minute, median {:.0} ms",
        millis(percentile(&times, 50)),
    );
}

async fn switches(machine: &Machine, site: &Site<'_>, function: Function) {
    let Function {
        language,
        name,
        version,
        component,
    } = function;
    let size = component.len() as f64 / 1e6;
    let started = Instant::now();
    site.deploy(name, version, component).await;
    println!(
        "{language}, {size:.1} MB (its deploy took {:.1} s)",
        started.elapsed().as_secs_f64()
    );
    // One that shares what it compiled, for those that take it.
    let first = Scratch::new();
    switch(machine, site, (name, version), (&first, SECRET)).await;
    let mut medians = Vec::new();
    for (what, secret) in [("compiled by itself", ""), ("shared", SECRET)] {
        let mut times = Vec::new();
        for _ in 0..SWITCHES {
            let cache = Scratch::new();
            times.push(switch(machine, site, (name, version), (&cache, secret)).await);
        }
        times.sort_unstable();
        let median = percentile(&times, 50);
        println!(
            "  {what:<20} median {:>6.0} ms, slowest {:>6.0} ms ({SWITCHES} times)",
            millis(median),
            millis(times[times.len() - 1]),
        );
        medians.push(median.as_secs_f64());
    }
    println!("  ratio: {:.1}x", medians[0] / medians[1]);
    site.unname(name).await;
}

/// How long a running worker takes from the answer to `promote` to the set with the function.
async fn switch(
    machine: &Machine,
    site: &Site<'_>,
    (name, version): (&str, &str),
    (cache, secret): (&Scratch, &str),
) -> Duration {
    site.unname(name).await;
    // The bundled components are not what is measured.
    machine.copy_cache(cache);
    let folder = cache.path().display().to_string();
    let worker = site
        .worker_with(&[
            ("PACKGUARD_CACHE_DIR", folder.as_str()),
            ("COMPONENT_CACHE_KEY", secret),
        ])
        .await;
    // A task shows that it runs, with the set before.
    let purl = Registry::purl(&uuid::Uuid::new_v4().simple().to_string(), 1);
    site.submit(&purl).await;
    site.settled().await;
    site.promote(name, version).await;
    let started = Instant::now();
    let waiting = async {
        while !site.newest_set_has(name).await {
            tokio::time::sleep(LOOK).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.expect("the worker takes the set");
    let took = started.elapsed();
    assert!(
        worker.terminate().await.success(),
        "the worker did not end well"
    );
    took
}

impl Site<'_> {
    async fn deploy(&self, name: &str, version: &str, component: Vec<u8>) {
        let request = self.post(&format!("/api/v1/functions/?name={name}&version={version}"));
        let request = request
            .header("content-type", "application/wasm")
            .body(component);
        let answer = request.send().await.expect("the API answers");
        let status = answer.status();
        assert_eq!(status, 201, "{}", answer.text().await.unwrap_or_default());
    }

    async fn promote(&self, name: &str, version: &str) {
        let request = self.put(&format!("/api/v1/functions/{name}/aliases/stable/"));
        let answer = request.json(&json!({ "version": version })).send().await;
        let answer = answer.expect("the API answers").error_for_status();
        answer.expect("200");
    }

    /// Takes the alias away, as if it had never been promoted.
    async fn unname(&self, name: &str) {
        let deleted = sqlx::query(
            "DELETE FROM function_aliases a USING functions f WHERE f.id = a.function_id AND f.name = $1",
        )
        .bind(name)
        .execute(&self.pool)
        .await;
        deleted.expect("Postgres answers");
    }

    async fn newest_set_has(&self, name: &str) -> bool {
        let found = sqlx::query_scalar(
            "SELECT components->'components' @> jsonb_build_array(jsonb_build_object('name', $1::text))
             FROM analysis_sets ORDER BY registered_at DESC LIMIT 1",
        )
        .bind(name)
        .fetch_one(&self.pool)
        .await;
        found.expect("Postgres answers")
    }
}
