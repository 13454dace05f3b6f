import math
import socket
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tasks.errors import EnvironmentFaultError, UserError
from tasks.monitor import push
from tasks.monitor.endpoint import open_endpoint
from tasks.monitor.metrics import MAX_SYMBOLS, PrometheusMetrics
from tasks.monitor.push import push_run_metrics


def samples(text):
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def shown(metrics):
    return samples(generate_latest(metrics.registry).decode())


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def test_a_second_one_in_the_process_never_clashes():
    first, second = PrometheusMetrics(), PrometheusMetrics()
    first.record_error("data", "timeout")
    labels = (("component", "data"), ("kind", "timeout"))
    assert shown(first)["quant_errors_total", labels] == 1
    assert ("quant_errors_total", labels) not in shown(second)


def test_everything_that_is_recorded_is_shown():
    m = PrometheusMetrics()
    m.record_trade("momentum", "BUY", 1e6, symbol="600519.SH")
    m.record_trade("momentum", "sell", 5e5)
    m.update_portfolio_value(1e7)
    m.update_position("600519.SH", 100, 150_000.0)
    m.record_backtest_duration(2.0)
    m.record_prediction_latency(0.003, "lightgbm")
    m.update_strategy_metrics("momentum", return_ratio=0.12, sharpe=1.1, drawdown=0.05)
    m.record_data_processed(5000, "load")
    found = shown(m)
    trade = (("market", "SH"), ("side", "buy"), ("strategy", "momentum"))
    assert found["quant_trades_total", trade] == 1
    assert found["quant_trade_value_cny_total", trade] == 1e6
    unknown = (("market", "unknown"), ("side", "sell"), ("strategy", "momentum"))
    assert found["quant_trades_total", unknown] == 1
    assert found["quant_portfolio_value_cny", (("portfolio", "main"),)] == 1e7
    held = (("portfolio", "main"), ("symbol", "600519.SH"))
    assert found["quant_position_shares", held] == 100
    assert found["quant_position_value_cny", held] == 150_000
    assert found["quant_backtest_duration_seconds_sum", (("strategy", "all"),)] == 2
    assert found["quant_model_predict_duration_seconds_count", (("model", "lightgbm"),)] == 1
    window = (("strategy", "momentum"), ("window", "all"))
    assert found["quant_strategy_return_ratio", window] == 0.12
    assert found["quant_strategy_sharpe_ratio", window[:1]] == 1.1
    assert ("quant_strategy_max_drawdown_ratio", window[:1]) not in found
    assert found["quant_rows_processed_total", (("stage", "load"),)] == 5000


def test_a_closed_position_ends_its_series():
    m = PrometheusMetrics()
    m.update_position("600519.SH", 100)
    m.update_position("600519.SH", 0)
    m.update_position("000001.SZ", 0)
    assert not [name for name, _ in shown(m) if name.startswith("quant_position")]


def test_the_number_of_symbols_is_bounded_and_the_rest_counted():
    m = PrometheusMetrics()
    for i in range(MAX_SYMBOLS + 50):
        m.update_position(f"{i:06d}.SH", 100)
    found = shown(m)
    assert sum(name == "quant_position_shares" for name, _ in found) == MAX_SYMBOLS
    refused = (("metric", "quant_position_shares"),)
    assert found["quant_series_refused_total", refused] == 50
    m.update_position("000000.SH", 0)
    m.update_position("600519.SH", 1)
    assert ("quant_position_shares", (("portfolio", "main"), ("symbol", "600519.SH"))) in shown(m)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_counters_only_grow(value):
    m = PrometheusMetrics()
    with pytest.raises(UserError, match="at least 0"):
        m.record_data_processed(value)
    with pytest.raises(UserError, match="at least 0"):
        m.record_trade("s", "buy", value)
    assert not [n for n, _ in shown(m) if n == "quant_trades_total"], (
        "a refused trade counts nowhere"
    )


def test_a_side_that_is_none_is_named():
    with pytest.raises(UserError, match="'short'"):
        PrometheusMetrics().record_trade("s", "short")


def test_names_follow_prometheus_rules():
    registry = CollectorRegistry()
    PrometheusMetrics(registry)
    for family in registry.collect():
        assert family.name.startswith(("quant_", "process_"))
        assert "percent" not in family.name
        assert family.documentation


