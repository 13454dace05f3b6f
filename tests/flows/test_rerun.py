"""A night again from a stage: the preview says what happens, and exactly that happens."""

import json
import shutil
from pathlib import Path

import pytest

from flows import _cli_rerun, _history, _preview, _publish, cli
from flows._run import Finished
from tasks.data.store import Store
from tasks.errors import UserError
from tests.flows import nights

BLOCKS = [
    {"stage": "load", "step": "bars", "label": "load bars", "key": "", "after": []},
    {"stage": "features", "step": "features", "label": "features 1", "after": ["load bars"]},
    {"stage": "backtest", "step": "sweep", "label": "backtest 1", "after": ["load bars"]},
    {"stage": "train", "step": "fold", "label": "train 1", "after": ["features 1"]},
    {"stage": "backtest", "step": "portfolio", "label": "portfolio", "after": ["train 1"]},
    {"stage": "report", "step": "report", "label": "report", "key": "", "after": ["portfolio"]},
]


@pytest.fixture
def earlier(qilin_home: Path) -> tuple[dict, Store]:
    """A run whose artifacts are all in the store."""
    store = Store()
    blocks = []
    for block in BLOCKS:
        key = f"{len(blocks):02d}" + 62 * "a"
        store.put("thing", key, {"x": b"1"})
        blocks.append({**block, "key": key, "work_seconds": 2.0, "state": "computed"})
    code = {"steps": {block["step"]: "same" for block in BLOCKS}}
    run = {"id": "first", "day": "2026-11-20", "finished": "1"}
    return {"blocks": blocks, "code": code, "run": run, "inputs": {"settings": "s"}}, store


def anew(summary: dict, store: Store, stage: str, **code: str) -> list[str]:
    now = {**summary["code"]["steps"], **code}
    return [row.label for row in _preview.preview(summary, stage, now, store).computed]


def test_what_waits_for_the_stage_is_computed_and_nothing_else(earlier):
    assert anew(*earlier, "train") == ["train 1", "portfolio", "report"]
    assert anew(*earlier, "backtest") == ["backtest 1", "portfolio", "report"]
    assert anew(*earlier, "report") == ["report"]
    assert anew(*earlier, "load") == [block["label"] for block in BLOCKS]


def test_changed_code_and_lost_artifacts_are_foreseen(earlier):
    summary, store = earlier
    assert anew(summary, store, "report", fold="other") == ["train 1", "portfolio", "report"]
    store.discard(summary["blocks"][2]["key"])
    assert anew(summary, store, "report") == ["backtest 1", "report"]


def test_the_time_is_that_of_the_earlier_run(earlier):
    summary, store = earlier
    plan = _preview.preview(summary, "train", summary["code"]["steps"], store)
    assert plan.work_seconds == 6.0
    assert plan.chain_seconds == 6.0, "training, then its portfolio, then the report"
    assert "3 blocks are reused, 3 are computed anew: 6 s of work, about 6 s on" in plan.sentence
    assert plan.sentence.endswith("going by the time of one run")
    assert plan.table()[0]["what happens"] == "reused"


def ran(store: Store, summary: dict, day: str, seconds: dict[str, float], **inputs: str) -> None:
    """Leave a run of another day, which computed some blocks and found the others."""
    blocks = [
        {**b, "label": b["label"].replace(summary["run"]["day"], day),
         "state": "computed" if b["label"] in seconds else "cached",
         "work_seconds": seconds.get(b["label"], 2.0)}
        for b in summary["blocks"]
    ]  # fmt: skip
    run = {"id": day, "day": day, "finished": day}
    told = {**summary, "blocks": blocks, "run": run, "inputs": {"settings": "s", **inputs}}
    store.note(f"runs/{day}/small-a/summary.json", json.dumps(told))


