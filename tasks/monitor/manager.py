"""The manager: monitors, metrics, handlers and the outbox behind one object, for live use."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Iterable

from tasks.errors import QilinError, UserError
from tasks.monitor.alerts import Alert
from tasks.monitor.anomalies import AnomalyDetector
from tasks.monitor.delivery import deliver
from tasks.monitor.endpoint import LOOPBACK, Endpoint, open_endpoint
from tasks.monitor.metrics import PrometheusMetrics
from tasks.monitor.outbox import Outbox
from tasks.monitor.performance import PerformanceMonitor
from tasks.monitor.prices import PriceMonitor

log = logging.getLogger(__name__)

Handler = Callable[[Alert], object]


class MonitoringManager:
    """Watches prices and the machine, counts, and tells handlers and channels once per problem.

    Managers of one process on one port share the endpoint and its metrics. Close it with
    `shutdown()` or use it as a context manager.

    Args:
        prometheus_port: where metrics are shown; 0 takes any free port, None none.
        outbox: durable record with its channels; by default one in memory without channels, which
            keeps handlers free of repeats as long as the process lives.
        address: where the port is opened, loopback by default; metrics ask for no password.
    """

    def __init__(
        self,
        prometheus_port: int | None = 8000,
        *,
        outbox: Outbox | None = None,
        address: str = LOOPBACK,
    ) -> None:
        self._endpoint: Endpoint | None = None
        if prometheus_port is not None:
            self._endpoint = open_endpoint(prometheus_port, address)
        self.prometheus = self._endpoint.metrics if self._endpoint else PrometheusMetrics()
        self._own_outbox = outbox is None
        self.outbox = outbox or Outbox(":memory:")
        self.price_monitor = PriceMonitor(on_alert=self.alert, on_end=self._end)
        self.performance_monitor = PerformanceMonitor()
        self.anomaly_detector = AnomalyDetector()
        self._handlers: list[Handler] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._unhealthy: set[str] = set()

    @property
    def metrics_url(self) -> str:
        """Where the metrics are read; empty without an endpoint."""
        return self._endpoint.url if self._endpoint else ""

    def init_price_monitor(self, symbols: Iterable[str]) -> PriceMonitor:
        """Watch these symbols too, from now on; those watched already keep their bounds."""
        self.price_monitor.watch(symbols)
        return self.price_monitor

    def add_alert_handler(self, handler: Handler) -> None:
        """Call a function with each alert that is news, in the order of adding.

        A handler that raises is logged and counted; the others are called all the same.
        """
        self._handlers.append(handler)

    def update_price(self, symbol: str, price: float) -> list[Alert]:
        """Give a tick to the price monitor and to the detector; what they found in it."""
        bound = self.price_monitor.update_price(symbol, price)
        events = (
            self.anomaly_detector.detect_price_anomaly(symbol, price),
            self.anomaly_detector.detect_volatility_spike(symbol),
        )
        for event in events:
            if event is not None:
                self.prometheus.anomalies.labels(str(event.type)).inc()
                self.alert(event, event=True)
        return [found for found in (bound, *events) if found is not None]

    def alert(self, alert: Alert, *, event: bool = False) -> bool:
        """Record an alert and, if it is news, call the handlers and the channels.

        Args:
            alert: what happened.
            event: it is over at once, so that the next one of the same name is news again; the
                detector itself keeps one event from alarming twice.

        Returns:
            Whether it was news.
        """
        news = self.outbox.post(alert, at_once=True)
        if event:
            self.outbox.forget(alert.problem)
        if not news:
            return False
        for handler in self._handlers:
            self._call(handler, alert)
        self._deliver()
        return True

    def check_health(self) -> list[Alert]:
        """Look at the machine once: set its gauges, tell what is new, end what is over."""
        metrics = self.performance_monitor.get_system_metrics()
        self.prometheus.update_system(metrics, str(self.performance_monitor.disk))
        alerts = self.performance_monitor.check_system_health()
        for alert in alerts:
            self.alert(alert)
        now_bad = {alert.problem for alert in alerts}
        for key in self._unhealthy - now_bad:
            self.outbox.resolve(key)
        self._unhealthy = now_bad
        self._deliver()
        return alerts

    def start_health_check(self, interval: float = 60.0) -> None:
        """Look at the machine every `interval` seconds in the background; deliver what waits."""
        if interval <= 0:
            raise UserError(f"interval {interval:g} of the health check is not above 0 seconds")
        if self._thread is not None:
            return
        self._stop.clear()
        self._thread = threading.Thread(
            target=self._watch, args=(interval,), name="qilin-health", daemon=True
        )
        self._thread.start()

    def shutdown(self) -> None:
        """Stop the background check, deliver what waits, free the port; safe to call twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
            self._thread = None
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None
        if self._own_outbox:
            self.outbox.close()

    def __enter__(self) -> MonitoringManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _watch(self, interval: float) -> None:
        while not self._stop.is_set():
            try:
                self.check_health()
            except (QilinError, OSError) as error:
                log.warning("health check: %s", error)
                self.prometheus.record_error("monitor", type(error).__name__)
            self._stop.wait(interval)

    def _end(self, key: str, when: dt.datetime) -> None:
        self.outbox.resolve(key, when=when)

    def _call(self, handler: Handler, alert: Alert) -> None:
        try:
            handler(alert)
        except Exception as error:  # noqa: BLE001 - a user's handler may raise anything
            log.warning("alert handler %r failed: %s", handler, error)
            self.prometheus.alerts.labels("handler", "failed").inc()
        else:
            self.prometheus.alerts.labels("handler", "delivered").inc()

    def _deliver(self) -> None:
        if not self.outbox.senders:
            return
        done = deliver(self.outbox)
        for channel, count in done.sent.items():
            self.prometheus.alerts.labels(channel, "delivered").inc(count)
        for fault in done.faults:
            log.warning("%s", fault)
            self.prometheus.record_error("monitor", "DeliveryError")
