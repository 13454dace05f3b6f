"""Every window operator against pandas, as Qlib calls it, on panels with gaps and late listings."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.panel import Panel
from tasks.indicators.expressions import evaluate
from tasks.indicators.expressions.tiles import AT_ONCE, MOST, NARROWEST, width

ROWS, SYMBOLS = 90, 6


def make_panel(seed: int = 0, rows: int = ROWS) -> Panel:
    rng = np.random.default_rng(seed)
    close = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (rows, SYMBOLS)), axis=0))
    volume = rng.lognormal(12, 1, close.shape)
    close = np.round(close, 1)  # ties, as ticks make them
    gone = rng.random(close.shape) < 0.15
    gone[:, 0] = False
    gone[: rows // 3, 1] = True  # listed late
    gone[:, 2] = True  # never
    gone[rows // 3 : 2 * rows // 3, 3] = True  # a long gap
    close[rows // 2 : rows // 2 + 12, 4] = 33.3  # locked
    close[gone] = np.nan
    fields = {"close": close, "volume": np.where(gone, 0.0, volume)}
    dates = np.datetime64("2020-01-01") + np.arange(rows)
    return Panel(dates, tuple("ABCDEF"), fields, "adjusted")


def roll(x: pd.Series, n: int):
    return x.expanding(min_periods=1) if n == 0 else x.rolling(n, min_periods=1)


def mad(x: np.ndarray) -> float:
    known = x[~np.isnan(x)]
    return float(np.mean(np.abs(known - known.mean())))


def wma(x: np.ndarray) -> float:
    w = np.arange(len(x)) + 1
    return float(np.nanmean(w / w.sum() * x))


def expanding_ema(x: np.ndarray) -> float:
    a = 1 - 2 / (1 + len(x))
    w = a ** np.arange(len(x))[::-1]
    return float(np.nansum(w / w.sum() * x))


def line(x: pd.Series, n: int, what: str) -> np.ndarray:
    out = np.full(len(x), np.nan)
    values = x.to_numpy()
    for t in range(len(x)):
        window = values[0 if n == 0 else max(0, t - n + 1) : t + 1]
        known = ~np.isnan(window)
        if known.sum() < 2:
            continue
        place = np.arange(len(window))[known]
        slope, base = np.polyfit(place, window[known], 1)
        if what == "Slope":
            out[t] = slope
        elif what == "Resi":
            out[t] = window[-1] - (slope * (len(window) - 1) + base)
        elif np.ptp(window[known]) > 0:
            out[t] = np.corrcoef(place, window[known])[0, 1] ** 2
    return out


def shape(x: np.ndarray, what: str) -> float:
    """Skewness or kurtosis of one window: pandas' rolling ones stay missing after a long gap."""
    known = x[~np.isnan(x)]
    if len(known) < (3 if what == "Skew" else 4):
        return np.nan
    if np.ptp(known) == 0:  # as pandas' rolling ones
        return 0.0 if what == "Skew" else -3.0
    return float(pd.Series(known).skew() if what == "Skew" else pd.Series(known).kurt())


def flat(x: pd.Series, n: int) -> np.ndarray:
    return np.isclose(roll(x, n).std(), 0, atol=2e-05)


ORACLES = {
    "Mean": lambda x, n: roll(x, n).mean(),
    "Sum": lambda x, n: roll(x, n).sum(),
    "Std": lambda x, n: roll(x, n).std(),
    "Var": lambda x, n: roll(x, n).var(),
    "Skew": lambda x, n: roll(x, n).apply(shape, raw=True, args=("Skew",)),
    "Kurt": lambda x, n: roll(x, n).apply(shape, raw=True, args=("Kurt",)),
    "Max": lambda x, n: roll(x, n).max(),
    "Min": lambda x, n: roll(x, n).min(),
    "IdxMax": lambda x, n: roll(x, n).apply(lambda w: w.argmax() + 1, raw=True),
    "IdxMin": lambda x, n: roll(x, n).apply(lambda w: w.argmin() + 1, raw=True),
    "Med": lambda x, n: roll(x, n).median(),
    "Mad": lambda x, n: roll(x, n).apply(mad, raw=True),
    "Rank": lambda x, n: roll(x, n).rank(pct=True),
    "Count": lambda x, n: roll(x, n).count(),
    "WMA": lambda x, n: roll(x, n).apply(wma, raw=True),
    "EMA": lambda x, n: (
        roll(x, 0).apply(expanding_ema, raw=True) if n == 0 else x.ewm(span=n).mean()
    ),
    "Slope": lambda x, n: line(x, n, "Slope"),
    "Resi": lambda x, n: line(x, n, "Resi"),
    "Rsquare": lambda x, n: np.where(flat(x, n), np.nan, line(x, n, "Rsquare")),
    "Ref": lambda x, n: pd.Series(x.iloc[0], x.index) if n == 0 else x.shift(n),
    "Delta": lambda x, n: x - (x.iloc[0] if n == 0 else x.shift(n)),
}
PAIRS = {
    "Cov": lambda x, y, n: roll(x, n).cov(y),
    "Corr": lambda x, y, n: roll(x, n).corr(y).where(~(flat(x, n) | flat(y, n))),
}


