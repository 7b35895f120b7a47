"""Grafana's dashboards, in few words; tools/monitoring --write makes the JSON that Grafana reads.

A dashboard is a list of rows, a row a title and its panels; everything that all panels share stands in `panel`.
Queries keep to $namespace, and ask rules/records.yaml where that has the answer.
"""

PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
LOKI = {"type": "loki", "uid": "${logs}"}
NS = 'namespace=~"$namespace"'
WIDTH = 24


def panel(title, queries, unit="short", kind="timeseries", width=8, note="", thresholds=None, stack=False, source=None):
    """One panel. `queries`: pairs of an expression and how its series are called."""
    steps = [{"color": "green", "value": None}]
    steps += [{"color": color, "value": value} for value, color in thresholds or []]
    custom = {}
    if kind == "timeseries":
        custom = {"fillOpacity": 10, "showPoints": "never", "stacking": {"mode": "normal" if stack else "none"}}
        custom["thresholdsStyle"] = {"mode": "line" if thresholds else "off"}
    targets = [
        {"refId": chr(ord("A") + at), "datasource": source or PROMETHEUS, "expr": expr, "legendFormat": legend,
         **({"instant": True} if kind in ("stat", "table") else {}), **({"format": "table"} if kind == "table" else {})}
        for at, (expr, legend) in enumerate(queries)
    ]
    options = {}
    if kind == "stat":
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"}
    if kind == "timeseries":
        options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return {"title": title, "type": kind, "description": note, "datasource": source or PROMETHEUS, "targets": targets,
            "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": custom,
                                         "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": []},
            "options": options, "gridPos": {"w": width, "h": 4 if kind == "stat" else 8}}


def stat(title, expr, unit="short", note="", thresholds=None, width=4):
    """One number."""
    return panel(title, [(expr, "")], unit, "stat", width, note, thresholds)


def quantiles(title, metric, matchers, unit="s", by="", note="", width=8, thresholds=None):
    """Half, 95 and 99 of 100 of a histogram; or 95 of 100 of each value of a label."""
    selector = f"{metric}_bucket{{{', '.join(filter(None, [NS, matchers]))}}}[$__rate_interval]"
    if by:
        queries = [(f"histogram_quantile(0.95, sum by ({by}, le) (rate({selector})))", f"{{{{{by}}}}}")]
    else:
        queries = [(f"histogram_quantile({q}, sum by (le) (rate({selector})))", f"p{round(q * 100)}")
                   for q in (0.5, 0.95, 0.99)]
    return panel(title, queries, unit, note=note, width=width, thresholds=thresholds)


def rate(title, metric, by, matchers="", unit="ops", stack=True, width=8, note=""):
    """A counter's rate by labels."""
    selector = f"{metric}{{{', '.join(filter(None, [NS, matchers]))}}}[$__rate_interval]"
    names = [name.strip() for name in by.split(",")]
    legend = " ".join(f"{{{{{name}}}}}" for name in names)
    return panel(title, [(f"sum by ({by}) (rate({selector}))", legend)], unit, stack=stack, width=width, note=note)


def variable(name, label, query, every=True):
    """A choice that is asked of Prometheus."""
    return {"name": name, "label": label, "type": "query", "datasource": PROMETHEUS, "query": {"query": query, "refId": name},
            "definition": query, "refresh": 2, "multi": every, "includeAll": every, "allValue": ".*" if every else None, "sort": 1,
            "current": {"text": "All", "value": "$__all"} if every else {}}


def source(name, label, kind):
    """A choice of a data source, so that no dashboard knows a server's name."""
    return {"name": name, "label": label, "type": "datasource", "query": kind, "refresh": 1, "current": {}, "multi": False}


def dashboard(uid, title, rows, variables=()):
    """All of a dashboard, its panels laid out from left to right."""
    panels, y, ids = [], 0, 1
    for name, members in rows:
        panels.append({"id": ids, "type": "row", "title": name, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}})
        y, x, tallest, ids = y + 1, 0, 0, ids + 1
        for one in members:
            place = one["gridPos"]
            if x + place["w"] > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            panels.append({"id": ids, **one, "gridPos": {**place, "x": x, "y": y}})
            x, tallest, ids = x + place["w"], max(tallest, place["h"]), ids + 1
        y += tallest
    return {
        "uid": uid, "title": title, "tags": ["packguard"], "schemaVersion": 39, "version": 1, "editable": False,
        "timezone": "utc", "refresh": "30s", "time": {"from": "now-6h", "to": "now"}, "graphTooltip": 1,
        "links": [{"type": "dashboards", "tags": ["packguard"], "title": "Packguard", "asDropdown": True, "includeVars": True,
                   "keepTime": True}],
        "templating": {"list": [
            source("datasource", "Metrics", "prometheus"),
            variable("namespace", "Environment", "label_values(packguard_build_info, namespace)"),
            *variables,
        ]},
        "panels": panels,
    }


