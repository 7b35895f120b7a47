"""Every PromQL expression of rules and dashboards: it parses, and what it names is there."""

import re
import subprocess
import tempfile
from pathlib import Path

import promql_parser as promql
import yaml

from names import Names

# Grafana's own variables, by what stands for them here.
GRAFANA = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}


def plain(expr):
    """The expression without Grafana's variables: one inside quotes is some value."""
    for name, value in GRAFANA.items():
        expr = expr.replace(name, value)
    return re.sub(r"\$\{?\w+\}?", "any", expr)


def parts(node):
    """All nodes of an expression."""
    yield node
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        below = getattr(node, name, None)
        if isinstance(below, (promql.Expr, promql.VectorSelector)):
            yield from parts(below)
    if isinstance(node, promql.Call):
        for argument in node.args:
            yield from parts(argument)


def groupings(node):
    """The labels that a node groups or matches by."""
    modifier = getattr(node, "modifier", None)
    if isinstance(node, promql.AggregateExpr) and modifier is not None:
        return list(modifier.labels)
    if isinstance(node, promql.BinaryExpr) and modifier is not None:
        return [*(modifier.matching.labels if modifier.matching else []), *(modifier.group_labels or [])]
    return []


def check(where, expr, names: Names, recorded):
    """What is wrong with an expression: lines for a person; and the metrics that it names."""
    try:
        tree = promql.parse(plain(expr))
    except ValueError as error:
        return [f"{where}: does not parse: {error}: {expr}"], set()
    faults, used, there = [], set(), set()
    for node in parts(tree):
        if not isinstance(node, promql.VectorSelector):
            continue
        name = node.name
        labels = names.of(name) if name else None
        if labels is None or (":" in name and name not in recorded):
            faults.append(f"{where}: nobody emits {name}: {expr}")
            continue
        used.add(names.family(name))
        there |= labels
        for matcher in node.matchers.matchers:
            faults += [f"{where}: {fault}" for fault in match(name, matcher, labels, names)]
    for node in parts(tree):
        faults += [f"{where}: groups by {label}, which none of its metrics has" for label in groupings(node) if label not in there]
    return faults, used


def match(name, matcher, labels, names):
    """What is wrong with one matcher."""
    if matcher.name not in labels:
        return [f"{name} has no label {matcher.name}"]
    pattern = "=~" in str(matcher.op) or matcher.op in (promql.MatchOp.Re, promql.MatchOp.NotRe)
    wanted = matcher.value
    if wanted in ("", "any", ".*"):
        return []
    if matcher.name == "route" and not any(re.fullmatch(wanted if pattern else re.escape(wanted), one) for one in names.routes):
        return [f"{name}: no route is {wanted}"]
    known = names.values.get(matcher.name)
    if known is None or (names.family(name) not in names.own and matcher.name != "dependency"):
        return []
    asked = wanted.split("|") if pattern else [wanted]
    return [f"{name}: {matcher.name} is never {one}" for one in asked if re.fullmatch(r"\w+", one) and one not in known]


def promtool(expressions):
    """Prometheus' own parser over all of them, dressed up as rules: the second opinion, and the one that counts."""
    rules = [{"record": f"expression:{at}", "expr": plain(expr)} for at, (_, expr) in enumerate(expressions)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "expressions.yaml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "expressions", "rules": rules}]}))
        done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=60, check=False)
    return [] if done.returncode == 0 else [f"promtool: {done.stdout}{done.stderr}"]
