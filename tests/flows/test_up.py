"""`qilin up` brings up what lasts, once; `qilin down` leaves nothing behind."""

import json
import time
import urllib.request

import psutil
import pytest

from flows import _cli_checks, _server, _up, cli


@pytest.fixture(autouse=True)
def _clean(qilin_home, tmp_path, monkeypatch):
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "QILIN_PREFECT_PORT", "QILIN_METRICS_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "profiles.toml"))
    yield
    _up.down()


def test_down_without_up_stops_nothing(capsys):
    assert cli.main(["down"]) == 0
    assert capsys.readouterr().out.strip() == "nothing was running"


def test_a_torn_record_stops_nothing():
    _up.record_path().parent.mkdir(parents=True)
    _up.record_path().write_text('{"url": "http')
    assert _up.running() is None
    assert _up.down() == 0
    assert not _up.record_path().exists()


def test_a_recorded_process_that_died_is_told():
    _up.record_path().parent.mkdir(parents=True)
    dead = {"name": _up.WORKER_LOG, "pid": 2**22 + 1, "started": 1.0, "log": ""}
    record = {"url": "", "ui": "", "metrics": "", "processes": [dead], "configured": False}
    _up.record_path().write_text(json.dumps(record))
    check = _cli_checks.worker("")
    assert (check.state, check.fix) == ("FAIL", "qilin up")


@pytest.mark.slow
def test_up_is_idempotent_and_down_leaves_no_process(capsys):
    first = _up.up()
    family = {
        p.pid for lasting in first.processes for p in lasting.process().children(recursive=True)
    } | {lasting.pid for lasting in first.processes}
    assert {p.name for p in first.processes} == {_server.SERVER_LOG, _up.WORKER_LOG, "metrics"}

    again = _up.up()
    assert {p.pid for p in again.processes} == {p.pid for p in first.processes}

    found = {d["name"]: d for d in _server.ask(first.url, "/deployments/filter", {})}
    assert set(found) == {"nightly", "sweep", "train", "backfill", "rerun"}
    assert [name for name, d in found.items() if d["schedules"]] == ["nightly"]
    schedule = found["nightly"]["schedules"][0]["schedule"]
    assert (schedule["cron"], schedule["timezone"]) == ("30 18 * * 1-5", "Asia/Shanghai")
    with urllib.request.urlopen(first.metrics, timeout=10) as answer:
        assert b"quant_build_info" in answer.read()
    assert _cli_checks.worker(first.url).state == "PASS"
    for port in (first.url, first.metrics):
        assert "//127.0.0.1:" in port

    assert cli.main(["down"]) == 0
    assert "stopped" in capsys.readouterr().out
    time.sleep(0.5)
    alive = [pid for pid in family if psutil.pid_exists(pid) and not _is_zombie(pid)]
    assert alive == []
    assert _up.running() is None


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
