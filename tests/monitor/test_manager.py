"""The ancestor's monitoring snippet, and the manager's own promises."""

import subprocess
import sys
import threading
import time
import urllib.request

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.monitor import Alert, AlertLevel, AlertType, MonitoringManager
from tasks.monitor.outbox import Outbox
from tasks.monitor.performance import HealthLimits, PerformanceMonitor
from tasks.monitor.senders import Webhook


@pytest.fixture
def manager():
    with MonitoringManager(prometheus_port=0) as found:
        yield found


def alert(**more):
    return Alert(AlertType.DATA, AlertLevel.ERROR, "Prices are missing", **more)


def test_the_ancestors_snippet(free_port):
    sent, handled = [], []
    symbol, run_backtest, handle_anomaly = "600519.SH", lambda: time.sleep(0.02), handled.append
    send_notification = sent.append

    manager = MonitoringManager(prometheus_port=free_port)
    manager.init_price_monitor(["600519.SH", "000001.SZ"])
    manager.price_monitor.add_price_alert("600519.SH", threshold_high=200, threshold_low=150)

    def alert_handler(alert: Alert):
        send_notification(alert)

    manager.add_alert_handler(alert_handler)

    manager.performance_monitor.start_timer("backtest")
    run_backtest()
    duration = manager.performance_monitor.end_timer("backtest")
    manager.prometheus.record_backtest_duration(duration)

    rng = np.random.default_rng(0)
    for price in [*(180 + 0.5 * rng.standard_normal(200)), 180 * 1.1]:
        anomaly = manager.anomaly_detector.detect_price_anomaly(symbol, price)
        if anomaly:
            handle_anomaly(anomaly)

    for _ in range(1000):
        manager.price_monitor.update_price(symbol, 201.0)
    with urllib.request.urlopen(f"http://localhost:{free_port}/metrics", timeout=5) as answer:
        page = answer.read().decode()
    manager.shutdown()

    assert 0.02 <= duration < 5
    assert 'quant_backtest_duration_seconds_count{strategy="all"} 1.0' in page
    assert [a.what for a in handled] == ["600519.SH jumped far beyond its usual moves"]
    assert [a.what for a in sent] == ["600519.SH is above its bound"], "one breach is one alert"


@pytest.fixture
def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def test_two_managers_on_one_port_share_its_metrics(free_port):
    with MonitoringManager(free_port) as first, MonitoringManager(free_port) as second:
        assert first.prometheus is second.prometheus
    with MonitoringManager(free_port) as third:
        assert third.prometheus is not first.prometheus


def test_a_handler_that_fails_stops_nobody(manager, caplog):
    seen = []

    def broken(alert):
        raise RuntimeError("no network")

    manager.add_alert_handler(broken)
    manager.add_alert_handler(seen.append)
    assert manager.alert(alert())
    assert not manager.alert(alert())
    assert len(seen) == 1
    assert "no network" in caplog.text


def test_ticks_alert_once_and_end(manager):
    seen = []
    manager.add_alert_handler(seen.append)
    manager.init_price_monitor(["600519.SH"])
    manager.price_monitor.add_price_alert("600519.SH", threshold_high=200)
    rng = np.random.default_rng(1)
    for price in 190 + 0.1 * rng.standard_normal(100):
        manager.update_price("600519.SH", price)
    found = manager.update_price("600519.SH", 210)
    assert [a.type for a in found] == [AlertType.PRICE, AlertType.ANOMALY, AlertType.VOLATILITY][
        : len(found)
    ]
    assert [p.key for p in manager.outbox.open_problems()] == ["price:600519.SH:high"]
    manager.update_price("600519.SH", 190)
    assert manager.outbox.open_problems() == []
    assert len(seen) >= 2


def test_alerts_reach_the_channels(tmp_path, sink):
    with (
        Outbox(tmp_path / "o.sqlite", [Webhook(sink.url)]) as outbox,
        MonitoringManager(0, outbox=outbox) as manager,
    ):
        sink.mode = "status:503"
        manager.alert(alert())
        sink.mode = "ok"
        assert outbox.waiting() == 1
    with Outbox(tmp_path / "o.sqlite", [Webhook(sink.url)]) as outbox:
        from tasks.monitor.delivery import deliver

        assert deliver(outbox, patience=False).sent == {"webhook": 1}


def test_the_health_check_runs_in_the_background_and_ends(manager):
    manager.performance_monitor.limits = HealthLimits(memory=(0.0, 2.0), disk=(2.0, 2.0))
    seen = threading.Event()
    manager.add_alert_handler(lambda _: seen.set())
    manager.start_health_check(interval=0.01)
    manager.start_health_check(interval=0.01)
    assert seen.wait(5)
    assert [p.what for p in manager.outbox.open_problems()] == ["The memory runs out"]
    manager.performance_monitor.limits = HealthLimits(memory=(2.0, 2.0), disk=(2.0, 2.0))
    deadline = time.monotonic() + 5
    while manager.outbox.open_problems() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert manager.outbox.open_problems() == []
    before = threading.active_count()
    manager.shutdown()
    assert threading.active_count() < before
    manager.shutdown()


def test_a_wrong_interval_is_named(manager):
    with pytest.raises(UserError, match="interval 0"):
        manager.start_health_check(0)


def test_timers_nest_and_belong_to_their_thread():
    monitor = PerformanceMonitor()
    monitor.start_timer("a")
    monitor.start_timer("a")
    inner = monitor.end_timer("a")
    assert 0 <= inner <= monitor.end_timer("a")
    with pytest.raises(UserError, match="'a' was not started"):
        monitor.end_timer("a")
    monitor.start_timer("b")
    errors = []

    def elsewhere():
        try:
            monitor.end_timer("b")
        except UserError as error:
            errors.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(errors) == 1
    with monitor.timer("c"):
        pass


def test_the_machine_in_numbers():
    metrics = PerformanceMonitor().get_system_metrics()
    for name in ("cpu_usage_ratio", "memory_usage_ratio", "disk_usage_ratio"):
        assert 0 <= metrics[name] <= 1
    for name in ("memory_available_bytes", "disk_free_bytes", "process_memory_bytes"):
        assert metrics[name] > 2**20


@pytest.mark.parametrize(
    ("limits", "levels"),
    [
        (HealthLimits((1.1, 1.2), (1.1, 1.2)), []),
        (HealthLimits((0.0, 1.2), (1.1, 1.2)), [AlertLevel.WARNING]),
        (HealthLimits((0.0, 0.0), (0.0, 1.2)), [AlertLevel.CRITICAL, AlertLevel.WARNING]),
    ],
)
def test_what_runs_out_is_said(limits, levels):
    assert [a.level for a in PerformanceMonitor(limits=limits).check_system_health()] == levels


def test_a_folder_that_is_not_there_yet_is_watched_through_its_parent(tmp_path):
    assert PerformanceMonitor(tmp_path / "a" / "b").disk == tmp_path


def test_importing_the_area_loads_nothing_heavy():
    code = (
        "import sys, tasks.monitor, tasks.monitor.night, tasks.monitor.metrics; "
        "bad = {'prefect', 'distributed', 'numba', 'scipy', 'pandas', 'torch'} & set(sys.modules); "
        "assert not bad, bad; "
        "assert sorted(tasks.monitor.__all__) == sorted(tasks.monitor._HOME); "
        "[getattr(tasks.monitor, n) for n in tasks.monitor.__all__]; "
        "bad = {'prefect', 'distributed', 'torch'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
