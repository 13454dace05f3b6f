"""Bad input as a user meets it: one sentence on stderr, its exit code, and nothing left behind.

What can be known before a run exists is told within the process; what only the night finds out
runs in a process of its own. All nights of faults share one store, in which at last a good night
gives the numbers of a store that never saw a fault.
"""

import random
import signal
import socket
import subprocess
import time
from pathlib import Path

import nights
import psutil
import pytest

from flows import _cli_nightly, cli
from tasks.data.config import DataConfig, SimulatedConfig
from tasks.data.sources import simulated
from tasks.errors import DataNotReadyError, EnvironmentFaultError, UserError

LAST_DAY = "2026-06-30"
#: a busy machine was measured at three minutes for a night of these
PATIENCE = 900.0
SIGNS_OF_A_BUG = ("Traceback", "internal error", "Error:", "\x1b")
USE, NOT_READY, ENVIRONMENT = (
    UserError.exit_code, DataNotReadyError.exit_code, EnvironmentFaultError.exit_code,
)  # fmt: skip


@pytest.fixture(scope="module")
def good_frame():
    config = DataConfig(simulated=SimulatedConfig(n_symbols=12, start="2024-01-02"))
    frame = simulated.read(config, LAST_DAY).frame
    wanted = ["symbol", "date", "open", "high", "low", "close", "volume", "amount", "factor"]
    return frame[wanted].astype({"symbol": str}).assign(date=frame["date"].astype(str).str[:10])


@pytest.fixture(scope="module")
def write(good_frame, tmp_path_factory):
    """Writes a variant of the good file; gives its path."""
    folder = tmp_path_factory.mktemp("files")

    def to_file(name, change=lambda frame: frame):
        path = folder / name
        made = change(good_frame.copy())
        path.write_bytes(made if isinstance(made, bytes) else made.to_csv(index=False).encode())
        return path

    return to_file


def _upside_down(frame):
    """Every row is set aside: its high lies below its low."""
    return frame.assign(high=frame["low"] / 2)


def _only_sentence(err: str, code: int) -> str:
    """The one sentence on stderr: beside lines of progress there is no other word."""
    sentences = [line for line in err.splitlines() if line.startswith("qilin: ")]
    assert len(sentences) == 1, err
    assert err.splitlines()[-1] == sentences[0]
    assert not [sign for sign in SIGNS_OF_A_BUG if sign in err], (code, err)
    return sentences[0]


def _runs(home: Path) -> list[str]:
    return [p.name for p in (home / "runs").rglob("*")] if (home / "runs").exists() else []


@pytest.fixture
def refused(qilin_home, prefect_api, capsys):
    """Runs the command; gives its sentence, having made sure that no run came of it."""

    def run(code, *words):
        assert cli.main(["nightly", *map(str, words)]) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert _runs(qilin_home) == []
        assert not (qilin_home / "objects").exists()
        return _only_sentence(err, code)

    return run


def _csv(path, *more):
    return ("--source", "csv", "--data-path", path, *more)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("lacks.csv", lambda f: f.drop(columns="close"), ["lacks.csv", "no column for close"]),
        ("empty.csv", lambda _: b"", ["empty.csv is empty", "give a file"]),
        ("heads.csv", lambda f: f[:0], ["heads.csv has no row with a date"]),
        ("noise.csv", lambda _: random.Random(1).randbytes(20_000), ["noise.csv"]),
        ("zeros.csv", lambda _: bytes(5_000), ["zeros.csv is no text"]),
        ("words.csv", lambda _: b"x" * 9_000 + b"," * 9_000, ["words.csv", "and 8981 more"]),
        ("noise.csv.gz", lambda _: b"\x1f\x8b" + bytes(500), ["noise.csv.gz is damaged"]),
        (
            "dates.csv",
            lambda f: f.assign(date=f["date"].where(f.index != 7, "tomorrow")),
            ["dates.csv", "'tomorrow' is no date"],
        ),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named(name, change, words, write, refused):
    sentence = refused(USE, *_csv(write(name, change)))
    assert [w for w in words if w not in sentence] == []
    assert len(sentence) < 400
    assert sentence.isprintable()


def test_a_missing_file_is_named(refused, tmp_path):
    assert "absent.csv does not exist: give another" in refused(USE, *_csv(tmp_path / "absent.csv"))
    assert "holds no csv file" in refused(USE, *_csv(tmp_path))
    assert "--data-path" in refused(USE, "--source", "parquet")


