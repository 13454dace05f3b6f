"""A tile's work is thought through twice at most, and again wherever it would not fit."""

from __future__ import annotations

import gc
import sys
import weakref
from collections import Counter

import numpy as np
import pytest

from tasks.indicators import momentum, overlap, technical
from tasks.indicators.lanes import on_tiles
from tasks.indicators.script import Script

TWO = {"correl": ("correl", {"high": "close", "low": "volume"}), "rsi": "rsi"}


@pytest.fixture
def grids():
    rng = np.random.default_rng(5)
    close = 10.0 + rng.random((90, 40)).cumsum(axis=0)
    close[rng.random(close.shape) < 0.1] = np.nan
    return {"close": close, "volume": np.where(np.isnan(close), np.nan, rng.random(close.shape))}


def computed(formula, close, block):
    """The formula's grid, and how often it was called."""
    calls = Counter()

    def counted(tile, series):
        calls["all"] += 1
        return formula(tile, series)

    return on_tiles([close], counted, block)[0], calls["all"]


def test_kernels_run_again_without_their_formula(grids):
    def formula(tile, series):
        return momentum.macd.on_tile(tile, series)[2]

    whole, once = computed(formula, grids["close"], 40)
    parts, twice = computed(formula, grids["close"], 4)
    assert (once, twice) == (1, 2)
    np.testing.assert_array_equal(parts, whole)


def test_a_formula_with_arithmetic_of_numpy_is_called_for_every_tile(grids):
    def formula(tile, series):
        return overlap.sma.on_tile(tile, np.abs(series), 5)

    whole, _ = computed(formula, grids["close"], 40)
    parts, calls = computed(formula, grids["close"], 4)
    assert calls == 10
    np.testing.assert_array_equal(parts, whole)


@pytest.mark.parametrize("odd", [[2], [14], [38], [2, 14, 38], [0, 7, 8, 39]])
def test_symbols_known_on_other_days_in_one_field_get_their_own_days(grids, odd):
    grids["volume"][30:34, odd] = np.nan
    whole = technical.compute(TWO, grids, block=40)
    parts = technical.compute(TWO, grids, block=4)
    for name, grid in whole.items():
        np.testing.assert_array_equal(parts[name], grid, err_msg=name)
    alone = technical.correl(grids["close"], grids["volume"])
    np.testing.assert_array_equal(parts["correl"], alone)


def test_a_script_knows_its_arrays_and_keeps_none_from_being_used_again():
    script = Script()
    array = script.empty((2, 2))
    held = sys.getrefcount(array)
    script.note(print, array)
    assert script.whole
    assert sys.getrefcount(array) == held
    script.note(print, np.zeros((2, 2)))
    assert not script.whole
    script.begin()
    assert script.whole


def test_nothing_holds_a_result_that_its_caller_has_dropped(grids):
    def alive():
        close = grids["close"]
        gc.collect()
        gc.disable()  # what only a collection of garbage finds would stay for minutes
        try:
            result = computed(lambda tile, series: overlap.sma.on_tile(tile, series, 5), close, 4)
            seen = weakref.ref(result[0])
            del result
            return seen()
        finally:
            gc.enable()

    assert alive() is None
