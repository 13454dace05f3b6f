"""Timers, and the state of this machine: CPU, memory, disk."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tasks import settings
from tasks.errors import UserError
from tasks.monitor.alerts import Alert, AlertLevel, AlertType


@dataclasses.dataclass(frozen=True)
class HealthLimits:
    """From which share used (0 to 1) a resource warns, and from which it fails."""

    memory: tuple[float, float] = (0.90, 0.97)
    disk: tuple[float, float] = (0.90, 0.97)


class PerformanceMonitor:
    """Named timers and machine metrics; safe among threads.

    Args:
        disk: a path on the disk to watch; `QILIN_HOME` by default.
        limits: when the machine counts as unhealthy.
    """

    def __init__(self, disk: str | Path | None = None, limits: HealthLimits | None = None) -> None:
        self.disk = _existing(Path(disk) if disk is not None else settings.local_home())
        self.limits = limits or HealthLimits()
        self._started: dict[tuple[int, str], list[float]] = {}
        self._lock = threading.Lock()
        psutil.cpu_percent(interval=None)  # the first answer of psutil is a meaningless zero

    def start_timer(self, name: str) -> None:
        """Start a timer of this thread; one name may be nested."""
        with self._lock:
            self._started.setdefault((threading.get_ident(), name), []).append(time.perf_counter())

    def end_timer(self, name: str) -> float:
        """Seconds since the last start of this name in this thread."""
        end = time.perf_counter()
        key = (threading.get_ident(), name)
        with self._lock:
            starts = self._started.get(key)
            if not starts:
                raise UserError(
                    f"timer {name!r} was not started in this thread: call start_timer({name!r}) "
                    "first"
                )
            start = starts.pop()
            if not starts:
                del self._started[key]
        return end - start

    @contextmanager
    def timer(self, name: str) -> Iterator[None]:
        """Time a block; the timer ends with it, also by an exception."""
        self.start_timer(name)
        try:
            yield
        finally:
            self.end_timer(name)

    def get_system_metrics(self) -> dict[str, float]:
        """What the machine uses now; ratios from 0 to 1, sizes in bytes.

        The CPU's ratio is the mean since the last call.
        """
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(str(self.disk))
        return {
            "cpu_usage_ratio": psutil.cpu_percent(interval=None) / 100,
            "memory_usage_ratio": memory.percent / 100,
            "memory_available_bytes": float(memory.available),
            "disk_usage_ratio": disk.percent / 100,
            "disk_free_bytes": float(disk.free),
            "process_memory_bytes": float(psutil.Process().memory_info().rss),
        }

    def check_system_health(self) -> list[Alert]:
        """One alert per resource that runs out; empty when all is well."""
        metrics = self.get_system_metrics()
        return [
            alert
            for alert in (
                _shortage(
                    "memory",
                    metrics["memory_usage_ratio"],
                    metrics["memory_available_bytes"],
                    self.limits.memory,
                    "stop other programs, or use fewer workers (QILIN_CLUSTER=threads:1)",
                ),
                _shortage(
                    f"disk of {self.disk.name or self.disk}",
                    metrics["disk_usage_ratio"],
                    metrics["disk_free_bytes"],
                    self.limits.disk,
                    "remove old runs, or set QILIN_HOME to another disk",
                ),
            )
            if alert is not None
        ]


def _shortage(
    what: str, used: float, free: float, limits: tuple[float, float], do: str
) -> Alert | None:
    warn, fail = limits
    if used < warn:
        return None
    return Alert(
        AlertType.SYSTEM,
        AlertLevel.CRITICAL if used >= fail else AlertLevel.WARNING,
        f"The {what} runs out",
        f"{used:.0%} used, {free / 2**30:,.1f} GiB free",
        effect="a night may fail or slow down",
        do=do,
        value=used,
        severity=used,
        key=f"system:{what}",
    )


def _existing(path: Path) -> Path:
    """The path or its nearest parent that exists."""
    return next(p for p in (path, *path.absolute().parents) if p.exists())
