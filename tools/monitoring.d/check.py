"""Checks deploy/monitoring and deploy/RUNBOOK.md. Says what is wrong, and what could not be checked here."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

import dashboards
import expressions
from names import CONTROLLER, Names

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "deploy/monitoring"
RULES = ["records", "prices", "platform", "scaling", "cluster"]
SEVERITIES = {"critical", "warning", "info", "none"}
# Which roles of Kubernetes discovery know which labels (Prometheus' documentation).
ROLES = {"pod": ("__meta_kubernetes_namespace", "__meta_kubernetes_pod_"), "node": ("__meta_kubernetes_node_",)}

faults: list[str] = []
unchecked: list[str] = []


def load(path):
    return yaml.safe_load(Path(path).read_text())


def run(*command, cwd=HOME):
    """Runs a tool; its words are a fault where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)
    if done.returncode:
        faults.append(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def groups():
    return [(name, group) for name in RULES for group in load(HOME / f"rules/{name}.yaml")["groups"]]


def prometheus():
    """The configuration, as far as this Prometheus knows it: Debian's has no discovery in Kubernetes."""
    config = load(HOME / "prometheus.yaml")
    scrapes = config["scrape_configs"] + config["alerting"]["alertmanagers"]
    for scrape in scrapes:
        found = scrape.pop("kubernetes_sd_configs", None)
        if found is None:
            continue
        scrape["static_configs"] = [{"targets": ["127.0.0.1:1"]}]
        # Files that only a pod has.
        scrape.get("tls_config", {}).pop("ca_file", None)
        scrape.pop("authorization", None)
        role = found[0]["role"]
        for rule in scrape["relabel_configs"]:
            for label in rule["source_labels"]:
                if label.startswith("__meta") and not label.startswith(ROLES[role]):
                    faults.append(f"prometheus.yaml: role {role} has no {label}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prometheus.yaml"
        config["rule_files"] = [str(HOME / one) for one in config["rule_files"]]
        path.write_text(yaml.safe_dump(config))
        run("promtool", "check", "config", path)
    unchecked.append("kubernetes_sd_configs by promtool: Debian's is built without it (roles and labels were checked here)")


def tests(alerts):
    """The unit tests, and that each alert has one that fires and one that does not."""
    files = sorted((HOME / "tests").glob("*.yaml"))
    files = [path for path in files if path.name not in ("routes.yaml", "inhibitions.yaml")]
    run("promtool", "test", "rules", *[path.relative_to(HOME) for path in files])
    fires, quiet = set(), set()
    for path in files:
        for test in load(path)["tests"]:
            for one in test["alert_rule_test"]:
                (fires if one["exp_alerts"] else quiet).add(one["alertname"])
    always = {name for name, rule in alerts.items() if rule["expr"] == "vector(1)"}
    faults.extend(f"no test in which {name} fires" for name in alerts.keys() - fires)
    faults.extend(f"no test in which {name} stays quiet" for name in alerts.keys() - quiet - always)
    return len(files)


def routes(alerts):
    """Alertmanager: the file, where each alert goes, and that inhibitions name alerts that there are."""
    run("amtool", "check-config", "alertmanager.yaml")
    config = load(HOME / "alertmanager.yaml")
    reached = set()
    for one in load(HOME / "tests/routes.yaml"):
        labels = [f"{name}={value}" for name, value in one["labels"].items()]
        run("amtool", "config", "routes", "test", "--config.file=alertmanager.yaml",
            f"--verify.receivers={','.join(one['to'])}", *labels)
        reached |= set(one["to"])
    faults.extend(f"tests/routes.yaml: no test reaches {one['name']}" for one in config["receivers"] if one["name"] not in reached)
    tested = load(HOME / "tests/inhibitions.yaml")
    for one in tested:
        faults.extend(f"tests/inhibitions.yaml: {name} is no alert" for name in [one["cause"], *one["silences"], *one["not"]] if name not in alerts)
    causes = " ".join(f"alertname = {one['cause']}" for one in tested)
    for rule in config["inhibit_rules"]:
        faults.extend(f"tests/inhibitions.yaml: no test of {cause}" for cause in rule["source_matchers"] if cause not in causes)
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            for name in re.findall(r"Packguard\w+", matcher):
                if name not in alerts:
                    faults.append(f"alertmanager.yaml: an inhibition names {name}, which is no alert")
    # Where amtool can't see: every alert, as it is, goes where its severity says.
    wanted = {"critical": "pagerduty", "warning": "slack", "info": "email", "none": "watchdog"}
    for name, rule in alerts.items():
        labels = {"alertname": name, "namespace": "packguard", **rule["labels"]}
        out = run("amtool", "config", "routes", "test", "--config.file=alertmanager.yaml",
                  *[f"{key}={value}" for key, value in labels.items()])
        to = out.strip().split(",")
        special = {"cost": "cost"}.get(rule["labels"]["area"])
        if (special or wanted[rule["labels"]["severity"]]) not in to:
            faults.append(f"{name} goes to {to}")


def messages(alerts):
    """What people read: title and text of two alerts, one of them over."""
    name = "PackguardQueueLong"
    labels, annotations = {"alertname": name, "namespace": "packguard", **alerts[name]["labels"]}, alerts[name]["annotations"]
    message = {"status": "firing", "receiver": "slack", "groupLabels": {"area": "queue", "namespace": "packguard"}, "commonLabels": labels,
               "alerts": [{"status": status, "labels": labels, "annotations": annotations, "startsAt": "2026-01-01T00:00:00Z"}
                          for status in ("firing", "resolved")]}
    wanted = {"title": ["[FIRING 1] Packguard packguard: queue PackguardQueueLong"],
              "text": ["warning: PackguardQueueLong\n", "PackguardQueueLong (over)", annotations["runbook_url"]]}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as data:
        json.dump(message, data)
        data.flush()
        for part, words in wanted.items():
            text = run("amtool", "template", "render", "--template.glob=templates/*.tmpl", f"--template.data={data.name}",
                       f'--template.text={{{{ template "packguard.{part}" . }}}}')
            faults.extend(f"templates/packguard.tmpl: no {word!r} in {text!r}" for word in words if word not in text)


def runbook(alerts):
    """Every alert has its section, every address its anchor, and every section of an alert its alert."""
    page = (ROOT / "deploy/RUNBOOK.md").read_text()
    titles = re.findall(r"^#+ +(.+)$", page, re.M)
    anchors = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    bases = set()
    for name, rule in alerts.items():
        base, _, anchor = rule["annotations"]["runbook_url"].partition("deploy/RUNBOOK.md#")
        bases.add(base)
        if anchor != name.lower() or anchor not in anchors:
            faults.append(f"{name}: the runbook has no section for {rule['annotations']['runbook_url']}")
    faults.extend(f"deploy/RUNBOOK.md: {title} is no alert"
                  for title in titles if re.fullmatch(r"Packguard[A-Z]\w+", title) and title not in alerts)
    faults.extend(f"deploy/RUNBOOK.md: {anchor} comes twice" for anchor in set(anchors) if anchors.count(anchor) > 1)
    for target in re.findall(r"\]\(#([\w-]+)\)", page):
        if target not in anchors:
            faults.append(f"deploy/RUNBOOK.md: a link to #{target}, which is not there")
    for alert in re.findall(r"`(Packguard[A-Z]\w+)`", page):
        if alert not in alerts:
            faults.append(f"deploy/RUNBOOK.md names {alert}, which is no alert")
    if len(bases) != 1:
        faults.append(f"runbook_url has several beginnings: {sorted(bases)}")


def made(write):
    """What is made of other files: dashboards and the operator's rules."""
    rules = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
             "metadata": {"name": "packguard", "labels": {"app.kubernetes.io/name": "packguard"}},
             "spec": {"groups": [group for _, group in groups()]}}
    head = "# Written by `tools/monitoring --write` from ../rules: change those.\n"
    files = {HOME / "operator/rules.yaml": head + yaml.safe_dump(rules, sort_keys=False, width=1000, allow_unicode=True)}
    for name, make in dashboards.ALL.items():
        files[HOME / f"grafana/dashboards/{name}.json"] = json.dumps(make(), indent=1, ensure_ascii=False) + "\n"
    for path, text in files.items():
        if write:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            faults.append(f"{path.relative_to(ROOT)} is outdated: tools/monitoring --write")


def boards():
    """The dashboards' files as they are: JSON, unique, asked of variables. Their PromQL."""
    found, uids = [], []
    for path in sorted((HOME / "grafana/dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        uids.append(board["uid"])
        variables = {one["name"]: one for one in board["templating"]["list"]}
        if variables.get("datasource", {}).get("type") != "datasource":
            faults.append(f"{path.name}: no variable for the data source")
        ids = [panel["id"] for panel in board["panels"]]
        if len(set(ids)) != len(ids):
            faults.append(f"{path.name}: panels share an id")
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                where = f"{path.name}: {panel['title']}"
                source = target["datasource"]["uid"]
                if not source.startswith("${") or source[2:-1] not in variables:
                    faults.append(f"{where}: asks {source}, which is no variable")
                for name in re.findall(r"\$(\w+)", target["expr"]):
                    if name not in variables and not name.startswith("__"):
                        faults.append(f"{where}: ${name} is no variable")
                if target["datasource"]["type"] == "prometheus":
                    found.append((where, target["expr"]))
        for one in variables.values():
            asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", one.get("definition", ""))
            if asked:
                found.append((f"{path.name}: ${one['name']}", f"count by ({asked[2]}) ({asked[1]})"))
    if len(set(uids)) != len(uids):
        faults.append(f"dashboards share a uid: {uids}")
    return found


def collectors():
    """The files of servers that can not run here: YAML, and the collector's pipelines name what there is."""
    for name in ("loki", "promtail", "tempo", "grafana/datasources", "grafana/dashboards"):
        load(HOME / f"{name}.yaml")
    config = load(HOME / "otel-collector.yaml")
    for pipeline in config["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            faults.extend(f"otel-collector.yaml: no {kind} {name}" for name in names if name not in config[kind])
    unchecked.append("loki, promtail, tempo and otel-collector by the servers themselves: they are not in Debian (YAML, and the pipelines, were)")


def kustomize():
    if shutil.which("kubectl") is None:
        unchecked.append("kustomization.yaml: kubectl is missing")
        return
    out = run("kubectl", "kustomize", ".")
    named = {one["metadata"]["name"] for one in yaml.safe_load_all(out) if one and one["kind"] == "ConfigMap"}
    if out and "prometheus-rules" not in named:
        faults.append("kustomization.yaml renders no prometheus-rules")
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        (Path(folder) / "kustomization.yaml").write_text(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\ncomponents: [../operator]\n")
        run("kubectl", "kustomize", folder)


def main():
    write = "--write" in sys.argv[1:]
    names = Names(ROOT)
    faults.extend(f"tools/monitoring.d/names.py: scale/src/controller/metrics.rs has no {name}" for name in names.missing)
    made(write)
    rules = [(f"rules/{file}.yaml: {rule.get('alert') or rule['record']}", rule) for file, group in groups() for rule in group["rules"]]
    alerts = {rule["alert"]: rule for _, rule in rules if "alert" in rule}
    for name, rule in alerts.items():
        if rule["labels"]["severity"] not in SEVERITIES or not rule["labels"].get("area") or not rule["annotations"].get("summary"):
            faults.append(f"{name}: severity, area or summary is missing")
    prometheus()
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *[f"rules/{name}.yaml" for name in RULES])
    files = tests(alerts)
    routes(alerts)
    messages(alerts)
    runbook(alerts)
    found = [(where, rule["expr"]) for where, rule in rules] + boards()
    recorded = {rule["record"] for _, rule in rules if "record" in rule}
    used = set()
    for where, expr in found:
        wrong, named = expressions.check(where, expr, names, recorded)
        faults.extend(wrong)
        used |= named
    faults.extend(expressions.promtool(found))
    collectors()
    kustomize()
    idle = sorted(name for name in names.own if name.startswith("packguard_") and name not in used)
    for fault in faults:
        print(f"WRONG: {fault}")
    for one in unchecked:
        print(f"NOT CHECKED: {one}")
    print(f"{len(alerts)} alerts in {files} files of tests, {len(recorded)} recorded, {len(found)} expressions; "
          f"{len([one for one in used if one.startswith('packguard_') and one not in CONTROLLER])} metrics of docs/metrics.md used, "
          f"{len(used & CONTROLLER.keys())} of {len(CONTROLLER)} of the controller; not used: {', '.join(idle) or 'none'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
