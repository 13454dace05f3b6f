"""From a night's gauges to people, through the real Prometheus and Alertmanager where installed."""

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from tasks import settings

FOLDER = settings.CHECKOUT / "deployments"
HOST = "127.0.0.1"
pytestmark = pytest.mark.slow


def free_port():
    with socket.create_server((HOST, 0)) as held:
        return held.getsockname()[1]


@pytest.fixture
def told():
    """Texts that a webhook of ours was sent, and its address."""
    texts = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            texts.put(body["text"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    texts.url = f"http://{HOST}:{server.server_port}/"
    yield texts
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def start(tmp_path):
    """Start a process; all of them end with the test."""
    started = []

    def run(*command, **environment):
        log = (tmp_path / f"{len(started)}.log").open("wb")
        env = {**os.environ, **environment}
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=env, cwd=tmp_path
        )
        started.append((process, log))
        return process

    yield run
    for process, log in started:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        log.close()


def ask(port, path):
    with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


def wait_for(port, path, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask(port, path)
        except OSError:
            assert time.monotonic() < deadline, path
            time.sleep(0.2)


def query(port, expression):
    answer = json.loads(ask(port, "/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
    assert answer["status"] == "success", expression
    return answer["data"]["result"]


def watched(tmp_path, ports):
    """Our configuration with the addresses of this test, and a faster clock."""
    config = yaml.safe_load((FOLDER / "prometheus/prometheus.yaml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FOLDER / "prometheus/rules.yaml")]
    manager = config["alerting"]["alertmanagers"][0]
    manager["static_configs"][0]["targets"] = [f"{HOST}:{ports['alertmanager']}"]
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    for name in ("prometheus", "alertmanager", "qilin"):
        jobs[name]["static_configs"][0]["targets"] = [f"{HOST}:{ports[name]}"]
    config["scrape_configs"] = [jobs[n] for n in ("prometheus", "alertmanager", "qilin")]
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    routes = yaml.safe_load((FOLDER / "alertmanager/alertmanager.yaml").read_text())
    hook = routes["receivers"][0]["webhook_configs"][0]
    hook["url"] = hook["url"].replace("metrics:8001", f"{HOST}:{ports['inbox']}")
    routes["route"]["routes"][0] |= {"group_wait": "1s", "group_interval": "2s"}
    (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump(routes))


def test_a_failed_night_reaches_people_and_every_panel_has_an_answer(tmp_path, told, start):
    binaries = [shutil.which("prometheus"), shutil.which("prometheus-alertmanager")]
    if None in binaries:
        pytest.skip("prometheus and prometheus-alertmanager (Debian packages) are not installed")
    names = ("prometheus", "alertmanager", "qilin", "inbox")
    ports = {name: free_port() for name in names}
    watched(tmp_path, ports)
    home = tmp_path / "home"
    gauges = home / "metrics" / "qilin.prom"
    gauges.parent.mkdir(parents=True)
    gauges.write_text(
        '# TYPE quant_flow_last_run_failed gauge\nquant_flow_last_run_failed{flow="nightly"} 1\n'
        "# TYPE quant_flow_last_success_timestamp_seconds gauge\n"
        f'quant_flow_last_success_timestamp_seconds{{flow="nightly"}} {time.time()}\n'
    )
    start(
        sys.executable, "-m", "flows._metrics", str(ports["qilin"]),
        QILIN_HOME=str(home), QILIN_INBOX_PORT=str(ports["inbox"]), QILIN_ALERT_WEBHOOK=told.url,
        PYTHONPATH=str(settings.CHECKOUT),
    )  # fmt: skip
    start(
        binaries[1], "--config.file=alertmanager.yaml", "--storage.path=am",
        f"--web.listen-address={HOST}:{ports['alertmanager']}", "--cluster.listen-address=",
    )  # fmt: skip
    wait_for(ports["qilin"], "/metrics")
    wait_for(ports["alertmanager"], "/-/ready")
    start(
        binaries[0], "--config.file=prometheus.yaml", "--storage.tsdb.path=tsdb",
        f"--web.listen-address={HOST}:{ports['prometheus']}",
    )  # fmt: skip
    wait_for(ports["prometheus"], "/-/ready")

    text = told.get(timeout=90)  # the inbox's owner delivers every half minute
    assert text.startswith("[FAIL] The last run of nightly failed or crashed")
    assert "press Retry" in text

    for path in (FOLDER / "grafana" / "dashboards").glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                query(ports["prometheus"], target["expr"].replace("$__rate_interval", "1m"))
    assert query(ports["prometheus"], 'quant_flow_last_run_failed{flow="nightly"}')
    assert query(ports["prometheus"], "quant_disk_usage_ratio")
    assert query(ports["prometheus"], 'ALERTS{alertname="QilinNightOverdue"}') == []
