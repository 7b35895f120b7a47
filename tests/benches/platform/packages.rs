//! Whole packages: from a purl to a report that can be read.

use packguard_tests::harness::process::Role;
use packguard_tests::harness::registry::{Registry, harmless};

use super::corpus::Corpus;
use super::lab::{Machine, Site};
use super::process;

/// Small sdists of one run.
const SMALL: usize = 500;

/// What the old system was built for.
const A_DAY: f64 = 50_000.0;

/// One worker, small sdists and then real ones.
pub async fn run(machine: &Machine) {
    println!("\n== Whole packages: purl to visible report, one worker, a local registry ==");
    println!("the old system: 50,000 requests a day with 400 to 600 workers of 2 CPU");
    let registry = Registry::start(harmless).await;
    let site = machine.site(Some(&registry)).await;
    let worker = warm(&site, &Registry::purl("warm", 0)).await;
    let purls: Vec<_> = (0..SMALL).map(|n| Registry::purl("small", n)).collect();
    measure(&site, &worker, "small sdists, two files each", &purls).await;
    end(worker, site).await;

    let Some(corpus) = Corpus::start().await else {
        println!("no CORPUS: real packages were left out");
        return;
    };
    let site = machine.site_at(corpus.url()).await;
    let purls = corpus.purls();
    let (first, rest) = purls.split_first().expect("the corpus holds packages");
    let worker = warm(&site, first).await;
    measure(
        &site,
        &worker,
        "releases drawn at random from PyPI, one artifact each",
        rest,
    )
    .await;
    end(worker, site).await;
}

async fn warm(site: &Site<'_>, purl: &str) -> Role {
    let worker = site.worker().await;
    site.submit(purl).await;
    site.settled().await;
    worker
}

async fn end(worker: Role, site: Site<'_>) {
    assert!(
        worker.terminate().await.success(),
        "the worker did not end well"
    );
    site.stop().await;
}

async fn measure(site: &Site<'_>, worker: &Role, what: &str, purls: &[String]) {
    process::forget_peak(worker.id());
    let cpu = process::cpu(worker.id());
    site.submit_all(purls).await;
    site.settled().await;
    let cpu = process::cpu(worker.id()) - cpu;
    // From the commit of the submission to that of the last report.
    let took: f64 = sqlx::query_scalar(
        "SELECT extract(epoch FROM max(completed_at) - min(created_at))::float8
         FROM tasks JOIN batch_tasks ON task_id = tasks.id",
    )
    .fetch_one(&site.pool)
    .await
    .expect("Postgres answers");
    let count = purls.len() as f64;
    let (rate, each) = (count / took, cpu.as_secs_f64() / count);
    println!("{what}: {}", purls.len());
    println!("    {}", site.outcomes().await);
    println!(
        "    {rate:.1} packages/s = {:.2} million a day, {:.0} times {A_DAY:.0}; {:.1} ms CPU of the worker each, its peak {:.0} MB",
        rate * 86_400.0 / 1e6,
        rate * 86_400.0 / A_DAY,
        each * 1e3,
        process::memory(worker.id()).peak,
    );
}
