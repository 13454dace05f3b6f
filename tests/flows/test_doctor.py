"""`qilin doctor` sees what is wrong, says what mends it, and changes nothing."""

import json
import re
import socket
from pathlib import Path

import pytest

from flows import _cli_checks, _cli_doctor, _kernel_proofs, cli
from flows._cli_checks import Check
from flows._kernel_proofs import Proof
from tasks.data.config import DataConfig


@pytest.fixture(autouse=True)
def _alone(qilin_home, tmp_path, monkeypatch):
    for name in ("PREFECT_API_URL", "QILIN_METRICS_PORT", "QILIN_ALERT_WEBHOOK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "profiles.toml"))


def _snapshot(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(p), p.stat().st_mtime_ns) for p in folder.iterdir() if p.name != "cache")


def test_a_sound_machine_passes_and_stays_as_it_is(qilin_home, capsys):
    before = _snapshot(qilin_home)
    assert cli.main(["doctor"]) in (0, 5)  # a busy machine may lack memory or disk
    out = capsys.readouterr().out
    assert re.search(r"PASS  python +3\.1[123]\.", out)
    assert re.search(r"PASS  data +simulated: newest day 20\d\d-\d\d-\d\d", out)
    assert re.search(r"\d+ passed.* in \d+\.\d s", out.splitlines()[-1])
    assert _snapshot(qilin_home) == before


def test_json_gives_the_same_checks(capsys):
    cli.main(["doctor", "--json"])
    names = [check["name"] for check in json.loads(capsys.readouterr().out)]
    assert names[:3] == ["python", "packages", "prefect"]


def test_old_data_fails_with_its_own_code(tmp_path):
    file = tmp_path / "bars.csv"
    file.write_text(
        "date,symbol,open,high,low,close,volume\n2024-01-02,600519.SH,10,11,9,10.5,1000\n"
    )
    check = _cli_checks.bars(DataConfig(source="csv", path=str(file)))
    assert (check.state, check.code) == ("FAIL", 4)
    assert "newest day 2024-01-02, expected 20" in check.found
    assert "--data-date 2024-01-02" in check.fix


def test_a_configured_server_that_is_dead_fails(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    check = _cli_checks.prefect("")
    assert check.state == "FAIL"
    assert check.fix


def test_a_store_that_cannot_be_written_fails(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QILIN_HOME", str(tmp_path / "file" / "home"))
    assert _cli_checks.store().state == "FAIL"


def test_a_taken_metrics_port_is_told(monkeypatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv("QILIN_METRICS_PORT", str(listener.getsockname()[1]))
        assert _cli_checks.metrics().state == "FAIL"
    assert _cli_checks.metrics().state == "PASS"


def test_packages_that_differ_from_the_lock_are_named(tmp_path, monkeypatch):
    lock = tmp_path / "requirements.lock"
    monkeypatch.setattr(_cli_checks.settings, "CHECKOUT", tmp_path)
    assert _cli_checks.packages().state == "SKIP"
    lock.write_text("# about\nnumpy==0.0.1\nno-such-thing==1.0 ; sys_platform == 'nowhere'\n")
    check = _cli_checks.packages()
    assert check.state == "WARN"
    assert "(lock: 0.0.1)" in check.found
    lock.write_text("no-such-thing==1.0\n")
    assert (_cli_checks.packages().state, _cli_checks.packages().fix) == ("FAIL", "make setup")


def test_a_channel_for_alerts_counts(monkeypatch):
    assert _cli_checks.alerts().state == "WARN"
    monkeypatch.setenv("QILIN_ALERT_WEBHOOK", "http://127.0.0.1:9/hook")
    check = _cli_checks.alerts()
    assert check.state == "PASS"
    assert "http" not in check.found, "addresses may hold secrets"


def test_exit_codes_and_the_closing_line():
    good, late = Check("a", "PASS", ""), Check("data", "FAIL", "", "x", 4)
    assert _cli_doctor.exit_code([good]) == 0
    assert _cli_doctor.exit_code([good, late]) == 4
    assert _cli_doctor.exit_code([late, Check("disk", "FAIL", "")]) == 5
    closing = _cli_doctor.closing([good, late, Check("b", "WARN", "")], 3.21, 4)
    assert closing == "1 problem, 1 warning, 1 passed in 3.2 s        exit 4"
    assert _cli_doctor.lines(late) == ["FAIL  data       ", "      fix: x"]


def test_without_a_gpu_kernels_are_not_compared(monkeypatch):
    from tasks.arrays import devices

    monkeypatch.setattr(devices, "_driver_library", lambda: None)
    (check,) = _cli_checks.kernels(simulator=False)
    assert check.state == "SKIP"
    assert check.found.startswith("not compared: no CUDA driver is installed")
    assert "--simulator" in check.found


def test_each_group_of_kernels_has_its_line(monkeypatch):
    proofs = [
        Proof("indicators", 30, "averages.ema", 2.0),
        Proof("sweeps", 7, "accounts.partial", float("inf"), ("accounts.partial",)),
        Proof("expressions", fault="its memory is too small for this work"),
    ]
    monkeypatch.setattr(_cli_checks._kernel_proofs, "prove", lambda simulator: proofs)
    sound, refused, lost = _cli_checks.kernels(simulator=True)
    assert sound.state == "PASS"
    assert sound.found == (
        "indicators: 30 on the simulator as on the CPU, worst 2 ULP (averages.ema)"
    )
    assert refused.state == "WARN"
    assert refused.found == (
        "sweeps: accounts.partial differ by up to inf ULP (accounts.partial), 64 are allowed; "
        "the CPU does their work"
    )
    assert lost.state == "WARN"
    assert "not compared (its memory is too small for this work)" in lost.found


@pytest.mark.slow
def test_the_simulator_proves_every_group():
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: no CUDA side to test")
    proofs = _kernel_proofs.prove(simulator=True)
    assert [p.fault for p in proofs] == ["", "", ""]
    assert [p.group for p in proofs] == ["technical indicators", "factor expressions", "sweeps"]
    assert all(p.kernels > 5 and p.ulps == 0.0 and not p.refused for p in proofs)
