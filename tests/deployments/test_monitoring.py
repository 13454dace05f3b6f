"""Rules, routes and dashboards: they parse, they fire when they should, their metrics exist."""

import ast
import json
import re
import shutil
import subprocess
import urllib.request

import pytest
import yaml

from tasks import settings
from tasks.monitor.metrics import PrometheusMetrics

FOLDER = settings.CHECKOUT / "deployments"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
RULES = yaml.safe_load((FOLDER / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))
PROMETHEUS = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
ALERTMANAGER = yaml.safe_load(
    (FOLDER / "alertmanager" / "alertmanager.yaml").read_text(encoding="utf-8")
)
DASHBOARDS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
}
ALL_RULES = [rule for group in RULES["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in ALL_RULES if "alert" in rule}
#: what Prometheus, Alertmanager and our own rules add to what our exporters show
ELSEWHERE = {
    "up", "ALERTS", "alertmanager_notifications_total", "alertmanager_notifications_failed_total",
    *(rule["record"] for rule in ALL_RULES if "record" in rule),
}  # fmt: skip


def expressions():
    found = [("rules", rule["expr"]) for rule in ALL_RULES]
    for name, board in DASHBOARDS.items():
        found += [(name, t["expr"]) for panel in board["panels"] for t in panel.get("targets", ())]
    return found


def names_in(expression):
    """Metric names of a PromQL expression: words that are no label, string, function or keyword."""
    bare = re.sub(r"\"[^\"]*\"|\{[^}]*\}|\[[^\]]*\]", " ", expression)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()(?![a-zA-Z0-9_:])", bare)
    return {w for w in words if w not in ("bool", "unless", "and", "or", "e6", "on", "by")}


def pushed_names():
    """What a night's hooks publish: literal names in the code, and the headline's numbers."""
    names = set()
    for file in ("flows/_hooks.py", "flows/_publish.py"):
        for node in ast.walk(ast.parse((settings.CHECKOUT / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names |= {node.value} if re.fullmatch(r"quant_[a-z_]+[a-z]", node.value) else set()
    headline = ast.parse(
        (settings.CHECKOUT / "tasks/report/assemble/headline.py").read_text(encoding="utf-8")
    )
    for node in ast.walk(headline):
        keys = node.keys if isinstance(node, ast.Dict) else []
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            keys = [node.slice]
        names |= {f"quant_night_{k.value}" for k in keys if isinstance(k, ast.Constant)}
    return names


def shown_names():
    """What a process of ours shows."""
    families = list(PrometheusMetrics().registry.collect())
    ends = ("", "_total", "_bucket", "_sum", "_count")
    return {f"{family.name}{end}" for family in families for end in ends}


@pytest.fixture(scope="module")
def dask_names():
    """What Dask's scheduler and worker show, asked of a cluster."""
    from distributed import LocalCluster

    from tasks.cluster.local import cluster_kwargs

    with LocalCluster(**cluster_kwargs("threads:1")["cluster_kwargs"]) as cluster:
        port = cluster.scheduler.services["dashboard"].port
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            text = answer.read().decode()
        worker = next(iter(cluster.workers.values()))
        address = f"http://127.0.0.1:{worker.http_server.port}/metrics"
        with urllib.request.urlopen(address, timeout=20) as answer:
            text += answer.read().decode()
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


def test_names_are_found_in_an_expression():
    found = names_in('sum by (le) (rate(a_total{x="b c"}[5m])) < on() group_left() d:e and c > 5e6')
    assert found == {"a_total", "d:e", "c"}


def test_every_metric_that_is_asked_for_is_exported(dask_names):
    known = ELSEWHERE | pushed_names() | shown_names() | dask_names
    unknown = {(where, n) for where, expr in expressions() for n in names_in(expr) - known}
    assert not unknown


def test_what_nights_publish_is_on_a_dashboard():
    asked = {name for where, expr in expressions() if where != "rules" for name in names_in(expr)}
    assert pushed_names() <= asked


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_and_what_to_do(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    notes = rule["annotations"]
    assert {"summary", "effect", "do"} <= set(notes)
    assert len(notes["summary"]) <= 65
    # What an exporter tells of itself ends with the exporter; what stands must outlive a restart.
    if "quant_" in rule["expr"] and rule["labels"]["severity"] == "critical":
        assert "keep_firing_for" in rule or "for" in rule


def test_every_alert_has_a_test():
    tested = set()
    for path in sorted((FOLDER / "prometheus").glob("*_test.yaml")):
        for test in yaml.safe_load(path.read_text())["tests"]:
            tested |= {t["alertname"] for t in test.get("alert_rule_test", ()) if t["exp_alerts"]}
    assert tested == set(ALERTS)


def test_the_overdue_alert_knows_the_schedule():
    """10:30 UTC on weekdays is 18:30 in Shanghai, as the deployment says."""
    nightly = yaml.safe_load((FOLDER / "prefect.yaml").read_text())["deployments"][0]
    (schedule,) = nightly["schedules"]
    minute, hour, _, _, days = schedule["cron"].split()
    assert (schedule["timezone"], days) == ("Asia/Shanghai", "1-5")
    begins = (int(hour) - 8) * 3600 + int(minute) * 60
    due = {r.get("record"): r["expr"] for r in ALL_RULES}["qilin:night_due_timestamp_seconds"]
    assert f"* 86400 + {begins}" in due
    assert due.count(f"time() - {begins + 6 * 3600}") == 3, "six hours to finish"


def test_targets_are_services_with_those_ports():
    services = COMPOSE["services"]
    for job in PROMETHEUS["scrape_configs"]:
        for address in [t for c in job.get("static_configs", ()) for t in c["targets"]]:
            host, port = address.split(":")
            if host != "127.0.0.1":
                assert port in json.dumps(services[host]), address
        for config in job.get("dns_sd_configs", ()):
            for name in config["names"]:
                assert f"0.0.0.0:{config['port']}" in json.dumps(services[name]["command"])
    (receiver,) = ALERTMANAGER["receivers"]
    (webhook,) = receiver["webhook_configs"]
    assert webhook["url"] == "http://metrics:8001/alerts"
    assert services["metrics"]["environment"]["QILIN_INBOX_PORT"] == "8001"
    assert webhook["max_alerts"] == 50
    assert {"alertname", "flow"} == set(ALERTMANAGER["route"]["group_by"])


def test_every_rule_named_by_a_route_exists():
    text = json.dumps(ALERTMANAGER)
    assert set(re.findall(r"Qilin\w+", text)) <= set(ALERTS)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_sound(name):
    board = DASHBOARDS[name]
    source = yaml.safe_load(
        (FOLDER / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    )["datasources"][0]["uid"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    cells = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        own = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not own & cells, f"{panel['title']} lies on another panel"
        assert max(x for x, _ in own) < 24
        cells |= own
        if panel["type"] == "row":
            continue
        assert panel["title"].endswith("?"), "a panel answers a question"
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["fieldConfig"]["defaults"]["noValue"] == "no data"
        assert all(t["datasource"]["uid"] == source for t in panel["targets"])
    assert len({b["uid"] for b in DASHBOARDS.values()}) == len(DASHBOARDS)


def test_the_home_page_is_a_dashboard():
    environment = COMPOSE["services"]["grafana"]["environment"]
    path = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert path.rsplit("/", 1)[1].removesuffix(".json") in DASHBOARDS


def tool(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: prometheus, prometheus-alertmanager)")
    return found


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reads_its_files():
    run(tool("promtool"), "check", "config", FOLDER / "prometheus" / "prometheus.yaml")


def test_dashboards_ask_in_promql(tmp_path):
    groups = [
        {"name": f"{i}", "rules": [{"record": "asked", "expr": asked}]}
        for i, (_, expr) in enumerate(expressions())
        for asked in [expr.replace("$__rate_interval", "1m")]
    ]
    (tmp_path / "asked.yaml").write_text(yaml.safe_dump({"groups": groups}))
    run(tool("promtool"), "check", "rules", tmp_path / "asked.yaml")


def test_rules_fire_and_end_as_they_should():
    tests = sorted((FOLDER / "prometheus").glob("*_test.yaml"))
    run(tool("promtool"), "test", "rules", *tests)


def test_alertmanager_reads_its_file():
    run(tool("amtool"), "check-config", FOLDER / "alertmanager" / "alertmanager.yaml")
