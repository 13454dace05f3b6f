import itertools

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.models import dataset as module
from tasks.models.crosssection import centred_rank
from tasks.models.dataset import Block, dataset


def blocks_of(market, cuts):
    edges = [0, *cuts, len(market.symbols)]
    return [
        Block(market.symbols[a:b], {k: v[:, a:b] for k, v in market.features.items()})
        for a, b in itertools.pairwise(edges)
    ]


@pytest.mark.parametrize("cuts", [[], [30], [1, 2, 59], list(range(1, 60))])
def test_blocks_in_any_number_give_the_same_bits(market, cuts):
    one = market.data()
    many = dataset(blocks_of(market, cuts), market.returns, market.dates)
    assert many.X.tobytes() == one.X.tobytes()
    assert many.y.tobytes() == one.y.tobytes()
    assert many.symbols == one.symbols


@pytest.mark.parametrize("cells", [1, 500, 2**15])
def test_any_number_of_threads_gives_the_same_bits(market, monkeypatch, cells):
    monkeypatch.setattr(module, "_CELLS", cells)
    eligible = np.random.default_rng(6).random(market.returns.shape) < 0.7
    one = market.data(eligible=eligible)
    many = market.data(eligible=eligible, threads=3)
    assert many.X.tobytes() == one.X.tobytes()


def test_order_of_blocks_does_not_matter(market):
    parts = blocks_of(market, [20, 40])
    turned = [parts[2], parts[0], parts[1]]
    place = [*range(40, 60), *range(20), *range(20, 40)]
    got = dataset(turned, market.returns[:, place], market.dates)
    assert got.X.tobytes() == market.data().X.tobytes()
    assert got.y.tobytes() == market.data().y.tobytes()


def test_rows_are_sorted_and_hold_the_right_cells(market):
    eligible = np.random.default_rng(5).random(market.returns.shape) < 0.7
    data = market.data(eligible=eligible)
    assert data.X.dtype == np.float32
    assert data.X.flags.c_contiguous
    key = data.day.astype(np.int64) * 1000 + data.column
    assert (np.diff(key) > 0).all()
    assert len(data.X) == eligible.sum()
    for f, name in enumerate(data.names):
        want = centred_rank(np.where(eligible, market.features[name], np.nan))
        got = data.grid(data.X[:, f].astype(float), slice(0, len(data.day)))
        np.testing.assert_allclose(got, want, atol=1e-7)
    want = np.where(eligible, market.returns, np.nan)
    np.testing.assert_array_equal(data.grid(data.returns, slice(0, len(data.day))), want)


def test_rows_of_a_day_are_a_slice(market):
    data = market.data()
    for t in (0, 17, len(market.dates) - 1):
        assert (data.day[data.rows(t, t + 1)] == t).all()
    assert data.rows(0, len(market.dates)) == slice(0, len(data.day))


def test_last_days_have_rows_but_no_labels(market):
    data = market.data()
    last = data.rows(len(market.dates) - 2, len(market.dates))
    assert last.stop > last.start
    assert np.isnan(data.y[last]).all()


def test_cells_without_any_feature_are_no_rows(market):
    features = {k: v.copy() for k, v in market.features.items()}
    for v in features.values():
        v[:30] = np.nan
    data = dataset([Block(market.symbols, features)], market.returns, market.dates)
    assert data.day[0] == 30
    assert data.first_day == 30


@pytest.mark.parametrize("moved", [1, 7, 10**6])
def test_rows_that_are_left_out_leave_no_trace_in_the_others(market, monkeypatch, moved):
    eligible = np.random.default_rng(6).random(market.returns.shape) < 0.7
    wanted = market.data(eligible=eligible)
    features = {k: np.where(eligible, v, np.nan) for k, v in market.features.items()}
    monkeypatch.setattr(module, "_ROWS_MOVED", moved)
    found = dataset([Block(market.symbols, features)], market.returns, market.dates)
    assert found.X.tobytes() == wanted.X.tobytes()
    assert found.day.tobytes() == wanted.day.tobytes()


def test_no_day_sees_another(market):
    """A changed last day leaves every earlier row's bits alone."""
    before = market.data()
    for v in (*market.features.values(), market.returns):
        v[200:] = np.random.default_rng(9).standard_normal(v[200:].shape) * 100
    after = market.data()
    rows = before.rows(0, 200)
    assert before.X[rows].tobytes() == after.X[rows].tobytes()
    assert before.y[rows].tobytes() == after.y[rows].tobytes()


def test_features_stored_in_float32_give_the_rows_of_their_numbers(market):
    stored = {name: grid.astype(np.float32) for name, grid in market.features.items()}
    full = {name: grid.astype(np.float64) for name, grid in stored.items()}
    a, b = (
        dataset([Block(market.symbols, some)], market.returns, market.dates)
        for some in (stored, full)
    )
    assert a.X.tobytes() == b.X.tobytes()


@pytest.mark.parametrize("kind", ["rank", "zscore", "none"])
def test_days_moved_at_a_time_never_change_a_bit(market, monkeypatch, kind):
    whole = market.data(preprocess=kind)
    for cells in (1, 3 * len(market.symbols)):
        monkeypatch.setattr("tasks.models.dataset._CELLS", cells)
        assert market.data(preprocess=kind).X.tobytes() == whole.X.tobytes()


def test_wrong_blocks_are_refused(market):
    x = market.features["x0"]
    with pytest.raises(UserError, match="'x9'"):
        dataset(
            [Block(("a",), {"x0": x[:, :1]}), Block(("b",), {"x0": x[:, :1], "x9": x[:, :1]})],
            market.returns[:, :2],
            market.dates,
        )
    with pytest.raises(UserError, match="repeat"):
        dataset([Block(("a", "a"), {"x0": x[:, :2]})], market.returns[:, :2], market.dates)
    with pytest.raises(UserError, match="feature 'x0' has shape"):
        dataset([Block(("a",), {"x0": x})], market.returns[:, :1], market.dates)
    with pytest.raises(UserError, match="no features"):
        dataset([], market.returns, market.dates)
