"""Metrics of a running process, in Prometheus' naming: prefix, base units, ratios from 0 to 1.

Every object has a registry of its own, so a second one in the same process never clashes. The
label `symbol` is only for what is held or watched, at most 200 names: per-symbol data of the whole
universe belongs into Parquet, not into a time series database.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from tasks.arrays.devices import GPUUtils
from tasks.errors import UserError

MAX_SYMBOLS = 200
#: seconds; a sweep takes minutes, a single backtest milliseconds
_DURATION_BUCKETS = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 14400)
_LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10)
_SIDES = ("buy", "sell")


class PrometheusMetrics:
    """Counters, gauges and histograms of Qilin in one registry.

    Args:
        registry: where they live; a new one by default.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._symbols: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        ProcessCollector(registry=self.registry)
        self._declare_trading()
        self._declare_work()
        self._declare_machine()

    def _declare_trading(self) -> None:
        trade = ["strategy", "side", "market"]
        self.trades = self._counter("quant_trades", "Trades", trade)
        self.trade_value = self._counter("quant_trade_value_cny", "Value traded, CNY", trade)
        self.portfolio_value = self._gauge(
            "quant_portfolio_value_cny", "Value of a portfolio, CNY", ["portfolio"]
        )
        held = ["portfolio", "symbol"]
        self.position_shares = self._gauge("quant_position_shares", "Shares held", held)
        self.position_value = self._gauge(
            "quant_position_value_cny", "Value of a position, CNY", held
        )
        self.strategy_return = self._gauge(
            "quant_strategy_return_ratio", "Return over a window", ["strategy", "window"]
        )
        self.strategy_sharpe = self._gauge(
            "quant_strategy_sharpe_ratio", "Annual Sharpe ratio, net", ["strategy"]
        )
        self.strategy_drawdown = self._gauge(
            "quant_strategy_drawdown_ratio", "Drawdown now, 0 to 1", ["strategy"]
        )
        self.strategy_max_drawdown = self._gauge(
            "quant_strategy_max_drawdown_ratio", "Largest drawdown, 0 to 1", ["strategy"]
        )

    def _declare_work(self) -> None:
        self.backtest_duration = self._histogram(
            "quant_backtest_duration_seconds", "Time of a backtest", ["strategy"], _DURATION_BUCKETS
        )
        self.predict_duration = self._histogram(
            "quant_model_predict_duration_seconds", "Prediction time", ["model"], _LATENCY_BUCKETS
        )
        self.rows = self._counter("quant_rows_processed", "Rows processed", ["stage"])
        self.errors = self._counter("quant_errors", "Errors", ["component", "kind"])
        self.anomalies = self._counter("quant_price_anomalies", "Price anomalies", ["kind"])
        self.alerts = self._counter(
            "quant_alerts", "Alerts per channel and outcome", ["channel", "outcome"]
        )
        self.refused_series = self._counter(
            "quant_series_refused", "Updates left out for too many symbols", ["metric"]
        )

    def _declare_machine(self) -> None:
        self.cpu_usage = self._gauge("quant_cpu_usage_ratio", "CPU used, 0 to 1", [])
        self.memory_available = self._gauge(
            "quant_memory_available_bytes", "Memory that can be had without swapping", []
        )
        self.disk_usage = self._gauge("quant_disk_usage_ratio", "Disk used, 0 to 1", ["mountpoint"])
        self.gpu_devices = self._gauge("quant_gpu_devices", "CUDA devices of this machine", [])
        build = self._gauge("quant_build_info", "Version of Qilin; always 1", ["version"])
        build.labels(_version()).set(1)

    def record_trade(
        self, strategy: str, side: str, value_cny: float = 0.0, *, symbol: str = ""
    ) -> None:
        """Count one trade and its value.

        Args:
            strategy: name of the strategy.
            side: `buy` or `sell`.
            value_cny: value traded, CNY, at least 0.
            symbol: such as `600519.SH`; only its market becomes a label.
        """
        if side.lower() not in _SIDES:
            raise UserError(f"side {side!r} of a trade is neither 'buy' nor 'sell'")
        labels = (strategy, side.lower(), symbol.rpartition(".")[2].upper() or "unknown")
        _add(self.trade_value, labels, value_cny, "value_cny of a trade")
        self.trades.labels(*labels).inc()

    def update_portfolio_value(self, value_cny: float, portfolio: str = "main") -> None:
        """Set the value of a portfolio, CNY."""
        self.portfolio_value.labels(portfolio).set(value_cny)

    def update_position(
        self, symbol: str, shares: float, value_cny: float | None = None, portfolio: str = "main"
    ) -> None:
        """Set a position; 0 shares end its series.

        Beyond 200 held symbols the update is left out and counted in
        `quant_series_refused_total`.
        """
        key = (portfolio, symbol)
        with self._lock:
            if shares == 0:
                self._forget(key)
                return
            if key not in self._symbols and len(self._symbols) >= MAX_SYMBOLS:
                self.refused_series.labels("quant_position_shares").inc()
                return
            self._symbols.add(key)
            self.position_shares.labels(*key).set(shares)
            if value_cny is not None:
                self.position_value.labels(*key).set(value_cny)

    def record_backtest_duration(self, seconds: float, strategy: str = "all") -> None:
        """Observe the time that a backtest took."""
        self.backtest_duration.labels(strategy).observe(seconds)

    def record_prediction_latency(self, seconds: float, model: str = "all") -> None:
        """Observe the time that a prediction took."""
        self.predict_duration.labels(model).observe(seconds)

    def update_strategy_metrics(
        self,
        strategy: str,
        *,
        return_ratio: float | None = None,
        sharpe: float | None = None,
        drawdown: float | None = None,
        max_drawdown: float | None = None,
        window: str = "all",
    ) -> None:
        """Set what is given; the rest keeps its value.

        Args:
            strategy: name of the strategy.
            return_ratio: return over `window`, 0.1 for 10 %.
            sharpe: annual Sharpe ratio, net of costs.
            drawdown: drawdown now, 0 to 1.
            max_drawdown: largest drawdown, 0 to 1.
            window: what the return covers, such as `1d`, `ytd`, `all`.
        """
        if return_ratio is not None:
            self.strategy_return.labels(strategy, window).set(return_ratio)
        for gauge, value in (
            (self.strategy_sharpe, sharpe),
            (self.strategy_drawdown, drawdown),
            (self.strategy_max_drawdown, max_drawdown),
        ):
            if value is not None:
                gauge.labels(strategy).set(value)

    def record_data_processed(self, rows: int, stage: str = "all") -> None:
        """Count rows that a stage processed; Prometheus' `rate()` of it is the speed."""
        _add(self.rows, (stage,), rows, "rows")

    def record_error(self, component: str, kind: str = "error") -> None:
        """Count an error of a component; `kind` is a class of errors, never a message."""
        self.errors.labels(component, kind).inc()

    def update_system(self, metrics: Mapping[str, float], mountpoint: str) -> None:
        """Set the machine's gauges from `PerformanceMonitor.get_system_metrics`."""
        self.cpu_usage.set(metrics["cpu_usage_ratio"])
        self.memory_available.set(metrics["memory_available_bytes"])
        self.disk_usage.labels(mountpoint).set(metrics["disk_usage_ratio"])
        self.gpu_devices.set(len(GPUUtils.get_gpu_info()))

    def _forget(self, key: tuple[str, str]) -> None:
        if key in self._symbols:
            self._symbols.discard(key)
            for gauge in (self.position_shares, self.position_value):
                with contextlib.suppress(KeyError):  # its value may never have been given
                    gauge.remove(*key)

    def _counter(self, name: str, text: str, labels: list[str]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: list[str]) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, labels: list[str], buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=buckets)


def _add(counter: Counter, labels: tuple[str, ...], amount: float, what: str) -> None:
    if not 0 <= amount < float("inf"):
        raise UserError(f"{what} is {amount}: a counter grows, give a number of at least 0")
    counter.labels(*labels).inc(amount)


def _version() -> str:
    try:
        return version("qilin")
    except PackageNotFoundError:
        return "checkout"
