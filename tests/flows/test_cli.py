"""The `qilin` command: settings from file and flags, sentences, exit codes, closing lines."""

import io
import json
import shutil
import subprocess
import sys
import tomllib

import pytest

from flows import _cli_config, _cli_display, _cli_nightly, _cli_status, cli
from flows._run import Finished
from flows._settings import NightlyConfig
from tasks import settings
from tasks.data.store import Store
from tasks.errors import DataNotReadyError, UserError


@pytest.fixture
def captured(monkeypatch):
    """Settings that reach the night, which then ends as this list's last item says."""
    seen = []

    def run(run_it, what, silent):
        return seen[0]

    monkeypatch.setattr(_cli_nightly, "watched", run)
    return seen


def _config(file=None, flags=None, *overrides):
    return _cli_config.nightly_config(file, flags or {}, overrides)


def test_defaults_are_the_models():
    assert _config() == NightlyConfig()


def test_later_sources_win(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text(
        'size = "small"\nnote = "from file"\ndata_date = 2026-11-20\n'
        "[advanced.train]\nrounds = 20\n"
    )
    config = _config(file, {"note": "from flag", "size": None}, "advanced.train.rounds=50")
    assert (config.size, config.note, config.advanced.train.rounds) == ("small", "from flag", 50)
    assert config.data_date == "2026-11-20"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("advanced.train.rounds=0", r"advanced\.train\.rounds is 0: input should be greater"),
        ("advanced.train.roundss=5", r"is no setting \(did you mean advanced\.train\.rounds\?\)"),
        ("size=big", r"size is 'big': input should be 'small' or 'full'"),
        ("rounds", r"write NAME=VALUE"),
        ("data_date=2026-13", r"data_date is '2026-13'"),
    ],
)
def test_a_wrong_override_is_one_sentence(override, words):
    with pytest.raises(UserError, match=words) as error:
        _config(None, None, override)
    assert f"--set {override}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_value_in_a_file_names_the_file(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text("[advanced.train]\nrounds = -3\n")
    with pytest.raises(UserError, match=r"my\.toml: advanced\.train\.rounds is -3"):
        _config(file)
    file.write_text("[advanced.train\n")
    with pytest.raises(UserError, match=r"my\.toml is no valid TOML"):
        _config(file)
    with pytest.raises(UserError, match=r"absent\.toml cannot be read"):
        _config(tmp_path / "absent.toml")


def test_every_fault_has_a_line_of_its_own(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text("[advanced.train]\nroundss = 3\n[advanced.gate]\ncalender = 'none'\n")
    with pytest.raises(UserError) as error:
        _config(file, {"data.source": "postgres"})
    lines = str(error.value).splitlines()
    assert len(lines) == 4
    assert sum("is no setting (did you mean" in line for line in lines[:3]) == 2
    assert any(line.startswith("--source: data.source is 'postgres'") for line in lines[:3])
    assert lines[3] == "see: qilin settings"


def test_all_settings_survive_the_way_through_a_file():
    text = _cli_config.as_toml(NightlyConfig())
    assert NightlyConfig.model_validate(tomllib.loads(text)) == NightlyConfig()


@pytest.mark.parametrize("name", ["nightly.toml", "full.toml"])
def test_the_settings_files_are_valid(name):
    _config(settings.CHECKOUT / "deployments" / name)


def test_a_dotted_flag_is_a_setting():
    words = ["nightly", "--advanced.train.rounds", "50", "--size", "small", "--data.source=csv"]
    expected = ["nightly", "--set", "advanced.train.rounds=50", "--size", "small"]
    assert cli._settings_as_overrides(words) == [*expected, "--set", "data.source=csv"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nightly", "--size", "big"], 2, "size is 'big'"),
        (["nightly", "--sizee", "small"], 2, "--size"),
        (["nightl"], 2, 'Did you mean "nightly"'),
        (["nightly", "--config", "absent.toml"], 2, "absent.toml"),
        (["nightly", "--source", "csv"], 2, "--data-path"),
        (["nightly", "--source", "csv", "--data-path", "absent.csv"], 2, "absent.csv"),
        (["nightly", "--source", "postgres"], 2, "qilin: --source: data.source is 'postgres'"),
        (["--version"], 0, ""),
        (["nightly", "--help"], 0, ""),
    ],
)
def test_wrong_use_is_one_sentence_and_its_code(words, code, said, capsys):
    assert cli.main(words) == code
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) <= 1


