"""What a run tells at its end: pushed to a Pushgateway, or written for node_exporter to pick up.

A push adds (POST): values that this run does not mention, such as the time of the last success,
stay. Monitoring never fails a night: whatever goes wrong comes back as a sentence.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import pushadd_to_gateway
from prometheus_client.parser import text_string_to_metric_families

#: seconds; a night does not wait longer for a gateway
PUSH_TIMEOUT = 5.0
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*$")


def push_run_metrics(
    values: Mapping[str, float],
    gateway: str = "",
    textfile: str = "",
    *,
    labels: Mapping[str, str] | None = None,
    job: str = "qilin",
) -> str:
    """Publish gauges about a run; an empty answer means that all went well.

    Args:
        values: metric name to value, such as `quant_flow_last_success_timestamp_seconds`.
        gateway: address of a Pushgateway; empty for none.
        textfile: a `.prom` file in node_exporter's textfile folder; empty for none.
        labels: such as `{"flow": "nightly"}`; on the gateway they are the group.
        job: the group's job label.

    Returns:
        One sentence about what could not be published and why, or an empty text.
    """
    wrong = [n for n in values if not _NAME.match(n)] + [
        n for n in labels or {} if not _NAME.match(n)
    ]
    if wrong:
        return f"metrics were not published: {wrong[0]!r} is no metric or label name"
    faults = []
    if gateway:
        faults.append(_push(values, gateway, dict(labels or {}), job))
    if textfile:
        faults.append(_write(values, Path(textfile), dict(labels or {})))
    return "; ".join(fault for fault in faults if fault)


def _push(values: Mapping[str, float], gateway: str, labels: dict[str, str], job: str) -> str:
    registry = CollectorRegistry()
    for name, value in values.items():
        Gauge(name, name, registry=registry).set(value)
    try:
        pushadd_to_gateway(gateway, job, registry, grouping_key=labels, timeout=PUSH_TIMEOUT)
    except (OSError, ValueError, HTTPException) as error:
        cause = " ".join(str(error).split())[:200] or type(error).__name__
        return f"metrics were not pushed to the gateway {gateway} ({cause}); check its address"
    return ""


def _write(values: Mapping[str, float], path: Path, labels: dict[str, str]) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f".{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _replace(path, _merged(path, values, labels))
    except OSError as error:
        cause = error.strerror or error
        return f"metrics were not written to {path} ({cause}); free space or fix its permissions"
    return ""


def _merged(path: Path, values: Mapping[str, float], labels: dict[str, str]) -> bytes:
    """The file's former samples with ours in place: the same meaning as a gateway's push-add."""
    own = {(name, tuple(sorted(labels.items()))): value for name, value in values.items()}
    lines, last = [], ""
    for (name, pairs), value in sorted((_former(path) | own).items()):
        if name != last:
            lines.append(f"# TYPE {name} gauge")
            last = name
        inside = ",".join(f'{k}="{_escape(v)}"' for k, v in pairs)
        lines.append(
            f"{name}{{{inside}}} {float(value)!r}" if pairs else f"{name} {float(value)!r}"
        )
    return ("\n".join(lines) + "\n").encode()


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _former(path: Path) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Samples of an earlier run; a damaged file is replaced by what we know."""
    try:
        families = list(text_string_to_metric_families(path.read_text()))
    except (FileNotFoundError, ValueError):
        return {}
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in families
        for s in family.samples
    }


def _replace(path: Path, content: bytes) -> None:
    """Write beside, sync, rename: node_exporter never reads half a file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
