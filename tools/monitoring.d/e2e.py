"""Runs tools/monitoring-e2e: see there. Exit code 1 and a line for each thing that is wrong."""

import functools
import gzip
import hashlib
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
from names import CONTROLLER, TARGET, Names

ROOT, HOME = check.ROOT, check.HOME
# The alert that is made to fire, by a queue of fewer tasks and without patience.
ALERT, THRESHOLD, LOWERED, TASKS = "PackguardQueueLong", "> 1000", "> 100", 500
# Spans that a task leaves behind: the request, the queue, the worker, its steps (telemetry/spans.rs).
SPANS = [b"POST /api/v1/archives/", b"create analysis_tasks", b"process analysis_tasks", b"analyze manifest"]


class Hook(ThreadingHTTPServer):
    """Receives what Alertmanager, the collector and the platform send, and is the registry that it fetches from."""

    daemon_threads = True

    def __init__(self):
        self.alerts, self.traces = [], []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.body()
                if self.path == "/v1/traces":
                    hook.traces.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
                elif self.path.startswith("/alerts/"):
                    names = {one["labels"]["alertname"]: one for one in json.loads(body)["alerts"]}
                    hook.alerts.append((time.monotonic(), self.path.removeprefix("/alerts/"), names))
                self.send_response(200)
                self.end_headers()

            def body(self):
                if self.headers["Transfer-Encoding"] != "chunked":
                    return self.rfile.read(int(self.headers["Content-Length"] or 0))
                whole = b""
                while length := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(length)
                    self.rfile.readline()
                self.rfile.readline()
                return whole

            def do_GET(self):
                """A simple index of PyPI's kind: every project is there, with one release of its own."""
                # A registry takes its time. With one slot the batch takes ten seconds and more, on however fast a machine.
                time.sleep(0.01)
                kind, name = self.path.strip("/").split("/")[:2]
                release = archive(name)
                page = {"meta": {"api-version": "1.1"}, "name": name, "versions": ["1.0"], "files": [
                    {"filename": f"{name}-1.0.tar.gz", "url": f"/files/{name}/{name}-1.0.tar.gz", "size": len(release),
                     "hashes": {"sha256": hashlib.sha256(release).hexdigest()}, "upload-time": "2026-01-01T00:00:00Z"}]}
                body = json.dumps(page).encode() if kind == "simple" else release
                self.send_response(200)
                self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json" if kind == "simple" else "application/gzip")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

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


