"""Verdicts of Packguard and GuardDog on the same files: tables, misses and false alarms.

usage: eval.py PACKGUARD.jsonl GUARDDOG-VENV CACHE.json OUTPUT.md

What counts as flagged: Packguard's `suspicious` and `malicious`; GuardDog's labels
`suspicious` (score 5 and up) and `high_risk` (7 and up), source-code rules, since the files
come without registry metadata.
"""

import collections
import hashlib
import json
import pathlib
import statistics
import subprocess
import sys

ECOSYSTEMS = {"pypi": "pypi", "npm": "npm", "golang": "go", "cargo": "crates", "gem": "rubygems",
              "action": "github-action", "extension": "extension"}

GUARDDOG = """
import json, logging, pathlib, shutil, sys, tempfile, time
logging.disable(logging.CRITICAL)
from guarddog.analyzer.analyzer import Analyzer
from guarddog.ecosystems import ECOSYSTEM
from guarddog.utils.archives import safe_extract
analyzers = {}
def verdict(path, ecosystem):
    analyzer = analyzers.setdefault(ecosystem, Analyzer(ECOSYSTEM(ecosystem)))
    with tempfile.TemporaryDirectory() as folder:
        # It tells formats by suffix: these are tars and zips.
        for own, known in (('.crate', '.tar.gz'), ('.vsix', '.zip'), ('.nupkg', '.zip')):
            if path.endswith(own):
                path = shutil.copy(path, f'{folder}/archive{known}')
        started = time.process_time()
        safe_extract(path, folder + '/package')
        result = analyzer.analyze_sourcecode(folder + '/package')
        score = analyzer.calculate_package_risk_score(result)
        return {'label': score['label'], 'score': score['score'], 'cpu_ms': (time.process_time() - started) * 1e3}
for line in sys.stdin:
    job = json.loads(line)
    try:
        answer = verdict(job['path'], job['ecosystem'])
    except BaseException as error:
        answer = {'label': 'error', 'error': f'{type(error).__name__}: {error}'[:200]}
    print('ANSWER ' + json.dumps({'key': job['key'], **answer}), flush=True)
"""


def ask_guarddog(venv, cache_file, packages):
    """GuardDog's answers by archive digest; those of earlier runs are kept."""
    cache = json.loads(cache_file.read_text()) if cache_file.exists() else {}
    jobs = {}
    for package in packages:
        ecosystem = ECOSYSTEMS.get(package["ecosystem"])
        package["keys"] = []
        for path in sorted(pathlib.Path(package["archives"]).iterdir()):
            if ecosystem:
                key = ecosystem + ":" + hashlib.sha256(path.read_bytes()).hexdigest()
                package["keys"].append(key)
                if key not in cache:
                    jobs[key] = json.dumps({"key": key, "path": str(path), "ecosystem": ecosystem})
    if jobs:
        process = subprocess.run([f"{venv}/bin/python", "-c", GUARDDOG], input="\n".join(jobs.values()),
                                 capture_output=True, text=True)
        for line in process.stdout.splitlines():
            if line.startswith("ANSWER "):
                answer = json.loads(line.removeprefix("ANSWER "))
                cache[answer.pop("key")] = answer
        cache_file.write_text(json.dumps(cache))
    for package in packages:
        answers = [cache[key] for key in package["keys"] if key in cache]
        package["guarddog"] = None
        if answers:
            package["guarddog"] = any(answer["label"] in ("suspicious", "high_risk") for answer in answers)
            package["guarddog_error"] = any(answer["label"] == "error" for answer in answers)
            package["guarddog_ms"] = sum(answer.get("cpu_ms", 0) for answer in answers)


def flagged(package):
    return package.get("outcome") in ("malicious", "suspicious")


