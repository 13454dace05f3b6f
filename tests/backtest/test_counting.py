"""Sweeps that are run by hand, and the ledger that counts them."""

import dataclasses
import hashlib

import numpy as np
import pytest

from tasks.backtest import counting
from tasks.backtest.combinations import combinations
from tasks.backtest.config import CostConfig
from tasks.backtest.strategies.registry import FAMILIES, family
from tasks.backtest.sweep import sweep
from tasks.data import vault
from tasks.data.config import DataConfig, SimulatedConfig, family_name
from tasks.data.sources import csv, simulated
from tasks.data.store import Store
from tasks.data.trialsets import read_ledger
from tasks.errors import EnvironmentFaultError
from tasks.market.rules import a_share_rules

GRID = {"fast": (3, 5), "slow": (8, 20)}


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path))


def test_every_sweep_by_hand_is_counted_unless_it_says_otherwise(
    small_market, qilin_home, monkeypatch, caplog
):
    store = Store()
    assert store.root == str(qilin_home)
    monkeypatch.delenv("QILIN_LEDGER", raising=False)
    for off in (None, "none"):
        sweep(small_market, "ma_cross", GRID, ledger=off)
    monkeypatch.setenv("QILIN_LEDGER", "none")
    sweep(small_market, "ma_cross", GRID)
    assert store.names("ledger") == []
    assert not caplog.records
    monkeypatch.delenv("QILIN_LEDGER")
    for _ in range(3):
        sweep(small_market, "ma_cross", GRID)
    assert len(read_ledger(store, "test")) == 4, "the panel's source names the family"
    said = [r.getMessage() for r in caplog.records if "ledger" in r.getMessage()]
    assert len(said) == 1, "once in a process"
    assert f"counted 4 trials of 'test' in the ledger of {qilin_home}" in said[0]
    assert "ledger=None or QILIN_LEDGER=none switches it off" in said[0]
    vault.move(store, "test", str(small_market.dates[200]), str(small_market.dates[-1]))
    sealed = sweep(small_market, "ma_cross", GRID)
    assert sealed.dates[-1] == small_market.dates[199]
    whole = sweep(small_market, "ma_cross", GRID, ledger=None)
    assert whole.dates[-1] == small_market.dates[-1]


def test_a_panel_that_was_loaded_counts_in_the_family_of_its_nights(store, tmp_path):
    config = SimulatedConfig(n_symbols=3, start="2024-01-02")
    panel = simulated.load(config, end="2024-06-28")
    sweep(panel.stocks().adjusted(), "ma_cross", GRID, ledger=store)
    night = family_name(DataConfig(source="simulated", simulated=config))
    assert len(read_ledger(store, night)) == 4
    panel.to_frame().to_csv(tmp_path / "bars.csv", index=False)
    units = {"volume_unit": "shares", "amount_unit": "yuan"}
    assert csv.load(tmp_path / "bars.csv", **units).family == "csv"
    assert csv.load(tmp_path / "bars.csv", family="mine", **units).family == "mine"


