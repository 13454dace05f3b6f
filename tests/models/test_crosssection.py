import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from tasks.errors import UserError
from tasks.models.crosssection import (
    centred_rank,
    centred_rank_rows,
    order,
    rank,
    rank_among,
    transform,
    zscore,
)


def oracle(row):
    """scipy's ranks of the finite values of one day."""
    out = np.full(row.shape, np.nan)
    known = np.isfinite(row)
    out[known] = rankdata(row[known])
    return out


values = st.lists(
    st.lists(
        st.sampled_from([np.nan, np.inf, -1.0, 0.0, 0.5, 2.0, 3.0, -7.5]), min_size=7, max_size=7
    ),
    min_size=1,
    max_size=5,
)


@given(values)
def test_rank_equals_scipy_with_ties_and_holes(rows):
    x = np.array(rows)
    np.testing.assert_array_equal(rank(x), np.array([oracle(r) for r in x]))


@given(values)
def test_stored_numbers_rank_as_they_would_in_full(rows):
    x = np.array(rows).astype(np.float32)
    x[x[:, 0] == 0.0, 0] = -0.0  # which is as large as any other zero
    np.testing.assert_array_equal(rank(x), np.array([oracle(r) for r in x]))


@given(values, st.lists(st.booleans(), min_size=35, max_size=35))
def test_rows_of_stored_numbers_have_the_ranks_of_the_grid(rows, some):
    x = np.array(rows).astype(np.float32)
    x[x[:, 0] == 0.0, 0] = -0.0
    chosen = np.array(some).reshape(5, 7)[: len(x)]
    rows_of = np.full((int(chosen.sum()), 2), 7.0, dtype=np.float32)
    centred_rank_rows(x, chosen, rows_of[:, 1])
    want = centred_rank(np.where(chosen, x, np.nan))[chosen].astype(np.float32)
    np.testing.assert_array_equal(rows_of[:, 1], want)
    assert (rows_of[:, 0] == 7.0).all(), "the next feature's column"


def test_ranks_among_some_use_the_order_of_all():
    rng = np.random.default_rng(5)
    x = np.round(rng.standard_normal((40, 60)), 1)
    x[rng.random(x.shape) < 0.1] = np.nan
    chosen = np.isfinite(x) & (rng.random(x.shape) < 0.7)
    want = np.array([oracle(r) for r in np.where(chosen, x, np.nan)])
    np.testing.assert_array_equal(rank_among(x, chosen, order(x)), want)


def test_rank_of_many_days_crosses_its_blocks():
    x = np.random.default_rng(0).integers(0, 50, (200, 31)).astype(float)
    np.testing.assert_array_equal(rank(x), np.array([oracle(r) for r in x]))


@pytest.mark.parametrize("kind", ["rank", "zscore"])
def test_one_day_never_touches_another(kind):
    x = np.random.default_rng(1).standard_normal((100, 20))
    y = x.copy()
    y[50] = 1e6 * np.arange(20)
    changed = np.flatnonzero((transform(x, kind) != transform(y, kind)).any(axis=1))
    assert changed.tolist() == [50]


def test_centred_rank_is_symmetric_and_keeps_holes():
    x = np.array([[5.0, np.nan, 1.0, 9.0], [3.0, np.nan, np.nan, np.nan], [np.nan] * 4])
    got = centred_rank(x)
    np.testing.assert_array_equal(got[0], [0.0, np.nan, -0.5, 0.5])
    np.testing.assert_array_equal(got[1], [0.0, np.nan, np.nan, np.nan])
    assert np.isnan(got[2]).all()


def test_centred_rank_ignores_scale_and_shift():
    x = np.random.default_rng(2).standard_normal((10, 30))
    np.testing.assert_array_equal(centred_rank(x), centred_rank(np.exp(x) * 3 - 2))


def test_zscore_equals_numpy_and_is_cut():
    x = np.random.default_rng(3).standard_normal((10, 50))
    x[0, 0] = np.nan
    x[1, 0] = 1000.0
    got = zscore(x)
    for t in (0, 2):
        want = (x[t] - np.nanmean(x[t])) / np.nanstd(x[t])
        np.testing.assert_allclose(got[t], np.clip(want, -3, 3), rtol=1e-12)
    assert got[1, 0] == 3.0


def test_equal_values_have_no_zscore_but_zero():
    np.testing.assert_array_equal(zscore(np.full((2, 5), 7.0)), 0.0)


def test_none_only_turns_infinity_into_missing():
    np.testing.assert_array_equal(
        transform(np.array([[1.0, np.inf, np.nan]]), "none"), [[1.0, np.nan, np.nan]]
    )


def test_unknown_transform_is_refused():
    with pytest.raises(UserError, match="'log'"):
        transform(np.ones((2, 2)), "log")
