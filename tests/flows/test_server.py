"""Which Prefect server a command gets, and that none is left behind."""

import json
import os
import re
import socket
import sys
import time

import psutil
import pytest

from flows import _processes, _server
from tasks.errors import EnvironmentFaultError, UserError

#: answers like a healthy Prefect API on the port of its first argument
HEALTHY = """
import http.server, sys
class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"true" if self.path == "/api/health" else b'"3.8.8"'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
"""


@pytest.fixture(autouse=True)
def _own_settings(qilin_home, tmp_path, monkeypatch):
    """No server of the user or of another test is known here."""
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "QILIN_PREFECT_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "profiles.toml"))


@pytest.fixture
def fake_server(monkeypatch):
    """A quick stand-in for Prefect's slow program; the way it is kept is the real one."""
    monkeypatch.setattr(
        _server, "server_command", lambda port: [sys.executable, "-c", HEALTHY, str(port)]
    )


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


_EARLIER: set[int] = set()


@pytest.fixture(autouse=True)
def _note_earlier_processes():
    """Other tests of the session may keep a server of their own."""
    _EARLIER.clear()
    _EARLIER.update(p.pid for p in psutil.Process().children(recursive=True))


def _servers() -> list[psutil.Process]:
    """Processes that this test started and that still run."""
    children = psutil.Process().children(recursive=True)
    return [p for p in children if p.pid not in _EARLIER]


def test_an_own_server_lives_as_long_as_the_block(fake_server):
    before = dict(os.environ)
    with _server.prefect_server() as url:
        assert _server.answers(url)
        assert os.environ["PREFECT_API_URL"] == url
        assert os.environ["PREFECT_HOME"].startswith(os.environ["QILIN_HOME"])
        assert os.environ["DO_NOT_TRACK"] == "1"
        assert _server.any_url() == url
        assert _server.running_url() == ""  # nobody else may rely on it
        assert _server.ask(url, "/admin/version") == "3.8.8"
    assert dict(os.environ) == before
    assert _servers() == []
    assert not _server.answers(url)
    assert _server.any_url() == ""


def test_an_own_server_that_is_killed_comes_back_at_its_port(fake_server, monkeypatch):
    monkeypatch.setattr(_processes, "WATCH_SECONDS", 0.05)
    with _server.prefect_server() as url:
        for process in [p for p in _servers() if "-I" not in p.cmdline()]:
            process.kill()
        _wait_until(lambda: not _server.answers(url))
        _wait_until(lambda: _server.answers(url))
    assert _servers() == []


@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_an_own_server_ends_however_the_block_ends(fake_server, fault):
    with pytest.raises(fault), _server.prefect_server():
        raise fault
    assert _servers() == []


def test_the_flow_is_loaded_while_the_server_starts(fake_server):
    seen = []
    with _server.prefect_server(lambda: seen.append(os.environ["PREFECT_API_URL"])) as url:
        assert seen == [url]


def test_a_configured_server_is_taken_and_left_alone(fake_server, monkeypatch):
    with _server.prefect_server() as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        children = len(_servers())
        with _server.prefect_server() as again:
            assert again == url
            assert len(_servers()) == children
        assert _server.answers(url)


def test_a_profile_counts_as_configured(tmp_path):
    (tmp_path / "profiles.toml").write_text(
        'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
    )
    assert _server.configured_url() == "http://127.0.0.1:9/api"
    with pytest.raises(EnvironmentFaultError, match="does not answer"), _server.prefect_server():
        pytest.fail("a dead server was accepted")


def test_a_recorded_server_is_used_while_it_answers(fake_server):
    with _server.prefect_server() as url:
        _server.server_record().write_text(json.dumps({"url": url}))
        assert _server.running_url() == url
    assert _server.running_url() == ""


def test_a_server_that_ends_is_quoted(monkeypatch):
    program = "print('first'); print('no room for tables'); raise SystemExit(3)"
    monkeypatch.setattr(_server, "server_command", lambda port: [sys.executable, "-c", program])
    with pytest.raises(EnvironmentFaultError, match="no room for tables"), _server.prefect_server():
        pytest.fail("a dead server was accepted")
    assert _servers() == []


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    program = "import time; print('thinking', flush=True); time.sleep(600)"
    monkeypatch.setattr(_server, "server_command", lambda port: [sys.executable, "-c", program])
    monkeypatch.setattr(_server, "START_TIMEOUT_SECONDS", 1.0)
    said = r"did not answer within 1 s.*thinking"
    with pytest.raises(EnvironmentFaultError, match=said), _server.prefect_server():
        pytest.fail("a silent server was accepted")
    assert _servers() == []


