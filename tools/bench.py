"""Packguard beside GuardDog on the same archives, in one run, on one core.

usage: bench.py CORPUS PACKGUARD GUARDDOG-VENV

Compares CPU seconds (user + system), since GuardDog's command line also waits for servers
that it asks for lists at each start; what it waits for is not counted against it.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time


def cpu_of(command, **options):
    """Runs a command; its CPU seconds, wall seconds and peak memory in MB."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    _, _, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


LIBRARY = """
import pathlib, resource, sys, tempfile
from guarddog.analyzer.analyzer import Analyzer
from guarddog.ecosystems import ECOSYSTEM
from guarddog.utils.archives import safe_extract
analyzers = {False: Analyzer(ECOSYSTEM.PYPI), True: Analyzer(ECOSYSTEM.NPM)}
def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
total = count = 0
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    with tempfile.TemporaryDirectory() as folder:
        started = cpu()
        try:
            safe_extract(str(path), folder)
            analyzers[path.name.endswith('.tgz')].analyze_sourcecode(folder)
        except Exception as error:
            print(path.name, error, file=sys.stderr)
            continue
        total += cpu() - started
        count += 1
print(count, total)
"""


def main(corpus, packguard, guarddog):
    # Where `packguard` unpacks by default; the others get the same.
    if os.access("/dev/shm", os.W_OK):
        os.environ.setdefault("TMPDIR", "/dev/shm")
    archives = sorted(pathlib.Path(corpus).iterdir())
    size = sum(path.stat().st_size for path in archives)
    print(f"\n== Throughput: {len(archives)} archives, {size / 1e6:.1f} MB, one core, CPU time ==")
    one_core = ["taskset", "-c", "0"]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PACKGUARD_CACHE_DIR": cache}
        first = cpu_of([packguard, "scan", "--offline", str(archives[0])], env=environment)
        second = cpu_of([packguard, "scan", "--offline", str(archives[0])], env=environment)
        ours = [cpu_of(one_core + [packguard, "scan", "--jobs", "1", "--offline", str(path)], env=environment)
                for path in archives]
    theirs = []
    for path in archives:
        ecosystem = "npm" if path.suffix == ".tgz" else "pypi"
        theirs.append(cpu_of(one_core + [f"{guarddog}/bin/guarddog", ecosystem, "scan", str(path), "--no-sandbox",
                                         "--output-format", "json"]))
    library = subprocess.run(one_core + ["cargo", "bench", "--quiet", "--profile", os.environ.get("BENCH_PROFILE", "bench"),
                                         "--package", "packguard-tests", "--bench", "throughput"], capture_output=True, text=True, check=True)
    inside = json.loads(library.stdout.strip().splitlines()[-1])
    run = subprocess.run(one_core + [f"{guarddog}/bin/python", "-c", LIBRARY, str(corpus)],
                         capture_output=True, text=True, check=True)
    count, seconds = run.stdout.split()[-2:]

    def row(name, packages, cpu, base=None, more=""):
        rate = packages / cpu
        ratio = f"{rate / base:6.1f}x" if base else "   1.0x"
        print(f"{name:<34}{rate:>9.1f} packages/s {ratio}  {more}")
        return rate

    base = row("GuardDog 3.2, command line", len(theirs), sum(one[0] for one in theirs))
    row("Packguard, command line", len(ours), sum(one[0] for one in ours), base,
        f"peak memory {max(one[2] for one in ours):.0f} MB")
    base = row("GuardDog 3.2, library", int(count), float(seconds))
    row("Packguard, pipeline in one process", inside["packages"], inside["cpu_seconds"], base,
        f"p50 {inside['p50_ms']} ms, p95 {inside['p95_ms']} ms, peak memory {inside['peak_rss_mb']} MB")
    print("\n== Start: packguard scan of the first archive ==")
    print(f"first  (compiles)  {first[1]:6.2f} s, {first[0] * 1e3:7.0f} ms of CPU, {first[2]:.0f} MB")
    print(f"second (cached)    {second[1]:6.2f} s, {second[0] * 1e3:7.0f} ms of CPU, {second[2]:.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
