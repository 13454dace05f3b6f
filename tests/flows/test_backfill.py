"""A range of nights: finished ones are skipped, one that fails stops nobody."""

import datetime as dt
import json
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter

from flows import _hooks, _run, _summary, backfill, cli, nightly, rerun, train
from flows._night import code_of_steps
from flows._run import Backfilled
from flows._settings import NightlyConfig
from tasks.data.sources import registry
from tasks.data.store import Store
from tasks.errors import UserError
from tasks.market import calendar
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
        ("yesterday", "2026-10-05", "'yesterday' is no date"),
        ("x", "2026-11-18", "'x' is no date"),
    ],
)
def test_a_bad_range_is_one_sentence(start: str, end: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        backfill.nights(start, end, NightlyConfig())


def test_the_sentence_counts_and_names_the_first_failure() -> None:
    outcomes = [
        backfill.Outcome("2026-06-29", "found", "fine"),
        backfill.Outcome("2026-06-30", "FAIL", "1 block failed"),
    ]
    assert backfill.sentence(outcomes) == (
        "2 nights: 1 failed, 1 finished earlier; first failure 2026-06-30: 1 block failed"
    )


def test_a_night_whose_data_are_not_there_yet_waits_and_has_not_failed(prefect_api: str) -> None:
    today = calendar.last_closed_session(dt.datetime.now(dt.UTC))
    config = NightlyConfig(data_date=calendar.next_session(today))
    outcome = backfill._one(config, again=False)
    assert outcome.state == "waiting"
    assert f"data date {config.data_date} is not there yet" in outcome.sentence
    assert backfill.sentence([outcome]) == "1 night: 1 not there yet"


def test_a_bad_range_is_said_before_a_run_exists(
    prefect_api: str, qilin_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["backfill", "x", "2026-11-18"]) == 2
    assert "'x' is no date" in capsys.readouterr().err
    with get_client(sync_client=True) as client:
        where = FlowFilter.model_validate({"name": {"any_": ["backfill"]}})
        assert client.read_flow_runs(flow_filter=where) == []


@pytest.mark.parametrize("number", ["0", "65", "-1"])
def test_a_wrong_number_of_nights_side_by_side_is_one_sentence(
    number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["backfill", "2026-11-17", "2026-11-18", f"--at-once={number}"]) == 2
    said = capsys.readouterr().err
    assert "--at-once" in said
    assert len(said.splitlines()) == 1


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Backfilled:
    """A backfill of a night that passed and one that waits."""
    rows = [
        {"day": "2026-11-19", "state": "PASS", "sentence": "fine", "report": "runs/a/report.html"},
        {"day": "2026-11-20", "state": "waiting", "sentence": "not there yet", "report": ""},
    ]
    found = Backfilled("2 nights", failed=False, exit_code=4, rows=rows)
    monkeypatch.setattr(_run, "run_backfill", lambda *_, **__: found)
    return found


def test_a_backfill_tells_people_and_programs(
    ended: Backfilled, qilin_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["backfill", "2026-11-19", "2026-11-20"]
    assert cli.main(words) == 4
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-19  PASS      fine", "2026-11-20  waiting   not there yet", "2 nights",
    ]  # fmt: skip
    report = str(qilin_home / "runs/a/report.html")
    assert cli.main([*words, "--quiet"]) == 4
    assert capsys.readouterr().out.splitlines() == [report]
    assert cli.main([*words, "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == 4
    assert [night["report"] for night in told["nights"]] == [report, ""]


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


def test_every_flow_that_raises_an_alert_can_close_it() -> None:
    for made in (nightly.nightly, rerun.rerun, train.train, backfill.backfill):
        assert _hooks.report_failure in made.on_failure_hooks
        assert _hooks.report_completion in made.on_completion_hooks, made.name
