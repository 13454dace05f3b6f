"""What is started ends: with its owner, on request, and never in place of a stranger."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from flows import _processes

#: prints its own and a grandchild's process id, then waits for ever; the grandchild is deaf to TERM
FAMILY = """
import os, subprocess, sys, time
deaf = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print(os.getppid(), os.getpid(), flush=True); time.sleep(600)"
)
subprocess.Popen([sys.executable, "-c", deaf])
time.sleep(600)
"""
OWNER = """
import os, sys, time
from flows import _processes
_processes.GRACE_SECONDS = 1.0
_processes.start_guarded("family", [sys.executable, "-c", sys.argv[1]], os.environ)
time.sleep(600)
"""


def _wait_until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def _family(home) -> list[int]:
    log = home / "logs" / "family.log"
    _wait_until(lambda: log.exists() and log.read_text().strip())
    return [int(word) for word in log.read_text().split()]


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch):
    """The deaf grandchild is killed after the grace; nobody here needs the full time."""
    monkeypatch.setattr(_processes, "GRACE_SECONDS", 1.0)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_guarded_family_ends_with_its_owner(qilin_home, sign):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, FAMILY], stderr=subprocess.DEVNULL)
    family = _family(qilin_home)
    assert not any(_gone(pid) for pid in family)
    owner.send_signal(sign)
    owner.wait()
    _wait_until(lambda: all(_gone(pid) for pid in family))


def test_a_guarded_family_ends_on_request(qilin_home):
    process = _processes.start_guarded("family", [sys.executable, "-c", FAMILY], os.environ)
    family = _family(qilin_home)
    _processes.stop_guarded(process)
    _wait_until(lambda: all(_gone(pid) for pid in family))


def test_the_command_ends_with_a_killed_guard(qilin_home):
    process = _processes.start_guarded("family", [sys.executable, "-c", FAMILY], os.environ)
    leader, deaf = _family(qilin_home)
    process.kill()
    process.wait()
    _wait_until(lambda: _gone(leader))
    os.kill(deaf, signal.SIGKILL)  # the one thing that a killed guard cannot end
    process.stdin.close()


def test_a_guard_hands_on_the_exit_status(qilin_home):
    process = _processes.start_guarded("it", [sys.executable, "-c", "raise SystemExit(7)"], {})
    assert process.wait(timeout=30) == 7
    _processes.stop_guarded(process)


def test_stopping_a_tree_takes_the_deaf_too(qilin_home):
    lasting = _processes.start_lasting("family", [sys.executable, "-c", FAMILY], os.environ)
    family = _family(qilin_home)
    assert _processes.stop_tree([lasting.process()], grace_seconds=1.0) == 2
    assert all(_gone(pid) for pid in family)
    assert lasting.process() is None


def test_a_stranger_with_the_same_id_is_not_ours():
    mine = psutil.Process()
    lasting = _processes.Lasting("x", mine.pid, mine.create_time() - 100, "")
    assert lasting.process() is None
    assert _processes.Lasting("x", mine.pid, mine.create_time(), "").process() == mine


def test_a_long_log_is_moved_aside_once(qilin_home, monkeypatch):
    monkeypatch.setattr(_processes, "LOG_LIMIT_BYTES", 10)
    log = _processes.log_path("talk")
    for text in ("first " * 10, "second " * 10):
        command = [sys.executable, "-c", f"print({text!r})"]
        process = _processes.start_guarded("talk", command, os.environ)
        process.wait(timeout=30)
        _processes.stop_guarded(process)
    assert "second" in log.read_text()
    assert "first" in log.with_suffix(".old.log").read_text()


def test_last_line_skips_empty_ones(tmp_path):
    log = tmp_path / "log"
    log.write_text("one\ntwo \n\n  \n")
    assert _processes.last_line(log) == "two"
    assert _processes.last_line(tmp_path / "absent") == ""