def test_a_ledger_that_cannot_be_written_is_told_before_the_work(
    small_market, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tasks.backtest.sweep.sweep_block", None)
    with pytest.raises(
        EnvironmentFaultError, match=r"then retry, or count nothing with ledger=None"
    ):
        sweep(small_market, "ma_cross", GRID, ledger=str(tmp_path / "file"))


def test_a_sweep_is_counted_where_a_ledger_is_named(small_market, store, monkeypatch):
    alone = sweep(small_market, "ma_cross", GRID)
    assert store.names("ledger") == []
    counted = sweep(small_market, "ma_cross", GRID, ledger=store, data_family="x")
    np.testing.assert_array_equal(counted.returns, alone.returns)
    known = read_ledger(store, "x")
    assert len(known) == len(counted.frame) == 4
    assert set(known["days"]) == {280}
    sweep(small_market, "ma_cross", {"fast": (3,), "slow": (8, 30)}, ledger=store, data_family="x")
    assert len(read_ledger(store, "x")) == 5, "fast 3 against slow 8 was tried before"
    monkeypatch.setenv("QILIN_LEDGER", store.root)
    sweep(small_market, "momentum", _smallest("momentum"))
    assert len(read_ledger(store, "test")) >= 1, "the panel's source names the family"


def _smallest(name):
    usual = family(name).usual_grid
    return {k: v[:1] for k, v in usual.items()}


def test_what_makes_a_trial_another_one(small_market):
    def ids(grid=GRID, costs=None, fill="next_open", family="x", rule="all"):
        sets = combinations("ma_cross", grid)
        return counting.identities(
            sets,
            data_family=family,
            costs=costs or CostConfig(),
            fill=fill,
            universe={"flags": rule},
        )

    base = ids()
    assert base == ids(), "blocks, days and runs are no part of it"
    assert ids({"fast": (5, 3), "slow": (20, 8)})[-1] == base[0]
    for changed in (ids(costs=CostConfig(slippage_bp=9.0)), ids(fill="next_close"),
                    ids(family="y"), ids(rule="given")):  # fmt: skip
        assert not set(changed) & set(base)


def test_trials_on_other_stocks_or_under_other_rules_are_other_trials(small_market, store):
    one = {"fast": (3,), "slow": (8,)}

    def counted(**given):
        sweep(small_market, "ma_cross", one, ledger=store, data_family="x", **given)
        return len(read_ledger(store, "x"))

    assert counted() == 1
    everyone = np.ones(small_market.shape, dtype=bool)
    assert counted(universe=everyone) == 1, "all stocks on all days is no choice"
    for n in range(4):
        chosen = everyone.copy()
        chosen[:, n] = False
        assert counted(universe=chosen) == 2 + n
        assert counted(universe=chosen) == 2 + n, "the same stocks again"
    late = everyone.copy()
    late[:100, 0] = False
    assert counted(universe=late) == 6
    book = a_share_rules()
    assert counted(rules=book) == 7
    assert counted(rules=a_share_rules()) == 7
    quoted = tuple(row._replace(source="elsewhere") for row in book.rows)
    assert counted(rules=dataclasses.replace(book, rows=quoted)) == 7
    wider = tuple(
        row._replace(value=row.value * 2) if row.topic == "price_limit" else row
        for row in book.rows
    )
    assert counted(rules=dataclasses.replace(book, rows=wider)) == 8


def test_the_order_of_a_panels_symbols_is_no_part_of_a_trial(small_market, store):
    one = {"fast": (3,), "slow": (8,)}
    chosen = np.ones(small_market.shape, dtype=bool)
    chosen[:, 1] = False
    turned = small_market.columns(range(len(small_market.symbols))[::-1])
    sweep(small_market, "ma_cross", one, ledger=store, data_family="x", universe=chosen)
    sweep(turned, "ma_cross", one, ledger=store, data_family="x", universe=chosen[:, ::-1])
    assert len(read_ledger(store, "x")) == 1


def test_a_counted_sweep_never_sees_the_vault(small_market, store):
    dates = small_market.dates
    vault.move(store, "x", str(dates[200]), str(dates[260]))
    seen = sweep(small_market, "ma_cross", GRID, ledger=store, data_family="x")
    assert seen.dates[-1] == dates[199]
    future = {k: np.array(v) for k, v in small_market.fields.items()}
    for values in future.values():
        values[200:] *= 3.0
    changed = type(small_market)(dates, small_market.symbols, future, "unadjusted", "test")
    again = sweep(changed, "ma_cross", GRID, ledger=store, data_family="x")
    np.testing.assert_array_equal(again.returns, seen.returns)
    assert len(read_ledger(store, "x")) == 4


#: hashes of what each of our rules earns on one small market
EARNED = {
    "bollinger 1": "096abd2710682fc6",
    "breakout 1": "45c0395e10881b32",
    "ma_cross 1": "013e17e89b8ddb25",
    "macd 1": "1a6c2e594092c4ef",
    "momentum 1": "772c45942ad0562f",
    "reversal 1": "b07ab9a53dcf213a",
    "rsi_reversal 1": "2762fe455436e0f5",
    "volatility_target 1": "ec93a8843bd3a0fd",
}


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_rule_that_trades_otherwise_has_another_edition(small_market, name):
    """Equal trials count once for ever: a rule that was changed must not pass for the old one."""
    grid = {k: v[::3] for k, v in family(name).usual_grid.items()}
    free = CostConfig(slippage_bp=0.0)
    earned = sweep(small_market, name, grid, free).returns
    known = hashlib.sha256(np.round(np.nan_to_num(earned), 6).tobytes()).hexdigest()[:16]
    assert known == EARNED.get(f"{name} {family(name).edition}"), (
        "the rule wants something else than it did: raise its edition and note the new hash; "
        "where only costs or accounts changed, note the new hash alone"
    )
