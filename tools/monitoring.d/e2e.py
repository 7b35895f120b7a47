"""Runs tools/monitoring-e2e: see there. Exit code 1 and a line for each thing that is wrong."""

import importlib.util
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

import check
import expressions
from names import LATER, TARGET, Names

ROOT, HOME = check.ROOT, check.HOME
# The alert that is made to fire: with this threshold and no patience it fires on an empty queue.
ALERT, THRESHOLD, LOWERED = "PackguardQueueLong", "> 1000", ">= 0"
# Spans that a task leaves behind: the request, the queue, the worker, its steps (telemetry/spans.rs).
SPANS = [b"POST /api/v1/archives/", b"create analysis_tasks", b"process analysis_tasks", b"analyze manifest"]


class Hook(ThreadingHTTPServer):
    """Receives what Alertmanager and the collector send. Keeps it with the time when it came."""

    daemon_threads = True

    def __init__(self):
        self.alerts, self.traces = [], []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if self.path == "/v1/traces":
                    hook.traces.append(body)
                elif self.path.startswith("/alerts/"):
                    names = {one["labels"]["alertname"]: one for one in json.loads(body)["alerts"]}
                    hook.alerts.append((time.monotonic(), self.path.removeprefix("/alerts/"), names))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *words):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Processes:
    """What we started, and end: these, in the other order, and nothing else."""

    def __init__(self, folder):
        self.folder, self.running = folder, []

    def start(self, name, *command, **environment):
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=subprocess.STDOUT,
                                       env={**os.environ, **environment}, cwd=self.folder)
        self.running.append((name, process))

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def check(self):
        for name, process in self.running:
            if process.poll() is not None:
                raise SystemExit(f"{name} ended:\n{self.log(name)[-2000:]}")

    def end(self):
        for _, process in reversed(self.running):
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(what, seconds, ask, processes):
    """Asks until there is an answer; how long that took, and the answer."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        processes.check()
        try:
            answer = ask()
        except (urllib.error.URLError, ConnectionError, FileNotFoundError):
            answer = None
        if answer:
            return answer
        time.sleep(0.1)
    raise SystemExit(f"not within {seconds} s: {what}\n" + "\n".join(processes.log(name)[-1500:] for name, _ in processes.running))


def get(url, data=None, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers), timeout=20) as answer:
        return answer.read()


def configurations(folder, hook, targets, alertmanager):
    """Ours, with other addresses, and clocks that run faster: whose rules and routes these are is the point."""
    shutil.copytree(HOME / "rules", folder / "rules")
    path = folder / "rules/platform.yaml"
    rules = yaml.safe_load(path.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            if rule["alert"] == ALERT:
                assert THRESHOLD in rule["expr"], f"{ALERT} has no {THRESHOLD} any more"
                rule.update(expr=rule["expr"].replace(THRESHOLD, LOWERED))
                rule["for"] = "0s"
    path.write_text(yaml.safe_dump(rules))
    config = yaml.safe_load((HOME / "prometheus.yaml").read_text())
    config["global"].update(scrape_interval="1s", scrape_timeout="1s", evaluation_interval="1s")
    config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    config["scrape_configs"] = [{
        "job_name": "packguard", "sample_limit": config["scrape_configs"][0]["sample_limit"],
        "static_configs": [{"targets": [target], "labels": {"component": component, "namespace": "packguard", "pod": component}}
                           for component, target in targets.items()],
    }]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    config = yaml.safe_load((HOME / "alertmanager.yaml").read_text())
    config["global"] = {}
    config["templates"] = [str(HOME / "templates/*.tmpl")]
    for route in [config["route"], *config["route"]["routes"]]:
        route.update(group_wait="1s", group_interval="5s")
    config["receivers"] = [{"name": one["name"], "webhook_configs": [{"url": f"{hook.url}/alerts/{one['name']}"}]}
                           for one in config["receivers"]]
    (folder / "alertmanager.yaml").write_text(yaml.safe_dump(config))


def archive(number):
    """A package of its own, so that no report of before answers."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, text in [("package/package.json", f'{{"name": "e2e-{number}", "version": "1.0.{number}"}}'),
                           ("package/index.js", f"module.exports = {number};\n"), ("package/setup.py", "from setuptools import setup\nsetup()\n")]:
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return data.getvalue()


def work(api, key, processes):
    """Gives the platform something to count: archives, one of them twice, and a purl whose registry is away."""
    auth = {"Authorization": f"Bearer {key}"}
    tasks = []
    for number in [1, 2, 3, 1]:
        answer = json.loads(get(f"{api}/api/v1/archives/?filename=e2e-{number}.tgz", archive(number), **auth))
        tasks.append(answer["data"]["task_id"])
    body = json.dumps({"purl": "pkg:npm/packguard-e2e@1.0.0"}).encode()
    tasks.append(json.loads(get(f"{api}/api/v1/analyze/", body, **auth, **{"Content-Type": "application/json"}))["data"]["task_id"])

    def ended(task):
        status = json.loads(get(f"{api}/api/v1/task/{task}/", **auth))["data"]["status"]
        return status if status in ("completed", "failed", "cancelled", "timeout") else None
    return [until(f"task {task} ends", 60, lambda task=task: ended(task), processes) for task in tasks]


def query(prometheus, expr):
    asked = urllib.parse.urlencode({"query": expr})
    return json.loads(get(f"{prometheus}/api/v1/query?{asked}"))["data"]["result"]