def test_a_bug_shows_no_traceback_but_where_it_is_kept(qilin_home, monkeypatch, capsys):
    def broken(*_):
        raise RuntimeError("split brain")

    monkeypatch.setattr(_cli_status, "lines", broken)
    assert cli.main(["status"]) == 70
    err = capsys.readouterr().err
    log = qilin_home / "logs" / "qilin.log"
    assert "split brain" in err
    assert str(log) in err
    assert "Traceback" not in err
    assert "Traceback" in log.read_text()
    assert cli.main(["status", "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "code"), [(DataNotReadyError("late"), 4), (KeyboardInterrupt(), 130)]
)
def test_faults_end_with_their_code(fault, code, monkeypatch, capsys):
    def broken(*_):
        raise fault

    monkeypatch.setattr(_cli_status, "lines", broken)
    assert cli.main(["status"]) == code
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_server_that_goes_away_is_no_bug_of_ours(qilin_home, monkeypatch, capsys):
    import httpx

    def broken(*_):
        raise httpx.ConnectError("[Errno 111] Connection refused")

    monkeypatch.setattr(_cli_status, "lines", broken)
    assert cli.main(["status"]) == 5
    assert "stopped answering" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "free", "code", "said"),
    [
        (500, 2**40, 5, "qilin: the Prefect server stopped answering (Internal"),
        (503, 1000, 5, "qilin: the disk of {home} is full: a night needs at least "),
        (422, 1000, 70, "qilin: internal error: HTTPStatusError: Internal"),
    ],
)
def test_a_server_that_breaks_down_names_its_disk_if_that_is_full(
    qilin_home, monkeypatch, capsys, status, free, code, said
):
    import httpx

    def broken(*_):
        answer = httpx.Response(status, request=httpx.Request("POST", "http://127.0.0.1/api"))
        raise httpx.HTTPStatusError(
            "Internal Server Error", request=answer.request, response=answer
        )

    usage = shutil.disk_usage(qilin_home)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(_cli_status, "lines", broken)
    assert cli.main(["status"]) == code
    err = capsys.readouterr().err
    assert err.startswith(said.format(home=qilin_home))
    assert len(err.splitlines()) == 1


def _finished(**changes):
    summary = {
        "state": "WARN", "report": "runs/2026-11-20/small-1/report.html",
        "run": {"seconds": 61.0}, "headline": {"trials": 12}, "failures": [],
    }  # fmt: skip
    fields = {
        "run_id": "abc", "name": "nightly 2026-11-20 small", "folder": "runs/2026-11-20/small-1",
        "summary": summary | changes.pop("summary", {}),
    }  # fmt: skip
    return Finished(**(fields | changes))


@pytest.mark.parametrize(("flags", "code"), [([], 0), (["--strict"], 3)])
def test_warnings_count_only_when_strict(captured, flags, code, capsys):
    captured.append(_finished())
    assert cli.main(["nightly", *flags]) == code
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("WARN  nightly 2026-11-20 small")
    assert out[-1].startswith("report: ")
    assert out[-1].endswith("report.html")


def test_a_failed_night_ends_with_what_to_type(captured, capsys):
    failures = [{"stage": "backtest", "label": "b", "sentence": "backtest 04/20: bad weight"}]
    error = "1 block failed: backtest 04/20: bad weight"
    captured.append(
        _finished(summary={"state": "FAIL", "failures": failures}, error=error, exit_code=1)
    )
    assert cli.main(["nightly"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "next: qilin retry abc"
    assert err.splitlines()[-1] == f"qilin: {error}"


def test_json_and_quiet_print_nothing_else(captured, capsys):
    captured.append(_finished())
    assert cli.main(["nightly", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["state"], value["run_id"], value["headline"]) == ("WARN", "abc", {"trials": 12})
    assert cli.main(["nightly", "--quiet"]) == 0
    assert capsys.readouterr().out.strip() == value["report"]


def test_a_plain_terminal_gets_plain_letters():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    finished = _finished(summary={"report": "runs/夜/report.html"})
    text = _cli_display.outcome(finished, "/store", "zh", stream)
    text.encode("ascii")
    assert "/store/runs/?/report.html" in text


def test_help_is_quick_because_it_loads_little():
    code = "import sys\nfrom flows.cli import main\nmain(['--help'])\nprint(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.CHECKOUT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert "nightly" in done.stdout
    for name in ("prefect", "pydantic", "numpy", "psutil"):
        assert f"'{name}'" not in done.stdout


def test_status_of_an_empty_store_says_how_to_begin(qilin_home, capsys, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert cli.main(["status"]) == 0
    assert capsys.readouterr().out.strip() == _cli_status.NEVER


def test_status_tells_of_the_last_and_of_a_broken_night(qilin_home, capsys):
    store = Store()
    store.note("runs/folders/one", "runs/2026-11-19/full-one")
    summary = {
        "state": "PASS", "sentence": "finished, every part passed", "failures": [],
        "run": {"id": "one", "day": "2026-11-19", "size": "full",
                "finished": "2026-11-19T21:52:00+08:00"},
    }  # fmt: skip
    store.note("runs/2026-11-19/full-one/summary.json", json.dumps(summary))
    (qilin_home / "runs" / "latest").symlink_to("2026-11-19/full-one")
    assert cli.main(["status"]) == 0
    out = capsys.readouterr().out
    assert "last      2026-11-19 full PASS, ended 2026-11-19 21:52 +08:00" in out
    assert "broken" not in out
    store.note("runs/folders/two", "runs/2026-11-20/full-two")
    assert cli.main(["status"]) == 0
    assert "broken    nightly 2026-11-20 full" in (out := capsys.readouterr().out)
    assert "qilin retry two" in out
