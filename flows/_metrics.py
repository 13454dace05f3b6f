"""The metrics endpoint of `qilin up`: this machine's state and what the last nights told.

Run as `python -m flows._metrics PORT`. Nights publish their gauges into a file as they end; this
process shows them beside the machine's own, so that one address is enough for Prometheus, and it
delivers alerts that wait in the outbox. `QILIN_INBOX_PORT` opens the inbox for Alertmanager's
webhook; `QILIN_METRICS_ADDRESS` is where both ports are opened, loopback by default.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

from tasks import settings
from tasks.errors import QilinError, UserError

DEFAULT_PORT = 8000
HEALTH_SECONDS = 30.0


def runs_file() -> Path:
    """The file of gauges that nights write when they end."""
    given = os.environ.get("QILIN_METRICS_FILE", "")
    return Path(given) if given else settings.local_home() / "metrics" / "qilin.prom"


class RunsCollector:
    """Shows the gauges of the file as it is at each scrape; an absent file shows nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def collect(self) -> Iterator[Metric]:
        """Metric families for the registry."""
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return
        yield from text_string_to_metric_families(text)


def serve(port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    from tasks.monitor.endpoint import LOOPBACK
    from tasks.monitor.inbox import Inbox
    from tasks.monitor.manager import MonitoringManager
    from tasks.monitor.outbox import Outbox
    from tasks.monitor.senders import senders_from

    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    address = os.environ.get("QILIN_METRICS_ADDRESS") or LOOPBACK
    inbox = _inbox_port()
    with (
        Outbox(None, senders_from(os.environ)) as outbox,
        MonitoringManager(port, outbox=outbox, address=address) as manager,
        contextlib.nullcontext() if inbox is None else Inbox(inbox, outbox, address),
    ):
        registry: CollectorRegistry = manager.prometheus.registry
        registry.register(RunsCollector(runs_file()))
        manager.start_health_check(HEALTH_SECONDS)
        stop.wait()


def _inbox_port() -> int | None:
    asked = os.environ.get("QILIN_INBOX_PORT", "")
    if asked and not asked.isdecimal():
        raise UserError(f"QILIN_INBOX_PORT is {asked!r}, which is no port: set 1 to 65535")
    return int(asked) if asked else None


if __name__ == "__main__":
    try:
        serve(int(sys.argv[1]))
    except QilinError as error:
        sys.exit(str(error))
