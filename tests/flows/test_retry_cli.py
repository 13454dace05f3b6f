"""`qilin retry` after a block that failed: nothing is computed twice, every hash comes out right.

The block fails for real, because the store cannot write its artifact.
"""

import json
from pathlib import Path

import pytest

from tasks.errors import EnvironmentFaultError
from tests.flows import nights

pytestmark = pytest.mark.slow

PATIENCE = 900.0


@pytest.fixture(scope="module")
def failed(calm_night: nights.Ran, tmp_path_factory: pytest.TempPathFactory):
    """A night of which one block failed, and that block."""
    home = nights.new_home(tmp_path_factory.mktemp("failed") / "home")
    block = nights.spoil(home, calm_night)
    ran = nights.run(nights.nightly(), nights.environment(home), PATIENCE)
    return ran, ran.summary, block


def test_a_failed_block_is_named_and_everything_else_is_finished(failed, calm_night) -> None:
    ran, summary, block = failed
    assert ran.code == EnvironmentFaultError.exit_code, "the store is at fault, not the night"
    where = f"{block['label']}: the store {ran.home} cannot be written"
    assert where in ran.out + ran.err
    assert ran.out.splitlines()[-1] == f"next: qilin retry {summary['run']['id']}"
    assert summary["state"] == "FAIL"
    assert [f["label"] for f in summary["failures"]] == [block["label"]]
    assert Path(ran.home / summary["report"]).is_file(), "an incomplete night has a report too"
    missing = calm_night.outputs.keys() - summary["outputs"].keys()
    places = {name for name in missing if name.startswith("sweep_block/")}
    assert missing - places == {"trials"}, "what needs the failed block was not run"
    assert len(places) == 1
    assert summary["outputs"].items() <= calm_night.outputs.items()


def test_status_names_the_failed_block_and_the_command(failed) -> None:
    ran, summary, block = failed
    told = nights.run(nights.command("status"), nights.environment(ran.home)).out
    last, *rest = told.splitlines()
    assert last.startswith(f"last      {summary['run']['day']} full FAIL, ended ")
    assert any(line.startswith(f"failed    {block['label']}: the store ") for line in rest)
    assert f"          again: qilin retry {summary['run']['id']}" in rest


def test_retry_computes_the_failed_block_and_what_needs_it(failed, calm_night) -> None:
    ran, before, block = failed
    nights.mend(ran.home, block)
    again = nights.run(nights.command("retry", "--json"), nights.environment(ran.home), PATIENCE)
    assert again.code == 0, again.err
    told, after = json.loads(again.out), again.summary
    assert (told["state"], told["run_id"]) == ("PASS", before["run"]["id"])
    assert again.computed == {block["label"], "backtest trials judged", f"report {_day(before)}"}
    assert after["counts"]["failed"] == 0
    for name in ("day", "folder", "id"):
        assert after["run"][name] == before["run"][name]
    assert after["outputs"] == told["outputs"] == calm_night.outputs
    assert not after["code"]["mixed"]


def test_nothing_is_left_to_retry(failed) -> None:
    ran, _, _ = failed
    words = nights.command("retry", ran.summary["run"]["id"])
    again = nights.run(words, nights.environment(ran.home))
    assert (again.code, again.out) == (2, "")
    assert "has completed: nothing is left to retry" in again.err


def _day(summary: dict) -> str:
    return str(summary["run"]["day"])
