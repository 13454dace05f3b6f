"""Inputs of one computation are put side by side by position only where their labels agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from tasks.arrays.together import together
from tasks.errors import UserError
from tasks.indicators import technical
from tasks.indicators.expressions import calculate_factors

DAYS = pd.bdate_range("2024-01-01", periods=30)
CLOSE = pd.DataFrame(
    100 + np.random.default_rng(0).normal(0, 1, (30, 3)).cumsum(0), DAYS, columns=list("abc")
)
MIXED_COLUMNS = CLOSE[list("cba")]
MIXED_ROWS = CLOSE[::-1]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (MIXED_COLUMNS, "the columns of close and low are not the same, column 0 is a and c"),
        (MIXED_ROWS, "the rows of close and low are not the same, row 0 is 2024-01-01 and 2024-02"),
        (pl.from_pandas(MIXED_COLUMNS), "column 0 is a and c"),
        (CLOSE.reset_index(drop=True), "row 0 is 2024-01-01 and 0: put them in one order"),
        (CLOSE["a"], r"differ in shape \(close \(30, 3\), low \(30,\)\)"),
    ],
)
def test_labels_that_differ_are_refused_wherever_several_inputs_go(other, words):
    with pytest.raises(UserError, match=words):
        together({"close": CLOSE, "low": other})
    with pytest.raises(UserError, match=r"^factors: "):
        calculate_factors({"close": CLOSE, "low": other}, {"f": "$close - $low"})
    with pytest.raises(UserError, match=r"are not the same|differ in shape"):
        technical.compute({"m": "midprice"}, {"high": CLOSE, "low": other})
    with pytest.raises(UserError, match=r"^midprice: "):
        technical.midprice(CLOSE, other, 5)


def test_series_in_another_order_are_refused():
    high, low = CLOSE["a"] + 1, CLOSE["a"][::-1] - 1
    with pytest.raises(UserError, match="the rows of high and low are not the same, row 0"):
        technical.atr(high, low, CLOSE["a"])


def test_what_has_no_labels_goes_by_position():
    expected = technical.midprice(CLOSE.to_numpy(), CLOSE.to_numpy() - 1, 5)
    for low in (
        CLOSE.to_numpy() - 1,
        torch.tensor(CLOSE.to_numpy() - 1),
        pl.from_pandas(CLOSE - 1),
    ):
        found = technical.midprice(CLOSE, low, 5)
        assert found.index.equals(DAYS)
        np.testing.assert_array_equal(found.to_numpy(), expected)


def test_labels_may_be_stored_otherwise():
    low = CLOSE.set_axis(DAYS.as_unit("ns")).set_axis(pd.Index(list("abc"), dtype=object), axis=1)
    assert technical.midprice(CLOSE, low - 1, 5).notna().any().all()
    objects = CLOSE.set_axis(pd.Index(list(DAYS), dtype=object))
    assert technical.midprice(CLOSE, objects - 1, 5).notna().any().all()
    # names of series are no labels
    assert technical.midprice(CLOSE["a"], CLOSE["b"], 5).name == "a"