def test_a_file_of_another_kind_is_named(write, refused):
    path = write("good.csv")
    for source, words in (("parquet", "no readable Parquet file"), ("qlib", "no Qlib directory")):
        assert words in refused(USE, "--source", source, "--data-path", path)


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (NOT_READY, ["--data-date", "2026-07-01"], f"--data-date {LAST_DAY}"),
        (NOT_READY, ["--data-date", "2035-01-02"], "2035-01-02 is not there yet"),
        (USE, ["--data-date", "2026-06-28"], "ask for --data-date 2026-06-26"),
        (USE, ["--data-date", "2026-02-30"], "'2026-02-30': it is no day of the calendar"),
        (USE, ["--data-date", "30.6.2026"], "'30.6.2026'"),
        (USE, ["--set", "data.start=2026-02-30"], "data.start is '2026-02-30'"),
        (USE, ["--set", "data.end=2010-01-01"], "no bars up to 2010-01-01"),
    ],
)  # fmt: skip
def test_dates_are_checked_before_anything_starts(code, words, said, write, refused):
    assert said in refused(code, *_csv(write("good.csv"), *words))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "advanced.train.rounds=0"], "--set advanced.train.rounds=0"),
        (["--set", "advanced.train.roundz=5"], "did you mean advanced.train.rounds?"),
        (["--advanced.train.rounds", "many"], "'many'"),
        (["--bogus"], "--bogus"),
        (["--config", "absent.toml"], "absent.toml cannot be read"),
    ],
)
def test_wrong_settings_name_where_they_came_from(words, said, refused):
    assert said in refused(USE, *words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[advanced.train]\nroundz = 5\n", "did you mean advanced.train.rounds?"),
        ("[bogus]\nx = 1\n", "bogus is no setting"),
        ("size = = 3\n", "no valid TOML"),
        ('advanced = "none"\n', "advanced is 'none'"),
        ("\x00\xff", "no valid TOML"),
    ],
)
def test_a_wrong_settings_file_is_named(text, said, refused, tmp_path):
    file = tmp_path / "night.toml"
    file.write_bytes(text.encode("latin-1"))
    sentence = refused(USE, "--config", file)
    assert said in sentence
    assert str(file) in sentence


@pytest.mark.parametrize("place", ["", "/below"])
@pytest.mark.parametrize("server", ["given", "own"])
def test_a_store_that_cannot_be_written(place, server, tmp_path, monkeypatch, capsys, request):
    if server == "given":
        request.getfixturevalue("prefect_api")
    else:
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
    file = tmp_path / "file"
    file.write_text("no folder")
    monkeypatch.setenv("QILIN_HOME", f"{file}{place}")
    assert cli.main(["nightly"]) == ENVIRONMENT
    sentence = _only_sentence(capsys.readouterr().err, ENVIRONMENT)
    assert f"the store {file}{place} cannot be written" in sentence
    assert "QILIN_HOME" in sentence
    assert file.read_text() == "no folder"


