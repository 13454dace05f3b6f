"""`qilin check leaks`: a finding for each factor of a file, and its first cell where it leaks."""

import json
from pathlib import Path

import pytest

from flows import cli
from tasks.data.bars import Bars
from tasks.data.config import DataConfig, GateConfig, SimulatedConfig
from tasks.data.sources import simulated
from tasks.data.userfiles import UserFile
from tasks.errors import UserError
from tasks.indicators import userfactors
from tasks.validation.factorcheck import check_factors

PYTHON = """
import numpy as np

chance = np.random.default_rng()

def honest(panel):
    return panel["close"] / panel["open"] - 1.0

def whole_sample(panel):
    return {"scaled": panel["close"] / np.nanmax(panel["close"], axis=0), "raw": panel["close"]}

def restless(panel):
    return panel["close"] * chance.random()
"""


@pytest.fixture(scope="module")
def bars() -> Bars:
    market = SimulatedConfig(n_symbols=12, start="2024-01-02")
    return simulated.read(DataConfig(simulated=market), "2024-12-31")


def found(name: str, text: str, bars: Bars) -> dict[str, tuple[str, str]]:
    factors = userfactors.understood(UserFile(name, text))
    return {f.name: (f.state, f.found) for f in check_factors(factors, bars, GateConfig())}


def test_functions_that_leak_are_named_with_the_first_cell(bars: Bars) -> None:
    states = found("mine.py", PYTHON, bars)
    assert {n: s for n, (s, _) in states.items()} == {
        "honest": "PASS", "scaled": "FAIL", "raw": "PASS", "restless": "FAIL",
    }  # fmt: skip
    assert states["scaled"][1].startswith("uses the future: ")
    assert " with the bars from 2024-" in states["scaled"][1]
    assert states["restless"][1] == "gives other numbers for the same bars: fix its seed"


HIDING = """
import numpy as np
seen = {}

def remembering(panel):
    key = str(panel.dates[0])
    if key not in seen:
        seen[key] = np.roll(panel["close"], -1, axis=0)
    return seen[key][: panel.shape[0]]

def in_sample(panel):
    r = panel["close"] / panel["open"] - 1.0
    return (r - np.nanmean(r[:80])) / np.nanstd(r[:80])

def first_days(panel):
    out = np.zeros(panel.shape)
    out[:5] = np.nanmax(panel["close"][:50], 0)
    return out
"""


def test_a_leak_hides_neither_in_what_is_kept_nor_among_the_first_days(bars: Bars) -> None:
    states = found("mine.py", HIDING, bars)
    assert {n: s for n, (s, _) in states.items()} == {
        "remembering": "FAIL", "in_sample": "FAIL", "first_days": "FAIL",
    }  # fmt: skip
    assert all(words.startswith("uses the future: ") for _, words in states.values())


WRITING = """
import pandas as pd

def filled(panel):
    close = panel["close"]
    close[:] = pd.DataFrame(close).bfill().to_numpy()
    return close * 1.0
"""
ABSENT = """
import numpy as np

def apart(panel):
    return panel["close"] - np.nanmean(panel["close"], axis=1)[:, None]
"""


def test_an_unknown_field_is_told_with_the_files_name(bars: Bars) -> None:
    with pytest.raises(UserError, match=r"^mine\.txt: factor 'A', character 1: there is no field"):
        found("mine.txt", "A = $roe\n", bars)


def test_a_function_that_writes_into_the_panel_is_told_to_copy(bars: Bars) -> None:
    with pytest.raises(UserError, match=r"^mine\.py, line 6: filled writes into an array that is"):
        found("mine.py", WRITING, bars)


def test_numpys_warnings_are_no_findings(bars: Bars) -> None:
    assert found("mine.py", ABSENT, bars)["apart"][0] == "PASS"


def test_expressions_pass_and_labels_are_not_tested(bars: Bars) -> None:
    text = "A = CSRank($close / Ref($close, 5))\n[labels]\nB = Ref($close, -1) / $close\n"
    states = found("mine.txt", text, bars)
    assert states["A"][0] == "PASS"
    assert states["B"][0] == "SKIP"


def test_faults_of_the_users_code_are_one_sentence(bars: Bars) -> None:
    with pytest.raises(UserError, match=r"^mine\.py, line 2: ZeroDivisionError"):
        found("mine.py", "def f(panel):\n    return 1 / 0\n", bars)


def test_a_short_history_is_refused(bars: Bars) -> None:
    import dataclasses

    days = bars.frame["date"] < "2024-01-20"
    short = dataclasses.replace(bars, frame=bars.frame[days])
    with pytest.raises(UserError, match="a leak check needs 20"):
        found("mine.txt", "A = $close\n", short)


def test_the_command_prints_a_line_per_factor_and_exits_by_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "small.toml"
    settings.write_text(
        'data_date = "2024-12-31"\n[data.simulated]\nn_symbols = 8\nstart = "2024-01-02"\n'
    )
    mine = tmp_path / "mine.py"
    mine.write_text(PYTHON.partition("def restless")[0])
    words = ["check", "leaks", str(mine), "--config", str(settings)]
    assert cli.main(words) == 1
    head, *lines, last = capsys.readouterr().out.splitlines()
    assert head == "mine.py on simulated data to 2024-12-31"
    assert [line.split()[:2] for line in lines] == [
        ["PASS", "honest"], ["FAIL", "scaled"], ["PASS", "raw"],
    ]  # fmt: skip
    assert last.startswith("2 passed, 1 failed in ")
    assert last.endswith("exit 1")
    mine.write_text("def honest(panel):\n    return panel['close']\n")
    assert cli.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "PASS"
    mine.write_text("def broken(:\n")
    assert cli.main(words) == 2
    assert "qilin: mine.py, line 1: invalid syntax" in capsys.readouterr().err
