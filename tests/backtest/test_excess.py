"""A strategy that only holds the market adds nothing to it."""

import numpy as np
import pytest

from tasks.backtest import metrics
from tasks.backtest.config import CostConfig
from tasks.backtest.excess import over_universe, universe_returns, with_excess
from tasks.backtest.sweep import sweep
from tasks.data.panel import Panel
from tasks.validation.trials import survivors


def rising(days: int = 400, stocks: int = 30, seed: int = 5) -> Panel:
    """Stocks that all rise together, with nothing that an average could tell apart."""
    random = np.random.default_rng(seed)
    steps = 0.003 + 0.01 * random.standard_normal((days, 1))
    own = 0.01 * random.standard_normal((days, stocks))
    close = 10.0 * np.exp(np.cumsum(steps + own, axis=0))
    opened = close * np.exp(0.002 * random.standard_normal((days, stocks)))
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    dates = np.datetime64("2020-01-01") + np.arange(days)
    fields = {"open": opened, "high": high, "low": low, "close": close}
    fields["volume"] = np.full((days, stocks), 1e6)
    symbols = tuple(f"{600000 + i}.SH" for i in range(stocks))
    return Panel(dates, symbols, fields, "adjusted")


def slow_universe_returns(panel: Panel, universe: np.ndarray) -> np.ndarray:
    out = np.full(len(panel.dates), np.nan)
    for t in range(1, len(panel.dates)):
        moves = []
        for n in range(len(panel.symbols)):
            past = [v for v in panel["close"][:t, n] if not np.isnan(v)]
            now = [v for v in panel["close"][: t + 1, n] if not np.isnan(v)]
            if universe[t - 1, n] and past:
                moves.append(now[-1] / past[-1] - 1.0)
        if moves:
            out[t] = np.mean(moves)
    return out


def test_universe_returns_equal_the_slow_way() -> None:
    panel = rising(60, 7)
    close = panel["close"].copy()
    close[10:15, 2] = np.nan
    close[:20, 3] = np.nan
    close[40:, 4] = np.nan
    panel = panel.with_fields(close=close)
    universe = np.random.default_rng(1).random(panel.shape) < 0.8
    universe[30] = False
    np.testing.assert_allclose(
        universe_returns(panel, universe), slow_universe_returns(panel, universe), rtol=1e-12
    )


def test_in_a_rising_market_no_average_survives_against_holding_everything() -> None:
    panel = rising()
    everyone = np.ones(panel.shape, dtype=bool)
    table = sweep(panel, "ma_cross", {"fast": [5, 10, 20], "slow": [30, 60]}, CostConfig())
    alone = survivors(table.frame, table.returns)
    assert alone.counts["SURVIVES"] == len(table.frame), "all of them ride the market"
    market = universe_returns(panel, everyone)[-len(table.dates) :]
    frame, excess = over_universe(table, market)
    judged = survivors(frame, excess)
    assert judged.counts["SURVIVES"] == 0
    assert frame["sharpe_alone"].tolist() == table.frame["sharpe"].tolist()
    alike = (metrics.sharpe, metrics.sharpe_error, metrics.t_statistic, metrics.skew)
    for figure in (*alike, metrics.kurtosis):
        np.testing.assert_array_equal(frame[figure.__name__], figure(excess))
    both = with_excess(table, market)
    assert both["sharpe_over_universe"].tolist() == frame["sharpe"].tolist()
    assert both["sharpe"].tolist() == table.frame["sharpe"].tolist()


def test_the_future_never_changes_the_past_of_the_universe() -> None:
    panel = rising(50, 5)
    flags = np.ones(panel.shape, dtype=bool)
    before = universe_returns(panel, flags)
    close = panel["close"].copy()
    close[30:] *= 3.0
    after = universe_returns(panel.with_fields(close=close), flags)
    assert np.array_equal(before[:30], after[:30], equal_nan=True)
    assert before[30] != pytest.approx(after[30])
