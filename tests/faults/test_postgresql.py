"""Prefect on PostgreSQL, with eight nights at once."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import _server
from flows._server import any_free_port
from tests.faults import disturbed
from tests.flows import nights

pytestmark = pytest.mark.slow

AT_ONCE = 8
#: where Debian's packages are installed, or only unpacked
ROOT = Path(os.environ.get("QILIN_POSTGRESQL", "/"))
#: artifacts that a night is given here, so that eight of them fit on two cores
GIVEN = ("bars", "panel", "features", "leaks")


def _program(name: str) -> str:
    """PostgreSQL's own program, of the newest version that is there; skips without one."""
    found = sorted(ROOT.glob(f"usr/lib/postgresql/*/bin/{name}"), key=lambda p: int(p.parts[-3]))
    if not found:
        pytest.skip(f"no {name} here: PostgreSQL's server is not installed")
    return str(found[-1])


def _started_as() -> dict[str, Any]:
    """How to start its programs: they refuse to run as root, and find unpacked libraries."""
    unpacked = ROOT.glob("usr/lib/*-linux-gnu") if "QILIN_POSTGRESQL" in os.environ else []
    libraries = ":".join(str(folder) for folder in unpacked)
    started: dict[str, Any] = {"cwd": "/"}
    if libraries:
        started["env"] = {**os.environ, "LD_LIBRARY_PATH": libraries}
    if os.getuid() == 0:
        started |= {"user": "nobody", "extra_groups": []}
    return started


@pytest.fixture
def database() -> Iterator[str]:
    """Address of an empty database of a PostgreSQL server on loopback."""
    initdb, postgres = _program("initdb"), _program("postgres")
    folder = Path(tempfile.mkdtemp(prefix="qilin-pg-"))
    try:
        with _cluster(folder, initdb, postgres) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _cluster(folder: Path, initdb: str, postgres: str) -> Iterator[str]:
    password, port = secrets.token_hex(16), any_free_port()
    (folder / "password").write_text(password)
    how = _started_as()
    for path in (folder, folder / "password"):
        shutil.chown(path, how.get("user"), os.getgid())
    words = [initdb, "-D", str(folder / "data"), "-U", "prefect", "--auth", "scram-sha-256"]
    words += ["--pwfile", str(folder / "password"), "--encoding", "UTF8", "--no-sync"]
    subprocess.run(words, check=True, capture_output=True, **how)
    settings = {
        "listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": str(folder),
        "fsync": "off",
    }  # fmt: skip
    given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    log = folder / "log"
    command = [postgres, "-D", str(folder / "data"), *given]
    with (
        log.open("w") as file,
        subprocess.Popen(command, stdout=file, stderr=file, **how) as server,
    ):
        try:
            ready = "ready to accept connections"
            disturbed.until(lambda: ready in log.read_text(), "PostgreSQL is ready", 60)
            yield f"postgresql+asyncpg://prefect:{password}@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(timeout=60)


@pytest.fixture
def api(database: str, tmp_path: Path) -> Iterator[str]:
    """Address of a Prefect server on that database."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PREFECT_API_URL", "PREFECT_HOME", "PREFECT_LOCAL_STORAGE_PATH"):
            patch.delenv(name, raising=False)
        patch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "profiles.toml"))
        patch.setenv("QILIN_HOME", str(nights.new_home(tmp_path / "server")))
        patch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", database)
        with _server.prefect_server() as url:
            yield url
        assert not (tmp_path / "server" / "prefect" / "prefect.db").exists()


def _seeded(home: Path, calm: Path) -> Path:
    """A store that holds the first artifacts of a night."""
    nights.new_home(home)
    for manifest in calm.glob("objects/*/*/manifest.json"):
        if json.loads(manifest.read_text())["kind"] in GIVEN:
            shutil.copytree(manifest.parent, home / manifest.parent.relative_to(calm))
    return home


def test_eight_nights_at_once_on_postgresql_have_the_hashes_of_one_alone(
    calm_night: nights.Ran, api: str, tmp_path: Path
) -> None:
    homes = [_seeded(tmp_path / f"night{i}", calm_night.home) for i in range(AT_ONCE)]
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(
                disturbed.started(nights.nightly(f"note=number {i}"), _told(home, api))
            )
            for i, home in enumerate(homes)
        ]
        ran = [disturbed.ended(night, home) for night, home in zip(running, homes, strict=True)]
    assert [night.code for night in ran] == [0] * AT_ONCE, [
        night.err for night in ran if night.code
    ]
    assert all(night.outputs == calm_night.outputs for night in ran)
    assert all(night.summary["counts"]["cached"] == len(GIVEN) for night in ran)
    known = _server.ask(api, "/flow_runs/filter", {"flows": {"name": {"any_": ["nightly"]}}})
    assert sorted(run["state"]["name"] for run in known) == ["Completed"] * AT_ONCE


def _told(home: Path, api: str) -> dict[str, str]:
    return nights.environment(home, "threads:1", PREFECT_API_URL=api)