@functools.cache
def archive(name):
    """A package of its own, so that no report of before answers; the same bytes each time."""
    data = io.BytesIO()
    with gzip.GzipFile(fileobj=data, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for path, text in [("package/setup.py", f"from setuptools import setup\nsetup(name='{name}')\n"),
                           ("package/package.json", f'{{"name": "{name}", "version": "1.0.0"}}')]:
            info = tarfile.TarInfo(path)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return data.getvalue()


def work(api, key, hook, processes):
    """Gives the platform something to count: archives, one of them twice; a registry that is away; a webhook; a batch."""
    def post(path, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return json.loads(get(f"{api}{path}", data, Authorization=f"Bearer {key}", **{"Content-Type": kind}))["data"]

    def ended(task):
        status = json.loads(get(f"{api}/api/v1/task/{task}/", Authorization=f"Bearer {key}"))["data"]["status"]
        return status if status in ("completed", "failed", "cancelled", "timeout") else None

    post("/api/v1/webhooks/", {"url": f"{hook.url}/hook"})
    post("/api/v1/analyze/", {"purl": "pkg:npm/packguard-e2e@1.0.0"})
    tasks = [post(f"/api/v1/archives/?filename={name}.tgz", archive(name), "application/octet-stream")["task_id"]
             for name in ("one", "two", "one")]
    ends = [until(f"task {task} ends", 60, lambda task=task: ended(task), processes) for task in tasks]
    print(f"platform: {len(ends)} archives: {', '.join(ends)}; a batch of {TASKS} packages submitted")
    if set(ends) != {"completed"}:
        raise SystemExit("an archive was not analysed")
    post("/api/v1/batches/", {"purls": [f"pkg:pypi/e2e-{number}@1.0" for number in range(TASKS)]})


def query(prometheus, expr):
    asked = urllib.parse.urlencode({"query": expr})
    return json.loads(get(f"{prometheus}/api/v1/query?{asked}"))["data"]["result"]


def inhibitions(alertmanager, processes):
    """A cause silences its symptoms, in its own environment, and nothing else. Asked of Alertmanager itself."""
    cases = check.load(HOME / "tests/inhibitions.yaml")
    rules = {rule["alert"]: rule for _, group in check.groups() for rule in group["rules"] if "alert" in rule}
    wanted, pairs = set(), []
    for case in cases:
        # Each pair in a namespace of its own: symptoms may be causes of others.
        for name in case["silences"] + case["not"]:
            place = f"case-{case['cause']}-{name}".lower()
            pairs += [(case["cause"], place), (name, place)]
            wanted |= {(place, name)} if name in case["silences"] else set()
        pairs += [(name, f"elsewhere-{name}".lower()) for name in case["silences"]]
    alerts = [{"labels": {"alertname": name, "namespace": place, "pool": "standard", **rules[name]["labels"]}}
              for name, place in sorted(set(pairs))]
    get(f"{alertmanager}/api/v2/alerts", json.dumps(alerts).encode(), **{"Content-Type": "application/json"})

    def silenced():
        every = json.loads(get(f"{alertmanager}/api/v2/alerts"))
        mine = [one for one in every if re.match("(case|elsewhere)-", one["labels"].get("namespace", ""))]
        found = {(one["labels"]["namespace"], one["labels"]["alertname"]) for one in mine if one["status"]["inhibitedBy"]}
        # An alert is new until it has gone through the pipeline.
        done = len(mine) == len(alerts) and all(one["status"]["state"] != "unprocessed" for one in mine)
        return found | {("", "")} if done else None
    found = until("Alertmanager looks at what is silenced", 30, silenced, processes) - {("", "")}
    print(f"inhibition: {len(found & wanted)} of {len(wanted)} symptoms silenced, of {len(alerts)} alerts; {len(found - wanted)} that should not be")
    return [f"{name} {what} silenced in {place}" for what, those in (("is not", wanted - found), ("is", found - wanted)) for place, name in sorted(those)]


def metrics(prometheus):
    """Every metric that rules and dashboards name is exposed, with the labels that are documented; every expression runs."""
    names, faults = Names(ROOT), []
    rules = [(rule.get("alert") or rule["record"], rule) for _, group in check.groups() for rule in group["rules"]]
    found = [(name, rule["expr"]) for name, rule in rules] + check.boards()
    recorded = {rule["record"] for _, rule in rules if "record" in rule}
    used = set()
    for where, expr in found:
        used |= expressions.check(where, expr, names, recorded)[1]
    # `dev` runs no controller; tests of its own say what that exposes.
    wanted = {name for name in used & names.own if not name.startswith("packguard_scale_")}

    def seen():
        return {names.family(name) for name in json.loads(get(f"{prometheus}/api/v1/label/__name__/values"))["data"]}
    # Some need an event: a claim that failed is counted when its worker gives it back.
    deadline = time.monotonic() + 30
    while not wanted <= (exposed := seen()) and time.monotonic() < deadline:
        time.sleep(0.2)
    faults += [f"{name} is in docs/metrics.md and in rules or dashboards, and nobody exposes it" for name in sorted(wanted - exposed)]
    for one in query(prometheus, '{job="packguard",__name__=~"packguard_.+|process_.+"}'):
        labels = set(one["metric"]) - {"__name__"}
        allowed = names.of(one["metric"]["__name__"])
        if allowed is None or not labels <= allowed | TARGET:
            faults.append(f"{one['metric']['__name__']} has labels that are not documented: {sorted(labels - (allowed or set()))}")
    with_data = sum(1 for _, expr in found if query(prometheus, expressions.plain(expr).replace('"any"', '".*"')))
    print(f"metrics: {len(wanted & exposed)} of {len(wanted)} that are named are exposed; {len(used & CONTROLLER.keys() - exposed)} are of the controller; "
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
                    "--otlp-exporter-endpoint", hook.url, "--otlp-exporter-protocol", "http")
    nobody = "http://127.0.0.1:9"  # No registry is asked.
    processes.start("platform", binary, "dev", "--folder", folder / "dev", "--port", ports["api"],
                    METRICS_LISTEN=local["worker"], OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{local['otlp']}", TASK_MAX_ATTEMPTS="2", WORKER_CONCURRENCY="1", WEBHOOK_ALLOW_PRIVATE="true",
                    PACKGUARD_PYPI_URL=f"{hook.url}/simple/", PACKGUARD_NPM_URL="http://127.0.0.1:9/",
                    HTTP_PROXY=nobody, HTTPS_PROXY=nobody, http_proxy=nobody, https_proxy=nobody, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    api = f"http://{local['api']}"
    until("the platform is ready", 120, lambda: f"runs at {api}" in processes.log("platform"), processes)
    until("the worker is ready", 60, lambda: get(f"http://{local['worker']}/health/"), processes)
    processes.start("alertmanager", "prometheus-alertmanager", "--config.file=alertmanager.yaml", "--storage.path=alertmanager",
                    f"--web.listen-address={local['alertmanager']}", "--cluster.listen-address=")
    prometheus = f"http://{local['prometheus']}"
    processes.start("prometheus", "prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=prometheus",
                    # What fires before Alertmanager is found is told again, in a minute unless told otherwise.
                    "--rules.alert.resend-delay=1s", f"--web.listen-address={local['prometheus']}")
    until("Prometheus answers", 30, lambda: get(f"{prometheus}/-/ready"), processes)
    until("both targets are up", 30, lambda: len(query(prometheus, 'up{job="packguard"} == 1')) == 2, processes)
    work(api, (folder / "dev/dev.key").read_text().strip(), hook, processes)
    began = time.monotonic()

    def arrived(alert, receiver):
        return next((at for at, to, names in list(hook.alerts) if to == receiver and alert in names and names[alert]["status"] == "firing"), None)
    for alert, receiver in ((ALERT, "slack"), ("PackguardWatchdog", "watchdog")):
        at = until(f"{alert} reaches {receiver}", 30, lambda a=alert, r=receiver: arrived(a, r), processes)
        print(f"alert: {alert} reached {receiver}" + (f" {at - began:.1f} s after the batch was submitted" if alert == ALERT else ""))
    faults = [f"{alert} went to {to}" for alert, to in ((ALERT, "pagerduty"), (ALERT, "email")) if arrived(alert, to)]
    mine = next(names[ALERT] for _, _, names in hook.alerts if ALERT in names)
    if "deploy/RUNBOOK.md#packguardqueuelong" not in mine["annotations"]["runbook_url"]:
        faults.append(f"{ALERT} came without its runbook: {mine['annotations']}")
    faults += metrics(prometheus)
    faults += inhibitions(f"http://{local['alertmanager']}", processes)
    return faults + spans(hook)


def spans(hook):
    """The spans of a task came through a real collector. They were sent long ago: both batch for seconds at most."""
    deadline = time.monotonic() + 20
    missing = SPANS
    while missing and time.monotonic() < deadline:
        time.sleep(0.1)
        missing = [span for span in SPANS if not any(span in body for body in list(hook.traces))]
    print(f"traces: {len(hook.traces)} batches through rotel, with {len(SPANS) - len(missing)} of the {len(SPANS)} spans of a task that are looked for")
    return [f"no span {span.decode()} in {len(hook.traces)} batches of traces" for span in missing]


if __name__ == "__main__":
    sys.exit(main())
