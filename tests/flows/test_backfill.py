"""A range of nights: finished ones are skipped, one that fails stops nobody."""

import json
from pathlib import Path

import pytest

from flows import _summary, backfill
from flows._night import code_of_steps
from flows._settings import NightlyConfig
from tasks.data.sources import registry
from tasks.data.store import Store
from tasks.errors import UserError
from tests.flows import nights

DAY = "2026-06-30"


def night(**more: object) -> NightlyConfig:
    return NightlyConfig.model_validate({"data_date": DAY, **more})


def keep(store: Store, config: NightlyConfig, state: str, **inputs: str) -> None:
    """Leave a summary as a night of these settings would."""
    known = {
        "data": registry.content_id(config.data, DAY),
        "settings": _summary.settings_hash(config.model_dump(mode="json")),
        "code": _summary.digest(code_of_steps()),
        **inputs,
    }
    summary = {"run": {"finished": "1"}, "inputs": known, "state": state}
    store.note(f"runs/{DAY}/full-a/summary.json", json.dumps(summary))


def test_only_a_night_of_the_same_inputs_counts_as_finished(qilin_home: Path) -> None:
    store, config = Store(), night()
    assert not backfill.finished(config, store)
    keep(store, config, "WARN")
    assert backfill.finished(config, store)
    assert backfill.finished(night(note="another", language="zh"), store), "no number changes"
    assert not backfill.finished(night(size="small"), store)
    for state, inputs in (("FAIL", {}), ("PASS", {"code": "old"}), ("PASS", {"data": "other"})):
        keep(store, config, state, **inputs)
        assert not backfill.finished(config, store)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-06-30", "2026-06-01", "runs backwards"),
        ("2026-10-01", "2026-10-05", "no session"),
        ("2005-01-01", "2026-01-01", "more than 2600"),
        ("yesterday", "2026-10-05", "yesterday"),
    ],
)
def test_a_bad_range_is_one_sentence(start: str, end: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        backfill._nights(start, end, NightlyConfig())


def test_the_sentence_counts_and_names_the_first_failure() -> None:
    outcomes = [
        backfill.Outcome("2026-06-29", "found", "fine"),
        backfill.Outcome("2026-06-30", "FAIL", "1 block failed"),
    ]
    assert backfill.sentence(outcomes) == (
        "2 nights: 1 failed, 1 finished earlier; first failure 2026-06-30: 1 block failed"
    )


@pytest.mark.slow
def test_nights_run_side_by_side_and_a_second_backfill_finds_them(
    prefect_api: str, tmp_path: Path
) -> None:
    home = nights.new_home(tmp_path / "home")
    env = nights.environment(home)
    small = [w for s in nights.SMALL if not s.startswith("data_date") for w in ("--set", s)]
    words = nights.command("backfill", "2026-06-26", "2026-06-30", *small, "--at-once", "2")
    ran = nights.run(words, env, timeout=900)
    assert ran.code == 0, ran.err
    days = [line.split()[0] for line in ran.out.splitlines() if line[:4] == "2026"]
    assert days == ["2026-06-26", "2026-06-29", "2026-06-30"], "the 27th and 28th are a weekend"
    for day in days:
        (summary,) = (home / "runs" / day).glob("*/summary.json")
        assert json.loads(summary.read_text())["parts"]["panel"]["notes"]["last_day"] == day
    again = nights.run(words, env, timeout=300)
    assert again.code == 0, again.err
    assert "3 nights: 3 finished earlier" in again.out
