"""The Prefect server that a command talks to: a configured one, the lasting one, or one for itself.

In this order: `PREFECT_API_URL` (environment or Prefect profile) is taken as it is; the server of
`qilin up` is used while it answers; otherwise a server on SQLite starts on loopback and ends with
the command; if it dies before, it is started again. Its database stays under the store, so that
`qilin up` shows earlier runs.

Prefect reads its settings when it is first imported. Hence nothing here imports Prefect: settings
go to the environment (children inherit them), and into Prefect only where it is loaded already.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import socket
import sys
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flows import _processes
from tasks import settings
from tasks.errors import EnvironmentFaultError, UserError

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 4200
#: a first start on a busy machine was measured at 33 s
START_TIMEOUT_SECONDS = 180.0
SERVER_LOG = "prefect-server"
#: Prefect's clients use a connection again for 25 s, and its server closes them after 5 s if it is
#: not told otherwise: a client that meets a closed one tries again 2 s later, at the start of
#: every block that follows a longer one
KEEPALIVE_SECONDS = 60
#: how long a night waits for a server that went away under it
BACK_SECONDS = 120.0
#: a server binds its port only after some ten seconds, and another program may be quicker
PORT_ATTEMPTS = 4
#: how often a server that died is started again for one command
SERVER_STARTS = 5


class PortLostError(EnvironmentFaultError):
    """Another program took the port between choosing and binding it."""


def prefect_folder() -> Path:
    """Prefect's own files: database, results, profiles."""
    return settings.local_home() / "prefect"


def server_record() -> Path:
    """Where `qilin up` records its server."""
    return prefect_folder() / "server.json"


@contextlib.contextmanager
def prefect_server(meanwhile: Callable[[], object] | None = None) -> Iterator[str]:
    """Have a Prefect server for a while; gives the URL of its API.

    Args:
        meanwhile: called while the server starts, with Prefect's settings already in force; loading
            the flow here hides most of the wait.

    Raises:
        EnvironmentFaultError: the configured server does not answer, a port is taken, or the own
            server did not start.
    """
    configured, running = configured_url(), running_url()
    if configured or running:
        with applied({} if configured else client_environment(running)):
            _require_answer(configured or running)
            if meanwhile is not None:
                meanwhile()
            yield configured or running
        return
    meantime = [] if meanwhile is None else [meanwhile]
    for _ in range(PORT_ATTEMPTS):
        port = choose_port()
        url = api_url(port)
        with applied(client_environment(url)), _own_server(port, url) as server:
            while meantime:
                meantime.pop()()
            try:
                wait_until_ready(url, server.process.pid)
            except PortLostError:
                continue
            server.watch()
            yield url
            return
    raise no_port()


def api_url(port: int) -> str:
    """Address of the API of a server on this machine."""
    return f"http://{LOOPBACK}:{port}/api"


def configured_url() -> str:
    """The API that the user has configured for Prefect, empty if there is none."""
    return os.environ.get("PREFECT_API_URL", "") or _profile_url()


def running_url() -> str:
    """The API of the server that `qilin up` started, empty if it does not answer."""
    url = _recorded(server_record())
    return url if url and answers(url) else ""


def answers(url: str, timeout_seconds: float = 3.0) -> bool:
    """Whether a Prefect API answers and says that it is well."""
    try:
        return _get(f"{url}/health", timeout_seconds) == b"true"
    except (OSError, http.client.HTTPException, ValueError):
        return False


def await_answer(url: str, seconds: float = BACK_SECONDS) -> None:
    """Wait while a server does not answer that did before, as while it is started again."""
    deadline = time.monotonic() + seconds
    while url and not answers(url) and time.monotonic() < deadline:
        time.sleep(1.0)


def server_version(url: str, timeout_seconds: float = 3.0) -> str:
    """Prefect's version on the server.

    Raises:
        OSError: the server does not answer.
    """
    return str(json.loads(_get(f"{url}/admin/version", timeout_seconds)))


