"""Which metrics and labels there are: from docs/metrics.md, which is made from the code, and from the code's words."""

import re
from pathlib import Path

# Those of `packguard scale run`, a crate of its own that docs/metrics.md is not made from; that it has them is looked up.
CONTROLLER = {
    "packguard_scale_desired_pods": {"pool"},
    "packguard_scale_ready_pods": {"pool"},
    "packguard_scale_max_pods": {"pool"},
    "packguard_scale_leader": set(),
    "packguard_scale_signals_age_seconds": {"pool"},
    "packguard_scale_errors_total": {"what", "kind"},
}

# Other people's, by who emits them; their documentation is the source.
FOREIGN = {
    # Prometheus itself.
    "up": set(),
    # cAdvisor, in the kubelet.
    "container_cpu_usage_seconds_total": {"namespace", "pod", "container"},
    "container_memory_working_set_bytes": {"namespace", "pod", "container"},
    # kube-state-metrics.
    "kube_pod_container_resource_limits": {"namespace", "pod", "container", "node", "resource", "unit"},
    "kube_pod_container_status_restarts_total": {"namespace", "pod", "container"},
    "kube_node_status_capacity": {"node", "resource", "unit"},
    # node-exporter.
    "node_cpu_seconds_total": {"cpu", "mode", "node_pool"},
    "node_memory_MemAvailable_bytes": {"node_pool"},
    "node_memory_MemTotal_bytes": {"node_pool"},
}

# What deploy/monitoring/prometheus.yaml gives every series of Packguard and of nodes.
TARGET = {"job", "instance", "namespace", "pod", "node", "component", "pool", "cluster"}


class Names:
    """All metrics, their labels, and the values of those labels that have few."""

    def __init__(self, root: Path):
        self.labels, self.kinds = {}, {}
        page = (root / "docs/metrics.md").read_text()
        for name, kind, labels in re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram|info) \| ([^|]*) \|", page, re.M):
            self.labels[name], self.kinds[name] = set(re.findall(r"`(\w+)`", labels)), kind
        if len(self.labels) < 30:
            raise SystemExit("docs/metrics.md can not be read any more: its table has changed")
        code = (root / "scale/src/controller/metrics.rs").read_text()
        stems = {name: re.sub("_total$|_seconds$", "", name.removeprefix("packguard_scale_")) for name in CONTROLLER}
        self.missing = sorted(name for name, stem in stems.items() if f'"{stem}"' not in code)
        self.own = set(self.labels)
        for name, labels in {**CONTROLLER, **FOREIGN}.items():
            self.labels.setdefault(name, labels)
        self.values = self.words(root)
        self.routes = re.findall(r'^    "(/[^"]*)": \{', (root / "platform/openapi.json").read_text(), re.M)

    @staticmethod
    def words(root):
        """Label -> its values, over all metrics that have it, where all of them are a list in the code."""
        code = (root / "platform/src/telemetry/metrics/labels.rs").read_text()
        words = {name: set(re.findall(r'= "(\w+)",', body))
                 for name, body in re.findall(r"^    (\w+) \{\n(.*?)^    \}", code[code.index("\nwords! {"):], re.M | re.S)}
        structs = code[code.index("\nlabels! {"):code.index("\nwords! {")]
        values = {"dependency": {"database", "queue", "storage"}}
        for label, kind in re.findall(r"(\w+): (\w+)(?=[ ,])", structs):
            if kind in words:
                values.setdefault(label, set()).update(words[kind])
        spans = (root / "platform/src/telemetry/spans.rs").read_text()
        values["outcome"] |= set(re.findall(r'StepOutcome::\w+ => "(\w+)"', spans))
        return values

    def family(self, name):
        """The metric that a series belongs to: of a histogram's there are three."""
        for suffix in ("_bucket", "_count", "_sum"):
            if name.endswith(suffix) and self.kinds.get(name.removesuffix(suffix)) == "histogram":
                return name.removesuffix(suffix)
        return name

    def of(self, name):
        """The labels of a series; none where nobody emits it."""
        if ":" in name:
            level = name.split(":")[0]
            return set() if level == "packguard" else set(level.split("_"))
        family = self.family(name)
        if family not in self.labels or (self.kinds.get(family) == "histogram" and family == name):
            return None
        return self.labels[family] | TARGET | ({"le"} if name.endswith("_bucket") else set())
