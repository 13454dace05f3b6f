"""Two runs are compared input by input, and a number leads back to its bars."""

import copy
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from flows import _compare, _lineage, _report_numbers, cli
from flows._night import code_of_steps
from flows._settings import NightlyConfig
from tasks import settings
from tasks.data.store import Store
from tasks.errors import UserError
from tests.flows import nights
from tests.report import sample_night

CONFIG = NightlyConfig()


def summary(**parts: Any) -> dict[str, Any]:
    return {
        "run": {"day": "2026-11-20", "source": "simulated", "size": "full"},
        "inputs": {"data": "aa", "settings": "bb", "code": "cc", "lock": "dd"},
        "code": {"commit": "1", "steps": {"fold": "f"}},
        "versions": {"numpy": "2"},
        "seeds": {"train": 7},
        "machine": {"cores": "2", "peak_memory": "1 GiB"},
        "blocks": [
            {"step": "load_bars", "label": "bars", "after": [], "work_seconds": 1.0},
            {"step": "fold", "label": "fold 1", "after": ["bars"], "work_seconds": 2.0},
            {"step": "fold", "label": "fold 2", "after": ["bars"], "work_seconds": 2.0},
            {"step": "predictions", "label": "scores", "after": ["fold 1", "fold 2"],
             "work_seconds": 0.5},
            {"step": "trials", "label": "judged", "after": ["bars"], "work_seconds": 1.0},
        ],
        "outputs": {"load_bars": "h0", "fold/000": "h1", "fold/001": "h2", "predictions": "h3",
                    "trials": "h4"},
        "headline": {"model_rank_ic": 0.05, "best_sharpe_ratio": None, "survivors": 0},
        **parts,
    }  # fmt: skip


def test_equal_runs_differ_in_nothing() -> None:
    assert _compare.differences(summary(), summary(), CONFIG, CONFIG) == []
    assert _compare.first_difference(summary(), summary()) == ""


def test_every_kind_of_input_is_named() -> None:
    now = summary(
        inputs={"data": "ax", "settings": "bx", "code": "cx", "lock": "dx"},
        code={"commit": "2", "steps": {"fold": "g", "ranking": "r"}},
        versions={"numpy": "3"},
        seeds={"train": 8},
        machine={"cores": "4", "peak_memory": "2 GiB"},
    )
    other = NightlyConfig.model_validate({"note": "n", "advanced": {"train": {"rounds": 9}}})
    found = _compare.differences(summary(), now, CONFIG, other)
    assert [(d.kind, d.name) for d in found] == [
        ("data", "content"), ("settings", "advanced.train.rounds"), ("code", "fold"),
        ("code", "ranking"), ("code", "commit"), ("versions", "numpy"), ("seeds", "train"),
        ("input", "lock"), ("machine", "cores"),
    ]  # fmt: skip
    assert found[3].line.endswith("ranking: none -> r")


def test_the_first_artifact_that_differs_is_found_in_the_order_of_the_work() -> None:
    now = summary()
    now["outputs"] |= {"predictions": "x", "fold/001": "x"}
    assert _compare.first_difference(summary(), now) == "fold/001"


def test_attribution_swaps_one_input_at_a_time_and_adds_up() -> None:
    old = NightlyConfig(data_date="2026-11-19")
    new = NightlyConfig.model_validate(
        {
            "data_date": "2026-11-20",
            "advanced": {"train": {"rounds": 9}, "costs": {"slippage_bp": 1.0}},
        }
    )
    seen: list[NightlyConfig] = []

    def run(config: NightlyConfig) -> dict[str, float]:
        seen.append(config)
        return {"x": float(len(seen))}

    rows = _compare.attribute(old, new, run)
    assert [what for what, _ in rows] == ["today's code", "data", "costs", "training"]
    assert seen[0] == old
    assert seen[-1] == new
    assert (seen[1].data_date, seen[1].advanced) == ("2026-11-20", old.advanced)


def test_every_setting_is_swapped_once_or_changes_no_number() -> None:
    swapped = [*_compare.LOOKS, *(name for names in _compare.GROUPS.values() for name in names)]
    for leaf in _compare.flat(CONFIG):
        holding = [name for name in swapped if leaf == name or leaf.startswith(f"{name}.")]
        assert len(holding) == 1, f"{leaf} is in {holding or 'no group'}"


def test_a_number_leads_back_to_the_bars() -> None:
    known = copy.deepcopy(summary())
    known["code"]["steps"] |= {"predictions": "p", "load_bars": "b"}
    links = _lineage.explain("model_rank_ic", known)
    assert [(link.step, link.depth) for link in links] == [
        ("predictions", 0), ("fold", 1), ("load_bars", 2),
    ]  # fmt: skip
    assert links[1].artifacts == ("h1", "h2")
    assert links[1].seconds == 4.0
    file, line = links[0].place.split(":")
    written = (settings.CHECKOUT / file).read_text().splitlines()[int(line) - 1 :]
    assert "def predictions(" in "\n".join(written[:3])
    with pytest.raises(UserError, match=r"no number 'sharpe'.*model_rank_ic, best_sharpe_ratio"):
        _lineage.explain("sharpe", known)