def overview():
    """Is all well?"""
    return dashboard("packguard-overview", "Packguard: overview", [
        ("Now", [
            stat("Requests answered by 5xx", f"max(namespace:packguard_http_errors:ratio_rate5m{{{NS}}}) or vector(0)", "percentunit",
                 "PackguardApiErrors at 5 %", [(0.01, "orange"), (0.05, "red")]),
            stat("p95 of answers", f"max(namespace:packguard_http_request_duration_seconds:p95_rate5m{{{NS}}})", "s",
                 "PackguardSlowAnswers at 2 s", [(1, "orange"), (2, "red")]),
            stat("Tasks that fail", f"max(namespace:packguard_task_failures:ratio_rate15m{{{NS}}}) or vector(0)", "percentunit",
                 "PackguardTasksFail at 10 %", [(0.05, "orange"), (0.1, "red")]),
            stat("Tasks that wait", f'sum(namespace_state:packguard_queue_depth:max{{state="ready", {NS}}})', "short",
                 "PackguardQueueLong at 1,000", [(500, "orange"), (1000, "red")]),
            stat("p95 of the wait", f"max(namespace:packguard_queue_wait_seconds:p95_rate5m{{{NS}}})", "s",
                 "PackguardOldestWait at 5 min", [(60, "orange"), (300, "red")]),
            stat("Age of the backup", f"time() - max(packguard_backup_last_success_timestamp_seconds{{{NS}}})", "s",
                 "PackguardBackupOld at 25 h", [(86400, "orange"), (90000, "red")]),
        ]),
        ("What it leans on", [
            panel("Reached by all processes", [(f"min by (dependency) (packguard_dependency_up{{{NS}}})", "{{dependency}}")],
                  note="1: all reach it; 0: somebody does not", width=8),
            panel("Processes that answer", [(f'sum by (component) (up{{job="packguard", {NS}}})', "{{component}}")], width=8, stack=True),
            panel("Versions that run", [(f"count by (version) (packguard_build_info{{{NS}}})", "{{version}}")], width=8, stack=True,
                  note="Two during a rollout or a canary"),
        ]),
        ("Clients", [
            rate("Requests by status", "packguard_http_requests_total", "status", 'route=~"/api/.*"', "reqps"),
            quantiles("Answers", "packguard_http_request_duration_seconds", 'route=~"/api/.*", route!~"/api/v1/(archives|batches|functions)/"',
                      thresholds=[(2, "red")], note="Uploads left out: they take as long as the client sends"),
            rate("Submissions by what became of them", "packguard_submissions_total", "outcome"),
            quantiles("p95 by route", "packguard_http_request_duration_seconds", 'route=~"/api/.*"', by="route"),
            panel("Requests being answered", [(f"sum by (pod) (packguard_http_requests_in_flight{{{NS}}})", "{{pod}}")], stack=True),
            rate("Webhooks", "packguard_webhook_deliveries_total", "outcome"),
        ]),
        ("Answers to the question", [
            rate("Verdicts", "packguard_verdicts_total", "verdict"),
            rate("Tasks by outcome", "packguard_tasks_finished_total", "outcome"),
            panel("Answered from reports that were there", [(
                f'sum(rate(packguard_submissions_total{{outcome="cached", {NS}}}[$__rate_interval])) / sum(rate(packguard_submissions_total{{{NS}}}[$__rate_interval]))',
                "share")], "percentunit"),
        ]),
        ("Logs", [panel("Errors", [('{namespace=~"$namespace", level="ERROR"}', "")], kind="logs", width=24, source=LOKI)]),
    ], [source("logs", "Logs", "loki")])


