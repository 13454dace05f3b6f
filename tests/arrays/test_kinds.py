"""Arrays and frames of every kind go in and come back as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from tasks.arrays.kinds import in_kind, kind, to_numpy
from tasks.errors import UserError
from tasks.indicators import technical

GRID = np.random.default_rng(0).normal(10, 1, (50, 3))
INDEX = pd.date_range("2020-01-01", periods=50)

GRIDS = {
    "numpy": GRID,
    "fortran": np.asfortranarray(GRID),
    "strided": np.repeat(GRID, 2, axis=1)[:, ::2],
    "pandas": pd.DataFrame(GRID, index=INDEX, columns=list("abc")),
    "polars": pl.DataFrame(GRID, schema=list("abc")),
    "torch": torch.from_numpy(GRID),
}
SERIES = {
    "numpy": GRID[:, 0],
    "pandas": pd.Series(GRID[:, 0], index=INDEX, name="a"),
    "polars": pl.Series("a", GRID[:, 0]),
    "torch": torch.from_numpy(GRID[:, 0].copy()),
}


@pytest.mark.parametrize("name", GRIDS)
def test_grids_go_in_and_come_back(name):
    given = GRIDS[name]
    assert np.array_equal(to_numpy(given), GRID)
    back = technical.sma(given, 5)
    assert type(back) is type(given)
    assert np.array_equal(to_numpy(back), technical.sma(GRID, 5), equal_nan=True)


@pytest.mark.parametrize("name", SERIES)
def test_series_go_in_and_come_back(name):
    given = SERIES[name]
    back = technical.ema(given, 5)
    assert type(back) is type(given)
    assert np.array_equal(to_numpy(back), technical.ema(GRID[:, 0], 5), equal_nan=True)


def test_index_and_names_stay():
    frame = technical.sma(GRIDS["pandas"], 5)
    assert frame.index.equals(INDEX)
    assert list(frame.columns) == list("abc")
    assert technical.sma(SERIES["pandas"], 5).name == "a"
    assert technical.sma(GRIDS["polars"], 5).columns == list("abc")
    assert technical.sma(SERIES["polars"], 5).name == "a"


def test_missing_values_of_every_kind_are_nan():
    assert np.isnan(to_numpy(pl.Series([1.0, None])))[1]
    assert np.isnan(to_numpy(pd.Series([1, None], dtype="Int64")))[1]
    assert to_numpy(torch.tensor([1, 2], dtype=torch.int32)).dtype == np.float64


def test_gradients_are_left_behind():
    assert to_numpy(torch.ones(3, requires_grad=True)).tolist() == [1, 1, 1]


def test_lists_and_integers_are_numbers_too():
    assert technical.sma([1, 2, 3, 4], 2).tolist()[1:] == [1.5, 2.5, 3.5]
    assert kind(GRID) == "numpy"
    assert in_kind(GRID, [1.0]) is GRID


@pytest.mark.parametrize("bad", [["a", "b"], object(), np.zeros((2, 2, 2)), 5.0])
def test_what_is_no_grid_is_explained(bad):
    with pytest.raises(UserError, match="sma: close"):
        technical.sma(bad, 2)


def test_what_is_masked_is_missing():
    masked = np.ma.masked_array([1, 2, 3, 4], mask=[0, 1, 0, 0])
    assert technical.sma(masked, 2).tolist()[2:] == [2.0, 3.5]


def test_numbers_of_other_kinds():
    assert to_numpy(pd.Series([1, pd.NA, True], dtype=object)).tolist()[::2] == [1.0, 1.0]
    assert to_numpy(torch.ones(3, dtype=torch.bfloat16)).tolist() == [1, 1, 1]
    assert technical.sma(pd.Index([1.0, 2.0, 4.0]), 2).tolist()[1:] == [1.5, 3.0]


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (np.array([1 + 2j, 3]), "it holds complex128"),
        (torch.tensor([1 + 2j, 3]), "it holds complex64"),
        (pd.Series([1 + 2j, 3]), "it holds complex128"),
        (INDEX.to_numpy(), "it holds datetime64"),
        (pd.DataFrame({"date": INDEX, "a": GRID[:, 0]}), "it holds datetime64"),
        (pd.DataFrame({"date": INDEX.tz_localize("UTC"), "a": GRID[:, 0]}), "it holds datetime64"),
        (pl.DataFrame({"date": INDEX.to_numpy(), "a": GRID[:, 0]}), "it holds Datetime"),
        (pl.Series(["a", "b"]), "conversion from `str`"),
        (pd.Series(["a", "b"]), "could not convert"),
    ],
)
def test_what_is_not_of_real_numbers_is_refused_in_one_line(odd, words):
    with pytest.raises(UserError, match=words) as caught:
        technical.sma(odd, 2)
    assert "\n" not in str(caught.value)
