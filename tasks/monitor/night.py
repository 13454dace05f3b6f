"""What the hooks of a run call: publish its metrics, tell its problems; never fail the night."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from tasks.errors import QilinError
from tasks.monitor.alerts import Alert
from tasks.monitor.delivery import deliver
from tasks.monitor.outbox import Outbox
from tasks.monitor.push import push_run_metrics
from tasks.monitor.senders import senders_from

__all__ = ["push_run_metrics", "run_metrics_from", "tell"]


def tell(
    alerts: Iterable[Alert] = (),
    resolved: Iterable[str] = (),
    *,
    end_of_night: bool = False,
    outbox: Outbox | None = None,
) -> str:
    """Record alerts and endings, and deliver what is due.

    Args:
        alerts: what is wrong; FAIL is sent now, lower levels with the end of the night.
        resolved: keys of problems that are over.
        end_of_night: send what was held, in one message per channel.
        outbox: where to; by default the one below `QILIN_HOME` with the environment's channels.

    Returns:
        One sentence about what could not be recorded or delivered, or an empty text.
    """
    try:
        box = outbox or Outbox(senders=senders_from(os.environ))
        try:
            box.post_all(alerts)
            for key in resolved:
                box.resolve(key)
            done = deliver(box, end_of_night=end_of_night)
        finally:
            if outbox is None:
                box.close()
    except QilinError as error:
        return str(error)
    return "; ".join(done.faults)


def run_metrics_from(
    values: Mapping[str, float], labels: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> str:
    """Publish gauges where `QILIN_PUSHGATEWAY` and `QILIN_METRICS_TEXTFILE` say, if they do."""
    return push_run_metrics(
        values,
        environ.get("QILIN_PUSHGATEWAY", ""),
        environ.get("QILIN_METRICS_TEXTFILE", ""),
        labels=labels,
    )