def test_the_endpoint_is_on_loopback_and_shared_within_the_process():
    first = open_endpoint(0)
    second = open_endpoint(first.port)
    try:
        assert second.metrics is first.metrics
        first.metrics.record_error("a")
        second.metrics.record_error("a")
        labels = (("component", "a"), ("kind", "error"))
        assert samples(get(first.url))["quant_errors_total", labels] == 2
        mine = psutil.Process().net_connections(kind="tcp")
        listening = {c.laddr.ip for c in mine if c.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}
    finally:
        first.close()
        assert "quant_" in get(second.url), "one user is left"
        second.close()
    with pytest.raises(OSError, match="refused"):
        get(first.url)
    third = open_endpoint(first.port)
    third.close()


def test_a_port_in_use_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(EnvironmentFaultError, match=rf"127\.0\.0\.1:{port} .*already in use"):
            open_endpoint(port)
    with pytest.raises(UserError, match="70000 is no port"):
        open_endpoint(70000)


class Gateway:
    """Takes pushes as a Pushgateway does; `status` and `hang` make it a bad day."""

    def __init__(self):
        self.pushes, self.status, self.hang = [], 200, threading.Event()
        self.hang.set()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                gateway.pushes.append((self.path, body))
                gateway.hang.wait(20)
                self.send_response(gateway.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def gateway():
    found = Gateway()
    yield found
    found.hang.set()
    found.server.shutdown()
    found.server.server_close()
    found.thread.join(5)


VALUES = {"quant_flow_last_success_timestamp_seconds": 1.5e9, "quant_flow_last_run_failed": 0.0}
FLOW = (("flow", "nightly"),)


def test_a_push_adds_to_the_flows_group(gateway):
    assert push_run_metrics(VALUES, gateway.url, labels={"flow": "nightly"}) == ""
    path, body = gateway.pushes[0]
    assert path == "/metrics/job/qilin/flow/nightly"
    assert samples(body)["quant_flow_last_success_timestamp_seconds", ()] == 1.5e9


def test_a_gateway_that_fails_is_a_sentence(gateway, monkeypatch):
    gateway.status = 400
    assert "400" in push_run_metrics(VALUES, gateway.url)
    monkeypatch.setattr(push, "PUSH_TIMEOUT", 0.3)
    gateway.hang.clear()
    start = time.perf_counter()
    assert "timed out" in push_run_metrics(VALUES, gateway.url)
    assert time.perf_counter() - start < 3
    assert "check its address" in push_run_metrics(VALUES, "http://127.0.0.1:9")
    assert "check its address" in push_run_metrics(VALUES, "nonsense://x y")


def test_a_textfile_keeps_what_this_run_does_not_mention(tmp_path):
    path = tmp_path / "folder" / "qilin.prom"
    labels = {"flow": "nightly"}
    assert push_run_metrics(VALUES, textfile=str(path), labels=labels) == ""
    failed = {"quant_flow_last_run_failed": 1.0}
    assert push_run_metrics(failed, textfile=str(path), labels=labels) == ""
    assert push_run_metrics(failed, textfile=str(path), labels={"flow": 'a "b"\\\n'}) == ""
    found = samples(path.read_text())
    assert found["quant_flow_last_success_timestamp_seconds", FLOW] == 1.5e9
    assert found["quant_flow_last_run_failed", FLOW] == 1
    assert found["quant_flow_last_run_failed", (("flow", 'a "b"\\\n'),)] == 1
    assert len(found) == 3
    assert [p.name for p in path.parent.iterdir() if p.suffix == ".prom"] == ["qilin.prom"]


def test_many_flows_write_one_textfile(tmp_path):
    path = str(tmp_path / "q.prom")
    threads = [
        threading.Thread(
            target=push_run_metrics,
            args=({"a": float(i)},),
            kwargs={"textfile": path, "labels": {"f": str(i)}},
        )
        for i in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(samples((tmp_path / "q.prom").read_text())) == 20


def test_a_damaged_textfile_is_replaced(tmp_path):
    path = tmp_path / "q.prom"
    path.write_bytes(b"\xff{{{ nonsense")
    assert push_run_metrics({"a": math.nan}, textfile=str(path)) == ""
    assert math.isnan(samples(path.read_text())["a", ()])


def test_a_textfile_that_cannot_be_written_is_a_sentence(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    assert "metrics were not written to" in push_run_metrics(VALUES, textfile=f"{blocker}/q.prom")


def test_a_wrong_name_is_a_sentence_and_nothing_is_published(gateway):
    assert "'a b'" in push_run_metrics({"a b": 1.0}, gateway.url)
    assert "'f-g'" in push_run_metrics(VALUES, gateway.url, labels={"f-g": "x"})
    assert gateway.pushes == []


def test_nowhere_to_publish_is_fine():
    assert push_run_metrics(VALUES) == ""
