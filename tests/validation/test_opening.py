"""Opening the vault: survivors scored on days that nothing was chosen on."""

import numpy as np
import pytest

from tasks.backtest import archive
from tasks.backtest.blocks import before, finish, merge
from tasks.backtest.combinations import combinations
from tasks.backtest.config import CostConfig
from tasks.backtest.excess import over_universe, universe_returns
from tasks.backtest.sweep import first_row, sweep_block
from tasks.data import codec
from tasks.data.panel import Panel
from tasks.data.store import Store
from tasks.data.vault import Vault
from tasks.errors import UserError
from tasks.validation.opening import scores_inside
from tasks.validation.trials import survivors

DAYS, STOP = 600, 420


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A trending market: a sweep of two blocks, judged on the days before the vault."""
    random = np.random.default_rng(3)
    regime = np.repeat(random.choice([-1.0, 1.0], (DAYS // 40, 12)), 40, axis=0) * 0.006
    close = 10 * np.exp(np.cumsum(regime + random.normal(0, 0.004, (DAYS, 12)), axis=0))
    dates = np.busday_offset(np.datetime64("2023-01-02"), np.arange(DAYS), roll="forward")
    symbols = tuple(f"{600000 + i}.SH" for i in range(12))
    grids = dict.fromkeys(("open", "high", "low", "close"), close)
    panel = Panel(dates, symbols, {**grids, "volume": np.full_like(close, 1e6)}, "adjusted", "test")
    store = Store(str(tmp_path_factory.mktemp("vault")))
    universe = np.ones(close.shape, dtype=bool)
    files = codec.panel_files(panel) | {"universe.npy": codec.array_bytes(universe)}
    kept = store.put("panel", "p" * 64, files, notes={"stocks": 12})
    sets = combinations("ma_cross", {"fast": (2, 3, 5), "slow": (10, 20)})
    blocks = [
        sweep_block(panel, part, universe, costs=CostConfig.free(), first=first_row(panel, sets),
                    pairs=False)
        for part in sets.blocks(3)
    ]  # fmt: skip
    stored = [store.put("sweep", f"{i}" * 64, archive.block_files(b)) for i, b in enumerate(blocks)]
    merged = merge(blocks)
    table = finish(before(merged, STOP), CostConfig.free())
    market = universe_returns(panel, universe)[STOP - len(table.dates) : STOP]
    verdict = survivors(*over_universe(table, market))
    judged = store.put("trials", "j" * 64, {"judged.parquet": codec.frame_bytes(verdict.table)})
    sealed = Vault("x", str(dates[STOP]), str(dates[520]), "test")
    return store, kept, stored, judged, sealed, table, panel, merged


def test_selection_ends_the_day_before_the_vault(night):
    *_, table, panel, merged = night
    assert table.dates[-1] == panel.dates[STOP - 1]
    whole = finish(merged, CostConfig.free())
    np.testing.assert_array_equal(table.returns, whole.returns[:, : len(table.dates)])


def test_survivors_are_scored_inside_and_only_there(night):
    store, kept, stored, judged, sealed, _table, panel, merged = night
    rows = scores_inside(store, kept, stored, judged, CostConfig.free(), sealed)
    assert rows, "a trend this strong survives"
    whole = finish(merged, CostConfig.free())
    market = universe_returns(panel, np.ones(panel.shape, dtype=bool))[DAYS - len(whole.dates) :]
    inside = (whole.dates >= panel.dates[STOP]) & (whole.dates <= panel.dates[520])
    for row in rows:
        fast, slow = map(float, row["name"].removeprefix("ma_cross ").split("/"))
        k = int(np.flatnonzero((whole.combinations.values == [fast, slow]).all(axis=1))[0])
        excess = (whole.returns[k] - market)[inside]
        assert row["inside"] == pytest.approx(excess.mean() / excess.std(ddof=1) * np.sqrt(244))
        assert row["low"] < row["inside"] < row["high"]
        assert row["days"] == 101


def test_a_vault_that_leaves_nothing_to_score_is_refused(night):
    *_, merged = night
    with pytest.raises(UserError, match="before the sweep has scored two days"):
        before(merged, merged.first + 1)
