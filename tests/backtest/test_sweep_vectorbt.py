"""The sweep against vectorbt on one market without holes."""

import importlib.util
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tasks.backtest.config import CostConfig
from tasks.backtest.costs import day_costs
from tasks.backtest.sweep import sweep

_SPEC = importlib.util.spec_from_file_location(
    "backtest_markets", Path(__file__).parent / "conftest.py"
)
_MARKETS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MARKETS)


@pytest.mark.peer
@pytest.mark.slow
def test_every_pair_equals_vectorbt(peers_python, tmp_path):
    panel = _MARKETS.market(700, 12, seed=5, start="2021-11-01")  # across two changes of fees
    grid = {"fast": (5, 10, 20), "slow": (15, 30, 60)}
    costs = CostConfig(slippage_bp=8.0)
    table = sweep(panel, "ma_cross", grid, costs)
    rates = day_costs(costs, panel.dates)
    source, target = tmp_path / "in.npz", tmp_path / "out.npz"
    np.savez(
        source, open=panel["open"], close=panel["close"], sets=table.combinations.values,
        buy_fee=rates.buy, sell_fee=rates.sell, slippage=rates.slippage, first=60,
    )  # fmt: skip
    script = Path(__file__).parent.parent / "peers" / "vectorbt_sweep.py"
    subprocess.run([peers_python, script, source, target], check=True, timeout=600)
    peer = np.load(target)
    for name, tolerance in (("total_return", 1e-12), ("sharpe", 1e-10), ("max_drawdown", 1e-12)):
        np.testing.assert_allclose(table.pairs[name], peer[name], rtol=0, atol=tolerance)
    np.testing.assert_array_equal(table.pairs["trades"], peer["trades"])
