"""Metrics, alerts, price and anomaly monitors, system health.

Stands beside `data`: imports only `market` and `arrays`, and nothing of a night depends on it.

* `alerts`, `wording` - what an alert is, and how it reads
* `outbox`, `senders`, `delivery` - written down first, told once, retried until accepted
* `metrics`, `endpoint`, `push` - Prometheus: of a process, and of a run at its end
* `inbox` - Alertmanager's alerts, told through the same outbox
* `prices`, `anomalies` - bounds, anomalous returns, volatility
* `performance` - timers, CPU, memory, disk
* `manager` - all of it behind one object, for live use
* `night` - what the hooks of a run call
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.monitor.alerts import Alert, AlertLevel, AlertType
    from tasks.monitor.anomalies import AnomalyDetector
    from tasks.monitor.manager import MonitoringManager
    from tasks.monitor.metrics import PrometheusMetrics
    from tasks.monitor.outbox import Outbox
    from tasks.monitor.performance import PerformanceMonitor
    from tasks.monitor.prices import PriceMonitor
    from tasks.monitor.push import push_run_metrics
    from tasks.monitor.wording import compose

__all__ = [
    "Alert",
    "AlertLevel",
    "AlertType",
    "AnomalyDetector",
    "MonitoringManager",
    "Outbox",
    "PerformanceMonitor",
    "PriceMonitor",
    "PrometheusMetrics",
    "compose",
    "push_run_metrics",
]

_HOME = {
    "Alert": "alerts",
    "AlertLevel": "alerts",
    "AlertType": "alerts",
    "AnomalyDetector": "anomalies",
    "MonitoringManager": "manager",
    "Outbox": "outbox",
    "PerformanceMonitor": "performance",
    "PriceMonitor": "prices",
    "PrometheusMetrics": "metrics",
    "compose": "wording",
    "push_run_metrics": "push",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
