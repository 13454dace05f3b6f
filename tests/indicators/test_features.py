"""The night's technical features: names, scale, causality, dtype, gaps."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.data.panel import Panel
from tasks.indicators import technical
from tasks.indicators.config import FeatureConfig
from tasks.indicators.features import FEATURE_SETS, TECHNICAL32, technical_features


@pytest.fixture(scope="module")
def panel(bars) -> Panel:
    rows, symbols = bars["close"].shape
    return Panel(
        dates=np.datetime64("2020-01-01") + np.arange(rows),
        symbols=tuple(f"{600000 + i}.SH" for i in range(symbols)),
        fields=bars,
        adjustment="adjusted",
    )


FULL = FeatureConfig(dtype="float64")


def test_names_are_the_documented_ones_in_order(panel):
    columns = technical_features(panel)
    assert list(columns) == list(TECHNICAL32)
    assert all(x.shape == panel.shape and x.dtype == np.float32 for x in columns.values())
    assert set(FEATURE_SETS) == {"technical32"}


def test_values_come_from_the_indicators(panel, bars):
    columns = technical_features(panel, FULL)
    close = bars["close"]
    np.testing.assert_array_equal(columns["sma_gap_20"], close / technical.sma(close, 20) - 1)
    np.testing.assert_array_equal(columns["rsi_14"], technical.rsi(close) / 100)
    atr = technical.atr(bars["high"], bars["low"], close)
    np.testing.assert_array_equal(columns["atr_14"], atr / close)
    money = technical.mfi(bars["high"], bars["low"], close, bars["volume"])
    np.testing.assert_array_equal(columns["mfi_14"], money / 100)


def test_float32_is_the_rounded_float64(panel):
    single, double = technical_features(panel), technical_features(panel, FULL)
    for name in TECHNICAL32:
        np.testing.assert_array_equal(single[name], double[name].astype(np.float32))


def test_nothing_is_infinite_and_suspended_days_are_nan(panel):
    for name, values in technical_features(panel, FULL).items():
        assert not np.isinf(values).any(), name
        assert np.isnan(values[np.isnan(panel["close"])]).all(), name
        assert np.isfinite(values[80:, 0]).all(), name


def test_a_day_of_no_volume_is_no_infinity(panel):
    quiet = panel.with_fields(volume=np.zeros(panel.shape))
    columns = technical_features(quiet, FULL)
    assert np.isnan(columns["volume_ratio_20"]).all()
    assert np.isfinite(columns["rsi_14"][50:, 0]).all()


def test_neither_price_level_nor_lot_size_matters(panel):
    scaled = panel.with_fields(
        **{k: panel[k] * 37.0 for k in ("open", "high", "low", "close")},
        volume=panel["volume"] * 100.0,
    )
    plain, other = technical_features(panel, FULL), technical_features(scaled, FULL)
    for name in TECHNICAL32:
        np.testing.assert_allclose(other[name], plain[name], rtol=1e-7, atol=1e-9, err_msg=name)


def test_a_changed_future_never_changes_the_past(panel):
    now = 150
    rng = np.random.default_rng(0)
    changed = {k: v.copy() for k, v in panel.fields.items()}
    for grid in changed.values():
        grid[now:] = rng.random(grid[now:].shape) * 99
    before = technical_features(panel, FULL)
    after = technical_features(panel.with_fields(**changed), FULL)
    for name in TECHNICAL32:
        np.testing.assert_array_equal(before[name][:now], after[name][:now], err_msg=name)


@pytest.mark.parametrize("block", [1, 5, 64, 500])
def test_blocks_change_no_bit(block, panel):
    reference = technical_features(panel)
    for name, values in technical_features(panel, FeatureConfig(block=block)).items():
        assert np.array_equal(values.view(np.int32), reference[name].view(np.int32)), name


def test_columns_of_a_part_are_those_of_the_whole(panel):
    part = technical_features(panel.columns(slice(10, 20)))
    whole = technical_features(panel)
    for name in TECHNICAL32:
        np.testing.assert_array_equal(part[name], whole[name][:, 10:20])
