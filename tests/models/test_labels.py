import numpy as np
import pytest

from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.models.labels import label_span, labels


def panel(t=30, n=4, seed=0, adjustment="adjusted") -> Panel:
    random = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(0.02 * random.standard_normal((t, n)), axis=0))
    fields = {"open": close * (1 + 0.001 * random.standard_normal((t, n))), "close": close}
    dates = np.arange("2020-01-01", "2021-01-01", dtype="datetime64[D]")[:t]
    return Panel(dates, tuple(f"s{i}" for i in range(n)), fields, adjustment)


@pytest.mark.parametrize(("kind", "field"), [("open_to_open", "open"), ("qlib", "close")])
@pytest.mark.parametrize("horizon", [1, 3])
def test_equals_the_definition_cell_by_cell(kind, field, horizon):
    p = panel()
    got = labels(p, kind, horizon=horizon)
    price = p[field]
    for t in range(len(price)):
        for n in range(price.shape[1]):
            last = t + 1 + horizon
            want = price[last, n] / price[t + 1, n] - 1 if last < len(price) else np.nan
            np.testing.assert_allclose(got[t, n], want, rtol=1e-14)


def test_qlib_label_equals_its_own_expression():
    p = panel()
    close = p["close"]
    shifted = lambda k: np.vstack([close[k:], np.full((k, close.shape[1]), np.nan)])  # noqa: E731
    np.testing.assert_allclose(labels(p, "qlib"), shifted(2) / shifted(1) - 1, rtol=1e-14)


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_span_reaches_exactly_the_last_price_used(horizon):
    p = panel()
    base = labels(p, horizon=horizon)
    span = label_span("open_to_open", horizon)
    day = 10
    for changed in range(p.shape[0]):
        prices = p["open"].copy()
        prices[changed] *= 2
        moved = labels(p.with_fields(open=prices), horizon=horizon)[day] != base[day]
        assert not moved.any() or day < changed <= day + span
    assert label_span("open_to_open") == label_span("qlib") == 2
    prices = p["open"].copy()
    prices[day + span] *= 2
    assert (labels(p.with_fields(open=prices), horizon=horizon)[day] != base[day]).all()


def test_masks_follow_the_days_they_speak_of():
    p = panel()
    tradable = np.ones(p.shape, dtype=bool)
    tradable[11, 0] = False
    jumps = np.zeros(p.shape, dtype=bool)
    jumps[12, 1] = True
    got = labels(p, tradable=tradable, jumps=jumps)
    lost = np.argwhere(np.isnan(got[:-2]))
    # not buyable on day 11: label of day 10; a split on day 12 lies inside day 10's label alone
    assert lost.tolist() == [[10, 0], [10, 1]]
    longer = labels(p, horizon=3, jumps=jumps)
    assert np.argwhere(np.isnan(longer[:-4])).tolist() == [[8, 1], [9, 1], [10, 1]]


def test_suspended_days_and_missing_prices_have_no_label():
    p = panel()
    prices = p["open"].copy()
    prices[12, 2] = np.nan
    prices[20, 3] = 0.0
    got = labels(p.with_fields(open=prices))
    assert np.isnan(got[[10, 11], 2]).all()
    assert np.isnan(got[[18, 19], 3]).all()
    assert np.isfinite(got[12, 2])


def test_raw_prices_with_factors_are_refused():
    with pytest.raises(UserError, match="adjusted"):
        labels(panel(adjustment="raw"))


def test_unknown_kind_and_horizon_are_refused():
    with pytest.raises(UserError, match="'close_to_open'"):
        labels(panel(), "close_to_open")
    with pytest.raises(UserError, match="horizon 0"):
        labels(panel(), horizon=0)


def test_too_short_a_panel_has_no_labels_and_no_error():
    assert np.isnan(labels(panel(t=2))).all()