def listed(x: np.ndarray) -> slice:
    known = ~np.isnan(x)
    return slice(int(known.argmax()), None) if known.any() else slice(len(x), None)


def expect(panel: Panel, oracle) -> np.ndarray:
    """An oracle column by column on the rows from each listing on."""
    out = np.full(panel.shape, np.nan)
    for j in range(SYMBOLS):
        rows = listed(panel["close"][:, j])
        x = pd.Series(panel["close"][rows, j])
        y = pd.Series(np.where(x.isna(), np.nan, panel["volume"][rows, j]))
        if len(x):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                out[rows, j] = np.asarray(oracle(x, y))
    return out


@pytest.mark.parametrize("n", [0, 1, 2, 5, 20, 200])
@pytest.mark.parametrize("name", ORACLES)
def test_windows_are_those_of_pandas(name, n):
    panel = make_panel()
    ours = evaluate({"f": f"{name}($close, {n})"}, panel)["f"]
    theirs = expect(panel, lambda x, _: ORACLES[name](x, n))
    assert np.array_equal(np.isnan(ours), np.isnan(theirs)), "NaN in other places"
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("n", [0, 2, 5, 20, 200])
@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_those_of_pandas(name, n):
    panel = make_panel()
    ours = evaluate({"f": f"{name}($close, $volume, {n})"}, panel)["f"]
    theirs = expect(panel, lambda x, y: PAIRS[name](x, y, n))
    assert np.array_equal(np.isnan(ours), np.isnan(theirs)), "NaN in other places"
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n", [0, 1, 3, 20])
@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.8, 1])
def test_quantiles_are_those_of_pandas(n, share):
    panel = make_panel()
    ours = evaluate({"f": f"Quantile($close, {n}, {share})"}, panel)["f"]
    theirs = expect(panel, lambda x, _: roll(x, n).quantile(share))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_a_weight_below_one_is_an_exponential_weight():
    panel = make_panel()
    ours = evaluate({"f": "EMA($close, 0.1)"}, panel)["f"]
    np.testing.assert_allclose(ours, expect(panel, lambda x, _: x.ewm(alpha=0.1).mean()), 1e-12)


def test_windows_of_conditions_begin_at_the_listing():
    panel = make_panel()
    ours = evaluate({"f": "Mean($close > Ref($close, 1), 5)"}, panel)["f"]
    theirs = expect(panel, lambda x, _: (x > x.shift(1)).rolling(5, min_periods=1).mean())
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_infinite_values_are_left_out_of_windows():
    panel = make_panel()
    ours = evaluate({"f": "Mean(1 / ($close - $close), 5)", "g": "Sum(Log($close*0), 3)"}, panel)
    assert np.isnan(ours["f"]).all()
    assert np.isnan(ours["g"]).all()


@pytest.mark.parametrize("n", [1, 5, 0])
def test_infinite_values_are_counted(n):
    panel = make_panel()
    one = panel["close"].copy()
    one[::7] = np.where(np.isnan(one[::7]), np.nan, np.inf)
    panel = panel.with_fields(mixed=one)
    ours = evaluate({"count": f"Count($mixed, {n})", "sum": f"Sum($mixed, {n})"}, panel)
    listed = ~np.isnan(ours["count"])
    frame = pd.DataFrame(np.where(np.isnan(one), np.nan, 1.0))
    window = frame.expanding(1) if n == 0 else frame.rolling(n, min_periods=1)
    np.testing.assert_array_equal(
        ours["count"][listed], window.sum().fillna(0.0).to_numpy()[listed]
    )
    assert not np.isinf(ours["sum"]).any()


