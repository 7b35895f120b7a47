"""Packguard beside GuardDog on the same archives, in one run, on one core.

usage: bench.py CORPUS PACKGUARD GUARDDOG-VENV

Compares CPU seconds (user + system), since GuardDog's command line also waits for servers
that it asks for lists at each start; what it waits for is not counted against it.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time


ONE_CORE = ["taskset", "-c", "0"]


def cpu_of(command, **options):
    """Runs a command; its CPU seconds, wall seconds and peak memory in MB."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    _, _, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


LIBRARY = """
import json, pathlib, resource, sys, tempfile
from guarddog.analyzer.analyzer import Analyzer
from guarddog.ecosystems import ECOSYSTEM
from guarddog.utils.archives import safe_extract
analyzers = {False: Analyzer(ECOSYSTEM.PYPI), True: Analyzer(ECOSYSTEM.NPM)}
def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
ms = {}
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    with tempfile.TemporaryDirectory() as folder:
        started = cpu()
        try:
            safe_extract(str(path), folder)
            analyzers[path.name.endswith('.tgz')].analyze_sourcecode(folder)
        except Exception as error:
            print(path.name, error, file=sys.stderr)
            continue
        ms[path.name] = (cpu() - started) * 1e3
print(json.dumps(ms))
"""


def ours_on_command_line(packguard, archives):
    """Start-up, each archive by a command of its own, and all by one command."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PACKGUARD_CACHE_DIR": cache}
        scan = [packguard, "scan", "--offline"]
        starts = [cpu_of(scan + [archives[0]], env=environment) for _ in range(2)]
        alone = ONE_CORE + scan + ["--jobs", "1"]
        each = [cpu_of(alone + [path], env=environment) for path in archives]
        return starts, each, cpu_of(alone + archives, env=environment)


def theirs_on_command_line(guarddog, archives):
    def command(path):
        ecosystem = "npm" if path.suffix == ".tgz" else "pypi"
        return [f"{guarddog}/bin/guarddog", ecosystem, "scan", path, "--no-sandbox", "--output-format", "json"]
    return [cpu_of(ONE_CORE + command(path)) for path in archives]


def answer(command):
    """The JSON that a command prints on the last line that holds any: libraries talk too."""
    done = subprocess.run(ONE_CORE + command, capture_output=True, text=True, check=True)
    return json.loads(next(line for line in reversed(done.stdout.splitlines()) if line.startswith("{")))


def row(name, packages, seconds, base=None, more=""):
    rate = packages / seconds
    print(f"{name:<36}{rate:>8.1f} packages/s {rate / (base or rate):6.1f}x  {more}")
    return rate


def main(corpus, packguard, guarddog):
    # Where `packguard` unpacks by default; the others get the same.
    if os.access("/dev/shm", os.W_OK):
        os.environ.setdefault("TMPDIR", "/dev/shm")
    os.environ["CORPUS"] = str(corpus)
    archives = sorted(pathlib.Path(corpus).iterdir())
    size = sum(path.stat().st_size for path in archives)
    print(f"\n== Throughput: {len(archives)} archives, {size / 1e6:.1f} MB, one core, CPU time ==")
    starts, each, together = ours_on_command_line(packguard, archives)
    theirs = theirs_on_command_line(guarddog, archives)
    profile = os.environ.get("BENCH_PROFILE", "bench")
    bench = ["cargo", "bench", "--quiet", "--profile", profile, "--package", "packguard-tests", "--bench", "throughput"]
    inside = answer(bench)
    crowded = answer(["env", "SLOTS=16"] + bench)
    library = answer([f"{guarddog}/bin/python", "-c", LIBRARY, str(corpus)])

    def cpu(runs):
        return sum(run[0] for run in runs)

    def median_ratio(theirs, ours):
        return f"median over packages {statistics.median(a / b for a, b in zip(theirs, ours)):.1f}x"

    base = row("GuardDog, command line", len(theirs), cpu(theirs))
    row("Packguard, one command per package", len(each), cpu(each), base,
        median_ratio([run[0] for run in theirs], [run[0] for run in each])
        + f", peak memory {max(run[2] for run in each):.0f} MB")
    row("Packguard, one command for all", len(archives), together[0], base, f"peak memory {together[2]:.0f} MB")
    base = row("GuardDog, library", len(library), sum(library.values()) / 1e3)
    ms = sorted(inside["ms"].values())
    row("Packguard, pipeline in one process", len(ms), inside["cpu_seconds"], base,
        median_ratio(library.values(), [inside["ms"][name] for name in library])
        + f", p50 {ms[len(ms) // 2]:.1f} ms, p95 {ms[len(ms) * 95 // 100]:.1f} ms, peak memory {inside['peak_rss_mb']} MB")
    print(f"Packguard, 16 packages at a time: peak memory {crowded['peak_rss_mb']} MB")
    print("\n== Start: packguard scan of the first archive ==")
    for name, (seconds, wall, memory) in zip(["first  (compiles)", "second (cached)  "], starts):
        print(f"{name}  {wall:6.2f} s, {seconds * 1e3:7.0f} ms of CPU, {memory:.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