def share(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "–"


class Counts:
    def __init__(self, packages, judge):
        judged = [(package, judge(package)) for package in packages]
        judged = [(package["malicious"], answer) for package, answer in judged if answer is not None]
        self.tp = sum(bad and answer for bad, answer in judged)
        self.fn = sum(bad and not answer for bad, answer in judged)
        self.fp = sum(not bad and answer for bad, answer in judged)
        self.tn = sum(not bad and not answer for bad, answer in judged)

    def cells(self):
        precision = share(self.tp, self.tp + self.fp)
        recall = share(self.tp, self.tp + self.fn)
        f1 = share(2 * self.tp, 2 * self.tp + self.fp + self.fn)
        return [precision, recall, f1, share(self.fp, self.fp + self.tn)]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def per_ecosystem(packages):
    groups = collections.defaultdict(list)
    for package in packages:
        groups[package["ecosystem"]].append(package)
    rows = []
    for name, group in [*sorted(groups.items()), ("all", packages)]:
        bad = sum(package["malicious"] for package in group)
        ours, theirs = Counts(group, flagged), Counts(group, lambda package: package["guarddog"])
        rows.append([name, bad, len(group) - bad, *ours.cells(), *theirs.cells()])
    head = ["ecosystem", "malicious", "honest"] + ["precision", "recall", "F1", "false alarms"] + [
        "GuardDog precision", "recall", "F1", "false alarms"]
    return table(head, rows)


def per_group(packages, key, title):
    groups = collections.defaultdict(list)
    for package in packages:
        for name in key(package):
            groups[name].append(package)
    rows = []
    for name, group in sorted(groups.items()):
        bad = [package for package in group if package["malicious"]]
        good = [package for package in group if not package["malicious"]]
        asked = [package for package in bad if package["guarddog"] is not None]
        rows.append([name, len(bad), share(sum(map(flagged, bad)), len(bad)),
                     share(sum(package["guarddog"] for package in asked), len(asked)),
                     len(good), sum(map(flagged, good))])
    return table([title, "malicious", "recall", "GuardDog recall", "honest", "false alarms"], rows)


def closures(packages):
    groups = collections.defaultdict(list)
    for package in packages:
        groups[package["ecosystem"]].append(package)
    rows = []
    for name, group in [*sorted(groups.items()), ("all", packages)]:
        def count(outcome):
            return sum(package.get("outcome") == outcome for package in group)
        asked = [package for package in group if package["guarddog"] is not None]
        times = sorted(package["cpu_ms"] for package in group)
        rows.append([name, len(group), count("malicious"), count("suspicious"), count("incomplete"),
                     f"{statistics.median(times):.0f} ms", f"{times[len(times) * 95 // 100]:.0f} ms",
                     share(sum(package["guarddog"] for package in asked), len(asked)),
                     sum(package["guarddog_error"] for package in asked)])
    return table(["ecosystem", "releases", "malicious", "suspicious", "incomplete", "CPU p50", "p95",
                  "GuardDog flags", "GuardDog fails"], rows)


def wrong(packages):
    rows = []
    for package in packages:
        if flagged(package) != package["malicious"]:
            why = "missed" if package["malicious"] else "false alarm"
            rules = ", ".join(dict.fromkeys(finding[0] for finding in package.get("findings", [])))
            rows.append([package["id"], why, package.get("outcome", "error"), package.get("score", ""), rules])
    return table(["package", "", "verdict", "score", "findings"], rows) if rows else ["None."]


def main(lines, venv, cache_file, output):
    packages = [json.loads(line) for line in open(lines) if line.startswith("{")]
    ask_guarddog(venv, pathlib.Path(cache_file), packages)
    corpus = [package for package in packages if package["set"] == "corpus"]
    honest = [package for package in packages if package["set"] == "closures"]
    text = ["# How well packages are told apart", "",
            "Written by `make eval`: do not edit. Flagged means `suspicious` or `malicious`; for GuardDog 3.2 a label of",
            "`suspicious` or `high_risk` from its source-code rules, on the same files. It knows no maven, composer or nuget;",
            "its answers are kept by the archive's digest, so a later run asks it about new files only. Packguard was tuned on this",
            "corpus: README.md beside this file says what the held-out part gave when it was first tried.", "",
            "## The labelled corpus", "", *per_ecosystem(corpus), "",
            "## By technique", "", *per_group(corpus, lambda package: package["techniques"], "technique"), "",
            "## By rewriting", "", *per_group([package for package in corpus if package["malicious"]],
                                             lambda package: [package["rewriting"] or "plain"], "rewriting"), "",
            "## Misses and false alarms", "", *wrong(corpus), ""]
    if honest:
        text += ["## Dependency closures of large applications (honest)", "", *closures(honest), "", *wrong(honest), ""]
    pathlib.Path(output).write_text("\n".join(text))
    print("\n".join(text))


if __name__ == "__main__":
    main(*sys.argv[1:])