def queue():
    """Who waits, and for whom."""
    pool = f'{NS}, pool=~"$pool"'
    return dashboard("packguard-queue", "Packguard: queue and pools", [
        ("Queue", [
            panel("Tasks by state", [(f"sum by (state) (namespace_state:packguard_queue_depth:max{{{NS}}})", "{{state}}")], stack=True,
                  thresholds=[(1000, "red")]),
            panel("Ready, by priority", [(f"max by (priority) (packguard_queue_ready{{{NS}}})", "priority {{priority}}")], stack=True),
            quantiles("Wait until claimed", "packguard_queue_wait_seconds", "", thresholds=[(300, "red")]),
            panel("Oldest wait", [(f"max(namespace:packguard_queue_oldest_wait_seconds:max{{{NS}}})", "of what is ready")],
                  "s", thresholds=[(300, "red")], note="Of the task that became ready first"),
            panel("Finished per hour", [(f"sum(namespace:packguard_tasks_finished:rate5m{{{NS}}}) * 3600", "tasks")]),
            panel("Dead letters", [(f"sum(namespace:packguard_dead_letters:current{{{NS}}})", "tasks")],
                  note="packguard admin tasks list --dead"),
        ]),
        ("Tasks", [
            quantiles("From claim to end", "packguard_task_duration_seconds", ""),
            quantiles("p95 by outcome", "packguard_task_duration_seconds", "", by="outcome"),
            rate("Claims that ended without an end", "packguard_tasks_returned_total", "reason"),
            rate("Mended by the reconciler", "packguard_reconciler_repairs_total", "kind"),
            panel("Since the reconciler went through", [(
                f"time() - max(packguard_reconciler_last_success_timestamp_seconds{{{NS}}})", "age")], "s", thresholds=[(600, "red")]),
            panel("CPU seconds per task", [(
                f"sum(rate(packguard_task_cpu_seconds_total{{{NS}}}[$__rate_interval])) / sum(rate(packguard_tasks_finished_total{{{NS}}}[$__rate_interval]))",
                "CPU")], "s"),
        ]),
        ("Workers", [
            panel("Slots", [(f"sum(namespace:packguard_worker_slots:sum{{{NS}}})", "there are"),
                            (f"sum(namespace:packguard_worker_slots_in_use:sum{{{NS}}})", "in use")]),
            panel("Memory of sandboxes", [(f"sum(packguard_worker_memory_budget_bytes{{{NS}}})", "may be promised"),
                                          (f"sum(packguard_worker_memory_reserved_bytes{{{NS}}})", "is promised")], "bytes"),
            panel("Resident memory of a worker", [(f'max by (pod) (process_resident_memory_bytes{{component="worker", {NS}}})', "{{pod}}")],
                  "bytes"),
        ]),
        ("Pools", [
            panel("Pods wanted and ready", [(f"sum by (pool) (namespace_pool:packguard_scale_desired_pods:leader{{{pool}}})", "{{pool}} wanted"),
                                            (f"sum by (pool) (namespace_pool:packguard_scale_ready_pods:leader{{{pool}}})", "{{pool}} ready")]),
            panel("Of the maximum", [(
                f"namespace_pool:packguard_scale_desired_pods:leader{{{pool}}} / on (namespace, pool) (namespace_pool:packguard_scale_max_pods:leader{{{pool}}} > 0)",
                "{{pool}}")], "percentunit", thresholds=[(1, "red")]),
            panel("Age of what the controller knows", [(f"max by (pool) (packguard_scale_signals_age_seconds{{{pool}}})", "{{pool}}")], "s",
                  thresholds=[(120, "red")]),
            panel("Who leads", [(f"max by (pod) (packguard_scale_leader{{{NS}}})", "{{pod}}")]),
            rate("Errors of the controller", "packguard_scale_errors_total", "kind"),
        ]),
    ], [variable("pool", "Pool", "label_values(packguard_scale_desired_pods, pool)")])


def analyzers():
    """What looks at packages, and what it costs."""
    one = 'analyzer=~"$analyzer"'
    return dashboard("packguard-analyzers", "Packguard: analyzers", [
        ("Runs", [
            rate("Runs that ended badly", "packguard_analyzer_runs_total", "analyzer, outcome", f'outcome!="ok", {one}', width=12,
                 note="PackguardAnalyzerBreaks: ten traps or refusals within an hour"),
            quantiles("p95 of a run", "packguard_analyzer_duration_seconds", one, by="analyzer", width=12),
            quantiles("p95 of the peak of memory", "packguard_analyzer_peak_memory_bytes", one, "bytes", by="analyzer", width=12,
                      note="A step may have 512 MiB unless told otherwise"),
            rate("Fuel", "packguard_analyzer_fuel_total", "analyzer", one, "short", width=12, note="About one unit per WebAssembly instruction"),
        ]),
        ("Verdicts", [
            rate("By verdict and ecosystem", "packguard_verdicts_total", "ecosystem, verdict", 'verdict!="clean"', width=12),
            rate("Tasks by ecosystem", "packguard_tasks_finished_total", "ecosystem", width=12),
        ]),
        ("Downloads", [
            quantiles("p95 by ecosystem", "packguard_fetch_duration_seconds", "", by="ecosystem"),
            rate("That failed", "packguard_fetch_errors_total", "ecosystem, kind"),
            rate("Bytes", "packguard_downloaded_bytes_total", "ecosystem", unit="Bps"),
        ]),
        ("Functions", [
            rate("Refused for their signature", "packguard_function_signature_refusals_total", "pod", width=12),
            rate("Caches", "packguard_cache_requests_total", "cache, result", width=12,
                 note="component refused: compiled code whose MAC did not verify"),
        ]),
    ], [variable("analyzer", "Analyzer", "label_values(packguard_analyzer_runs_total, analyzer)")])