def test_a_place_in_other_code_than_the_runs_is_said_to_be_so() -> None:
    known = copy.deepcopy(summary())
    known["code"]["steps"] = {"predictions": "p"} | {
        name: code for name, code in code_of_steps().items() if name != "predictions"
    }
    links = _lineage.explain("model_rank_ic", known)
    assert [link.moved_on for link in links] == [True, False, False]
    assert "code p (it, or what it imports, has changed since)" in links[0].line
    assert "has changed" not in links[1].line


REPORTED = {
    "portfolios": [
        {"metrics": [
            {"name": {"en": "Sharpe", "zh": "夏普比率"}, "basis": {"en": kind, "zh": kind},
             "value": {"value": 0.91, "low": 0.42, "high": 1.38}} for kind in ("net", "gross")
        ]}
    ],
    "factors": {"rows": [{"name": "rsi_14", "ic": {"value": 0.03, "low": 0.01, "high": 0.05}}]},
    "trials": {"why": "not run", "state": "SKIP"},
    "model": {"folds": [{"number": 2, "test": {"value": 0.02, "low": None, "high": None}}]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "said", "step"),
    [
        ("portfolio Sharpe, net", "0.91 [0.42, 1.38]", "portfolio"),
        ("portfolio sharpe g", "0.91 [0.42, 1.38]", "portfolio"),
        ("rsi_14", "mean rank IC 0.03 [0.01, 0.05]", "factors"),
        ("fold 2", "mean rank IC on its test days 0.02", "predictions"),
        ("survivors", "0", "trials"),
    ],
)
def test_what_the_report_names_can_be_asked_for(name: str, said: str, step: str) -> None:
    found = _lineage.value(name, summary(night=REPORTED))
    assert (found.value, found.step) == (said, step)


def test_a_name_that_two_numbers_share_or_none_has_is_not_guessed() -> None:
    for name in ("portfolio sharpe", "ma_cross 5/20", ""):
        with pytest.raises(UserError, match=r"choose one of model_rank_ic.*a factor, a trial"):
            _lineage.value(name, summary(night=REPORTED))


def test_every_name_of_a_real_report_leads_somewhere(
    qilin_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = summary(
        night=sample_night.full_night().to_json(), state="PASS", command="qilin nightly"
    )
    folder = "runs/2026-11-20/full-a"
    known["run"] |= {"flow": "nightly", "id": "abc", "folder": folder, "finished": "1"}
    known["inputs"]["set_aside"] = ""
    names = [n.name for n in _report_numbers.numbers(known)]
    assert {n.step for n in _report_numbers.numbers(known)} == {
        "portfolio", "factors", "trials", "ranking", "predictions",
    }  # fmt: skip
    assert all(_report_numbers.find(name, known) for name in names)
    Store().note(f"{folder}/summary.json", json.dumps(known))
    assert cli.main(["explain", "fold 1", "2026-11-20"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("fold 1 = mean rank IC on its test days ")
    assert "set_aside" not in out


def test_every_headline_number_has_a_source() -> None:
    """A new headline number must say which step it is read from."""
    from tasks.report.assemble import headline

    written = Path(headline.__file__).read_text()
    names = set(re.findall(r'"([a-z_]+)"(?:\]|:)', written))
    assert names
    assert names <= set(_lineage.SOURCE_STEP)


@pytest.mark.slow
def test_the_change_of_a_real_night_is_attributed(
    prefect_api: str, calm_night: nights.Ran, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    home = tmp_path / "home"
    shutil.copytree(calm_night.home, home, symlinks=True)
    monkeypatch.setenv("QILIN_HOME", str(home))
    env = nights.environment(home)
    more = nights.nightly("advanced.train.rounds=5")
    first = calm_night.summary["run"]["id"]
    assert nights.run(more, env, timeout=600).code == 0
    latest = os.readlink(home / "runs" / "latest")
    ran = sorted(home.glob("runs/*/*/summary.json"))
    words = ["diff", first, "--attribute"]
    told = nights.run(nights.command(*words), env, timeout=900)
    assert told.code == 0, told.err
    assert sorted(home.glob("runs/*/*/summary.json")) == ran, "what lies between is no night"
    assert os.readlink(home / "runs" / "latest") == latest
    assert "settings  advanced.train.rounds: 20 -> 5" in told.out
    assert "first artifact that differs: ranking" in told.out
    moved = dict(re.findall(r"^  (\S[\w' ]*?) {2,}(.*)$", told.out.split("add up")[1], re.M))
    assert moved["today's code"] == moved["the rest"] == "moves nothing"
    assert "model_rank_ic" in moved["training"]
    assert set(moved) == {"today's code", "training", "the rest"}
    assert cli.main(["explain", "model_rank_ic", first]) == 0
    assert "load bars 2026-06-30: artifact" in capsys.readouterr().out