def metrics(prometheus, targets):
    """Every metric that rules and dashboards name is exposed, with the labels that are documented; every expression runs."""
    names, faults = Names(ROOT), []
    rules = [(rule.get("alert") or rule["record"], rule) for _, group in check.groups() for rule in group["rules"]]
    found = [(name, rule["expr"]) for name, rule in rules] + check.boards()
    recorded = {rule["record"] for _, rule in rules if "record" in rule}
    used = set()
    for where, expr in found:
        used |= expressions.check(where, expr, names, recorded)[1]
    exposed = {}
    for component, target in targets.items():
        for kind, name in re.findall(r"^# (TYPE) (\S+)", get(f"http://{target}/metrics").decode(), re.M):
            exposed.setdefault(name, set()).add(component)
    base = lambda name: name.removesuffix("_total") if names.kinds.get(name) == "counter" else name.removesuffix("_info")
    missing = sorted(name for name in used & names.own if base(name) not in exposed)
    faults += [f"{name} is in docs/metrics.md and in rules or dashboards, and nobody exposes it" for name in missing]
    early = sorted(name for name in used & LATER.keys() if base(name) in exposed or name.removesuffix("_total") in exposed)
    faults += [f"{name} is exposed: take it out of LATER in names.py" for name in early if name not in names.own]
    for one in query(prometheus, '{job="packguard",__name__=~"packguard_.+|process_.+"}'):
        labels = set(one["metric"]) - {"__name__"}
        allowed = names.of(one["metric"]["__name__"])
        if allowed is None or not labels <= allowed | TARGET:
            faults.append(f"{one['metric']['__name__']} has labels that are not documented: {sorted(labels - (allowed or set()))}")
    with_data = sum(1 for _, expr in found if query(prometheus, expressions.plain(expr).replace('"any"', '".*"')))
    seen = [name for name in used & names.own if name not in missing]
    print(f"metrics: {len(seen)} of {len(used & names.own)} that are named are exposed; {len(used & LATER.keys())} are to come; "
          f"{len(found)} expressions run, {with_data} with an answer after this short a time")
    return faults


def main():
    folder = Path(tempfile.mkdtemp(prefix="packguard-e2e-"))
    folder.chmod(0o711)  # Postgres passes through it as another user.
    processes, hook = Processes(folder), Hook()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    try:
        faults = watch(folder, processes, hook)
    finally:
        processes.end()
        shutil.rmtree(folder, ignore_errors=True)
    for fault in faults:
        print(f"WRONG: {fault}")
    return 1 if faults else 0


def watch(folder, processes, hook):
    # It may be built anew while we run.
    binary = shutil.copy(Path(os.environ["PACKGUARD_BINARY"]), folder / "packguard")
    ports = {name: port() for name in ("api", "worker", "prometheus", "alertmanager", "otlp", "grpc")}
    local = {name: f"127.0.0.1:{number}" for name, number in ports.items()}
    targets = {"api": local["api"], "worker": local["worker"]}
    configurations(folder, hook, targets, local["alertmanager"])
    rotel = Path(importlib.util.find_spec("rotel").origin).parent / "rotel-agent"
    processes.start("rotel", rotel, "start", "--otlp-http-endpoint", local["otlp"], "--otlp-grpc-endpoint", local["grpc"], "--exporter", "otlp",
                    "--otlp-exporter-endpoint", hook.url, "--otlp-exporter-protocol", "http", "--otlp-exporter-compression", "none")
    nobody = "http://127.0.0.1:9"  # No registry is asked.
    processes.start("platform", binary, "dev", "--folder", folder / "dev", "--port", ports["api"],
                    METRICS_LISTEN=local["worker"], OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{local['otlp']}", TASK_MAX_ATTEMPTS="1",
                    HTTP_PROXY=nobody, HTTPS_PROXY=nobody, http_proxy=nobody, https_proxy=nobody, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    api = f"http://{local['api']}"
    until("the platform is ready", 120, lambda: f"runs at {api}" in processes.log("platform"), processes)
    until("the worker is ready", 60, lambda: get(f"http://{local['worker']}/health/"), processes)
    ends = work(api, (folder / "dev/dev.key").read_text().strip(), processes)
    print(f"platform: {len(ends)} tasks ended: {', '.join(ends)}")

    processes.start("alertmanager", "prometheus-alertmanager", "--config.file=alertmanager.yaml", "--storage.path=alertmanager",
                    f"--web.listen-address={local['alertmanager']}", "--cluster.listen-address=")
    prometheus = f"http://{local['prometheus']}"
    processes.start("prometheus", "prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=prometheus",
                    f"--web.listen-address={local['prometheus']}")
    until("Prometheus answers", 30, lambda: get(f"{prometheus}/-/ready"), processes)
    began = time.monotonic()
    until("both targets are up", 30, lambda: len(query(prometheus, 'up{job="packguard"} == 1')) == 2, processes)

    def arrived(alert, receiver):
        return next((at for at, to, names in list(hook.alerts) if to == receiver and alert in names and names[alert]["status"] == "firing"), None)
    for alert, receiver in ((ALERT, "slack"), ("PackguardWatchdog", "watchdog")):
        at = until(f"{alert} reaches {receiver}", 30, lambda a=alert, r=receiver: arrived(a, r), processes)
        print(f"alert: {alert} reached {receiver} {at - began:.1f} s after Prometheus was ready")
    faults = [f"{alert} went to {to}" for alert, to in ((ALERT, "pagerduty"), (ALERT, "email")) if arrived(alert, to)]
    mine = next(names[ALERT] for _, _, names in hook.alerts if ALERT in names)
    if "deploy/RUNBOOK.md#packguardqueuelong" not in mine["annotations"]["runbook_url"]:
        faults.append(f"{ALERT} came without its runbook: {mine['annotations']}")
    faults += metrics(prometheus, targets)
    until("the traces of a task", 30, lambda: all(any(span in body for body in list(hook.traces)) for span in SPANS), processes)
    print(f"traces: {len(hook.traces)} batches through rotel, with {', '.join(span.decode() for span in SPANS)}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