def storage():
    """Postgres, Redis, object storage, and the processes themselves."""
    def backend(name, metric):
        bad = (f'sum(rate({metric}_count{{outcome!="ok", {NS}}}[$__rate_interval])) / sum(rate({metric}_count{{{NS}}}[$__rate_interval]))')
        return (name, [
            quantiles("Time", metric, ""),
            quantiles("p95 by operation", metric, "", by="operation"),
            panel("That fail", [(f"{bad} or vector(0)", "share")], "percentunit"),
        ])
    return dashboard("packguard-storage", "Packguard: storage and database", [
        backend("Postgres", "packguard_database_query_duration_seconds"),
        ("Connections to Postgres", [
            panel("Held", [(f"sum by (pod) (packguard_database_connections{{{NS}}})", "{{pod}}")], stack=True),
            panel("Idle", [(f"sum by (pod) (packguard_database_connections_idle{{{NS}}})", "{{pod}}")], stack=True,
                  note="None for ten minutes: PackguardDatabasePoolFull"),
            quantiles("Wait for one", "packguard_database_acquire_wait_seconds", ""),
        ]),
        backend("Redis", "packguard_redis_operation_duration_seconds"),
        backend("Object storage", "packguard_storage_operation_duration_seconds"),
        ("Backups", [
            stat("Age of the last good one", f"time() - max(packguard_backup_last_success_timestamp_seconds{{{NS}}})", "s",
                 thresholds=[(86400, "orange"), (90000, "red")], width=8),
        ]),
        ("Processes", [
            panel("CPU", [(f'sum by (pod) (rate(process_cpu_seconds_total{{job="packguard", {NS}}}[$__rate_interval]))', "{{pod}}")], "short", width=6),
            panel("Resident memory", [(f'max by (pod) (process_resident_memory_bytes{{job="packguard", {NS}}})', "{{pod}}")], "bytes", width=6),
            panel("Open files", [(f'max by (pod) (process_open_fds{{job="packguard", {NS}}} / process_max_fds{{job="packguard", {NS}}})', "{{pod}}")],
                  "percentunit", width=6),
            panel("Threads", [(f'max by (pod) (process_threads{{job="packguard", {NS}}})', "{{pod}}")], width=6),
        ]),
    ])


def cost():
    """What it costs. Prices and budget: rules/prices.yaml."""
    return dashboard("packguard-cost", "Packguard: cost", [
        ("At the last day's rate", [
            stat("A month", "packguard:cost_usd:month_projected", "currencyUSD", "Nodes and what runs at any load; an assumption of prices, no bill", width=6),
            stat("Of the budget", "packguard:cost_usd:month_projected / on () packguard:budget_usd:month", "percentunit",
                 "PackguardBudgetNear at 80 %", [(0.8, "orange"), (1, "red")], width=6),
            stat("A task", "packguard:cost_usd:task", "currencyUSD", "All that is paid over all tasks of the last hour; the limit is 0.05",
                 [(0.025, "orange"), (0.05, "red")], width=6),
            stat("Tasks a day", f"sum(rate(packguard_tasks_finished_total{{{NS}}}[1d])) * 86400", width=6),
        ]),
        ("Over time", [
            panel("Nodes, dollars per hour", [("packguard:nodes_usd:hour", "all nodes")], "currencyUSD"),
            panel("Cores of nodes", [('sum by (node) (kube_node_status_capacity{resource="cpu"})', "{{node}}")], stack=True),
            panel("Dollars per task", [("packguard:cost_usd:task", "task")], "currencyUSD", thresholds=[(0.05, "red")]),
            panel("CPU seconds per task", [(
                f"sum(rate(packguard_task_cpu_seconds_total{{{NS}}}[1h])) / sum(rate(packguard_tasks_finished_total{{{NS}}}[1h]))", "task")], "s"),
            panel("Use of slots", [(f"sum(namespace:packguard_worker_slots_in_use:sum{{{NS}}}) / sum(namespace:packguard_worker_slots:sum{{{NS}}})",
                                    "in use")], "percentunit", note="Slots that are paid for and idle"),
            panel("CPU used of limits", [(
                f'sum by (pod) (rate(container_cpu_usage_seconds_total{{container!="", {NS}}}[$__rate_interval])) / on (pod) sum by (pod) (kube_pod_container_resource_limits{{resource="cpu", {NS}}})',
                "{{pod}}")], "percentunit"),
        ]),
    ])


ALL = {"overview": overview, "queue": queue, "analyzers": analyzers, "storage": storage, "cost": cost}