def any_url() -> str:
    """The API of whichever server answers now, a running night's own included; else empty."""
    candidates = [configured_url(), _recorded(server_record()), _recorded(_own_record())]
    return next((url for url in candidates if url and answers(url)), "")


def ask(url: str, path: str, body: object = None) -> Any:
    """JSON answer of Prefect's API, without loading Prefect: what a quick command can afford.

    Args:
        url: the API's address.
        path: such as `/flow_runs/filter`.
        body: posted as JSON; None asks with GET.

    Raises:
        EnvironmentFaultError: the server does not answer, or refuses.
    """
    try:
        return json.loads(_get(url + path, 10.0, body))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise EnvironmentFaultError(
            f"the Prefect server {url} does not answer {path} ({error}): look at it with "
            "qilin doctor"
        ) from error


def client_environment(url: str) -> dict[str, str]:
    """Settings for every process that talks to an own server."""
    return {
        "PREFECT_API_URL": url,
        "PREFECT_HOME": str(prefect_folder()),
        "PREFECT_LOCAL_STORAGE_PATH": str(prefect_folder() / "results"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # A proxy must not stand between this machine and itself.
        "NO_PROXY": _with_loopback(os.environ.get("NO_PROXY", os.environ.get("no_proxy", ""))),
        "no_proxy": _with_loopback(os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))),
    }


def server_command(port: int) -> list[str]:
    """Command that serves API and UI on loopback."""
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    return [*prefect, "server", "start", "--host", LOOPBACK, "--port", str(port)]


def server_environment(url: str) -> dict[str, str]:
    """Environment of an own server: nothing of the user's Prefect settings, nothing telling."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    own = {k: v for k, v in os.environ.items() if k.startswith("PREFECT_SERVER_")}
    ours = {
        # in memory, the slots of runs under way would be taken for ever after the server's restart
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
        "PREFECT_SERVER_API_KEEPALIVE_TIMEOUT": str(KEEPALIVE_SECONDS),
    }
    return {**inherited, **ours, **own, **client_environment(url)}


def choose_port() -> int:
    """`QILIN_PREFECT_PORT` if set, else Prefect's usual port if it is free, else any free one."""
    asked = os.environ.get("QILIN_PREFECT_PORT", "")
    if asked:
        if not asked.isdecimal() or not 1 <= int(asked) <= 65535:
            raise UserError(f"QILIN_PREFECT_PORT is {asked!r}, which is no port: set 1 to 65535")
        if not is_free(int(asked)):
            raise EnvironmentFaultError(
                f"port {asked} (QILIN_PREFECT_PORT) is in use: stop the program that holds it or "
                "unset the variable, then any free port is taken"
            )
        return int(asked)
    return DEFAULT_PORT if is_free(DEFAULT_PORT) else any_free_port()


def recorded_port() -> int:
    """The port of a server of `qilin up` that died, if it is free still; else 0.

    Worker and nights look for the server there: it has to come back where it was.
    """
    url = "" if os.environ.get("QILIN_PREFECT_PORT") else _recorded(server_record())
    port = _port_of(url) if url else 0
    return port if port and is_free(port) else 0


def wait_until_ready(url: str, pid: int) -> None:
    """Wait until a starting server answers, itself: another one at its port does not count.

    Args:
        url: its API on this machine.
        pid: its process, or the one that guards it.

    Raises:
        PortLostError: another program took the port before the server did.
        EnvironmentFaultError: the process ended, or the time is up; quotes the log's last line.
    """
    port = _port_of(url)
    log = _processes.log_path(SERVER_LOG)
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not (_processes.listens(pid, port) and answers(url)):
        said = _processes.last_line(log)
        if not _processes.lives(pid):
            fault = EnvironmentFaultError if is_free(port) else PortLostError
            raise fault(
                f"the Prefect server ended while it started, saying {said!r}; its log is {log}"
            )
        if time.monotonic() > deadline:
            raise EnvironmentFaultError(
                f"the Prefect server at {url} did not answer within {START_TIMEOUT_SECONDS:.0f} s, "
                f"its last line is {said!r}; look at {log}, free the machine, then try again"
            )
        time.sleep(0.1)