def test_a_night_that_compiled_its_kernels_does_not_decide_what_to_expect(earlier):
    summary, store = earlier
    summary["blocks"][5] |= {"label": "report 2026-11-20", "work_seconds": 29.0}
    ran(store, summary, "2026-11-18", {"report 2026-11-20": 0.4})
    ran(store, summary, "2026-11-19", {"report 2026-11-20": 0.6, "train 1": 9.0})
    ran(store, summary, "2026-11-17", {"report 2026-11-20": 90.0}, settings="other")
    rows = _preview.preview(summary, "train", summary["code"]["steps"], store).rows
    took = {row.label: (row.seconds, row.runs) for row in rows}
    assert took["report 2026-11-20"] == (0.6, 3)
    assert took["train 1"] == (2.0, 2), "of two the shorter"
    assert took["load bars"] == (2.0, 1), "what was found says nothing new"
    sentence = _preview.preview(summary, "train", summary["code"]["steps"], store).sentence
    assert sentence.endswith("going by the median times of 3 runs")


def test_a_rerun_is_told_to_programs_and_can_be_strict(qilin_home, monkeypatch, capsys):
    report = "runs/2026-11-20/small-1/report.html"
    ended = Finished("abc", "rerun", report[:-12], {"state": "WARN", "report": report})
    monkeypatch.setattr(_cli_rerun, "watched", lambda *_: ended)
    words = ["rerun", "--from-stage", "train"]
    assert cli.main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["report"]) == ("WARN", str(qilin_home / report))
    assert cli.main([*words, "--strict"]) == 3


def test_a_preview_is_told_to_programs(earlier, monkeypatch, capsys):
    summary, store = earlier
    plan = _preview.preview(summary, "train", summary["code"]["steps"], store)
    monkeypatch.setattr(_cli_rerun, "_planned", lambda *_: plan)
    assert cli.main(["rerun", "--from-stage", "train", "--preview", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sentence"] == plan.sentence
    assert [b["label"] for b in told["blocks"] if b["computed"]] == [
        "train 1", "portfolio", "report",
    ]  # fmt: skip


def test_runs_are_found_by_whatever_names_them(qilin_home):
    store = Store()
    for day, run, ended in (("2026-11-19", "full-aa", "1"), ("2026-11-20", "small-bb", "2")):
        size, folder = run.split("-")[0], f"runs/{day}/{run}"
        summary = {"run": {"day": day, "folder": folder, "size": size, "finished": ended}}
        store.note(f"{folder}/summary.json", json.dumps(summary))
        _publish._point_latest(store, summary)
    report = str(qilin_home / "runs" / "2026-11-20" / "small-bb" / "report.html")
    words = ["", "latest", "2026-11-20", "nightly 2026-11-20 small", "small-bb", "bb"]
    for word in [*words, report, f"file://{report}", "runs/2026-11-20/small-bb/"]:
        assert _history.summary_of(store, word)["run"]["size"] == "small", word
    assert _history.summary_of(store, "runs/2026-11-19/full-aa/")["run"]["size"] == "full"
    for words in ("2026-11-20 full", "full-cc", "2026-11-18"):
        with pytest.raises(UserError, match="is not in the store"):
            _history.summary_of(store, words)


@pytest.mark.slow
def test_exactly_what_the_preview_says_is_computed_and_the_hashes_hold(
    prefect_api: str, calm_night: nights.Ran, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(calm_night.home, home, symlinks=True)
    env = nights.environment(home)
    told = nights.run(nights.command("rerun", "--from-stage", "train", "--preview"), env)
    assert told.code == 0, told.err
    foreseen = {
        line.removeprefix("anew").strip().split("  ")[0]
        for line in told.out.splitlines()
        if line.startswith("anew")
    }
    words = nights.command("rerun", "--from-stage", "train", "--reason", "a doubt")
    ran = nights.run(words, env, timeout=600)
    assert ran.code == 0, ran.err
    assert ran.computed == foreseen
    assert {b["stage"] for b in ran.summary["blocks"] if b["state"] == "computed"} == {
        "train", "backtest", "report",
    }  # fmt: skip
    assert ran.outputs == calm_night.outputs
    assert ran.summary["counts"]["begun_twice"] == 0, "nothing crashed"
    waits = {block["label"]: block["after"] for block in ran.summary["blocks"]}
    assert "features leak tests" in waits["train dataset"], "it leaves out what leaks"
    assert ran.summary["counts"]["attempts"] == len(foreseen) - 1, "all but the report"
    assert ran.summary["run"]["note"].endswith("again from train: a doubt")
    marks = [p.read_text() for p in (home / "reruns").rglob("*") if p.is_file()]
    assert len(marks) == len(foreseen) - 1, "all but the report"
    assert set(marks) == {"as before"}