def test_a_spike_leaves_no_rounding_behind():
    """Running sums would carry 1e12's rounding for ever; blocks forget it with the row."""
    panel = make_panel()
    close = np.random.default_rng(5).normal(10, 1e-3, panel.shape)
    spiked = close.copy()
    spiked[10] = 1e12
    expressions = {n: f"{n}($close, 5)" for n in ("Sum", "Std", "Slope", "Resi")}
    expressions["Cov"] = "Cov($close, $volume, 5)"
    one = evaluate(expressions, panel.with_fields(close=close))
    other = evaluate(expressions, panel.with_fields(close=spiked))
    for name in expressions:
        np.testing.assert_array_equal(one[name][15:], other[name][15:], err_msg=name)


ALL = {
    **{name: f"{name}($close, 7)" for name in ORACLES},
    **{name: f"{name}($close, $volume, 7)" for name in PAIRS},
    "Quantile": "Quantile($close, 7, 0.3)",
    "Quotient": "Mean($close, 3) / Sum($volume, 4)",
    "Mix": "CSRank(Mean($close > Ref($close, 1), 5)) + Rank(CSZScore($volume), 9)",
    "Scores": "CSWinsorize($close, 0.2) - CSDemean($close) * Mask($volume, 'A')",
}


def test_a_changed_future_never_changes_the_past():
    panel = make_panel()
    now = 55
    rng = np.random.default_rng(9)
    changed = {k: v.copy() for k, v in panel.fields.items()}
    changed["close"][now:] = rng.random((ROWS - now, SYMBOLS)) * 1e6
    changed["volume"][now:] = 0
    before, after = evaluate(ALL, panel), evaluate(ALL, panel.with_fields(**changed))
    for name in ALL:
        np.testing.assert_array_equal(before[name][:now], after[name][:now], err_msg=name)


@pytest.mark.parametrize("block", [1, 2, 5, 64])
def test_blocks_change_no_bit(block):
    panel = make_panel()
    one, other = evaluate(ALL, panel), evaluate(ALL, panel, block=block)
    for name in ALL:
        assert np.array_equal(one[name].view(np.int64), other[name].view(np.int64)), name


def test_float32_is_the_rounded_float64():
    panel = make_panel()
    single = evaluate(ALL, panel, dtype="float32")
    for name, values in evaluate(ALL, panel).items():
        assert single[name].dtype == np.float32
        np.testing.assert_array_equal(single[name], values.astype(np.float32))


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 99))
def test_any_window_on_any_length(n, rows, seed):
    panel = make_panel(seed, rows)
    names = ("Mean", "Std", "Max", "IdxMin", "Med", "Rank", "Slope")
    ours = evaluate({name: f"{name}($close, {n})" for name in names}, panel)
    for name in names:
        theirs = expect(panel, lambda x, _, name=name: ORACLES[name](x, n))
        np.testing.assert_allclose(ours[name], theirs, rtol=1e-7, atol=1e-7, err_msg=name)


def test_a_field_that_may_not_be_written_to_gives_the_same_bits():
    panel = make_panel()
    fixed = {name: values.copy() for name, values in panel.fields.items()}
    for values in fixed.values():
        values.flags.writeable = False
    one, other = evaluate(ALL, panel), evaluate(ALL, panel.with_fields(**fixed))
    for name in ALL:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_results_share_no_memory_with_the_fields_or_each_other():
    panel = make_panel()
    before = {name: values.copy() for name, values in panel.fields.items()}
    results = evaluate({**ALL, "field": "$close"}, panel)
    for values in results.values():
        values[:] = -1.0
    for name, values in before.items():
        np.testing.assert_array_equal(panel[name], values, err_msg=name)
    found = list(results.values())
    assert not any(np.shares_memory(a, b) for a in found for b in found if a is not b)


@pytest.mark.parametrize(("rows", "symbols"), [(3650, 800), (1200, 200), (5, 5000), (9000, 7)])
def test_tiles_are_about_as_wide_as_each_other(rows, symbols):
    wide = width(rows, symbols)
    tiles = -(-symbols // wide)
    assert wide * tiles - symbols < tiles * AT_ONCE + AT_ONCE
    assert wide <= max(NARROWEST, MOST // (8 * rows)) + AT_ONCE
