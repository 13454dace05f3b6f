"""Training alone: a ranking and a report, and nothing swept."""

import json
from pathlib import Path

import pytest

from tests.flows import nights


@pytest.mark.slow
def test_it_takes_the_nights_features_and_models_and_no_sweep(
    prefect_api: str, calm_night: nights.Ran
) -> None:
    words = nights.command("train", *(w for s in nights.SMALL for w in ("--set", s)), "--json")
    ran = nights.run(words, nights.environment(calm_night.home), timeout=600)
    assert ran.code == 0, ran.err
    (folder,) = (calm_night.home / "trainings" / "2026-06-30").iterdir()
    told = json.loads(ran.out)
    assert told["report"] == str(folder / "report.html")
    assert told["name"] == "train lightgbm full"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["state"] in ("PASS", "WARN")
    assert (folder / "report.html").stat().st_size > 100_000
    assert {b["stage"] for b in summary["blocks"]} == {"load", "features", "train", "report"}
    assert {b["label"] for b in summary["blocks"] if b["state"] == "computed"} == {
        "report 2026-06-30"
    }
    assert summary["outputs"].items() <= calm_night.outputs.items()
    assert summary["headline"]["ranked"] == calm_night.summary["headline"]["ranked"]
    assert Path(calm_night.home / "runs" / "latest" / "summary.json").is_file()
    assert (summary["run"]["flow"], calm_night.summary["run"]["flow"]) == ("train", "nightly")
