"""The plan of a sweep: counts, and a time that is about right."""

import importlib.util
from pathlib import Path

import pytest

from tasks.backtest.combinations import combinations
from tasks.backtest.plan import plan

_SPEC = importlib.util.spec_from_file_location(
    "backtest_markets", Path(__file__).parent / "conftest.py"
)
_MARKETS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MARKETS)


def test_counts_of_a_plan():
    panel = _MARKETS.market(300, 11)
    sets = combinations("ma_cross", {"fast": range(2, 12), "slow": range(20, 30)})
    made = plan(panel, sets, trials_per_block=30, symbols_per_block=4)
    assert made.accounts == 1100
    assert made.blocks == 4 * 3
    assert made.seconds > 0
    assert made.wall_seconds(12) == pytest.approx(made.seconds / 12)
    assert made.wall_seconds(5) == pytest.approx(made.seconds / 12 * 3)
    assert made.result_bytes == 300 * 100 * 24


def test_sets_that_are_run_again_are_time_and_memory_and_no_sets():
    panel = _MARKETS.market(300, 11)
    sets = combinations("ma_cross", {"fast": range(2, 12), "slow": range(20, 30)})
    shared = {"trials_per_block": 30, "symbols_per_block": 4}
    once = plan(panel, sets, total=500, series=False, **shared)
    twice = plan(panel, sets, total=500, again=100, series=False, **shared)
    assert twice.sets == once.sets == 500
    assert twice.blocks == once.blocks + 4 * 3
    assert once.result_bytes == 0
    assert twice.result_bytes == 300 * 100 * 24
    assert twice.memory_bytes(1) > once.memory_bytes(1)
