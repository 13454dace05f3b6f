"""Performance figures equal those of empyrical, quantstats and ffn on golden and on drawn data.

What the peers call by one name with another meaning is brought to ours in
`tests/peers/performance_metrics.py`, or computed here under the convention that they have:
ffn's yearly return counts calendar years of 365.25 days.
"""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.backtest import gains, metrics, relative
from tasks.backtest.figures import summary
from tasks.backtest.metrics import Conventions

YEAR = 252.0
PEER = Path(__file__).parent.parent / "peers" / "performance_metrics.py"


def ours(returns, benchmark, dates):
    """All figures, and those under a peer's own convention."""
    conventions = Conventions(annualisation=YEAR)
    found = summary(returns, conventions, benchmark)
    found["up_capture_of_252"] = relative.up_capture(returns, benchmark, conventions)
    found["down_capture_of_252"] = relative.down_capture(returns, benchmark, conventions)
    found["ulcer_index_of_n"] = gains.ulcer_index(returns, Conventions(ddof=0))
    days = (dates[-1] - dates[0]).astype(int) + 1
    by_calendar = Conventions(annualisation=returns.shape[-1] / (days / 365.25))
    found["annual_return_by_calendar"] = metrics.annual_return(returns, by_calendar)
    return found


def compare(peers_python, folder, returns, benchmark, dates):
    source, target = folder / "in.npz", folder / "out.json"
    np.savez(source, returns=returns, benchmark=benchmark, dates=dates, year=YEAR)
    subprocess.run([peers_python, PEER, source, target], check=True, timeout=300)
    found = ours(returns, benchmark, dates)
    for peer, rows in json.loads(target.read_text()).items():
        for k, row in enumerate(rows):
            for name, value in row.items():
                mine = float(np.asarray(found[name])[k])
                assert mine == pytest.approx(value, rel=1e-9, abs=1e-12), (peer, name, k)


@pytest.mark.peer
def test_equal_on_drawn_data(peers_python, tmp_path):
    rng = np.random.default_rng(11)
    market = rng.standard_t(4, 600) * 0.01
    returns = 0.6 * market + rng.standard_t(4, (4, 600)) * 0.008 + 0.0004
    returns[rng.random(returns.shape) < 0.05] = 0.0
    dates = np.busday_offset("2020-01-01", np.arange(600), roll="forward")
    compare(peers_python, tmp_path, returns, market, dates)


@pytest.mark.peer
def test_equal_on_golden_data(peers_python, real_data, tmp_path):
    folder = real_data / "golden_perf"
    closes = pd.read_csv(folder / "ffn_test_data_aapl_msft_c_2004_2014.csv", index_col=0)
    price = closes[["AAPL", "MSFT", "C"]].to_numpy().T
    returns = price[:, 1:] / price[:, :-1] - 1
    dates = pd.to_datetime(closes.index[1:]).to_numpy().astype("datetime64[D]")
    compare(peers_python, tmp_path, returns, returns.mean(axis=0), dates)


@pytest.mark.peer
def test_equal_on_empyricals_own_returns(peers_python, real_data, tmp_path):
    table = pd.read_csv(real_data / "golden_perf" / "empyrical_returns.csv", index_col=0).dropna()
    series = table.to_numpy(dtype=float).T[:1] / 100  # in percent
    dates = pd.to_datetime(table.index).tz_localize(None).to_numpy().astype("datetime64[D]")
    compare(peers_python, tmp_path, series, np.roll(series[0], 3), dates)