@pytest.mark.parametrize("words", [["status"], ["doctor"], ["up"], ["retry"], ["down"]])
def test_other_commands_bear_a_store_that_is_a_file(words, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setenv("QILIN_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    assert cli.main(words) in (0, ENVIRONMENT)
    assert not [sign for sign in SIGNS_OF_A_BUG if sign in capsys.readouterr().err]


def test_a_port_in_use_is_named(qilin_home, monkeypatch, capsys):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(qilin_home))
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        monkeypatch.setenv("QILIN_PREFECT_PORT", str(port))
        assert cli.main(["nightly"]) == ENVIRONMENT
    assert f"port {port} (QILIN_PREFECT_PORT) is in use" in _only_sentence(
        capsys.readouterr().err, ENVIRONMENT
    )
    monkeypatch.setenv("QILIN_PREFECT_PORT", "http")
    assert cli.main(["nightly"]) == USE
    assert "'http'" in _only_sentence(capsys.readouterr().err, USE)
    assert _runs(qilin_home) == []


def test_debug_shows_the_traceback(qilin_home, capsys):
    assert cli.main(["nightly", "--debug", "--config", "absent.toml"]) == USE
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("qilin: settings file absent.toml")


def test_a_stop_by_the_user_is_no_fault(qilin_home, monkeypatch, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_cli_nightly, "watched", stopped)
    assert cli.main(["nightly"]) == 130
    assert "qilin retry" in _only_sentence(capsys.readouterr().err, 130)


def test_an_unknown_cluster_is_named(qilin_home, prefect_api):
    ran = nights.run(
        nights.command("nightly"), nights.environment(qilin_home, cluster="bogus"), PATIENCE
    )
    assert ran.code == USE, ran.err
    assert "QILIN_CLUSTER" in _only_sentence(ran.err, USE)
    assert _runs(qilin_home) == []


@pytest.fixture(scope="module")
def spoilt_home(tmp_path_factory):
    """The store in which all nights of faults run."""
    return nights.new_home(tmp_path_factory.mktemp("spoilt") / "home")


@pytest.fixture(scope="module")
def night(write, prefect_api):
    """Runs a small night on a file in a process of its own."""

    def run(home, path, *more, words=()):
        small = [s for s in nights.SMALL if not s.startswith("data")]
        sets = [w for s in (*small, *more) for w in ("--set", s)]
        command = nights.command("nightly", *map(str, _csv(path)), *words, *sets)
        return nights.run(command, nights.environment(home), PATIENCE)

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change", "settings", "said"),
    [
        ("good.csv", None, ['data.symbols=["999999.SH"]'], ["999999.SH", "the setting symbols"]),
        ("good.csv", None, ["data.start=2026-07-01"], ["no bars from 2026-07-01", "choose dates"]),
        ("upside.csv", _upside_down, [], ["no stock is left", "set aside"]),
        (
            "text.csv",
            lambda f: f.assign(close=f["close"].astype(object).where(f.index != 7, "abc")),
            [],
            ["text.csv", "'abc' is no number"],
        ),
        (
            "brief.csv",
            lambda f: f[f["date"] >= "2026-05-01"],
            [],
            ["walk-forward needs 197 sessions", "Also failed: backtest trials judged"],
        ),
        (
            "good.csv",
            None,
            ["advanced.train.min_train_days=2000"],
            ["walk-forward needs", "load a longer history"],
        ),
    ],
)  # fmt: skip
def test_what_the_night_finds_out(name, change, settings, said, write, night, spoilt_home):
    path = write(name, change) if change else write(name)
    ran = night(spoilt_home, path, *settings)
    assert ran.code == USE, ran.err
    sentence = _only_sentence(ran.err, USE)
    assert [w for w in said if w not in sentence] == []
    assert ran.summary["state"] == "FAIL"
    assert ran.out.splitlines()[-1].startswith("next: qilin retry ")
    assert max(len(line) for line in ran.out.splitlines() if "/" not in line) <= 80


@pytest.mark.slow
def test_a_night_that_is_stopped_ends_with_130_and_leaves_no_process(
    write, spoilt_home, prefect_api
):
    words = [w for s in nights.SMALL if not s.startswith("data") for w in ("--set", s)]
    process = subprocess.Popen(
        nights.command("nightly", *map(str, _csv(write("good.csv"))), *words),
        env=nights.environment(spoilt_home), stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        _wait_for_a_block(spoilt_home / "attempts", process)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "qilin retry" in _only_sentence(err, 130)
    assert not [p for p in children if p.is_running()]


def _wait_for_a_block(attempts: Path, process: subprocess.Popen[str]) -> None:
    before = len(list(attempts.rglob("*")))
    deadline = time.monotonic() + PATIENCE
    while len(list(attempts.rglob("*"))) == before:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.slow
def test_faults_leave_nothing_that_a_later_night_takes_for_good(
    write, night, spoilt_home, tmp_path
):
    good = write("good.csv")
    assert night(spoilt_home, write("upside.csv", _upside_down)).code == USE
    clean = night(nights.new_home(tmp_path / "clean"), good, words=["--data-date", LAST_DAY])
    later = night(spoilt_home, good, words=["--data-date", LAST_DAY])
    assert (clean.code, later.code) == (0, 0), clean.err + later.err
    assert later.outputs == clean.outputs
    assert len(later.outputs) > 10


@pytest.mark.slow
def test_data_that_ends_early_is_a_warning_with_both_days(write, night, tmp_path):
    home = nights.new_home(tmp_path / "late")
    ran = night(home, write("good.csv"))
    assert ran.code == 0
    assert f"WARN  the newest day is {LAST_DAY}, expected " in ran.out
    (report,) = (line for line in ran.out.splitlines() if line.startswith("report: "))
    assert Path(report.removeprefix("report: ")).is_file()
    assert "next: qilin doctor" in ran.out.splitlines()
