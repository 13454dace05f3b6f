"""The inbox: Alertmanager's webhook, told through the same channels as Qilin's own alerts.

Alertmanager knows no DingTalk, WeCom group or Feishu robot, and would take their refusals inside
HTTP 200 for success. Here its alerts are written to the outbox before they are acknowledged, so an
alert that begins and ends while a channel is down is told all the same. One group is one problem;
an alert that Qilin tells by itself too names that problem in its annotation `problem`.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from tasks.errors import EnvironmentFaultError, UserError
from tasks.monitor.alerts import Alert, AlertLevel, AlertType
from tasks.monitor.outbox import Outbox

log = logging.getLogger(__name__)

PATH = "/alerts"
LOOPBACK = "127.0.0.1"
#: a webhook of fifty alerts has some ten kilobytes
_LONGEST_BODY = 4 * 2**20
#: distinct sizes of one problem that a message shows; the rest is counted
_NAMED = 5


class _Fired(BaseModel):
    status: Literal["firing", "resolved"]
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    since: AwareDatetime = Field(alias="startsAt")


class _Group(BaseModel):
    status: Literal["firing", "resolved"]
    key: str = Field(alias="groupKey")
    alerts: list[_Fired]
    left_out: int = Field(0, alias="truncatedAlerts")


def receive(body: bytes, outbox: Outbox) -> None:
    """Write one webhook's problems down, or their end.

    Args:
        body: what Alertmanager posts, its webhook format version 4.
        outbox: where to.

    Raises:
        UserError: it is no such webhook.
        EnvironmentFaultError: the outbox cannot be written.
    """
    try:
        group = _Group.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole text"
        raise UserError(
            f"the inbox takes Alertmanager's webhook, and at {place}: {first['msg']}"
        ) from error
    for key in sorted({_problem(group, a) for a in group.alerts}):
        firing = [a for a in group.alerts if a.status == "firing" and _problem(group, a) == key]
        if firing:
            outbox.post(_alert(key, firing, group.left_out))
        else:
            outbox.resolve(key)


class Inbox:
    """A small HTTP server that takes webhooks at `/alerts`; use it as a context manager.

    Args:
        port: 0 takes any free one.
        outbox: where alerts are written down; whoever owns it delivers them.
        address: loopback by default; whoever reaches it can send messages to your channels.

    Errors: `EnvironmentFaultError` if the port cannot be opened.
    """

    def __init__(self, port: int, outbox: Outbox, address: str = LOOPBACK) -> None:
        if not 0 <= port <= 65535:
            raise UserError(f"inbox port {port} is no port: choose 1 to 65535, or 0 for any free")
        try:
            self._server = ThreadingHTTPServer((address, port), _handler(outbox))
        except OSError as error:
            raise EnvironmentFaultError(
                f"the inbox {address}:{port} cannot be opened ({error.strerror}): stop the program "
                "that holds the port or choose another one"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="qilin-inbox")
        self._thread.start()

    @property
    def url(self) -> str:
        """Where Alertmanager posts to."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}{PATH}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Inbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _handler(outbox: Outbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for one request to arrive

        def do_POST(self) -> None:
            status, text = self._answer()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def _answer(self) -> tuple[int, str]:
            length = self.headers.get("Content-Length", "")
            if self.path != PATH:
                return 404, f"nothing is here: post to {PATH}"
            if not length.isdecimal() or int(length) > _LONGEST_BODY:
                return 413, f"a webhook has a Content-Length up to {_LONGEST_BODY}"
            try:
                receive(self.rfile.read(int(length)), outbox)
            except UserError as error:
                log.warning("%s", error)
                return 400, str(error)
            except EnvironmentFaultError as error:  # Alertmanager tries again after a 5xx
                log.warning("%s", error)
                return 503, str(error)
            return 200, ""

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            log.debug(format, *args)

    return Handler


def _problem(group: _Group, alert: _Fired) -> str:
    return alert.annotations.get("problem") or f"alertmanager:{group.key}"


def _alert(key: str, firing: list[_Fired], left_out: int) -> Alert:
    first = min(firing, key=lambda a: a.since)
    notes = first.annotations
    loud = any(a.labels.get("severity") == "critical" for a in firing)
    return Alert(
        type=AlertType.SYSTEM,
        level=AlertLevel.CRITICAL if loud else AlertLevel.WARNING,
        what=notes.get("summary") or first.labels.get("alertname", "an alert without a name"),
        how_bad=_sizes((a.annotations.get("how_bad", "") for a in firing), left_out),
        since=first.since.astimezone(dt.UTC),
        effect=notes.get("effect", ""),
        do=notes.get("do", ""),
        link=notes.get("link", ""),
        severity=float(len(firing) + left_out),
        key=key,
    )


def _sizes(sizes: Iterable[str], left_out: int) -> str:
    found = list(dict.fromkeys(size for size in sizes if size))
    more = max(0, len(found) - _NAMED) + left_out
    return ", ".join(found[:_NAMED]) + (f" and {more} more" if more else "")
