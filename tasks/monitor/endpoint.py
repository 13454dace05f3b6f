"""The address where Prometheus reads a process: `http://127.0.0.1:PORT/metrics`.

Managers of one process that name the same port share one endpoint and its metrics: running a
notebook's cell twice neither fails nor loses what was counted before.
"""

from __future__ import annotations

import contextlib
import errno
import threading
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server

from tasks.errors import EnvironmentFaultError, UserError
from tasks.monitor.metrics import PrometheusMetrics

LOOPBACK = "127.0.0.1"

_open: dict[tuple[str, int], Endpoint] = {}
_lock = threading.Lock()


class Endpoint:
    """Metrics and the HTTP server that shows them, until the last user has closed it."""

    def __init__(self, port: int, address: str) -> None:
        self.metrics = PrometheusMetrics()
        self.address = address
        self.users = 0
        self._server, self._thread = _serve(self.metrics, port, address)
        self.port = int(self._server.server_port)

    @property
    def url(self) -> str:
        """Where the metrics are read."""
        return f"http://{self.address}:{self.port}/metrics"

    def close(self) -> None:
        """One user less; the last one stops the server."""
        with _lock:
            self.users -= 1
            if self.users > 0:
                return
            _open.pop((self.address, self.port), None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


def open_endpoint(port: int, address: str = LOOPBACK) -> Endpoint:
    """The endpoint of this process at a port, started if need be; port 0 takes any free one."""
    with _lock:
        endpoint = _open.get((address, port))
        if endpoint is None:
            endpoint = Endpoint(port, address)
            _open[address, endpoint.port] = endpoint
        endpoint.users += 1
        return endpoint


def _serve(
    metrics: PrometheusMetrics, port: int, address: str
) -> tuple[WSGIServer, threading.Thread]:
    if not 0 <= port <= 65535:
        raise UserError(f"prometheus_port {port} is no port: choose 1 to 65535, or 0 for any free")
    try:
        return start_http_server(port, addr=address, registry=metrics.registry)
    except OSError as error:
        raise EnvironmentFaultError(
            f"the metrics port {address}:{port} cannot be opened ({_cause(error)}): stop the "
            "program that holds it or choose another port, 0 takes any free one"
        ) from error


def _cause(error: OSError) -> str:
    known = {errno.EADDRINUSE: "already in use", errno.EACCES: "not permitted"}
    with contextlib.suppress(KeyError):
        return known[error.errno or 0]
    return error.strerror or str(error)