@contextlib.contextmanager
def applied(environment: Mapping[str, str]) -> Iterator[None]:
    """Settings in force for this process and its children, then as they were before."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        with _applied_to_loaded_prefect(environment):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _applied_to_loaded_prefect(environment: Mapping[str, str]) -> Iterator[None]:
    if "prefect" not in sys.modules:
        yield
        return
    from prefect.settings import temporary_settings

    known = {
        "api.url": environment.get("PREFECT_API_URL"),
        "home": environment.get("PREFECT_HOME"),
        "results.local_storage_path": environment.get("PREFECT_LOCAL_STORAGE_PATH"),
    }
    with temporary_settings(updates={k: v for k, v in known.items() if v is not None}):
        yield


@contextlib.contextmanager
def _own_server(port: int, url: str) -> Iterator[_processes.Kept]:
    """A guarded server."""
    prefect_folder().mkdir(parents=True, exist_ok=True)
    environment = server_environment(url)
    server = _processes.Kept(SERVER_LOG, server_command(port), environment, SERVER_STARTS)
    try:
        _own_record().write_text(json.dumps({"url": url}))
        yield server
    finally:
        try:
            _send_what_waits()
        finally:
            _own_record().unlink(missing_ok=True)
            server.stop()


def _send_what_waits() -> None:
    """Let Prefect deliver queued log lines and events while there is a server to take them."""
    if "prefect.logging.handlers" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=5)


def no_port() -> EnvironmentFaultError:
    """What to say when every port was lost to another program."""
    return EnvironmentFaultError(
        f"other programs took the Prefect server's port {PORT_ATTEMPTS} times while it started: "
        "name a port that nobody else uses with QILIN_PREFECT_PORT"
    )


def _require_answer(url: str) -> None:
    if not answers(url, timeout_seconds=10.0):
        raise EnvironmentFaultError(
            f"the Prefect server {url} (PREFECT_API_URL or Prefect profile) does not answer: start "
            "it, or unset PREFECT_API_URL so that Qilin starts one by itself"
        )


def _profile_url() -> str:
    """`PREFECT_API_URL` of the active Prefect profile, read without importing Prefect."""
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    path = Path(os.environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml")).expanduser()
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return ""
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise UserError(f"{path} (Prefect profiles) cannot be read: {error}") from error
    active = os.environ.get("PREFECT_PROFILE") or content.get("active", "")
    return str(content.get("profiles", {}).get(active, {}).get("PREFECT_API_URL", ""))


def _port_of(url: str) -> int:
    return int(url.removesuffix("/api").rsplit(":", 1)[1])


def _recorded(record: Path) -> str:
    try:
        return str(json.loads(record.read_text())["url"])
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError):
        return ""


def _own_record() -> Path:
    """Where a night notes the server that it started for itself, for `qilin status` alone."""
    return prefect_folder() / "own-server.json"


def _get(url: str, timeout_seconds: float, body: object = None) -> bytes:
    """Body of a small answer; a proxy is never asked for loopback addresses."""
    handlers = [urllib.request.ProxyHandler({})] if f"//{LOOPBACK}" in url else []
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("PREFECT_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    elif pair := os.environ.get("PREFECT_API_AUTH_STRING"):
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, headers)  # noqa: S310 - the user's own server
    with urllib.request.build_opener(*handlers).open(asked, timeout=timeout_seconds) as answer:
        return bytes(answer.read())


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine's loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def any_free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _with_loopback(hosts: str) -> str:
    known = [host.strip() for host in hosts.split(",") if host.strip()]
    return ",".join([*known, *(h for h in (LOOPBACK, "localhost") if h not in known)])
