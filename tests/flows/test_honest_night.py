"""What a night declares: the ledger of what was tried, and the vault no selection sees."""

from pathlib import Path

import pytest

from tests.flows import nights

pytestmark = pytest.mark.slow

VAULT = "advanced.validation.vault_sessions=60"
OTHER = "advanced.costs.slippage_bp=9.0"


@pytest.fixture(scope="module")
def home(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nights.new_home(tmp_path_factory.mktemp("honest") / "home")


def run(home: Path, *more: str) -> nights.Ran:
    ran = nights.run(nights.nightly(VAULT, *more), nights.environment(home), timeout=900)
    assert ran.code == 0, ran.err
    return ran


@pytest.fixture(scope="module")
def first(home: Path) -> tuple[dict, dict]:
    """Summary and outputs of the first night of a store."""
    ran = run(home)
    return ran.summary, ran.outputs


def test_the_vault_is_fixed_declared_and_sealed(first, home: Path) -> None:
    summary, _ = first
    vault = summary["vault"]
    assert vault["end"] == summary["run"]["day"]
    assert len(summary["inputs"]["vault"]) == len(summary["inputs"]["ledger"]) == 64
    trials = summary["night"]["trials"]
    assert trials["period"][1] < vault["start"] == trials["vault"][0]
    assert trials["vault_openings"] == summary["headline"]["vault_openings"] == 0
    for portfolio in summary["night"]["portfolios"]:
        assert portfolio["dates"][-1] < vault["start"]
    for fold in summary["night"]["model"]["folds"]:
        assert fold["test_period"][1] < vault["start"]
    assert summary["night"]["ranking"]["day"] > summary["run"]["day"], "the fit uses every bar"


def test_the_same_night_again_counts_nothing_twice_and_computes_nothing(first, home: Path) -> None:
    before, outputs = first
    again = run(home)
    assert again.summary["counts"]["cached"] == again.summary["counts"]["blocks"] - 1
    assert again.outputs == outputs
    assert again.summary["inputs"] == before["inputs"]
    found = again.summary["headline"]
    assert found["trials_since_ledger_began"] == found["trials"]


def test_other_trials_raise_the_bar_of_the_next_night(first, home: Path) -> None:
    before, outputs = first
    other = run(home, OTHER).summary["headline"]
    assert other["trials_since_ledger_began"] == 2 * other["trials"]
    again = run(home)
    assert again.summary["inputs"]["ledger"] != before["inputs"]["ledger"]
    assert again.summary["headline"]["trials_since_ledger_began"] == 2 * other["trials"]
    changed = {name for name, value in again.outputs.items() if outputs[name] != value}
    assert changed == {"trials"}
    raised = again.summary["night"]["trials"]["best_trial"]
    alone = before["night"]["trials"]["best_trial"]
    assert raised["sharpe"] == alone["sharpe"]
    assert raised["deflated"] < alone["deflated"]
    assert raised["q"] >= alone["q"]


def test_the_vault_is_opened_with_a_reason_and_every_opening_is_counted(first, home: Path) -> None:
    env = nights.environment(home)
    refused = nights.run(nights.command("vault", "open", "--reason", " "), env)
    assert (refused.code, "give --reason" in refused.err) == (2, True)
    opened = nights.run(nights.command("vault", "open", "--reason", "a test"), env)
    assert opened.code == 0, opened.err
    assert "opened 1 time" in opened.out
    shown = nights.run(nights.command("vault"), env).out
    assert "a test" in shown
    assert run(home).summary["night"]["trials"]["vault_openings"] == 1
    counted = nights.run(nights.command("ledger"), env).out
    assert "trials (about" in counted