def test_a_chosen_port_that_is_taken_is_named(taken_port, monkeypatch):
    monkeypatch.setenv("QILIN_PREFECT_PORT", str(taken_port))
    with pytest.raises(EnvironmentFaultError, match=f"port {taken_port} .* is in use") as error:
        _server.choose_port()
    assert re.fullmatch(r"[^.!?]+\.?", str(error.value)), "one sentence"


def test_the_usual_port_gives_way(taken_port, monkeypatch):
    monkeypatch.setattr(_server, "DEFAULT_PORT", taken_port)
    chosen = _server.choose_port()
    assert chosen != taken_port
    assert _server.is_free(chosen)


@pytest.mark.parametrize("text", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(text, monkeypatch):
    monkeypatch.setenv("QILIN_PREFECT_PORT", text)
    with pytest.raises(UserError, match="is no port"):
        _server.choose_port()


def test_a_proxy_does_not_stand_before_loopback(fake_server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with _server.prefect_server() as url:
        assert _server.answers(url)
        assert "127.0.0.1" in os.environ["NO_PROXY"]


def test_a_connection_that_a_client_uses_again_is_still_open(monkeypatch):
    """Else the first request after a block of 5 to 25 s fails and is sent again 2 s later."""
    from prefect.client.orchestration import SyncPrefectClient

    client = SyncPrefectClient("http://127.0.0.1:1/api")
    reused_for = client._client._transport._pool._keepalive_expiry
    kept = _server.server_environment("http://127.0.0.1:1/api")
    assert int(kept["PREFECT_SERVER_API_KEEPALIVE_TIMEOUT"]) > reused_for
    monkeypatch.setenv("PREFECT_SERVER_API_KEEPALIVE_TIMEOUT", "90")
    kept = _server.server_environment("http://127.0.0.1:1/api")
    assert kept["PREFECT_SERVER_API_KEEPALIVE_TIMEOUT"] == "90", "the user's own wish stands"


def test_a_server_inherits_no_prefect_settings_of_the_user(monkeypatch):
    monkeypatch.setenv("PREFECT_API_KEY", "secret")
    monkeypatch.setenv("PREFECT_SERVER_LOGGING_LEVEL", "DEBUG")
    environment = _server.server_environment("http://127.0.0.1:1/api")
    assert "PREFECT_API_KEY" not in environment
    assert environment["PREFECT_SERVER_LOGGING_LEVEL"] == "DEBUG"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


_RUN_A_FLOW = """
from flows import _server
with _server.prefect_server() as url:
    from prefect import flow
    @flow(name="small")
    def small():
        return 1
    small()
    print(len(_server.ask(url, "/flow_runs/filter", {"flows": {"name": {"any_": ["small"]}}})))
"""


@pytest.mark.slow
def test_prefects_database_outlives_its_server(qilin_home):
    import subprocess

    for expected in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", _RUN_A_FLOW], cwd=_processes.settings.CHECKOUT,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.split() == [expected]
        assert "Error logging to API" not in done.stderr
    assert (qilin_home / "prefect" / "prefect.db").is_file()
    own = [p for p in psutil.process_iter() if str(qilin_home) in _environment(p)]
    assert own == []


def _environment(process: psutil.Process) -> str:
    try:
        return process.environ().get("QILIN_HOME", "") if process.pid != os.getpid() else ""
    except psutil.Error:
        return ""


def test_a_port_that_is_lost_while_the_server_starts_is_not_trusted(fake_server, monkeypatch):
    """A stranger with a healthy server binds our port first: we go elsewhere, never to it."""
    strangers = []

    def stranger_first():
        port = chosen[0]
        strangers.append(
            _processes.start_guarded(
                "stranger", [sys.executable, "-c", HEALTHY, str(port)], os.environ
            )
        )
        _wait_until(lambda: _server.answers(f"http://127.0.0.1:{port}/api"))

    chosen = []
    choose = _server.choose_port
    monkeypatch.setattr(_server, "choose_port", lambda: chosen.append(choose()) or chosen[-1])
    slow = f"import time; time.sleep(2)\n{HEALTHY}"
    monkeypatch.setattr(
        _server, "server_command", lambda port: [sys.executable, "-c", slow, str(port)]
    )
    try:
        with _server.prefect_server(stranger_first) as url:
            assert len(chosen) == 2
            assert url.endswith(f":{chosen[1]}/api")
            assert os.environ["PREFECT_API_URL"] == url
    finally:
        for stranger in strangers:
            _processes.stop_guarded(stranger)
    assert len(strangers) == 1, "what is loaded meanwhile is loaded once"


def _wait_until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
